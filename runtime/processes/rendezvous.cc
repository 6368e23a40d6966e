#include "runtime/processes/rendezvous.h"

#include <algorithm>
#include <stdexcept>

#include "compiler/plan/base/hash.h"

namespace pprun {
namespace {

constexpr uint64_t kFirstPort = 20000;
constexpr uint64_t kPorts = 10000;

[[noreturn]] void NotAList(std::string_view list) {
  throw std::runtime_error("`" + std::string(list) + "` is not a list of hosts as Slurm writes it");
}

const std::string* Find(const Environment& environment, std::string_view name) {
  const auto found = environment.find(name);
  return found == environment.end() || found->second.empty() ? nullptr : &found->second;
}

}  // namespace

std::string FirstSlurmHost(std::string_view list) {
  std::string host;
  size_t at = 0;
  while (at < list.size() && list[at] != ',') {
    if (list[at] != '[') {
      if (list[at] == ']') NotAList(list);
      host += list[at++];
      continue;
    }
    // The first number of the brackets, with its zeros: it ends at a range's dash or a comma.
    const size_t end = list.find(']', at);
    if (end == std::string_view::npos) NotAList(list);
    const std::string_view inside = list.substr(at + 1, end - at - 1);
    const std::string_view first = inside.substr(0, inside.find_first_of(",-"));
    const auto digit = [](char letter) { return letter >= '0' && letter <= '9'; };
    if (first.empty() || !std::ranges::all_of(first, digit)) NotAList(list);
    host += first;
    at = end + 1;
  }
  if (host.empty()) NotAList(list);
  return host;
}

uint16_t PortOf(std::string_view job) {
  return static_cast<uint16_t>(kFirstPort + HashText(job) % kPorts);
}

Endpoint RendezvousOf(const RankIdentity& identity, const Environment& environment,
                      const std::optional<std::string>& flag) {
  if (flag) return ParseEndpoint(*flag);
  if (identity.launcher == Launcher::kPprun) {
    const std::string* const own = Find(environment, "PPRUN_RENDEZVOUS");
    if (own == nullptr) throw std::runtime_error("`PPRUN_RANK` is set without `PPRUN_RENDEZVOUS`");
    return ParseEndpoint(*own);
  }
  uint16_t port = PortOf(identity.job);
  const std::string* const taken = Find(environment, "MASTER_PORT");
  if (taken != nullptr && *taken == std::to_string(port)) ++port;
  if (const std::string* const master = Find(environment, "MASTER_ADDR")) return {*master, port};
  // The names of Slurm's nodes need not be names of machines.
  if (identity.local_ranks == identity.ranks) return {"127.0.0.1", port};
  const std::string* list = nullptr;
  if (identity.launcher == Launcher::kSlurm) list = Find(environment, "SLURM_STEP_NODELIST");
  // Within an allocation mpirun has its nodes, and puts rank 0 on the first.
  const bool by_hand =
      identity.launcher == Launcher::kByHand || identity.launcher == Launcher::kTorchrun;
  if (list == nullptr && !by_hand) {
    list = Find(environment, "SLURM_JOB_NODELIST");
  }
  if (list != nullptr) return {FirstSlurmHost(*list), port};
  throw std::runtime_error("the ranks that " + std::string(Name(identity.launcher)) +
                           " started are on several machines, and nothing says where rank 0 is; "
                           "give `--rendezvous HOST:PORT`, HOST being the machine of rank 0, or "
                           "set `MASTER_ADDR`");
}

}  // namespace pprun
