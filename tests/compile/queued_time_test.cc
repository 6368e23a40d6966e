// Orders whose transfers queue: the clock that the search compares them by against the simulated
// plan, and what `automatic` makes of it beside schedules of the library.
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "compiler/predict.h"
#include "compiler/simulate/figures.h"
#include "tests/compile/compile_source.h"
#include "tests/schedule/queued_time_of.h"

namespace pprun {
namespace {

struct Setting {
  int pp = 2;
  int microbatches = 4;
  std::string costs;
  std::string transfers = "queue_per_peer";
};

struct Simulated {
  Compilation compiled;
  TaskCosts costs;
  double makespan = 0;
};

Simulated SimulateSchedule(const std::string& schedule, const Setting& setting) {
  Simulated result;
  PredictOptions predict;
  predict.costs = setting.costs;
  result.costs = TaskCostsOf(ModelOf(predict));
  result.compiled =
      CompileSource("mesh { pp = " + std::to_string(setting.pp) + "; }\nschedule " + schedule +
                        ";\ntransfers " + setting.transfers + ";\n",
                    {{"microbatches", std::to_string(setting.microbatches)}}, result.costs);
  EXPECT_TRUE(result.compiled.Ok()) << result.compiled.Messages();
  const Plan& plan = *result.compiled.plan;
  result.makespan = Summarise(plan, Predict(plan, predict)).makespan;
  return result;
}

// Costs of which the largest is 1 are whole thousandths: nothing is rounded.
TEST(QueuedClock, IsWhatASimulatedPlanTakes) {
  constexpr const char* kSchedules[] = {"gpipe",
                                        "one_f_one_b",
                                        "interleaved_one_f_one_b",
                                        "zero_bubble_h1",
                                        "zero_bubble_h2",
                                        "zero_bubble_v",
                                        "interleaved_zero_bubble(chunks = 4)",
                                        "v_min",
                                        "v_half",
                                        "automatic"};
  constexpr const char* kTransfers[] = {"queue_per_peer", "queue_per_rank", "queue_per_flow"};
  std::mt19937_64 random(5);
  for (const char* schedule : kSchedules) {
    for (const auto& [pp, microbatches] : {std::pair{2, 4}, {4, 8}, {4, 20}, {6, 12}}) {
      for (int choice = 0; choice < 3; ++choice) {
        const auto cost = [&] {
          return std::to_string(0.2 + 0.1 * static_cast<double>(random() % 9));
        };
        const std::string costs = "F=1,I=" + cost() + ",W=" + cost() +
                                  ",C=" + std::to_string(0.1 * static_cast<double>(random() % 7));
        const Simulated simulated = SimulateSchedule(schedule, {.pp = pp,
                                                                .microbatches = microbatches,
                                                                .costs = costs,
                                                                .transfers = kTransfers[choice]});
        const int64_t time = QueuedTimeOf(*simulated.compiled.order, simulated.costs,
                                          static_cast<TransferQueues>(choice));
        EXPECT_NEAR(static_cast<double>(time) / 1000, simulated.makespan, 1e-9)
            << schedule << ", pp " << pp << ", " << microbatches << " microbatches, " << costs
            << ", " << kTransfers[choice];
      }
    }
  }
}

struct Rival {
  std::string name;
  Setting setting;
  std::string automatic;  // its parameters but for the effort
};

// Cases in which the search once chose by latencies alone, or had no such beginning, and lost.
TEST(QueuedClock, AutomaticByItLosesToNoneAndNotToLessEffort) {
  const std::string wide = "F=1.89,I=0.75,W=0.86,C=";
  const Rival kRivals[] = {
      {"zero_bubble_h1", {12, 16, wide + "0.5"}, "chunks = 1"},
      {"zero_bubble_h1", {12, 16, wide + "0.3", "queue_per_rank"}, "chunks = 1"},
      {"zero_bubble_v", {4, 24, "F=1.1,I=0.72,W=1.22,C=0.5"}, "memory = 12"},
      {"zero_bubble_v", {12, 16, wide + "0.5"}, "memory = 24"},
      {"zero_bubble_v", {4, 24, "F=1.96,I=0.34,W=1.57,C=0.2"}, "memory = 12"},
      {"zero_bubble_v", {6, 33, "F=0.89,I=0.9,W=1.19,C=0.2"}, "memory = 12"},
      // Transfers that take no time wait for buffers.
      {"interleaved_zero_bubble(chunks = 4)",
       {3, 6, "F=0.96,I=0.32,W=1.9", "queue_per_rank"},
       "chunks = 4"},
      {"interleaved_zero_bubble(chunks = 4)", {6, 6, "F=0.74,I=0.36,W=1.96"}, "chunks = 4"},
      {"interleaved_zero_bubble(chunks = 4)",
       {5, 10, "F=0.7,I=0.61,W=0.82", "queue_per_rank"},
       "chunks = 4"},
      // In no more room than it holds.
      {"v_half", {12, 36, "F=1.39,I=1.69,W=0.83"}, "memory = 14"},
      {"v_half", {8, 24, "F=1.45,I=1.9,W=1.08"}, "memory = 10"},
  };
  for (const Rival& rival : kRivals) {
    SCOPED_TRACE(rival.name + " " + rival.setting.costs + " " + rival.automatic);
    const double library = SimulateSchedule(rival.name, rival.setting).makespan;
    double before = std::numeric_limits<double>::max();
    // Integer costs round: by half a thousandth of the largest a task.
    const double rounding = 1 + 1e-3;
    for (const int effort : {1, 10, 100, 400, 1000}) {
      const std::string automatic =
          "automatic(" + rival.automatic + ", effort = " + std::to_string(effort) + ")";
      const double makespan = SimulateSchedule(automatic, rival.setting).makespan;
      EXPECT_LE(makespan, before * rounding) << effort;
      before = makespan;
      if (effort >= 100) {
        EXPECT_LE(makespan, library * (1 + 1e-9)) << effort;
      }
    }
  }
}

}  // namespace
}  // namespace pprun
