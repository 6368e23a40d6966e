// Where the ranks of a job find each other: a host and a port that rank 0 listens on. From
// `--rendezvous`, else from what the launcher says. Pure functions. Tests: rendezvous_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/processes/endpoint.h"
#include "runtime/processes/rank_identity.h"

namespace pprun {

// The first host of a Slurm node list: "node[01-04,7],other" has "node01". Throws
// std::runtime_error if the list is not one.
std::string FirstSlurmHost(std::string_view list);

// A port that depends on the job alone and that no program is likely to hold: from 20000 on, below
// where systems take ports for connections.
uint16_t PortOf(std::string_view job);

// `flag` is the value of `--rendezvous`. In this order: the flag; what pprun's own launcher says;
// MASTER_ADDR with a port of the job (never MASTER_PORT, where torchrun's own store listens); this
// machine, if all ranks are on it; the first host of Slurm's node list, for srun and for mpirun in
// an allocation. Throws std::runtime_error.
Endpoint RendezvousOf(const RankIdentity& identity, const Environment& environment,
                      const std::optional<std::string>& flag);

}  // namespace pprun
