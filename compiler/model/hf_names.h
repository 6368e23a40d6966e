// Names of the saved tensors: pprun's own, or those of Hugging Face's GPT-2 and Llama, with GPT-2's
// transposed matrices and Llama's separate query, key and value projections.
//
// A layer is recognised by its structure, not by its labels:
//
//   GPT-2   embedding positions | norm attention, norm linear activation linear | norm linear loss
//   Llama   embedding           | norm attention, norm swiglu linear            | norm linear loss
//
// with layer_norm and rms_norm for norm, dropout anywhere. Blocks are numbered in model order. A
// model with a parameter that the family has no name for is not of the family: an error. Sources:
// transformers' modeling_gpt2.py (its Conv1D weights are [in, out]) and modeling_llama.py. Tests:
// hf_names_test.cc.
#pragma once

#include <optional>
#include <string>

#include "compiler/model/model.h"
#include "dsl/checked.h"
#include "dsl/diagnostics.h"

namespace pprun {

// Sets Parameter::exports of every parameter, as `names` of the train record says.
void NameExports(const CheckedProgram& program, CompiledModel& model);

// The first parameter that has no name in the family that `names` asks for; empty if all have one,
// or weights are saved under pprun's own names.
std::optional<std::string> FindUnnamed(const CheckedProgram& program, const CompiledModel& model);

// Reports FindUnnamed at `names`.
void CheckNames(const CheckedProgram& program, const CompiledModel& model,
                Diagnostics& diagnostics);

}  // namespace pprun
