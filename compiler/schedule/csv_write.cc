// An order as CSV, without idle cells. Tests: csv_test.cc.
#include "compiler/schedule/csv.h"

namespace pprun {

std::string ToCsv(const TaskOrder& order) {
  std::string text;
  for (const std::vector<OrderedTask>& tasks : order.positions) {
    for (size_t i = 0; i < tasks.size(); ++i) {
      const OrderedTask& task = tasks[i];
      const bool paired = task.overlap_pair >= 0;
      const bool joins_previous = paired && i > 0 && tasks[i - 1].overlap_pair == task.overlap_pair;
      const bool joins_next =
          paired && i + 1 < tasks.size() && tasks[i + 1].overlap_pair == task.overlap_pair;
      if (i > 0) text += joins_previous ? ';' : ',';
      if (joins_next) text += '(';
      text += std::to_string(task.stage) + Letter(task.kind) + std::to_string(task.microbatch);
      if (joins_previous) text += ")OVERLAP_F_B";
    }
    text += '\n';
  }
  return text;
}

}  // namespace pprun
