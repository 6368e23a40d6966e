// The plan as text, for people and golden tests. Tests: text_test.cc and golden/plan/.
#pragma once

#include <string>

#include "compiler/plan/plan.h"

namespace pprun {

// Everything: tables, functions, positions with their programs.
std::string ToText(const Plan& plan);
std::string ToText(const Plan& plan, const Function& function);

// One instruction without its provenance: "send       frame[0].out to position 2, channel forward 1
// to 2".
std::string ToText(const Plan& plan, const Position& position, const Instruction& instruction);

// "1f1b.sched:4" or the reason alone.
std::string ToText(const Plan& plan, SourceId source);

// "12.6 MiB"; exact below 1 KiB.
std::string HumanBytes(int64_t bytes);

}  // namespace pprun
