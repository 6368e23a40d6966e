#include "compiler/compare_schedules.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "compiler/predict.h"

namespace pprun {
namespace {

class CompareTest : public testing::Test {
 protected:
  CompareTest() : path_(testing::TempDir() + "compare_schedules_test.sched") {
    std::ofstream(path_) << "mesh { pp = 4; }\nschedule gpipe;\n";
    options_.compile.overrides = {{"microbatches", "8"}};
  }
  ~CompareTest() override { std::remove(path_.c_str()); }

  std::string path_;
  CompareOptions options_;
};

TEST_F(CompareTest, BestFirstAndChunksAtTheirShare) {
  options_.schedules = "gpipe,interleaved_one_f_one_b(chunks = 2),zero_bubble_h1,zero_bubble_v";
  const std::string table = CompareSchedules(path_, options_);
  // Ideal is 8 * 3 = 24; V runs at 25.5, H1 at 27, interleaved at 28.5, GPipe at 33.
  const size_t v = table.find("zero_bubble_v"), h1 = table.find("zero_bubble_h1"),
               interleaved = table.find("interleaved_one_f_one_b(chunks = 2)"),
               gpipe = table.find("\ngpipe");
  EXPECT_TRUE(v < h1 && h1 < interleaved && interleaved < gpipe) << table;
  for (const char* makespan : {" 25.5 ", " 27 ", " 28.5 ", " 33 "}) {
    EXPECT_NE(table.find(makespan), std::string::npos) << makespan << "\n" << table;
  }
  EXPECT_NE(table.find("best: zero_bubble_v"), std::string::npos) << table;
}

TEST_F(CompareTest, WhatCannotBeIsSaidWithItsReason) {
  options_.schedules = "gpipe,forward_only,nothing";
  const std::string table = CompareSchedules(path_, options_);
  EXPECT_NE(table.find("forward_only: "), std::string::npos) << table;
  EXPECT_NE(table.find("nothing: "), std::string::npos) << table;
  options_.memory_gib = 1e-9;
  EXPECT_THROW(CompareSchedules(path_, options_), std::runtime_error);
}

TEST(PredictTest, OneModelAtATime) {
  EXPECT_TRUE(std::holds_alternative<CostTable>(ModelOf({})));
  EXPECT_TRUE(std::holds_alternative<Machine>(ModelOf({.machine = "h100"})));
  EXPECT_THROW(ModelOf({.costs = "F=1", .machine = "h100"}), std::invalid_argument);
}

TEST(PredictTest, CostsAreScaledToIntegersOfOneAtLeast) {
  const TaskCosts costs = TaskCostsOf(ParseCosts("F=18.5,I=18.1,W=0,C=0.6"));
  EXPECT_EQ(costs.forward, (std::vector<int64_t>{1000}));
  EXPECT_EQ(costs.input_grad, (std::vector<int64_t>{978}));
  EXPECT_EQ(costs.weight_grad, (std::vector<int64_t>{1}));
  EXPECT_EQ(costs.transfer, 32);
}

}  // namespace
}  // namespace pprun
