// The learning rate of each step: linear warm-up, then constant or a half cosine.
//
// Of `steps` steps, counted from 0, with a peak p, a final rate f and w steps of warm-up:
//
//   step <  w   p * (step + 1) / w
//   step >= w   constant: p
//               cosine:   f + (p - f) / 2 * (1 + cos(pi * (step - w) / (steps - 1 - w)))
//
// so the cosine begins at p and ends at f in the last step (Loshchilov and Hutter 2017, "SGDR", one
// period). Where warm-up leaves one step or none for the cosine, that step has p. Tests:
// learning_rate_test.cc.
#pragma once

#include <cstdint>

#include "compiler/plan/plan.h"

namespace pprun {

double LearningRate(const OptimizerSpec& optimizer, int64_t step, int64_t steps);

}  // namespace pprun
