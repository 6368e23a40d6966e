#include "tests/passes/compile_text.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace pprun {

std::string ToSource(const PlanText& plan) {
  return "mesh { pp = " + std::to_string(plan.pp) + "; dp = " + std::to_string(plan.dp) + "; }\n" +
         "model gpt {\n  let vocab = 64; let width = 32;\n"
         "  layer embed { embedding(vocab, width); positions(16); }\n"
         "  layer block repeat " +
         std::to_string(plan.depth) +
         " {\n    residual { layer_norm; attention(4) as \"attn\"; }\n"
         "    residual { layer_norm; linear(4 * width); gelu; linear(width); }\n  }\n"
         "  layer head { " +
         plan.head + " }\n}\n" + "train {\n  data = synthetic(seed = 1); sequence = 16; batch = " +
         std::to_string(plan.microbatches * plan.dp) +
         "; microbatches = " + std::to_string(plan.microbatches) +
         "; steps = 2; seed = 1;\n  optimizer = " + plan.optimizer + ";\n  " + plan.extra_train +
         "\n}\n" + plan.schedule + "\n" + plan.gradients + "\n";
}

CompiledText CompileText(const std::string& text) {
  CompiledText compiled;
  const std::string path = testing::TempDir() + "pprun_" + std::to_string(::getpid()) + "_" +
                           std::to_string(std::hash<std::string>{}(text)) + ".sched";
  std::ofstream(path) << text;
  CompileOptions options;
  options.after_pass = [&](std::string_view pass, const Draft& draft) {
    CheckDraft(draft);
    compiled.after[std::string(pass)] = ToText(draft);
  };
  compiled.result = Compile(path, options);
  EXPECT_EQ(compiled.result.Messages(), "") << text;
  std::remove(path.c_str());
  return compiled;
}

Plan CompilePlan(const PlanText& plan) {
  Compilation result = std::move(CompileText(ToSource(plan)).result);
  EXPECT_TRUE(result.Ok());
  return result.plan ? std::move(*result.plan) : Plan{};
}

}  // namespace pprun
