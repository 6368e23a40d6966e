// A flow is all that one stage hands to a neighbour: the activations or the gradients of every
// microbatch of a pipe. Each has a channel, and a queue at either end, as `transfers` says; made on
// first use. Tests: insert_transfers_test.cc.
#pragma once

#include <cstddef>
#include <map>
#include <tuple>
#include <vector>

#include "compiler/passes/draft.h"

namespace pprun {

struct Flow {
  PositionId from;
  PositionId to;
  ChannelId channel;
  StreamId sends;  // at `from`
  StreamId recvs;  // at `to`
};

class Flows {
 public:
  explicit Flows(Draft& draft);

  // The flow of what crosses a boundary.
  const Flow& Of(const Boundary& boundary) {
    Flow& flow = flows_[IndexOf(boundary)];
    if (!flow.channel.valid()) Make(flow, boundary);
    return flow;
  }

 private:
  size_t IndexOf(const Boundary& boundary) const {
    const size_t kind = static_cast<size_t>(boundary.kind);
    return (static_cast<size_t>(boundary.pipe) * kBoundaryKinds + kind) * stages_ +
           boundary.from.index();
  }
  void Make(Flow& flow, const Boundary& boundary);
  ChannelId ChannelFor(const Flow& flow, const Boundary& boundary);

  Draft& draft_;
  size_t stages_;
  std::vector<Flow> flows_;
  // By kind and ends: channels that differ in the type of their messages.
  std::map<std::tuple<Boundary::Kind, PositionId, PositionId>, std::vector<ChannelId>> channels_;
};

}  // namespace pprun
