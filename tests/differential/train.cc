#include "tests/differential/train.h"

#include <gtest/gtest.h>

#include <optional>
#include <span>
#include <utility>

#include "runtime/data.h"
#include "runtime/launch.h"
#include "runtime/learning_rate.h"

namespace pprun {
namespace {

std::vector<float> Weights(Executor& executor, const Plan& plan, ParameterId id) {
  std::vector<float> values(static_cast<size_t>(plan.parameters[id.index()].type.shape.Elements()));
  executor.GetParameter(id, std::as_writable_bytes(std::span(values)));
  return values;
}

}  // namespace

Trained Train(const Plan& plan) {
  return Train(plan, std::make_unique<CpuBackend>(plan.Ranks(), 1));
}

Trained Train(const Plan& plan, std::unique_ptr<Backend> backend) {
  const TrainSpec& train = plan.train;
  const auto data = OpenData(train.data, train.sequence, train.vocabulary, train.seed);
  std::unique_ptr<DataSet> held_out;
  if (train.validation.kind != DataSpec::Kind::kNone) {
    held_out = OpenData(train.validation, train.sequence, train.vocabulary, train.seed);
  }
  LocalRanks ranks(plan, std::move(backend), {}, data.get(), held_out.get());
  const size_t count = static_cast<size_t>(ranks.size());
  std::vector<std::vector<StepResult>> results(count);
  std::vector<std::vector<std::optional<double>>> validation(count);
  ranks.Run([&](Rank rank) {
    const size_t me = static_cast<size_t>(rank.executor.rank());
    rank.executor.Initialise();
    for (int64_t step = 0; step < train.steps; ++step) {
      const double rate = LearningRate(train.optimizer, step, train.steps);
      results[me].push_back(rank.executor.RunStep(step, static_cast<float>(rate)));
      if (held_out) validation[me].push_back(rank.executor.RunValidation(step));
    }
  });

  Trained trained;
  for (size_t step = 0; step < static_cast<size_t>(train.steps); ++step) {
    double loss = 0;
    for (const std::vector<StepResult>& of_rank : results) loss += of_rank[step].loss.value_or(0);
    trained.losses.push_back(loss);
    if (const auto norm = results[0][step].gradient_norm) trained.gradient_norms.push_back(*norm);
    if (!held_out) continue;
    double held_out_loss = 0;
    for (const auto& of_rank : validation) held_out_loss += of_rank[step].value_or(0);
    trained.validation.push_back(held_out_loss);
  }
  for (size_t i = 0; i < plan.parameters.size(); ++i) {
    const ParameterId id(static_cast<int64_t>(i));
    const std::string& name = plan.parameters[i].name;
    for (int64_t r = 0; r < ranks.size(); ++r) {
      if (!ranks.executor(r).Holds(id)) continue;
      std::vector<float> values = Weights(ranks.executor(r), plan, id);
      const auto entry = trained.weights.emplace(name, values).first;
      EXPECT_EQ(entry->second, values) << name << " differs between replicas of rank " << r;
    }
  }
  return trained;
}

Trace TraceSteps(const Plan& plan) {
  const TrainSpec& train = plan.train;
  const auto data = OpenData(train.data, train.sequence, train.vocabulary, train.seed);
  LocalRanks ranks(plan, std::make_unique<CpuBackend>(plan.Ranks(), 1), {}, data.get(), nullptr);
  std::vector<std::vector<TraceEvent>> events(static_cast<size_t>(ranks.size()));
  ranks.Run([&](Rank rank) {
    rank.executor.Initialise();
    rank.executor.StartTrace(0, train.steps);
    for (int64_t step = 0; step < train.steps; ++step) rank.executor.RunStep(step, 1e-3F);
    events[static_cast<size_t>(rank.executor.rank())] = rank.executor.StopTrace();
  });
  Trace trace;
  trace.kind = Trace::Kind::kMeasured;
  for (const auto& of_rank : events) {
    trace.events.insert(trace.events.end(), of_rank.begin(), of_rank.end());
  }
  return trace;
}

}  // namespace pprun
