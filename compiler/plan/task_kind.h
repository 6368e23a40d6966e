// The kinds of compute task. Tests: task_kind is covered by text_test.cc.
#pragma once

#include <cstdint>

namespace pprun {

// A backward is an input gradient and a weight gradient in one task, operation by operation.
enum class TaskKind : uint8_t { kForward, kBackward, kInputGrad, kWeightGrad, kRecompute };
inline constexpr int kTaskKindCount = 5;

// 'F', 'B', 'I', 'W', 'R'.
constexpr char Letter(TaskKind kind) { return "FBIWR"[static_cast<int>(kind)]; }

}  // namespace pprun
