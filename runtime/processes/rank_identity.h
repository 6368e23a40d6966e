// Which rank of a job this process is, as its environment says: pprun's own launcher, torchrun,
// mpirun (Open MPI, or MPICH's Hydra), srun, or RANK and WORLD_SIZE set by hand. A pure function of
// the environment. Tests: rank_identity_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace pprun {

using Environment = std::map<std::string, std::string, std::less<>>;

// Of this process.
Environment ReadEnvironment();

enum class Launcher : uint8_t { kPprun, kTorchrun, kOpenMpi, kHydra, kSlurm, kByHand };
// "torchrun"
std::string_view Name(Launcher launcher);

struct RankIdentity {
  Launcher launcher = Launcher::kPprun;
  int64_t rank = 0;
  int64_t ranks = 1;
  int64_t local_rank = 0;              // among the ranks of this node: which GPU it takes
  std::optional<int64_t> local_ranks;  // of this node, where the launcher says it
  // What tells this job from others that run at the same time, as far as the launcher says.
  std::string job;
};

inline constexpr int64_t kMostProcesses = 1 << 20;

// Of a node in what Slurm calls SLURM_STEP_TASKS_PER_NODE: "4(x2),1" has 4, 4 and 1. Empty if there
// is no such node or it is no such list.
std::optional<int64_t> SlurmTasksOf(std::string_view list, int64_t node);

// Empty where nothing says that this process is one of several: no variables, or a job of one
// process. Launchers nest (torchrun under srun, mpirun inside an allocation), so the innermost
// counts; throws std::runtime_error where variables contradict each other or one is missing.
std::optional<RankIdentity> IdentifyRank(const Environment& environment);

}  // namespace pprun
