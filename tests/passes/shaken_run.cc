#include "tests/passes/shaken_run.h"

#include <algorithm>
#include <variant>
#include <vector>

namespace pprun {

Trace ShakenRun(const Plan& plan, std::mt19937_64& random) {
  const auto draw = [&random](int most) {
    return static_cast<double>(random() % static_cast<uint64_t>(most));
  };
  Trace trace;
  trace.kind = Trace::Kind::kMeasured;
  for (size_t p = 0; p < plan.positions.size(); ++p) {
    const Program& program = plan.positions[p].programs[static_cast<size_t>(ProgramKind::kStep)];
    const int64_t rank = static_cast<int64_t>(p);
    std::vector<double> streams(plan.positions[p].streams.size());
    std::vector<double> events(static_cast<size_t>(program.events));
    for (size_t i = 0; i < program.instructions.size(); ++i) {
      const Instruction& instruction = program.instructions[i];
      double& stream = streams[instruction.stream.index()];
      // Threads are now and then elsewhere for several tasks.
      const double begin = stream + draw(10) + (draw(8) == 0 ? draw(1000) : 0);
      double end = begin + draw(100);
      if (const Wait* wait = std::get_if<Wait>(&instruction.operands)) {
        end = std::max(end, events[wait->event.index()]);
      }
      if (const Record* record = std::get_if<Record>(&instruction.operands)) {
        events[record->event.index()] = end;
      }
      trace.events.push_back(
          {rank, ProgramKind::kStep, 0, static_cast<int32_t>(i), begin, stream = end});
    }
  }
  return trace;
}

}  // namespace pprun
