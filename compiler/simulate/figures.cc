// Work that overlaps on two compute streams of a rank is counted once. Tests: figures_test.cc.
#include "compiler/simulate/figures.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <set>
#include <string_view>

#include "compiler/plan/base/check.h"
#include "compiler/plan/base/json_writer.h"
#include "compiler/plan/tasks.h"

namespace pprun {
namespace {

// The runs of one rank, seen by ascending begin.
struct Busy {
  double time = 0;
  double from = std::numeric_limits<double>::infinity();
  double until = -std::numeric_limits<double>::infinity();

  void Add(double begin, double end) {
    time += std::max(0.0, end - std::max(begin, until));
    from = std::min(from, begin);
    until = std::max(until, end);
  }
};

bool HasPairs(const PlannedTasks& tasks) {
  return std::ranges::any_of(tasks.tasks, [](const PlannedTask& t) { return t.partner >= 0; });
}

// Something that is there from one task to another. It is born before the task starts, and freed
// after it has ended; an overlapped pair is one task.
struct Lifetime {
  int32_t born = -1;
  int32_t freed = -1;
};

int64_t PeakOf(const std::vector<Lifetime>& lifetimes, size_t tasks) {
  std::vector<int64_t> change(tasks + 1, 0);
  for (const Lifetime& lifetime : lifetimes) {
    if (lifetime.born < 0 || lifetime.freed < lifetime.born) continue;
    ++change[static_cast<size_t>(lifetime.born)];
    --change[static_cast<size_t>(lifetime.freed) + 1];
  }
  int64_t live = 0, peak = 0;
  for (const int64_t step : change) peak = std::max(peak, live += step);
  return peak;
}

Peaks PeaksOf(const PlannedTasks& planned) {
  // By stage, of which a position has few, then microbatch.
  std::map<StageId, size_t> rows;
  size_t microbatches = 0;
  for (const PlannedTask& task : planned.tasks) {
    rows.try_emplace(task.stage, rows.size());
    microbatches = std::max(microbatches, task.microbatch.index() + 1);
  }
  std::vector<Lifetime> activations(rows.size() * microbatches);
  std::vector<Lifetime> weight_buffers(activations.size());
  for (size_t i = 0; i < planned.tasks.size(); ++i) {
    const PlannedTask& task = planned.tasks[i];
    const int32_t now = static_cast<int32_t>(i);
    const int32_t partner = task.partner < 0 ? now : task.partner;
    const int32_t from = std::min(now, partner), until = std::max(now, partner);
    const size_t index = rows.at(task.stage) * microbatches + task.microbatch.index();
    Lifetime& activation = activations[index];
    Lifetime& weight_buffer = weight_buffers[index];
    switch (task.kind) {
      case TaskKind::kForward:
        // Kept no longer, unless a backward follows.
        activation = {from, until};
        break;
      case TaskKind::kRecompute:
        break;
      case TaskKind::kInputGrad:
        weight_buffer.born = from;
        activation.freed = until;
        break;
      case TaskKind::kWeightGrad:
        weight_buffer.freed = until;
        activation.freed = until;
        break;
      case TaskKind::kBackward:
        activation.freed = until;
        break;
    }
  }
  return {PeakOf(activations, planned.tasks.size()), PeakOf(weight_buffers, planned.tasks.size())};
}

}  // namespace

Peaks PeaksOf(const Position& position) { return PeaksOf(TasksOf(position, ProgramKind::kStep)); }

WorkOf WorkOfPlan(const Plan& plan) {
  const bool pairs = std::ranges::any_of(plan.positions, [](const Position& position) {
    return HasPairs(TasksOf(position, ProgramKind::kStep));
  });
  return pairs ? WorkOf::kLeastBusyRank : WorkOf::kMean;
}

std::string_view Name(WorkOf work_of) {
  switch (work_of) {
    case WorkOf::kMean:
      return "mean";
    case WorkOf::kLeastBusyRank:
      return "least_busy_rank";
  }
  CHECK(false);
}

Figures Summarise(const Plan& plan, const Trace& trace, int64_t repeat) {
  std::vector<PlannedTasks> tasks;
  std::vector<Peaks> peaks;
  Figures figures;
  for (const Position& position : plan.positions) {
    tasks.push_back(TasksOf(position, ProgramKind::kStep));
    peaks.push_back(PeaksOf(tasks.back()));
    if (HasPairs(tasks.back())) figures.work_of = WorkOf::kLeastBusyRank;
  }

  std::set<int64_t> repeats;
  double first = std::numeric_limits<double>::infinity();
  double last = -first;
  Busy anything;
  for (size_t i = 0; i < trace.events.size();) {
    const int64_t rank = trace.events[i].rank;
    const size_t index = CoordinatesOf(plan, rank).position.index();
    Busy busy;
    for (; i < trace.events.size() && trace.events[i].rank == rank; ++i) {
      const TraceEvent& event = trace.events[i];
      if (event.program != ProgramKind::kStep) continue;
      if (repeat != kAllRepeats && event.repeat != repeat) continue;
      anything.from = std::min(anything.from, event.begin);
      anything.until = std::max(anything.until, event.end);
      if (tasks[index].task_of[static_cast<size_t>(event.instruction)] < 0) continue;
      repeats.insert(event.repeat);
      busy.Add(event.begin, event.end);
    }
    first = std::min(first, busy.from);
    last = std::max(last, busy.until);
    figures.span = std::max(figures.span, busy.until - busy.from);
    figures.ranks.push_back(rank);
    figures.busy.push_back(busy.time);
    figures.peak_activations.push_back(peaks[index].activations);
    figures.peak_weight_buffers.push_back(peaks[index].weight_buffers);
  }
  figures.steps = static_cast<int64_t>(repeats.size());
  if (static_cast<int64_t>(figures.ranks.size()) < plan.Ranks()) figures.replicas = plan.Replicas();
  if (last <= first) {
    figures.span = 0;
    return figures;
  }

  figures.makespan = last - first;
  figures.step = (anything.until - anything.from) / static_cast<double>(figures.steps);
  switch (figures.work_of) {
    case WorkOf::kMean:
      for (const double time : figures.busy) figures.work += time;
      figures.work /= static_cast<double>(figures.busy.size());
      break;
    case WorkOf::kLeastBusyRank:
      figures.work = std::ranges::min(figures.busy);
      break;
  }
  figures.bubble_of_makespan = 1 - figures.work / figures.makespan;
  figures.bubble_of_span = 1 - figures.work / figures.span;
  return figures;
}

double WithoutNoise(double sum) {
  char text[32];
  const auto [end, error] =
      std::to_chars(text, text + sizeof(text), sum, std::chars_format::general, 12);
  CHECK(error == std::errc());
  std::from_chars(text, end, sum);
  return sum;
}

std::string FiguresJson(const Figures& figures) {
  JsonWriter out;
  const auto time = [&out](std::string_view name, double value) {
    out.Member(name, WithoutNoise(value));
  };
  out.Open('{');
  time("makespan", figures.makespan);
  time("step", figures.step);
  time("work", figures.work);
  out.Member("work_of", Name(figures.work_of));
  time("span", figures.span);
  time("bubble_of_makespan", figures.bubble_of_makespan);
  time("bubble_of_span", figures.bubble_of_span);
  out.Member("steps", figures.steps);
  out.Member("replicas", figures.replicas);
  out.List("ranks");
  for (size_t i = 0; i < figures.busy.size(); ++i) {
    out.Open('{');
    out.Member("rank", figures.ranks[i]);
    time("busy", figures.busy[i]);
    out.Member("peak_activations", figures.peak_activations[i]);
    out.Member("peak_weight_buffers", figures.peak_weight_buffers[i]);
    out.Close('}');
  }
  out.Close(']');
  out.Close('}');
  return out.Take();
}

}  // namespace pprun
