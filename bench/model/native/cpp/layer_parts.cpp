// What a decoder layer computes between its products while it is trained: RMS norm, rotation (RoPE), SwiGLU, and the
// log-probability behind the head; each forward and backward, in one pass over memory where torch takes five to fifteen.
//
// Numbers are fp32, rows follow each other without gaps. A row's numbers depend neither on the rows beside it nor on the
// threads, and sums over rows run in the rows' order, so a training is the same to the last bit with any number of threads.

#include <omp.h>

#include <cmath>
#include <cstdint>

#include "vectors.hpp"

namespace {

constexpr int64_t LEAST = 1 << 14;  // numbers that are worth a second thread

float dot(const float *first, const float *second, int64_t count) {
    Lanes sums{};
    int64_t at = 0;
    for (; at + LANES <= count; at += LANES) sums += lanes_at(first + at) * lanes_at(second + at);
    float sum = 0;
    for (int lane = 0; lane < LANES; lane++) sum += sums[lane];
    for (; at < count; at++) sum += first[at] * second[at];
    return sum;
}

float dot(const float *first, const float *second, const float *third, int64_t count) {
    Lanes sums{};
    int64_t at = 0;
    for (; at + LANES <= count; at += LANES) {
        sums += lanes_at(first + at) * lanes_at(second + at) * lanes_at(third + at);
    }
    float sum = 0;
    for (int lane = 0; lane < LANES; lane++) sum += sums[lane];
    for (; at < count; at++) sum += first[at] * second[at] * third[at];
    return sum;
}

// Calls `of(at, count)` for numbers in whole vectors, the last of them copied from and to where fewer are left.
template <typename Of>
void by_lanes(int64_t count, int threads, Of of) {
    const int64_t whole = count / LANES;
#pragma omp parallel for num_threads(threads) if (count > LEAST)
    for (int64_t vector = 0; vector < whole; vector++) of(vector * LANES, LANES);
    if (whole * LANES < count) of(whole * LANES, int(count - whole * LANES));
}

Lanes some_at(const float *from, int count) {
    if (count == LANES) return lanes_at(from);
    Lanes some{};
    for (int lane = 0; lane < count; lane++) some[lane] = from[lane];
    return some;
}

void put(Lanes some, float *to, int count) {
    if (count == LANES) {
        lanes_at(to) = some;
    } else {
        for (int lane = 0; lane < count; lane++) to[lane] = some[lane];
    }
}

// The halves of one head; `back`: by the transposed matrix.
void turn(const float *in, const float *cosine, const float *sine, int64_t half, bool back, float *__restrict out) {
    const float *sine_low = back ? sine + half : sine, *sine_high = back ? sine : sine + half;
    const float sign = back ? -1.0f : 1.0f;
#pragma omp simd
    for (int64_t at = 0; at < half; at++) {
        const float low = in[at], high = in[at + half];
        out[at] = low * cosine[at] - sign * (high * sine_low[at]);
        out[at + half] = high * cosine[at + half] + sign * (low * sine_high[at]);
    }
}

float log_sum(const float *logits, int64_t count) {
    Lanes tops = some_at(logits, int(count < LANES ? count : LANES));
    for (int lane = int(count); lane < LANES; lane++) tops[lane] = logits[0];
    int64_t at = 0;
    for (; at + LANES <= count; at += LANES) tops = lanes_at(logits + at) > tops ? lanes_at(logits + at) : tops;
    float top = tops[0];
    for (int lane = 1; lane < LANES; lane++) top = tops[lane] > top ? tops[lane] : top;
    for (; at < count; at++) top = logits[at] > top ? logits[at] : top;
    Lanes sums{};
    for (at = 0; at + LANES <= count; at += LANES) sums += exponential(lanes_at(logits + at) - top);
    double sum = 0;
    for (int lane = 0; lane < LANES; lane++) sum += sums[lane];
    for (; at < count; at++) sum += std::exp(logits[at] - top);
    return top + float(std::log(sum));
}

}  // namespace

extern "C" {

// `inverse` [rows]: one divided by the root mean square, kept for the way back.
void norm_forward(const float *from, const float *weights, int64_t rows, int64_t width, float epsilon, float *to,
                  float *inverse, int threads) {
#pragma omp parallel for num_threads(threads) if (rows * width > LEAST)
    for (int64_t row = 0; row < rows; row++) {
        const float *in = from + row * width;
        const float scale = inverse[row] = 1.0f / std::sqrt(dot(in, in, width) / width + epsilon);
        for (int64_t at = 0; at < width; at++) to[row * width + at] = weights[at] * (in[at] * scale);
    }
}

// `weights_gradient`: null where the weights are not trained.
void norm_backward(const float *gradient, const float *from, const float *weights, const float *inverse, int64_t rows,
                   int64_t width, float *to, float *weights_gradient, int threads) {
#pragma omp parallel for num_threads(threads) if (rows * width > LEAST)
    for (int64_t row = 0; row < rows; row++) {
        const float *in = from + row * width, *above = gradient + row * width;
        const float scale = inverse[row], pull = dot(above, in, weights, width) * scale * scale * scale / width;
        for (int64_t at = 0; at < width; at++) to[row * width + at] = above[at] * weights[at] * scale - in[at] * pull;
    }
    if (!weights_gradient) return;
    const int64_t block = 4 * LANES, blocks = (width + block - 1) / block;
#pragma omp parallel for num_threads(threads) if (rows * width > LEAST)
    for (int64_t number = 0; number < blocks; number++) {
        const int64_t begin = number * block, end = begin + block < width ? begin + block : width;
        for (int64_t at = begin; at < end; at++) weights_gradient[at] = 0;
        for (int64_t row = 0; row < rows; row++) {
            const int64_t first = row * width;
            for (int64_t at = begin; at < end; at++) {
                weights_gradient[at] += gradient[first + at] * (from[first + at] * inverse[row]);
            }
        }
    }
}

// Turns the halves of each head [tokens, heads, size] against each other; `back` by the transposed matrix, which is what
// a gradient takes. Token t has the angles t % periods.
void rotate(const float *from, const float *cosines, const float *sines, int64_t tokens, int64_t heads, int64_t size,
            int64_t periods, int64_t back, float *to, int threads) {
    const int64_t half = size / 2;
#pragma omp parallel for num_threads(threads) if (tokens * heads * size > LEAST)
    for (int64_t token = 0; token < tokens; token++) {
        const float *cosine = cosines + token % periods * size, *sine = sines + token % periods * size;
        for (int64_t head = 0; head < heads; head++) {
            const int64_t first = (token * heads + head) * size;
            turn(from + first, cosine, sine, half, back, to + first);
        }
    }
}

void swiglu_forward(const float *gate, const float *up, int64_t count, float *to, int threads) {
    by_lanes(count, threads, [=](int64_t at, int some) {
        const Lanes in = some_at(gate + at, some);
        put(in / (exponential(-in) + 1.0f) * some_at(up + at, some), to + at, some);
    });
}

void swiglu_backward(const float *gradient, const float *gate, const float *up, int64_t count, float *to_gate,
                     float *to_up, int threads) {
    by_lanes(count, threads, [=](int64_t at, int some) {
        const Lanes in = some_at(gate + at, some), above = some_at(gradient + at, some);
        const Lanes open = 1.0f / (exponential(-in) + 1.0f);
        put(above * in * open, to_up + at, some);
        put(above * some_at(up + at, some) * open * (1.0f + in * (1.0f - open)), to_gate + at, some);
    });
}

// `log_sums` [rows]: logarithms of the sums of exponentials, kept for the way back.
void log_probability_forward(const float *logits, const int64_t *targets, int64_t rows, int64_t vocabulary, float *to,
                             float *log_sums, int threads) {
#pragma omp parallel for num_threads(threads) if (rows * vocabulary > LEAST)
    for (int64_t row = 0; row < rows; row++) {
        log_sums[row] = log_sum(logits + row * vocabulary, vocabulary);
        to[row] = logits[row * vocabulary + targets[row]] - log_sums[row];
    }
}

void log_probability_backward(const float *gradient, const float *logits, const int64_t *targets, const float *log_sums,
                              int64_t rows, int64_t vocabulary, float *to, int threads) {
#pragma omp parallel for num_threads(threads) if (rows * vocabulary > LEAST)
    for (int64_t row = 0; row < rows; row++) {
        const float *in = logits + row * vocabulary;
        float *out = to + row * vocabulary;
        for (int64_t at = 0; at < vocabulary; at += LANES) {
            const int some = vocabulary - at < LANES ? int(vocabulary - at) : LANES;
            put(exponential(some_at(in + at, some) - log_sums[row]) * -gradient[row], out + at, some);
        }
        out[targets[row]] += gradient[row];
    }
}

}  // extern "C"
