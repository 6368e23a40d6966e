// A run of the step, as bad luck with threads would have it: what no event orders is in any order.
#pragma once

#include <random>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"

namespace pprun {

// At each position, of one replica, the order on streams and that of records and waits is kept, and
// nothing else: what instructions take, and how late they start, is drawn. Transfers meet nobody.
Trace ShakenRun(const Plan& plan, std::mt19937_64& random);

}  // namespace pprun
