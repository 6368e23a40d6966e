#include "compiler/verify/findings.h"

#include "compiler/plan/text.h"

namespace pprun {

std::string Squeezed(const Plan& plan, PositionId position, const Instruction& instruction) {
  std::string text;
  for (const char c : ToText(plan, plan.positions[position.index()], instruction)) {
    if (c != ' ' || text.empty() || text.back() != ' ') text += c;
  }
  return text;
}

std::string NameOf(const Plan& plan, ProgramKind program, const Site& site) {
  return "position " + std::to_string(site.position.value) + ", " + std::string(Name(program)) +
         ": `" + Squeezed(plan, site.position, InstructionAt(plan, program, site)) + "`";
}

}  // namespace pprun
