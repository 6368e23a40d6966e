#include "compiler/schedule/predict_times.h"

#include <algorithm>
#include <string>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

constexpr int64_t kNever = -1;

int64_t Cost(TaskKind kind) { return kind == TaskKind::kBackward ? 2 : 1; }

bool MovesGradient(TaskKind kind) {
  return kind == TaskKind::kBackward || kind == TaskKind::kInputGrad;
}

std::string CallText(const OrderedTask& task) {
  static constexpr const char* kCalls[kTaskKindCount] = {"forward", "backward", "input_grad",
                                                         "weight_grad", "recompute"};
  std::string text = "`";
  text += kCalls[static_cast<int>(task.kind)];
  return text + "(" + std::to_string(task.microbatch) + ")`";
}

class Clock {
 public:
  explicit Clock(const TaskOrder& order)
      : order_(order),
        position_of_(static_cast<size_t>(order.stages), 0),
        forward_end_(static_cast<size_t>(order.stages * order.microbatches), kNever),
        gradient_end_(forward_end_),
        next_(order.positions.size(), 0),
        now_(order.positions.size(), 0),
        times_(order.positions.size()) {
    for (size_t p = 0; p < order.positions.size(); ++p) {
      times_[p].resize(order.positions[p].size());
      for (const OrderedTask& task : order.positions[p])
        position_of_[static_cast<size_t>(task.stage)] = p;
    }
  }

  // Runs whatever can run, until nothing can.
  void Run() {
    std::vector<size_t> ready;
    for (size_t p = order_.positions.size(); p-- > 0;) ready.push_back(p);
    while (!ready.empty()) {
      const size_t p = ready.back();
      ready.pop_back();
      while (next_[p] < order_.positions[p].size()) {
        const OrderedTask& task = order_.positions[p][next_[p]];
        const int64_t available = Available(task);
        if (available == kNever) break;
        TaskTime& time = times_[p][next_[p]++];
        time.start = std::max(now_[p], available);
        time.end = now_[p] = time.start + Cost(task.kind);
        if (task.kind == TaskKind::kForward) {
          forward_end_[Index(task.stage, task.microbatch)] = time.end;
          if (task.stage + 1 < order_.stages)
            ready.push_back(position_of_[static_cast<size_t>(task.stage + 1)]);
        } else if (MovesGradient(task.kind)) {
          gradient_end_[Index(task.stage, task.microbatch)] = time.end;
          if (task.stage > 0) ready.push_back(position_of_[static_cast<size_t>(task.stage - 1)]);
        }
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

  // When the task's input is there; kNever if it is not.
  int64_t Available(const OrderedTask& task) const {
    if (task.kind == TaskKind::kForward) {
      return task.stage == 0 ? 0 : forward_end_[Index(task.stage - 1, task.microbatch)];
    }
    if (MovesGradient(task.kind)) {
      return task.stage + 1 == order_.stages
                 ? 0
                 : gradient_end_[Index(task.stage + 1, task.microbatch)];
    }
    return 0;
  }

  const OrderedTask& Head(size_t position) const {
    return order_.positions[position][next_[position]];
  }

  // The position whose task the head of `position` waits for.
  size_t WaitsFor(size_t position) const {
    const OrderedTask& task = Head(position);
    const int32_t stage = task.kind == TaskKind::kForward ? task.stage - 1 : task.stage + 1;
    return position_of_[static_cast<size_t>(stage)];
  }

  const TaskOrder& order_;
  std::vector<size_t> position_of_;    // by stage
  std::vector<int64_t> forward_end_;   // by stage and microbatch
  std::vector<int64_t> gradient_end_;  // of the input gradient
  std::vector<size_t> next_;           // by position
  std::vector<int64_t> now_;
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
    error.Note(task.location, "rank " + std::to_string(p) + " at " + CallText(task) +
                                  " waits for the " + (forward ? "activation" : "gradient") +
                                  " of microbatch " + std::to_string(task.microbatch) +
                                  " from rank " + std::to_string(WaitsFor(p)));
  }
  // The task that would free the last member comes later on the position it waits for.
  for (size_t p : path) {
    const OrderedTask& task = Head(p);
    const size_t other = WaitsFor(p);
    const bool forward = task.kind == TaskKind::kForward;
    const std::vector<OrderedTask>& tasks = order_.positions[other];
    for (size_t i = next_[other]; i < tasks.size(); ++i) {
      const bool frees =
          tasks[i].microbatch == task.microbatch &&
          (forward ? tasks[i].kind == TaskKind::kForward && tasks[i].stage == task.stage - 1
                   : MovesGradient(tasks[i].kind) && tasks[i].stage == task.stage + 1);
      if (!frees) continue;
      error.Note(tasks[i].location, "rank " + std::to_string(other) + " runs " +
                                        CallText(tasks[i]) + " only after " +
                                        CallText(Head(other)) + "; move it before");
      break;
    }
  }
}

}  // namespace

std::optional<TaskTimes> PredictTimes(const TaskOrder& order, Diagnostics& diagnostics) {
  Clock clock(order);
  clock.Run();
  if (!clock.Finished()) {
    clock.ReportCircle(diagnostics);
    return std::nullopt;
  }
  return clock.TakeTimes();
}

}  // namespace pprun
