// Weights as the panels that products read (`products.hpp`): the rows of a panel side by side.

#include <omp.h>

#include <algorithm>
#include <cstdint>

#include "vectors.hpp"

extern "C" {

// Words [rows, columns] as panels [rows / LANES, columns, LANES]: each is a number of fp32 or two of bf16. The last panel
// is filled up with zeros.
void pack(const uint32_t *words, uint32_t *panels, int64_t rows, int64_t columns, int threads) {
#pragma omp parallel for num_threads(threads)
    for (int64_t first = 0; first < rows; first += LANES) {
        const int64_t count = std::min<int64_t>(LANES, rows - first);
        uint32_t *panel = panels + first * columns;
        if (count < LANES) std::fill_n(panel, columns * LANES, 0);
        for (int64_t column = 0; column < columns; column++)
            for (int64_t lane = 0; lane < count; lane++) panel[column * LANES + lane] = words[(first + lane) * columns + column];
    }
}
}
