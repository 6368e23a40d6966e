// Costs that a machine gives a plan's tasks, and what `greedy` makes of them.
#include <gtest/gtest.h>

#include "compiler/predict.h"
#include "tests/compile/compile_source.h"

namespace pprun {
namespace {

Compilation Compiled(const std::string& schedule) {
  Compilation result = CompileSource(ToSource({.rest = schedule}));
  EXPECT_TRUE(result.Ok()) << result.Messages();
  return result;
}

TEST(TaskCosts, OfATableAreThoseOfTheTable) {
  const Compilation result = Compiled("schedule zero_bubble_h1;\n");
  const CostTable table{.forward = {2, 4}, .input_grad = {3}, .weight_grad = {1}, .transfer = 0.5};
  const TaskCosts costs = TaskCostsOf(*result.plan, table);
  EXPECT_EQ(costs.forward, (std::vector<int64_t>{500, 1000}));
  EXPECT_EQ(costs.input_grad, (std::vector<int64_t>{750, 750}));
  EXPECT_EQ(costs.weight_grad, (std::vector<int64_t>{250, 250}));
  EXPECT_EQ(costs.transfer, 125);
}

TEST(TaskCosts, OfAWholeBackwardAreItsHalves) {
  const Compilation result = Compiled("schedule one_f_one_b;\n");
  const TaskCosts costs = TaskCostsOf(*result.plan, CostTable{.forward = {2}});
  EXPECT_EQ(costs.forward, (std::vector<int64_t>{1000, 1000}));
  EXPECT_EQ(costs.input_grad, (std::vector<int64_t>{500, 500}));
  EXPECT_EQ(costs.weight_grad, (std::vector<int64_t>{500, 500}));
}

TEST(TaskCosts, GreedyWeighsThoseOfAMachine) {
  PredictOptions predict;
  predict.machine = "h100";
  const CostModel machine = ModelOf(predict);
  const Compilation result = Compiled("schedule automatic(chunks = 1);\n");
  const TaskCosts costs = TaskCostsOf(*result.plan, machine);
  ASSERT_EQ(costs.forward.size(), 2u);
  EXPECT_EQ(std::max({costs.forward[0], costs.forward[1], costs.input_grad[0], costs.input_grad[1],
                      costs.weight_grad[0], costs.weight_grad[1], costs.transfer}),
            1000000);
}

}  // namespace
}  // namespace pprun
