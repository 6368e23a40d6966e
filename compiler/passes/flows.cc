#include "compiler/passes/flows.h"

#include <string>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

std::string What(const Boundary& boundary) {
  return boundary.kind == Boundary::Kind::kActivation ? "activation" : "gradient";
}

// "stage 4", "stage 4 of pipe 1": whose flow it is.
std::string Origin(const Draft& draft, const Boundary& boundary) {
  const bool pipes = draft.position_of.size() > static_cast<size_t>(draft.plan.stages);
  return "stage " + std::to_string(boundary.from.value) +
         (pipes ? " of pipe " + std::to_string(boundary.pipe) : "");
}

// `way` is "send" or "recv".
std::string QueueName(const Draft& draft, const Boundary& boundary, const std::string& way,
                      PositionId peer) {
  switch (draft.program->transfers) {
    case TransferQueues::kPerPeer:
      return way + "." + std::to_string(peer.value);
    case TransferQueues::kPerRank:
      return "transfers";
    case TransferQueues::kPerFlow:
      return way + "." + What(boundary) + " of " + Origin(draft, boundary);
  }
  CHECK(false);
}

}  // namespace

Flows::Flows(Draft& draft)
    : draft_(draft),
      stages_(static_cast<size_t>(draft.plan.stages)),
      flows_(draft.position_of.size() * kBoundaryKinds) {}

void Flows::Make(Flow& flow, const Boundary& boundary) {
  flow.from = draft_.PositionOf(boundary.from, boundary.pipe);
  flow.to = draft_.PositionOf(boundary.to, boundary.pipe);
  flow.channel = ChannelFor(flow, boundary);
  const auto queue = [&](PositionId at, const char* way, PositionId peer) {
    return StreamNamed(
        draft_, at,
        {.name = QueueName(draft_, boundary, way, peer), .kind = StreamKind::kTransfer});
  };
  flow.sends = queue(flow.from, "send", flow.to);
  flow.recvs = queue(flow.to, "recv", flow.from);
}

// Flows of one kind and type between two positions share a channel, unless each has its own queues.
ChannelId Flows::ChannelFor(const Flow& flow, const Boundary& boundary) {
  const TensorType& type = draft_.TypeOf(flow.from, boundary.source);
  std::string name = What(boundary) + " " + std::to_string(flow.from.value) + " to " +
                     std::to_string(flow.to.value);
  if (draft_.program->transfers == TransferQueues::kPerFlow) {
    name += ", " + Origin(draft_, boundary);
  } else {
    std::vector<ChannelId>& alike = channels_[{boundary.kind, flow.from, flow.to}];
    for (const ChannelId known : alike) {
      if (draft_.plan.channels[known.index()].type == type) return known;
    }
    alike.emplace_back(static_cast<int64_t>(draft_.plan.channels.size()));
    if (alike.size() > 1) name += ", " + std::to_string(alike.size());
  }
  draft_.plan.channels.push_back({name, flow.from, flow.to, type});
  return ChannelId(static_cast<int64_t>(draft_.plan.channels.size()) - 1);
}

}  // namespace pprun
