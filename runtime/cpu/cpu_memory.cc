#include "runtime/cpu/cpu_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "compiler/plan/base/check.h"
#include "compiler/plan/base/system_error.h"
#include "compiler/plan/text.h"

namespace pprun {
namespace {

#if !defined(NDEBUG) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kPoison = true;
#else
constexpr bool kPoison = false;
#endif

}  // namespace

CpuMemory::CpuMemory(int64_t bytes) : bytes_(bytes) {
  CHECK(bytes >= 0);
  if (bytes == 0) return;
  void* const mapped = mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) {
    const std::string why = ErrorText(errno);
    throw std::runtime_error("cannot allocate " + HumanBytes(bytes) + ": " + why);
  }
  data_ = static_cast<std::byte*>(mapped);
  if (kPoison) std::memset(data_, 0xff, static_cast<size_t>(bytes));
}

CpuMemory::~CpuMemory() {
  if (data_ != nullptr) munmap(data_, static_cast<size_t>(bytes_));
}

int64_t CpuMemory::TouchedBytes() const {
  if (data_ == nullptr) return 0;
  const int64_t page = sysconf(_SC_PAGESIZE);
  std::vector<unsigned char> resident(static_cast<size_t>((bytes_ + page - 1) / page));
  CHECK(mincore(data_, static_cast<size_t>(bytes_), resident.data()) == 0);
  const auto pages =
      std::ranges::count_if(resident, [](unsigned char flags) { return (flags & 1) != 0; });
  return std::min(bytes_, static_cast<int64_t>(pages) * page);
}

}  // namespace pprun
