// types, first part: the plan's tables refer only to what exists, and their sizes are within
// limits, so that everything after this may index and multiply without asking. Tests:
// named_damage_test.cc.
#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "compiler/plan/base/amount.h"
#include "compiler/plan/base/hash.h"
#include "compiler/verify/checks.h"
#include "compiler/verify/limits.h"

namespace pprun {
namespace {

template <typename Tag, typename Entry>
bool Exists(Id<Tag> id, const std::vector<Entry>& table) {
  return id.valid() && id.index() < table.size();
}

template <typename T>
bool AllDifferent(const std::vector<T>& entries) {
  if (entries.size() <= 1) return true;
  std::vector<T> list = entries;
  std::ranges::sort(list);
  return std::ranges::adjacent_find(list) == list.end();
}

class TableCheck {
 public:
  TableCheck(const Plan& plan, Findings& findings) : plan_(plan), findings_(findings) {}

  void Run() {
    CheckMesh();
    if (!findings_.empty()) return;
    CheckTrain();
    for (const Parameter& parameter : plan_.parameters) CheckParameter(parameter);
    CheckLayers();
    CheckSavedNames();
    for (const Group& group : plan_.groups) CheckGroup(group);
    for (const Channel& channel : plan_.channels) CheckChannel(channel);
    for (size_t i = 0; i < plan_.positions.size(); ++i) CheckPosition(i);
    CheckSources();
  }

 private:
  bool Require(bool condition, const std::string& message) {
    if (!condition) findings_.Add(FindingKind::kTypes, message);
    return condition;
  }
  // Of entries of large tables: the message is put together only if it is needed.
  template <typename NameOf>
  bool Require(bool condition, const NameOf& name, std::string_view what) {
    if (!condition) findings_.Add(FindingKind::kTypes, name() + std::string(what));
    return condition;
  }
  bool ValidAxes(const std::vector<AxisId>& axes) const {
    return std::ranges::all_of(axes, [&](AxisId axis) { return Exists(axis, plan_.mesh); }) &&
           AllDifferent(axes);
  }
  bool ValidPositions(const std::vector<PositionId>& positions) const {
    return std::ranges::all_of(positions,
                               [&](PositionId id) { return Exists(id, plan_.positions); }) &&
           AllDifferent(positions);
  }
  // Axes that replicate a position: none of them is the one that enumerates positions.
  bool ReplicaAxes(const std::vector<AxisId>& axes) const {
    return ValidAxes(axes) && std::ranges::none_of(axes, [&](AxisId axis) {
             return plan_.mesh[axis.index()].name == "pp";
           });
  }

  void CheckMesh() {
    if (!Require(plan_.mesh.size() <= kMaxAxes, "the mesh has too many axes")) return;
    std::set<std::string> names;
    int64_t ranks = 1;
    for (const Axis& axis : plan_.mesh) {
      Require(names.insert(axis.name).second, "mesh axis `" + axis.name + "` is there twice");
      if (!Require(axis.size >= 1, "mesh axis `" + axis.name + "` has no ranks")) return;
      ranks *= axis.size;
      if (!Require(ranks <= kMaxRanks,
                   "the mesh has more than " + std::to_string(kMaxRanks) + " ranks")) {
        return;
      }
    }
    Require(plan_.positions.size() <= kMaxPositions,
            "the plan has more than " + std::to_string(kMaxPositions) + " positions");
    Require(static_cast<int64_t>(plan_.positions.size()) == plan_.AxisSize("pp"),
            "the plan has " + Amount(static_cast<int64_t>(plan_.positions.size()), "position") +
                ", the mesh " + std::to_string(plan_.AxisSize("pp")));
    Require(plan_.stages >= 1, "the plan has no stages");
    // Samples are divided among replicas, which these axes enumerate; others would see the same.
    for (const Axis& axis : plan_.mesh) {
      Require(axis.name == "pp" || axis.name == "dp" || axis.name == "fsdp" || axis.size == 1,
              "mesh axis `" + axis.name + "` divides no work, which is not proven");
    }
  }

  void CheckTrain() {
    const TrainSpec& train = plan_.train;
    if (!Require(train.microbatches >= 1 && train.microbatches <= kMaxMicrobatches,
                 "the number of microbatches is " + std::to_string(train.microbatches))) {
      return;
    }
    CheckData(train.data, "data");
    CheckData(train.validation, "validation data");
    constexpr int64_t kMost = int64_t{1} << 40;
    Require(train.vocabulary >= 1 && train.vocabulary <= kMost, "the vocabulary has no size");
    Require(train.sequence >= 1 && train.sequence <= kMost, "the sequence has no length");
    Require(train.batch >= 1 && train.batch <= kMost, "the batch has no samples");
    const int64_t parts = train.microbatches * plan_.Replicas();
    Require(train.batch % parts == 0, "a batch of " + std::to_string(train.batch) +
                                          " does not divide into " + Amount(parts, "part") +
                                          ", one a microbatch and replica");
    for (const int64_t count :
         {train.steps, train.validate_every, train.validate_batches, train.optimizer.warmup}) {
      Require(count >= 0 && count <= kMost,
              "a number of steps or batches is negative or too large");
    }
    // Samples are numbered through the run.
    Require(
        train.batch <= (kMost << 20) / std::max({int64_t{1}, train.steps, train.validate_batches}),
        "the run has too many samples to number");
    const OptimizerSpec& optimizer = train.optimizer;
    Require(optimizer.kind <= OptimizerSpec::Kind::kAdamW &&
                optimizer.decay <= OptimizerSpec::Decay::kCosine,
            "the optimizer or its schedule is of no kind");
    for (const double value : {optimizer.learning_rate, optimizer.momentum, optimizer.beta1,
                               optimizer.beta2, optimizer.epsilon, optimizer.weight_decay,
                               optimizer.final_learning_rate, optimizer.clip}) {
      Require(std::isfinite(value) && value >= 0, "a setting of the optimizer is no number >= 0");
    }
    Require(optimizer.beta1 < 1 && optimizer.beta2 < 1, "a beta of the optimizer is not below 1");
  }

  void CheckData(const DataSpec& data, const std::string& name) {
    Require(data.kind <= DataSpec::Kind::kSynthetic, "the " + name + " is of no kind");
    Require(!data.source.valid() || Exists(data.source, plan_.sources),
            "the " + name + " is named at a place that does not exist");
  }

  void CheckParameter(const Parameter& parameter) {
    const auto name = [&] { return "parameter `" + parameter.name + "`"; };
    if (!parameter.type.shape.ElementsIfValid().has_value() ||
        parameter.type.dtype != DType::kF32) {
      Require(false, name, " has the type " + ToString(parameter.type));
      return;
    }
    Require(!parameter.holders.empty() && ValidPositions(parameter.holders), name,
            " has no holder, or one that does not exist");
    Require(ReplicaAxes(parameter.sum_over), name, " is summed over axes that do not exist");
    Require(parameter.owner.empty() && parameter.split.empty(), name,
            " is sharded, which is not proven");
    Require(std::isfinite(parameter.initialisation.deviation) &&
                parameter.initialisation.deviation >= 0,
            name, " is initialised with an impossible deviation");
    const int64_t rows = parameter.type.shape.rank == 0 ? 1 : parameter.type.shape[0];
    int64_t next = 0;
    for (const ExportPart& part : parameter.exports) {
      Require(part.row_begin == next && next < part.row_end && part.row_end <= rows, name,
              " is saved with rows that it does not have, or out of order");
      next = part.row_end;
      Require(part.layout == ExportPart::Layout::kAsIs || parameter.type.shape.rank == 2, name,
              " is saved transposed and is no matrix");
    }
    Require(parameter.exports.empty() || next == rows, name, " is saved without its last rows");
  }

  void CheckLayers() {
    std::set<int32_t> stages;
    std::set<std::string_view> names;
    for (const Layer& layer : plan_.layers) {
      const auto name = [&] { return "layer `" + layer.name + "`"; };
      Require(layer.stage.valid() && layer.stage.value < plan_.stages, name,
              " is in a stage that does not exist");
      // Random numbers hang on it.
      Require(layer.key == HashText(layer.name), name, " has the key of another name");
      Require(names.insert(layer.name).second, name, " is there twice");
      stages.insert(layer.stage.value);
    }
    Require(static_cast<int64_t>(stages.size()) == plan_.stages, "a stage has no layers");
  }

  // Every tensor of the saved file has a name of its own.
  void CheckSavedNames() {
    std::vector<std::string_view> all_names, all_saved;
    for (const Parameter& parameter : plan_.parameters) {
      all_names.push_back(parameter.name);
      if (parameter.exports.empty()) all_saved.push_back(parameter.name);
      for (const ExportPart& part : parameter.exports) all_saved.push_back(part.name);
    }
    if (AllDifferent(all_names) && AllDifferent(all_saved)) return;
    std::set<std::string_view> names, saved;
    for (const Parameter& parameter : plan_.parameters) {
      const auto name = [&] { return "parameter `" + parameter.name + "`"; };
      Require(names.insert(parameter.name).second, name, " is there twice");
      bool own = true;
      if (parameter.exports.empty()) own = saved.insert(parameter.name).second;
      for (const ExportPart& part : parameter.exports) own = saved.insert(part.name).second && own;
      Require(own, name, " is saved under the name of another one");
    }
  }

  void CheckGroup(const Group& group) {
    Require(ValidPositions(group.positions),
            "group `" + group.name + "` has a position that does not exist or is there twice");
    Require(ReplicaAxes(group.axes),
            "group `" + group.name + "` has an axis that does not exist or enumerates positions");
  }

  void CheckChannel(const Channel& channel) {
    const std::string name = "channel `" + channel.name + "`";
    Require(Exists(channel.from, plan_.positions) && Exists(channel.to, plan_.positions) &&
                channel.from != channel.to,
            name + " does not join two positions");
    Require(channel.type.shape.ElementsIfValid().has_value(),
            name + " has messages of the impossible shape " + ToString(channel.type.shape));
  }

  void CheckStream(const Position& position, size_t index, PositionId id) {
    const Stream& stream = position.streams[index];
    const std::string name =
        "position " + std::to_string(id.value) + ", stream `" + stream.name + "`";
    Require(stream.kind == StreamKind::kCollective || !stream.group.valid(), name + " has a group");
    if (stream.kind != StreamKind::kCollective) return;
    if (!Require(Exists(stream.group, plan_.groups), name + " has no group")) return;
    const std::vector<PositionId>& members = plan_.groups[stream.group.index()].positions;
    Require(members.empty() || std::ranges::find(members, id) != members.end(),
            name + " is of a group that this position is not in");
    for (size_t i = 0; i < index; ++i) {
      const Stream& other = position.streams[i];
      Require(other.kind != StreamKind::kCollective || other.group != stream.group,
              name + " shares its group with `" + other.name + "`");
    }
  }

  void CheckPosition(size_t index) {
    const Position& position = plan_.positions[index];
    const std::string name = "position " + std::to_string(index);
    if (!Require(position.streams.size() <= kMaxStreams,
                 name + " has more than " + std::to_string(kMaxStreams) + " streams")) {
      return;
    }
    for (size_t i = 0; i < position.streams.size(); ++i) {
      CheckStream(position, i, PositionId(static_cast<int64_t>(index)));
    }
    for (const int64_t bytes : position.arena_bytes) {
      Require(bytes >= 0 && bytes <= kMaxArenaBytes,
              name + " has an arena of " + std::to_string(bytes) + " bytes");
    }
    for (const Buffer& buffer : position.buffers) {
      if (!FitsItsArena(position, buffer)) ReportBuffer(position, buffer, name);
    }
    const auto is = [&](BufferId id, DType dtype, const Shape& shape) {
      return Exists(id, position.buffers) &&
             position.buffers[id.index()].type == TensorType{dtype, shape};
    };
    Require(position.losses.empty() ||
                static_cast<int64_t>(position.losses.size()) == plan_.train.microbatches,
            name + " has losses, but not one a microbatch");
    for (const BufferId loss : position.losses) {
      Require(
          !loss.valid() || is(loss, DType::kF64, {}), [&] { return name; },
          " has a loss that is no f64[] buffer");
    }
    Require(!position.gradient_norm.valid() || is(position.gradient_norm, DType::kF32, {2}),
            name + " has a gradient norm that is no f32[2] buffer");
  }

  static bool LiesInItsArena(const Position& position, const Buffer& buffer) {
    const int64_t arena = position.arena_bytes[static_cast<size_t>(buffer.arena)];
    return buffer.offset >= 0 && buffer.offset <= arena &&
           buffer.type.Bytes() <= arena - buffer.offset;
  }
  static bool IsAligned(const Buffer& buffer) {
    return buffer.offset % SizeOf(buffer.type.dtype) == 0;
  }
  static bool FitsItsArena(const Position& position, const Buffer& buffer) {
    return buffer.type.shape.ElementsIfValid().has_value() && LiesInItsArena(position, buffer) &&
           IsAligned(buffer);
  }
  void ReportBuffer(const Position& position, const Buffer& buffer, const std::string& where) {
    const std::string name = where + ", buffer `" + buffer.name + "`";
    if (!Require(buffer.type.shape.ElementsIfValid().has_value(),
                 name + " has the impossible shape " + ToString(buffer.type.shape))) {
      return;
    }
    Require(LiesInItsArena(position, buffer),
            name + " lies outside its arena `" + std::string(Name(buffer.arena)) + "`");
    Require(IsAligned(buffer), name + " is not aligned");
  }

  void CheckSources() {
    for (const Source& source : plan_.sources) {
      Require(source.file < static_cast<int64_t>(plan_.files.size()),
              "a source is in a file that does not exist");
    }
  }

  const Plan& plan_;
  Findings& findings_;
};

}  // namespace

void CheckTables(const Plan& plan, Findings& findings) { TableCheck(plan, findings).Run(); }

}  // namespace pprun
