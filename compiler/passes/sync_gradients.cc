// Gradients start at zero, the uses of a tied parameter are added in layer order, and the sums over
// the replicas are taken as `gradients` says: naive (one all-reduce a parameter, after the backward
// pass), flat (one for all), ddp (one a bucket; with overlap each is issued, on a stream of its
// own, as soon as the last microbatch has produced the bucket's last gradient; Li et al. 2020).
//
// After it: the gradient arena is laid out in the order in which gradients become ready, so that a
// bucket is one range; a gradient read by what follows is the sum over microbatches and replicas.
// Tests: sync_gradients_test.cc.
#include <algorithm>

#include "compiler/passes/passes.h"
#include "compiler/passes/splice.h"
#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

// A gradient of this position, and the last instruction that adds to it.
struct Ready {
  ParameterId parameter;
  BufferId buffer;
  size_t last = 0;
  SourceId source;
  LayerId layer;
};

class PositionSync {
 public:
  PositionSync(Draft& draft, PositionId position)
      : draft_(draft),
        position_(position),
        place_(draft.positions[position.index()]),
        instructions_(draft.Instructions(position, ProgramKind::kStep)),
        compute_(
            StreamNamed(draft, position, {.name = "compute.0", .kind = StreamKind::kCompute})) {}

  void Run() {
    FindReady();
    if (ready_.empty()) return;
    AddTiedUses();
    for (const Ready& ready : ready_) place_.gradient_layout.push_back(ready.buffer);
    ZeroAtStart();
    if (draft_.plan.Replicas() > 1) SumOverReplicas();
    insertions_.ApplyTo(instructions_);
  }

 private:
  void FindReady();
  void AddTiedUses();
  void ZeroAtStart();
  void SumOverReplicas();
  BufferId Covering(std::string name, const std::vector<BufferId>& parts);
  void AllReduce(size_t before, BufferId buffer, const Ready& last, const std::string& reason);

  Draft& draft_;
  PositionId position_;
  DraftPosition& place_;
  std::vector<Instruction>& instructions_;
  StreamId compute_;
  std::vector<Ready> ready_;         // in the order of readiness
  std::vector<BufferId> transient_;  // of further uses of tied parameters
  Insertions insertions_;
};

// The last accumulation into each gradient, over all its uses.
void PositionSync::FindReady() {
  const Position& position = draft_.plan.positions[position_.index()];
  std::vector<Ready> by_buffer(position.buffers.size());
  for (size_t i = 0; i < instructions_.size(); ++i) {
    const pprun::Run* run = std::get_if<pprun::Run>(&instructions_[i].operands);
    if (run == nullptr) continue;
    const std::vector<Argument>& arguments = draft_.plan.functions[run->function.index()].arguments;
    for (size_t k = 0; k < arguments.size(); ++k) {
      if (arguments[k].role != Role::kGradient) continue;
      const BufferId buffer = position.bindings[static_cast<size_t>(run->first_binding) + k];
      by_buffer[buffer.index()] = {
          .buffer = buffer, .last = i, .source = instructions_[i].source, .layer = run->layer};
    }
  }
  for (size_t p = 0; p < place_.gradient.size(); ++p) {
    const std::vector<BufferId>& uses = place_.gradient[p];
    if (uses.empty()) continue;
    Ready ready;
    for (BufferId use : uses) {
      CHECK(use.valid() && by_buffer[use.index()].buffer.valid());
      if (by_buffer[use.index()].last >= ready.last) ready = by_buffer[use.index()];
    }
    ready.parameter = ParameterId(static_cast<int64_t>(p));
    ready.buffer = uses.front();
    ready_.push_back(ready);
  }
  std::stable_sort(ready_.begin(), ready_.end(),
                   [](const Ready& a, const Ready& b) { return a.last < b.last; });
}

void PositionSync::AddTiedUses() {
  for (const Ready& ready : ready_) {
    const std::vector<BufferId>& uses = place_.gradient[ready.parameter.index()];
    for (size_t use = 1; use < uses.size(); ++use) {
      transient_.push_back(uses[use]);
      const SourceId source =
          SourceAt(draft_, draft_.program->schedule.location, "add the uses of a tied parameter");
      insertions_.After(ready.last,
                        {compute_, source, Add{.source = uses[use], .target = uses.front()}});
    }
  }
}

BufferId PositionSync::Covering(std::string name, const std::vector<BufferId>& parts) {
  const Position& position = draft_.plan.positions[position_.index()];
  int64_t bytes = 0;
  for (BufferId part : parts) bytes += AlignedBytes(position.buffers[part.index()].type.Bytes());
  const BufferId buffer =
      AddFixedBuffer(draft_, position_, ArenaKind::kGradients, std::move(name), RegionType(bytes));
  place_.covers.push_back({.buffer = buffer, .parts = parts});
  return buffer;
}

void PositionSync::ZeroAtStart() {
  const SourceId source =
      SourceAt(draft_, draft_.program->schedule.location, "gradients start at zero");
  place_.all_gradients = Covering("gradients", place_.gradient_layout);
  insertions_.Before(0, {compute_, source, Zero{.target = place_.all_gradients}});
  for (BufferId buffer : transient_)
    insertions_.Before(0, {compute_, source, Zero{.target = buffer}});
}

void PositionSync::AllReduce(size_t before, BufferId buffer, const Ready& last,
                             const std::string& reason) {
  const GroupId group =
      GroupNamed(draft_, {.name = "dp", .positions = {}, .axes = draft_.ReplicaAxes()});
  const StreamId stream = StreamNamed(
      draft_, position_, {.name = "dp", .kind = StreamKind::kCollective, .group = group});
  Source source = draft_.plan.sources[last.source.index()];
  draft_.plan.sources.push_back({source.file, source.line, source.column, reason});
  insertions_.Before(before,
                     {stream, SourceId(static_cast<int64_t>(draft_.plan.sources.size()) - 1),
                      Collective{.kind = CollectiveKind::kAllReduce,
                                 .source = buffer,
                                 .target = buffer,
                                 .group = group}});
}

void PositionSync::SumOverReplicas() {
  const CheckedGradients& policy = draft_.program->gradients;
  const Position& position = draft_.plan.positions[position_.index()];
  const size_t end = instructions_.size();
  if (policy.kind == CheckedGradients::Kind::kNaive) {
    for (const Ready& ready : ready_) AllReduce(end, ready.buffer, ready, "naive, one a parameter");
    return;
  }
  if (policy.kind == CheckedGradients::Kind::kFlat) {
    AllReduce(end, place_.all_gradients, ready_.back(), "flat, one for all");
    return;
  }
  std::vector<BufferId> parts;
  int64_t bytes = 0;
  int32_t number = 0;
  const auto close = [&](const Ready& last) {
    const std::string& layer = draft_.plan.layers[last.layer.index()].name;
    const size_t before = policy.overlap ? last.last + 1 : end;
    AllReduce(before, Covering("bucket[" + std::to_string(number++) + "]", parts), last,
              policy.overlap ? "ddp, after the last backward of " + layer
                             : "ddp, after the backward pass");
    parts.clear();
    bytes = 0;
  };
  for (size_t i = 0; i < ready_.size(); ++i) {
    const int64_t size = position.buffers[ready_[i].buffer.index()].type.Bytes();
    if (!parts.empty() && bytes + size > policy.bucket_bytes) close(ready_[i - 1]);
    parts.push_back(ready_[i].buffer);
    bytes += size;
  }
  close(ready_.back());
}

}  // namespace

void SyncGradients(Draft& draft) {
  for (size_t p = 0; p < draft.positions.size(); ++p)
    PositionSync(draft, PositionId(static_cast<int64_t>(p))).Run();
}

}  // namespace pprun
