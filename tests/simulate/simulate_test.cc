#include "compiler/simulate/simulate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <tuple>
#include <variant>

#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

using testing::GPipe;
using testing::OneForwardOneBackward;
using testing::Orders;
using testing::PipelinePlan;
using testing::Task;
using testing::ZeroBubbleH1;

Trace SimulateStep(const Plan& plan, std::string_view costs, int32_t repeats = 1) {
  return Simulate(plan, ProgramKind::kStep, ParseCosts(costs), repeats);
}

double Makespan(const Plan& plan, std::string_view costs) {
  return Summarise(plan, SimulateStep(plan, costs)).makespan;
}

const Operands& OperandsOf(const Plan& plan, const TraceEvent& event) {
  const Position& position = plan.positions[CoordinatesOf(plan, event.rank).position.index()];
  return position.programs[static_cast<size_t>(event.program)]
      .instructions[static_cast<size_t>(event.instruction)]
      .operands;
}

// The task that an event runs; null if it runs none. (Within a test, `Run` is GoogleTest's.)
const Run* RunOf(const Plan& plan, const TraceEvent& event) {
  return std::get_if<Run>(&OperandsOf(plan, event));
}

TEST(Simulate, MatchesTheFormulasOfSynchronousSchedules) {
  for (int p = 1; p <= 5; ++p) {
    for (int m = p; m <= 12; ++m) {
      const double expected = (m + p - 1) * 3.0;
      EXPECT_EQ(Makespan(PipelinePlan(GPipe(p, m)), "F=1,B=2"), expected) << p << ' ' << m;
      EXPECT_EQ(Makespan(PipelinePlan(OneForwardOneBackward(p, m)), "F=1,B=2"), expected)
          << p << ' ' << m;
    }
  }
}

TEST(Simulate, MatchesTheFormulaOfZeroBubbleH1) {
  for (int p = 1; p <= 5; ++p) {
    for (int m = p; m <= 12; ++m) {
      const Plan plan = PipelinePlan(ZeroBubbleH1(p, m));
      EXPECT_EQ(Makespan(plan, "F=1,I=1,W=1"), 3.0 * m + (p - 1)) << p << ' ' << m;
      EXPECT_EQ(Makespan(plan, "F=4,I=5,W=2"), 11.0 * m + 7.0 * (p - 1)) << p << ' ' << m;
    }
  }
}

TEST(Simulate, AddsTransfersAndCollectives) {
  EXPECT_EQ(Makespan(PipelinePlan(GPipe(2, 1)), "F=1,B=2,C=0.5"), 7);

  const Plan plan = PipelinePlan(
      GPipe(1, 1), {.data_parallel = 2, .reduce = testing::PipelineOptions::Reduce::kAtEnd});
  const Trace trace = SimulateStep(plan, "F=1,B=2,A=5");
  ASSERT_FALSE(trace.events.empty());
  EXPECT_TRUE(std::holds_alternative<Collective>(OperandsOf(plan, trace.events.back())));
  EXPECT_EQ(trace.events.back().begin, 3);
  EXPECT_EQ(trace.events.back().end, 8);
}

TEST(Simulate, DividesATaskEquallyAmongItsLayers) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 4), {.layers = 4});
  const Trace trace = SimulateStep(plan, "F=1,B=2");
  int runs = 0;
  for (const TraceEvent& event : trace.events) {
    const auto* run = RunOf(plan, event);
    if (run == nullptr) continue;
    ++runs;
    EXPECT_EQ(event.end - event.begin, run->kind == TaskKind::kForward ? 0.25 : 0.5);
  }
  EXPECT_EQ(runs, 2 * 4 * 2 * 4);
  EXPECT_EQ(Summarise(plan, trace).makespan, 15);
}

TEST(Simulate, BeginsWhenTheStreamGetsThere) {
  const Plan plan = PipelinePlan(GPipe(2, 2));
  const Trace trace = SimulateStep(plan, "F=1,B=2,C=0.5");
  std::vector<std::tuple<double, double>> receives, waits;
  for (const TraceEvent& event : trace.events) {
    if (event.rank != 1) continue;
    const Operands& operands = OperandsOf(plan, event);
    if (std::holds_alternative<Recv>(operands)) receives.emplace_back(event.begin, event.end);
    if (std::holds_alternative<Wait>(operands)) waits.emplace_back(event.begin, event.end);
  }
  // The first receive is posted at once and ends with the transfer; the second is posted then.
  EXPECT_EQ(receives, (std::vector<std::tuple<double, double>>{{0, 1.5}, {1.5, 2.5}}));
  // Compute waits for the first microbatch, not for the second.
  EXPECT_EQ(waits[0], std::tuple(0.0, 1.5));
  EXPECT_EQ(waits[1], std::tuple(0.0, 5.5));  // send.prev, for the first backward
}

TEST(Simulate, RepeatsWithoutABarrierBetweenRanks) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(4, 8));
  const Trace trace = SimulateStep(plan, "F=1,B=2", 2);
  const auto first = std::ranges::find_if(
      trace.events, [](const TraceEvent& event) { return event.rank == 3 && event.repeat == 1; });
  ASSERT_NE(first, trace.events.end());
  EXPECT_EQ(first->begin, 27);  // its own end, six before rank 0's
  EXPECT_EQ(Summarise(plan, trace, 0).makespan, 33);
}

TEST(Simulate, SortsByRankThenBegin) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(3, 5), {.layers = 2, .data_parallel = 4});
  const Trace trace = SimulateStep(plan, "F=1,B=2,C=0.25", 2);
  EXPECT_EQ(trace.kind, Trace::Kind::kPredicted);
  EXPECT_TRUE(std::ranges::is_sorted(trace.events, {}, [](const TraceEvent& event) {
    return std::tuple(event.rank, event.begin);
  }));
  size_t instructions = 0;
  for (const Position& position : plan.positions) {
    instructions += position.programs[static_cast<size_t>(ProgramKind::kStep)].instructions.size();
  }
  EXPECT_EQ(trace.events.size(), 2 * instructions);
  // One replica stands for all.
  for (const TraceEvent& event : trace.events) EXPECT_EQ(event.rank % 4, 0);
}

TEST(Simulate, RunsAnEmptyProgram) {
  const Plan plan = PipelinePlan(GPipe(2, 2));
  EXPECT_TRUE(Simulate(plan, ProgramKind::kValidate, {}).events.empty());
}

// A task starts when its predecessor on the position and the task that feeds it have ended.
struct SlowModel {
  std::map<TaskKind, double> costs;

  std::map<std::tuple<TaskKind, int, int>, double> Ends(const Orders& orders) const {
    const int positions = static_cast<int>(orders.size());
    std::map<std::tuple<TaskKind, int, int>, double> ends;  // kind, microbatch, position
    std::vector<size_t> next(orders.size(), 0);
    std::vector<double> clock(orders.size(), 0);
    for (bool progress = true; progress;) {
      progress = false;
      for (int p = 0; p < positions; ++p) {
        const size_t i = static_cast<size_t>(p);
        while (next[i] < orders[i].size()) {
          const Task& task = orders[i][next[i]];
          double ready = 0;
          const int feeder = task.kind == TaskKind::kForward ? p - 1 : p + 1;
          if (task.kind != TaskKind::kWeightGrad && feeder >= 0 && feeder < positions) {
            const auto end = ends.find({task.kind, task.microbatch, feeder});
            if (end == ends.end()) break;
            ready = end->second;
          }
          clock[i] = std::max(clock[i], ready) + costs.at(task.kind);
          ends[{task.kind, task.microbatch, p}] = clock[i];
          ++next[i];
          progress = true;
        }
      }
    }
    return ends;
  }
};

// Orders in which every position takes, at random, any task whose feeders were taken: always
// possible to run. Microbatches of one kind are in order, as the channels are.
Orders RandomOrders(int positions, int microbatches, std::mt19937& random) {
  struct Done {
    int forward = 0, input_grad = 0, weight_grad = 0;
  };
  std::vector<Done> done(static_cast<size_t>(positions));
  Orders orders(static_cast<size_t>(positions));
  for (int left = positions * microbatches * 3; left > 0;) {
    const size_t p = random() % static_cast<size_t>(positions);
    Done& own = done[p];
    const bool is_last = p + 1 == done.size();
    switch (random() % 3) {
      case 0:
        if (own.forward == (p == 0 ? microbatches : done[p - 1].forward)) continue;
        orders[p].push_back({TaskKind::kForward, own.forward++});
        break;
      case 1:
        if (own.input_grad == (is_last ? own.forward : done[p + 1].input_grad)) continue;
        orders[p].push_back({TaskKind::kInputGrad, own.input_grad++});
        break;
      default:
        if (own.weight_grad == own.input_grad) continue;
        orders[p].push_back({TaskKind::kWeightGrad, own.weight_grad++});
    }
    --left;
  }
  return orders;
}

TEST(Simulate, AgreesWithASlowModelOnRandomOrders) {
  const SlowModel model{
      {{TaskKind::kForward, 3}, {TaskKind::kInputGrad, 4}, {TaskKind::kWeightGrad, 2}}};
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const int positions = 1 + static_cast<int>(random() % 5);
    const int microbatches = 1 + static_cast<int>(random() % 8);
    const Orders orders = RandomOrders(positions, microbatches, random);
    const Plan plan = PipelinePlan(orders);
    const Trace trace = SimulateStep(plan, "F=3,I=4,W=2");
    const auto ends = model.Ends(orders);
    size_t runs = 0;
    for (const TraceEvent& event : trace.events) {
      const auto* run = RunOf(plan, event);
      if (run == nullptr) continue;
      ++runs;
      EXPECT_EQ(event.end, ends.at({run->kind, run->microbatch.value, run->stage.value}));
    }
    EXPECT_EQ(runs, ends.size());
  }
}

}  // namespace
}  // namespace pprun
