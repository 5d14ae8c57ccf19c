// The pass of a Llama-like decoder: norms, products and attention, layer by layer.
//
// All threads run all of it; each has a share of the tokens, or of a product's outputs, and waits for the others where it
// reads what they wrote.

#pragma once

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

// Tokens that pass through a layer before the next do: what is between its products stays in a cache.
constexpr int64_t CHUNK = 2 * BLOCK;

// How queries are put into groups that see the same keys: the heads that share them, of tokens that follow each other.
struct QueryGroups {
    int64_t shared, parts, each;  // heads of the same keys, in so many parts of at most `each`
    std::vector<int64_t> starts;  // first tokens of the runs, and the end

    QueryGroups(const Decoder &of, const Tokens &where, int64_t begin, int64_t end)
        : shared(of.heads / of.key_heads), parts((shared + ROWS - 1) / ROWS), each((shared + parts - 1) / parts) {
        for (int64_t token = begin; token < end; token++)
            if (starts.empty() || !where.together(token) || (token - starts.back() + 1) * each > ROWS) starts.push_back(token);
        starts.push_back(end);
    }
};

// Some tokens that follow each other, and what products read of them.
struct Chunk {
    int64_t begin, end;
    QueryGroups groups;
    Packed narrowed, attended, widened;
};

// One pass of tokens: hidden [tokens, hidden] in place, cosines and sines [tokens, size].
struct Pass {
    const Decoder &of;
    const Table &table;
    const Tokens &where;
    const float *cosines, *sines;
    float *hidden;
    const int64_t size = of.size, wide = of.heads * size, narrow = of.key_heads * size;
    std::vector<Chunk> chunks;
    std::vector<float> queries, keys, values;  // of one chunk

    Pass(const Decoder &of, const Table &table, const Tokens &where, const float *cosines, const float *sines, float *hidden,
         By by, bool round)
        : of(of), table(table), where(where), cosines(cosines), sines(sines), hidden(hidden) {
        const int64_t most = std::min(CHUNK, where.count);
        queries.resize(most * wide), keys.resize(most * narrow), values.resize(most * narrow);
        const Packed narrowed(most, of.hidden, by, round), attended(most, wide, by, round), widened(most, of.inner, by, round);
        for (int64_t begin = 0; begin < where.count; begin += most) {
            const int64_t end = std::min(begin + most, where.count), count = end - begin;
            chunks.push_back({begin, end, QueryGroups(of, where, begin, end), narrowed.first(count), attended.first(count),
                              widened.first(count)});
        }
    }

    // Passes this thread's share of a chunk through a layer.
    void layer(int64_t number, Chunk &chunk, Attention &attention) {
        const Layer &layer = of.layers[number];
        float *const states = hidden + chunk.begin * of.hidden;
        normalise_all(layer.attention_norm, states, chunk.narrowed);
#pragma omp barrier
        write(layer.query, chunk.narrowed, queries.data());
        write(layer.key, chunk.narrowed, keys.data());
        write(layer.value, chunk.narrowed, values.data());
#pragma omp barrier
        keep(layer, number, chunk);
#pragma omp barrier
        attend_all(number, chunk, attention);
#pragma omp barrier
        chunk.attended.put_all(queries.data());
#pragma omp barrier
        write(layer.output, chunk.attended, states, true);
#pragma omp barrier
        normalise_all(layer.perceptron_norm, states, chunk.narrowed);
#pragma omp barrier
        widen(layer, chunk);
#pragma omp barrier
        write(layer.down, chunk.widened, states, true);
#pragma omp barrier
    }

    void normalise_all(const float *weights, const float *states, Packed &to) {
        std::vector<float> row(of.hidden);
        const Share mine(to.groups.rows);
        for (int64_t token = mine.begin; token < mine.end; token++) {
            normalise(states + token * of.hidden, weights, row.data(), of.hidden, of.epsilon);
            to.put(token, row.data());
        }
    }

    // Turns queries and keys by their tokens' positions, and keeps keys and values in the table.
    void keep(const Layer &layer, int64_t number, const Chunk &chunk) {
        const Share mine(chunk.end - chunk.begin);
        for (int64_t row = mine.begin; row < mine.end; row++) {
            const int64_t token = chunk.begin + row;
            float *key = &keys[row * narrow], *value = &values[row * narrow];
            turn(&queries[row * wide], of.heads, layer.query_norm, token);
            turn(key, of.key_heads, layer.key_norm, token);
            for (int64_t head = 0; head < of.key_heads; head++)
                Cached(table, number, where.places[token], head).add(key + head * size, value + head * size, where.columns[token]);
        }
    }

    void turn(float *states, int64_t count, const float *norm, int64_t token) {
        for (int64_t head = 0; head < count; head++, states += size) {
            if (norm) normalise(states, norm, states, size, of.epsilon);
            rotate(states, cosines + token * size, sines + token * size, size);
        }
    }

    void attend_all(int64_t number, const Chunk &chunk, Attention &attention) {
        const QueryGroups &groups = chunk.groups;
        const int64_t units = (static_cast<int64_t>(groups.starts.size()) - 1) * of.key_heads * groups.parts;
        for (int64_t unit = omp_get_thread_num(); unit < units; unit += omp_get_num_threads())
            attend_group(number, chunk, unit / groups.parts / of.key_heads, unit / groups.parts % of.key_heads,
                         unit % groups.parts * groups.each, attention);
    }

    // Attention of a run's tokens in the heads from `first` on of those that share a head of keys; what it gives takes the
    // place of the queries.
    void attend_group(int64_t number, const Chunk &chunk, int64_t run, int64_t head, int64_t first, Attention &attention) {
        const QueryGroups &groups = chunk.groups;
        const int64_t begin = groups.starts[run], end = groups.starts[run + 1];
        const int64_t heads = std::min(groups.each, groups.shared - first);
        const auto query_of = [&](int64_t q) {
            return &queries[(begin - chunk.begin + q / heads) * wide + (head * groups.shared + first + q % heads) * size];
        };
        attention.see(where, end - 1);
        for (int64_t q = 0; q < (end - begin) * heads; q++)
            attention.seen[q] = where.columns[begin + q / heads] - where.begins[begin] + 1;
        attention.attend(Cached(table, number, where.places[begin], head), (end - begin) * heads, of.scaling, query_of);
    }

    // SwiGLU
    void widen(const Layer &layer, Chunk &chunk) {
        products<2>({layer.gate, layer.up}, chunk.narrowed, [&](auto begin, auto rows, auto at, auto, auto sums) {
            for (int64_t row = 0; row < rows; row++) {
                const Lanes gate = sums[0][row];
                chunk.widened.put(begin + row, at, gate / (exponential(-gate) + 1.0f) * sums[1][row]);
            }
        });
    }

    // Packs the tokens numbered `read` for the head.
    void finish(const int64_t *read, Packed &last) {
        std::vector<float> row(of.hidden);
        const Share mine(last.groups.rows);
        for (int64_t number = mine.begin; number < mine.end; number++) {
            normalise(hidden + read[number] * of.hidden, of.norm, row.data(), of.hidden, of.epsilon);
            last.put(number, row.data());
        }
    }
};

}  // namespace
