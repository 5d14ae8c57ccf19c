// The processor's vectors of numbers, for the sources of this room.

#pragma once

#include <cstdint>

namespace {

#if defined(__AVX512F__)
constexpr int LANES = 16;
#elif defined(__AVX2__) && defined(__FMA__)
constexpr int LANES = 8;
#else
#error "vectors of eight numbers would be taken apart, and be slower than a library's products"
#endif

typedef float Lanes __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t Ints __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

// Numbers in memory as one vector.
inline const Lanes &lanes_at(const float *numbers) { return *reinterpret_cast<const Lanes *>(numbers); }
inline Lanes &lanes_at(float *numbers) { return *reinterpret_cast<Lanes *>(numbers); }

// Copies the first of `count` numbers, at most LANES.
inline void copy_lanes(const float *from, int64_t count, float *to) {
    if (count >= LANES)
        lanes_at(to) = lanes_at(from);
    else
        for (int64_t at = 0; at < count; at++) to[at] = from[at];
}

// The first `count` numbers of a vector, and `other` in place of the rest.
inline Lanes first_lanes(Lanes numbers, int64_t count, float other) {
    if (count >= LANES) return numbers;
    Ints lane;
    for (int at = 0; at < LANES; at++) lane[at] = at;
    return lane < static_cast<int32_t>(count) ? numbers : Lanes{} + other;
}

// e^x to about one unit in the last place: 2^n by the exponent's bits, the rest by Taylor's polynomial.
inline Lanes exponential(Lanes x) {
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

// Numbers of two vectors in turn: those of their lower halves, or of their upper ones.
template <bool UPPER> inline Lanes interleaved(const Lanes &first, const Lanes &second) {
    Ints order;
    for (int lane = 0; lane < LANES; lane++) order[lane] = lane / 2 + (UPPER ? LANES / 2 : 0) + lane % 2 * LANES;
#ifdef __clang__
    Lanes result;
    for (int lane = 0; lane < LANES; lane++) result[lane] = lane % 2 ? second[order[lane] - LANES] : first[order[lane]];
    return result;
#else
    return __builtin_shuffle(first, second, order);
#endif
}

// Transposes a square of numbers: each round brings vectors next to each other that were half of the square apart.
inline void transpose(Lanes (&square)[LANES]) {
    for (int round = 1; round < LANES; round *= 2) {
        Lanes next[LANES];
#pragma GCC unroll 8
        for (int at = 0; at < LANES / 2; at++) {
            next[2 * at] = interleaved<false>(square[at], square[at + LANES / 2]);
            next[2 * at + 1] = interleaved<true>(square[at], square[at + LANES / 2]);
        }
#pragma GCC unroll 16
        for (int at = 0; at < LANES; at++) square[at] = next[at];
    }
}

}  // namespace
