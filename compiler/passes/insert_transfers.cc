// Every stage boundary is crossed by a send and a recv, on the queues that `transfers` asks for.
//
// Applies to any placement. All transfers of a program are ordered by the predicted time at which
// their producer ends, ties by stage, direction and microbatch; each position issues its share in
// that one order: a send right after its producer, a recv before the first task that starts at or
// after that time. The order is a linear extension of everything that waits, so no rank can hang
// whatever its queues, one for all its transfers included (and the verifier proves it without
// knowing). Tests: insert_transfers_test.cc, queues_test.cc.
#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "compiler/passes/flows.h"
#include "compiler/passes/passes.h"
#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

// One that sends or receives.
struct Party {
  int64_t start = 0;
  int64_t end = 0;
  SourceId source;  // of its transfers; none: there is no such task
};

// The tasks that hand over or take what crosses boundaries: a forward has activations, a backward
// or an input gradient has gradients.
class Parties {
 public:
  Parties(Draft& draft, ProgramKind program)
      : microbatches_(static_cast<size_t>(draft.microbatches)) {
    SourceMemo sources(draft, "insert_transfers");
    for (auto& tasks : tasks_) {
      tasks.resize(static_cast<size_t>(draft.plan.stages) * microbatches_);
    }
    for (const DraftPosition& place : draft.positions) {
      for (const PlacedTask& placed : place.tasks[static_cast<size_t>(program)]) {
        const OrderedTask& task = placed.task;
        if (task.kind == TaskKind::kWeightGrad || task.kind == TaskKind::kRecompute) continue;
        const bool forward = task.kind == TaskKind::kForward;
        tasks_[static_cast<size_t>(forward ? Boundary::Kind::kActivation
                                           : Boundary::Kind::kGradient)]
              [IndexOf(StageId(task.stage), MicrobatchId(task.microbatch))] = {
                  placed.start, placed.end, sources.At(task.location)};
      }
    }
  }

  const Party& At(Boundary::Kind kind, StageId stage, MicrobatchId microbatch) const {
    return tasks_[static_cast<size_t>(kind)][IndexOf(stage, microbatch)];
  }

 private:
  size_t IndexOf(StageId stage, MicrobatchId microbatch) const {
    return stage.index() * microbatches_ + microbatch.index();
  }

  size_t microbatches_;
  std::array<std::vector<Party>, kBoundaryKinds> tasks_;  // by stage and microbatch
};

struct Transfer {
  const Flow* flow = nullptr;
  SourceId producer;
  SourceId consumer;
  Send send;
  Recv recv;
};

// When a transfer is due: at the end of its producer, ties by stage, direction and microbatch.
struct Due {
  int64_t time = 0;
  uint64_t tie = 0;
  uint32_t transfer = 0;
};

uint64_t TieOf(const Boundary& boundary) {
  const uint64_t kind = boundary.kind == Boundary::Kind::kActivation ? 0 : 1;
  return static_cast<uint64_t>(boundary.from.value) << 32 | kind << 31 |
         static_cast<uint64_t>(boundary.microbatch.value);
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
  const std::vector<Boundary> boundaries =
      std::exchange(draft.boundaries[static_cast<size_t>(program)], {});
  if (boundaries.empty()) return;
  const Parties parties(draft, program);
  std::vector<Transfer> transfers;
  std::vector<Due> order;
  transfers.reserve(boundaries.size());
  order.reserve(boundaries.size());
  for (const Boundary& boundary : boundaries) {
    const Party& producer = parties.At(boundary.kind, boundary.from, boundary.microbatch);
    const Party& consumer = parties.At(boundary.kind, boundary.to, boundary.microbatch);
    CHECK(producer.source.valid() && consumer.source.valid() && consumer.start >= producer.end);
    const Flow& flow = flows.Of(boundary);
    order.push_back({producer.end, TieOf(boundary), static_cast<uint32_t>(transfers.size())});
    transfers.push_back({&flow,
                         producer.source,
                         consumer.source,
                         {boundary.source, flow.channel, boundary.microbatch},
                         {boundary.target, flow.channel, boundary.microbatch}});
  }
  std::sort(order.begin(), order.end(), [](const Due& a, const Due& b) {
    return a.time != b.time ? a.time < b.time : a.tie < b.tie;
  });

  std::vector<Merge> merges;
  merges.reserve(draft.positions.size());
  for (size_t p = 0; p < draft.positions.size(); ++p) {
    merges.emplace_back(draft.positions[p].tasks[static_cast<size_t>(program)],
                        draft.Instructions(PositionId(static_cast<int64_t>(p)), program));
  }
  for (const Due& due : order) {
    const Transfer& transfer = transfers[due.transfer];
    const Flow& flow = *transfer.flow;
    merges[flow.from.index()].Add(due.time, {flow.sends, transfer.producer, transfer.send});
    merges[flow.to.index()].Add(due.time, {flow.recvs, transfer.consumer, transfer.recv});
  }
  for (Merge& merge : merges) merge.Finish();
}

}  // namespace

void InsertTransfers(Draft& draft) {
  Flows flows(draft);
  for (ProgramKind program : {ProgramKind::kStep, ProgramKind::kValidate}) {
    InsertInto(draft, program, flows);
  }
}

}  // namespace pprun
