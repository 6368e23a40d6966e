// Every implementation against sums in double, and the library against the plain loops.
#include "kernels/linear_algebra.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "tests/kernels/arrays.h"

namespace pprun::kernels {
namespace {

struct Implementation {
  const char* name;
  std::unique_ptr<LinearAlgebra> (*make)();
};

constexpr Implementation kImplementations[] = {
    {"plain", MakePlainLinearAlgebra},
#ifdef PPRUN_ONEDNN
    {"onednn_one_thread", [] { return MakeOneDnnLinearAlgebra(1); }},
    {"onednn_two_threads", [] { return MakeOneDnnLinearAlgebra(2); }},
#endif
};

struct Size {
  int64_t m, n, k;
};

// Less than, equal to and more than a tile and a panel in every direction.
constexpr Size kSizes[] = {{1, 1, 1},   {1, 17, 3},    {6, 16, 256}, {7, 15, 257},
                           {5, 33, 64}, {13, 48, 300}, {64, 10, 1},  {37, 129, 65}};

struct Matrices {
  Array a, b, bias, c;
};

Matrices RandomMatrices(const Product& product, uint32_t seed) {
  const bool a_plain = product.a_form == MatrixForm::kPlain;
  const bool b_plain = product.b_form == MatrixForm::kPlain;
  return {RandomFloats({a_plain ? product.m : product.k, product.a_stride}, seed),
          RandomFloats({b_plain ? product.k : product.n, product.b_stride}, seed + 1),
          RandomFloats({product.n}, seed + 2),
          RandomFloats({product.m, product.c_stride}, seed + 3)};
}

// C as it should become, elements between the rows unchanged.
std::vector<double> Expected(const Product& product, Matrices& from, bool with_bias) {
  std::vector<double> c = ToDoubles(from.c.Floats());
  for (int64_t i = 0; i < product.m; ++i) {
    for (int64_t j = 0; j < product.n; ++j) {
      double sum =
          with_bias ? static_cast<double>(from.bias.Floats()[static_cast<size_t>(j)]) : 0.0;
      for (int64_t k = 0; k < product.k; ++k) {
        const int64_t a = product.a_form == MatrixForm::kPlain ? i * product.a_stride + k
                                                               : k * product.a_stride + i;
        const int64_t b = product.b_form == MatrixForm::kPlain ? k * product.b_stride + j
                                                               : j * product.b_stride + k;
        sum += static_cast<double>(from.a.Floats()[static_cast<size_t>(a)]) *
               static_cast<double>(from.b.Floats()[static_cast<size_t>(b)]);
      }
      double& to = c[static_cast<size_t>(i * product.c_stride + j)];
      to = product.result == Result::kAccumulate ? to + sum : sum;
    }
  }
  return c;
}

class EveryProduct
    : public testing::TestWithParam<std::tuple<Implementation, MatrixForm, MatrixForm, Result>> {};

TEST_P(EveryProduct, MatchesSumsInDouble) {
  const auto& [implementation, a_form, b_form, result] = GetParam();
  const auto algebra = implementation.make();
  for (const Size& size : kSizes) {
    for (const int64_t padding : {0, 5}) {
      for (const bool with_bias : {false, true}) {
        Product product = DenseProduct(size.m, size.n, size.k, a_form, b_form, result);
        product.a_stride += padding;
        product.b_stride += padding;
        product.c_stride += padding;
        SCOPED_TRACE(std::to_string(size.m) + " x " + std::to_string(size.n) + " x " +
                     std::to_string(size.k) + ", padding " + std::to_string(padding) +
                     (with_bias ? ", bias" : ""));
        Matrices matrices = RandomMatrices(product, 42);
        const std::vector<double> expected = Expected(product, matrices, with_bias);
        algebra->Multiply(product, matrices.a.Floats().data(), matrices.b.Floats().data(),
                          with_bias ? matrices.bias.Floats().data() : nullptr,
                          matrices.c.Floats().data());
        ExpectClose(matrices.c.Floats(), expected, 1e-5, 1 + 0.1 * static_cast<double>(size.k));
      }
    }
  }
}

TEST_P(EveryProduct, OverwritesPoison) {
  const auto& [implementation, a_form, b_form, result] = GetParam();
  if (result == Result::kAccumulate) return;
  const auto algebra = implementation.make();
  const Product product = DenseProduct(13, 35, 21, a_form, b_form, result);
  Matrices matrices = RandomMatrices(product, 43);
  matrices.c = Poisoned(matrices.c.shape);
  algebra->Multiply(product, matrices.a.Floats().data(), matrices.b.Floats().data(), nullptr,
                    matrices.c.Floats().data());
  for (const float value : matrices.c.Floats()) ASSERT_FALSE(std::isnan(value));
}

std::string NameOfProduct(const testing::TestParamInfo<EveryProduct::ParamType>& test) {
  const auto& [implementation, a_form, b_form, result] = test.param;
  return std::string(implementation.name) + (a_form == MatrixForm::kPlain ? "_a" : "_at") +
         (b_form == MatrixForm::kPlain ? "_b" : "_bt") +
         (result == Result::kOverwrite ? "" : "_accumulated");
}

INSTANTIATE_TEST_SUITE_P(
    LinearAlgebra, EveryProduct,
    testing::Combine(testing::ValuesIn(kImplementations),
                     testing::Values(MatrixForm::kPlain, MatrixForm::kTransposed),
                     testing::Values(MatrixForm::kPlain, MatrixForm::kTransposed),
                     testing::Values(Result::kOverwrite, Result::kAccumulate)),
    NameOfProduct);

// The first rows of a product of m rows are the product of these rows alone, bit for bit:
// microbatches may differ. The library keeps that on some processors only (AVX-512 from 8 rows on),
// so it is not promised.
TEST(LinearAlgebra, RowsChangeNoBitsOfThePlainProduct) {
  const auto algebra = MakePlainLinearAlgebra();
  for (const MatrixForm b_form : {MatrixForm::kPlain, MatrixForm::kTransposed}) {
    for (const Size& size : {Size{300, 256, 64}, Size{96, 65, 300}, Size{96, 384, 37}}) {
      const Product whole =
          DenseProduct(size.m, size.n, size.k, MatrixForm::kPlain, b_form, Result::kOverwrite);
      Matrices matrices = RandomMatrices(whole, 44);
      algebra->Multiply(whole, matrices.a.Floats().data(), matrices.b.Floats().data(),
                        matrices.bias.Floats().data(), matrices.c.Floats().data());
      for (const int64_t rows : {1L, 5L, 6L, 8L, 31L, 64L}) {
        Product part = whole;
        part.m = rows;
        Array c = Poisoned({rows, size.n});
        algebra->Multiply(part, matrices.a.Floats().data(), matrices.b.Floats().data(),
                          matrices.bias.Floats().data(), c.Floats().data());
        EXPECT_TRUE(std::ranges::equal(c.Floats(), matrices.c.Floats().first(c.Floats().size())))
            << rows << " rows of " << size.m << " x " << size.n << " x " << size.k;
      }
    }
  }
}

#ifdef PPRUN_ONEDNN
// Also where m and n are small and k is large, which the library itself would split among its
// threads.
TEST(LinearAlgebra, ThreadsChangeNoBits) {
  constexpr Size kLargeSizes[] = {
      {128, 128, 2048}, {512, 128, 1000}, {65, 257, 4096}, {16, 16, 8192}, {130, 70, 4096},
      {256, 768, 256},  {24, 1031, 200},  {1031, 96, 513}, {8, 512, 128},  {2048, 384, 96}};
  for (const auto& [a_form, b_form, result] :
       {std::tuple{MatrixForm::kPlain, MatrixForm::kTransposed, Result::kOverwrite},
        std::tuple{MatrixForm::kPlain, MatrixForm::kPlain, Result::kOverwrite},
        std::tuple{MatrixForm::kTransposed, MatrixForm::kPlain, Result::kAccumulate}}) {
    for (const Size& size : kLargeSizes) {
      const Product product = DenseProduct(size.m, size.n, size.k, a_form, b_form, result);
      Matrices one = RandomMatrices(product, 45);
      const Matrices start = one;
      MakeOneDnnLinearAlgebra(1)->Multiply(product, one.a.Floats().data(), one.b.Floats().data(),
                                           one.bias.Floats().data(), one.c.Floats().data());
      for (const int threads : {2, 3, 4}) {
        Matrices several = start;
        MakeOneDnnLinearAlgebra(threads)->Multiply(
            product, several.a.Floats().data(), several.b.Floats().data(),
            several.bias.Floats().data(), several.c.Floats().data());
        EXPECT_EQ(one.c, several.c)
            << threads << " threads, " << size.m << " x " << size.n << " x " << size.k;
      }
    }
  }
}
#endif

}  // namespace
}  // namespace pprun::kernels
