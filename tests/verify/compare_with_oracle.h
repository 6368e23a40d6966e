// Damages a plan again and again, and compares the verifier's verdict with the oracle's.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>

#include "compiler/plan/plan.h"

namespace pprun {

struct Comparison {
  int sound = 0;    // both accept
  int unsound = 0;  // both reject
  int types = 0;    // rejected for its types, which the oracle does not look at
};

// `damages` damaged plans from the seed; every difference fails the test, with the seed of the one
// damage that reproduces it.
Comparison CompareWithOracle(const Plan& plan, uint64_t seed, int damages);

}  // namespace pprun
