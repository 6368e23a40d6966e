#include "kernels/add.h"

#include <gtest/gtest.h>

#include "kernels/cpu_queue.h"
#include "tests/kernels/arrays.h"

namespace pprun::kernels {
namespace {

TEST(Add, AddsAlsoInPlace) {
  const CpuQueue queue(1);
  Array a = RandomFloats({3, 37}, 1);
  Array b = RandomFloats({3, 37}, 2);
  Array y = Poisoned(a.shape);
  LaunchAdd(queue, a.View(), b.View(), y.View());
  for (size_t i = 0; i < y.Floats().size(); ++i)
    EXPECT_EQ(y.Floats()[i], a.Floats()[i] + b.Floats()[i]);
  LaunchAdd(queue, a.View(), b.View(), a.View());
  EXPECT_EQ(a, y);
}

}  // namespace
}  // namespace pprun::kernels
