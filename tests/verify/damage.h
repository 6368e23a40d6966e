// Damages a plan at random, in ways that leave its references in range: what a wrong pass would do.
#pragma once

#include <random>
#include <string>

#include "compiler/plan/plan.h"

namespace pprun {

using Random = std::mt19937_64;

// Says what it did.
std::string DamageAtRandom(Plan& plan, Random& random);

}  // namespace pprun
