#include "compiler/simulate/machine.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "compiler/plan/base/check.h"
#include "compiler/plan/base/input_file.h"

namespace pprun {
namespace {

// "2.0e12 B/s" is read by nobody: numbers as short as they read back.
std::string Number(double value) {
  std::ostringstream text;
  text.precision(12);
  text << value;
  return text.str();
}

std::string_view KindName(MachineLink::Kind kind) {
  switch (kind) {
    case MachineLink::Kind::kSwitch:
      return "switch";
    case MachineLink::Kind::kRing:
      return "ring";
    case MachineLink::Kind::kTorus:
      return "torus";
  }
  CHECK(false);
}

}  // namespace

double AchievedFlops(const Machine& machine, DType type) {
  for (const DType candidate : {type, DType::kF32, DType::kBF16}) {
    const double flops = machine.flops[static_cast<size_t>(candidate)];
    if (flops > 0) return flops * machine.achievable_flops;
  }
  CHECK(false);
}

const MachineLink& LinkJoining(const Machine& machine, const std::vector<int64_t>& ranks) {
  for (const MachineLink& link : machine.links) {
    if (link.size == 0) return link;
    const auto block = [&link](int64_t rank) { return rank / link.size; };
    if (std::ranges::all_of(ranks, [&](int64_t r) { return block(r) == block(ranks.front()); })) {
      return link;
    }
  }
  return machine.links.back();
}

LinkSpeed CollectiveSpeed(const Machine& machine, const MachineLink& link) {
  return {.latency = link.latency, .bandwidth = link.bandwidth * machine.achievable_links};
}

LinkSpeed MessageSpeed(const Machine& machine, const MachineLink& link) {
  LinkSpeed speed = CollectiveSpeed(machine, link);
  if (link.kind != MachineLink::Kind::kSwitch) speed.bandwidth /= 2;
  return speed;
}

std::string ToText(const Machine& machine) {
  std::string text = "name " + machine.name + "\n";
  for (int i = 0; i < kDTypeCount; ++i) {
    const double flops = machine.flops[static_cast<size_t>(i)];
    if (flops <= 0) continue;
    text += "flops " + std::string(Name(static_cast<DType>(i))) + " " + Number(flops) + "\n";
  }
  text += "memory bytes " + Number(machine.memory_bytes) + "\n";
  text += "memory bandwidth " + Number(machine.memory_bandwidth) + "\n";
  for (const MachineLink& link : machine.links) {
    text += "link " + link.name + " " + std::string(KindName(link.kind)) + " size " +
            (link.size == 0 ? "any" : std::to_string(link.size)) + " axes " +
            std::to_string(link.axes) + " bandwidth " + Number(link.bandwidth) + " latency " +
            Number(link.latency) + "\n";
  }
  text += "launch " + Number(machine.launch) + "\n";
  text += "achievable flops " + Number(machine.achievable_flops) + "\n";
  text += "achievable memory " + Number(machine.achievable_memory) + "\n";
  text += "achievable links " + Number(machine.achievable_links) + "\n";
  return text;
}

Machine MachineNamed(const std::string& name_or_path) {
  if (name_or_path.find_first_of("/.") == std::string::npos) {
    std::string known;
    for (const MachineFile& file : BuiltInMachines()) {
      if (file.name == name_or_path) return ParseMachine(file.text, name_or_path + ".machine");
      known += (known.empty() ? "" : ", ") + std::string(file.name);
    }
    throw MachineError("there is no machine `" + name_or_path + "`; there are " + known +
                       ", or give the path of a `.machine` file");
  }
  return ParseMachine(ReadFile(name_or_path), name_or_path);
}

}  // namespace pprun
