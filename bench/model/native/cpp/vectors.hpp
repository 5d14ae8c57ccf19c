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

}  // namespace
