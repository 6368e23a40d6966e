// libFuzzer target: any bytes as a plan file through the whole compiler, the verifier included,
// never crash, leak or hang; what is wrong is said, and what compiles is proven.
//
//   compile_fuzz -max_total_time=60 -max_len=4096 corpus/ examples schedules tests/golden
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <iostream>
#include <string>

#include "compiler/compile.h"
#include "compiler/plan/text.h"

namespace {

// Small enough that one input takes milliseconds.
pprun::CompileOptions FuzzOptions() {
  pprun::CompileOptions options;
  options.limits = {.source_bytes = 1 << 16,
                    .nesting = 64,
                    .unrolled_tasks = 1 << 12,
                    .evaluation_steps = 1 << 16,
                    .ranks = 1 << 8,
                    .layers = 1 << 6,
                    // What a fuzzed file imports would be a file of this machine.
                    .imports = 0};
  return options;
}

// A file of these bytes that is nowhere on a disk.
class MemoryFile {
 public:
  MemoryFile(const uint8_t* data, size_t size) : descriptor_(memfd_create("fuzz.sched", 0)) {
    if (descriptor_ < 0 || write(descriptor_, data, size) != static_cast<ssize_t>(size)) {
      __builtin_trap();
    }
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string Path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const MemoryFile file(data, size);
  const pprun::Compilation compilation = pprun::Compile(file.Path(), FuzzOptions());
  const std::string messages = compilation.Messages();
  if (!compilation.Ok() && messages.empty()) __builtin_trap();
  if (compilation.Ok() && pprun::ToText(*compilation.plan).empty()) __builtin_trap();
  for (const pprun::Finding& finding : compilation.findings) {
    // A plan may be too large for the format; any other finding is a bug of the compiler.
    if (finding.kind == pprun::FindingKind::kTypes) continue;
    std::cerr << messages;
    __builtin_trap();
  }
  return 0;
}
