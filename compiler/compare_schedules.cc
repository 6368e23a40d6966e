#include "compiler/compare_schedules.h"

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include "compiler/plan/text.h"
#include "compiler/report/numbers.h"

namespace pprun {
namespace {

struct Row {
  std::string schedule;
  double makespan = 0;
  double bubble = 0;
  int64_t memory = 0;  // bytes of the position that needs most
  int64_t messages = 0;
};

// At top-level commas: those in brackets separate a schedule's arguments.
std::vector<std::string> SplitNames(const std::string& text) {
  std::vector<std::string> names(1);
  int depth = 0;
  for (char letter : text) {
    if (letter == '(') ++depth;
    if (letter == ')') --depth;
    if (letter == ',' && depth == 0) {
      names.emplace_back();
    } else {
      names.back() += letter;
    }
  }
  return names;
}

std::vector<std::string> Candidates(const CompareOptions& options) {
  if (options.schedules && *options.schedules != "all") return SplitNames(*options.schedules);
  std::vector<std::string> names;
  for (const auto& [name, text] : BuiltInSchedules()) names.push_back(name);
  return names;
}

// Constants are those of a rank's whole share of the model, whatever the number of chunks it is cut
// into.
CostModel ForChunks(CostModel model, double share) {
  if (CostTable* table = std::get_if<CostTable>(&model)) {
    for (std::vector<double>* list :
         {&table->forward, &table->input_grad, &table->weight_grad, &table->pair}) {
      for (double& cost : *list) cost *= share;
    }
  }
  return model;
}

Row RowOf(const std::string& schedule, const Plan& plan, const PredictOptions& predict) {
  const double share = static_cast<double>(plan.positions.size()) / plan.stages;
  const Trace trace =
      Simulate(plan, ProgramKind::kStep, ForChunks(ModelOf(predict), std::min(share, 1.0)));
  const Figures figures = Summarise(plan, trace);
  Row row{.schedule = schedule, .makespan = figures.makespan, .bubble = figures.bubble_of_makespan};
  for (const Position& position : plan.positions) {
    int64_t bytes = 0;
    for (int64_t arena : position.arena_bytes) bytes += arena;
    row.memory = std::max(row.memory, bytes);
    for (const Instruction& instruction :
         position.programs[static_cast<size_t>(ProgramKind::kStep)].instructions) {
      row.messages += std::holds_alternative<Send>(instruction.operands) ? 1 : 0;
    }
  }
  return row;
}

// The first message, without its place.
std::string Reason(const Compilation& result) {
  for (const Diagnostic& diagnostic : result.diagnostics.all()) {
    if (diagnostic.severity == Diagnostic::Severity::kError) return diagnostic.message;
  }
  return result.findings.empty() ? "it has no backward" : result.findings.front().message;
}

std::string Padded(std::string text, size_t width, bool right) {
  const std::string space(width > text.size() ? width - text.size() : 0, ' ');
  return right ? space + text : text + space;
}

std::string Table(const std::vector<Row>& rows) {
  size_t width = 10;
  for (const Row& row : rows) width = std::max(width, row.schedule.size() + 2);
  std::string text =
      Padded("schedule", width, false) + "  makespan    bubble      memory  messages\n";
  for (const Row& row : rows) {
    text += Padded(row.schedule, width, false) + Padded(Compact(row.makespan), 10, true) +
            Padded(Percent(row.bubble), 10, true) + Padded(HumanBytes(row.memory), 12, true) +
            Padded(WithThousands(row.messages), 10, true) + "\n";
  }
  return text;
}

}  // namespace

std::string CompareSchedules(const std::string& path, const CompareOptions& options) {
  const double limit = options.memory_gib * 1024 * 1024 * 1024;
  std::vector<Row> rows;
  std::string refused;
  for (const std::string& schedule : Candidates(options)) {
    CompileOptions compile = options.compile;
    compile.schedule = schedule;
    const Compilation result = Compile(path, compile);
    if (!result.Ok() || !result.plan) {
      refused += "  " + schedule + ": " + Reason(result) + "\n";
      continue;
    }
    Row row = RowOf(schedule, *result.plan, options.predict);
    if (limit > 0 && static_cast<double>(row.memory) > limit) {
      refused += "  " + schedule + ": it needs " + HumanBytes(row.memory) + " a rank\n";
      continue;
    }
    rows.push_back(std::move(row));
  }
  if (rows.empty()) throw std::runtime_error("no schedule fits:\n" + refused);
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return std::pair(a.makespan, a.memory) < std::pair(b.makespan, b.memory);
  });
  std::string text = Table(rows) + "\nbest: " + rows.front().schedule;
  text += rows.size() > 1 && rows[1].makespan == rows.front().makespan
              ? ", the least memory of those as fast\n"
              : ", the shortest predicted step\n";
  if (!refused.empty()) text += "\nnot possible here:\n" + refused;
  return text;
}

}  // namespace pprun
