// Rows as products take them: groups of up to ROWS rows, each [inputs / LANES][rows][LANES], so that a vector of a row is
// written as it is.
//
// Rows that are rounded to bf16 are packed in words of two numbers where the processor multiplies such words (AVX512_BF16), at
// up to twice the rate of fp32, and as tiles where it has these (AMX). Elsewhere they are multiplied as fp32: the same
// products, summed otherwise.

#pragma once

#include <omp.h>

#include <cstdint>
#include <cstring>
#include <memory>

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

constexpr int64_t whole(int64_t count) { return (count + LANES - 1) / LANES * LANES; }

// How rows are put into groups of nearly equal size. Both are asked for each vector that is packed: a division of integers
// would take longer than the packing. What is added to the dividend keeps every quotient off a whole number's wrong side.
struct Groups {
    int64_t rows, count;
    double by_rows = 1.0 / rows, by_count = 1.0 / count;
    explicit Groups(int64_t rows) : rows(rows), count((rows + ROWS - 1) / ROWS) {}
    int64_t begin(int64_t group) const { return (group * rows + 0.5) * by_count; }
    int64_t of(int64_t row) const { return ((row + 1) * count - 0.5) * by_rows; }
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
    std::shared_ptr<float[]> room;
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

    // Fewer rows, in the same memory.
    Packed first(int64_t rows) const {
        Packed fewer = *this;
        fewer.groups = Groups(rows);
        return fewer;
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
}  // namespace
