#include "tests/compile/random_schedule.h"

#include <algorithm>
#include <functional>
#include <set>
#include <tuple>

namespace pprun {
namespace {

int Pick(std::mt19937_64& random, int count) {
  return static_cast<int>(random() % static_cast<uint64_t>(count));
}

const char* Name(TaskKind kind) {
  switch (kind) {
    case TaskKind::kForward:
      return "forward";
    case TaskKind::kBackward:
      return "backward";
    case TaskKind::kInputGrad:
      return "input_grad";
    case TaskKind::kWeightGrad:
      return "weight_grad";
    case TaskKind::kRecompute:
      break;
  }
  return "recompute";
}

// What has been done so far, on all positions.
class Progress {
 public:
  explicit Progress(int pp) : pp_(pp) {}

  // What the task needs from its own position is done.
  bool ReadyHere(int position, const RandomTask& task) const {
    if (task.kind == TaskKind::kForward) return true;
    if (task.kind == TaskKind::kWeightGrad) return Has(input_gradients_, position, task);
    return Has(forwards_, position, task);
  }
  // And what it needs from others.
  bool Ready(int position, const RandomTask& task) const {
    if (!ReadyHere(position, task)) return false;
    if (task.kind == TaskKind::kForward) {
      return position == 0 || Has(forwards_, position - 1, task);
    }
    return task.kind == TaskKind::kWeightGrad || position == pp_ - 1 ||
           Has(input_gradients_, position + 1, task);
  }
  void Do(int position, const RandomTask& task) {
    if (task.kind == TaskKind::kForward) forwards_.insert({position, task.microbatch});
    if (task.kind == TaskKind::kBackward || task.kind == TaskKind::kInputGrad) {
      input_gradients_.insert({position, task.microbatch});
    }
  }

 private:
  using Done = std::set<std::pair<int, int>>;  // position, microbatch
  static bool Has(const Done& done, int position, const RandomTask& task) {
    return done.contains({position, task.microbatch});
  }

  int pp_;
  Done forwards_;
  Done input_gradients_;
};

// Of every position, in no order.
RandomOrder AllTasks(std::mt19937_64& random, int pp, int microbatches) {
  RandomOrder all(static_cast<size_t>(pp));
  for (std::vector<RandomTask>& tasks : all) {
    for (int i = 0; i < microbatches; ++i) {
      tasks.push_back({TaskKind::kForward, i});
      if (Pick(random, 2) == 0) {
        tasks.push_back({TaskKind::kBackward, i});
      } else {
        tasks.push_back({TaskKind::kInputGrad, i});
        tasks.push_back({TaskKind::kWeightGrad, i});
      }
    }
  }
  return all;
}

// Moves tasks one by one from `left` to the result, each time one that `ready` allows.
RandomOrder Shuffle(std::mt19937_64& random, RandomOrder left,
                    const std::function<bool(const Progress&, int, const RandomTask&)>& ready) {
  RandomOrder order(left.size());
  Progress progress(static_cast<int>(left.size()));
  while (true) {
    std::vector<std::pair<int, size_t>> choices;
    for (size_t p = 0; p < left.size(); ++p) {
      for (size_t i = 0; i < left[p].size(); ++i) {
        const int position = static_cast<int>(p);
        if (ready(progress, position, left[p][i])) choices.emplace_back(position, i);
      }
    }
    if (choices.empty()) return order;
    const auto [position, index] =
        choices[static_cast<size_t>(Pick(random, static_cast<int>(choices.size())))];
    std::vector<RandomTask>& tasks = left[static_cast<size_t>(position)];
    order[static_cast<size_t>(position)].push_back(tasks[index]);
    progress.Do(position, tasks[index]);
    tasks.erase(tasks.begin() + static_cast<std::ptrdiff_t>(index));
  }
}

std::string CallOf(const RandomTask& task) {
  return std::string(Name(task.kind)) + "(" + std::to_string(task.microbatch) + ");";
}

}  // namespace

RandomOrder LegalOrder(std::mt19937_64& random, int pp, int microbatches) {
  return Shuffle(random, AllTasks(random, pp, microbatches),
                 [](const Progress& progress, int position, const RandomTask& task) {
                   return progress.Ready(position, task);
                 });
}

RandomOrder LocalOrder(std::mt19937_64& random, int pp, int microbatches) {
  return Shuffle(random, AllTasks(random, pp, microbatches),
                 [](const Progress& progress, int position, const RandomTask& task) {
                   return progress.ReadyHere(position, task);
                 });
}

void PairUp(std::mt19937_64& random, RandomOrder& order) {
  for (std::vector<RandomTask>& tasks : order) {
    for (size_t i = 0; i + 1 < tasks.size(); ++i) {
      if (tasks[i].microbatch == tasks[i + 1].microbatch || Pick(random, 6) != 0) continue;
      tasks[i].beside = RandomTask::Beside::kNext;
      if (Completes(order)) {
        ++i;
      } else {
        tasks[i].beside = RandomTask::Beside::kNothing;
      }
    }
  }
}

bool Completes(const RandomOrder& order) {
  Progress progress(static_cast<int>(order.size()));
  std::vector<size_t> next(order.size(), 0);
  for (bool moved = true; moved;) {
    moved = false;
    for (size_t p = 0; p < order.size(); ++p) {
      const int position = static_cast<int>(p);
      while (next[p] < order[p].size()) {
        const RandomTask& first = order[p][next[p]];
        const size_t count = first.beside == RandomTask::Beside::kNext ? 2 : 1;
        const RandomTask& last = order[p][next[p] + count - 1];
        if (!progress.Ready(position, first) || !progress.Ready(position, last)) break;
        progress.Do(position, first);
        progress.Do(position, last);
        next[p] += count;
        moved = true;
      }
    }
  }
  for (size_t p = 0; p < order.size(); ++p) {
    if (next[p] < order[p].size()) return false;
  }
  return true;
}

std::string ToSource(const RandomOrder& order) {
  std::string text = "schedule random {\n  order on rank r {\n";
  for (size_t p = 0; p < order.size(); ++p) {
    text += "    if r == " + std::to_string(p) + " {";
    for (size_t i = 0; i < order[p].size(); ++i) {
      if (order[p][i].beside == RandomTask::Beside::kNext) {
        text += " overlap { " + CallOf(order[p][i]) + " " + CallOf(order[p][i + 1]) + " }";
        ++i;
      } else {
        text += " " + CallOf(order[p][i]);
      }
    }
    text += " }\n";
  }
  return text + "  }\n}\nschedule random;\n";
}

}  // namespace pprun
