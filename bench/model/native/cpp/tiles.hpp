// Products by a processor's tiles of bf16 (AMX): 16 rows × 32 inputs, times panels of 16 outputs, in one instruction.
//
// Tiles multiply numbers of bf16 exactly and add them up in fp32. A number of fp32 is the sum of three of bf16, of eight bits
// each, so three products of tiles give what fp32 does with weights that are numbers of bf16, at a third of the tiles' rate.
// Every row is summed in the same order, whatever rows are beside it.

#pragma once

#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

namespace tiles {

constexpr int ROWS = 16, INPUTS = 32, NUMBERS = ROWS * INPUTS;  // of a tile
constexpr int PANELS = 4;                                       // whose sums are in tiles at the same time

// Asks the kernel for the tiles' registers; false where it has none to give.
inline bool permitted() { return !syscall(SYS_arch_prctl, /* ARCH_REQ_XCOMP_PERM */ 0x1023, /* tile data */ 18); }

// While there is one, its thread may multiply tiles.
struct Configured {
    Configured() {
        struct alignas(64) {
            uint8_t palette = 1, start = 0, reserved[14] = {};
            uint16_t bytes[16] = {};
            uint8_t rows[16] = {};
        } shapes;
        for (int tile = 0; tile < 8; tile++) shapes.bytes[tile] = 64, shapes.rows[tile] = ROWS;
        _tile_loadconfig(&shapes);
    }
    ~Configured() { _tile_release(); }
};

constexpr int AHEAD = 4;  // tiles between the fetch of weights and their use, where one tile of rows leaves no time for more
constexpr int MOST_ROWS = 512;
// Rows whose packed inputs take half of a second cache of 2 MiB.
inline int64_t rows_in_cache(int64_t inputs, int pieces) {
    const int64_t rows = (1 << 20) / (2 * pieces * inputs) / ROWS * ROWS;
    return rows < ROWS ? ROWS : rows > MOST_ROWS ? MOST_ROWS : rows;
}

constexpr int64_t blocks(int64_t inputs) { return (inputs + INPUTS - 1) / INPUTS; }

// Where a row of `inputs` numbers begins in packed ones: tiles of its rows, those of each 32 inputs' pieces beside each other.
constexpr int64_t begin(int64_t row, int64_t inputs, int pieces) {
    return row / ROWS * blocks(inputs) * pieces * NUMBERS + row % ROWS * INPUTS;
}

// How far behind its beginning a row's number `at` is.
constexpr int64_t offset(int64_t at, int pieces) { return at / INPUTS * pieces * NUMBERS + at % INPUTS; }

// Packs 16 numbers of a row in three pieces.
inline void put(__m512 rest, uint16_t *to) {
    for (int piece = 0; piece < 3; piece++) {
        const __m512i taken = _mm512_and_si512(_mm512_castps_si512(rest), _mm512_set1_epi32(-65536));
        const __m256i numbers = _mm512_cvtepi32_epi16(_mm512_srli_epi32(taken, 16));
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(to + piece * NUMBERS), numbers);
        rest = _mm512_sub_ps(rest, _mm512_castsi512_ps(taken));
    }
}

// Packs 16 numbers of a row, rounded to bf16: to the nearest, of two to the even one.
inline void put_rounded(__m512 numbers, uint16_t *to) {
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(to), (__m256i)_mm512_cvtneps_pbh(numbers));
}

// Sums [panels][16 rows][16 outputs] of one tile of packed rows. A panel has `words` vectors of 16 outputs' two inputs.
// It fetches meanwhile what comes next: these panels' next tiles for the only tile of rows, which each panel meets once; for
// several, as number `part` of `parts`, a share of the panels that are `next` further on, and the rows' next tiles.
template <int N, bool SPLIT>
void multiply(const uint16_t *rows, const float *const *panels, int64_t words, int64_t next, int64_t part, int64_t parts, float *sums) {
    constexpr int STRIDE = 64, LINE = STRIDE / 4, WORDS = ROWS * LINE, PIECES = SPLIT ? 3 : 1;
    alignas(64) float last[N][WORDS];  // of panels that end within a tile
    const int64_t whole = words / ROWS, rest = words % ROWS, from = part * N * ROWS / parts, to = (part + 1) * N * ROWS / parts;
    if (rest)
        for (int n = 0; n < N; n++) {
            std::memcpy(last[n], panels[n] + whole * WORDS, rest * STRIDE);
            std::memset(last[n] + rest * LINE, 0, (ROWS - rest) * STRIDE);
        }
    const auto weights = [&](int n, int64_t block) {
        const float *tile = panels[n] + block * WORDS;
        if (parts == 1)
#pragma GCC unroll 16
            for (int line = 0; line < ROWS; line++) __builtin_prefetch(tile + AHEAD * WORDS + line * LINE);
        return block < whole ? tile : last[n];
    };
#define EACH_PANEL(DO) { DO(0) if constexpr (N > 1) DO(1) if constexpr (N > 2) DO(2) if constexpr (N > 3) DO(3) }
#define ZERO(n) { _tile_zero(n); }
#define ADD(n) { \
        _tile_loadd(7, weights(n, block), STRIDE); \
        _tile_dpbf16ps(n, 4, 7); \
        if constexpr (SPLIT) { _tile_dpbf16ps(n, 5, 7); _tile_dpbf16ps(n, 6, 7); } \
    }
#define STORE(n) { _tile_stored(n, sums + n * ROWS * LINE, STRIDE); }
    EACH_PANEL(ZERO)
    for (int64_t block = 0; block < whole + (rest > 0); block++, rows += PIECES * NUMBERS) {
        if (parts > 1) {
            for (int64_t line = from; line < to; line++)
                __builtin_prefetch(panels[line / ROWS] + next + block * WORDS + line % ROWS * LINE, 0, 2);
#pragma GCC unroll 48
            for (int line = 0; line < PIECES * ROWS; line++) __builtin_prefetch(rows + (PIECES * ROWS + line) * INPUTS);
        }
        _tile_loadd(4, rows, STRIDE);
        if constexpr (SPLIT) {
            _tile_loadd(5, rows + NUMBERS, STRIDE);
            _tile_loadd(6, rows + 2 * NUMBERS, STRIDE);
        }
        EACH_PANEL(ADD)
    }
    EACH_PANEL(STORE)
#undef EACH_PANEL
#undef ZERO
#undef ADD
#undef STORE
}

}  // namespace tiles
