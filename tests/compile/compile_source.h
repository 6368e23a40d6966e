// Compiles texts for the tests of the whole compiler.
#pragma once

#include <string>
#include <vector>

#include "compiler/compile.h"

namespace pprun {

// Through a file of a fixed name, removed again: messages begin with `plan.sched:`.
Compilation CompileSource(const std::string& text, const std::vector<Override>& overrides = {},
                          const TaskCosts& costs = {});

// A GPT of width 16 with `depth` blocks, on pp x dp ranks, one sample a microbatch and replica.
struct SmallGpt {
  int pp = 2;
  int dp = 1;
  int microbatches = 4;
  int depth = 3;
  std::string head = "layer_norm; linear(vocab, bias = false); cross_entropy;";
  std::string rest = "schedule one_f_one_b;\n";
};
std::string ToSource(const SmallGpt& gpt);

}  // namespace pprun
