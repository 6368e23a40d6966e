// The executor on hand-built plans: against plain loops in double, and against itself on other
// meshes.
#include "runtime/executor.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <memory>
#include <thread>

#include "compiler/verify/verify.h"
#include "runtime/comm/local.h"
#include "runtime/cpu/cpu_device.h"
#include "tests/runtime/small_plan.h"

namespace pprun {
namespace {

// All ranks of a plan, each with its device; what the ranks do runs on a thread of each.
class Ranks {
 public:
  explicit Ranks(const SmallPlan& small, std::function<void(Plan&)> damage = {})
      : plan_(Build(small)), data_(small.vocabulary), hub_(plan_.Ranks()), issuer_(plan_.Ranks()) {
    if (damage) damage(plan_);
    for (int64_t rank = 0; rank < plan_.Ranks(); ++rank) {
      devices_.push_back(std::make_unique<CpuDevice>(1));
      communicators_.push_back(hub_.CommunicatorOf(rank));
      executors_.push_back(std::make_unique<Executor>(
          plan_, rank, *devices_.back(), *communicators_.back(), issuer_, &data_, &data_));
    }
  }

  void OnAll(const std::function<void(Executor&)>& body) {
    std::vector<std::thread> threads;
    for (const auto& executor : executors_) {
      threads.emplace_back([&body, &executor] { body(*executor); });
    }
    for (std::thread& thread : threads) thread.join();
  }
  void Initialise() {
    OnAll([](Executor& executor) { executor.Initialise(); });
  }

  // The step's loss, summed over ranks in their order.
  double Step(int64_t step) {
    std::vector<StepResult> results(executors_.size());
    OnAll([&](Executor& executor) {
      results[static_cast<size_t>(executor.rank())] =
          executor.RunStep(step, static_cast<float>(plan_.train.optimizer.learning_rate));
    });
    double loss = 0;
    for (const StepResult& result : results) loss += result.loss.value_or(0);
    norm_ = results[0].gradient_norm;
    return loss;
  }
  double Validate(int64_t repeat) {
    std::vector<double> results(executors_.size());
    OnAll([&](Executor& executor) {
      results[static_cast<size_t>(executor.rank())] = executor.RunValidation(repeat).value_or(0);
    });
    double loss = 0;
    for (const double result : results) loss += result;
    return loss;
  }
  std::vector<float> Value(int64_t parameter) {
    for (const auto& executor : executors_) {
      if (!executor->Holds(ParameterId(parameter))) continue;
      std::vector<float> value(static_cast<size_t>(
          plan_.parameters[static_cast<size_t>(parameter)].type.shape.Elements()));
      executor->GetParameter(ParameterId(parameter), std::as_writable_bytes(std::span(value)));
      return value;
    }
    return {};
  }
  Executor& executor(size_t rank) { return *executors_[rank]; }
  LocalHub& hub() { return hub_; }
  std::optional<double> norm() const { return norm_; }

 private:
  Plan plan_;
  SmallData data_;
  LocalHub hub_;
  IndependentIssuer issuer_;
  std::vector<std::unique_ptr<CpuDevice>> devices_;
  std::vector<std::unique_ptr<Communicator>> communicators_;
  std::vector<std::unique_ptr<Executor>> executors_;
  std::optional<double> norm_;
};

struct Outcome {
  std::vector<double> losses;
  std::vector<float> table, weight;

  bool operator==(const Outcome&) const = default;
};

Outcome Train(const SmallPlan& small) {
  Ranks ranks(small);
  ranks.Initialise();
  Outcome outcome;
  for (int64_t step = 0; step < small.steps; ++step) outcome.losses.push_back(ranks.Step(step));
  outcome.table = ranks.Value(0);
  outcome.weight = ranks.Value(1);
  return outcome;
}

// What the executor relies on.
TEST(SmallPlan, IsProven) {
  for (const int32_t positions : {1, 2}) {
    const Plan plan = Build({.positions = positions, .replicas = 2, .dropout = 0.1F, .clip = 1});
    for (const Finding& finding : Verify(plan)) ADD_FAILURE() << Render(plan, finding);
  }
}

TEST(Executor, ComputesWhatPlainLoopsCompute) {
  for (const double clip : {0.0, 0.05}) {
    for (const int32_t positions : {1, 2}) {
      for (const int32_t replicas : {1, 2}) {
        SCOPED_TRACE(testing::Message()
                     << positions << " positions, " << replicas << " replicas, clip " << clip);
        const SmallPlan small = {.positions = positions, .replicas = replicas, .clip = clip};
        Ranks ranks(small);
        ranks.Initialise();
        const std::vector<float> table = ranks.Value(0);
        const std::vector<float> weight = ranks.Value(1);
        SmallModel model = {{table.begin(), table.end()}, {weight.begin(), weight.end()}};
        const SmallData data(small.vocabulary);
        double first = 0;
        double last = 0;
        for (int64_t step = 0; step < 8; ++step) {
          const double loss = ranks.Step(step);
          EXPECT_NEAR(loss, model.Step(small, data, step), 1e-5);
          if (step == 0) first = loss;
          last = loss;
          EXPECT_EQ(ranks.norm().has_value(), clip > 0);
        }
        EXPECT_LT(last, first);
        const std::vector<float> trained = ranks.Value(0);
        for (size_t i = 0; i < trained.size(); ++i) {
          EXPECT_NEAR(trained[i], model.table[i], 1e-4);
        }
        EXPECT_NE(trained, table);
      }
    }
  }
}

TEST(Executor, SplittingThePipelineChangesNoBit) {
  for (const int32_t microbatches : {1, 2, 4}) {
    SmallPlan small = {.positions = 1, .microbatches = microbatches, .dropout = 0.25F, .clip = 0.1};
    small.optimizer = {.kind = OptimizerSpec::Kind::kAdamW,
                       .learning_rate = 0.05,
                       .beta1 = 0.9,
                       .beta2 = 0.99,
                       .epsilon = 1e-8,
                       .weight_decay = 0.01};
    const Outcome one = Train(small);
    small.positions = 2;
    EXPECT_EQ(Train(small), one) << microbatches << " microbatches";
  }
}

TEST(Executor, ReplicasSeeTheirSlicesAndTheSameDropout) {
  SmallPlan small = {.positions = 2, .dropout = 0.5F};
  const Outcome one = Train(small);
  for (const int32_t replicas : {2, 4}) {
    small.replicas = replicas;
    const Outcome split = Train(small);
    for (size_t i = 0; i < one.losses.size(); ++i) {
      EXPECT_NEAR(split.losses[i], one.losses[i], 1e-5 * one.losses[i]);
    }
    for (size_t i = 0; i < one.table.size(); ++i) {
      EXPECT_NEAR(split.table[i], one.table[i], 1e-5);
    }
  }
}

TEST(Executor, RunsTheSameTwice) {
  const SmallPlan small = {.positions = 2, .replicas = 2, .dropout = 0.1F, .clip = 1};
  EXPECT_EQ(Train(small), Train(small));
}

TEST(Executor, ValidationLeavesTheParametersAlone) {
  const SmallPlan small = {.positions = 2, .replicas = 2};
  Ranks ranks(small);
  ranks.Initialise();
  const std::vector<float> before = ranks.Value(0);
  const std::vector<float> weight = ranks.Value(1);
  SmallModel model = {{before.begin(), before.end()}, {weight.begin(), weight.end()}};
  EXPECT_NEAR(ranks.Validate(1), model.Step(small, SmallData(small.vocabulary), 1), 1e-5);
  EXPECT_EQ(ranks.Value(0), before);
}

TEST(Executor, SetsAndGetsParameters) {
  Ranks ranks({.positions = 1});
  ranks.Initialise();
  std::vector<float> value = ranks.Value(1);
  for (float& element : value) element += 1;
  ranks.executor(0).SetParameter(ParameterId(1), value);
  EXPECT_EQ(ranks.Value(1), value);
}

TEST(Executor, AllocatesTheArenasOfThePlan) {
  const SmallPlan small = {.positions = 2};
  const Plan plan = Build(small);
  Ranks ranks(small);
  int64_t bytes = 0;
  for (const int64_t arena : plan.positions[1].arena_bytes) bytes += arena;
  EXPECT_EQ(ranks.executor(1).ArenaBytes(), bytes);
  ranks.Initialise();
  EXPECT_GT(ranks.executor(1).TouchedBytes(), 0);
  EXPECT_LE(ranks.executor(1).TouchedBytes(), bytes);
}

TEST(Executor, TracesEveryInstructionInStreamOrder) {
  const SmallPlan small = {.positions = 2};
  const Plan plan = Build(small);
  Ranks ranks(small);
  ranks.Initialise();
  ranks.Step(0);
  ranks.OnAll([](Executor& executor) { executor.StartTrace(1, 2); });
  ranks.Step(1);
  ranks.Step(2);
  const std::vector<TraceEvent> events = ranks.executor(0).StopTrace();
  ranks.Step(3);
  const Program& program = plan.positions[0].programs[static_cast<size_t>(ProgramKind::kStep)];
  ASSERT_EQ(events.size(), 2 * program.instructions.size());
  std::vector<double> ended(plan.positions[0].streams.size(), 0);
  std::vector<int> seen(program.instructions.size(), 0);
  for (const TraceEvent& event : events) {
    const auto index = static_cast<size_t>(event.instruction);
    EXPECT_EQ(event.rank, 0);
    EXPECT_EQ(event.repeat, 1 + seen[index]);
    ++seen[index];
    double& end = ended[program.instructions[index].stream.index()];
    EXPECT_GE(event.begin, end);
    EXPECT_GE(event.end, event.begin);
    end = event.end;
  }
  for (const int count : seen) EXPECT_EQ(count, 2);
}

// A hang names the instruction that waits, and an abort ends it everywhere.
TEST(Executor, ReportsItsHeadsWhenItHangs) {
  Ranks ranks({.positions = 2});
  ranks.Initialise();
  std::string thrown;
  std::thread waiting([&] {
    try {
      ranks.executor(1).RunStep(0, 0.1F);
    } catch (const AbortedError& error) {
      thrown = error.what();
    }
  });
  // Rank 1 alone: its recv waits for a rank that runs nothing.
  std::string head;
  while (!head.starts_with("recv")) {
    for (const StreamHead& at : ranks.executor(1).Heads()) {
      if (at.stream == "recv") head = at.instruction;
    }
    std::this_thread::yield();
  }
  EXPECT_NE(head.find("small.sched:1"), std::string::npos) << head;
  ranks.hub().Abort("no progress");
  waiting.join();
  EXPECT_EQ(thrown, "no progress");
}

}  // namespace
}  // namespace pprun
