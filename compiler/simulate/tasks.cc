#include "compiler/simulate/tasks.h"

#include <unordered_map>
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
  return hash;
}

class Finder {
 public:
  explicit Finder(PlannedTasks& found) : found_(found) {}

  // The task of a run, made if this is the first of its runs.
  int32_t TaskOf(const Run& run, StreamId stream, int32_t instruction) {
    if (last_ != kNone && IsRunOf(At(last_), run)) return last_;
    const uint64_t hash = HashOf(run);
    const auto [begin, end] = by_hash_.equal_range(hash);
    for (auto known = begin; known != end; ++known) {
      if (IsRunOf(At(known->second), run)) return last_ = known->second;
    }
    last_ = static_cast<int32_t>(found_.tasks.size());
    by_hash_.emplace(hash, last_);
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
  std::unordered_multimap<uint64_t, int32_t> by_hash_;
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

}  // namespace pprun
