// What a decoder layer computes between its products while it is trained: RMS norm, rotation (RoPE), SwiGLU and the sum
// with what the layer was given, and the log-probability behind the head; each forward and backward, in one pass over memory
// where torch takes five to fifteen.
//
// Numbers are fp32 or bf16, sums fp32; rows follow each other without gaps. Where numbers of bf16 are added to a stream of
// layers' sums, the stream is of either type. A row's numbers depend neither on the rows beside it nor on the threads, and
// sums over rows run in the rows' order, so a training is the same to the last bit with any number of threads.

#include <omp.h>

#include <cmath>
#include <cstdint>

#include "numbers.hpp"

namespace {

constexpr int64_t LEAST = 1 << 14;  // numbers that are worth a second thread

// Calls `of(at, count)` for numbers from `begin` on, in vectors, the last of them of fewer.
template <typename Of>
inline void by_lanes(int64_t begin, int64_t end, Of of) {
    for (; begin + LANES <= end; begin += LANES) of(begin, LANES);
    if (begin < end) of(begin, int(end - begin));
}

// The same on several threads.
template <typename Of>
void by_lanes(int64_t count, int threads, Of of) {
    const int64_t whole = count / LANES;
#pragma omp parallel for num_threads(threads) if (count > LEAST)
    for (int64_t vector = 0; vector < whole; vector++) of(vector * LANES, LANES);
    if (whole * LANES < count) of(whole * LANES, int(count - whole * LANES));
}

// Sum over a row of `of(at, count)`, which is zero where there are no numbers.
template <typename Of>
float row_sum(int64_t width, Of of) {
    Lanes sums{};
    by_lanes(0, width, [&](int64_t at, int some) { sums += of(at, some); });
    float sum = 0;
    for (int lane = 0; lane < LANES; lane++) sum += sums[lane];
    return sum;
}

template <typename Stream, typename Number>
void normalise(const Stream *from, const float *weights, int64_t rows, int64_t width, float epsilon, Number *to, float *inverse,
               int threads) {
#pragma omp parallel for num_threads(threads) if (rows * width > LEAST)
    for (int64_t row = 0; row < rows; row++) {
        const Stream *in = from + row * width;
        Number *out = to + row * width;
        const float squares = row_sum(width, [=](int64_t at, int some) {
            const Lanes numbers = some_at(in + at, some);
            return numbers * numbers;
        });
        const float scale = 1.0f / std::sqrt(squares / width + epsilon);
        inverse[row] = std::isfinite(squares) ? scale : NAN;  // out is zero then: a training that blew up has to show
        by_lanes(0, width, [=](int64_t at, int some) {
            put(some_at(weights + at, some) * (some_at(in + at, some) * scale), out + at, some);
        });
    }
}

template <typename Stream, typename Number>
void normalise_back(const Number *gradient, const Stream *beside, const Stream *from, const float *weights, const float *inverse,
                    int64_t rows, int64_t width, Stream *to, int threads) {
#pragma omp parallel for num_threads(threads) if (rows * width > LEAST)
    for (int64_t row = 0; row < rows; row++) {
        const int64_t first = row * width;
        const float scale = inverse[row], pull = scale * scale * scale / width * row_sum(width, [=](int64_t at, int some) {
            return some_at(gradient + first + at, some) * some_at(from + first + at, some) * some_at(weights + at, some);
        });
        by_lanes(first, first + width, [=](int64_t at, int some) {
            Lanes sum = some_at(gradient + at, some) * some_at(weights + at - first, some) * scale - some_at(from + at, some) * pull;
            if (beside) sum += some_at(beside + at, some);
            put(sum, to + at, some);
        });
    }
}

// Each thread has its columns, and sums them up in the rows' order.
template <typename Stream, typename Number>
void norm_weights_back(const Number *gradient, const Stream *from, const float *inverse, int64_t rows, int64_t width, float *to,
                       int threads) {
    constexpr int64_t BLOCK = 4 * LANES;
#pragma omp parallel for num_threads(threads) if (rows * width > LEAST)
    for (int64_t begin = 0; begin < width; begin += BLOCK) {
        const int64_t end = begin + BLOCK < width ? begin + BLOCK : width;
        Lanes sums[4] = {};
        for (int64_t row = 0; row < rows; row++) {
            const int64_t first = row * width;
            by_lanes(begin, end, [&](int64_t at, int some) {
                sums[(at - begin) / LANES] += some_at(gradient + first + at, some) * (some_at(from + first + at, some) * inverse[row]);
            });
        }
        by_lanes(begin, end, [&](int64_t at, int some) { put(sums[(at - begin) / LANES], to + at, some); });
    }
}

// The halves of one head; `back`: by the transposed matrix.
template <typename Number>
void turn(const Number *in, const float *cosine, const float *sine, int64_t half, bool back, Number *out) {
    const float *sine_low = back ? sine + half : sine, *sine_high = back ? sine : sine + half;
    const float sign = back ? -1.0f : 1.0f;
    by_lanes(0, half, [=](int64_t at, int some) {
        const Lanes low = some_at(in + at, some), high = some_at(in + half + at, some);
        put(low * some_at(cosine + at, some) - sign * (high * some_at(sine_low + at, some)), out + at, some);
        put(high * some_at(cosine + half + at, some) + sign * (low * some_at(sine_high + at, some)), out + half + at, some);
    });
}

template <typename Number>
void turn_all(const Number *from, const float *cosines, const float *sines, int64_t tokens, int64_t heads, int64_t size,
              int64_t periods, bool back, Number *to, int threads) {
#pragma omp parallel for num_threads(threads) if (tokens * heads * size > LEAST)
    for (int64_t token = 0; token < tokens; token++) {
        const float *cosine = cosines + token % periods * size, *sine = sines + token % periods * size;
        for (int64_t head = 0; head < heads; head++) {
            const int64_t first = (token * heads + head) * size;
            turn(from + first, cosine, sine, size / 2, back, to + first);
        }
    }
}

template <typename Number>
void swiglu(const Number *gate, const Number *up, int64_t count, Number *to, int threads) {
    by_lanes(count, threads, [=](int64_t at, int some) {
        const Lanes in = some_at(gate + at, some);
        put(in / (exponential(-in) + 1.0f) * some_at(up + at, some), to + at, some);
    });
}

template <typename Number>
void swiglu_back(const Number *gradient, const Number *gate, const Number *up, int64_t count, Number *to_gate, Number *to_up,
                 int threads) {
    by_lanes(count, threads, [=](int64_t at, int some) {
        const Lanes in = some_at(gate + at, some), above = some_at(gradient + at, some);
        const Lanes open = 1.0f / (exponential(-in) + 1.0f);
        put(above * in * open, to_up + at, some);
        put(above * some_at(up + at, some) * open * (1.0f + in * (1.0f - open)), to_gate + at, some);
    });
}

// Calls `of` with a number of the stream's type and one of the other numbers' type.
template <typename Of>
void by_types(int64_t stream_halved, int64_t halved, Of of) {
    if (stream_halved)
        of(Half{}, Half{});
    else if (halved)
        of(float{}, Half{});
    else
        of(float{}, float{});
}

// Memory as numbers of the type of `like`.
template <typename Number> const Number *as(const void *memory, Number) { return static_cast<const Number *>(memory); }
template <typename Number> Number *as(void *memory, Number) { return static_cast<Number *>(memory); }

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
void norm_forward(int64_t stream_halved, int64_t halved, const void *from, const float *weights, int64_t rows, int64_t width,
                  float epsilon, void *to, float *inverse, int threads) {
    by_types(stream_halved, halved, [=](auto stream, auto number) {
        normalise(as(from, stream), weights, rows, width, epsilon, as(to, number), inverse, threads);
    });
}

// `beside`: null, or what is added to the gradient. `weights_gradient`: null where the weights are not trained.
void norm_backward(int64_t stream_halved, int64_t halved, const void *gradient, const void *beside, const void *from,
                   const float *weights, const float *inverse, int64_t rows, int64_t width, void *to, float *weights_gradient,
                   int threads) {
    by_types(stream_halved, halved, [=](auto stream, auto number) {
        const auto above = as(gradient, number);
        const auto in = as(from, stream);
        normalise_back(above, as(beside, stream), in, weights, inverse, rows, width, as(to, stream), threads);
        if (weights_gradient) norm_weights_back(above, in, inverse, rows, width, weights_gradient, threads);
    });
}

// Turns the halves of each head [tokens, heads, size] against each other; `back` by the transposed matrix, which is what
// a gradient takes. Token t has the angles t % periods. `to` may be `from`.
void rotate(int64_t halved, const void *from, const float *cosines, const float *sines, int64_t tokens, int64_t heads,
            int64_t size, int64_t periods, int64_t back, void *to, int threads) {
    by_types(halved, halved, [=](auto number, auto) {
        turn_all(as(from, number), cosines, sines, tokens, heads, size, periods, back, as(to, number), threads);
    });
}

void swiglu_forward(int64_t halved, const void *gate, const void *up, int64_t count, void *to, int threads) {
    by_types(halved, halved, [=](auto number, auto) { swiglu(as(gate, number), as(up, number), count, as(to, number), threads); });
}

void swiglu_backward(int64_t halved, const void *gradient, const void *gate, const void *up, int64_t count, void *to_gate,
                     void *to_up, int threads) {
    by_types(halved, halved, [=](auto number, auto) {
        swiglu_back(as(gradient, number), as(gate, number), as(up, number), count, as(to_gate, number), as(to_up, number), threads);
    });
}

// Numbers of the stream and others, added up.
void add(int64_t stream_halved, int64_t halved, const void *from, const void *more, int64_t count, void *to, int threads) {
    by_types(stream_halved, halved, [=](auto stream, auto number) {
        const auto one = as(from, stream);
        const auto other = as(more, number);
        const auto out = as(to, stream);
        by_lanes(count, threads, [=](int64_t at, int some) { put(some_at(one + at, some) + some_at(other + at, some), out + at, some); });
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
