#include "compiler/model/flops.h"

#include <gtest/gtest.h>

#include "compiler/model/model.h"
#include "tests/model/example_models.h"
#include "tests/model/function_checks.h"

namespace pprun {
namespace {

// b = 2, s = 6, d = 8, h = 2, c = 4, V = 11.
TEST(Flops, CountsTheMatrixProducts) {
  const CompiledModel model = CompileModel(TinyGpt({}), 2);
  const double tokens = 12;
  const double linear = 2 * tokens * (24 * 8 + 8 * 8 + 2 * 8 * 32);
  const double attention = 4.0 * 2 * 2 * 6 * 6 * 4 / 2;
  EXPECT_EQ(FunctionNamed(model, "block.forward").flops, linear + attention);
  EXPECT_EQ(FunctionNamed(model, "block.evaluate").flops, linear + attention);
  EXPECT_EQ(FunctionNamed(model, "block.backward").flops, 2 * (linear + attention));
  EXPECT_EQ(FunctionNamed(model, "block.input_grad").flops, linear + 2 * attention);
  EXPECT_EQ(FunctionNamed(model, "block.weight_grad").flops, linear);
  EXPECT_EQ(FunctionNamed(model, "head.forward").flops, 2 * tokens * 8 * 11);
  EXPECT_EQ(FunctionNamed(model, "embed.forward").flops, 0);
  EXPECT_EQ(model.layers[1].forward_flops, linear + attention);
}

}  // namespace
}  // namespace pprun
