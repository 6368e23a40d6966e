// Instructions of a step as pictures and tables name them. Tests: compare_traces_test.cc.
#pragma once

#include <cstdint>
#include <string>

#include "compiler/plan/plan.h"

namespace pprun {

const Instruction& StepInstruction(const Plan& plan, int64_t rank, int32_t instruction);

// The instruction on one line, without the blanks that align it elsewhere.
std::string InstructionText(const Plan& plan, const Position& position,
                            const Instruction& instruction);
std::string InstructionText(const Plan& plan, int64_t rank, int32_t instruction);  // of the step

// What it has in common with its like: "block.forward", "send", "wait".
std::string KindText(const Plan& plan, const Instruction& instruction);

// "tiny.sched:3 order"; empty where it comes from nowhere.
std::string SourceText(const Plan& plan, const Instruction& instruction);

// The line of the source that it comes from, without the blanks around; empty if there is none.
std::string SourceLine(const Plan& plan, const Instruction& instruction);

}  // namespace pprun
