#include "compiler/plan/file.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "compiler/plan/base/check.h"
#include "compiler/plan/base/hash.h"
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
    throw PlanFileError("written in the unknown format " + std::to_string(version));
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

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using FileHandle = std::unique_ptr<std::FILE, FileCloser>;

[[noreturn]] void Fail(const std::string& what, const std::string& path) {
  throw std::runtime_error("cannot " + what + " `" + path + "`: " + std::strerror(errno));
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
  const std::vector<std::byte> bytes = Serialise(plan);
  const std::string temporary = path + ".partial";
  file_detail::FileHandle file(std::fopen(temporary.c_str(), "wb"));
  if (!file) file_detail::Fail("create", temporary);
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size() &&
                       std::fflush(file.get()) == 0 && fsync(fileno(file.get())) == 0;
  const int write_error = errno;
  const bool closed = std::fclose(file.release()) == 0;
  if (!written || !closed || std::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = written ? errno : write_error;
    std::remove(temporary.c_str());
    errno = error;
    file_detail::Fail("write", path);
  }
}

Plan ReadPlanFile(const std::string& path) {
  const file_detail::FileHandle file(std::fopen(path.c_str(), "rb"));
  if (!file) file_detail::Fail("open", path);
  std::vector<std::byte> bytes;
  std::array<std::byte, 65536> block;
  while (const size_t got = std::fread(block.data(), 1, block.size(), file.get())) {
    bytes.insert(bytes.end(), block.begin(), block.begin() + static_cast<ptrdiff_t>(got));
  }
  if (std::ferror(file.get()) != 0) file_detail::Fail("read", path);
  try {
    return Deserialise(bytes);
  } catch (const PlanFileError& error) {
    throw PlanFileError("`" + path + "`: " + error.what());
  }
}

uint64_t Digest(const Plan& plan) { return HashBytes(Serialise(plan)); }

}  // namespace pprun
