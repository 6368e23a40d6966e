#include "tests/compile/random_plan.h"

#include <cstdint>
#include <vector>

#include "tests/compile/compile_source.h"
#include "tests/compile/random_schedule.h"

namespace pprun {
namespace {

constexpr const char* kZeroBubbleH1 = R"(schedule zero_bubble {
  order on rank r {
    let warmup = min(microbatches, pp - 1 - r);
    for i in 0 .. warmup { forward(i); }
    for k in 0 .. microbatches {
      if warmup + k < microbatches { forward(warmup + k); }
      input_grad(k);
      if k >= r { weight_grad(k - r); }
    }
    for k in max(0, microbatches - r) .. microbatches { weight_grad(k); }
  }
}
schedule zero_bubble;
)";

class Writer {
 public:
  explicit Writer(std::mt19937_64& random) : random_(random) {}

  std::string Run() {
    pp_ = Between(1, 5);
    const int dp = Between(1, 3);
    const int microbatches = Between(1, 9);
    std::string text = OneOf({"mesh { pp = $pp; dp = $dp; }\n", "mesh { dp = $dp; pp = $pp; }\n"});
    Replace(text, "$pp", std::to_string(pp_));
    Replace(text, "$dp", std::to_string(dp));
    text += Model();
    text += Stages();
    text += "train {\n  data = synthetic(seed = 2); sequence = 6; batch = " +
            std::to_string(microbatches * dp * Between(1, 2)) +
            "; microbatches = " + std::to_string(microbatches) + "; steps = 3; seed = 5;\n" +
            "  optimizer = " + Optimizer() + ";\n";
    if (Chance(2)) {
      text += "  validation = synthetic(seed = 3); validate_every = 2; validate_batches = 1;\n";
    }
    return text + "}\n" + Schedule(microbatches) + Transfers() +
           OneOf({"", "gradients naive;\n", "gradients flat;\n",
                  "gradients ddp(bucket = 1, overlap = true);\n",
                  "gradients ddp(bucket = 1 KiB, overlap = true);\n",
                  "gradients ddp(bucket = 1 KiB, overlap = false);\n",
                  "gradients ddp(bucket = 25 MiB, overlap = true);\n"});
  }

 private:
  int Between(int least, int most) {
    return least + static_cast<int>(random_() % static_cast<uint64_t>(most - least + 1));
  }
  bool Chance(int of) { return Between(1, of) == 1; }
  std::string OneOf(const std::vector<std::string>& texts) {
    return texts[static_cast<size_t>(Between(0, static_cast<int>(texts.size()) - 1))];
  }
  static void Replace(std::string& text, const std::string& what, const std::string& by) {
    text.replace(text.find(what), what.size(), by);
  }

  void AddLayer(std::string& text, const std::string& name, int repeat, const std::string& body) {
    text += "  layer " + name;
    if (repeat > 0) text += " repeat " + std::to_string(repeat);
    text += " { " + body + " }\n";
    if (repeat == 0) instances_.push_back(name);
    for (int i = 0; i < repeat; ++i) instances_.push_back(name + "[" + std::to_string(i) + "]");
  }

  std::string Model() {
    std::string text = "model random {\n  let vocab = 24; let width = 16;\n";
    AddLayer(text, "embed", 0,
             OneOf({"embedding(vocab, width);", "embedding(vocab, width); positions(6);",
                    "embedding(vocab, width); positions(8); dropout(0.1);"}));
    // At least one layer a stage, with the embedding.
    for (int kind = 0; kind < 3 || static_cast<int>(instances_.size()) < pp_; ++kind) {
      if (Chance(3)) continue;
      AddLayer(text, "body" + std::to_string(kind), Between(0, 3), Body());
    }
    const std::string table = pp_ == 1 && Chance(2) ? ", tied = embed" : "";
    if (Chance(2)) {
      AddLayer(text, "norm", 0, OneOf({"layer_norm;", "rms_norm;"}));
    }
    if (Chance(3)) {
      AddLayer(text, "logits", 0, "linear(vocab, bias = false" + table + ");");
      AddLayer(text, "loss", 0, "cross_entropy;");
    } else {
      AddLayer(text, "head", 0,
               "layer_norm; linear(vocab, bias = false" + table + "); cross_entropy;");
    }
    return text + "}\n";
  }

  // Of width 16 to width 16.
  std::string Body() {
    return OneOf({
        "residual { layer_norm; attention(2) as \"attn\"; dropout(0.1); } "
        "residual { layer_norm; linear(32); gelu; linear(width); }",
        "residual { layer_norm; attention(4) as \"attn\"; } "
        "residual { layer_norm; linear(32); gelu(tanh); linear(width); dropout(0.2); }",
        "residual { rms_norm; attention(4, kv_heads = 2, rope = 10000, bias = false); } "
        "residual { rms_norm; swiglu(24); linear(width, bias = false); }",
        "linear(24); silu; linear(width);",
        "gelu;",
        "dropout(0.1);",
        "relu; layer_norm;",
        "residual { residual { linear(width); } relu; }",
    });
  }

  std::string Stages() {
    if (Chance(2)) {
      return OneOf({"", "stages balance(flops);\n", "stages balance(parameters);\n",
                    "stages balance(layers);\n"});
    }
    std::string text = "stages {";
    int stages = pp_;
    for (size_t i = 0; i < instances_.size(); ++i) {
      text += " " + instances_[i];
      const int left = static_cast<int>(instances_.size() - i) - 1;
      if (stages > 1 && (left < stages || Chance(2))) {
        text += " |";
        --stages;
      }
    }
    return text + " }\n";
  }

  std::string Optimizer() {
    const std::string clip = Chance(2) ? ", clip = 0.5" : "";
    return OneOf({"sgd(lr = 0.1", "sgd(lr = 0.1, momentum = 0.9, weight_decay = 0.1",
                  "adam(lr = 1e-3, betas = (0.9, 0.95)",
                  "adamw(lr = 1e-3, weight_decay = 0.1, warmup = 2, decay = cosine"}) +
           clip + ")";
  }

  std::string Transfers() {
    return OneOf({"", "transfers queue_per_peer;\n", "transfers queue_per_rank;\n",
                  "transfers queue_per_flow;\n"});
  }

  std::string Schedule(int microbatches) {
    switch (Between(0, 4)) {
      case 0:
        return "";
      case 1:
        return "schedule gpipe;\n";
      case 2:
        return "schedule one_f_one_b;\n";
      case 3:
        return kZeroBubbleH1;
      default: {
        RandomOrder order = LegalOrder(random_, pp_, microbatches);
        if (Chance(2)) PairUp(random_, order);
        return ToSource(order);
      }
    }
  }

  std::mt19937_64& random_;
  int pp_ = 1;
  std::vector<std::string> instances_;
};

}  // namespace

std::string RandomPlanText(std::mt19937_64& random) { return Writer(random).Run(); }

std::string PlanTextWith(const std::string& schedule, int pp, int dp, int microbatches) {
  return ToSource(
      SmallGpt{.pp = pp, .dp = dp, .microbatches = microbatches, .depth = 3, .rest = schedule});
}

}  // namespace pprun
