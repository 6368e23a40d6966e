#include "runtime/train_rank.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <span>
#include <stdexcept>

#include "compiler/plan/base/check.h"
#include "runtime/learning_rate.h"

namespace pprun {
namespace {

// The first steps touch memory and fill caches.
constexpr int64_t kWarmupSteps = 3;

class Clock {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

void LoadWeights(const Plan& plan, const WeightsFile& weights, Executor& executor) {
  std::vector<float> values;
  for (size_t i = 0; i < plan.parameters.size(); ++i) {
    const ParameterId parameter(static_cast<int64_t>(i));
    if (!executor.Holds(parameter)) continue;
    const TensorType& type = plan.parameters[i].type;
    CHECK(type.dtype == DType::kF32);
    values.resize(static_cast<size_t>(type.shape.Elements()));
    weights.Read(parameter, values);
    executor.SetParameter(parameter, std::as_bytes(std::span(values)));
  }
}

bool ValidationIsDue(const TrainSpec& train, int64_t step) {
  if (train.validation.kind == DataSpec::Kind::kNone) return false;
  if (train.validate_every <= 0 || train.validate_batches <= 0) return false;
  return (step + 1) % train.validate_every == 0 || step + 1 == train.steps;
}

// This rank's share of the mean over all validation batches.
std::optional<double> Validate(const TrainSpec& train, Executor& executor) {
  std::optional<double> sum;
  for (int64_t repeat = 0; repeat < train.validate_batches; ++repeat) {
    const std::optional<double> loss = executor.RunValidation(repeat);
    if (loss) sum = sum.value_or(0) + *loss / static_cast<double>(train.validate_batches);
  }
  return sum;
}

class RankTraining {
 public:
  RankTraining(const Plan& plan, Rank rank, const TrainRankOptions& options)
      : train_(plan.train), rank_(rank), options_(options) {}

  TrainRankResult Run() {
    for (int64_t step = 0; step < train_.steps; ++step) {
      if (step == options_.traced.first && options_.traced.count > 0) {
        rank_.executor.StartTrace(step, options_.traced.count);
      }
      RunStep(step);
      if (step + 1 == options_.traced.end()) result_.trace = rank_.executor.StopTrace();
      // What was said of the step before is acted on now that all are through this one.
      if (step > 0 && Act(step - 1) == Next::kEnd) break;
    }
    Act(result_.steps - 1);
    const bool in_trace =
        result_.steps > options_.traced.first && result_.steps < options_.traced.end();
    if (in_trace) result_.trace = rank_.executor.StopTrace();
    return result_;
  }

 private:
  enum class Next : uint8_t { kGoOn, kEnd };

  void RunStep(int64_t step) {
    const double rate = LearningRate(train_.optimizer, step, train_.steps);
    const double begin = clock_.Seconds();
    const StepResult result = rank_.executor.RunStep(step, static_cast<float>(rate));
    const double end = clock_.Seconds();
    TimeOf(step) = {.seconds = end - begin, .since_start = end};
    ++result_.steps;

    StepReport report = {.step = step,
                         .loss = result.loss,
                         .gradient_norm = result.gradient_norm,
                         .validation_loss = {}};
    if (ValidationIsDue(train_, step)) report.validation_loss = Validate(train_, rank_.executor);
    if (options_.interrupts != nullptr && options_.interrupts->load() > 0) {
      report.wish = StepReport::Wish::kStop;
    }
    rank_.control.Post(report);
  }

  Next Act(int64_t step) {
    const StepVerdict verdict = rank_.control.Await(step);
    if (verdict.action == StepVerdict::Action::kFail) throw std::runtime_error(verdict.why);
    if (options_.on_step) options_.on_step(verdict, TimeOf(step));
    if (verdict.action != StepVerdict::Action::kStop) return Next::kGoOn;
    result_.end = TrainRankResult::End::kInterrupted;
    return Next::kEnd;
  }

  // Two steps are under way at most.
  StepTime& TimeOf(int64_t step) { return times_[static_cast<size_t>(step % 2)]; }

  const TrainSpec& train_;
  const Rank rank_;
  const TrainRankOptions& options_;
  const Clock clock_;
  std::array<StepTime, 2> times_;
  TrainRankResult result_;
};

}  // namespace

TracedSteps StepsToTrace(int64_t steps, int64_t wanted) {
  const int64_t count = std::min(steps, wanted);
  return {.first = std::min(kWarmupSteps, steps - count), .count = count};
}

TrainRankResult TrainRank(const Plan& plan, Rank rank, const TrainRankOptions& options) {
  CHECK(plan.train.steps > 0);
  rank.executor.Initialise();
  if (options.initial != nullptr) LoadWeights(plan, *options.initial, rank.executor);
  return RankTraining(plan, rank, options).Run();
}

}  // namespace pprun
