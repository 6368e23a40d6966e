// The order of compute tasks on every pipeline position, as a schedule says it: all that a schedule
// says.
//
// What holds after EvaluateSchedule: every (microbatch, stage) has exactly one forward and either
// one backward or one input gradient and one weight gradient, on the position that holds the stage;
// or, in an order of inference, only the forward;
// a position's own order is consistent (backward after forward, weight gradient after input
// gradient). Whether positions together can make progress is proven later, by the verifier. Tests:
// evaluate_schedule_test.cc and golden/tasks/.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compiler/plan/task_kind.h"
#include "dsl/checked.h"
#include "dsl/diagnostics.h"
#include "dsl/frontend.h"

namespace pprun {

struct OrderedTask {
  TaskKind kind = TaskKind::kForward;
  int32_t chunk = 0;
  int32_t microbatch = 0;
  int32_t stage = 0;
  int32_t pipe = 0;           // of a bidirectional placement; 0 otherwise
  int32_t overlap_pair = -1;  // tasks of one `overlap { }` share a number; -1: none
  ast::Location location;     // of the call in the schedule
};

// What a chunk of a position is: a stage of a pipe. Every (stage, pipe) is at exactly one
// (position, chunk).
struct ChunkPlace {
  int32_t stage = 0;
  int32_t pipe = 0;

  bool operator==(const ChunkPlace&) const = default;
};

struct MicrobatchRange {
  int32_t begin = 0;
  int32_t end = 0;

  int32_t count() const { return end - begin; }
  bool Contains(int64_t microbatch) const { return microbatch >= begin && microbatch < end; }
  bool operator==(const MicrobatchRange&) const = default;
};

struct TaskOrder {
  int32_t chunks = 1;        // of each position
  int32_t pipes = 1;         // 2 if bidirectional: pipe q takes the q-th half of the microbatches
  int32_t stages = 1;        // pp * chunks / pipes
  int32_t microbatches = 1;  // of all pipes together
  std::vector<std::vector<ChunkPlace>> placement;   // [pp][chunks]
  std::vector<std::vector<OrderedTask>> positions;  // [pp]

  // Whether it trains: an order of inference has only forwards.
  bool HasBackward() const {
    return std::any_of(positions.begin(), positions.end(), [](const auto& tasks) {
      return std::any_of(tasks.begin(), tasks.end(),
                         [](const OrderedTask& task) { return task.kind != TaskKind::kForward; });
    });
  }
  // The pipe that a microbatch goes through. Of an odd number pipe 0 takes one more.
  int32_t PipeOf(int32_t microbatch) const { return microbatch / MostOfAPipe(); }
  MicrobatchRange MicrobatchesOf(int32_t pipe) const {
    const int32_t most = MostOfAPipe();
    return {std::min(pipe * most, microbatches), std::min((pipe + 1) * most, microbatches)};
  }

 private:
  int32_t MostOfAPipe() const { return (microbatches + pipes - 1) / pipes; }
};

// What a task costs, in integer units of the caller's choice: by stage, or one entry for all. What
// predicts times and what `greedy` weighs.
struct TaskCosts {
  std::vector<int64_t> forward = {1};
  std::vector<int64_t> input_grad = {1};
  std::vector<int64_t> weight_grad = {1};
  std::vector<int64_t> pair = {};  // an overlapped forward and backward; empty: their sum
  int64_t transfer = 0;            // latency of one, occupying no compute
  // Bytes that a microbatch's activations take from a stage's forward to the end of its backward,
  // by stage, of a model that is cut into so many; empty: there is no model.
  std::function<std::vector<int64_t>(int32_t stages)> activation_bytes = {};
  // What its tasks cost a stage, or all that a rank holds, which is then shared by its chunks; a
  // list may have an entry a rank then (stage_costs.h).
  enum class Whose : uint8_t { kStage, kRank } whose = Whose::kStage;

  // The same as costs of a stage, in another unit where that keeps them whole.
  TaskCosts OfAStage(size_t ranks, int32_t stages) const;
  // A backward costs its two halves.
  int64_t Of(TaskKind kind, int32_t stage) const;
};

// Empty after errors: a task that is missing, done twice, out of range, or before what it needs on
// its own position.
std::optional<TaskOrder> EvaluateSchedule(const CheckedProgram& program, int64_t microbatches,
                                          const TaskCosts& costs, const Limits& limits,
                                          Diagnostics& diagnostics);

// One line a position: "0F0 0F1 0B0 ..." (stage, kind, microbatch; an overlapped pair in brackets).
std::string ToText(const TaskOrder& order);

}  // namespace pprun
