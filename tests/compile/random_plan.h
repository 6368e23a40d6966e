// Random plan files that are right: whatever the language allows, small.
#pragma once

#include <random>
#include <string>

namespace pprun {

// pp 1..5, dp 1..3, 1..9 microbatches, models of GPT, Llama and odd layers, every schedule, policy
// and optimizer.
std::string RandomPlanText(std::mt19937_64& random);

// A small GPT with the schedule of `schedule` (its definition and its choice).
std::string PlanTextWith(const std::string& schedule, int pp, int dp, int microbatches);

}  // namespace pprun
