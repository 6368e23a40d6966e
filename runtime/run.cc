#include "runtime/run.h"

#include <algorithm>
#include <memory>
#include <ostream>
#include <span>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "compiler/plan/base/check.h"
#include "compiler/plan/base/output_file.h"
#include "compiler/report/summary.h"
#include "compiler/report/timeline.h"
#include "compiler/simulate/simulate.h"
#include "compiler/verify/verify.h"
#include "runtime/data.h"
#include "runtime/learning_rate.h"
#include "runtime/metrics.h"
#include "runtime/run_figures.h"
#include "runtime/train_rank.h"

namespace pprun {
namespace {

// Steps in a trace that is written, in one whose medians are costs, and in one for the figures.
constexpr int64_t kWrittenSteps = 3;
constexpr int64_t kProfiledSteps = 8;
constexpr int64_t kMeasuredSteps = 1;

// Null if there is none.
std::unique_ptr<DataSet> Open(const Plan& plan, const DataSpec& data) {
  if (data.kind == DataSpec::Kind::kNone) return nullptr;
  try {
    return OpenData(data, plan.train.sequence, plan.train.vocabulary, plan.train.seed);
  } catch (const std::runtime_error& error) {
    if (!data.source.valid()) throw;
    throw PlacedError(Render(plan, Finding{.message = error.what(), .source = data.source}));
  }
}

// The reports of the steps, as they come in on the first rank's thread.
class StepLog {
 public:
  StepLog(const Plan& plan, const RunOptions& options, std::ostream& out)
      : train_(plan.train), progress_(out, options.console, plan.train.steps) {
    speaks_ = options.voice == RunOptions::Voice::kNormal;
    if (options.metrics) metrics_.emplace(*options.metrics);
    figures_.flops = 0;
    step_flops_ = StepFlops(plan);
  }

  void Add(const StepVerdict& verdict, const StepTime& time) {
    const int64_t tokens = train_.batch * train_.sequence;
    const StepMetrics metrics = {
        .step = verdict.step + 1,
        .loss = verdict.loss,
        .learning_rate = LearningRate(train_.optimizer, verdict.step, train_.steps),
        .gradient_norm = verdict.gradient_norm,
        .tokens_per_second = static_cast<double>(tokens) / std::max(time.seconds, 1e-9),
        .validation_loss = verdict.validation_loss,
        .seconds = time.since_start};
    ++figures_.steps;
    figures_.tokens += tokens;
    figures_.flops += step_flops_;
    figures_.seconds += time.seconds;
    figures_.loss = verdict.loss;
    if (verdict.validation_loss) figures_.validation_loss = verdict.validation_loss;
    if (metrics_) metrics_->Write(metrics);
    if (speaks_) progress_.Step(metrics);
  }
  void Finish() { progress_.Finish(); }
  RunFigures& figures() { return figures_; }

 private:
  const TrainSpec& train_;
  Progress progress_;
  bool speaks_ = true;
  std::optional<MetricsFile> metrics_;
  double step_flops_ = 0;
  RunFigures figures_;
};

// All ranks' events on a clock that begins with the first.
Trace Joined(std::span<const TrainRankResult> results) {
  Trace trace = {.kind = Trace::Kind::kMeasured, .events = {}};
  for (const TrainRankResult& result : results) {
    trace.events.insert(trace.events.end(), result.trace.begin(), result.trace.end());
  }
  if (trace.events.empty()) return trace;
  const double first = std::ranges::min_element(trace.events, {}, &TraceEvent::begin)->begin;
  for (TraceEvent& event : trace.events) {
    event.begin -= first;
    event.end -= first;
  }
  return trace;
}

int64_t StepsWanted(const RunOptions& options) {
  if (options.profile) return kProfiledSteps;
  return options.trace ? kWrittenSteps : kMeasuredSteps;
}

void WriteText(const std::string& path, std::string_view text) {
  OutputFile file(path);
  file.Write(text);
  file.Commit();
}

// The last steps of the trace.
void WriteTrace(const std::string& path, const Plan& plan, Trace trace) {
  int64_t last = 0;
  for (const TraceEvent& event : trace.events) last = std::max(last, event.repeat);
  std::erase_if(trace.events,
                [&](const TraceEvent& event) { return event.repeat <= last - kWrittenSteps; });
  std::ostringstream text;
  WriteChromeTrace(text, plan, trace);
  WriteText(path, text.view());
}

void Save(const std::string& path, const Plan& plan, LocalRanks& ranks) {
  SaveWeights(path, plan, [&](ParameterId parameter, std::span<float> values) {
    CHECK(plan.parameters[parameter.index()].type.dtype == DType::kF32);
    for (int64_t rank = 0; rank < ranks.size(); ++rank) {
      // Replicas hold the same values.
      if (!ranks.executor(rank).Holds(parameter)) continue;
      ranks.executor(rank).GetParameter(parameter, std::as_writable_bytes(values));
      return;
    }
    CHECK(false);
  });
}

}  // namespace

RunEnd RunPlan(const Plan& plan, const RunOptions& options, std::ostream& out, std::ostream& err) {
  const bool speaks = options.voice == RunOptions::Voice::kNormal;
  if (plan.train.steps < 1) throw std::runtime_error("the plan has no steps to train");
  if (plan.train.data.kind == DataSpec::Kind::kNone) {
    throw std::runtime_error("the plan names no data to train on");
  }
  const Figures predicted = Summarise(plan, Simulate(plan, ProgramKind::kStep, CostTable{}));
  if (speaks) out << Summary(plan, predicted) << std::flush;
  const int cores = AvailableCores();
  if (const auto warning = CrowdingWarning(plan.Ranks(), cores)) {
    err << "pprun: warning: " << *warning << std::endl;
  }

  // What can fail for reasons outside fails before the first step.
  const std::unique_ptr<DataSet> training = Open(plan, plan.train.data);
  const std::unique_ptr<DataSet> validation = Open(plan, plan.train.validation);
  std::optional<WeightsFile> initial;
  if (options.init) {
    initial.emplace(*options.init, plan);
    for (const std::string& notice : initial->notices()) {
      err << "pprun: warning: " << notice << std::endl;
    }
  }
  if (options.save) CheckWritable(*options.save);
  if (options.trace) CheckWritable(*options.trace);
  if (options.profile) CheckWritable(*options.profile);
  StepLog log(plan, options, out);

  const int threads = options.threads > 0 ? options.threads : ThreadsPerRank(plan.Ranks(), cores);
  const LaunchOptions launch = {
      .patience = options.patience, .on_hang = [&err](const std::string& report) {
        err << "pprun: nothing moves; every rank's streams are at\n" << report << std::flush;
      }};
  LocalRanks ranks(plan, std::make_unique<CpuBackend>(plan.Ranks(), threads), launch,
                   training.get(), validation.get());
  const TracedSteps traced = StepsToTrace(plan.train.steps, StepsWanted(options));
  std::vector<TrainRankResult> results(static_cast<size_t>(ranks.size()));
  try {
    ranks.Run([&](Rank rank) {
      TrainRankOptions train = {.initial = initial ? &*initial : nullptr,
                                .interrupts = options.interrupts,
                                .traced = traced,
                                .on_step = {}};
      if (rank.executor.rank() == 0) {
        train.on_step = [&log](const StepVerdict& verdict, const StepTime& time) {
          log.Add(verdict, time);
        };
      }
      results[static_cast<size_t>(rank.executor.rank())] = TrainRank(plan, rank, train);
    });
  } catch (...) {
    log.Finish();
    throw;
  }
  log.Finish();

  const Trace trace = Joined(results);
  if (options.save) Save(*options.save, plan, ranks);
  if (options.trace) WriteTrace(*options.trace, plan, trace);
  const Profile profile = options.profile ? ProfileOf(plan, trace) : Profile();
  if (profile.entries.empty() && options.profile) {
    err << "pprun: warning: no step was traced, so `" << *options.profile << "` is not written"
        << std::endl;
  } else if (options.profile) {
    WriteText(*options.profile, ToJson(profile));
  }
  if (speaks) {
    RunFigures& figures = log.figures();
    figures.predicted_bubble = predicted.bubble_of_makespan;
    figures.measured_bubble = MeasuredBubble(plan, trace, traced.end() - 1);
    figures.predicted_activations = std::ranges::max(predicted.peak_activations);
    figures.measured_activations = MeasuredActivations(plan, trace, traced.end() - 1);
    for (int64_t rank = 0; rank < ranks.size(); ++rank) {
      figures.arena_bytes += ranks.executor(rank).ArenaBytes();
      figures.touched_bytes += ranks.executor(rank).TouchedBytes();
    }
    figures.resident_bytes = PeakResidentBytes();
    if (results[0].end == TrainRankResult::End::kInterrupted) {
      out << "interrupted after step " << results[0].steps << " of " << plan.train.steps << "\n";
    }
    if (options.trace) out << TextTimeline(plan, trace, {.repeat = traced.end() - 1});
    out << ToText(figures);
    if (options.save) out << "weights saved to " << *options.save << "\n";
    if (options.metrics) out << "metrics written to " << *options.metrics << "\n";
    if (options.trace) out << "trace written to " << *options.trace << "\n";
    if (!profile.entries.empty()) out << "profile written to " << *options.profile << "\n";
    out << std::flush;
  }
  return results[0].end == TrainRankResult::End::kInterrupted ? RunEnd::kInterrupted
                                                              : RunEnd::kFinished;
}

}  // namespace pprun
