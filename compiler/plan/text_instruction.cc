// One instruction as text: its name, then its operands by name.
#include <array>
#include <variant>

#include "compiler/plan/text.h"
#include "compiler/plan/text_pieces.h"

namespace pprun {
namespace {

std::string Mnemonic(std::string_view name) { return Padded(std::string(name), 10) + " "; }

std::string_view CollectiveName(CollectiveKind kind) {
  switch (kind) {
    case CollectiveKind::kAllReduce:
      return "all_reduce";
    case CollectiveKind::kAllGather:
      return "all_gather";
    case CollectiveKind::kReduceScatter:
      return "reduce_scatter";
    case CollectiveKind::kBroadcast:
      return "broadcast";
    case CollectiveKind::kReduce:
      return "reduce";
    case CollectiveKind::kAllToAll:
      return "all_to_all";
  }
  return "?";
}

struct TextOf {
  const Plan& plan;
  const Position& position;

  std::string Buffer(BufferId id) const { return NameOr(position.buffers, id, "buffer"); }
  std::string Channel(ChannelId id) const { return NameOr(plan.channels, id, "channel"); }
  std::string Group(GroupId id) const { return NameOr(plan.groups, id, "group"); }
  std::string Parameter(ParameterId id) const { return NameOr(plan.parameters, id, "parameter"); }
  // The parameters of some rows: the first, and how many follow it.
  template <typename Row>
  std::string Parameters(std::span<const Row> rows) const {
    if (rows.empty()) return "no parameters";
    std::string text = Parameter(rows.front().parameter);
    if (rows.size() > 1) text += " and " + std::to_string(rows.size() - 1) + " more";
    return text;
  }
  std::string Peer(ChannelId id, PositionId pprun::Channel::*end) const {
    if (!id.valid() || id.index() >= plan.channels.size()) return "?";
    return std::to_string((plan.channels[id.index()].*end).value);
  }

  // Bindings that tell calls apart: not parameters, gradients or workspace.
  std::string Bindings(const Run& run) const {
    if (!run.function.valid() || run.function.index() >= plan.functions.size()) return "";
    std::string text;
    int64_t at = run.first_binding;
    for (const Argument& argument : plan.functions[run.function.index()].arguments) {
      const int64_t binding = at++;
      if (argument.role == Role::kParameter || argument.role == Role::kGradient ||
          argument.role == Role::kWorkspace) {
        continue;
      }
      if (binding < 0 || binding >= static_cast<int64_t>(position.bindings.size())) break;
      text += (text.empty() ? " (" : ", ") + std::string(Name(argument.role)) + " " +
              Buffer(position.bindings[static_cast<size_t>(binding)]);
    }
    return text.empty() ? text : text + ")";
  }

  std::string operator()(const Run& run) const {
    std::string text = Mnemonic("run") + "@" + NameOr(plan.functions, run.function, "function") +
                       " " + NameOr(plan.layers, run.layer, "layer") + " microbatch " +
                       std::to_string(run.microbatch.value);
    if (run.chunk.value > 0) text += " chunk " + std::to_string(run.chunk.value);
    return text + Bindings(run);
  }
  std::string operator()(const Send& send) const {
    return Mnemonic("send") + Buffer(send.source) + " to position " +
           Peer(send.channel, &pprun::Channel::to) + ", channel " + Channel(send.channel) +
           ", microbatch " + std::to_string(send.microbatch.value);
  }
  std::string operator()(const Recv& recv) const {
    return Mnemonic("recv") + Buffer(recv.target) + " from position " +
           Peer(recv.channel, &pprun::Channel::from) + ", channel " + Channel(recv.channel) +
           ", microbatch " + std::to_string(recv.microbatch.value);
  }
  std::string operator()(const Collective& collective) const {
    std::string text = Mnemonic(CollectiveName(collective.kind));
    if (collective.source != collective.target) text += Buffer(collective.source) + " into ";
    text += Buffer(collective.target) + " over " + Group(collective.group);
    if (collective.kind == CollectiveKind::kBroadcast ||
        collective.kind == CollectiveKind::kReduce) {
      text += ", root " + std::to_string(collective.root);
    }
    return text;
  }
  std::string operator()(const Load& load) const {
    return Mnemonic("load") + (load.what == Load::What::kTokens ? "tokens" : "targets") +
           " of microbatch " + std::to_string(load.microbatch.value) + " into " +
           Buffer(load.target);
  }
  std::string operator()(const Initialise& initialise) const {
    return Mnemonic("initialise") + Parameter(initialise.parameter) + " in " +
           Buffer(initialise.target);
  }
  std::string operator()(const Zero& zero) const { return Mnemonic("zero") + Buffer(zero.target); }
  std::string operator()(const Cast& cast) const {
    return Mnemonic("cast") + Buffer(cast.source) + " into " + Buffer(cast.target);
  }
  std::string operator()(const Add& add) const {
    return Mnemonic("add") + Buffer(add.source) + " to " + Buffer(add.target);
  }
  std::string operator()(const SquareSum& sum) const {
    return Mnemonic("square_sum") + "gradients of " + Parameters(RowsOf(position, sum));
  }
  std::string operator()(const ClipFactor& clip) const {
    return Mnemonic("clip_factor") + Buffer(clip.partials) + " into " + Buffer(clip.target);
  }
  std::string operator()(const Update& update) const {
    std::string text = Mnemonic("update") + Parameters(RowsOf(position, update));
    if (update.clip.valid()) text += ", clipped by " + Buffer(update.clip);
    return text;
  }
  std::string operator()(const Permute& permute) const {
    return Mnemonic("permute") + Buffer(permute.source) + " into " + Buffer(permute.target) +
           " over " + Group(permute.group) + ", shift " + std::to_string(permute.shift);
  }
  std::string operator()(const Record& record) const {
    return Mnemonic("record") + "e" + std::to_string(record.event.value);
  }
  std::string operator()(const Wait& wait) const {
    return Mnemonic("wait") + "e" + std::to_string(wait.event.value);
  }
};

}  // namespace

std::string ToText(const Plan& plan, const Position& position, const Instruction& instruction) {
  return std::visit(TextOf{plan, position}, instruction.operands);
}

}  // namespace pprun
