#include "compiler/plan/base/file_uses.h"

#include <filesystem>
#include <stdexcept>
#include <system_error>

namespace pprun {
namespace {

namespace fs = std::filesystem;

// Links followed as far as the path exists, the rest as it is written.
fs::path Resolved(const std::string& path) {
  std::error_code error;
  const fs::path resolved = fs::weakly_canonical(fs::absolute(path, error), error);
  return error ? fs::path(path).lexically_normal() : resolved;
}

bool SameFile(const FileUse& a, const FileUse& b) {
  if (Resolved(a.path) == Resolved(b.path)) return true;
  // Two hard links.
  std::error_code error;
  return fs::equivalent(a.path, b.path, error) && !error;
}

}  // namespace

void CheckFileUses(const std::vector<FileUse>& uses) {
  for (size_t i = 0; i < uses.size(); ++i) {
    for (size_t j = i + 1; j < uses.size(); ++j) {
      if (uses[i].kind == FileUse::Kind::kRead && uses[j].kind == FileUse::Kind::kRead) continue;
      if (!SameFile(uses[i], uses[j])) continue;
      throw std::invalid_argument(uses[i].name + " and " + uses[j].name + " are the same file, `" +
                                  uses[j].path + "`");
    }
  }
}

}  // namespace pprun
