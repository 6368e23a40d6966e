// Reads back what WriteChromeTrace wrote. The slices of such a file are for viewers, which want
// them to nest; beside them it keeps every event as it was, so that a run's trace can be compared
// with the prediction later and elsewhere. Tests: read_trace_test.cc.
#pragma once

#include <string>
#include <string_view>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"

namespace pprun {

// Appends the member of the file's object that keeps the events: `"pprun":{...}`. Among its `runs`,
// each of a rank and a program, `"run"` counts those of the program from 1: of the step it is the
// step that the console and the metrics name.
void AppendTraceMember(std::string& out, const Plan& plan, const Trace& trace);

// The trace in a file, equal to the one written. Throws std::runtime_error where the text is no
// such file, or the trace is of another plan: what names no instruction of `plan` never comes out.
Trace ReadChromeTrace(std::string_view text, const Plan& plan);

}  // namespace pprun
