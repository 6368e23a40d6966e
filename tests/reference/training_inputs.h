// All that a training run starts from, in forms that another program reads: initial weights, tokens
// of each step, and the numbers of model and optimizer. pprun makes these; what follows from them
// is for the reference to say.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/plan/plan.h"
#include "dsl/checked.h"

namespace pprun {

// i32[steps, batch, sequence + 1]: the inputs of a sample are all but its last token, the targets
// all but its first.
std::vector<int32_t> TokensOf(const Plan& plan);

// Names that tell the tokens of one plan from another's.
std::string HashOf(const std::vector<int32_t>& tokens);

// The parameters as `initialise` leaves them, saved as --save saves them.
void SaveInitialWeights(const std::string& path, const Plan& plan);

// JSON: "family", "heads", "kv_heads", "rope", "epsilon", "sequence", "batch", "steps",
// "vocabulary", "tokens" (their hash) and "optimizer".
std::string Description(const Plan& plan, const CheckedProgram& program);

}  // namespace pprun
