// Attention of tokens to those before them in their rows, forward and backward, while a decoder is trained.
//
// A thread has one head of keys of a row at a time, with all heads of queries that share it, so that gradients of keys are
// summed in one order: numbers are the same to the last bit with any number of threads. Numbers are fp32 or bf16, sums fp32.
// Kept for the way back is one number of each query, the logarithm of the sum of its exponentials.

#include <omp.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "small_products.hpp"

namespace {

constexpr int64_t BLOCK = 8;        // tokens whose queries are multiplied together
constexpr int64_t LEAST = 1 << 16;  // products that are worth a second thread

// Numbers of heads [rows, length, heads, size]; tokens are `step` numbers apart.
struct Heads {
    void *numbers;
    int64_t step;
};

struct Attention {
    int64_t rows, length, heads, key_heads, size, halved;  // halved: numbers are bf16
    const int64_t *begins;  // [rows, length]: the first token that each sees, at most the next one, never falling; null: the row's
    float scaling;

    int64_t group() const { return heads / key_heads; }
    int64_t width() const { return whole_vectors(size); }
};

// One head of keys of one row.
struct Unit {
    const Attention &of;
    int64_t row, head;

    Unit(const Attention &of, int64_t number) : of(of), row(number / of.key_heads), head(number % of.key_heads) {}

    int64_t begin(int64_t token) const { return of.begins ? of.begins[row * of.length + token] : 0; }
    int64_t query(int64_t token, int64_t number) const { return (row * of.heads + head * of.group() + number) * of.length + token; }
};

// Tokens of a unit from `first` on, whose queries are multiplied together: rows of all tokens' heads, one after the other.
struct Block {
    int64_t first, tokens, rows, low, end;  // what they see stands between `low`, where a vector begins, and `end`

    Block(const Unit &unit, int64_t first) : first(first), tokens(std::min(BLOCK, unit.of.length - first)) {
        rows = tokens * unit.of.group(), low = unit.begin(first) / LANES * LANES, end = first + tokens;
    }

    int64_t columns() const { return whole_vectors(end - low); }
};

// One number each, of which the compiler makes vectors: with those of numbers.hpp a pass took up to 11% longer.
float number_of(float number) { return number; }
float number_of(uint16_t half) {
    const uint32_t bits = uint32_t(half) << 16;
    float number;
    std::memcpy(&number, &bits, 4);
    return number;
}

void put(float number, float *to) { *to = number; }
void put(float number, uint16_t *to) {  // to the nearest, of two to the even one
    uint32_t bits;
    std::memcpy(&bits, &number, 4);
    *to = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

// Memory of a thread, which grows to what its largest unit needs.
struct Memory {
    std::vector<float> numbers;

    Panel panel(int64_t rows, int64_t width) {
        if (int64_t(numbers.size()) < rows * width) numbers.resize(rows * width);
        return {numbers.data(), width};
    }
    Panel zeros(int64_t rows, int64_t width) {
        std::fill_n(panel(rows, width).numbers, rows * width, 0.0f);
        return {numbers.data(), width};
    }
};

struct Room {
    Memory keys, keys_across, values, values_across, queries, above, weights, pulls, sums, of_keys, of_values;
};

template <typename Number>
Number *numbers_at(const Unit &unit, const Heads &heads, int64_t token, int64_t head) {
    return static_cast<Number *>(heads.numbers) + (unit.row * unit.of.length + token) * heads.step + head * unit.of.size;
}

// Copies `count` heads of each of some tokens to rows of fp32; what is behind each, up to a whole vector, is not used.
template <typename Number>
Panel read(const Unit &unit, const Heads &heads, int64_t first, int64_t tokens, int64_t head, int64_t count, Memory &memory) {
    const int64_t width = unit.of.width(), size = unit.of.size;
    const Panel panel = memory.panel(tokens * count, width);
    for (int64_t row = 0; row < tokens * count; row++) {
        const Number *from = numbers_at<Number>(unit, heads, first + row / count, head + row % count);
        float *to = panel.numbers + row * width;
#pragma omp simd
        for (int64_t at = 0; at < size; at++) to[at] = number_of(from[at]);
    }
    return panel;
}

template <typename Number>
void write(const Panel &panel, const Unit &unit, const Heads &heads, int64_t first, int64_t tokens, int64_t head, int64_t count) {
    const int64_t size = unit.of.size;
    for (int64_t row = 0; row < tokens * count; row++) {
        Number *to = numbers_at<Number>(unit, heads, first + row / count, head + row % count);
        const float *from = panel.numbers + row * panel.step;
#pragma omp simd
        for (int64_t at = 0; at < size; at++) put(from[at], to + at);
    }
}

// [width, tokens], with zeros behind the last token up to a whole vector.
Panel transposed(const Unit &unit, const Panel &panel, Memory &memory) {
    const int64_t length = unit.of.length;
    const Panel across = memory.panel(unit.of.width(), whole_vectors(length));
    for (int64_t token = 0; token < length; token += LANES)
        for (int64_t at = 0; at < unit.of.width(); at += LANES) {
            Lanes square[LANES] = {};
            for (int64_t row = 0; row < std::min<int64_t>(LANES, length - token); row++)
                square[row] = lanes_at(panel.numbers + (token + row) * panel.step + at);
            transpose(square);
            for (int64_t row = 0; row < LANES; row++) lanes_at(across.numbers + (at + row) * across.step + token) = square[row];
        }
    return across;
}

// Which of the tokens from `column` on one token sees: all bits of those, none of the others.
Ints visible(int64_t column, int64_t begin, int64_t token) {
    Ints columns;
    for (int lane = 0; lane < LANES; lane++) columns[lane] = int32_t(column) + lane;
    return (columns >= int32_t(begin)) & (columns <= int32_t(token));
}

typedef float Four __attribute__((vector_size(16), aligned(4), may_alias));

// All numbers of a vector as one, by fours and then by twos: one after the other they would wait for each other.
template <typename Of>
float all_of(const Lanes &lanes, Of of) {
    const Four *fours = reinterpret_cast<const Four *>(&lanes);
    Four some = of(fours[0], fours[1]);
    for (int at = 2; at < LANES / 4; at++) some = of(some, fours[at]);
    return of(of(some[0], some[1]), of(some[2], some[3]));
}

float sum_of(const Lanes &lanes) {
    return all_of(lanes, [](auto one, auto other) { return one + other; });
}

float top_of(const Lanes &lanes) {
    return all_of(lanes, [](auto one, auto other) { return one > other ? one : other; });
}

// Weights [columns] in place of a query's scores. Returns the logarithm of the sum of exponentials.
float softmax(float *scores, const Block &block, int64_t begin, int64_t token, float scaling) {
    Lanes tops = Lanes{} - INFINITY, sums{};
    for (int64_t at = 0; at < block.columns(); at += LANES) {
        Lanes &some = lanes_at(scores + at);
        some = visible(block.low + at, begin, token) ? some * scaling : Lanes{} - INFINITY;
        tops = some > tops ? some : tops;
    }
    const float top = top_of(tops);
    for (int64_t at = 0; at < block.columns(); at += LANES) {
        Lanes &some = lanes_at(scores + at);
        some = visible(block.low + at, begin, token) ? exponential(some - top) : Lanes{};
        sums += some;
    }
    if (begin > token) return 0;
    const float sum = sum_of(sums);
    for (int64_t at = 0; at < block.columns(); at += LANES) lanes_at(scores + at) *= 1 / sum;
    return top + std::log(sum);
}

// Gradients of a query's products with keys in place of those of its weights [columns], and weights in place of its scores.
void softmax_back(float *scores, float *pulls, const Block &block, int64_t begin, int64_t token, float scaling, float log_sum) {
    Lanes sums{};
    for (int64_t at = 0; at < block.columns(); at += LANES) {
        Lanes &weights = lanes_at(scores + at);
        weights = visible(block.low + at, begin, token) ? exponential(weights * scaling - log_sum) : Lanes{};
        sums += weights * lanes_at(pulls + at);
    }
    const float mean = sum_of(sums);
    for (int64_t at = 0; at < block.columns(); at += LANES) {
        lanes_at(pulls + at) = lanes_at(scores + at) * (lanes_at(pulls + at) - mean) * scaling;
    }
}

// Each row of a block times all columns that one of its tokens sees.
Panel times_columns(const Block &block, const Panel &rows, const Panel &across, int64_t size, Memory &memory) {
    const Panel to = memory.panel(block.rows, block.columns() + LANES);  // rows a page apart would share lines of the cache
    small_product(block.rows, {rows.numbers, rows.step, 1}, {across.numbers + block.low, across.step}, size, block.columns(), to, false);
    return to;
}

struct Tensors {
    Heads queries, keys, values;
};

template <typename Number>
void forward(const Unit &unit, const Tensors &in, const Heads &out, float *log_sums, Room &room) {
    const Attention &of = unit.of;
    const int64_t group = of.group(), width = of.width();
    const Panel keys = transposed(unit, read<Number>(unit, in.keys, 0, of.length, unit.head, 1, room.keys), room.keys_across);
    const Panel values = read<Number>(unit, in.values, 0, of.length, unit.head, 1, room.values);
    for (int64_t first = 0; first < of.length; first += BLOCK) {
        const Block block(unit, first);
        const Panel queries = read<Number>(unit, in.queries, first, block.tokens, unit.head * group, group, room.queries);
        const Panel weights = times_columns(block, queries, keys, of.size, room.weights);
        for (int64_t row = 0; row < block.rows; row++) {
            const int64_t token = first + row / group;
            log_sums[unit.query(token, row % group)] = softmax(weights.numbers + row * weights.step, block, unit.begin(token), token, of.scaling);
        }
        const Panel sums = room.sums.panel(block.rows, width);
        small_product(block.rows, {weights.numbers, weights.step, 1}, values.from(block.low), block.end - block.low, width, sums, false);
        write<Number>(sums, unit, out, first, block.tokens, unit.head * group, group);
    }
}

template <typename Number>
void backward(const Unit &unit, const Heads &gradient, const Tensors &in, const float *log_sums, const Tensors &out, Room &room) {
    const Attention &of = unit.of;
    const int64_t length = of.length, group = of.group(), width = of.width();
    const Panel keys = read<Number>(unit, in.keys, 0, length, unit.head, 1, room.keys);
    const Panel keys_across = transposed(unit, keys, room.keys_across);
    const Panel values = transposed(unit, read<Number>(unit, in.values, 0, length, unit.head, 1, room.values), room.values_across);
    const Panel of_keys = room.of_keys.zeros(length, width), of_values = room.of_values.zeros(length, width);
    for (int64_t first = 0; first < length; first += BLOCK) {
        const Block block(unit, first);
        const int64_t seen = block.end - block.low;
        const Panel queries = read<Number>(unit, in.queries, first, block.tokens, unit.head * group, group, room.queries);
        const Panel above = read<Number>(unit, gradient, first, block.tokens, unit.head * group, group, room.above);
        const Panel weights = times_columns(block, queries, keys_across, of.size, room.weights);
        const Panel pulls = times_columns(block, above, values, of.size, room.pulls);
        for (int64_t row = 0; row < block.rows; row++) {
            const int64_t token = first + row / group, at = row * weights.step;
            softmax_back(weights.numbers + at, pulls.numbers + at, block, unit.begin(token), token, of.scaling,
                         log_sums[unit.query(token, row % group)]);
        }
        const Panel sums = room.sums.panel(block.rows, width);
        small_product(block.rows, {pulls.numbers, pulls.step, 1}, keys.from(block.low), seen, width, sums, false);
        write<Number>(sums, unit, out.queries, first, block.tokens, unit.head * group, group);
        small_product(seen, {weights.numbers, 1, weights.step}, above, block.rows, width, of_values.from(block.low), true);
        small_product(seen, {pulls.numbers, 1, pulls.step}, queries, block.rows, width, of_keys.from(block.low), true);
    }
    write<Number>(of_keys, unit, out.keys, 0, length, unit.head, 1);
    write<Number>(of_values, unit, out.values, 0, length, unit.head, 1);
}

// Calls `of(unit, its thread's room)` for each unit.
template <typename Of>
void for_units(const Attention &attention, int threads, Of of) {
    const int64_t units = attention.rows * attention.key_heads;
    const int64_t work = units * attention.group() * attention.length * attention.length * attention.size;
#pragma omp parallel for num_threads(threads) schedule(dynamic) if (work > LEAST)
    for (int64_t number = 0; number < units; number++) {
        static thread_local Room room;
        of(Unit(attention, number), room);
    }
}

}  // namespace

extern "C" {

// `log_sums` [rows, heads, length]: kept for the way back.
void attention_forward(const Attention &attention, const Tensors &in, const Heads &out, float *log_sums, int threads) {
    for_units(attention, threads, [&](const Unit &unit, Room &room) {
        (attention.halved ? forward<uint16_t> : forward<float>)(unit, in, out, log_sums, room);
    });
}

void attention_backward(const Attention &attention, const Heads &gradient, const Tensors &in, const float *log_sums,
                        const Tensors &out, int threads) {
    for_units(attention, threads, [&](const Unit &unit, Room &room) {
        (attention.halved ? backward<uint16_t> : backward<float>)(unit, gradient, in, log_sums, out, room);
    });
}

// Writes the first token that each sees by a mask [rows, length, length], and returns 1; 0 where a token does not see just
// those from one on up to itself, or that one stands before the one of the token before it.
int64_t attention_begins(const uint8_t *mask, int64_t rows, int64_t length, int64_t *begins) {
    for (int64_t line = 0; line < rows * length; line++) {
        const uint8_t *sees = mask + line * length;
        const int64_t token = line % length, behind = token + 1;
        const void *first = std::memchr(sees, 1, behind);
        const int64_t begin = first ? static_cast<const uint8_t *>(first) - sees : behind;
        if (std::memchr(sees + begin, 0, behind - begin) || std::memchr(sees + behind, 1, length - behind)) return 0;
        if (token && begin < begins[line - 1]) return 0;
        begins[line] = begin;
    }
    return 1;
}

}  // extern "C"
