// A file of data, read in pieces while others may change it: a file that has become shorter is an
// error that names it. Tests: data_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace pprun {

class DataFile {
 public:
  // Throws std::runtime_error "cannot open `path`: no such file or directory".
  explicit DataFile(const std::string& path);
  ~DataFile();
  DataFile(DataFile&& other) noexcept;
  DataFile& operator=(DataFile&& other) noexcept;
  DataFile(const DataFile&) = delete;
  DataFile& operator=(const DataFile&) = delete;

  // When it was opened.
  int64_t size() const { return size_; }
  // Fills `bytes` from `begin` on, from any thread. Throws std::runtime_error.
  void Read(int64_t begin, std::span<std::byte> bytes) const;

 private:
  std::string path_;
  int64_t size_ = 0;
  int descriptor_ = -1;
};

}  // namespace pprun
