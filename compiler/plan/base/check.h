// CHECK(condition): for what no input can make false. A failure is a bug of ours: it prints the
// place and the condition, and aborts. What a user or a machine can get wrong is a Diagnostic or an
// exception instead. Tests: base_test.cc.
#pragma once

namespace pprun {

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace pprun

#define CHECK(condition)                               \
  (static_cast<bool>(condition) ? static_cast<void>(0) \
                                : ::pprun::CheckFailed(__FILE__, __LINE__, #condition))
