// A file that is whole or absent: bytes go to a temporary name beside the final one, which Commit
// syncs and renames. Until then, and whatever fails, the final name keeps what it had. Tests:
// output_file_test.cc.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace pprun {

// All throw std::runtime_error: "cannot write `path`: no space left on device".
class OutputFile {
 public:
  explicit OutputFile(std::string path);
  // Without a Commit removes the temporary file.
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void Write(std::span<const std::byte> bytes);
  void Write(std::string_view text) { Write(std::as_bytes(std::span(text))); }
  // Synced to the disk, then renamed. Nothing may follow.
  void Commit();

 private:
  void Flush();
  void WriteThrough(std::span<const std::byte> bytes);

  std::string path_;
  std::string temporary_;
  std::string pending_;
  int descriptor_ = -1;
};

// Throws unless an OutputFile of that name can be made: asked before a long run, not after it.
void CheckWritable(const std::string& path);

}  // namespace pprun
