#include "compiler/plan/base/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "compiler/plan/base/check.h"
#include "compiler/plan/base/system_error.h"

namespace pprun {
namespace {

// Small writes are gathered up to this size.
constexpr size_t kPendingBytes = 1 << 16;
constexpr mode_t kPermissions = 0777;
// As many as Linux follows.
constexpr int kMostLinks = 40;

[[noreturn]] void Fail(const std::string& path, int error) {
  throw std::runtime_error("cannot write `" + path + "`: " + ErrorText(error));
}

std::string Directory(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Where a path leads: the file that is there, or would be if a link leads to none yet.
std::string BehindLinks(std::filesystem::path path) {
  std::error_code error;
  const std::filesystem::path file = std::filesystem::canonical(path, error);
  if (!error) return file.string();
  for (int links = 0; links < kMostLinks && std::filesystem::is_symlink(path, error); ++links) {
    path = path.parent_path() / std::filesystem::read_symlink(path, error);
    if (error) break;
  }
  return path.string();
}

// A rename is on the disk once its directory is. Some file systems cannot sync a directory; the
// file itself is whole either way.
void SyncDirectory(const std::string& path) {
  const int directory = ::open(Directory(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return;
  ::fsync(directory);
  ::close(directory);
}

}  // namespace

OutputFile::OutputFile(std::string path) : path_(std::move(path)) {
  // A rename would replace a link, a device, or fail late on a directory.
  path_ = BehindLinks(path_);
  struct stat status {};
  const bool exists = ::stat(path_.c_str(), &status) == 0;
  if (exists && !S_ISREG(status.st_mode)) {
    throw std::runtime_error("cannot write `" + path_ + "`: it is not a regular file");
  }
  temporary_ = path_ + ".partial." + std::to_string(::getpid());
  const mode_t mode = exists ? status.st_mode & kPermissions : 0666;
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (descriptor_ < 0) Fail(path_, errno);
  // A file that is replaced keeps its permissions, whatever the umask is now. Some file systems
  // have none.
  if (exists) static_cast<void>(!::fchmod(descriptor_, mode));
}

OutputFile::~OutputFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void OutputFile::Write(std::span<const std::byte> bytes) {
  CHECK(descriptor_ >= 0);
  if (pending_.size() + bytes.size() > kPendingBytes) Flush();
  if (bytes.size() > kPendingBytes) {
    WriteThrough(bytes);
  } else {
    pending_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
}

void OutputFile::Flush() {
  WriteThrough(std::as_bytes(std::span(pending_)));
  pending_.clear();
}

void OutputFile::WriteThrough(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      Fail(path_, errno);
    }
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

void OutputFile::Commit() {
  CHECK(descriptor_ >= 0);
  Flush();
  if (::fsync(descriptor_) != 0) Fail(path_, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) Fail(path_, errno);
  ::close(std::exchange(descriptor_, -1));
  SyncDirectory(path_);
}

void CheckWritable(const std::string& path) { const OutputFile probe(path); }

}  // namespace pprun
