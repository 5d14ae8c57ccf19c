// What Python calls: products of few rows with packed weights, and the pass of a Llama-like decoder that is made of them.
//
// Plain C++ with the vector types of GCC and Clang, compiled for the processor that runs it (`library.py`).

#include <cstdint>

#include "decoder.hpp"

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
    Pass pass(*of, *table, *where, cosines, sines, hidden, by, round);
    Packed last(reads, of->hidden, by, round);
#pragma omp parallel num_threads(threads)
    {
        Attention attention(of->size);
        for (int64_t number = 0; number < of->layer_count; number++)
            for (Chunk &chunk : pass.chunks) pass.layer(number, chunk, attention);
        pass.finish(read, last);
#pragma omp barrier
        write(of->head, last, logits);
    }
}
}
