// The texts a program is made of, and how a place in them is shown.
//
// LLVM's source manager holds the buffers and finds lines; it stays behind this header. A
// diagnostic prints as
//   plan.sched:4:23: error: `heads` is 7, which does not divide `width` = 512
//       4 |     residual { layer_norm; attention(heads); }
//         |                            ^~~~~~~~~~~~~~~~
// with line and column from 1, columns counted in bytes. Tests: source_files_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "dsl/ast.h"
#include "dsl/diagnostics.h"

namespace pprun {

struct LineColumn {
  uint32_t line = 0;
  uint32_t column = 0;
};

class SourceFiles {
 public:
  SourceFiles();
  ~SourceFiles();
  SourceFiles(SourceFiles&&) noexcept;
  SourceFiles& operator=(SourceFiles&&) noexcept;

  // Returns the file's index. `path` is what messages print.
  uint32_t Add(std::string path, std::string text);

  uint32_t Count() const;
  const std::string& Path(uint32_t file) const;
  std::string_view Text(uint32_t file) const;
  LineColumn Position(ast::Location location) const;

  // All diagnostics, in the order of their places; ends with a newline if not empty.
  std::string Render(const Diagnostics& diagnostics) const;

 private:
  struct Manager;
  std::unique_ptr<Manager> manager_;
};

}  // namespace pprun
