// The NCCL communicator: one GPU and one process a rank. What it prepares issues to the rank's
// stream of that channel or group, on the communicator that nccl_world.h has made for it; a graph
// captures it like any other work.
//
// A reduction's order is NCCL's own: it depends on the number of ranks, on how they are connected
// and on the size, so its bits are those of `local` only where the sums are exact; for the same
// machines and plan they are the same from run to run. Compiled and tested on a fake; not yet run
// on GPUs. Tests: nccl_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "runtime/comm/nccl_world.h"
#include "runtime/communicator.h"

namespace pprun {

// Of one rank. The world outlives it and all that it prepares; `abort` is called by Abort.
std::unique_ptr<Communicator> MakeNcclCommunicator(NcclWorld& world, int64_t rank,
                                                   std::function<void(const std::string&)> abort);

}  // namespace pprun
