#include "compiler/report/rows.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <variant>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

bool Continues(const Box& box, const Run& run) {
  return box.kind == run.kind && box.stage == run.stage && box.chunk == run.chunk &&
         box.microbatch == run.microbatch;
}

}  // namespace

std::vector<int64_t> RepeatsOf(const Trace& trace) {
  std::set<int64_t> repeats;
  for (const TraceEvent& event : trace.events) {
    if (event.program == ProgramKind::kStep) repeats.insert(event.repeat);
  }
  return {repeats.begin(), repeats.end()};
}

std::vector<Row> RowsOf(const Plan& plan, const Trace& trace, int64_t repeat) {
  std::map<std::pair<int64_t, StreamId>, Row> rows;
  int64_t rank = -1;
  const Program* step = nullptr;
  for (const TraceEvent& event : trace.events) {
    if (event.program != ProgramKind::kStep || event.repeat != repeat) continue;
    if (event.rank != rank) {
      rank = event.rank;
      const Position& position = plan.positions[CoordinatesOf(plan, rank).position.index()];
      step = &position.programs[static_cast<size_t>(ProgramKind::kStep)];
    }
    CHECK(static_cast<size_t>(event.instruction) < step->instructions.size());
    const Instruction& instruction = step->instructions[static_cast<size_t>(event.instruction)];
    const Run* run = std::get_if<Run>(&instruction.operands);
    if (run == nullptr) continue;
    Row& row = rows[{rank, instruction.stream}];
    row.rank = rank;
    row.stream = instruction.stream;
    if (!row.boxes.empty() && Continues(row.boxes.back(), *run)) {
      row.boxes.back().end = std::max(row.boxes.back().end, event.end);
    } else {
      row.boxes.push_back(
          {run->kind, run->stage, run->chunk, run->microbatch, event.begin, event.end, {}});
    }
    row.boxes.back().events.push_back(&event);
  }
  std::vector<Row> sorted;
  for (auto& [key, row] : rows) sorted.push_back(std::move(row));
  return sorted;
}

}  // namespace pprun
