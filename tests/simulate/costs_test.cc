#include "compiler/simulate/costs.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace pprun {
namespace {

std::string ErrorOf(std::string_view text) {
  try {
    ParseCosts(text);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

TEST(ParseCosts, ReadsEveryLetter) {
  const CostTable costs = ParseCosts("F=2, I=3,W=0.5 ,C=0.25,A=1e-3");
  EXPECT_EQ(costs.forward, (std::vector<double>{2}));
  EXPECT_EQ(costs.input_grad, (std::vector<double>{3}));
  EXPECT_EQ(costs.weight_grad, (std::vector<double>{0.5}));
  EXPECT_EQ(costs.transfer, 0.25);
  EXPECT_EQ(costs.collective, 1e-3);
}

TEST(ParseCosts, DividesABackwardEvenly) {
  const CostTable costs = ParseCosts("B=3");
  EXPECT_EQ(costs.input_grad, (std::vector<double>{1.5}));
  EXPECT_EQ(costs.weight_grad, (std::vector<double>{1.5}));
}

TEST(ParseCosts, LeavesWhatIsNotNamed) {
  const CostTable costs = ParseCosts("C=1");
  EXPECT_EQ(costs.forward, (std::vector<double>{1}));
  EXPECT_EQ(costs.input_grad, (std::vector<double>{1}));
  EXPECT_EQ(costs.weight_grad, (std::vector<double>{1}));
  EXPECT_EQ(costs.collective, 0);
}

TEST(ParseCosts, ReadsAListOfStages) {
  const CostTable costs = ParseCosts("F=1:1:1.5 : 1,B=2:4:2:2,FB=3");
  EXPECT_EQ(costs.forward, (std::vector<double>{1, 1, 1.5, 1}));
  EXPECT_EQ(costs.weight_grad, (std::vector<double>{1, 2, 1, 1}));
  EXPECT_EQ(costs.pair, (std::vector<double>{3}));
  EXPECT_EQ(costs.Of(TaskKind::kForward, StageId(2)), 1.5);
  EXPECT_EQ(costs.Of(TaskKind::kBackward, StageId(1)), 4);
  EXPECT_EQ(costs.Of(TaskKind::kRecompute, StageId(3)), 1);
  CheckStages(costs, 4);
  EXPECT_TRUE(ParseCosts("F=1").pair.empty());
}

TEST(CheckStages, WantsOneCostAStage) {
  const auto error = [](const char* text, int32_t stages) -> std::string {
    try {
      CheckStages(ParseCosts(text), stages);
    } catch (const std::invalid_argument& wrong) {
      return wrong.what();
    }
    return "accepted";
  };
  EXPECT_EQ(error("F=1:2", 3), "`F` has 2 costs for 3 stages; give one a stage, or one for all");
  EXPECT_EQ(error("B=1:2", 1), "`B` has 2 costs for 1 stage; give one a stage, or one for all");
  EXPECT_EQ(error("W=1:2:3", 2), "`W` has 3 costs for 2 stages; give one a stage, or one for all");
  EXPECT_EQ(error("FB=1:2:3", 3), "accepted");
}

TEST(ParseCosts, SaysWhatIsWrong) {
  EXPECT_EQ(ErrorOf(""), "cost ``: `NAME=NUMBER` expected, as in `F=1,B=2`");
  EXPECT_EQ(ErrorOf("F=1,"), "cost ``: `NAME=NUMBER` expected, as in `F=1,B=2`");
  EXPECT_EQ(ErrorOf("F:1"), "cost `F:1`: `NAME=NUMBER` expected, as in `F=1,B=2`");
  EXPECT_EQ(ErrorOf("F=1,G=2"),
            "cost `G=2`: no cost is named `G`; there are F (forward), B (backward), I (input "
            "gradient), W (weight gradient), FB (an overlapped pair), C (transfer) and A "
            "(collective)");
  EXPECT_EQ(ErrorOf("F=1::2"), "cost `F=1::2`: a number expected, found ``");
  EXPECT_EQ(ErrorOf("C=1:2"), "cost `C=1:2`: `C` is one number, not one a stage");
  EXPECT_EQ(ErrorOf("F=1,F=2"), "cost `F=2`: `F` is given twice");
  EXPECT_EQ(ErrorOf("F=fast"), "cost `F=fast`: a number expected, found `fast`");
  EXPECT_EQ(ErrorOf("F=1ms"), "cost `F=1ms`: a number expected, found `1ms`");
  EXPECT_EQ(ErrorOf("F="), "cost `F=`: a number expected, found ``");
  EXPECT_EQ(ErrorOf("F=-1"), "cost `F=-1`: a cost is a finite number, zero or more");
  EXPECT_EQ(ErrorOf("F=inf"), "cost `F=inf`: a cost is a finite number, zero or more");
  EXPECT_EQ(ErrorOf("F=1e308,B=1e308"), "cost `F=1e308`: a cost is at most 1e12");
  EXPECT_EQ(ErrorOf("F=1e12"), "accepted");
  EXPECT_EQ(ErrorOf("F=nan"), "cost `F=nan`: a cost is a finite number, zero or more");
  EXPECT_EQ(ErrorOf("B=2,W=1"),
            "cost `B=2,W=1`: `B` is the sum of `I` and `W`; give either `B` or its halves");
}

}  // namespace
}  // namespace pprun
