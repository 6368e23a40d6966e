#include "compiler/plan/tasks.h"

#include <algorithm>
#include <string_view>
#include <variant>

namespace pprun {
namespace {

constexpr int32_t kNone = -1;
constexpr std::string_view kBeside = "compute.1";

bool IsRunOf(const PlannedTask& task, const Run& run) {
  return task.kind == run.kind && task.microbatch == run.microbatch && task.stage == run.stage &&
         task.chunk == run.chunk;
}

// Tasks that a hash brings together are told apart by IsRunOf.
template <typename Task>
uint64_t HashOf(const Task& task) {
  uint64_t hash = static_cast<uint64_t>(task.kind);
  for (const int32_t part : {task.stage.value, task.chunk.value, task.microbatch.value}) {
    hash = (hash ^ static_cast<uint32_t>(part)) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 29;
  }
  // The lowest bits of a product are of few factors.
  return hash ^ hash >> 32;
}

// Tasks by their hash: open addressing in a table that is at most half full.
class Finder {
 public:
  explicit Finder(PlannedTasks& found) : found_(found), table_(1024, kNone) {}

  // The task of a run, made if this is the first of its runs.
  int32_t TaskOf(const Run& run, StreamId stream, int32_t instruction) {
    if (last_ != kNone && IsRunOf(At(last_), run)) return last_;
    size_t slot = SlotOf(run);
    for (; table_[slot] != kNone; slot = After(slot)) {
      if (IsRunOf(At(table_[slot]), run)) return last_ = table_[slot];
    }
    last_ = table_[slot] = static_cast<int32_t>(found_.tasks.size());
    found_.tasks.push_back({.kind = run.kind,
                            .stage = run.stage,
                            .chunk = run.chunk,
                            .microbatch = run.microbatch,
                            .stream = stream,
                            .first = instruction});
    if (2 * found_.tasks.size() >= table_.size()) Grow();
    return last_;
  }

 private:
  template <typename Task>
  size_t SlotOf(const Task& task) const {
    return HashOf(task) & (table_.size() - 1);
  }
  size_t After(size_t slot) const { return (slot + 1) & (table_.size() - 1); }
  void Grow() {
    table_.assign(4 * table_.size(), kNone);
    for (size_t i = 0; i < found_.tasks.size(); ++i) {
      size_t slot = SlotOf(found_.tasks[i]);
      while (table_[slot] != kNone) slot = After(slot);
      table_[slot] = static_cast<int32_t>(i);
    }
  }
  const PlannedTask& At(int32_t task) const { return found_.tasks[static_cast<size_t>(task)]; }

  PlannedTasks& found_;
  std::vector<int32_t> table_;
  int32_t last_ = kNone;
};

void FindPairs(const Position& position, std::vector<PlannedTask>& tasks) {
  for (size_t i = 1; i < tasks.size(); ++i) {
    PlannedTask& first = tasks[i - 1];
    PlannedTask& second = tasks[i];
    if (position.streams[second.stream.index()].name != kBeside) continue;
    if (first.stream == second.stream || first.partner != kNone) continue;
    first.partner = static_cast<int32_t>(i);
    second.partner = static_cast<int32_t>(i) - 1;
  }
}

}  // namespace

PlannedTasks TasksOf(const Position& position, ProgramKind program) {
  const std::vector<Instruction>& instructions =
      position.programs[static_cast<size_t>(program)].instructions;
  PlannedTasks found;
  found.task_of.assign(instructions.size(), kNone);
  Finder finder(found);
  for (size_t i = 0; i < instructions.size(); ++i) {
    const Run* run = std::get_if<Run>(&instructions[i].operands);
    if (run == nullptr) continue;
    const int32_t index = static_cast<int32_t>(i);
    const int32_t task = finder.TaskOf(*run, instructions[i].stream, index);
    found.task_of[i] = task;
    found.tasks[static_cast<size_t>(task)].last = index;
    ++found.tasks[static_cast<size_t>(task)].runs;
  }
  FindPairs(position, found.tasks);
  return found;
}

bool MayHavePairs(const Position& position) {
  return std::ranges::any_of(position.streams,
                             [](const Stream& stream) { return stream.name == kBeside; });
}

}  // namespace pprun
