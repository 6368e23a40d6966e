#include "tests/bench/gpt_plan.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace pprun {

std::string GptText(const GptSize& size) {
  const auto number = [](int64_t value) { return std::to_string(value); };
  return "mesh { pp = " + number(size.pp) + "; dp = " + number(size.dp) +
         "; }\n"
         "model gpt {\n"
         "  let vocab = " +
         number(size.vocabulary) + "; let width = " + number(size.width) +
         ";\n"
         "  layer embed { embedding(vocab, width); positions(" +
         number(size.sequence) +
         "); }\n"
         "  layer block repeat " +
         number(size.depth) +
         " {\n"
         "    residual { layer_norm; attention(" +
         number(size.heads) +
         ") as \"attn\"; }\n"
         "    residual { layer_norm; linear(4 * width); gelu; linear(width); }\n"
         "  }\n"
         "  layer head { layer_norm; linear(vocab, bias = false); cross_entropy; }\n"
         "}\n"
         "train {\n"
         "  data = synthetic(seed = 1); sequence = " +
         number(size.sequence) + "; batch = " + number(size.microbatches * size.dp) +
         "; microbatches = " + number(size.microbatches) +
         ";\n"
         "  steps = 100; seed = 1; optimizer = adamw(lr = 3e-4, clip = 1.0);\n"
         "}\n"
         "schedule one_f_one_b;\n"
         "gradients ddp(bucket = 25 MiB, overlap = true);\n";
}

TextFile::TextFile(const std::string& text)
    : path_((std::filesystem::temp_directory_path() /
             ("pprun_bench_" + std::to_string(getpid()) + "_" +
              std::to_string(std::hash<std::string>{}(text)) + ".sched"))
                .string()) {
  std::ofstream file(path_, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw std::runtime_error("cannot write `" + path_ + "`");
}

TextFile::~TextFile() { std::remove(path_.c_str()); }

Compilation CompileFile(const TextFile& file, const CompileOptions& options) {
  Compilation result = Compile(file.path(), options);
  if (!result.Ok()) throw std::runtime_error(result.Messages());
  return result;
}

Plan CompileGpt(const GptSize& size) {
  return std::move(*CompileFile(TextFile(GptText(size))).plan);
}

int64_t InstructionCount(const Plan& plan) {
  size_t count = 0;
  for (const Position& position : plan.positions) {
    for (const Program& program : position.programs) count += program.instructions.size();
  }
  return static_cast<int64_t>(count);
}

}  // namespace pprun
