// What one rank has issued so far, and what is wrong with it.
//
// Answers what a schedule asks while it runs (the next microbatch of a kind, the oldest weight
// gradient owed, how many are left) and, at the end, whether every microbatch went forward and
// backward exactly once. A mistake is remembered once, the first, and counted. Tests:
// rank_ledger_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "compiler/plan/task_kind.h"
#include "compiler/schedule/task_order.h"

namespace pprun {

// A chunk of a rank, and the microbatches that pass through it: those of its pipe.
struct HeldChunk {
  ChunkPlace place;
  MicrobatchRange microbatches;
};

struct ScheduleProblem {
  enum class Kind : uint8_t {
    kMicrobatchOutOfRange,
    kNoSuchChunk,
    kNothingLeft,  // a task without an index when all of its kind have run
    kNothingOwed,  // `weight_grad(oldest)` when no weight gradient is owed
    kTwice,
    kBeforeForward,
    kBeforeInputGrad,
    kMixed,  // `backward` beside `input_grad` or `weight_grad`
    kMissing,
  } kind = Kind::kMissing;
  TaskKind task = TaskKind::kForward;
  int64_t chunk = 0;
  int64_t microbatch = 0;
  ast::Location location;  // of the call; unused for kMissing
};

class RankLedger {
 public:
  // What an order has to run: a schedule of inference has no backward.
  enum class Extent { kTraining, kForwardOnly };

  struct Owed {
    int32_t chunk = 0;
    int32_t microbatch = 0;
  };

  RankLedger(int32_t rank, std::vector<HeldChunk> chunks, int32_t microbatches);

  int32_t rank() const { return rank_; }
  int32_t microbatches() const { return microbatches_; }
  int32_t chunk_count() const { return static_cast<int32_t>(chunks_.size()); }
  const HeldChunk& chunk(int64_t index) const { return chunks_[static_cast<size_t>(index)]; }
  const std::vector<OrderedTask>& tasks() const { return tasks_; }
  std::vector<OrderedTask> TakeTasks() { return std::move(tasks_); }

  // What a schedule asks. `chunk` is one of the rank's.
  std::optional<int32_t> Next(TaskKind kind, int32_t chunk);
  std::optional<Owed> Oldest(std::optional<int32_t> chunk);
  int64_t Left(TaskKind kind, int32_t chunk) const;
  int64_t Pending() const { return pending_; }

  // Adds a task; wrong ones are added too, and reported as a problem. `chunk` is one of the rank's.
  void Issue(TaskKind kind, int32_t chunk, int64_t microbatch, int32_t overlap_pair,
             ast::Location location);
  void AddProblem(ScheduleProblem problem);
  // Whether each of the rank's forwards ran once, and nothing else.
  bool RanOnlyForwards() const;
  // After the last task: finds what is missing, unless something is wrong already.
  void Finish(Extent extent);

  const std::optional<ScheduleProblem>& first_problem() const { return first_problem_; }
  int64_t problem_count() const { return problem_count_; }
  // The first task of its kind, chunk and microbatch; null if it never ran.
  const OrderedTask* Find(TaskKind kind, int64_t chunk, int64_t microbatch) const;

 private:
  // A microbatch is done with each of these once: backward counts for the last two.
  enum class Duty : uint8_t { kForward, kInputGrad, kWeightGrad };
  static constexpr int kDuties = 3;
  static constexpr int kKinds = 4;
  static Duty DutyOf(TaskKind kind);

  size_t Index(int64_t chunk, int64_t microbatch) const {
    return static_cast<size_t>(chunk * microbatches_ + microbatch);
  }
  bool Ran(TaskKind kind, size_t index) const {
    return issued_[static_cast<size_t>(kind)][index] >= 0;
  }
  bool Done(Duty duty, size_t index) const;
  std::optional<ScheduleProblem::Kind> ProblemWith(TaskKind kind, size_t index) const;
  void MarkDone(Duty duty, int32_t chunk, size_t index);

  int32_t rank_;
  int32_t microbatches_;
  std::vector<HeldChunk> chunks_;
  std::vector<OrderedTask> tasks_;
  // Per kind, [chunk * microbatches + microbatch]: the first task's place in tasks_, or -1.
  std::array<std::vector<int32_t>, kKinds> issued_;
  std::array<std::vector<int64_t>, kDuties> done_;  // [chunk]: how many
  std::array<std::vector<int32_t>, kDuties> next_;  // [chunk]: none below is to be done
  std::vector<std::vector<int32_t>> owed_;          // [chunk]: microbatches in order of input_grad
  std::vector<size_t> owed_begin_;  // [chunk]: what stands before has its weight_grad
  int64_t pending_ = 0;
  std::optional<ScheduleProblem> first_problem_;
  int64_t problem_count_ = 0;
};

// Of a rank of an order whose placement is known: nothing has run.
RankLedger MakeLedger(int32_t rank, const TaskOrder& order);

}  // namespace pprun
