// Communicator: how one rank meets others. Implementations: local (ranks that share an address
// space), and later mpi and nccl. All pass one conformance suite (tests/conformance/).
//
// A meeting is prepared once and issued many times. It is a true rendezvous: a send is done only
// when its recv has run, a collective only when every member has arrived. Reductions are sums in
// rank order, whatever the timing. An abort makes every meeting in progress, and every later one,
// fail with an error.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>

#include "compiler/plan/instruction.h"
#include "compiler/plan/plan.h"
#include "kernels/kernel.h"
#include "runtime/device.h"

namespace pprun {

// What a meeting fails with after an abort; says why it was aborted.
struct AbortedError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A prepared send, recv or collective of this rank.
class PreparedMeeting {
 public:
  virtual ~PreparedMeeting() = default;
  virtual void Issue(DeviceStream& stream) = 0;
};

class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual std::unique_ptr<PreparedMeeting> PrepareSend(ChannelId channel, int64_t peer,
                                                       kernels::Tensor source) = 0;
  virtual std::unique_ptr<PreparedMeeting> PrepareRecv(ChannelId channel, int64_t peer,
                                                       kernels::Tensor target) = 0;
  // `members` ascending, this rank among them; `group` tells apart groups of equal members.
  virtual std::unique_ptr<PreparedMeeting> PrepareCollective(CollectiveKind kind, GroupId group,
                                                             std::span<const int64_t> members,
                                                             kernels::Tensor source,
                                                             kernels::Tensor target,
                                                             int32_t root) = 0;
  // A ring shift: the target receives the source of the member `shift` places before, modulo the
  // number of members.
  virtual std::unique_ptr<PreparedMeeting> PreparePermute(GroupId group,
                                                          std::span<const int64_t> members,
                                                          kernels::Tensor source,
                                                          kernels::Tensor target,
                                                          int32_t shift) = 0;

  // Makes all ranks' meetings fail with AbortedError; callable from any thread. The first call's
  // reason stays.
  virtual void Abort(const std::string& why) = 0;
};

}  // namespace pprun
