// What a schedule calls the tasks, in its text and in messages about it. Tests:
// schedule_errors_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "compiler/plan/task_kind.h"

namespace pprun {

// `forward`, `backward`, `input_grad`, `weight_grad`, `recompute`.
std::optional<TaskKind> TaskKindNamed(std::string_view name);
std::string_view CallName(TaskKind kind);

// "`forward(3)`", or where ranks have several chunks "`forward(3, chunk = 1)`".
std::string CallText(TaskKind kind, int64_t microbatch, int64_t chunk, int32_t chunks);

}  // namespace pprun
