// Each question costs constant time, amortised: cursors only move forward. Tests:
// rank_ledger_test.cc.
#include "compiler/schedule/rank_ledger.h"

#include <algorithm>
#include <utility>

#include "compiler/plan/base/check.h"

namespace pprun {

RankLedger::RankLedger(int32_t rank, std::vector<HeldChunk> chunks, int32_t microbatches)
    : rank_(rank), microbatches_(microbatches), chunks_(std::move(chunks)) {
  size_t count = chunks_.size();
  for (auto& table : issued_) table.assign(count * static_cast<size_t>(microbatches), -1);
  for (auto& counts : done_) counts.assign(count, 0);
  for (auto& cursors : next_) {
    for (const HeldChunk& chunk : chunks_) cursors.push_back(chunk.microbatches.begin);
  }
  owed_.resize(count);
  owed_begin_.assign(count, 0);
}

RankLedger::Duty RankLedger::DutyOf(TaskKind kind) {
  switch (kind) {
    case TaskKind::kForward:
      return Duty::kForward;
    case TaskKind::kBackward:
    case TaskKind::kInputGrad:
      return Duty::kInputGrad;
    case TaskKind::kWeightGrad:
      return Duty::kWeightGrad;
    case TaskKind::kRecompute:
      break;
  }
  CHECK(kind != TaskKind::kRecompute);
  return Duty::kForward;
}

bool RankLedger::Done(Duty duty, size_t index) const {
  switch (duty) {
    case Duty::kForward:
      return Ran(TaskKind::kForward, index);
    case Duty::kInputGrad:
      return Ran(TaskKind::kInputGrad, index) || Ran(TaskKind::kBackward, index);
    case Duty::kWeightGrad:
      return Ran(TaskKind::kWeightGrad, index) || Ran(TaskKind::kBackward, index);
  }
  return false;
}

std::optional<int32_t> RankLedger::Next(TaskKind kind, int32_t chunk) {
  Duty duty = DutyOf(kind);
  int32_t& next = next_[static_cast<size_t>(duty)][static_cast<size_t>(chunk)];
  const int32_t end = chunks_[static_cast<size_t>(chunk)].microbatches.end;
  while (next < end && Done(duty, Index(chunk, next))) ++next;
  if (next == end) return std::nullopt;
  return next;
}

std::optional<RankLedger::Owed> RankLedger::Oldest(std::optional<int32_t> only) {
  std::optional<Owed> oldest;
  int32_t oldest_task = 0;
  for (int32_t chunk = only.value_or(0); chunk < only.value_or(chunk_count() - 1) + 1; ++chunk) {
    const std::vector<int32_t>& owed = owed_[static_cast<size_t>(chunk)];
    size_t& begin = owed_begin_[static_cast<size_t>(chunk)];
    while (begin < owed.size() && Done(Duty::kWeightGrad, Index(chunk, owed[begin]))) ++begin;
    if (begin == owed.size()) continue;
    int32_t task = issued_[static_cast<size_t>(TaskKind::kInputGrad)][Index(chunk, owed[begin])];
    if (oldest && oldest_task < task) continue;
    oldest = Owed{chunk, owed[begin]};
    oldest_task = task;
  }
  return oldest;
}

int64_t RankLedger::Left(TaskKind kind, int32_t chunk) const {
  return chunks_[static_cast<size_t>(chunk)].microbatches.count() -
         done_[static_cast<size_t>(DutyOf(kind))][static_cast<size_t>(chunk)];
}

std::optional<ScheduleProblem::Kind> RankLedger::ProblemWith(TaskKind kind, size_t index) const {
  using Kind = ScheduleProblem::Kind;
  if (Ran(kind, index)) return Kind::kTwice;
  switch (kind) {
    case TaskKind::kForward:
      return std::nullopt;
    case TaskKind::kBackward:
      if (Ran(TaskKind::kInputGrad, index) || Ran(TaskKind::kWeightGrad, index)) {
        return Kind::kMixed;
      }
      break;
    case TaskKind::kInputGrad:
      if (Ran(TaskKind::kBackward, index)) return Kind::kMixed;
      // Whoever ran the weight gradient first has been told.
      break;
    case TaskKind::kWeightGrad:
      if (Ran(TaskKind::kBackward, index)) return Kind::kMixed;
      if (!Ran(TaskKind::kInputGrad, index)) return Kind::kBeforeInputGrad;
      return std::nullopt;
    case TaskKind::kRecompute:
      break;
  }
  if (!Ran(TaskKind::kForward, index)) return Kind::kBeforeForward;
  return std::nullopt;
}

void RankLedger::MarkDone(Duty duty, int32_t chunk, size_t index) {
  if (!Done(duty, index)) ++done_[static_cast<size_t>(duty)][static_cast<size_t>(chunk)];
}

void RankLedger::Issue(TaskKind kind, int32_t chunk, int64_t microbatch, int32_t overlap_pair,
                       ast::Location location) {
  const HeldChunk& held = chunks_[static_cast<size_t>(chunk)];
  const int32_t task = static_cast<int32_t>(tasks_.size());
  OrderedTask& added = tasks_.emplace_back(OrderedTask{.kind = kind,
                                                       .chunk = chunk,
                                                       .stage = held.place.stage,
                                                       .pipe = held.place.pipe,
                                                       .overlap_pair = overlap_pair,
                                                       .location = location});
  if (!held.microbatches.Contains(microbatch)) {
    AddProblem({ScheduleProblem::Kind::kMicrobatchOutOfRange, kind, chunk, microbatch, location});
    return;
  }
  added.microbatch = static_cast<int32_t>(microbatch);
  const size_t index = Index(chunk, microbatch);
  if (auto problem = ProblemWith(kind, index)) {
    AddProblem({*problem, kind, chunk, microbatch, location});
    if (*problem == ScheduleProblem::Kind::kTwice) return;
  }
  MarkDone(DutyOf(kind), chunk, index);
  if (kind == TaskKind::kBackward) MarkDone(Duty::kWeightGrad, chunk, index);
  if (kind == TaskKind::kInputGrad && !Done(Duty::kWeightGrad, index)) {
    owed_[static_cast<size_t>(chunk)].push_back(added.microbatch);
    ++pending_;
  }
  if (kind == TaskKind::kWeightGrad && Ran(TaskKind::kInputGrad, index) &&
      !Done(Duty::kWeightGrad, index)) {
    --pending_;
  }
  issued_[static_cast<size_t>(kind)][index] = task;
}

void RankLedger::AddProblem(ScheduleProblem problem) {
  if (!first_problem_) first_problem_ = problem;
  ++problem_count_;
}

bool RankLedger::RanOnlyForwards() const {
  if (first_problem_) return false;
  for (int32_t chunk = 0; chunk < chunk_count(); ++chunk) {
    if (Left(TaskKind::kForward, chunk) > 0) return false;
  }
  return std::all_of(tasks_.begin(), tasks_.end(),
                     [](const OrderedTask& task) { return task.kind == TaskKind::kForward; });
}

void RankLedger::Finish(Extent extent) {
  if (first_problem_) return;
  // The missing half of a backward takes the name this rank uses: `backward` unless it splits.
  bool splits = false, joins = false;
  for (const OrderedTask& task : tasks_) {
    splits |= task.kind == TaskKind::kInputGrad;
    joins |= task.kind == TaskKind::kBackward;
  }
  const TaskKind gradient = splits && !joins ? TaskKind::kInputGrad : TaskKind::kBackward;
  for (int32_t chunk = 0; chunk < chunk_count(); ++chunk) {
    const MicrobatchRange range = chunks_[static_cast<size_t>(chunk)].microbatches;
    for (int32_t microbatch = range.begin; microbatch < range.end; ++microbatch) {
      const size_t index = Index(chunk, microbatch);
      auto missing = [&](TaskKind kind) {
        AddProblem({ScheduleProblem::Kind::kMissing, kind, chunk, microbatch, {}});
      };
      if (!Done(Duty::kForward, index)) missing(TaskKind::kForward);
      if (extent == Extent::kForwardOnly) continue;
      if (!Done(Duty::kInputGrad, index)) {
        missing(gradient);
        if (gradient == TaskKind::kInputGrad) missing(TaskKind::kWeightGrad);
      } else if (!Done(Duty::kWeightGrad, index)) {
        missing(TaskKind::kWeightGrad);
      }
    }
  }
}

const OrderedTask* RankLedger::Find(TaskKind kind, int64_t chunk, int64_t microbatch) const {
  int32_t task = issued_[static_cast<size_t>(kind)][Index(chunk, microbatch)];
  return task < 0 ? nullptr : &tasks_[static_cast<size_t>(task)];
}

RankLedger MakeLedger(int32_t rank, const TaskOrder& order) {
  std::vector<HeldChunk> chunks;
  for (const ChunkPlace& place : order.placement[static_cast<size_t>(rank)]) {
    chunks.push_back({place, order.MicrobatchesOf(place.pipe)});
  }
  return RankLedger(rank, std::move(chunks), order.microbatches);
}

}  // namespace pprun
