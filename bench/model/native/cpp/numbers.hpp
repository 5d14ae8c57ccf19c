// Numbers of fp32 and bf16 in memory, read and written as vectors of fp32.

#pragma once

#include "vectors.hpp"

namespace {

// A number of bf16: the upper half of one of fp32.
struct Half {
    uint16_t bits;
};

typedef uint16_t Halves __attribute__((vector_size(2 * LANES), aligned(2), may_alias));
typedef uint32_t Words __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

inline Lanes widened(Halves halves) {
    const Words words = __builtin_convertvector(halves, Words) << 16;
    return reinterpret_cast<const Lanes &>(words);
}

// To the nearest, of two to the even one; what is no number stays none.
inline Halves halved(Lanes numbers) {
    const Words words = reinterpret_cast<const Words &>(numbers), none = Words{} + 0x7fc0;
    const Words rounded = (words + 0x7fff + (words >> 16 & 1)) >> 16;
    return __builtin_convertvector(numbers == numbers ? rounded : none, Halves);
}

// The first `count` numbers of a vector, zeros behind them.
inline Lanes some_at(const float *from, int count) {
    if (count == LANES) return lanes_at(from);
    Lanes some{};
    for (int lane = 0; lane < count; lane++) some[lane] = from[lane];
    return some;
}

inline Lanes some_at(const Half *from, int count) {
    if (count == LANES) return widened(*reinterpret_cast<const Halves *>(from));
    Halves some{};
    for (int lane = 0; lane < count; lane++) some[lane] = from[lane].bits;
    return widened(some);
}

inline void put(Lanes some, float *to, int count) {
    if (count == LANES) {
        lanes_at(to) = some;
    } else {
        for (int lane = 0; lane < count; lane++) to[lane] = some[lane];
    }
}

inline void put(Lanes some, Half *to, int count) {
    const Halves halves = halved(some);
    if (count == LANES) {
        *reinterpret_cast<Halves *>(to) = halves;
    } else {
        for (int lane = 0; lane < count; lane++) to[lane].bits = halves[lane];
    }
}

}  // namespace
