// A plan in two lines, for both programs: what it trains on how many ranks, and what it costs.
// Tests: summary_test.cc.
#pragma once

#include <string>

#include "compiler/plan/plan.h"
#include "compiler/simulate/simulate.h"

namespace pprun {

// "gpt: 1,049,600 parameters, 2 stages x 2 data-parallel ranks, one_f_one_b with 8 microbatches of
// 4 x 256 tokens
// memory a rank: at most 16.6 MiB (parameters 2.0 MiB, gradients ...); predicted bubble 12.5 %"
//
// Parameters are counted once, wherever they are held; the memory is that of the position that
// needs most. Each line ends with a newline.
std::string Summary(const Plan& plan, const Figures& predicted);

}  // namespace pprun
