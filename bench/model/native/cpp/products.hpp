// Products of packed rows with packed weights.
//
// A weight [outputs, inputs] is packed as panels of LANES outputs, each [inputs][LANES]: a product reads it once, in the
// order of memory, while the sums of a group of rows stay in registers. So the reading of the next numbers is hidden
// behind the arithmetic of these, which is what a general library does not do for few rows.
//
// Weights that are numbers of bf16 are stored as such, two inputs of a panel in each word, [inputs / 2][LANES]: half the
// bytes to read, and widened they are the same numbers, so the sums are the same to the last bit.

#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "packed_rows.hpp"

namespace {

constexpr int BLOCK = 96;  // rows whose packed inputs stay in the second cache while a panel passes over them
constexpr int AHEAD = 48;  // steps between the fetch of a panel's numbers and their use

struct Linear {
    const float *panels, *bias;  // words of two bf16 in place of panels of fp32 where `halved`; bias: null for none
    int64_t inputs, outputs, halved;

    int64_t steps() const { return halved ? (inputs + 1) / 2 : inputs; }  // vectors of a panel
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

}  // namespace
