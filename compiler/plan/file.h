// The plan file: magic and version, a content hash, a section table, arrays of fixed-size
// little-endian records and one string table. No dependency, no generated code. The reader checks
// every bound before it reads: any bytes give a plan or a PlanFileError, and a plan read is still
// untrusted until verified. Tests: file_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/plan/plan.h"

namespace pprun {

// "not a plan file", "written by a newer pprun (format 3)", "damaged: the content hash differs",
// ...
struct PlanFileError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::vector<std::byte> Serialise(const Plan& plan);
Plan Deserialise(std::span<const std::byte> bytes);

// Computes the content hash of a file's bytes anew, so that tests can damage what it protects. At
// least a header long.
void SealPlanFile(std::span<std::byte> file);

// Written under a temporary name and renamed when complete. Throw std::runtime_error naming the
// path.
void WritePlanFile(const std::string& path, const Plan& plan);
Plan ReadPlanFile(const std::string& path);

// Whether these are the first bytes of a plan file, damaged or not.
bool IsPlanFile(std::string_view bytes);

// Identifies a plan: equal on all ranks that run it.
uint64_t Digest(const Plan& plan);

}  // namespace pprun
