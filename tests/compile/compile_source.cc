#include "tests/compile/compile_source.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace pprun {

Compilation CompileSource(const std::string& text, const std::vector<Override>& overrides,
                          const TaskCosts& costs) {
  namespace fs = std::filesystem;
  // Tests run beside each other, so each process has a folder of its own.
  const fs::path folder =
      fs::temp_directory_path() / ("pprun_compile_test_" + std::to_string(getpid()));
  fs::create_directories(folder);
  const fs::path path = folder / "plan.sched";
  std::ofstream(path, std::ios::binary) << text;
  CompileOptions options;
  options.overrides = overrides;
  options.costs = costs;
  Compilation result = Compile(path.string(), options);
  fs::remove_all(folder);
  return result;
}

std::string ToSource(const SmallGpt& gpt) {
  return "mesh { pp = " + std::to_string(gpt.pp) + "; dp = " + std::to_string(gpt.dp) +
         "; }\n"
         "model gpt {\n"
         "  let vocab = 32; let width = 16; let depth = " +
         std::to_string(gpt.depth) +
         ";\n"
         "  layer embed { embedding(vocab, width); positions(8); }\n"
         "  layer block repeat depth {\n"
         "    residual { layer_norm; attention(2) as \"attn\"; }\n"
         "    residual { layer_norm; linear(4 * width); gelu; linear(width); }\n"
         "  }\n"
         "  layer head { " +
         gpt.head +
         " }\n"
         "}\n"
         "train {\n"
         "  data = synthetic(seed = 1); sequence = 8; batch = " +
         std::to_string(gpt.microbatches * gpt.dp) +
         "; microbatches = " + std::to_string(gpt.microbatches) +
         "; steps = 2; seed = 1;\n"
         "  optimizer = adamw(lr = 1e-3, clip = 1.0);\n"
         "}\n" +
         gpt.rest;
}

}  // namespace pprun
