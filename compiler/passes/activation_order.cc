#include "compiler/passes/activation_order.h"

#include <algorithm>
#include <set>
#include <utility>

#include "compiler/plan/tasks.h"

namespace pprun {
namespace {

class Orderer {
 public:
  explicit Orderer(const std::vector<PlannedTask>& tasks) : tasks_(tasks) {
    size_t streams = 0;
    for (const PlannedTask& task : tasks) {
      streams = std::max(streams, task.stream.index() + 1);
      if (task.kind == TaskKind::kWeightGrad) weighted_.insert(task.stage);
    }
    born_.resize(streams, -1);
    freed_.resize(streams, -1);
  }

  // Pairs are one: neither of the two waits for the other.
  std::vector<Ordering> Run() && {
    for (size_t i = 0; i < tasks_.size();) {
      const size_t end = i + (tasks_[i].partner >= 0 ? 2 : 1);
      for (size_t k = i; k < end; ++k) Order(tasks_[k]);
      for (; i < end; ++i) Note(tasks_[i]);
    }
    std::ranges::stable_sort(orderings_, {}, &Ordering::later);
    return std::move(orderings_);
  }

 private:
  static bool Bears(const PlannedTask& task) { return task.kind == TaskKind::kForward; }
  bool Frees(const PlannedTask& task) const {
    switch (task.kind) {
      case TaskKind::kForward:
      case TaskKind::kRecompute:
        return false;
      case TaskKind::kBackward:
      case TaskKind::kWeightGrad:
        return true;
      case TaskKind::kInputGrad:
        return !weighted_.contains(task.stage);
    }
    return false;
  }

  // `later` comes after the latest of each other stream.
  void After(const std::vector<int32_t>& latest, StreamId own, int32_t later) {
    for (size_t stream = 0; stream < latest.size(); ++stream) {
      if (stream == own.index() || latest[stream] < 0) continue;
      orderings_.push_back({later, latest[stream]});
    }
  }
  void Order(const PlannedTask& task) {
    if (Bears(task)) {
      After(freed_, task.stream, task.first);
      After(born_, task.stream, task.first);
    } else if (Frees(task)) {
      const bool beside = task.partner >= 0 && Bears(tasks_[static_cast<size_t>(task.partner)]);
      if (!beside) After(born_, task.stream, task.last);
    }
  }
  void Note(const PlannedTask& task) {
    if (Bears(task)) born_[task.stream.index()] = task.first;
    if (Frees(task)) freed_[task.stream.index()] = task.last;
  }

  const std::vector<PlannedTask>& tasks_;
  std::set<StageId> weighted_;  // stages with weight gradients of their own
  // By stream: the first run of the latest forward, and the last run of the latest that frees.
  std::vector<int32_t> born_, freed_;
  std::vector<Ordering> orderings_;
};

}  // namespace

std::vector<Ordering> ActivationOrder(const Draft& draft, PositionId position,
                                      ProgramKind program) {
  const Position& planned = draft.plan.positions[position.index()];
  if (!MayHavePairs(planned)) return {};
  const std::vector<PlannedTask> tasks = TasksOf(planned, program).tasks;
  if (std::ranges::none_of(tasks, [](const PlannedTask& task) { return task.partner >= 0; })) {
    return {};
  }
  return Orderer(tasks).Run();
}

}  // namespace pprun
