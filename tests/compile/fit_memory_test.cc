// Schedules that are told of a limit of memory, by what `ppc compare --memory` makes of them.
#include "compiler/fit_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "tests/compile/compile_source.h"

namespace pprun {
namespace {

class FitMemoryTest : public testing::Test {
 protected:
  FitMemoryTest()
      : path_(testing::TempDir() + "fit_memory_" + std::to_string(::getpid()) + ".sched") {}
  ~FitMemoryTest() override { std::remove(path_.c_str()); }

  void Write(const std::string& text) const { std::ofstream(path_) << text; }
  void WriteStudy() {
    Write("mesh { pp = 4; }\nschedule gpipe;\n");
    options_.compile.overrides = {{"microbatches", "8"}};
  }

  ScheduleComparison Compare(const std::string& schedules) {
    options_.schedules = schedules;
    return CompareSchedules({path_}, options_);
  }
  // The only schedule that is compared.
  ComparedSchedule Row(const std::string& schedule) {
    ScheduleComparison compared = Compare(schedule);
    EXPECT_EQ(compared.schedules.size(), 1u);
    return std::move(compared.schedules.at(0));
  }

  std::string path_;
  CompareOptions options_;
};

TEST_F(FitMemoryTest, ALimitInActivationsIsTheParametersValue) {
  WriteStudy();
  const double at_default = Row("automatic").step;
  EXPECT_EQ(Row("automatic").activations, 4);
  // Two chunks share an activation of a rank.
  const double told = Row("automatic(memory = 5)").step;
  options_.activation_limit = 2.5;
  const ComparedSchedule limited = Row("automatic");
  EXPECT_LE(limited.activations, 2.5);
  EXPECT_EQ(limited.step, told);
  EXPECT_GT(limited.step, at_default);
  const ScheduleComparison compared = Compare("automatic");
  EXPECT_EQ(compared.notes,
            (std::vector<std::string>{"`automatic` fits the limit with `memory = 5`"}));
  // With more than the default it is no worse.
  options_.activation_limit = 8;
  EXPECT_LE(Row("automatic").step, at_default);
}

TEST_F(FitMemoryTest, WhatThePlanSaysItselfStays) {
  Write("mesh { pp = 4; }\nschedule gpipe;\n");
  options_.compile.overrides = {{"microbatches", "8"}};
  options_.activation_limit = 2;
  EXPECT_THROW(Row("automatic(memory = 8)"), std::runtime_error);
  EXPECT_THROW(Row("automatic(2, 8)"), std::runtime_error);
  EXPECT_EQ(Row("automatic(chunks = 2)").activations, 2);
  options_.compile.overrides.push_back({"memory", "8"});
  EXPECT_THROW(Row("automatic"), std::runtime_error);
  // Less than the least.
  options_.compile.overrides.pop_back();
  options_.activation_limit = 0.5;
  try {
    Row("automatic");
    ADD_FAILURE() << "half an activation is too little";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("it holds 1 activations"), std::string::npos)
        << error.what();
  }
}

TEST_F(FitMemoryTest, AScheduleOfOnesOwnFollowsIt) {
  const std::string order =
      "  greedy on rank r { limit in_flight <= ROOM; prefer input_grad, forward, weight_grad; }\n"
      "}\n";
  const auto with = [&](const std::string& name) {
    std::string text = "mesh { pp = 4; }\nschedule mine(" + name + " = 2 * pp) {\n" + order;
    return text.replace(text.find("ROOM"), 4, name);
  };
  options_.compile.overrides = {{"microbatches", "8"}};
  options_.activation_limit = 3;
  Write(with("memory"));
  EXPECT_EQ(Row("mine").activations, 3);
  // Of any other name the parameter may mean anything.
  Write(with("room"));
  EXPECT_THROW(Row("mine"), std::runtime_error);
}

TEST_F(FitMemoryTest, OfALimitInBytesActivationsHaveWhatTheRestLeaves) {
  Write(ToSource({.pp = 2, .microbatches = 12, .depth = 6}));
  const ComparedSchedule at_default = Row("automatic");
  const ComparedSchedule least = Row("automatic(memory = 2)");
  ASSERT_LT(least.memory, at_default.memory);
  ASSERT_GT(least.step, at_default.step);
  double before = least.step;
  for (int part = 1; part <= 4; ++part) {
    options_.memory_limit = least.memory + (at_default.memory - least.memory) * part / 4;
    const ComparedSchedule row = Row("automatic");
    EXPECT_LE(row.memory, options_.memory_limit) << part;
    EXPECT_LE(row.step, before * 1.02) << part;
    before = row.step;
  }
  EXPECT_LE(before, at_default.step);
  options_.memory_limit = least.memory / 2;
  EXPECT_THROW(Row("automatic"), std::runtime_error);
  // More room than the default asks for is used where it helps.
  options_.memory_limit = 10 * at_default.memory;
  EXPECT_LE(Row("automatic").step, at_default.step);
}

}  // namespace
}  // namespace pprun
