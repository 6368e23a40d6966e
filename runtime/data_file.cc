#include "runtime/data_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <utility>

#include "compiler/plan/base/system_error.h"

namespace pprun {

DataFile::DataFile(const std::string& path)
    // Of a pipe nobody writes to, an open that blocks would wait for ever.
    : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  if (descriptor_ < 0) throw std::runtime_error("cannot open `" + path + "`: " + ErrorText(errno));
  struct stat status {};
  const int error = ::fstat(descriptor_, &status) != 0 ? errno : 0;
  if (error != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    throw std::runtime_error("cannot read `" + path +
                             "`: " + (error != 0 ? ErrorText(error) : "it is not a regular file"));
  }
  size_ = status.st_size;
}

DataFile::~DataFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

DataFile::DataFile(DataFile&& other) noexcept
    : path_(std::move(other.path_)),
      size_(other.size_),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

DataFile& DataFile::operator=(DataFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(size_, other.size_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

void DataFile::Read(int64_t begin, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t got = ::pread(descriptor_, bytes.data(), bytes.size(), begin);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw std::runtime_error("cannot read `" + path_ + "`: " + ErrorText(errno));
    if (got == 0) {
      throw std::runtime_error("cannot read `" + path_ + "`: it had " + std::to_string(size_) +
                               " bytes when it was opened, and has fewer now");
    }
    begin += got;
    bytes = bytes.subspan(static_cast<size_t>(got));
  }
}

}  // namespace pprun
