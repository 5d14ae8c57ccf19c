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

// What one head of one row sees.
struct Cached {
    float *keys, *values;
    int64_t size, width;

    Cached(const Table &table, int64_t layer, int64_t place, int64_t head) : size(table.size), width(table.width) {
        const int64_t at = ((layer % table.layers * table.places + place) * table.key_heads + head) * width;
        keys = table.keys + at * size, values = table.values + at * whole(size);
    }

    void add(const float *key, const float *value, int64_t position) const {
        float *const lane = keys + position / LANES * LANES * size + position % LANES;
        float *const panel = values + position * LANES;
        for (int64_t at = 0; at < size; at++) lane[at * LANES] = key[at];
        for (int64_t at = 0; at < size; at += LANES) copy_lanes(value + at, size - at, panel + at * width);
    }
};

// Attention of a group of queries to the keys and values of one place.
class Attention {
    const int64_t size;
    std::vector<Span> spans;
    std::vector<float> queries, weights;  // [size / LANES][queries][LANES], and the same of the spans' columns in whole panels
    Lanes sums[ROWS], largest[ROWS];

  public:
    int64_t seen[ROWS];  // columns of the first span that each query sees: the last one all, and all the other spans whole

    explicit Attention(int64_t size) : size(size), queries(whole(size) * ROWS) {}

    // Takes the spans that a token sees: its own columns first, then those of its parents.
    void see(const Tokens &tokens, int64_t token) {
        int64_t columns = 0;
        for (spans.clear(); token >= 0; token = tokens.parents[token]) {
            spans.push_back({tokens.begins[token], tokens.columns[token] + 1 - tokens.begins[token]});
            columns += whole(spans.back().count);
        }
        if (weights.size() < static_cast<size_t>(columns * ROWS)) weights.resize(columns * ROWS);
    }

    // Puts what each query takes of the values into its place, query_of(q).
    template <typename QueryOf> void attend(const Cached &cached, int64_t count, float scaling, QueryOf query_of) {
        for (int64_t q = 0; q < count; q++)
            for (int64_t at = 0; at < size; at += LANES) copy_lanes(query_of(q) + at, size - at, &queries[at * count + q * LANES]);
        score(cached, count, scaling);
        Lanes shares[ROWS];
        for (int64_t q = 0; q < count; q++) shares[q] = Lanes{} + 1.0f / weigh(q, count);
        for (int64_t at = 0; at < size; at += LANES) {
            Lanes taken[ROWS] = {};
            mix(cached, at, count, taken);
            for (int64_t q = 0; q < count; q++) {
                taken[q] *= shares[q];
                copy_lanes(reinterpret_cast<const float *>(&taken[q]), size - at, query_of(q) + at);
            }
        }
    }

  private:
    Lanes &weights_of(int64_t q, int64_t count, int64_t column) { return lanes_at(&weights[column * count + q * LANES]); }

    // Calls take(column of the place, column among all spans, lanes) for each panel; query q sees lanes(q).
    template <typename Take> void each_panel(Take take) {
        int64_t before = 0;
        for (const Span &span : spans) {
            const bool own = &span == spans.data();
            for (int64_t at = 0; at < span.count; at += LANES)
                take(span.begin + at, before + at, [=](int64_t q) { return (own ? seen[q] : span.count) - at; });
            before += whole(span.count);
        }
    }

    // Scaled products of queries and keys, and each query's largest; of what a query does not see, minus infinity.
    void score(const Cached &cached, int64_t count, float scaling) {
        for (int64_t q = 0; q < count; q++) largest[q] = Lanes{} - INFINITY;
        each_panel([&](int64_t column, int64_t at, auto lanes) {
            tile(count, queries.data(), cached.keys + column * size, size, sums);
            for (int64_t q = 0; q < count; q++) {
                const Lanes scores = first_lanes(sums[q] * scaling, lanes(q), -INFINITY);
                largest[q] = scores > largest[q] ? scores : largest[q];
                weights_of(q, count, at) = scores;
            }
        });
    }

    // Powers of e of a query's scores in place of them; their sum.
    float weigh(int64_t q, int64_t count) {
        float top = -INFINITY, sum = 0;
        for (int lane = 0; lane < LANES; lane++) top = std::max(top, largest[q][lane]);
        Lanes total = {};
        each_panel([&](int64_t, int64_t at, auto lanes) {
            Lanes &scores = weights_of(q, count, at);
            scores = first_lanes(exponential(scores - top), lanes(q), 0);
            total += scores;
        });
        for (int lane = 0; lane < LANES; lane++) sum += total[lane];
        return sum;
    }

    // Adds LANES numbers of the values, from number `at` on, by their weights.
    void mix(const Cached &cached, int64_t at, int64_t count, Lanes *taken) {
        int64_t before = 0;
        for (const Span &span : spans) {
            tile(count, &weights[before * count], cached.values + at * cached.width + span.begin * LANES, span.count, sums);
            for (int64_t q = 0; q < count; q++) taken[q] += sums[q];
            before += whole(span.count);
        }
    }
};

}  // namespace
