#include "compiler/plan/file.h"

#include <cstring>
#include <span>

#include "compiler/plan/base/check.h"
#include "compiler/plan/base/hash.h"
#include "compiler/plan/base/input_file.h"
#include "compiler/plan/base/output_file.h"
#include "compiler/plan/file_reader.h"
#include "compiler/plan/file_sections.h"
#include "compiler/plan/file_writer.h"

namespace pprun {
namespace file_detail {
namespace {

uint64_t ContentHash(std::span<const std::byte> file) { return HashBytes(file.subspan(kSizeAt)); }

void CheckHeader(std::span<const std::byte> file) {
  if (file.size() < kHeaderBytes + kTableBytes ||
      std::memcmp(file.data(), kMagic.data(), kMagic.size()) != 0) {
    throw PlanFileError("not a plan file");
  }
  const uint32_t version = LoadNumber<uint32_t>(file, kVersionAt);
  if (version > kVersion) {
    throw PlanFileError("written by a newer pprun (format " + std::to_string(version) +
                        "; this one reads " + std::to_string(kVersion) + ")");
  }
  if (version != kVersion) {
    throw PlanFileError("written by an older pprun (format " + std::to_string(version) +
                        "; this one reads " + std::to_string(kVersion) + "): compile it again");
  }
  if (LoadNumber<uint32_t>(file, kSectionsAt) != kSectionCount) {
    throw PlanFileError("damaged: number of sections");
  }
  if (LoadNumber<uint64_t>(file, kSizeAt) != file.size()) {
    throw PlanFileError("damaged: cut off, or longer than it says");
  }
  if (LoadNumber<uint64_t>(file, kHashAt) != ContentHash(file)) {
    throw PlanFileError("damaged: the content hash differs");
  }
}

}  // namespace
}  // namespace file_detail

void SealPlanFile(std::span<std::byte> file) {
  using namespace file_detail;
  CHECK(file.size() >= kHeaderBytes);
  StoreNumber(file, kHashAt, ContentHash(file));
}

std::vector<std::byte> Serialise(const Plan& plan) {
  file_detail::Writer writer;
  writer.WriteRecord(plan);
  std::vector<std::byte> file = writer.Assemble();
  SealPlanFile(file);
  return file;
}

Plan Deserialise(std::span<const std::byte> bytes) {
  file_detail::CheckHeader(bytes);
  return file_detail::Reader(bytes).ReadPlan();
}

void WritePlanFile(const std::string& path, const Plan& plan) {
  OutputFile file(path);
  file.Write(Serialise(plan));
  file.Commit();
}

Plan ReadPlanFile(const std::string& path) {
  const std::string bytes = ReadFile(path);
  try {
    return Deserialise(std::as_bytes(std::span(bytes)));
  } catch (const PlanFileError& error) {
    throw PlanFileError("`" + path + "`: " + error.what());
  }
}

bool IsPlanFile(std::string_view bytes) {
  return bytes.size() >= file_detail::kMagic.size() &&
         std::memcmp(bytes.data(), file_detail::kMagic.data(), file_detail::kMagic.size()) == 0;
}

uint64_t Digest(const Plan& plan) { return HashBytes(Serialise(plan)); }

}  // namespace pprun
