// Names of the saved tensors: pprun's own, or those of Hugging Face's GPT-2 and Llama, with GPT-2's
// transposed matrices and Llama's separate query, key and value projections.
//
// A layer is recognised by its structure, not by its labels:
//
//   GPT-2   embedding positions | norm attention, norm linear activation linear | norm linear loss
//   Llama   embedding           | norm attention, norm swiglu linear            | norm linear loss
//
// with layer_norm and rms_norm for norm, dropout anywhere. Blocks are numbered in model order. What
// is not recognised keeps pprun's name. Sources: transformers' modeling_gpt2.py (its Conv1D weights
// are [in, out]) and modeling_llama.py. Tests: hf_names_test.cc.
#pragma once

#include "compiler/model/model.h"
#include "dsl/checked.h"

namespace pprun {

// Sets Parameter::exports of every parameter, as `names` of the train record says.
void NameExports(const CheckedProgram& program, CompiledModel& model);

}  // namespace pprun
