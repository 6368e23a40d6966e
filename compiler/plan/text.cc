// The plan's tables and programs as text. Total: prints any plan, also one whose references point
// nowhere, since findings about such plans quote it. Instructions: text_instruction.cc, functions:
// text_function.cc.
#include "compiler/plan/text.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "compiler/plan/base/amount.h"
#include "compiler/plan/text_pieces.h"

namespace pprun {
namespace {

std::string InitialisationText(const Initialisation& initialisation) {
  switch (initialisation.kind) {
    case Initialisation::Kind::kZeros:
      return "zeros";
    case Initialisation::Kind::kOnes:
      return "ones";
    case Initialisation::Kind::kNormal:
      return "normal(" + NumberText(initialisation.deviation) + ")";
  }
  return "?";
}

std::string AxesText(const Plan& plan, const std::vector<AxisId>& axes) {
  std::string text;
  for (const AxisId axis : axes) {
    text += (text.empty() ? "" : " ") + NameOr(plan.mesh, axis, "axis");
  }
  return text;
}

std::string PositionsText(const std::vector<PositionId>& positions) {
  std::string text;
  for (const PositionId position : positions) {
    text += (text.empty() ? "" : " ") + std::to_string(position.value);
  }
  return text;
}

void AppendDataSpec(std::string& out, std::string_view what, const DataSpec& data) {
  if (data.kind == DataSpec::Kind::kNone) return;
  constexpr std::array<std::string_view, 5> kKinds = {"none", "bytes", "tokens_u16", "tokens_u32",
                                                      "synthetic"};
  out += "  " + std::string(what) + " " + std::string(kKinds[static_cast<size_t>(data.kind)]);
  out += data.kind == DataSpec::Kind::kSynthetic ? " seed " + std::to_string(data.seed)
                                                 : " `" + data.path + "`";
  out += "\n";
}

void AppendTrain(std::string& out, const TrainSpec& train) {
  const OptimizerSpec& optimizer = train.optimizer;
  constexpr std::array<std::string_view, 3> kOptimizers = {"sgd", "adam", "adamw"};
  out += "train\n";
  AppendDataSpec(out, "data", train.data);
  AppendDataSpec(out, "validation", train.validation);
  out += "  vocabulary " + std::to_string(train.vocabulary) + ", sequence " +
         std::to_string(train.sequence) + ", batch " + std::to_string(train.batch) +
         ", microbatches " + std::to_string(train.microbatches) + ", steps " +
         std::to_string(train.steps) + ", seed " + std::to_string(train.seed) + "\n";
  if (train.validate_every > 0) {
    out += "  validate every " + Amount(train.validate_every, "step") + ", " +
           Amount(train.validate_batches, "batch") + "\n";
  }
  out +=
      "  " + std::string(kOptimizers[static_cast<size_t>(optimizer.kind)]) + " learning_rate " +
      NumberText(optimizer.learning_rate) + ", momentum " + NumberText(optimizer.momentum) +
      ", betas " + NumberText(optimizer.beta1) + " " + NumberText(optimizer.beta2) + ", epsilon " +
      NumberText(optimizer.epsilon) + ", weight_decay " + NumberText(optimizer.weight_decay) +
      ", warmup " + std::to_string(optimizer.warmup) + ", decay " +
      (optimizer.decay == OptimizerSpec::Decay::kCosine ? "cosine to " : "constant") +
      (optimizer.decay == OptimizerSpec::Decay::kCosine ? NumberText(optimizer.final_learning_rate)
                                                        : "") +
      ", clip " + NumberText(optimizer.clip) + "\n";
}

void AppendParameter(std::string& out, const Plan& plan, const Parameter& parameter) {
  out += "  " + Padded(parameter.name, 32) + " " + ToString(parameter.type) + " " +
         InitialisationText(parameter.initialisation);
  if (parameter.decay == Parameter::Decay::kNo) out += ", no decay";
  out += ", at " + PositionsText(parameter.holders);
  if (!parameter.sum_over.empty()) out += ", sum over " + AxesText(plan, parameter.sum_over);
  if (!parameter.owner.empty()) out += ", owners over " + AxesText(plan, parameter.owner);
  for (const Split& split : parameter.split) {
    out += ", split " + std::to_string(split.dimension) + " over " + AxesText(plan, split.axes);
    if (split.interleave != 1) out += " interleave " + std::to_string(split.interleave);
  }
  for (const std::string& alias : parameter.aliases) out += ", also " + alias;
  for (const ExportPart& part : parameter.exports) {
    out += ", rows " + std::to_string(part.row_begin) + ".." + std::to_string(part.row_end) +
           " saved as " + part.name;
    if (part.layout == ExportPart::Layout::kTransposed) out += " transposed";
  }
  out += "\n";
}

void AppendProgram(std::string& out, const Plan& plan, const Position& position,
                   ProgramKind program) {
  const Program& body = position.programs[static_cast<size_t>(program)];
  if (body.instructions.empty()) return;
  out += "  program " + std::string(Name(program)) + "\n";
  for (const Instruction& instruction : body.instructions) {
    std::string line = "    " + Padded(NameOr(position.streams, instruction.stream, "stream"), 12) +
                       " " + ToText(plan, position, instruction);
    const std::string source = ToText(plan, instruction.source);
    if (!source.empty()) line = Padded(line, 79) + " ; " + source;
    out += line + "\n";
  }
}

// What the rows of square sums and updates take.
void AppendOptimizer(std::string& out, const Plan& plan, const Position& position) {
  const auto parameter = [&](ParameterId id) {
    return "    " + Padded(NameOr(plan.parameters, id, "parameter"), 32) + " ";
  };
  const auto buffer = [&](BufferId id) { return NameOr(position.buffers, id, "buffer"); };
  if (!position.square_sums.empty()) out += "  square sums\n";
  for (const ParameterSquares& row : position.square_sums) {
    out += parameter(row.parameter) + buffer(row.gradient) + " into " + buffer(row.partials) + "\n";
  }
  if (!position.updates.empty()) out += "  updates\n";
  for (const ParameterUpdate& row : position.updates) {
    out += parameter(row.parameter) + buffer(row.value) + " with " + buffer(row.gradient);
    if (row.first_moment.valid()) out += ", " + buffer(row.first_moment);
    if (row.second_moment.valid()) out += ", " + buffer(row.second_moment);
    if (row.rounded.valid()) out += ", rounded into " + buffer(row.rounded);
    out += "\n";
  }
}

void AppendPosition(std::string& out, const Plan& plan, size_t index) {
  const Position& position = plan.positions[index];
  out += "position " + std::to_string(index) + " of pp=" + std::to_string(plan.AxisSize("pp")) +
         "   arenas:";
  std::string arenas;
  for (int i = 0; i < kArenaCount; ++i) {
    const int64_t bytes = position.arena_bytes[static_cast<size_t>(i)];
    if (bytes == 0) continue;
    arenas += (arenas.empty() ? " " : ", ") + std::string(Name(static_cast<ArenaKind>(i))) + " " +
              HumanBytes(bytes);
  }
  out += (arenas.empty() ? " none" : arenas) + "\n";
  if (!position.streams.empty()) out += "  streams\n";
  for (const Stream& stream : position.streams) {
    std::string line = "    " + stream.name;
    if (stream.group.valid()) {
      line = Padded(line, 36) + " group " + NameOr(plan.groups, stream.group, "group");
    }
    out += line + "\n";
  }
  if (!position.buffers.empty()) out += "  buffers\n";
  for (const Buffer& buffer : position.buffers) {
    out += "    " + Padded(buffer.name, 32) + " " +
           Padded(std::string(Name(buffer.arena)) + " +" + std::to_string(buffer.offset), 28) +
           " " + ToString(buffer.type) + "\n";
  }
  for (size_t i = 0; i < position.losses.size(); ++i) {
    out += (i == 0 ? "  losses " : ", ") + NameOr(position.buffers, position.losses[i], "buffer");
  }
  if (!position.losses.empty()) out += "\n";
  if (position.gradient_norm.valid()) {
    out += "  gradient norm " + NameOr(position.buffers, position.gradient_norm, "buffer") + "\n";
  }
  AppendOptimizer(out, plan, position);
  for (int i = 0; i < kProgramCount; ++i) {
    AppendProgram(out, plan, position, static_cast<ProgramKind>(i));
  }
}

}  // namespace

std::string HumanBytes(int64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  constexpr std::array<const char*, 5> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  double amount = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  // 1023.95 would print as 1024.0.
  while (amount >= 1023.95 && unit + 1 < kUnits.size()) {
    amount /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f %s", amount, kUnits[unit]);
  return text;
}

std::string ToText(const Plan& plan, SourceId source) {
  if (!source.valid() || source.index() >= plan.sources.size()) return "";
  const Source& at = plan.sources[source.index()];
  if (at.file < 0 || static_cast<size_t>(at.file) >= plan.files.size()) return at.reason;
  std::string text = plan.files[static_cast<size_t>(at.file)].path + ":" + std::to_string(at.line);
  if (!at.reason.empty()) text += "  " + at.reason;
  return text;
}

std::string ToText(const Plan& plan) {
  std::string out = "plan " + plan.name + "   schedule " + plan.schedule + ", mesh";
  for (const Axis& axis : plan.mesh) out += " " + axis.name + "=" + std::to_string(axis.size);
  out += ", " + Amount(plan.stages, "stage") + "\n";
  AppendTrain(out, plan.train);
  if (!plan.parameters.empty()) out += "parameters\n";
  for (const Parameter& parameter : plan.parameters) AppendParameter(out, plan, parameter);
  if (!plan.layers.empty()) out += "layers\n";
  for (const Layer& layer : plan.layers) {
    out += "  " + Padded(layer.name, 32) + " stage " + std::to_string(layer.stage.value) + "\n";
  }
  if (!plan.groups.empty()) out += "groups\n";
  for (const Group& group : plan.groups) {
    out += "  " + Padded(group.name, 12) + " ";
    out +=
        group.positions.empty() ? "each position" : "positions " + PositionsText(group.positions);
    if (!group.axes.empty()) out += " times " + AxesText(plan, group.axes);
    out += "\n";
  }
  if (!plan.channels.empty()) out += "channels\n";
  for (const Channel& channel : plan.channels) {
    out += "  " + Padded(channel.name, 24) + " from position " +
           std::to_string(channel.from.value) + " to " + std::to_string(channel.to.value) + ", " +
           ToString(channel.type) + "\n";
  }
  if (!plan.norm_order.empty()) out += "gradient norm, in this order\n";
  for (const NormBlocks& blocks : plan.norm_order) {
    out += "  " + Padded(NameOr(plan.parameters, blocks.parameter, "parameter"), 32) + " " +
           Amount(blocks.count, "block") + " from " + std::to_string(blocks.first) + "\n";
  }
  for (const Function& function : plan.functions) out += ToText(plan, function);
  for (size_t i = 0; i < plan.positions.size(); ++i) AppendPosition(out, plan, i);
  return out;
}

}  // namespace pprun
