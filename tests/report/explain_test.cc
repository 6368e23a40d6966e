// Explanations of hand-built pipelines, whose figures follow by hand, and of a compiled model.
#include "compiler/report/explain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "compiler/plan/base/json.h"
#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

using testing::PipelinePlan;
using Norm = testing::PipelineOptions::Norm;
using Reduce = testing::PipelineOptions::Reduce;

Explanation ExplainWith(const Plan& plan, const std::string& costs) {
  return Explain(plan, {.model = ParseCosts(costs), .machine = {}});
}

bool Says(const Explanation& explanation, const std::string& what) {
  return std::ranges::any_of(explanation.advice, [&](const std::string& sentence) {
    return sentence.find(what) != std::string::npos;
  });
}

TEST(Explain, PutsTheTextbookBesideTheBubble) {
  const Explanation one =
      ExplainWith(PipelinePlan(testing::OneForwardOneBackward(4, 8)), "F=2,B=4");
  EXPECT_EQ(one.figures.makespan, 66);
  EXPECT_EQ(one.bubble.idle_of_makespan, 18);
  ASSERT_TRUE(one.bubble.formula);
  EXPECT_EQ(one.bubble.formula->bubble, 18);
  EXPECT_EQ(one.bubble.formula->peak, one.bubble.peak_activations);
  EXPECT_TRUE(one.bubble.formula->Holds());
  EXPECT_TRUE(one.advice.empty());
  EXPECT_NE(ToText(one).find("textbook (Narayanan et al. 2021): (p-1)(F+B) = 18"),
            std::string::npos)
      << ToText(one);
}

// Costs by stage and transfers: the formula knows of neither.
TEST(Explain, SaysWhatTheTextbookWouldNeed) {
  const Plan plan = PipelinePlan(testing::OneForwardOneBackward(4, 8));
  const Explanation unequal = ExplainWith(plan, "F=1:1:1.5:1,C=0.5");
  EXPECT_NE(ToText(unequal).find("(p-1)(F+B) = 9.375, min(m, p-r) = 4 chunks; that needs equal "
                                 "stages and C = 0, which is not so here\n"),
            std::string::npos)
      << ToText(unequal);
  const JsonValue document = ParseJson(ToJson(unequal));
  const JsonValue& textbook = *document.Find("bubble")->Find("textbook");
  EXPECT_FALSE(textbook.Find("holds")->boolean);
  ASSERT_EQ(textbook.Find("domain")->items.size(), 3u);
  EXPECT_EQ(textbook.Find("domain")->items[0].string, "m >= p");
  ASSERT_EQ(textbook.Find("failing")->items.size(), 2u);
  EXPECT_EQ(textbook.Find("failing")->items[0].string, "equal stages");
  EXPECT_EQ(textbook.Find("failing")->items[1].string, "C = 0");
  EXPECT_TRUE(ExplainWith(plan, "F=2,I=1,W=1").bubble.formula->Holds());
}

TEST(Explain, CountsMessagesAndRings) {
  const Plan plan =
      PipelinePlan(testing::GPipe(3, 5), {.data_parallel = 4, .reduce = Reduce::kAtEnd});
  const Explanation one = ExplainWith(plan, "F=1");
  int64_t messages = 0, collectives = 0;
  for (const TrafficExplanation& row : one.traffic) {
    if (row.kind == TrafficExplanation::Kind::kMessages) {
      messages += row.count;
      EXPECT_EQ(row.bytes, 5 * 32);
      EXPECT_EQ(row.sent_bytes, 5 * 32);
      continue;
    }
    ++collectives;
    EXPECT_EQ(row.name, "all_reduce over dp");
    EXPECT_EQ(row.ranks, 4);
    EXPECT_EQ(row.sent_bytes, 32 * 1.5);
  }
  EXPECT_EQ(messages, 2 * 5 * (3 - 1));
  EXPECT_EQ(collectives, 3);
}

TEST(Explain, SaysThatZeroBubbleH2GainsNothingWithAGlobalNorm) {
  Plan plan = PipelinePlan(testing::ZeroBubbleH2(4, 12), {.norm = Norm::kGlobal});
  plan.schedule = "zero_bubble_h2";
  const Explanation with = ExplainWith(plan, "F=1,I=1,W=1");
  EXPECT_TRUE(Says(with, "zero_bubble_h2 gains nothing over zero_bubble_h1")) << ToText(with);
  EXPECT_TRUE(Says(with, "10 steps take 390, without it 363"));
  // Where the costs differ or transfers take time it does gain: only what the norm costs is said.
  for (const char* costs : {"C=0.2", "F=1:1:1.01:1", "F=1.05"}) {
    const Explanation other = ExplainWith(plan, costs);
    EXPECT_TRUE(Says(other, "10 steps take")) << costs;
    EXPECT_FALSE(Says(other, "gains nothing")) << costs;
  }
  // And where that is nothing, nothing is.
  EXPECT_TRUE(ExplainWith(plan, "F=1,I=1.5,W=0.7").advice.empty());
  plan = PipelinePlan(testing::ZeroBubbleH2(4, 12));
  plan.schedule = "zero_bubble_h2";
  const Explanation without = ExplainWith(plan, "F=1,I=1,W=1");
  EXPECT_TRUE(without.advice.empty()) << ToText(without);
  EXPECT_EQ(without.bubble.formula->bubble, without.bubble.idle_of_span);
}

// What the sentence rests on: with F = I = W and steps that end together, H2 takes as long as H1;
// with other costs, or transfers, it is faster.
TEST(Explain, ZeroBubbleH2WithAGlobalNormIsAsFastAsH1OnlyWithEqualCosts) {
  const auto makespan = [](const testing::Orders& orders, const char* costs) {
    const Plan plan = PipelinePlan(orders, {.norm = Norm::kGlobal});
    const Trace trace = Simulate(plan, ProgramKind::kStep, ParseCosts(costs), 10);
    return Summarise(plan, trace, kAllRepeats).makespan;
  };
  for (const int ranks : {2, 4, 6}) {
    for (const int microbatches : {2 * ranks - 1, 3 * ranks}) {
      const testing::Orders h1 = testing::ZeroBubbleH1(ranks, microbatches);
      const testing::Orders h2 = testing::ZeroBubbleH2(ranks, microbatches);
      EXPECT_NEAR(makespan(h1, "F=1"), makespan(h2, "F=1"), 1e-9);
      EXPECT_GT(makespan(h1, "C=0.2"), makespan(h2, "C=0.2") + 1);
      EXPECT_GT(makespan(h1, "F=1,I=1.5,W=0.7"), makespan(h2, "F=1,I=1.5,W=0.7") + 1);
    }
  }
}

TEST(Explain, TakesStepsTogetherWithOrWithoutABarrier) {
  const Plan plan = PipelinePlan(testing::ZeroBubbleH2(4, 8), {.norm = Norm::kGlobal});
  const auto explain = [&](Barrier barrier) {
    return Explain(plan, {.model = CostTable{}, .machine = {}, .steps = 3, .barrier = barrier});
  };
  EXPECT_EQ(explain(Barrier::kOn).figures.makespan, 81);
  EXPECT_EQ(explain(Barrier::kAsPlanned).figures.makespan, 81);
  const Explanation off = explain(Barrier::kOff);
  EXPECT_EQ(off.figures.makespan, 75);
  EXPECT_EQ(off.figures.steps, 3);
  EXPECT_EQ(off.bubble.idle_of_makespan, 3);
  EXPECT_EQ(off.figures.step, 25);
  EXPECT_NE(ToText(off).find("predicted over 3 steps: makespan 75 (25 a step), work 72 (mean"),
            std::string::npos)
      << ToText(off);
}

TEST(Explain, SaysThatVMinWantsEqualCosts) {
  Plan plan = PipelinePlan(testing::OneForwardOneBackward(4, 8));
  plan.schedule = "v_min";
  EXPECT_TRUE(Says(ExplainWith(plan, "F=2,I=1,W=1"), "v_min is made for F = I = W"));
  EXPECT_TRUE(Says(ExplainWith(plan, "F=1:1:1:4,I=1,W=1"), "the slowest stage takes 2 times"));
  EXPECT_TRUE(ExplainWith(plan, "F=1,I=1,W=1").advice.empty());
}

TEST(Explain, SaysWhatLeavesRanksIdle) {
  const Plan few = PipelinePlan(testing::OneForwardOneBackward(4, 2));
  EXPECT_TRUE(Says(ExplainWith(few, "F=1"), "fewer microbatches (2) than ranks"));
  const Plan plan = PipelinePlan(testing::OneForwardOneBackward(2, 4));
  EXPECT_TRUE(Says(ExplainWith(plan, "F=1:3,B=2:6"), "the slowest stage takes 3 times"));
}

// All gradients of the test plan at the place of gradients, in `count` equal sums.
Plan WithBuckets(int count) {
  Plan plan = PipelinePlan(testing::GPipe(1, 1), {.data_parallel = 8, .reduce = Reduce::kAtEnd});
  Position& position = plan.positions[0];
  position.buffers.push_back(
      {"bucket", ArenaKind::kGradients, 0, {DType::kF32, {(64 << 20) / count / 4}}});
  const BufferId bucket(static_cast<int64_t>(position.buffers.size()) - 1);
  auto& instructions = position.programs[static_cast<size_t>(ProgramKind::kStep)].instructions;
  const Instruction last = instructions.back();
  instructions.pop_back();
  for (int i = 0; i < count; ++i) {
    Collective collective = std::get<Collective>(last.operands);
    collective.source = collective.target = bucket;
    instructions.push_back({last.stream, last.source, collective});
  }
  return plan;
}

TEST(Explain, ComparesBucketsWithTheOptimum) {
  const Machine machine = MachineNamed("h100");
  const auto explain = [&](int count) {
    return Explain(WithBuckets(count), {.model = CostTable{}, .machine = machine});
  };
  const Explanation many = explain(1024);
  ASSERT_TRUE(many.buckets);
  EXPECT_EQ(many.buckets->buckets, 1024);
  EXPECT_EQ(many.buckets->bytes, 64 << 20);
  // w = 0.8 x 450e9 / 1.75, o = 14 x 3e-6 + 3e-6.
  const double bandwidth = 0.8 * 450e9 / 1.75, overhead = 45e-6;
  EXPECT_NEAR(many.buckets->best_buckets, std::sqrt((64 << 20) / (bandwidth * overhead)), 1e-9);
  EXPECT_NEAR(many.buckets->exposed, (64 << 20) / (1024 * bandwidth) + 1024 * overhead, 1e-12);
  EXPECT_GE(many.buckets->exposed, many.buckets->best_exposed);
  EXPECT_TRUE(Says(many, "sums 64.0 MiB of gradients in 1,024 buckets")) << ToText(many);
  EXPECT_FALSE(Says(explain(2), "buckets"));
  EXPECT_FALSE(ExplainWith(WithBuckets(2), "F=1").buckets);
}

// The stand-in for a study's model has bytes and FLOPs, which mean nothing.
TEST(Explain, LeavesBytesAndArithmeticOfAStudyOut) {
  Plan plan = PipelinePlan(testing::OneForwardOneBackward(2, 4));
  plan.train.vocabulary = 1;
  const Explanation one = ExplainWith(plan, "F=1,B=2");
  EXPECT_EQ(one.purpose, Explanation::Purpose::kStudy);
  EXPECT_EQ(one.figures.makespan, 15);
  EXPECT_TRUE(one.memory.arenas.empty());
  EXPECT_TRUE(one.activations.empty());
  EXPECT_EQ(one.flops.model, 0);
  const std::string text = ToText(one);
  for (const char* left_out : {"memory of the arenas", "bytes", "FLOP", "activations that"}) {
    EXPECT_EQ(text.find(left_out), std::string::npos) << left_out << "\n" << text;
  }
  EXPECT_NE(text.find("messages of a step\n"), std::string::npos) << text;
  const JsonValue document = ParseJson(ToJson(one));
  EXPECT_EQ(document.Find("purpose")->string, "study");
  EXPECT_EQ(document.Find("flops"), nullptr);
  EXPECT_EQ(document.Find("memory"), nullptr);
  EXPECT_EQ(document.Find("traffic")->items.front().Find("bytes"), nullptr);
}

TEST(Explain, IsJson) {
  const Plan plan =
      PipelinePlan(testing::ZeroBubbleH1(2, 4), {.data_parallel = 2, .reduce = Reduce::kAtEnd});
  const Explanation one = Explain(plan, {.model = CostTable{}, .machine = MachineNamed("a100")});
  const JsonValue document = ParseJson(ToJson(one));
  EXPECT_EQ(document.Find("schedule")->string, "one_f_one_b");
  EXPECT_EQ(document.Find("purpose")->string, "training");
  EXPECT_EQ(document.Find("unit")->string, "table");
  EXPECT_EQ(document.Find("machine")->string, "a100");
  EXPECT_EQ(document.Find("figures")->Find("makespan")->number, one.figures.makespan);
  EXPECT_EQ(document.Find("memory")->Find("positions")->items.size(), 2u);
  EXPECT_EQ(document.Find("traffic")->items.size(), one.traffic.size());
  EXPECT_EQ(document.Find("bubble")->Find("textbook")->Find("peak_activations")->number, 2);
  EXPECT_EQ(document.Find("advice")->items.size(), one.advice.size());
}

}  // namespace
}  // namespace pprun
