// An analytic model of a machine, in a small text file: how fast it computes, how fast its memory
// and links are. The built-in ones are compiled in. Tests: machine_test.cc.
//
//   name h100
//   flops bf16 989e12                 FLOP/s of matrix products, dense; a line a type
//   memory bytes 80e9
//   memory bandwidth 3.35e12          bytes a second
//   link nvlink switch size 8 axes 1 bandwidth 450e9 latency 3e-6
//   launch 3e-6                       seconds that one operation costs beside its work
//   achievable flops 0.7              of the above, in practice; also memory, links
//
// Links are listed from the innermost outwards. `size` is how many consecutive ranks one of them
// joins, or `any`; `axes` how many a rank has, for a mesh axis each; `bandwidth` is of one rank and
// axis, as a collective uses it, in bytes a second.
#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/plan/types.h"
#include "compiler/simulate/collectives.h"

namespace pprun {

struct MachineLink {
  std::string name;  // "nvlink"
  enum class Kind : uint8_t { kSwitch, kRing, kTorus } kind = Kind::kSwitch;
  int64_t size = 0;  // ranks; 0: any number
  int32_t axes = 1;
  double bandwidth = 0;  // bytes a second, of one rank and axis
  double latency = 0;    // seconds a message
};

struct Machine {
  std::string name;
  std::array<double, kDTypeCount> flops{};  // FLOP/s by type; 0: not said
  double memory_bytes = 0;
  double memory_bandwidth = 0;
  std::vector<MachineLink> links;
  double launch = 0;  // seconds
  double achievable_flops = 1;
  double achievable_memory = 1;
  double achievable_links = 1;
};

// "h100.machine: line 3: a number expected, found `fast`".
struct MachineError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What holds of the result: memory, its bandwidth, the type f32 or bf16 and one link at least are
// there, every number is finite and positive (latency and launch may be zero), fractions at most 1,
// and only the last link joins any number. Throws MachineError.
Machine ParseMachine(std::string_view text, const std::string& path);
std::string ToText(const Machine& machine);

// Name and text of each, by name.
struct MachineFile {
  std::string_view name;
  std::string_view text;
};
const std::vector<MachineFile>& BuiltInMachines();

// A built-in machine, or the file of that path if the name contains `/` or `.`. Throws
// MachineError, with the machines that there are; std::runtime_error if the file cannot be read.
Machine MachineNamed(const std::string& name_or_path);

// FLOP/s of products of a type as they are achieved; of f32 where the type is not said, and of bf16
// where that is not either.
double AchievedFlops(const Machine& machine, DType type);

// The innermost link that joins all these ranks; the outermost if none does.
const MachineLink& LinkJoining(const Machine& machine, const std::vector<int64_t>& ranks);

// What a collective gets of a link, and what one message does: of a ring or a torus, a collective
// uses both directions, a message one.
LinkSpeed CollectiveSpeed(const Machine& machine, const MachineLink& link);
LinkSpeed MessageSpeed(const Machine& machine, const MachineLink& link);

}  // namespace pprun
