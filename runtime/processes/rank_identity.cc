#include "runtime/processes/rank_identity.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>
#include <vector>

namespace pprun {
namespace {

// The variables of one launcher. The first is what tells that it started this process.
struct Variables {
  Launcher launcher;
  std::string_view sign;
  std::string_view rank;
  std::string_view ranks;
  std::string_view local_rank;
  std::string_view local_ranks;
  // Joined with dots; those that are not set are left out.
  std::array<std::string_view, 2> job;
};

// Innermost first: what a later one sets is inherited by what an earlier one starts. A batch script
// of Slurm has SLURM_PROCID too; only srun's steps have a step number.
constexpr std::array kLaunchers = {
    Variables{Launcher::kPprun,
              "PPRUN_RANK",
              "PPRUN_RANK",
              "PPRUN_RANKS",
              "PPRUN_RANK",
              "PPRUN_RANKS",
              {"PPRUN_JOB", ""}},
    Variables{Launcher::kTorchrun,
              "TORCHELASTIC_RUN_ID",
              "RANK",
              "WORLD_SIZE",
              "LOCAL_RANK",
              "LOCAL_WORLD_SIZE",
              {"TORCHELASTIC_RUN_ID", "MASTER_PORT"}},
    Variables{Launcher::kOpenMpi,
              "OMPI_COMM_WORLD_RANK",
              "OMPI_COMM_WORLD_RANK",
              "OMPI_COMM_WORLD_SIZE",
              "OMPI_COMM_WORLD_LOCAL_RANK",
              "OMPI_COMM_WORLD_LOCAL_SIZE",
              {"PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid"}},
    Variables{Launcher::kHydra,
              "MPI_LOCALRANKID",
              "PMI_RANK",
              "PMI_SIZE",
              "MPI_LOCALRANKID",
              "MPI_LOCALNRANKS",
              {"PMI_PORT", "HYDI_CONTROL_FD"}},
    Variables{Launcher::kSlurm,
              "SLURM_STEP_ID",
              "SLURM_PROCID",
              "SLURM_STEP_NUM_TASKS",
              "SLURM_LOCALID",
              "",
              {"SLURM_JOB_ID", "SLURM_STEP_ID"}},
};

constexpr Variables kByHand = {Launcher::kByHand,  "RANK",       "RANK",
                               "WORLD_SIZE",       "LOCAL_RANK", "LOCAL_WORLD_SIZE",
                               {"MASTER_PORT", ""}};

const std::string* Find(const Environment& environment, std::string_view name) {
  const auto found = environment.find(name);
  return found == environment.end() ? nullptr : &found->second;
}

std::string Quoted(std::string_view name, std::string_view value) {
  return "`" + std::string(name) + "=" + std::string(value) + "`";
}

int64_t NumberOf(std::string_view name, const std::string& value) {
  int64_t number = 0;
  const char* const end = value.data() + value.size();
  const auto [rest, error] = std::from_chars(value.data(), end, number);
  if (error != std::errc() || rest != end || number < 0 || number > kMostProcesses) {
    throw std::runtime_error(Quoted(name, value) + " is not a number from 0 to " +
                             std::to_string(kMostProcesses));
  }
  return number;
}

int64_t Required(const Environment& environment, const Variables& variables,
                 std::string_view name) {
  const std::string* const value = Find(environment, name);
  if (value == nullptr) {
    throw std::runtime_error(
        Quoted(variables.sign, *Find(environment, variables.sign)) + " is set without `" +
        std::string(name) + "`: set both to start this process as one rank of several, or neither");
  }
  return NumberOf(name, *value);
}

void CheckBelow(const Environment& environment, std::string_view name, std::string_view limit) {
  throw std::runtime_error(Quoted(name, *Find(environment, name)) + " is not below " +
                           Quoted(limit, *Find(environment, limit)));
}

RankIdentity Read(const Environment& environment, const Variables& variables) {
  RankIdentity identity = {.launcher = variables.launcher,
                           .rank = Required(environment, variables, variables.rank),
                           .ranks = Required(environment, variables, variables.ranks),
                           .local_rank = Required(environment, variables, variables.local_rank),
                           .local_ranks = {},
                           .job = {}};
  if (identity.rank >= identity.ranks) CheckBelow(environment, variables.rank, variables.ranks);
  if (const std::string* const value = Find(environment, variables.local_ranks)) {
    identity.local_ranks = NumberOf(variables.local_ranks, *value);
    if (identity.local_rank >= *identity.local_ranks) {
      CheckBelow(environment, variables.local_rank, variables.local_ranks);
    }
  }
  for (const std::string_view name : variables.job) {
    const std::string* const value = Find(environment, name);
    if (value == nullptr) continue;
    if (!identity.job.empty()) identity.job += ".";
    identity.job += *value;
  }
  return identity;
}

// Slurm does not say how many tasks are on this node, but how many on each, and which it is.
std::optional<int64_t> SlurmLocalRanks(const Environment& environment) {
  const std::string* const list = Find(environment, "SLURM_STEP_TASKS_PER_NODE");
  const std::string* const node = Find(environment, "SLURM_NODEID");
  if (list == nullptr || node == nullptr) return std::nullopt;
  return SlurmTasksOf(*list, NumberOf("SLURM_NODEID", *node));
}

// RANK and WORLD_SIZE are often set by hand from what srun or mpirun says; then they must agree.
void CheckAgrees(const Environment& environment, const Variables& chosen) {
  const std::array pairs = {std::pair{kByHand.rank, chosen.rank},
                            std::pair{kByHand.ranks, chosen.ranks}};
  for (const auto& [by_hand, name] : pairs) {
    const std::string* const value = Find(environment, by_hand);
    if (value == nullptr) continue;
    const std::string& other = *Find(environment, name);
    if (NumberOf(by_hand, *value) == NumberOf(name, other)) continue;
    throw std::runtime_error("the environment contradicts itself: " + Quoted(name, other) + " of " +
                             std::string(Name(chosen.launcher)) + ", but " +
                             Quoted(by_hand, *value) + "; unset one of them");
  }
}

}  // namespace

Environment ReadEnvironment() {
  Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

std::string_view Name(Launcher launcher) {
  switch (launcher) {
    case Launcher::kPprun:
      return "pprun";
    case Launcher::kTorchrun:
      return "torchrun";
    case Launcher::kOpenMpi:
    case Launcher::kHydra:
      return "mpirun";
    case Launcher::kSlurm:
      return "srun";
    case Launcher::kByHand:
      break;
  }
  return "RANK and WORLD_SIZE";
}

std::optional<int64_t> SlurmTasksOf(std::string_view list, int64_t node) {
  while (!list.empty()) {
    const std::string_view entry = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), entry.size() + 1));
    int64_t tasks = 0;
    int64_t nodes = 1;
    const char* const end = entry.data() + entry.size();
    auto [rest, error] = std::from_chars(entry.data(), end, tasks);
    if (error != std::errc() || tasks < 1 || tasks > kMostProcesses) return std::nullopt;
    if (rest != end) {
      const std::string_view times(rest, static_cast<size_t>(end - rest));
      if (!times.starts_with("(x") || !times.ends_with(")")) return std::nullopt;
      const auto number = std::from_chars(rest + 2, end - 1, nodes);
      if (number.ec != std::errc() || number.ptr != end - 1 || nodes < 1) return std::nullopt;
    }
    if (node < nodes) return tasks;
    node -= nodes;
  }
  return std::nullopt;
}

std::optional<RankIdentity> IdentifyRank(const Environment& environment) {
  std::optional<RankIdentity> identity;
  for (const Variables& variables : kLaunchers) {
    if (Find(environment, variables.sign) == nullptr) continue;
    identity = Read(environment, variables);
    if (variables.launcher == Launcher::kSlurm) {
      identity->local_ranks = SlurmLocalRanks(environment);
    }
    // torchrun sets these very names, and pprun's own ranks inherit what was around it.
    if (variables.launcher > Launcher::kTorchrun) CheckAgrees(environment, variables);
    break;
  }
  if (!identity && Find(environment, "RANK") != nullptr) identity = Read(environment, kByHand);
  if (identity && identity->ranks == 1) return std::nullopt;
  return identity;
}

}  // namespace pprun
