// The plan that the compiler's cost is measured on: a GPT of 24 layers, as text and compiled.
#pragma once

#include <cstdint>
#include <string>

#include "compiler/compile.h"

namespace pprun {

struct GptSize {
  int64_t depth = 24;
  int64_t width = 1024;
  int64_t heads = 16;
  int64_t vocabulary = 50304;
  int64_t sequence = 1024;
  int64_t pp = 8;
  int64_t dp = 64;
  int64_t microbatches = 64;  // of one sample a replica each
};

std::string GptText(const GptSize& size);

// A file of this text, removed with the value. Throws std::runtime_error if it cannot be written.
class TextFile {
 public:
  explicit TextFile(const std::string& text);
  ~TextFile();
  TextFile(const TextFile&) = delete;
  TextFile& operator=(const TextFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Compiles; throws std::runtime_error with the messages if there is no proven plan.
Compilation CompileFile(const TextFile& file, const CompileOptions& options = {});
Plan CompileGpt(const GptSize& size);

// Of all positions and programs.
int64_t InstructionCount(const Plan& plan);

}  // namespace pprun
