// Small plans for the tests of passes: a text compiled, and what each pass left of it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/compile.h"

namespace pprun {

struct CompiledText {
  Compilation result;
  std::map<std::string, std::string> after;  // pass -> ToText(draft)
};

struct PlanText {
  int pp = 2;
  int dp = 1;
  int microbatches = 4;
  int depth = 4;
  std::string schedule = "schedule one_f_one_b;";
  std::string gradients = "gradients flat;";
  std::string optimizer = "adamw(lr = 1e-3)";
  std::string head = "layer_norm; linear(vocab, bias = false); cross_entropy;";
  std::string extra_train;  // "validation = ...;"
};

// A GPT with blocks of width 32.
std::string ToSource(const PlanText& plan);

// Compiles; messages fail the test.
CompiledText CompileText(const std::string& text);
Plan CompilePlan(const PlanText& plan);

// The instructions of one kind in a program, in issue order.
template <typename Kind>
std::vector<Kind> Select(const Program& program) {
  std::vector<Kind> found;
  for (const Instruction& instruction : program.instructions) {
    if (const Kind* kind = std::get_if<Kind>(&instruction.operands)) found.push_back(*kind);
  }
  return found;
}

inline const Program& Step(const Plan& plan, size_t position) {
  return plan.positions[position].programs[static_cast<size_t>(ProgramKind::kStep)];
}

}  // namespace pprun
