// Inserts instructions between others without moving anything twice: what the passes that add
// instructions share.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "compiler/plan/instruction.h"

namespace pprun {

// Instructions to go in front of the one with this index (the number of instructions: at the end).
// Those with one index keep the order in which they were added.
class Insertions {
 public:
  void Before(size_t index, Instruction instruction) {
    added_.emplace_back(index, std::move(instruction));
  }
  void After(size_t index, Instruction instruction) { Before(index + 1, std::move(instruction)); }
  void ApplyTo(std::vector<Instruction>& instructions);

 private:
  std::vector<std::pair<size_t, Instruction>> added_;
};

}  // namespace pprun
