#include "kernels/plain_product.h"

#include <algorithm>

#include "kernels/vectorise.h"

namespace pprun::kernels {
namespace {

// The tile of C that stays in registers: kTileRows x 16 columns. B is copied into panels of 16
// columns by kDepth rows (16 KiB, in the first cache), which all rows of A then pass.
constexpr int kTileRows = 6;
constexpr int64_t kColumns = kLanes;
constexpr int64_t kDepth = 256;

// c[row][0..16) += sum over k of a[row, k] * panel[k][0..16)
template <int rows>
PPRUN_INLINE void Tile(const float* a, int64_t a_row, int64_t a_column, const float* panel,
                       int64_t depth, float* c, int64_t c_row) {
  FloatLanes sum[rows];
#pragma GCC unroll 8
  for (int row = 0; row < rows; ++row) sum[row] = LoadLanes(c + row * c_row);
  for (int64_t k = 0; k < depth; ++k) {
    const FloatLanes b = LoadLanes(panel + k * kColumns);
#pragma GCC unroll 8
    for (int row = 0; row < rows; ++row) sum[row] += a[row * a_row + k * a_column] * b;
  }
#pragma GCC unroll 8
  for (int row = 0; row < rows; ++row) StoreLanes(sum[row], c + row * c_row);
}

PPRUN_INLINE void TileOf(int64_t rows, const float* a, int64_t a_row, int64_t a_column,
                         const float* panel, int64_t depth, float* c, int64_t c_row) {
  switch (rows) {
    case 6:
      return Tile<6>(a, a_row, a_column, panel, depth, c, c_row);
    case 5:
      return Tile<5>(a, a_row, a_column, panel, depth, c, c_row);
    case 4:
      return Tile<4>(a, a_row, a_column, panel, depth, c, c_row);
    case 3:
      return Tile<3>(a, a_row, a_column, panel, depth, c, c_row);
    case 2:
      return Tile<2>(a, a_row, a_column, panel, depth, c, c_row);
    default:
      return Tile<1>(a, a_row, a_column, panel, depth, c, c_row);
  }
}

// Columns beyond `columns` become zeros.
PPRUN_INLINE void PackPanel(const float* b, int64_t b_row, int64_t b_column, int64_t depth,
                            int64_t columns, float* panel) {
  if (b_column == 1 && columns == kColumns) {
    for (int64_t k = 0; k < depth; ++k) StoreLanes(LoadLanes(b + k * b_row), panel + k * kColumns);
    return;
  }
  for (int64_t k = 0; k < depth; ++k) {
    for (int64_t j = 0; j < kColumns; ++j) {
      panel[k * kColumns + j] = j < columns ? b[k * b_row + j * b_column] : 0.0F;
    }
  }
}

PPRUN_VECTORISED
void Accumulate(const Product& product, const float* a, const float* b, float* c) {
  const bool a_plain = product.a_form == MatrixForm::kPlain;
  const bool b_plain = product.b_form == MatrixForm::kPlain;
  const int64_t a_row = a_plain ? product.a_stride : 1;
  const int64_t a_column = a_plain ? 1 : product.a_stride;
  const int64_t b_row = b_plain ? product.b_stride : 1;
  const int64_t b_column = b_plain ? 1 : product.b_stride;
  const int64_t c_row = product.c_stride;
  alignas(64) float panel[kDepth * kColumns];
  alignas(64) float edge[kTileRows * kColumns];
  for (int64_t first = 0; first < product.k; first += kDepth) {
    const int64_t depth = std::min(kDepth, product.k - first);
    for (int64_t j = 0; j < product.n; j += kColumns) {
      const int64_t columns = std::min(kColumns, product.n - j);
      PackPanel(b + first * b_row + j * b_column, b_row, b_column, depth, columns, panel);
      for (int64_t i = 0; i < product.m; i += kTileRows) {
        const int64_t rows = std::min<int64_t>(kTileRows, product.m - i);
        const float* a_tile = a + i * a_row + first * a_column;
        float* c_tile = c + i * c_row + j;
        if (columns == kColumns) {
          TileOf(rows, a_tile, a_row, a_column, panel, depth, c_tile, c_row);
          continue;
        }
        for (int64_t row = 0; row < rows; ++row) {
          StoreLanes(LoadSomeLanes(c_tile + row * c_row, columns), edge + row * kColumns);
        }
        TileOf(rows, a_tile, a_row, a_column, panel, depth, edge, kColumns);
        for (int64_t row = 0; row < rows; ++row) {
          std::copy_n(edge + row * kColumns, columns, c_tile + row * c_row);
        }
      }
    }
  }
}

}  // namespace

void MultiplyPlain(const Product& product, const float* a, const float* b, const float* bias,
                   float* c) {
  for (int64_t i = 0; i < product.m; ++i) {
    float* row = c + i * product.c_stride;
    if (product.result == Result::kOverwrite) {
      if (bias != nullptr) {
        std::copy_n(bias, product.n, row);
      } else {
        std::fill_n(row, product.n, 0.0F);
      }
    } else if (bias != nullptr) {
      for (int64_t j = 0; j < product.n; ++j) row[j] += bias[j];
    }
  }
  Accumulate(product, a, b, c);
}

}  // namespace pprun::kernels
