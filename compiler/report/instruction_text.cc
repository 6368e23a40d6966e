#include "compiler/report/instruction_text.h"

#include <cstdint>
#include <string_view>
#include <variant>

#include "compiler/plan/text.h"

namespace pprun {
namespace {

const Position& PositionOf(const Plan& plan, int64_t rank) {
  return plan.positions[CoordinatesOf(plan, rank).position.index()];
}

// Our texts align their columns; a line of its own has nothing to align with.
std::string WithSingleSpaces(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c != ' ' || (!result.empty() && result.back() != ' ')) result += c;
  }
  return result;
}

}  // namespace

const Instruction& StepInstruction(const Plan& plan, int64_t rank, int32_t instruction) {
  const Program& step = PositionOf(plan, rank).programs[static_cast<size_t>(ProgramKind::kStep)];
  return step.instructions[static_cast<size_t>(instruction)];
}

std::string InstructionText(const Plan& plan, const Position& position,
                            const Instruction& instruction) {
  return WithSingleSpaces(ToText(plan, position, instruction));
}

std::string InstructionText(const Plan& plan, int64_t rank, int32_t instruction) {
  return InstructionText(plan, PositionOf(plan, rank), StepInstruction(plan, rank, instruction));
}

std::string KindText(const Plan& plan, const Instruction& instruction) {
  if (const Run* run = std::get_if<Run>(&instruction.operands)) {
    return plan.functions[run->function.index()].name;
  }
  static constexpr std::string_view kNames[] = {
      "run", "send",       "recv",        "collective", "load",    "initialise", "zero", "cast",
      "add", "square sum", "clip factor", "update",     "permute", "record",     "wait"};
  static_assert(std::size(kNames) == std::variant_size_v<Operands>);
  return std::string(kNames[instruction.operands.index()]);
}

std::string SourceText(const Plan& plan, const Instruction& instruction) {
  if (!instruction.source.valid()) return "";
  const Source& source = plan.sources[instruction.source.index()];
  std::string text;
  if (source.file >= 0) {
    text = plan.files[static_cast<size_t>(source.file)].path + ":" + std::to_string(source.line);
  }
  if (!text.empty() && !source.reason.empty()) text += " ";
  return text + source.reason;
}

std::string SourceLine(const Plan& plan, const Instruction& instruction) {
  if (!instruction.source.valid()) return "";
  const Source& source = plan.sources[instruction.source.index()];
  if (source.file < 0 || source.line == 0) return "";
  std::string_view text = plan.files[static_cast<size_t>(source.file)].text;
  for (uint32_t line = 1; line < source.line; ++line) {
    const size_t end = text.find('\n');
    if (end == text.npos) return "";
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  constexpr std::string_view kBlanks = " \t\r";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return "";
  constexpr size_t kMost = 200;
  return std::string(text.substr(first, text.find_last_not_of(kBlanks) + 1 - first))
      .substr(0, kMost);
}

}  // namespace pprun
