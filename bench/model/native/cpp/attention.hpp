// Attention over cached keys and values, which are panels like those of weights.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "products.hpp"

namespace {

// The keys and values of all rows in work, as panels like those of weights: of LANES tokens, each [size][LANES], and of
// LANES numbers of a head, each [width][LANES]. Beyond what was written there may be anything.
struct Table {
    float *keys, *values;  // [layers, places, key heads, width × size], and the same with whole panels of size
    int64_t layers, places, key_heads, size, width;  // one layer: the same memory for all, one after the other
};

// Where tokens stand: each at a column of a place. It sees the columns of its place from `begins` up to its own, and
// what the token numbered `parents` sees, if that is not negative: rows that begin alike share it.
struct Tokens {
    const int64_t *places, *columns, *begins, *parents;
    int64_t count;

    bool together(int64_t token) const {  // with the one before
        return token && places[token] == places[token - 1] && begins[token] == begins[token - 1];
    }
};

struct Span {
    int64_t begin, count;  // columns
};

// What a token sees: its own columns first, then those of its parents.
void see(const Tokens &tokens, int64_t token, std::vector<Span> &spans) {
    spans.clear();
    for (; token >= 0; token = tokens.parents[token])
        spans.push_back({tokens.begins[token], tokens.columns[token] + 1 - tokens.begins[token]});
}

// What one head of one row sees.
struct Cached {
    float *keys, *values;
    int64_t size, width;

    Cached(const Table &table, int64_t layer, int64_t place, int64_t head) : size(table.size), width(table.width) {
        const int64_t at = ((layer % table.layers * table.places + place) * table.key_heads + head) * width;
        keys = table.keys + at * size, values = table.values + at * whole(size);
    }

    void add(const float *key, const float *value, int64_t position) const {
        float *to = keys + position / LANES * LANES * size + position % LANES;
        for (int64_t at = 0; at < size; at++) {
            to[at * LANES] = key[at];
            values[at / LANES * LANES * width + position * LANES + at % LANES] = value[at];
        }
    }
};

// Attention of some queries, packed as one group, over spans of the keys and values of one place; query `q` sees the
// first `seen[q]` columns of the first span, all of which the last query sees, and the others whole. `weights`: room for
// each query and column, in whole panels. Gives take(q, at, number).
template <typename Take>
void attend(const Cached &cached, const float *queries, const std::vector<Span> &spans, const int64_t *seen, int64_t count,
            float scaling, float *weights, Take take) {
    const auto of = [&](int64_t at, int64_t q) -> Lanes & { return *reinterpret_cast<Lanes *>(weights + at * count + q * LANES); };
    const auto visible = [&](const Span &span, int64_t q) { return &span == spans.data() ? seen[q] : span.count; };
    Lanes sums[ROWS], largest[ROWS], total[ROWS] = {};
    for (int64_t q = 0; q < count; q++) largest[q] = Lanes{} - INFINITY;
    int64_t before = 0;
    for (const Span &span : spans) {
        for (int64_t at = 0; at < span.count; at += LANES) {
            tile(count, queries, cached.keys + (span.begin + at) * cached.size, cached.size, sums);
            for (int64_t q = 0; q < count; q++) {
                sums[q] *= scaling;
                for (int64_t lane = std::max<int64_t>(0, visible(span, q) - at); lane < LANES; lane++) sums[q][lane] = -INFINITY;
                largest[q] = sums[q] > largest[q] ? sums[q] : largest[q];
                of(before + at, q) = sums[q];
            }
        }
        before += whole(span.count);
    }
    for (int64_t q = 0; q < count; q++) {
        float top = -INFINITY, sum = 0;
        for (int lane = 0; lane < LANES; lane++) top = std::max(top, largest[q][lane]);
        before = 0;
        for (const Span &span : spans) {
            for (int64_t at = 0; at < span.count; at += LANES) {
                Lanes some = exponential(of(before + at, q) - top);
                for (int64_t lane = std::max<int64_t>(0, visible(span, q) - at); lane < LANES; lane++) some[lane] = 0;
                total[q] += some;
                of(before + at, q) = some;
            }
            before += whole(span.count);
        }
        for (int lane = 0; lane < LANES; lane++) sum += total[q][lane];
        largest[q] = Lanes{} + 1.0f / sum;
    }
    for (int64_t at = 0; at < cached.size; at += LANES) {
        std::fill(total, total + count, Lanes{});
        before = 0;
        for (const Span &span : spans) {
            tile(count, weights + before * count, cached.values + at * cached.width + span.begin * LANES, span.count, sums);
            for (int64_t q = 0; q < count; q++) total[q] += sums[q];
            before += whole(span.count);
        }
        for (int64_t q = 0; q < count; q++) {
            total[q] *= largest[q];
            for (int64_t lane = 0; lane < std::min<int64_t>(LANES, cached.size - at); lane++) take(q, at + lane, total[q][lane]);
        }
    }
}

}  // namespace
