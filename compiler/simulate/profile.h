// What instructions of each kind took in a real run: a cost model for plans of the same functions.
// Tests: profile_test.cc.
//
// The file is JSON:
//   {"format": "pprun profile", "version": 2, "entries": [
//     {"kind": "run", "name": "block.forward", "bytes": 81788928, "seconds": 0.00012, "count":
//     640},
//     ...]}
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"

namespace pprun {

// What instructions have in common that take equally long.
struct ProfileKey {
  std::string kind;  // "run", "overlapped_run", "transfer", "all_reduce", "update", ...
  std::string name;  // of a run's function; "4 ranks" of a collective
  // Of a message, or touched. Of a run what its function moves, by which functions of one name but
  // other sizes or another precision are told apart.
  int64_t bytes = 0;

  auto operator<=>(const ProfileKey&) const = default;
};

struct ProfileEntry {
  double seconds = 0;  // median
  int64_t count = 0;   // how many were measured
};

struct Profile {
  std::map<ProfileKey, ProfileEntry> entries;
};

// The key of an instruction; a run's is not told apart by being in an overlapped pair. An empty
// kind: record and wait, which take nothing.
ProfileKey ProfileKeyOf(const Plan& plan, const Position& position, const Instruction& instruction);
inline constexpr std::string_view kRun = "run";
inline constexpr std::string_view kOverlappedRun = "overlapped_run";
// What was measured of a function, in or out of overlapped pairs; null: nothing.
const ProfileEntry* EntryOf(const Profile& profile, std::string_view kind,
                            const Function& function);

// Medians over all ranks and steps of a measured trace; the first step, which warms up, is left out
// if there are others. A rendezvous counts from when its last member was there. Linear in events.
Profile ProfileOf(const Plan& plan, const Trace& trace);

std::string ToJson(const Profile& profile);
// Throws std::runtime_error that begins with `path`.
Profile ParseProfile(std::string_view json, const std::string& path);

// Throw std::runtime_error naming the path.
void WriteProfile(const std::string& path, const Profile& profile);
Profile ReadProfile(const std::string& path);

}  // namespace pprun
