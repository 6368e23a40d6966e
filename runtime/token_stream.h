// Tokens as they lie in a file: bytes, or ids of 16 or 32 bits. Files of ids are raw, as nanoGPT
// writes them, or begin with llm.c's header of 256 int32: magic 20240520, version 1 and the count
// for 16 bits; magic 20240801, version 7 and the count for 32. After Open every id is below the
// vocabulary. Tests: data_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "compiler/plan/plan.h"
#include "runtime/data_file.h"

namespace pprun {

class TokenStream {
 public:
  // Throws std::runtime_error, one line that names the file. Reads the file through once unless
  // every id of its width is in the vocabulary.
  static TokenStream Open(const DataSpec& spec, int64_t vocabulary);

  int64_t count() const { return count_; }
  // Tokens from `begin` on; all of them must exist.
  void Read(int64_t begin, std::span<int32_t> tokens) const;

 private:
  TokenStream(DataFile file, int64_t width, int64_t header, int64_t count)
      : file_(std::move(file)), width_(width), header_(header), count_(count) {}

  int64_t At(int64_t token) const { return header_ + token * width_; }
  template <typename Word>
  void CheckIds(const std::string& path, int64_t vocabulary) const;

  DataFile file_;
  int64_t width_ = 1;   // bytes of a token
  int64_t header_ = 0;  // bytes before the first
  int64_t count_ = 0;
};

}  // namespace pprun
