// Products of few rows with packed weights, and the pass of a Llama-like decoder that is made of them.
//
// A weight [outputs, inputs] is packed as panels of LANES outputs, each [inputs][LANES]: a product reads it once, in the
// order of memory, while the sums of up to ROWS rows stay in registers. So the reading of the next numbers is hidden
// behind the arithmetic of these, which is what a general library does not do for few rows. Inputs are packed likewise,
// as groups of up to ROWS rows, each [inputs][rows].
//
// Weights that are numbers of bf16 are stored as such, two inputs of a panel in each word, [inputs / 2][LANES]: half the
// bytes to read, and widened they are the same numbers, so the sums are the same to the last bit.
//
// Plain C++ with the vector types of GCC and Clang, compiled for the processor that runs it (`library.py`).

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace {

#if defined(__AVX512F__)
constexpr int LANES = 16, ROWS = 24;  // sums of one group: 24 of 32 registers
#elif defined(__AVX2__) && defined(__FMA__)
constexpr int LANES = 8, ROWS = 12;  // 12 of 16
#else
#error "vectors of eight numbers would be taken apart, and be slower than a library's products"
#endif
constexpr int BLOCK = 96;  // rows whose packed inputs stay in the second cache while a panel passes over them
constexpr int AHEAD = 48;  // steps between the fetch of a panel's numbers and their use

typedef float Lanes __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t Ints __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

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

// Where number `at` of a row of packed inputs is.
float *packed_at(float *packed, const Groups &groups, int64_t inputs, int64_t row, int64_t at) {
    const int64_t begin = groups.begin(groups.of(row)), size = groups.begin(groups.of(row) + 1) - begin;
    return packed + begin * inputs + at * size + (row - begin);
}

void pack_row(const float *row, float *packed, const Groups &groups, int64_t inputs, int64_t number) {
    const int64_t group = groups.of(number), step = groups.begin(group + 1) - groups.begin(group);
    float *to = packed_at(packed, groups, inputs, number, 0);
    for (int64_t at = 0; at < inputs; at++) to[at * step] = row[at];
}

template <int M, bool HALVED> void tile_of(const float *inputs, const float *panel, int64_t count, Lanes *sums) {
    Lanes kept[M] = {};
    const auto step = [&](int64_t at, const Lanes &weights) __attribute__((always_inline)) {
#pragma GCC unroll 24
        for (int row = 0; row < M; row++) kept[row] += weights * inputs[at * M + row];
    };
    if constexpr (HALVED) {
        const auto pair = [&](int64_t at) {
            __builtin_prefetch(panel + LANES * (at / 2 + AHEAD));
            return *reinterpret_cast<const Ints *>(panel + LANES * (at / 2));
        };
        int64_t at = 0;
        for (; at + 1 < count; at += 2) {
            const Ints words = pair(at), even = words << 16, odd = words & -65536;
            step(at, reinterpret_cast<const Lanes &>(even));
            step(at + 1, reinterpret_cast<const Lanes &>(odd));
        }
        if (at < count) {
            const Ints even = pair(at) << 16;
            step(at, reinterpret_cast<const Lanes &>(even));
        }
    } else {
        for (int64_t at = 0; at < count; at++) {
            __builtin_prefetch(panel + LANES * (at + AHEAD));
            step(at, *reinterpret_cast<const Lanes *>(panel + LANES * at));
        }
    }
    for (int row = 0; row < M; row++) sums[row] = kept[row];
}

template <bool HALVED = false, int M = ROWS>
void tile(int64_t rows, const float *inputs, const float *panel, int64_t count, Lanes *sums) {
    if (rows == M)
        tile_of<M, HALVED>(inputs, panel, count, sums);
    else if constexpr (M > 1)
        tile<HALVED, M - 1>(rows, inputs, panel, count, sums);
}

// This thread's share of 0 … count.
struct Share {
    int64_t begin, end;
    explicit Share(int64_t count)
        : begin(omp_get_thread_num() * count / omp_get_num_threads()),
          end((omp_get_thread_num() + 1) * count / omp_get_num_threads()) {}
};

// Gives `take` the sums of this thread's panels: take(first row, rows, first output, outputs, sums of each linear).
template <int N, typename Take>
void products(const Linear (&linears)[N], const float *packed, const Groups &groups, Take take) {
    const int64_t inputs = linears[0].inputs, outputs = linears[0].outputs;
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
                    const auto multiply = linears[n].halved ? tile<true> : tile<false>;
                    multiply(rows, packed + begin * inputs, panel_of, inputs, sums[n]);
                    if (linears[n].bias)
                        for (int64_t row = 0; row < rows; row++)
                            for (int64_t lane = 0; lane < lanes; lane++) sums[n][row][lane] += linears[n].bias[at + lane];
                }
                take(begin, rows, at, lanes, sums);
            }
}

void write(const Linear &linear, const float *packed, const Groups &groups, float *to, bool add = false) {
    products<1>({linear}, packed, groups, [&](auto begin, auto rows, auto at, auto lanes, auto &sums) {
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

// e^x to about one unit in the last place: 2^n by the exponent's bits, the rest by Taylor's polynomial.
Lanes exponential(Lanes x) {
    const Lanes low = Lanes{} - 87.0f, high = Lanes{} + 88.0f;
    x = x < low ? low : x;
    x = x > high ? high : x;
    const Lanes n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
    const Lanes r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    Lanes p = r * (1.0f / 5040) + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = (p * r + 1.0f) * r + 1.0f;
    const Ints bits = (__builtin_convertvector(n, Ints) + 127) << 23;
    return p * reinterpret_cast<const Lanes &>(bits);
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
    int64_t places, width;
};

// What one head of one row sees.
struct Cached {
    float *keys, *values;
    int64_t size, width;

    Cached(const Decoder &of, const Table &table, int64_t layer, int64_t place, int64_t head)
        : size(of.size), width(table.width) {
        const int64_t at = ((layer * table.places + place) * of.key_heads + head) * width;
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

// Attention of some queries, packed as one group, over the keys and values of one row; query `q` sees the first
// `seen[q]` of them, and the last query the most. `weights`: room for whole(most) × queries. Gives take(q, at, number).
template <typename Take>
void attend(const Cached &cached, const float *queries, const int64_t *seen, int64_t count, float scaling, float *weights,
            Take take) {
    const int64_t most = seen[count - 1];
    Lanes sums[ROWS], largest[ROWS], total[ROWS] = {};
    for (int64_t q = 0; q < count; q++) largest[q] = Lanes{} - INFINITY;
    float *scores = weights + whole(most) * count;
    for (int64_t at = 0; at < most; at += LANES) {
        tile(count, queries, cached.keys + at * cached.size, cached.size, sums);
        for (int64_t q = 0; q < count; q++) {
            sums[q] *= scaling;
            for (int64_t lane = std::max<int64_t>(0, seen[q] - at); lane < LANES; lane++) sums[q][lane] = -INFINITY;
            largest[q] = sums[q] > largest[q] ? sums[q] : largest[q];
            *reinterpret_cast<Lanes *>(scores + (q * whole(most) + at)) = sums[q];
        }
    }
    for (int64_t q = 0; q < count; q++) {
        float top = -INFINITY, sum = 0;
        for (int lane = 0; lane < LANES; lane++) top = std::max(top, largest[q][lane]);
        for (int64_t at = 0; at < most; at += LANES) {
            Lanes some = exponential(*reinterpret_cast<const Lanes *>(scores + (q * whole(most) + at)) - top);
            for (int64_t lane = std::max<int64_t>(0, seen[q] - at); lane < LANES; lane++) some[lane] = 0;
            total[q] += some;
            for (int lane = 0; lane < LANES; lane++) weights[(at + lane) * count + q] = some[lane];
        }
        for (int lane = 0; lane < LANES; lane++) sum += total[q][lane];
        largest[q] = Lanes{} + 1.0f / sum;
    }
    for (int64_t at = 0; at < cached.size; at += LANES) {
        tile(count, weights, cached.values + at * cached.width, most, sums);
        for (int64_t q = 0; q < count; q++) {
            sums[q] *= largest[q];
            for (int64_t lane = 0; lane < std::min<int64_t>(LANES, cached.size - at); lane++) take(q, at + lane, sums[q][lane]);
        }
    }
}

}  // namespace

extern "C" {

int64_t lanes() { return LANES; }

// outputs [rows, outputs] of inputs [rows, inputs]
void linear(const Linear *of, const float *inputs, float *outputs, int64_t rows, int threads) {
    const Groups groups(rows);
    std::vector<float> packed(rows * of->inputs);
#pragma omp parallel num_threads(threads)
    {
        const Share share(groups.count);
        for (int64_t group = share.begin; group < share.end; group++) {
            const int64_t begin = groups.begin(group), size = groups.begin(group + 1) - begin;
            const float *from = inputs + begin * of->inputs;
            float *to = &packed[begin * of->inputs];
            for (int64_t at = 0; at < of->inputs; at++)
                for (int64_t row = 0; row < size; row++) *to++ = from[row * of->inputs + at];
        }
#pragma omp barrier
        write(*of, packed.data(), groups, outputs);
    }
}

// Passes tokens through all layers: hidden [tokens, hidden] in place, cosines and sines [tokens, size]; a token stands in
// the row at `places`, as number `positions` of it, and sees what is before it there. Logits [reads, vocabulary] of the
// tokens at `read`.
void decode(const Decoder *of, const Table *table, float *hidden, const float *cosines, const float *sines, const int64_t *places,
            const int64_t *positions, int64_t tokens, const int64_t *read, int64_t reads, float *logits, int threads) {
    const int64_t width = of->hidden, size = of->size, wide = of->heads * size, narrow = of->key_heads * size;
    const int64_t shared = of->heads / of->key_heads, parts = (shared + ROWS - 1) / ROWS, each = (shared + parts - 1) / parts;
    std::vector<int64_t> starts;  // of runs of tokens of one row, whose queries are a group
    for (int64_t token = 0; token < tokens; token++)
        if (!token || places[token] != places[token - 1] || (token - starts.back() + 1) * each > ROWS) starts.push_back(token);
    const int64_t runs = starts.size();
    starts.push_back(tokens);
    const Groups groups(tokens), read_groups(reads);
    std::vector<float> packed(tokens * std::max(width, wide)), inner(tokens * of->inner);
    std::vector<float> queries(tokens * wide), keys(tokens * narrow), values(tokens * narrow);
#pragma omp parallel num_threads(threads)
    {
        std::vector<float> row(std::max(width, size * ROWS)), scores(2 * table->width * ROWS);
        int64_t seen[ROWS];
        const Share mine(tokens), mine_read(reads);
        const auto normed = [&](const float *weights) {
            for (int64_t token = mine.begin; token < mine.end; token++) {
                normalise(hidden + token * width, weights, row.data(), width, of->epsilon);
                pack_row(row.data(), packed.data(), groups, width, token);
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
            write(layer.query, packed.data(), groups, queries.data());
            write(layer.key, packed.data(), groups, keys.data());
            write(layer.value, packed.data(), groups, values.data());
#pragma omp barrier
            for (int64_t token = mine.begin; token < mine.end; token++) {
                float *key = &keys[token * narrow], *value = &values[token * narrow];
                turned(&queries[token * wide], of->heads, layer.query_norm, token);
                turned(key, of->key_heads, layer.key_norm, token);
                for (int64_t head = 0; head < of->key_heads; head++)
                    Cached(*of, *table, number, places[token], head)
                        .add(key + head * size, value + head * size, positions[token]);
            }
#pragma omp barrier
            for (int64_t unit = omp_get_thread_num(); unit < runs * of->key_heads * parts; unit += omp_get_num_threads()) {
                const int64_t run = unit / parts / of->key_heads, head = unit / parts % of->key_heads;
                const int64_t first = unit % parts * each, heads = std::min(each, shared - first), begin = starts[run];
                const int64_t count = (starts[run + 1] - begin) * heads;
                const auto at_query = [&](int64_t q) { return (head * shared + first + q % heads) * size; };
                for (int64_t q = 0; q < count; q++) {
                    const float *query = &queries[(begin + q / heads) * wide + at_query(q)];
                    for (int64_t at = 0; at < size; at++) row[at * count + q] = query[at];
                    seen[q] = positions[begin + q / heads] + 1;
                }
                attend(Cached(*of, *table, number, places[begin], head), row.data(), seen, count, of->scaling, scores.data(),
                       [&](int64_t q, int64_t at, float number) {
                           *packed_at(packed.data(), groups, wide, begin + q / heads, at_query(q) + at) = number;
                       });
            }
#pragma omp barrier
            write(layer.output, packed.data(), groups, hidden, true);
#pragma omp barrier
            normed(layer.perceptron_norm);
#pragma omp barrier
            products<2>({layer.gate, layer.up}, packed.data(), groups,
                        [&](auto begin, auto rows, auto at, auto lanes, auto &sums) {
                            float *to = inner.data() + begin * of->inner + at * rows;
                            for (int64_t row = 0; row < rows; row++) {
                                const Lanes gate = sums[0][row];
                                const Lanes out = gate / (exponential(-gate) + 1.0f) * sums[1][row];
                                for (int64_t lane = 0; lane < lanes; lane++) to[lane * rows + row] = out[lane];
                            }
                        });
#pragma omp barrier
            write(layer.down, inner.data(), groups, hidden, true);
#pragma omp barrier
        }
        for (int64_t number = mine_read.begin; number < mine_read.end; number++) {
            normalise(hidden + read[number] * width, of->norm, row.data(), width, of->epsilon);
            pack_row(row.data(), packed.data(), read_groups, width, number);
        }
#pragma omp barrier
        write(of->head, packed.data(), read_groups, logits);
    }
}
}
