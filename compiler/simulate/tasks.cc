#include "compiler/simulate/tasks.h"

#include <algorithm>
#include <variant>

namespace pprun {
namespace {

constexpr int32_t kNone = -1;

bool IsRunOf(const PlannedTask& task, const Run& run) {
  return task.kind == run.kind && task.microbatch == run.microbatch && task.stage == run.stage &&
         task.chunk == run.chunk;
}

// Tasks that a hash brings together are told apart by IsRunOf.
uint64_t HashOf(const Run& run) {
  uint64_t hash = static_cast<uint64_t>(run.kind);
  for (const int32_t part : {run.stage.value, run.chunk.value, run.microbatch.value}) {
    hash = (hash ^ static_cast<uint32_t>(part)) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 29;
  }
  // The lowest bits of a product are of few factors.
  return hash ^ hash >> 32;
}

// Tasks by their hash: open addressing in a table that is at most half full.
class Finder {
 public:
  Finder(PlannedTasks& found, size_t most) : found_(found) {
    size_t size = 16;
    while (size < 2 * most) size *= 2;
    table_.assign(size, kNone);
  }

  // The task of a run, made if this is the first of its runs.
  int32_t TaskOf(const Run& run, StreamId stream, int32_t instruction) {
    if (last_ != kNone && IsRunOf(At(last_), run)) return last_;
    size_t slot = HashOf(run) & (table_.size() - 1);
    for (; table_[slot] != kNone; slot = (slot + 1) & (table_.size() - 1)) {
      if (IsRunOf(At(table_[slot]), run)) return last_ = table_[slot];
    }
    last_ = table_[slot] = static_cast<int32_t>(found_.tasks.size());
    found_.tasks.push_back({.kind = run.kind,
                            .stage = run.stage,
                            .chunk = run.chunk,
                            .microbatch = run.microbatch,
                            .stream = stream,
                            .first = instruction});
    return last_;
  }

 private:
  const PlannedTask& At(int32_t task) const { return found_.tasks[static_cast<size_t>(task)]; }

  PlannedTasks& found_;
  std::vector<int32_t> table_;
  int32_t last_ = kNone;
};

void FindPairs(const Position& position, std::vector<PlannedTask>& tasks) {
  for (size_t i = 1; i < tasks.size(); ++i) {
    PlannedTask& first = tasks[i - 1];
    PlannedTask& second = tasks[i];
    if (position.streams[second.stream.index()].name != "compute.1") continue;
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
  const auto is_run = [](const Instruction& i) { return std::holds_alternative<Run>(i.operands); };
  Finder finder(found, static_cast<size_t>(std::ranges::count_if(instructions, is_run)));
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

}  // namespace pprun
