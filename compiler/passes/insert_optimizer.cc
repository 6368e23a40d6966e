// After the backward pass: the global norm if gradients are clipped, and one update a parameter.
//
// The norm is the same bits on every mesh: sums of squares over fixed 64 Ki-element blocks of each
// parameter, in fp64, gathered from all positions and added by everyone in (parameter, block)
// order. A parameter held by several positions is counted by the first. Tests:
// insert_optimizer_test.cc.
#include <algorithm>

#include "compiler/passes/passes.h"
#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

int64_t Blocks(const Parameter& parameter) {
  return (parameter.type.shape.Elements() + kNormBlockElements - 1) / kNormBlockElements;
}

TensorType Doubles(int64_t count) { return {.dtype = DType::kF64, .shape = {count}}; }

// Where a position's partial sums lie: one aligned run of blocks a parameter that it counts.
struct Partials {
  std::vector<ParameterId> parameters;
  int64_t total = 0;  // in doubles
};

class Clipping {
 public:
  explicit Clipping(Draft& draft) : draft_(draft), partials_(draft.positions.size()) {
    const std::vector<Parameter>& parameters = draft.plan.parameters;
    std::vector<int64_t> offsets;  // by parameter, in doubles
    for (size_t i = 0; i < parameters.size(); ++i) {
      Partials& partials = partials_[parameters[i].holders.front().index()];
      partials.parameters.push_back(ParameterId(static_cast<int64_t>(i)));
      offsets.push_back(partials.total);
      partials.total += AlignedBytes(Doubles(Blocks(parameters[i])).Bytes()) / 8;
      widest_ = std::max(widest_, partials.total);
    }
    for (size_t i = 0; i < parameters.size(); ++i) {
      const int64_t first = parameters[i].holders.front().value * widest_ + offsets[i];
      draft.plan.norm_order.push_back({.parameter = ParameterId(static_cast<int64_t>(i)),
                                       .first = static_cast<int32_t>(first),
                                       .count = static_cast<int32_t>(Blocks(parameters[i]))});
    }
  }

  void AddTo(PositionId position_id, StreamId compute, SourceId source);

 private:
  Draft& draft_;
  std::vector<Partials> partials_;  // by position
  int64_t widest_ = 0;
};

void Clipping::AddTo(PositionId position_id, StreamId compute, SourceId source) {
  Position& position = draft_.plan.positions[position_id.index()];
  DraftPosition& place = draft_.positions[position_id.index()];
  std::vector<Instruction>& instructions = draft_.Instructions(position_id, ProgramKind::kStep);
  const Partials& mine = partials_[position_id.index()];

  std::vector<BufferId> parts;
  for (ParameterId parameter : mine.parameters) {
    const Parameter& what = draft_.plan.parameters[parameter.index()];
    parts.push_back(AddFixedBuffer(draft_, position_id, ArenaKind::kScalars,
                                   "squares of " + what.name, Doubles(Blocks(what))));
  }
  // Every position contributes as many, so that the gather is even.
  if (mine.total < widest_) {
    parts.push_back(AddFixedBuffer(draft_, position_id, ArenaKind::kScalars, "no squares",
                                   Doubles(widest_ - mine.total)));
  }
  const BufferId own =
      AddFixedBuffer(draft_, position_id, ArenaKind::kScalars, "squares", Doubles(widest_));
  place.covers.push_back({.buffer = own, .parts = parts});
  instructions.push_back({compute, source, Zero{.target = own}});
  for (size_t i = 0; i < mine.parameters.size(); ++i) {
    const BufferId gradient = place.gradient[mine.parameters[i].index()].front();
    instructions.push_back(
        {compute, source,
         SquareSum{.parameter = mine.parameters[i], .gradient = gradient, .partials = parts[i]}});
  }

  BufferId gathered = own;
  const int64_t positions = static_cast<int64_t>(draft_.positions.size());
  if (positions > 1) {
    Group everyone{.name = "pp", .positions = {}, .axes = {}};
    for (int64_t p = 0; p < positions; ++p) everyone.positions.emplace_back(p);
    const GroupId group = GroupNamed(draft_, everyone);
    const StreamId stream = StreamNamed(
        draft_, position_id, {.name = "pp", .kind = StreamKind::kCollective, .group = group});
    gathered = AddFixedBuffer(draft_, position_id, ArenaKind::kScalars, "squares of all positions",
                              Doubles(widest_ * positions));
    instructions.push_back({stream, source,
                            Collective{.kind = CollectiveKind::kAllGather,
                                       .source = own,
                                       .target = gathered,
                                       .group = group}});
  }
  const BufferId clip =
      AddFixedBuffer(draft_, position_id, ArenaKind::kScalars, "clip factor and norm",
                     {.dtype = DType::kF32, .shape = {2}});
  const BufferId factor = AddFixedBuffer(draft_, position_id, ArenaKind::kScalars, "clip factor",
                                         {.dtype = DType::kF32, .shape = {}});
  place.covers.push_back({.buffer = factor, .parts = {clip}});
  position.gradient_norm = clip;
  instructions.push_back({compute, source, ClipFactor{.partials = gathered, .target = clip}});
  // A position without parameters has nothing to scale.
  if (!place.all_gradients.valid()) return;
  instructions.push_back({compute, source, Scale{.target = place.all_gradients, .factor = factor}});
}

void AddUpdates(Draft& draft, PositionId position, StreamId compute, SourceId source) {
  const OptimizerSpec& optimizer = draft.plan.train.optimizer;
  const bool sgd = optimizer.kind == OptimizerSpec::Kind::kSgd;
  const int moments = sgd ? (optimizer.momentum > 0 ? 1 : 0) : 2;
  DraftPosition& place = draft.positions[position.index()];
  for (size_t i = 0; i < place.parameter.size(); ++i) {
    if (!place.parameter[i].valid()) continue;
    const Parameter& parameter = draft.plan.parameters[i];
    const TensorType type{.dtype = DType::kF32, .shape = parameter.type.shape};
    Update update{.parameter = ParameterId(static_cast<int64_t>(i)),
                  .value = place.parameter[i],
                  .gradient = place.gradient[i].front(),
                  .rounded = place.rounded[i]};
    const auto moment = [&](const char* what) {
      const BufferId buffer =
          AddFixedBuffer(draft, position, ArenaKind::kOptimizer, what + parameter.name, type);
      draft.Instructions(position, ProgramKind::kInitialise)
          .push_back({compute, source, Zero{.target = buffer}});
      return buffer;
    };
    if (moments > 0) update.first_moment = moment(sgd ? "momentum of " : "first moment of ");
    if (moments > 1) update.second_moment = moment("second moment of ");
    draft.Instructions(position, ProgramKind::kStep).push_back({compute, source, update});
  }
}

}  // namespace

void InsertOptimizer(Draft& draft) {
  if (!draft.Trains()) return;
  const SourceId source = SourceAt(draft, draft.program->train->location, "insert_optimizer");
  std::vector<StreamId> compute;
  for (size_t p = 0; p < draft.positions.size(); ++p) {
    compute.push_back(StreamNamed(draft, PositionId(static_cast<int64_t>(p)),
                                  {.name = "compute.0", .kind = StreamKind::kCompute}));
  }
  if (draft.plan.train.optimizer.clip > 0) {
    Clipping clipping(draft);
    for (size_t p = 0; p < compute.size(); ++p) {
      clipping.AddTo(PositionId(static_cast<int64_t>(p)), compute[p], source);
    }
  }
  for (size_t p = 0; p < compute.size(); ++p) {
    AddUpdates(draft, PositionId(static_cast<int64_t>(p)), compute[p], source);
  }
}

}  // namespace pprun
