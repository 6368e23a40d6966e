#include "compiler/passes/splice.h"

#include <algorithm>

namespace pprun {

void Insertions::ApplyTo(std::vector<Instruction>& instructions) {
  std::stable_sort(added_.begin(), added_.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Instruction> merged;
  merged.reserve(instructions.size() + added_.size());
  size_t next = 0;
  for (size_t i = 0; i <= instructions.size(); ++i) {
    for (; next < added_.size() && added_[next].first == i; ++next)
      merged.push_back(std::move(added_[next].second));
    if (i < instructions.size()) merged.push_back(std::move(instructions[i]));
  }
  instructions = std::move(merged);
  added_.clear();
}

}  // namespace pprun
