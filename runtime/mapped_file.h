// A file mapped into memory, read only. It must not be shortened while it is mapped.
// Tests: safetensors_test.cc, weights_test.cc.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace pprun {

class MappedFile {
 public:
  // Throws "cannot open `path`: no such file or directory".
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace pprun
