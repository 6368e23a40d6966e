// Which value each byte of an arena holds, as intervals. Tests: value_map_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "compiler/verify/values.h"

namespace pprun {

// Bytes [begin, end) hold `value` from its byte `offset` on; kNoValue where nothing was written.
struct Piece {
  int64_t begin = 0;
  int64_t end = 0;
  ValueIndex value = kNoValue;
  int64_t offset = 0;
};

class ValueMap {
 public:
  void Write(int64_t begin, int64_t end, ValueIndex value, int64_t offset = 0);
  // Pieces that cover [begin, end), in order, neighbours that continue each other joined.
  std::vector<Piece> Read(int64_t begin, int64_t end) const;
  // Pieces whose bounds are relative to the range read, written relative to `begin`.
  void WriteAll(int64_t begin, const std::vector<Piece>& relative);

 private:
  struct Held {
    int64_t end = 0;
    ValueIndex value = kNoValue;
    int64_t offset = 0;
  };
  // Makes an interval begin at `at`, if one spans it.
  void Split(int64_t at);

  std::map<int64_t, Held> held_;  // by begin
};

// Moves bounds so that `base` becomes 0.
std::vector<Piece> RelativeTo(int64_t base, std::vector<Piece> pieces);

}  // namespace pprun
