// What must hold of every function that the model makes, checked without the code that made it.
#pragma once

#include <string>

#include "compiler/model/model.h"
#include "compiler/plan/function.h"

namespace pprun {

// Empty if the function is sound, else what is wrong: views outside their arguments or not aligned,
// accesses that the argument does not declare, arguments in the wrong order or not used, reads of
// what was not written, and live values of the workspace that overlap.
std::string WhatIsWrong(const Function& function);

// The function called "block.forward"; it must exist.
const Function& FunctionNamed(const CompiledModel& model, const std::string& name);

}  // namespace pprun
