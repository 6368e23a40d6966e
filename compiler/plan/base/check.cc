#include "compiler/plan/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace pprun {

void CheckFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: this is a bug in pprun: `%s` does not hold\n", file, line,
               condition);
  std::abort();
}

}  // namespace pprun
