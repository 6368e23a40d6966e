// The cells of a CSV (csv.h) as tasks: the form of the text is right, whether the tasks make a
// schedule is not known yet. Tests: csv_test.cc.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "compiler/schedule/task_order.h"

namespace pprun {

struct CsvRow {
  ast::Location location;
  std::vector<OrderedTask> tasks;  // their chunk and pipe are still to be found
};

// One row a rank, none without a task. Empty after errors.
std::optional<std::vector<CsvRow>> ReadCells(std::string_view text, uint32_t file,
                                             const Limits& limits, Diagnostics& diagnostics);

}  // namespace pprun
