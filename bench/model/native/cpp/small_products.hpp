// Products of matrices that stay in a processor's near cache, such as those of one head's attention.

#pragma once

#include <algorithm>
#include <cstdint>

#include "vectors.hpp"

namespace {

constexpr int TALL = LANES == 16 ? 8 : 4, WIDE = 2;  // rows and vectors of sums that registers hold

// Numbers (row, column) at `row` × `down` + `column` × `across`: a matrix as it is in memory, or transposed.
struct Matrix {
    const float *numbers;
    int64_t down, across;
};

// Rows of whole vectors, `step` numbers apart.
struct Panel {
    float *numbers;
    int64_t step;

    Panel from(int64_t row) const { return {numbers + row * step, step}; }
};

int64_t whole_vectors(int64_t count) { return (count + LANES - 1) / LANES * LANES; }

template <int M, int N> void product_tile(const Matrix &left, const Panel &right, int64_t count, const Panel &to, bool add) {
    Lanes sums[M][N];
#pragma GCC unroll 8
    for (int row = 0; row < M; row++)
#pragma GCC unroll 2
        for (int n = 0; n < N; n++) sums[row][n] = add ? lanes_at(to.numbers + row * to.step + n * LANES) : Lanes{};
    for (int64_t at = 0; at < count; at++) {
        const float *from = right.numbers + at * right.step;
        Lanes vectors[N];
#pragma GCC unroll 2
        for (int n = 0; n < N; n++) vectors[n] = lanes_at(from + n * LANES);
#pragma GCC unroll 8
        for (int row = 0; row < M; row++) {
            const float number = left.numbers[row * left.down + at * left.across];
#pragma GCC unroll 2
            for (int n = 0; n < N; n++) sums[row][n] += vectors[n] * number;
        }
    }
#pragma GCC unroll 8
    for (int row = 0; row < M; row++)
#pragma GCC unroll 2
        for (int n = 0; n < N; n++) lanes_at(to.numbers + row * to.step + n * LANES) = sums[row][n];
}

template <int N, int M = TALL - 1>
void product_rest(int64_t rows, const Matrix &left, const Panel &right, int64_t count, const Panel &to, bool add) {
    if (rows == M)
        product_tile<M, N>(left, right, count, to, add);
    else if constexpr (M > 1)
        product_rest<N, M - 1>(rows, left, right, count, to, add);
}

template <int N> void product_columns(int64_t rows, Matrix left, const Panel &right, int64_t count, Panel to, bool add) {
    for (; rows >= TALL; rows -= TALL, left.numbers += TALL * left.down, to.numbers += TALL * to.step)
        product_tile<TALL, N>(left, right, count, to, add);
    product_rest<N>(rows, left, right, count, to, add);
}

// Writes, or adds, `left` [rows, count] × `right` [count, width in whole vectors] to `to` [rows, width].
inline void small_product(int64_t rows, const Matrix &left, const Panel &right, int64_t count, int64_t width, const Panel &to, bool add) {
    int64_t at = 0;
    const auto columns = [&](auto of) { of(rows, left, {right.numbers + at, right.step}, count, {to.numbers + at, to.step}, add); };
    for (; at + WIDE * LANES <= width; at += WIDE * LANES) columns(product_columns<WIDE>);
    if (at < width) columns(product_columns<1>);
}

}  // namespace
