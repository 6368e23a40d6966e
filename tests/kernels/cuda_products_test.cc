// The one place where row-major becomes column-major, against the plain row-major product.
#include "kernels/cuda_products.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "kernels/plain_product.h"

namespace pprun::kernels {
namespace {

std::vector<float> Random(int64_t count, std::mt19937& generator) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(generator() >> 8) * 0x1p-23F - 1;
  return values;
}

// Element (row, column) of op(matrix) where the matrix is stored column by column.
float At(const std::vector<float>& matrix, MatrixForm form, int64_t stride, int64_t row,
         int64_t column) {
  const int64_t index = form == MatrixForm::kPlain ? row + column * stride : column + row * stride;
  return matrix[static_cast<size_t>(index)];
}

TEST(ColumnMajorOf, ComputesTheSameMatrixInTheSameMemory) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 generator(seed);
  for (const MatrixForm a_form : {MatrixForm::kPlain, MatrixForm::kTransposed}) {
    for (const MatrixForm b_form : {MatrixForm::kPlain, MatrixForm::kTransposed}) {
      for (const Result result : {Result::kOverwrite, Result::kAccumulate}) {
        for (int repeat = 0; repeat < 20; ++repeat) {
          const int64_t m = 1 + generator() % 9;
          const int64_t n = 1 + generator() % 9;
          const int64_t k = 1 + generator() % 9;
          Product product = DenseProduct(m, n, k, a_form, b_form, result);
          product.a_stride += generator() % 3;
          product.b_stride += generator() % 3;
          product.c_stride += generator() % 3;
          const auto a = Random((m + k) * product.a_stride, generator);
          const auto b = Random((n + k) * product.b_stride, generator);
          std::vector<float> expected = Random(m * product.c_stride, generator);
          std::vector<float> actual = expected;
          MultiplyPlain(product, a.data(), b.data(), nullptr, expected.data());

          const ColumnMajorProduct shape = ColumnMajorOf(product);
          for (int64_t column = 0; column < shape.n; ++column) {
            for (int64_t row = 0; row < shape.m; ++row) {
              float& to = actual[static_cast<size_t>(row + column * shape.result_stride)];
              float sum = result == Result::kAccumulate ? to : 0.0F;
              for (int64_t i = 0; i < shape.k; ++i) {
                sum += At(b, shape.first_form, shape.first_stride, row, i) *
                       At(a, shape.second_form, shape.second_stride, i, column);
              }
              to = sum;
            }
          }
          for (size_t i = 0; i < expected.size(); ++i)
            ASSERT_NEAR(actual[i], expected[i], 1e-5F) << "element " << i;
        }
      }
    }
  }
}

// What a library requires of a stride: at least the length of a stored column.
TEST(ColumnMajorOf, GivesStridesThatHoldAColumn) {
  for (const MatrixForm a_form : {MatrixForm::kPlain, MatrixForm::kTransposed}) {
    for (const MatrixForm b_form : {MatrixForm::kPlain, MatrixForm::kTransposed}) {
      const ColumnMajorProduct shape =
          ColumnMajorOf(DenseProduct(3, 5, 7, a_form, b_form, Result::kOverwrite));
      const bool first_plain = shape.first_form == MatrixForm::kPlain;
      const bool second_plain = shape.second_form == MatrixForm::kPlain;
      EXPECT_EQ(shape.first_stride, first_plain ? shape.m : shape.k);
      EXPECT_EQ(shape.second_stride, second_plain ? shape.k : shape.n);
      EXPECT_EQ(shape.result_stride, shape.m);
    }
  }
}

}  // namespace
}  // namespace pprun::kernels
