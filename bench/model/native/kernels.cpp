// Products of few rows with packed weights, and the pass of a Llama-like decoder that is made of them.
//
// A weight [outputs, inputs] is packed as panels of LANES outputs, each [inputs][LANES]: a product reads it once, in the
// order of memory, while the sums of up to ROWS rows stay in registers. So the reading of the next numbers is hidden
// behind the arithmetic of these, which is what a general library does not do for few rows. Inputs are packed as groups of up
// to ROWS rows, each [inputs / LANES][rows][LANES], so that a vector of a row is written as it is.
//
// Weights that are numbers of bf16 are stored as such, two inputs of a panel in each word, [inputs / 2][LANES]: half the
// bytes to read, and widened they are the same numbers, so the sums are the same to the last bit.
//
// Inputs that are rounded to bf16 are packed in words of two likewise where the processor multiplies such
// words (AVX512_BF16), at up to twice the rate of fp32. Elsewhere they are multiplied as fp32: the same products, summed otherwise.
//
// Plain C++ with the vector types of GCC and Clang, compiled for the processor that runs it (`library.py`).

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>
#include <vector>

#include "vectors.hpp"

#if defined(__AVX512F__) && defined(__AVX512BF16__)
#define PAIRS
#include <immintrin.h>
#if defined(__AMX_BF16__)
#define TILES
#include "tiles.hpp"
#endif
#endif

namespace {

constexpr int ROWS = LANES == 16 ? 24 : 12;  // sums of one group: 24 of 32 registers, or 12 of 16
constexpr int BLOCK = 96;  // rows whose packed inputs stay in the second cache while a panel passes over them
constexpr int AHEAD = 48;  // steps between the fetch of a panel's numbers and their use

struct Linear {
    const float *panels, *bias;  // words of two bf16 in place of panels of fp32 where `halved`; bias: null for none
    int64_t inputs, outputs, halved;

    int64_t steps() const { return halved ? (inputs + 1) / 2 : inputs; }  // vectors of a panel
};

struct Layer {
    Linear query, key, value, output, gate, up, down;
    const float *attention_norm, *perceptron_norm, *query_norm, *key_norm;  // the last two: null for none
};

struct Decoder {
    const Layer *layers;
    const float *norm;
    Linear head;
    int64_t layer_count, hidden, inner, heads, key_heads, size;
    float epsilon, scaling;
};

constexpr int64_t whole(int64_t count) { return (count + LANES - 1) / LANES * LANES; }

// How rows are put into groups of nearly equal size.
struct Groups {
    int64_t rows, count;
    explicit Groups(int64_t rows) : rows(rows), count((rows + ROWS - 1) / ROWS) {}
    int64_t begin(int64_t group) const { return group * rows / count; }
    int64_t of(int64_t row) const { return ((row + 1) * count - 1) / rows; }
};

// This thread's share of 0 … count.
struct Share {
    int64_t begin, end;
    explicit Share(int64_t count)
        : begin(omp_get_thread_num() * count / omp_get_num_threads()),
          end((omp_get_thread_num() + 1) * count / omp_get_num_threads()) {}
};

// How weights of bf16 are multiplied: as fp32, in words of two numbers, in tiles.
enum By : int { WIDENED, WORDS, TILED };

// A number in bf16, to the nearest, of two to the even one.
uint16_t bf16(float number) {
    uint32_t bits;
    std::memcpy(&bits, &number, sizeof bits);
    return (number != number ? bits | 1 << 22 : bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

float fp32(uint16_t number) {
    const uint32_t bits = static_cast<uint32_t>(number) << 16;
    float wide;
    std::memcpy(&wide, &bits, sizeof wide);
    return wide;
}
float fp32(float number) { return number; }

// Rows as products take them: groups of fp32 or of words of two bf16, or tiles of so many pieces of bf16.
struct Packed {
    Groups groups;
    int64_t inputs;
    By by;
    bool round;  // to bf16
    int pieces;
    int64_t steps;  // numbers or words of a row
    std::unique_ptr<float[]> room;
    float *numbers;

    Packed(int64_t rows, int64_t inputs, By best, bool round)
        : groups(rows), inputs(inputs), by(best == WORDS && !round ? WIDENED : best), round(round), pieces(round ? 1 : 3),
          steps(by == WORDS ? (inputs + 1) / 2 : inputs) {
        int64_t count = rows * whole(steps);
#ifdef TILES
        if (by == TILED) count = tiles::begin(rows + tiles::ROWS - 1, inputs, pieces) / 2;
#endif
        room.reset(new float[count + LANES]);
        numbers = &room[-(reinterpret_cast<uintptr_t>(room.get()) / sizeof(float)) % LANES];  // a whole line of the cache
#ifdef TILES
        if (by == TILED) std::memset(numbers, 0, count * sizeof(float));  // a tile is read beyond the last input
#endif
    }

    // Packs a row of fp32, or of bf16.
    template <typename Number> void put(int64_t row, const Number *from) {
        for (int64_t at = 0; at < inputs; at += LANES) {
            Lanes some = {};
            if (inputs - at >= LANES)
                for (int lane = 0; lane < LANES; lane++) some[lane] = fp32(from[at + lane]);
            else
                for (int lane = 0; lane < inputs - at; lane++) some[lane] = fp32(from[at + lane]);
            put(row, at, some);
        }
    }

    // Packs LANES numbers of a row from number `at` on, a multiple of LANES; zeros where the row has no more.
    void put(int64_t row, int64_t at, Lanes some) {
#ifdef TILES
        if (by == TILED) return round ? tiles::put_rounded(some, tile(row, at)) : tiles::put(some, tile(row, at));
#endif
        const int64_t group = groups.of(row), begin = groups.begin(group), step = (groups.begin(group + 1) - begin) * LANES;
        float *const to = numbers + begin * whole(steps) + (row - begin) * LANES;
#ifdef PAIRS
        if (by == WORDS) {
            const auto words = (__m256i)_mm512_cvtneps_pbh(some);
            return _mm256_storeu_si256(reinterpret_cast<__m256i *>(to + at / (2 * LANES) * step) + at / LANES % 2, words);
        }
#endif
        if (round)
            for (int lane = 0; lane < LANES; lane++) some[lane] = fp32(bf16(some[lane]));
        *reinterpret_cast<Lanes *>(to + at / LANES * step) = some;
    }

    // Packs this thread's share of rows that stand behind each other.
    template <typename Number> void put_all(const Number *rows) {
        const Share share(groups.rows);
        for (int64_t row = share.begin; row < share.end; row++) put(row, rows + row * inputs);
    }

#ifdef TILES
    uint16_t *tile(int64_t row, int64_t at = 0) {
        return reinterpret_cast<uint16_t *>(numbers) + tiles::begin(row, inputs, pieces) + tiles::offset(at, pieces);
    }
#endif
};

// What a product multiplies: numbers of fp32, those with weights of two bf16 in a word, or words of both.
enum class Of { NUMBERS, HALVED, WORDS };

template <int M, Of OF> void tile_of(const float *inputs, const float *panel, int64_t count, Lanes *sums) {
    Lanes kept[M] = {};
    const auto add = [&](const float *from, const Lanes &weights) __attribute__((always_inline)) {
#pragma GCC unroll 24
        for (int row = 0; row < M; row++) {
            const float &number = from[row * LANES];
#ifdef PAIRS
            if constexpr (OF == Of::WORDS)  // by intrinsics GCC loads the word apart, which is a quarter slower
                asm("vdpbf16ps %2%{1to16%}, %1, %0" : "+v"(kept[row]) : "v"(weights), "m"(number));
            else
#endif
                kept[row] += weights * number;
        }
    };
    for (int64_t block = 0; block < count; block += LANES, inputs += M * LANES) {
        const int64_t some = std::min<int64_t>(LANES, count - block);
        for (int64_t at = 0; at < some; at++, panel += LANES) {
            __builtin_prefetch(panel + LANES * AHEAD);
            if constexpr (OF == Of::HALVED) {
                const Ints words = *reinterpret_cast<const Ints *>(panel), even = words << 16, odd = words & -65536;
                add(inputs + at, reinterpret_cast<const Lanes &>(even));
                if (++at < some) add(inputs + at, reinterpret_cast<const Lanes &>(odd));
            } else {
                add(inputs + at, *reinterpret_cast<const Lanes *>(panel));
            }
        }
    }
#pragma GCC unroll 24
    for (int row = 0; row < M; row++) sums[row] = kept[row];
}

template <Of OF = Of::NUMBERS, int M = ROWS>
void tile(int64_t rows, const float *inputs, const float *panel, int64_t count, Lanes *sums) {
    if (rows == M)
        tile_of<M, OF>(inputs, panel, count, sums);
    else if constexpr (M > 1)
        tile<OF, M - 1>(rows, inputs, panel, count, sums);
}

// Adds the bias of outputs from `at` on to the sums of some rows.
void add_bias(const Linear &linear, int64_t at, int64_t lanes, int64_t rows, Lanes *sums) {
    if (!linear.bias) return;
    for (int64_t row = 0; row < rows; row++)
        for (int64_t lane = 0; lane < lanes; lane++) sums[row][lane] += linear.bias[at + lane];
}

#ifdef TILES
// `products` by tiles: those of several panels, each of every linear, with 16 rows at a time.
template <int N, typename Take> void tile_products(const Linear (&linears)[N], Packed &packed, Take take) {
    constexpr int EACH = tiles::PANELS / N;
    const tiles::Configured configured;
    const int64_t outputs = linears[0].outputs, rows = packed.groups.rows, panels = (outputs + LANES - 1) / LANES;
    const Share share((panels + EACH - 1) / EACH);
    const int64_t words = linears[0].steps();
    const int64_t most = tiles::rows_in_cache(linears[0].inputs, packed.pieces);
    for (int64_t first = 0; first < rows; first += most)
        for (int64_t unit = share.begin; unit < share.end; unit++) {
            alignas(64) Lanes sums[tiles::PANELS][tiles::ROWS];
            const float *weights[tiles::PANELS];
            const int64_t panel = unit * EACH, count = std::min<int64_t>(EACH, panels - panel), end = std::min(first + most, rows);
            for (int64_t at = 0; at < count * N; at++) weights[at] = linears[at % N].panels + (panel + at / N) * LANES * words;
            for (int64_t row = first; row < end; row += tiles::ROWS) {
                const auto multiply = [&](auto wide) {
                    (packed.pieces > 1 ? tiles::multiply<wide, true> : tiles::multiply<wide, false>)(
                        packed.tile(row), weights, words, EACH * LANES * words, (row - first) / tiles::ROWS,
                        (end - first + tiles::ROWS - 1) / tiles::ROWS, reinterpret_cast<float *>(sums));
                };
                switch (count * N) {
                    case 1: multiply(std::integral_constant<int, 1>()); break;
                    case 2: multiply(std::integral_constant<int, 2>()); break;
                    case 3: multiply(std::integral_constant<int, 3>()); break;
                    default: multiply(std::integral_constant<int, 4>());
                }
                for (int64_t at = 0; at < count; at++) {
                    const int64_t output = (panel + at) * LANES, lanes = std::min<int64_t>(LANES, outputs - output);
                    const int64_t some = std::min<int64_t>(tiles::ROWS, rows - row);
                    for (int n = 0; n < N; n++) add_bias(linears[n], output, lanes, some, sums[at * N + n]);
                    take(row, some, output, lanes, sums + at * N);
                }
            }
        }
}
#endif

// Gives `take` the sums of this thread's panels: take(first row, rows, first output, outputs, sums of each linear).
template <int N, typename Take> void products(const Linear (&linears)[N], Packed &packed, Take take) {
#ifdef TILES
    if (packed.by == TILED) return tile_products(linears, packed, take);
#endif
    const Groups &groups = packed.groups;
    const int64_t outputs = linears[0].outputs;
    const int64_t block = std::max<int64_t>(1, BLOCK / ROWS);
    const Share share((outputs + LANES - 1) / LANES);
    for (int64_t first = 0; first < groups.count; first += block)
        for (int64_t panel = share.begin; panel < share.end; panel++)
            for (int64_t group = first; group < std::min(first + block, groups.count); group++) {
                Lanes sums[N][ROWS];
                const int64_t begin = groups.begin(group), rows = groups.begin(group + 1) - begin, at = panel * LANES;
                const int64_t lanes = std::min<int64_t>(LANES, outputs - at);
                for (int n = 0; n < N; n++) {
                    const float *panel_of = linears[n].panels + at * linears[n].steps();
                    const auto multiply = packed.by == WORDS ? tile<Of::WORDS> : linears[n].halved ? tile<Of::HALVED> : tile<>;
                    multiply(rows, packed.numbers + begin * whole(packed.steps), panel_of, packed.steps, sums[n]);
                    add_bias(linears[n], at, lanes, rows, sums[n]);
                }
                take(begin, rows, at, lanes, sums);
            }
}

void write(const Linear &linear, Packed &packed, float *to, bool add = false) {
    products<1>({linear}, packed, [&](auto begin, auto rows, auto at, auto lanes, auto sums) {
        for (int64_t row = 0; row < rows; row++) {
            float *out = to + (begin + row) * linear.outputs + at;
            if (lanes == LANES) {
                Lanes &all = *reinterpret_cast<Lanes *>(out);
                all = add ? all + sums[0][row] : sums[0][row];
            } else {
                for (int64_t lane = 0; lane < lanes; lane++) out[lane] = sums[0][row][lane] + (add ? out[lane] : 0.0f);
            }
        }
    });
}

float dot(const float *first, const float *second, int64_t count) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t at = 0; at < count; at++) sum += first[at] * second[at];
    return sum;
}

// Divides by the root mean square, and multiplies with weights.
void normalise(const float *from, const float *weights, float *to, int64_t count, float epsilon) {
    const float scale = 1.0f / std::sqrt(dot(from, from, count) / count + epsilon);
    for (int64_t at = 0; at < count; at++) to[at] = weights[at] * (from[at] * scale);
}

// Turns the halves of a head against each other (RoPE).
void rotate(float *head, const float *cosines, const float *sines, int64_t size) {
    for (int64_t at = 0, half = size / 2; at < half; at++) {
        const float first = head[at], second = head[at + half];
        head[at] = first * cosines[at] - second * sines[at];
        head[at + half] = second * cosines[at + half] + first * sines[at + half];
    }
}

// The keys and values of all rows in work, as panels like those of weights: of LANES tokens, each [size][LANES], and of
// LANES numbers of a head, each [width][LANES]. Beyond what was written there may be anything.
struct Table {
    float *keys, *values;  // [layers, places, key heads, width × size], and the same with whole panels of size
    int64_t layers, places, width;  // one layer: the same memory for all, one after the other
};

// Where tokens stand: each at a column of a place. It sees the columns of its place from `begins` up to its own, and
// what the token numbered `parents` sees, if that is not negative: rows that begin alike share it.
struct Tokens {
    const int64_t *places, *columns, *begins, *parents;
    int64_t count;

    bool together(int64_t token) const {  // with the one before
        return token && places[token] == places[token - 1] && begins[token] == begins[token - 1];
    }
};

struct Span {
    int64_t begin, count;  // columns
};

// What a token sees: its own columns first, then those of its parents.
void see(const Tokens &tokens, int64_t token, std::vector<Span> &spans) {
    spans.clear();
    for (; token >= 0; token = tokens.parents[token])
        spans.push_back({tokens.begins[token], tokens.columns[token] + 1 - tokens.begins[token]});
}

// What one head of one row sees.
struct Cached {
    float *keys, *values;
    int64_t size, width;

    Cached(const Decoder &of, const Table &table, int64_t layer, int64_t place, int64_t head)
        : size(of.size), width(table.width) {
        const int64_t at = ((layer % table.layers * table.places + place) * of.key_heads + head) * width;
        keys = table.keys + at * size, values = table.values + at * whole(size);
    }

    void add(const float *key, const float *value, int64_t position) const {
        float *to = keys + position / LANES * LANES * size + position % LANES;
        for (int64_t at = 0; at < size; at++) {
            to[at * LANES] = key[at];
            values[at / LANES * LANES * width + position * LANES + at % LANES] = value[at];
        }
    }
};

// Attention of some queries, packed as one group, over spans of the keys and values of one place; query `q` sees the
// first `seen[q]` columns of the first span, all of which the last query sees, and the others whole. `weights`: room for
// each query and column, in whole panels. Gives take(q, at, number).
template <typename Take>
void attend(const Cached &cached, const float *queries, const std::vector<Span> &spans, const int64_t *seen, int64_t count,
            float scaling, float *weights, Take take) {
    const auto of = [&](int64_t at, int64_t q) -> Lanes & { return *reinterpret_cast<Lanes *>(weights + at * count + q * LANES); };
    const auto visible = [&](const Span &span, int64_t q) { return &span == spans.data() ? seen[q] : span.count; };
    Lanes sums[ROWS], largest[ROWS], total[ROWS] = {};
    for (int64_t q = 0; q < count; q++) largest[q] = Lanes{} - INFINITY;
    int64_t before = 0;
    for (const Span &span : spans) {
        for (int64_t at = 0; at < span.count; at += LANES) {
            tile(count, queries, cached.keys + (span.begin + at) * cached.size, cached.size, sums);
            for (int64_t q = 0; q < count; q++) {
                sums[q] *= scaling;
                for (int64_t lane = std::max<int64_t>(0, visible(span, q) - at); lane < LANES; lane++) sums[q][lane] = -INFINITY;
                largest[q] = sums[q] > largest[q] ? sums[q] : largest[q];
                of(before + at, q) = sums[q];
            }
        }
        before += whole(span.count);
    }
    for (int64_t q = 0; q < count; q++) {
        float top = -INFINITY, sum = 0;
        for (int lane = 0; lane < LANES; lane++) top = std::max(top, largest[q][lane]);
        before = 0;
        for (const Span &span : spans) {
            for (int64_t at = 0; at < span.count; at += LANES) {
                Lanes some = exponential(of(before + at, q) - top);
                for (int64_t lane = std::max<int64_t>(0, visible(span, q) - at); lane < LANES; lane++) some[lane] = 0;
                total[q] += some;
                of(before + at, q) = some;
            }
            before += whole(span.count);
        }
        for (int lane = 0; lane < LANES; lane++) sum += total[q][lane];
        largest[q] = Lanes{} + 1.0f / sum;
    }
    for (int64_t at = 0; at < cached.size; at += LANES) {
        std::fill(total, total + count, Lanes{});
        before = 0;
        for (const Span &span : spans) {
            tile(count, weights + before * count, cached.values + at * cached.width + span.begin * LANES, span.count, sums);
            for (int64_t q = 0; q < count; q++) total[q] += sums[q];
            before += whole(span.count);
        }
        for (int64_t q = 0; q < count; q++) {
            total[q] *= largest[q];
            for (int64_t lane = 0; lane < std::min<int64_t>(LANES, cached.size - at); lane++) take(q, at + lane, total[q][lane]);
        }
    }
}

}  // namespace

extern "C" {

int64_t lanes() { return LANES; }

// The best way to multiply weights of bf16 here; asked before the first product.
int bf16_products() {
#ifdef TILES
    if (tiles::permitted()) return TILED;
#endif
#ifdef PAIRS
    return WORDS;
#else
    return WIDENED;
#endif
}

// outputs [rows, outputs] of inputs [rows, inputs]
void linear(const Linear *of, const float *inputs, float *outputs, int64_t rows, By by, int threads) {
    Packed packed(rows, of->inputs, by, false);
#pragma omp parallel num_threads(threads)
    {
        packed.put_all(inputs);
#pragma omp barrier
        write(*of, packed, outputs);
    }
}

// The same of numbers of bf16, rounded to such
void linear_of_bf16(const Linear *of, const uint16_t *inputs, uint16_t *outputs, int64_t rows, By by, int threads) {
    Packed packed(rows, of->inputs, by, true);
#pragma omp parallel num_threads(threads)
    {
        packed.put_all(inputs);
#pragma omp barrier
        products<1>({*of}, packed, [&](auto begin, auto count, auto at, auto lanes, auto sums) {
            for (int64_t row = 0; row < count; row++)
                for (int64_t lane = 0; lane < lanes; lane++)
                    outputs[(begin + row) * of->outputs + at + lane] = bf16(sums[0][row][lane]);
        });
    }
}

// Passes tokens through all layers: hidden [tokens, hidden] in place, cosines and sines [tokens, size]. Logits [reads,
// vocabulary] of the tokens numbered `read`. The inputs of products are rounded to bf16 where `round`; all else is in fp32.
void decode(const Decoder *of, const Table *table, float *hidden, const float *cosines, const float *sines, const Tokens *where,
            const int64_t *read, int64_t reads, float *logits, By by, int round, int threads) {
    const int64_t tokens = where->count;
    const int64_t width = of->hidden, size = of->size, wide = of->heads * size, narrow = of->key_heads * size;
    const int64_t shared = of->heads / of->key_heads, parts = (shared + ROWS - 1) / ROWS, each = (shared + parts - 1) / parts;
    std::vector<int64_t> starts;  // of runs of tokens that follow each other, whose queries are a group
    for (int64_t token = 0; token < tokens; token++)
        if (!where->together(token) || (token - starts.back() + 1) * each > ROWS) starts.push_back(token);
    const int64_t runs = starts.size();
    starts.push_back(tokens);
    Packed narrowed(tokens, width, by, round), attended(tokens, wide, by, round), widened(tokens, of->inner, by, round);
    Packed last(reads, width, by, round);
    std::vector<float> queries(tokens * wide), keys(tokens * narrow), values(tokens * narrow);
#pragma omp parallel num_threads(threads)
    {
        std::vector<float> row(std::max(width, whole(size) * ROWS)), scores(table->width * ROWS);
        std::vector<Span> spans;
        int64_t seen[ROWS];
        const Share mine(tokens), mine_read(reads);
        const auto normed = [&](const float *weights) {
            for (int64_t token = mine.begin; token < mine.end; token++) {
                normalise(hidden + token * width, weights, row.data(), width, of->epsilon);
                narrowed.put(token, row.data());
            }
        };
        const auto turned = [&](float *states, int64_t count, const float *norm, int64_t token) {
            for (int64_t head = 0; head < count; head++, states += size) {
                if (norm) normalise(states, norm, states, size, of->epsilon);
                rotate(states, cosines + token * size, sines + token * size, size);
            }
        };
        for (int64_t number = 0; number < of->layer_count; number++) {
            const Layer &layer = of->layers[number];
            normed(layer.attention_norm);
#pragma omp barrier
            write(layer.query, narrowed, queries.data());
            write(layer.key, narrowed, keys.data());
            write(layer.value, narrowed, values.data());
#pragma omp barrier
            for (int64_t token = mine.begin; token < mine.end; token++) {
                float *key = &keys[token * narrow], *value = &values[token * narrow];
                turned(&queries[token * wide], of->heads, layer.query_norm, token);
                turned(key, of->key_heads, layer.key_norm, token);
                for (int64_t head = 0; head < of->key_heads; head++)
                    Cached(*of, *table, number, where->places[token], head)
                        .add(key + head * size, value + head * size, where->columns[token]);
            }
#pragma omp barrier
            for (int64_t unit = omp_get_thread_num(); unit < runs * of->key_heads * parts; unit += omp_get_num_threads()) {
                const int64_t run = unit / parts / of->key_heads, head = unit / parts % of->key_heads;
                const int64_t first = unit % parts * each, heads = std::min(each, shared - first), begin = starts[run];
                const int64_t count = (starts[run + 1] - begin) * heads;
                const auto query_of = [&](int64_t q) {
                    return &queries[(begin + q / heads) * wide + (head * shared + first + q % heads) * size];
                };
                for (int64_t q = 0; q < count; q++) {
                    const float *query = query_of(q);
                    for (int64_t at = 0; at < size; at += LANES)
                        std::copy_n(query + at, std::min<int64_t>(LANES, size - at), &row[at * count + q * LANES]);
                    seen[q] = where->columns[begin + q / heads] - where->begins[begin] + 1;
                }
                see(*where, starts[run + 1] - 1, spans);
                attend(Cached(*of, *table, number, where->places[begin], head), row.data(), spans, seen, count, of->scaling,
                       scores.data(), [&](int64_t q, int64_t at, float number) { query_of(q)[at] = number; });  // in place of the query
            }
#pragma omp barrier
            for (int64_t token = mine.begin; token < mine.end; token++) attended.put(token, &queries[token * wide]);
#pragma omp barrier
            write(layer.output, attended, hidden, true);
#pragma omp barrier
            normed(layer.perceptron_norm);
#pragma omp barrier
            products<2>({layer.gate, layer.up}, narrowed, [&](auto begin, auto rows, auto at, auto, auto sums) {
                for (int64_t row = 0; row < rows; row++) {
                    const Lanes gate = sums[0][row];
                    widened.put(begin + row, at, gate / (exponential(-gate) + 1.0f) * sums[1][row]);
                }
            });
#pragma omp barrier
            write(layer.down, widened, hidden, true);
#pragma omp barrier
        }
        for (int64_t number = mine_read.begin; number < mine_read.end; number++) {
            normalise(hidden + read[number] * width, of->norm, row.data(), width, of->epsilon);
            last.put(number, row.data());
        }
#pragma omp barrier
        write(of->head, last, logits);
    }
}
}
