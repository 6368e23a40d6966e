#include "kernels/embedding.h"

#include <gtest/gtest.h>

#include "kernels/cpu_queue.h"
#include "kernels/positions.h"
#include "tests/kernels/arrays.h"
#include "tests/kernels/reference.h"

namespace pprun::kernels {
namespace {

TEST(Embedding, CopiesRowsOfTheTable) {
  const CpuQueue queue(1);
  Array tokens = RandomIntegers({3, 5}, 1, 11);
  Array table = RandomFloats({11, 7}, 2);
  Array y = Poisoned({3, 5, 7});
  LaunchEmbedding(queue, tokens.View(), table.View(), y.View());
  EXPECT_EQ(ToDoubles(y.Floats()),
            reference::Embedding(tokens.Integers(), ToDoubles(table.Floats()), 7));
}

TEST(Embedding, WeightGradientMatchesCentralDifferencesAlsoForRepeatedTokens) {
  const CpuQueue queue(1);
  Array tokens = RandomIntegers({3, 5}, 3, 4);
  Array dy = RandomFloats({3, 5, 7}, 4);
  Array dtable = Zeros({11, 7});
  LaunchEmbeddingWeightGrad(queue, tokens.View(), dy.View(), dtable.View());
  const auto numeric = reference::NumericGradient(
      [&](const auto& table) { return reference::Embedding(tokens.Integers(), table, 7); },
      std::vector<double>(77, 0.5), ToDoubles(dy.Floats()));
  ExpectClose(dtable.Floats(), numeric, 1e-5, 1);
}

TEST(Positions, AddsTheTableToEachSample) {
  const CpuQueue queue(1);
  Array x = RandomFloats({3, 5, 7}, 5);
  Array table = RandomFloats({9, 7}, 6);  // longer than the samples
  Array y = Poisoned(x.shape);
  LaunchPositions(queue, x.View(), table.View(), y.View());
  ExpectClose(y.Floats(), reference::Positions(ToDoubles(x.Floats()), ToDoubles(table.Floats()), 3),
              1e-6, 0.1);
}

TEST(Positions, WeightGradientMatchesCentralDifferences) {
  const CpuQueue queue(1);
  Array x = RandomFloats({3, 5, 7}, 7);
  Array table = RandomFloats({9, 7}, 8);
  Array dy = RandomFloats(x.shape, 9);
  Array dtable = Zeros(table.shape);
  LaunchPositionsWeightGrad(queue, dy.View(), dtable.View());
  const auto numeric = reference::NumericGradient(
      [&](const auto& t) { return reference::Positions(ToDoubles(x.Floats()), t, 3); },
      ToDoubles(table.Floats()), ToDoubles(dy.Floats()));
  ExpectClose(dtable.Floats(), numeric, 1e-5, 1);
  // Positions that no sample has get nothing.
  for (size_t i = 35; i < 63; ++i) EXPECT_EQ(dtable.Floats()[i], 0);
}

}  // namespace
}  // namespace pprun::kernels
