// Products of few rows with packed weights, and the pass of a Llama-like decoder that is made of them.
//
// Plain C++ with the vector types of GCC and Clang, compiled for the processor that runs it (`library.py`).

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "attention.hpp"

namespace {

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

}  // namespace

extern "C" {

int64_t lanes() { return LANES; }

// The best way to multiply weights of bf16 here; asked before the first product.
int bf16_products() {
#ifdef TILES
    if (tiles::permitted()) return TILED;
#endif
#ifdef PAIRS
    return WORDS;
#else
    return WIDENED;
#endif
}

// outputs [rows, outputs] of inputs [rows, inputs]
void linear(const Linear *of, const float *inputs, float *outputs, int64_t rows, By by, int threads) {
    Packed packed(rows, of->inputs, by, false);
#pragma omp parallel num_threads(threads)
    {
        packed.put_all(inputs);
#pragma omp barrier
        write(*of, packed, outputs);
    }
}

// The same of numbers of bf16, rounded to such
void linear_of_bf16(const Linear *of, const uint16_t *inputs, uint16_t *outputs, int64_t rows, By by, int threads) {
    Packed packed(rows, of->inputs, by, true);
#pragma omp parallel num_threads(threads)
    {
        packed.put_all(inputs);
#pragma omp barrier
        products<1>({*of}, packed, [&](auto begin, auto count, auto at, auto lanes, auto sums) {
            for (int64_t row = 0; row < count; row++)
                for (int64_t lane = 0; lane < lanes; lane++)
                    outputs[(begin + row) * of->outputs + at + lane] = bf16(sums[0][row][lane]);
        });
    }
}

// Passes tokens through all layers: hidden [tokens, hidden] in place, cosines and sines [tokens, size]. Logits [reads,
// vocabulary] of the tokens numbered `read`. The inputs of products are rounded to bf16 where `round`; all else is in fp32.
void decode(const Decoder *of, const Table *table, float *hidden, const float *cosines, const float *sines, const Tokens *where,
            const int64_t *read, int64_t reads, float *logits, By by, int round, int threads) {
    const int64_t tokens = where->count;
    const int64_t width = of->hidden, size = of->size, wide = of->heads * size, narrow = of->key_heads * size;
    const int64_t shared = of->heads / of->key_heads, parts = (shared + ROWS - 1) / ROWS, each = (shared + parts - 1) / parts;
    std::vector<int64_t> starts;  // of runs of tokens that follow each other, whose queries are a group
    for (int64_t token = 0; token < tokens; token++)
        if (!where->together(token) || (token - starts.back() + 1) * each > ROWS) starts.push_back(token);
    const int64_t runs = starts.size();
    starts.push_back(tokens);
    Packed narrowed(tokens, width, by, round), attended(tokens, wide, by, round), widened(tokens, of->inner, by, round);
    Packed last(reads, width, by, round);
    std::vector<float> queries(tokens * wide), keys(tokens * narrow), values(tokens * narrow);
#pragma omp parallel num_threads(threads)
    {
        std::vector<float> row(std::max(width, whole(size) * ROWS)), scores(table->width * ROWS);
        std::vector<Span> spans;
        int64_t seen[ROWS];
        const Share mine(tokens), mine_read(reads);
        const auto normed = [&](const float *weights) {
            for (int64_t token = mine.begin; token < mine.end; token++) {
                normalise(hidden + token * width, weights, row.data(), width, of->epsilon);
                narrowed.put(token, row.data());
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
            write(layer.query, narrowed, queries.data());
            write(layer.key, narrowed, keys.data());
            write(layer.value, narrowed, values.data());
#pragma omp barrier
            for (int64_t token = mine.begin; token < mine.end; token++) {
                float *key = &keys[token * narrow], *value = &values[token * narrow];
                turned(&queries[token * wide], of->heads, layer.query_norm, token);
                turned(key, of->key_heads, layer.key_norm, token);
                for (int64_t head = 0; head < of->key_heads; head++)
                    Cached(*table, number, where->places[token], head)
                        .add(key + head * size, value + head * size, where->columns[token]);
            }
#pragma omp barrier
            for (int64_t unit = omp_get_thread_num(); unit < runs * of->key_heads * parts; unit += omp_get_num_threads()) {
                const int64_t run = unit / parts / of->key_heads, head = unit / parts % of->key_heads;
                const int64_t first = unit % parts * each, heads = std::min(each, shared - first), begin = starts[run];
                const int64_t count = (starts[run + 1] - begin) * heads;
                const auto query_of = [&](int64_t q) {
                    return &queries[(begin + q / heads) * wide + (head * shared + first + q % heads) * size];
                };
                for (int64_t q = 0; q < count; q++) {
                    const float *query = query_of(q);
                    for (int64_t at = 0; at < size; at += LANES)
                        std::copy_n(query + at, std::min<int64_t>(LANES, size - at), &row[at * count + q * LANES]);
                    seen[q] = where->columns[begin + q / heads] - where->begins[begin] + 1;
                }
                see(*where, starts[run + 1] - 1, spans);
                attend(Cached(*table, number, where->places[begin], head), row.data(), spans, seen, count, of->scaling,
                       scores.data(), [&](int64_t q, int64_t at, float number) { query_of(q)[at] = number; });  // in place of the query
            }
#pragma omp barrier
            for (int64_t token = mine.begin; token < mine.end; token++) attended.put(token, &queries[token * wide]);
#pragma omp barrier
            write(layer.output, attended, hidden, true);
#pragma omp barrier
            normed(layer.perceptron_norm);
#pragma omp barrier
            products<2>({layer.gate, layer.up}, narrowed, [&](auto begin, auto rows, auto at, auto, auto sums) {
                for (int64_t row = 0; row < rows; row++) {
                    const Lanes gate = sums[0][row];
                    widened.put(begin + row, at, gate / (exponential(-gate) + 1.0f) * sums[1][row]);
                }
            });
#pragma omp barrier
            write(layer.down, widened, hidden, true);
#pragma omp barrier
        }
        for (int64_t number = mine_read.begin; number < mine_read.end; number++) {
            normalise(hidden + read[number] * width, of->norm, row.data(), width, of->epsilon);
            last.put(number, row.data());
        }
#pragma omp barrier
        write(of->head, last, logits);
    }
}
}
