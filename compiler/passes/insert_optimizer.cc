// After the backward pass: the global norm if gradients are clipped, and the update of every
// parameter.
//
// Sums of squares, and updates where nothing is clipped, take the parameters together whose
// gradients one sum makes whole, so that they start when it ends. Updates by a clip factor have
// waited for all gradients and are one.
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
    parts.push_back(AddFixedBuffer(draft_, position_id, ArenaKind::kScalars, "padding of squares",
                                   Doubles(widest_ - mine.total)));
  }
  const BufferId own =
      AddFixedBuffer(draft_, position_id, ArenaKind::kScalars, "squares", Doubles(widest_));
  place.covers.push_back({.buffer = own, .parts = parts});
  instructions.push_back({compute, source, Zero{.target = own}});
  for (const std::vector<ParameterId>& together : place.whole_together) {
    SquareSum sum{.first = static_cast<int32_t>(position.square_sums.size())};
    for (const ParameterId parameter : together) {
      const auto counted = std::ranges::lower_bound(mine.parameters, parameter);
      if (counted == mine.parameters.end() || *counted != parameter) continue;
      position.square_sums.push_back(
          {.parameter = parameter,
           .gradient = place.gradient[parameter.index()].front(),
           .partials = parts[static_cast<size_t>(counted - mine.parameters.begin())]});
      ++sum.count;
    }
    if (sum.count > 0) instructions.push_back({compute, source, sum});
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
  position.gradient_norm = clip;
  instructions.push_back({compute, source, ClipFactor{.partials = gathered, .target = clip}});
}

// The row of one parameter, with its moments, which start at zero.
ParameterUpdate UpdateOf(Draft& draft, PositionId position, StreamId compute, SourceId source,
                         ParameterId id) {
  const OptimizerSpec& optimizer = draft.plan.train.optimizer;
  const bool sgd = optimizer.kind == OptimizerSpec::Kind::kSgd;
  const int moments = sgd ? (optimizer.momentum > 0 ? 1 : 0) : 2;
  const DraftPosition& place = draft.positions[position.index()];
  const Parameter& parameter = draft.plan.parameters[id.index()];
  const TensorType type{.dtype = DType::kF32, .shape = parameter.type.shape};
  ParameterUpdate update{.parameter = id,
                         .value = place.parameter[id.index()],
                         .gradient = place.gradient[id.index()].front(),
                         .rounded = place.rounded[id.index()]};
  const auto moment = [&](const char* what) {
    const BufferId buffer =
        AddFixedBuffer(draft, position, ArenaKind::kOptimizer, what + parameter.name, type);
    draft.Instructions(position, ProgramKind::kInitialise)
        .push_back({compute, source, Zero{.target = buffer}});
    return buffer;
  };
  if (moments > 0) update.first_moment = moment(sgd ? "momentum of " : "first moment of ");
  if (moments > 1) update.second_moment = moment("second moment of ");
  return update;
}

void AddUpdates(Draft& draft, PositionId position_id, StreamId compute, SourceId source) {
  Position& position = draft.plan.positions[position_id.index()];
  const bool clipped = position.gradient_norm.valid();
  Update update{.clip = position.gradient_norm};
  const auto add = [&] {
    update.count = static_cast<int32_t>(position.updates.size()) - update.first;
    if (update.count == 0) return;
    draft.Instructions(position_id, ProgramKind::kStep).push_back({compute, source, update});
    update.first += update.count;
  };
  for (const std::vector<ParameterId>& together :
       draft.positions[position_id.index()].whole_together) {
    for (const ParameterId parameter : together) {
      position.updates.push_back(UpdateOf(draft, position_id, compute, source, parameter));
    }
    if (!clipped) add();
  }
  add();
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
