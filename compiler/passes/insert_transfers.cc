// Every stage boundary is crossed by a send and a recv, on the queues that `transfers` asks for.
//
// Applies to any placement. All transfers of a program are ordered by the predicted time at which
// their producer ends, ties by stage, direction and microbatch; each position issues its share in
// that one order: a send right after its producer, a recv before the first task that starts at or
// after that time. The order is a linear extension of everything that waits, so no rank can hang
// whatever its queues, one for all its transfers included (and the verifier proves it without
// knowing). Tests: insert_transfers_test.cc,
// queues_test.cc.
#include <algorithm>
#include <array>
#include <span>
#include <tuple>
#include <utility>

#include "compiler/passes/flows.h"
#include "compiler/passes/passes.h"
#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

struct Transfer {
  int64_t time = 0;  // at which its producer ends
  const Boundary* boundary = nullptr;
  const PlacedTask* producer = nullptr;
  const PlacedTask* consumer = nullptr;

  auto Key() const {
    return std::tuple(time, boundary->from.value, boundary->kind, boundary->microbatch.value);
  }
};

// The tasks that hand over or take what crosses boundaries: a forward has activations, a backward
// or an input gradient has gradients.
class TaskIndex {
 public:
  TaskIndex(const Draft& draft, ProgramKind program)
      : microbatches_(static_cast<size_t>(draft.microbatches)) {
    for (auto& tasks : tasks_) {
      tasks.resize(static_cast<size_t>(draft.plan.stages) * microbatches_);
    }
    for (const DraftPosition& place : draft.positions) {
      for (const PlacedTask& placed : place.tasks[static_cast<size_t>(program)]) {
        const OrderedTask& task = placed.task;
        if (task.kind == TaskKind::kWeightGrad || task.kind == TaskKind::kRecompute) continue;
        const bool forward = task.kind == TaskKind::kForward;
        At(forward ? Boundary::Kind::kActivation : Boundary::Kind::kGradient, StageId(task.stage),
           MicrobatchId(task.microbatch)) = &placed;
      }
    }
  }

  const PlacedTask*& At(Boundary::Kind kind, StageId stage, MicrobatchId microbatch) {
    return tasks_[static_cast<size_t>(kind)][stage.index() * microbatches_ + microbatch.index()];
  }

 private:
  size_t microbatches_;
  std::array<std::vector<const PlacedTask*>, kBoundaryKinds> tasks_;  // by stage and microbatch
};

std::vector<Transfer> OrderTransfers(const Draft& draft, ProgramKind program) {
  TaskIndex tasks(draft, program);
  const std::vector<Boundary>& boundaries = draft.boundaries[static_cast<size_t>(program)];
  std::vector<Transfer> transfers;
  transfers.reserve(boundaries.size());
  for (const Boundary& boundary : boundaries) {
    const PlacedTask* producer = tasks.At(boundary.kind, boundary.from, boundary.microbatch);
    const PlacedTask* consumer = tasks.At(boundary.kind, boundary.to, boundary.microbatch);
    CHECK(producer != nullptr && consumer != nullptr && consumer->start >= producer->end);
    transfers.push_back({producer->end, &boundary, producer, consumer});
  }
  std::sort(transfers.begin(), transfers.end(),
            [](const Transfer& a, const Transfer& b) { return a.Key() < b.Key(); });
  return transfers;
}

// One position's program, as its transfers are put between its tasks.
class Merge {
 public:
  Merge(const std::vector<PlacedTask>& tasks, std::vector<Instruction>& instructions)
      : tasks_(tasks), from_(std::move(instructions)), into_(instructions) {
    into_.clear();
    into_.reserve(from_.size() * 2);
    // Loads come before the first task.
    const int32_t runs = tasks_.empty() ? 0 : tasks_.back().first + tasks_.back().count;
    loads_ = from_.size() - static_cast<size_t>(runs);
    Copy(0, loads_);
  }

  // In front of the first task that starts at or after the time. Times ascend.
  void Add(int64_t time, const Instruction& instruction) {
    while (next_ < tasks_.size() && tasks_[next_].start < time) CopyTask();
    into_.push_back(instruction);
  }
  void Finish() {
    while (next_ < tasks_.size()) CopyTask();
  }

 private:
  void CopyTask() {
    const PlacedTask& task = tasks_[next_++];
    Copy(loads_ + static_cast<size_t>(task.first), static_cast<size_t>(task.count));
  }
  void Copy(size_t first, size_t count) {
    const std::span<const Instruction> part = std::span(from_).subspan(first, count);
    into_.insert(into_.end(), part.begin(), part.end());
  }

  const std::vector<PlacedTask>& tasks_;
  const std::vector<Instruction> from_;
  std::vector<Instruction>& into_;
  size_t loads_ = 0;
  size_t next_ = 0;  // task
};

void InsertInto(Draft& draft, ProgramKind program, Flows& flows) {
  if (draft.boundaries[static_cast<size_t>(program)].empty()) return;
  std::vector<Merge> merges;
  merges.reserve(draft.positions.size());
  for (size_t p = 0; p < draft.positions.size(); ++p) {
    merges.emplace_back(draft.positions[p].tasks[static_cast<size_t>(program)],
                        draft.Instructions(PositionId(static_cast<int64_t>(p)), program));
  }
  SourceMemo sources(draft, "insert_transfers");
  for (const Transfer& transfer : OrderTransfers(draft, program)) {
    const Boundary& boundary = *transfer.boundary;
    const Flow& flow = flows.Of(boundary);
    const Send send{boundary.source, flow.channel, boundary.microbatch};
    const Recv recv{boundary.target, flow.channel, boundary.microbatch};
    const SourceId producer = sources.At(transfer.producer->task.location);
    const SourceId consumer = sources.At(transfer.consumer->task.location);
    merges[flow.from.index()].Add(transfer.time, {flow.sends, producer, send});
    merges[flow.to.index()].Add(transfer.time, {flow.recvs, consumer, recv});
  }
  for (Merge& merge : merges) merge.Finish();
  draft.boundaries[static_cast<size_t>(program)].clear();
}

}  // namespace

void InsertTransfers(Draft& draft) {
  Flows flows(draft);
  for (ProgramKind program : {ProgramKind::kStep, ProgramKind::kValidate}) {
    InsertInto(draft, program, flows);
  }
}

}  // namespace pprun
