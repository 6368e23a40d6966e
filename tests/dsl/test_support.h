// What the tests of the front end share: texts in, trees, checked programs and messages out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dsl/frontend.h"

namespace pprun {

struct Checked {
  SourceFiles files;
  Diagnostics diagnostics;
  std::optional<CheckedProgram> program;

  std::string Messages() const { return files.Render(diagnostics); }
};

struct Parsed {
  SourceFiles files;
  Diagnostics diagnostics;
  ast::Program program;

  std::string Messages() const { return files.Render(diagnostics); }
};

inline Parsed ParseText(const std::string& text, const Limits& limits = {},
                        const std::string& path = "plan.sched") {
  Parsed parsed;
  const uint32_t file = parsed.files.Add(path, text);
  parsed.program = Parse(parsed.files, file, limits, parsed.diagnostics);
  return parsed;
}

inline Checked CheckText(const std::string& text, const std::vector<Override>& overrides = {},
                         const Limits& limits = {}, const std::string& path = "plan.sched",
                         std::string_view schedule = {}) {
  Checked checked;
  const uint32_t file = checked.files.Add(path, text);
  ast::Program program = Parse(checked.files, file, limits, checked.diagnostics, schedule);
  if (!checked.diagnostics.HasErrors()) {
    checked.program = Check(std::move(program), overrides, limits, checked.diagnostics);
  }
  return checked;
}

// The whole-plan example of the language's description.
inline constexpr const char* kWholePlan = R"(// GPT on 8 ranks.
mesh { pp = 4; dp = 2; }

model gpt {
  let vocab = 256; let context = 256; let width = 512; let heads = 8; let depth = 8;

  layer embed { embedding(vocab, width); positions(context); }
  layer block repeat depth {
    residual { layer_norm; attention(heads) as "attn"; }
    residual { layer_norm; linear(4 * width) split column; gelu; linear(width) split row; }
  }
  layer head  { layer_norm; linear(vocab, bias = false); cross_entropy; }
}

stages balance(flops);                  // or the stages in braces

train {
  data = bytes("corpus.txt");           // or tokens("train.bin", u16), synthetic(seed = 1)
  sequence = 256; batch = 64; microbatches = 8; steps = 500; seed = 1;
  optimizer = adamw(lr = 3e-4, betas = (0.9, 0.95), weight_decay = 0.1, warmup = 50, clip = 1.0);
  validation = bytes("held_out.txt"); validate_every = 100; validate_batches = 8;
  precision = fp32;
}

schedule one_f_one_b;
gradients ddp(bucket = 25 MiB, overlap = true);
recompute none;
)";

// A model and a train that go with every mesh of up to four stages.
inline constexpr const char* kSmallModel = R"(
model small {
  let width = 8;
  layer embed { embedding(16, width); }
  layer block repeat 4 { residual { layer_norm; linear(width); } }
  layer head { linear(16); cross_entropy; }
}
)";
inline constexpr const char* kSmallTrain = R"(
train {
  data = synthetic(seed = 1); sequence = 4; batch = 24; microbatches = 4; steps = 2;
  optimizer = sgd(lr = 0.1);
}
)";

}  // namespace pprun
