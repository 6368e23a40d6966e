// A schedule as the CSV of torch.distributed.pipelining, in its compute form: one row a rank, its
// tasks in order, a cell `<stage><F|I|W|B><microbatch>`.
//
//   0F0,0F1,0B0,0B1
//   1F0,1B0,(1F1;0B2)OVERLAP_F_B
//
// `B` is a whole backward, which `BW` says too; beside a `W` of the same stage and microbatch it is
// the input gradient, as in some files. Empty cells are idle time, which an order does not have to
// say. Communication follows from the order, so the form that lists it is refused. Tests:
// csv_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/schedule/task_order.h"
#include "dsl/diagnostics.h"
#include "dsl/frontend.h"

namespace pprun {

std::string ToCsv(const TaskOrder& order);

// What holds of the order is what EvaluateSchedule promises. Who holds a stage is who runs it; a
// rank's chunks are numbered by ascending stage; a stage on two ranks is one of two pipes. `text`
// is that of the file at index `file`, for the places of messages. Empty after errors.
std::optional<TaskOrder> ParseCsv(std::string_view text, uint32_t file, const Limits& limits,
                                  Diagnostics& diagnostics);

}  // namespace pprun
