// libFuzzer target: any bytes through Parse, Check and the text forms never crash, leak or hang.
//
//   parse_fuzz -max_total_time=60 -max_len=4096 tests/golden/ast tests/golden/errors
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "dsl/frontend.h"

namespace {

// Small enough that one input takes milliseconds.
pprun::Limits FuzzLimits() {
  pprun::Limits limits;
  limits.source_bytes = 1 << 16;
  limits.nesting = 64;
  limits.layers = 1 << 10;
  // What a fuzzed file imports would be a file of this machine.
  limits.imports = 0;
  return limits;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const pprun::Limits limits = FuzzLimits();
  pprun::SourceFiles files;
  pprun::Diagnostics diagnostics;
  const uint32_t file =
      files.Add("fuzz.sched", std::string(reinterpret_cast<const char*>(data), size));
  pprun::ast::Program program = pprun::Parse(files, file, limits, diagnostics);
  if (!diagnostics.HasErrors()) {
    const std::string text = pprun::ToText(program);
    const auto checked =
        pprun::Check(std::move(program), {{"microbatches", "4"}}, limits, diagnostics);
    if (checked.has_value()) pprun::ToText(*checked);
  }
  files.Render(diagnostics);
  return 0;
}
