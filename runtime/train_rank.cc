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
    executor.SetParameter(parameter, values);
  }
}

bool ValidationIsDue(const TrainSpec& train, int64_t step) {
  if (train.validation.kind == DataSpec::Kind::kNone) return false;
  if (train.validate_every <= 0 || train.validate_batches <= 0) return false;
  return (step + 1) % train.validate_every == 0 || step + 1 == train.steps;
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
      Next next = RunStep(step);
      if (next == Next::kGoOn && ValidationIsDue(train_, step)) next = Validate(step);
      if (step + 1 == options_.traced.end()) result_.trace = rank_.executor.StopTrace();
      if (next == Next::kEnd) break;
    }
    Hear(rounds_ - 1);
    Tell();
    const bool in_trace =
        result_.steps > options_.traced.first && result_.steps < options_.traced.end();
    if (in_trace) result_.trace = rank_.executor.StopTrace();
    return result_;
  }

 private:
  enum class Next : uint8_t { kGoOn, kEnd };

  Next RunStep(int64_t step) {
    const double rate = LearningRate(train_.optimizer, step, train_.steps);
    const double begin = clock_.Seconds();
    const StepResult result = rank_.executor.RunStep(step, static_cast<float>(rate));
    const double end = clock_.Seconds();
    TimeOf(step) = {.seconds = end - begin, .since_start = end};
    ++result_.steps;
    return Exchange({.step = step, .loss = result.loss, .gradient_norm = result.gradient_norm});
  }

  // A round a batch, so that an interrupt need not wait for all of them. The last one has this
  // rank's share of the mean.
  Next Validate(int64_t step) {
    std::optional<double> sum;
    for (int64_t batch = 0; batch < train_.validate_batches; ++batch) {
      const std::optional<double> loss = rank_.executor.RunValidation(batch);
      if (loss) sum = sum.value_or(0) + *loss / static_cast<double>(train_.validate_batches);
      StepReport report = {.step = step};
      if (batch + 1 == train_.validate_batches) report.validation_loss = sum;
      if (Exchange(report) == Next::kEnd) return Next::kEnd;
    }
    return Next::kGoOn;
  }

  // What was said in the round before is acted on now that all are through this one.
  Next Exchange(StepReport report) {
    report.round = rounds_++;
    const bool interrupted = options_.interrupts != nullptr && options_.interrupts->load() > 0;
    report.wish = interrupted ? StepReport::Wish::kStop : wish_;
    rank_.control.Post(report);
    return report.round > 0 ? Hear(report.round - 1) : Next::kGoOn;
  }

  Next Hear(int64_t round) {
    const StepVerdict verdict = rank_.control.Await(round);
    if (verdict.action == StepVerdict::Action::kFail) throw std::runtime_error(verdict.why);
    if (heard_ && heard_->step == verdict.step) {
      heard_->validation_loss = verdict.validation_loss;
    } else {
      Tell();
      heard_ = verdict;
    }
    if (verdict.validation_loss || !ValidationIsDue(train_, verdict.step)) Tell();
    if (verdict.action != StepVerdict::Action::kStop) return Next::kGoOn;
    result_.end = TrainRankResult::End::kStopped;
    return Next::kEnd;
  }

  void Tell() {
    if (heard_ && options_.on_step) wish_ = options_.on_step(*heard_, TimeOf(heard_->step));
    heard_.reset();
  }

  // Two steps are under way at most.
  StepTime& TimeOf(int64_t step) { return times_[static_cast<size_t>(step % 2)]; }

  const TrainSpec& train_;
  const Rank rank_;
  const TrainRankOptions& options_;
  const Clock clock_;
  std::array<StepTime, 2> times_;
  int64_t rounds_ = 0;
  std::optional<StepVerdict> heard_;  // on a step whose validation is not over
  StepReport::Wish wish_ = StepReport::Wish::kGoOn;
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
