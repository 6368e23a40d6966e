#include "runtime/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <utility>

#include "compiler/plan/base/system_error.h"

namespace pprun {
namespace {

// Closes the descriptor on every way out: a mapping does not need it.
struct Descriptor {
  int value = -1;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  // Of a pipe nobody writes to, an open that blocks would wait for ever.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.value < 0) throw std::runtime_error("cannot open `" + path + "`: " + ErrorText(errno));
  struct stat status {};
  if (::fstat(file.value, &status) != 0) {
    throw std::runtime_error("cannot read `" + path + "`: " + ErrorText(errno));
  }
  if (!S_ISREG(status.st_mode)) {
    throw std::runtime_error("cannot read `" + path + "`: it is not a regular file");
  }
  if (status.st_size == 0) return;
  const size_t size = static_cast<size_t>(status.st_size);
  void* const data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.value, 0);
  if (data == MAP_FAILED) {
    throw std::runtime_error("cannot read `" + path + "`: " + ErrorText(errno));
  }
  bytes_ = {static_cast<const std::byte*>(data), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

}  // namespace pprun
