// The files that a command line names, and what for: nothing that is written is also something
// else, so that no output destroys another one, or what was read. Tests: file_uses_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pprun {

struct FileUse {
  enum class Kind : uint8_t { kRead, kWritten } kind = Kind::kRead;
  std::string name;  // as messages have it: "`--metrics`", "the plan"
  std::string path;
};

// Throws std::invalid_argument: "`--metrics` and `--trace` are the same file, `run.json`". Two
// names of one file (`./a`, `a`, links) are the same file.
void CheckFileUses(const std::vector<FileUse>& uses);

}  // namespace pprun
