// Gradients start at zero, the uses of a tied parameter are added in layer order, and the sums over
// the replicas are taken as `gradients` says: naive (one all-reduce a parameter, after the backward
// pass), flat (one for all), ddp (one a bucket; with overlap each is issued, on a stream of its
// own, as soon as the last microbatch has produced the bucket's last gradient; Li et al. 2020).
//
// A parameter that several positions hold (a bidirectional placement) is summed over its holders
// too, after the backward pass, in an order that does not depend on the position.
//
// After it: the gradient arena is laid out in the order in which gradients become ready, so that a
// bucket is one range; a gradient read by what follows is the sum over microbatches and replicas;
// the draft knows which of them one sum makes whole.
// Tests: sync_gradients_test.cc.
#include <algorithm>
#include <span>
#include <tuple>

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
    SumOverCopies();
    insertions_.ApplyTo(instructions_);
  }

 private:
  void FindReady();
  void AddTiedUses();
  void ZeroAtStart();
  void SumOverCopies();
  void Sum(std::span<const Ready> alike);
  BufferId Covering(std::string name, const std::vector<BufferId>& parts);
  void WholeTogether(std::span<const Ready> gradients);
  void AllReduce(size_t before, BufferId buffer, const Ready& last, const std::string& reason);
  const std::vector<PositionId>& HoldersOf(const Ready& ready) const {
    return draft_.plan.parameters[ready.parameter.index()].holders;
  }

  Draft& draft_;
  PositionId position_;
  DraftPosition& place_;
  std::vector<Instruction>& instructions_;
  StreamId compute_;
  std::vector<Ready> ready_;         // in the order of readiness
  std::vector<BufferId> transient_;  // of further uses of tied parameters
  BufferId all_gradients_;           // covers the first use of each
  int32_t buckets_ = 0;
  Insertions insertions_;
};

// The last accumulation into each gradient, over all its uses.
void PositionSync::FindReady() {
  const Position& position = draft_.plan.positions[position_.index()];
  size_t buffers = 0;  // the gradients are among the first
  for (const std::vector<BufferId>& uses : place_.gradient) {
    for (const BufferId use : uses) buffers = std::max(buffers, use.index() + 1);
  }
  std::vector<Ready> by_buffer(buffers);
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
  // Those that other positions hold too come last, by holders and then as every holder sorts them.
  const auto key = [this](const Ready& ready) {
    const std::vector<PositionId>& holders = HoldersOf(ready);
    const bool shared = holders.size() > 1;
    return std::make_tuple(shared ? holders : std::vector<PositionId>(), shared ? 0 : ready.last,
                           shared ? -ready.parameter.value : 0);
  };
  std::stable_sort(ready_.begin(), ready_.end(),
                   [&](const Ready& a, const Ready& b) { return key(a) < key(b); });
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
  int64_t bytes = 0;
  for (BufferId part : parts) bytes += AlignedBytes(draft_.TypeOf(position_, part).Bytes());
  const BufferId buffer =
      AddFixedBuffer(draft_, position_, ArenaKind::kGradients, std::move(name), RegionType(bytes));
  place_.covers.push_back({.buffer = buffer, .parts = parts});
  return buffer;
}

void PositionSync::ZeroAtStart() {
  const SourceId source =
      SourceAt(draft_, draft_.program->schedule.location, "gradients start at zero");
  all_gradients_ = Covering("gradients", place_.gradient_layout);
  insertions_.Before(0, {compute_, source, Zero{.target = all_gradients_}});
  for (BufferId buffer : transient_)
    insertions_.Before(0, {compute_, source, Zero{.target = buffer}});
}

void PositionSync::AllReduce(size_t before, BufferId buffer, const Ready& last,
                             const std::string& reason) {
  Group copies{.name = "dp", .positions = {}, .axes = draft_.ReplicaAxes()};
  if (HoldersOf(last).size() > 1) {
    copies.positions = HoldersOf(last);
    copies.name = "holders";
    for (PositionId holder : copies.positions) copies.name += "." + std::to_string(holder.value);
  }
  const GroupId group = GroupNamed(draft_, copies);
  const StreamId stream = StreamNamed(
      draft_, position_, {.name = copies.name, .kind = StreamKind::kCollective, .group = group});
  Source source = draft_.plan.sources[last.source.index()];
  draft_.plan.sources.push_back({source.file, source.line, source.column, reason});
  insertions_.Before(before,
                     {stream, SourceId(static_cast<int64_t>(draft_.plan.sources.size()) - 1),
                      Collective{.kind = CollectiveKind::kAllReduce,
                                 .source = buffer,
                                 .target = buffer,
                                 .group = group}});
}

// Gradients of one set of holders at a time.
void PositionSync::SumOverCopies() {
  for (size_t first = 0; first < ready_.size();) {
    size_t end = first;
    while (end < ready_.size() && HoldersOf(ready_[end]) == HoldersOf(ready_[first])) ++end;
    const std::span<const Ready> alike = std::span(ready_).subspan(first, end - first);
    if (draft_.plan.Replicas() > 1 || HoldersOf(alike.front()).size() > 1) {
      Sum(alike);
    } else {
      WholeTogether(alike);
    }
    first = end;
  }
}

void PositionSync::WholeTogether(std::span<const Ready> gradients) {
  std::vector<ParameterId>& parameters = place_.whole_together.emplace_back();
  for (const Ready& ready : gradients) parameters.push_back(ready.parameter);
}

void PositionSync::Sum(std::span<const Ready> alike) {
  const CheckedGradients& policy = draft_.program->gradients;
  const bool shared = HoldersOf(alike.front()).size() > 1;
  const size_t end = instructions_.size();
  if (policy.kind == CheckedGradients::Kind::kNaive) {
    for (const Ready& ready : alike) {
      AllReduce(end, ready.buffer, ready, "naive, one a parameter");
      WholeTogether({&ready, 1});
    }
    return;
  }
  const auto sum = [&](std::span<const Ready> parts, const std::string& name,
                       const std::string& reason, size_t before) {
    BufferId buffer = all_gradients_;
    if (parts.size() < ready_.size()) {
      std::vector<BufferId> buffers;
      for (const Ready& ready : parts) buffers.push_back(ready.buffer);
      buffer = Covering(name, buffers);
    }
    AllReduce(before, buffer, parts.back(), reason);
    WholeTogether(parts);
  };
  if (policy.kind == CheckedGradients::Kind::kFlat)
    return sum(alike, "flat", "flat, one for all", end);
  const auto sum_bucket = [&](std::span<const Ready> parts) {
    const bool overlap = policy.overlap && !shared;
    const Ready& last = parts.back();
    const std::string& layer = draft_.plan.layers[last.layer.index()].name;
    sum(parts, "bucket[" + std::to_string(buckets_++) + "]",
        overlap ? "ddp, after the last backward of " + layer : "ddp, after the backward pass",
        overlap ? last.last + 1 : end);
  };
  size_t first = 0;
  int64_t bytes = 0;
  for (size_t i = 0; i < alike.size(); ++i) {
    const int64_t size = draft_.TypeOf(position_, alike[i].buffer).Bytes();
    if (i > first && bytes + size > policy.bucket_bytes) {
      sum_bucket(alike.subspan(first, i - first));
      first = i;
      bytes = 0;
    }
    bytes += size;
  }
  sum_bucket(alike.subspan(first));
}

}  // namespace

void SyncGradients(Draft& draft) {
  for (size_t p = 0; p < draft.positions.size(); ++p)
    PositionSync(draft, PositionId(static_cast<int64_t>(p))).Run();
}

}  // namespace pprun
