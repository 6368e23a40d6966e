#include "compiler/schedule/predict_times.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <string>

#include "compiler/plan/base/check.h"
#include "compiler/schedule/task_names.h"

namespace pprun {
namespace {

constexpr int64_t kNever = -1;

bool MovesGradient(TaskKind kind) {
  return kind == TaskKind::kBackward || kind == TaskKind::kInputGrad;
}

class Clock {
 public:
  Clock(const TaskOrder& order, const TaskCosts& costs)
      : order_(order),
        costs_(costs),
        position_of_(static_cast<size_t>(order.pipes * order.stages), 0),
        forward_end_(static_cast<size_t>(order.stages) * static_cast<size_t>(order.microbatches),
                     kNever),
        gradient_end_(forward_end_),
        next_(order.positions.size(), 0),
        now_(order.positions.size(), 0),
        times_(order.positions.size()) {
    for (size_t p = 0; p < order.positions.size(); ++p) {
      times_[p].resize(order.positions[p].size());
      for (const ChunkPlace& place : order.placement[p]) {
        position_of_[static_cast<size_t>(place.pipe * order.stages + place.stage)] = p;
      }
    }
  }

  // Runs whatever can run, until nothing can.
  void Run() {
    for (size_t p = order_.positions.size(); p-- > 0;) ready_.push_back(p);
    while (!ready_.empty()) {
      const size_t p = ready_.back();
      ready_.pop_back();
      while (next_[p] < order_.positions[p].size() && RunNext(p)) {
      }
    }
  }

  bool Finished() const {
    for (size_t p = 0; p < next_.size(); ++p) {
      if (next_[p] < order_.positions[p].size()) return false;
    }
    return true;
  }

  void ReportCircle(Diagnostics& diagnostics) const;
  TaskTimes TakeTimes() { return std::move(times_); }

 private:
  size_t Index(int32_t stage, int32_t microbatch) const {
    return static_cast<size_t>(stage) * static_cast<size_t>(order_.microbatches) +
           static_cast<size_t>(microbatch);
  }

  size_t PositionOf(int32_t stage, int32_t pipe) const {
    return position_of_[static_cast<size_t>(pipe * order_.stages + stage)];
  }

  // The stage whose task hands the input to this one; out of range if it is the first to touch the
  // microbatch.
  static int32_t Before(const OrderedTask& task) {
    return task.kind == TaskKind::kForward ? task.stage - 1 : task.stage + 1;
  }

  // When the task's input is there; kNever if it is not.
  int64_t Available(const OrderedTask& task, size_t position) const {
    const int32_t before = Before(task);
    if (task.kind == TaskKind::kWeightGrad || before < 0 || before == order_.stages) return 0;
    const std::vector<int64_t>& ends =
        task.kind == TaskKind::kForward ? forward_end_ : gradient_end_;
    const int64_t end = ends[Index(before, task.microbatch)];
    if (end == kNever || PositionOf(before, task.pipe) == position) return end;
    return end + costs_.transfer;
  }

  // Tasks that start together: a pair, or one.
  size_t UnitSize(size_t position) const {
    const std::vector<OrderedTask>& tasks = order_.positions[position];
    const size_t at = next_[position];
    const int32_t pair = tasks[at].overlap_pair;
    return pair >= 0 && at + 1 < tasks.size() && tasks[at + 1].overlap_pair == pair ? 2 : 1;
  }

  int64_t UnitCost(std::span<const OrderedTask> unit) const {
    int64_t cost = 0;
    for (const OrderedTask& task : unit) cost += costs_.Of(task.kind, task.stage);
    if (unit.size() == 1 || costs_.pair.empty()) return cost;
    return costs_.pair[std::min(static_cast<size_t>(unit[0].stage), costs_.pair.size() - 1)];
  }

  // Runs what comes next at a position; false if its input is not there.
  bool RunNext(size_t position) {
    const size_t size = UnitSize(position);
    const std::span<const OrderedTask> unit =
        std::span(order_.positions[position]).subspan(next_[position], size);
    int64_t start = now_[position];
    for (const OrderedTask& task : unit) {
      const int64_t available = Available(task, position);
      if (available == kNever) return false;
      start = std::max(start, available);
    }
    const int64_t end = now_[position] = start + UnitCost(unit);
    for (const OrderedTask& task : unit) {
      times_[position][next_[position]++] = {start, end};
      if (task.kind == TaskKind::kWeightGrad) continue;
      const bool forward = task.kind == TaskKind::kForward;
      (forward ? forward_end_ : gradient_end_)[Index(task.stage, task.microbatch)] = end;
      const int32_t after = forward ? task.stage + 1 : task.stage - 1;
      if (after >= 0 && after < order_.stages) ready_.push_back(PositionOf(after, task.pipe));
    }
    return true;
  }

  // The task that the position cannot go on without: of a pair, the one whose input is missing.
  const OrderedTask& Head(size_t position) const {
    const std::vector<OrderedTask>& tasks = order_.positions[position];
    const size_t at = next_[position];
    const bool second = UnitSize(position) == 2 && Available(tasks[at], position) != kNever;
    return tasks[second ? at + 1 : at];
  }

  // The position whose task the head of `position` waits for.
  size_t WaitsFor(size_t position) const {
    const OrderedTask& task = Head(position);
    return PositionOf(Before(task), task.pipe);
  }

  std::string Call(const OrderedTask& task) const {
    return CallText(task.kind, task.microbatch, task.chunk, order_.chunks);
  }

  const TaskOrder& order_;
  const TaskCosts& costs_;
  std::vector<size_t> position_of_;    // by pipe and stage
  std::vector<int64_t> forward_end_;   // by stage and microbatch
  std::vector<int64_t> gradient_end_;  // of the input gradient
  std::vector<size_t> next_;           // by position
  std::vector<int64_t> now_;
  std::vector<size_t> ready_;  // positions to try
  TaskTimes times_;
};

void Clock::ReportCircle(Diagnostics& diagnostics) const {
  size_t start = 0;
  while (next_[start] == order_.positions[start].size()) ++start;
  // Every blocked position waits for another blocked one, so following them ends in a circle.
  std::vector<size_t> path;
  size_t at = start;
  while (std::find(path.begin(), path.end(), at) == path.end()) {
    path.push_back(at);
    at = WaitsFor(at);
    CHECK(next_[at] < order_.positions[at].size());
  }
  path.erase(path.begin(), std::find(path.begin(), path.end(), at));
  std::rotate(path.begin(), std::min_element(path.begin(), path.end()), path.end());

  Diagnostic& error = diagnostics.Error(Head(path.front()).location, "this schedule deadlocks");
  for (size_t p : path) {
    const OrderedTask& task = Head(p);
    const bool forward = task.kind == TaskKind::kForward;
    error.Note(task.location,
               "rank " + std::to_string(p) + " at " + Call(task) + " waits for the " +
                   (forward ? "activation" : "gradient") + " of microbatch " +
                   std::to_string(task.microbatch) + " from " +
                   (WaitsFor(p) == p ? "itself" : "rank " + std::to_string(WaitsFor(p))));
  }
  // The task that would free the last member comes later on the position it waits for.
  for (size_t p : path) {
    const OrderedTask& task = Head(p);
    const size_t other = WaitsFor(p);
    const bool forward = task.kind == TaskKind::kForward;
    const std::vector<OrderedTask>& tasks = order_.positions[other];
    // What that position is at waits for another.
    for (size_t i = next_[other] + 1; i < tasks.size(); ++i) {
      const bool frees =
          tasks[i].microbatch == task.microbatch &&
          (forward ? tasks[i].kind == TaskKind::kForward && tasks[i].stage == task.stage - 1
                   : MovesGradient(tasks[i].kind) && tasks[i].stage == task.stage + 1);
      if (!frees) continue;
      error.Note(tasks[i].location, "rank " + std::to_string(other) + " runs " + Call(tasks[i]) +
                                        " only after " + Call(Head(other)) + "; move it before");
      break;
    }
  }
}

}  // namespace

int64_t TaskCosts::Of(TaskKind kind, int32_t stage) const {
  const auto at = [stage](const std::vector<int64_t>& list) {
    return list[std::min(static_cast<size_t>(stage), list.size() - 1)];
  };
  switch (kind) {
    case TaskKind::kForward:
    case TaskKind::kRecompute:
      return at(forward);
    case TaskKind::kBackward:
      return at(input_grad) + at(weight_grad);
    case TaskKind::kInputGrad:
      return at(input_grad);
    case TaskKind::kWeightGrad:
      return at(weight_grad);
  }
  CHECK(false);
}

TaskCosts TaskCosts::OfAStage(size_t ranks, int32_t stages) const {
  TaskCosts costs = *this;
  costs.whose = Whose::kStage;
  const auto of_ranks = static_cast<int64_t>(ranks);
  // Where two ranks share a stage, each does all of it.
  if (whose == Whose::kStage || stages <= of_ranks) return costs;
  const int64_t both = std::gcd(of_ranks, int64_t{stages});
  for (std::vector<int64_t>* list :
       {&costs.forward, &costs.input_grad, &costs.weight_grad, &costs.pair}) {
    for (int64_t& cost : *list) cost *= of_ranks / both;
  }
  costs.transfer *= stages / both;
  return costs;
}

std::optional<TaskTimes> PredictTimes(const TaskOrder& order, const TaskCosts& costs,
                                      Diagnostics& diagnostics) {
  Clock clock(order, costs);
  clock.Run();
  if (!clock.Finished()) {
    clock.ReportCircle(diagnostics);
    return std::nullopt;
  }
  return clock.TakeTimes();
}

}  // namespace pprun
