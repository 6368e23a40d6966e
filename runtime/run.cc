#include "runtime/run.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <ostream>
#include <span>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "compiler/plan/base/check.h"
#include "compiler/plan/base/output_file.h"
#include "compiler/report/summary.h"
#include "compiler/report/timeline.h"
#include "compiler/simulate/simulate.h"
#include "compiler/verify/verify.h"
#include "runtime/cpu/cpu_backend.h"
#include "runtime/cuda/cuda_backend.h"
#include "runtime/data.h"
#include "runtime/learning_rate.h"
#include "runtime/metrics.h"
#include "runtime/processes/collect.h"
#include "runtime/processes/job_backend.h"
#include "runtime/processes/job_cuda_backend.h"
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

  // Steps that nobody can read of any more are not worth going on with.
  StepReport::Wish Add(const StepVerdict& verdict, const StepTime& time) {
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
    if (metrics_) WriteMetrics(metrics);
    if (speaks_) progress_.Step(metrics);
    return failure_ ? StepReport::Wish::kStop : StepReport::Wish::kGoOn;
  }
  void Finish() { progress_.Finish(); }
  RunFigures& figures() { return figures_; }
  // Why metrics could not be written: what the run ends with, once its weights are saved.
  const std::optional<std::string>& failure() const { return failure_; }

 private:
  void WriteMetrics(const StepMetrics& metrics) {
    try {
      metrics_->Write(metrics);
    } catch (const std::runtime_error& error) {
      failure_ = error.what();
      metrics_.reset();
    }
  }

  const TrainSpec& train_;
  Progress progress_;
  bool speaks_ = true;
  std::optional<MetricsFile> metrics_;
  std::optional<std::string> failure_;
  double step_flops_ = 0;
  RunFigures figures_;
};

// All ranks' events on a clock that begins with the first.
Trace Joined(std::vector<TraceEvent> events) {
  Trace trace = {.kind = Trace::Kind::kMeasured, .events = std::move(events)};
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

// The last steps of the trace, and what was validated from then on.
void WriteTrace(const std::string& path, const Plan& plan, Trace trace) {
  const auto is_step = [](const TraceEvent& event) { return event.program == ProgramKind::kStep; };
  int64_t last = 0;
  for (const TraceEvent& event : trace.events) {
    if (is_step(event)) last = std::max(last, event.repeat);
  }
  double first = std::numeric_limits<double>::infinity();
  for (const TraceEvent& event : trace.events) {
    if (is_step(event) && event.repeat > last - kWrittenSteps) first = std::min(first, event.begin);
  }
  std::erase_if(trace.events, [&](const TraceEvent& event) {
    return is_step(event) ? event.repeat <= last - kWrittenSteps : event.begin < first;
  });
  std::ostringstream text;
  WriteChromeTrace(text, plan, trace);
  WriteText(path, text.view());
}

// Null if none of the ranks that are here holds it.
Executor* HolderOf(LocalRanks& ranks, ParameterId parameter) {
  for (int64_t index = 0; index < ranks.size(); ++index) {
    // Replicas hold the same values.
    if (ranks.executor(index).Holds(parameter)) return &ranks.executor(index);
  }
  return nullptr;
}

// The first of all ranks that holds it.
int64_t FirstHolder(const Plan& plan, ParameterId parameter) {
  const std::vector<PositionId>& holders = plan.parameters[parameter.index()].holders;
  for (int64_t rank = 0; rank < plan.Ranks(); ++rank) {
    if (std::ranges::find(holders, CoordinatesOf(plan, rank).position) != holders.end()) {
      return rank;
    }
  }
  CHECK(false);
  return 0;
}

// `collector` is null where all ranks are here.
void Save(const std::string& path, const Plan& plan, LocalRanks& ranks, Collector* collector) {
  SaveWeights(path, plan, [&](ParameterId parameter, std::span<float> values) {
    CHECK(plan.parameters[parameter.index()].type.dtype == DType::kF32);
    if (Executor* const holder = HolderOf(ranks, parameter)) {
      holder->GetParameter(parameter, std::as_writable_bytes(values));
      return;
    }
    CHECK(collector != nullptr);
    collector->Fetch(FirstHolder(plan, parameter), parameter, std::as_writable_bytes(values));
  });
}

// What the ranks that are here saw.
ProcessSummary SummaryOf(LocalRanks& ranks, std::span<const TrainRankResult> results) {
  ProcessSummary summary = {.resident_bytes = PeakResidentBytes(), .trace = {}};
  for (int64_t index = 0; index < ranks.size(); ++index) {
    summary.arena_bytes += ranks.executor(index).ArenaBytes();
    summary.touched_bytes += ranks.executor(index).TouchedBytes();
  }
  for (const TrainRankResult& result : results) {
    summary.trace.insert(summary.trace.end(), result.trace.begin(), result.trace.end());
  }
  return summary;
}

void AddTo(ProcessSummary& sum, const ProcessSummary& more) {
  sum.arena_bytes += more.arena_bytes;
  sum.touched_bytes += more.touched_bytes;
  sum.resident_bytes += more.resident_bytes;
  sum.trace.insert(sum.trace.end(), more.trace.begin(), more.trace.end());
}

void GiveAll(const Plan& plan, LocalRanks& ranks, const ProcessSummary& summary, Job& job) {
  GiveToRankZero(job, summary, [&](ParameterId parameter) {
    CHECK(parameter.index() < plan.parameters.size());
    std::vector<std::byte> value(
        static_cast<size_t>(plan.parameters[parameter.index()].type.Bytes()));
    Executor* const holder = HolderOf(ranks, parameter);
    CHECK(holder != nullptr);
    holder->GetParameter(parameter, value);
    return value;
  });
}

// `cuda` and `nccl` are null where they are not needed.
std::unique_ptr<Backend> BackendOf(const Plan& plan, const RunOptions& options, CudaApi* cuda,
                                   NcclApi* nccl) {
  if (options.on == RunOptions::On::kCuda) {
    if (options.job != nullptr) {
      return std::make_unique<JobCudaBackend>(plan, *options.job, *cuda, *nccl, options.gpu,
                                              options.graphs);
    }
    return std::make_unique<CudaBackend>(plan, *cuda, options.gpu, options.graphs);
  }
  const int64_t here = options.job != nullptr ? options.local_ranks : plan.Ranks();
  const int threads =
      options.threads > 0 ? options.threads : ThreadsPerRank(here, AvailableCores());
  if (options.job != nullptr) return std::make_unique<JobCpuBackend>(*options.job, threads);
  return std::make_unique<CpuBackend>(plan.Ranks(), threads);
}

}  // namespace

RunEnd RunPlan(const Plan& plan, const RunOptions& all_options, std::ostream& out,
               std::ostream& err) {
  RunOptions options = all_options;
  Job* const job = options.job;
  const bool first = job == nullptr || job->rank() == 0;
  const TracedSteps traced = StepsToTrace(plan.train.steps, StepsWanted(options));
  if (!first) {
    options.voice = RunOptions::Voice::kQuiet;
    for (auto* const output : {&options.save, &options.metrics, &options.trace, &options.profile}) {
      output->reset();
    }
  }
  const bool speaks = options.voice == RunOptions::Voice::kNormal;
  if (plan.train.steps < 1) throw std::runtime_error("the plan has no steps to train");
  if (plan.train.data.kind == DataSpec::Kind::kNone) {
    throw std::runtime_error("the plan names no data to train on");
  }
  const bool on_cuda = options.on == RunOptions::On::kCuda;
  const std::unique_ptr<CudaApi> own_cuda = on_cuda && !options.cuda ? OpenCuda() : nullptr;
  const std::unique_ptr<NcclApi> nccl = on_cuda && job != nullptr ? OpenNccl() : nullptr;
  std::unique_ptr<Backend> backend =
      BackendOf(plan, options, own_cuda ? own_cuda.get() : options.cuda, nccl.get());
  const Figures predicted = Summarise(plan, Simulate(plan, ProgramKind::kStep, CostTable{}));
  if (speaks) out << Summary(plan, predicted) << std::flush;
  const auto warning =
      CrowdingWarning(job != nullptr ? options.local_ranks : plan.Ranks(), AvailableCores());
  if (warning && first && !on_cuda) {
    err << "pprun: warning: " << *warning << std::endl;
  }

  // What can fail for reasons outside fails before the first step.
  const std::unique_ptr<DataSet> training = Open(plan, plan.train.data);
  const std::unique_ptr<DataSet> validation = Open(plan, plan.train.validation);
  std::optional<WeightsFile> initial;
  if (options.init) {
    initial.emplace(*options.init, plan);
    for (const std::string& notice : initial->notices()) {
      if (!first) break;
      err << "pprun: warning: " << notice << std::endl;
    }
  }
  if (options.save) CheckWritable(*options.save);
  if (options.trace) CheckWritable(*options.trace);
  if (options.profile) CheckWritable(*options.profile);
  StepLog log(plan, options, out);

  const LaunchOptions launch = {
      .patience = options.patience,
      .on_hang =
          [&err, job](const std::string& report) {
            const std::string whose =
                job == nullptr ? "every rank's" : "rank " + std::to_string(job->rank()) + "'s";
            // In one piece, as other processes write too.
            err << "pprun: nothing moves; " + whose + " streams are at\n" + report << std::flush;
          },
      .job = job};
  LocalRanks ranks(plan, std::move(backend), launch, training.get(), validation.get());
  std::vector<TrainRankResult> results(static_cast<size_t>(ranks.size()));
  try {
    ranks.Run([&](Rank rank) {
      TrainRankOptions train = {.initial = initial ? &*initial : nullptr,
                                .interrupts = options.interrupts,
                                .traced = traced,
                                .on_step = {}};
      if (rank.executor.rank() == 0) {
        train.on_step = [&log](const StepVerdict& verdict, const StepTime& time) {
          return log.Add(verdict, time);
        };
      }
      const int64_t index = job == nullptr ? rank.executor.rank() : 0;
      results[static_cast<size_t>(index)] = TrainRank(plan, rank, train);
    });
  } catch (...) {
    log.Finish();
    throw;
  }
  log.Finish();

  const bool stopped = results[0].end == TrainRankResult::End::kStopped;
  const RunEnd end = stopped ? RunEnd::kInterrupted : RunEnd::kFinished;
  ProcessSummary seen = SummaryOf(ranks, results);
  if (!first) {
    GiveAll(plan, ranks, seen, *job);
    // Why the run was stopped is rank 0's to say, unless it was interrupted here.
    const bool here = options.interrupts != nullptr && options.interrupts->load() > 0;
    return here ? end : RunEnd::kFinished;
  }
  std::optional<Collector> collector;
  if (job != nullptr) {
    collector.emplace(*job);
    for (const ProcessSummary& summary : collector->summaries()) AddTo(seen, summary);
  }
  if (options.save) Save(*options.save, plan, ranks, collector ? &*collector : nullptr);
  if (collector) collector->Finish();
  const Trace trace = Joined(std::move(seen.trace));
  const int64_t last_traced = std::min(traced.end(), results[0].steps) - 1;
  if (options.trace && trace.events.empty()) {
    err << "pprun: warning: the run ended before a step was traced, so `" << *options.trace
        << "` is not written" << std::endl;
    options.trace.reset();
  }
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
    figures.measured_bubble = MeasuredBubble(plan, trace, last_traced);
    figures.predicted_activations = std::ranges::max(predicted.peak_activations);
    figures.measured_activations = MeasuredActivations(plan, trace, last_traced);
    figures.arena_bytes = seen.arena_bytes;
    figures.touched_bytes = seen.touched_bytes;
    figures.resident_bytes = seen.resident_bytes;
    if (stopped) {
      out << (log.failure() ? "ended" : "interrupted") << " after step " << results[0].steps
          << " of " << plan.train.steps << "\n";
    }
    if (options.trace) out << TextTimeline(plan, trace, {.repeat = last_traced});
    out << ToText(figures);
    if (options.save) out << "weights saved to " << *options.save << "\n";
    if (options.metrics && !log.failure()) out << "metrics written to " << *options.metrics << "\n";
    if (options.trace) out << "trace written to " << *options.trace << "\n";
    if (!profile.entries.empty()) out << "profile written to " << *options.profile << "\n";
    out << std::flush;
  }
  if (log.failure()) throw std::runtime_error(*log.failure());
  return end;
}

}  // namespace pprun
