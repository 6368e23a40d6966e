// Random damage to compiled plans: the verifier and the oracle always agree. More with
// PPRUN_DAMAGE_RUNS=n; one again with PPRUN_DAMAGE_SEED=n PPRUN_DAMAGE_RUNS=1.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <variant>

#include "compiler/verify/verify.h"
#include "tests/passes/compile_text.h"
#include "tests/verify/compare_with_oracle.h"

namespace pprun {
namespace {

long Setting(const char* name, long otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtol(value, nullptr, 10);
}

// Small enough for the oracle, which looks at every pair of accesses.
std::string Source(int pp, int dp, const std::string& schedule, const std::string& gradients,
                   const std::string& head, int microbatches = 3) {
  return "mesh { pp = " + std::to_string(pp) + "; dp = " + std::to_string(dp) +
         "; }\nmodel small {\n  layer embed { embedding(16, 8); positions(4); }\n"
         "  layer block repeat 2 { residual { rms_norm; linear(8); gelu; dropout(0.1); } }\n"
         "  layer head { layer_norm; " +
         head +
         "; cross_entropy; }\n}\ntrain {\n  data = synthetic(seed = 1); sequence = 4; batch = " +
         std::to_string(4 * microbatches) + "; microbatches = " + std::to_string(microbatches) +
         "; steps = 2; seed = 1;\n  optimizer = adamw(lr = 1e-3, clip = 1.0);\n"
         "  validation = synthetic(seed = 2); validate_every = 1; validate_batches = 1;\n}\n"
         "schedule " +
         schedule + "\ngradients " + gradients + ";\n";
}

std::string InBfloat16(std::string source) {
  return source.insert(source.find("seed = 1;\n  optimizer"), "precision = bf16; ");
}

TEST(CompiledDamage, VerifierAndOracleAgree) {
  const uint64_t seed = static_cast<uint64_t>(Setting("PPRUN_DAMAGE_SEED", 20240602));
  const int runs = static_cast<int>(Setting("PPRUN_DAMAGE_RUNS", 200));
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  const std::string halves =
      "apart { order on rank r { for i in 0 .. microbatches { forward(i); }"
      " for i in 0 .. microbatches { input_grad(i); }"
      " for i in 0 .. microbatches { weight_grad(i); } } }\nschedule apart;";
  const std::string untied = "linear(16, bias = false)";
  const std::string tied = "linear(16, bias = false, tied = embed)";
  Comparison total;
  for (const std::string& source :
       {Source(2, 2, "one_f_one_b;", "ddp(bucket = 1 KiB, overlap = true)", untied),
        Source(3, 1, "gpipe;", "flat", untied), Source(2, 1, halves, "flat", untied),
        Source(1, 2, "one_f_one_b;", "naive", tied),
        Source(2, 1, "zero_bubble_v;", "flat", untied, 4),
        Source(2, 1, "interleaved_one_f_one_b(chunks = 2);", "flat", untied, 4),
        // Two holders of each parameter, in one bucket each, in one a parameter, and replicas.
        Source(2, 1, "dualpipe;", "ddp(bucket = 1 KiB, overlap = true)", untied, 4),
        Source(2, 1, "dualpipe;", "naive", untied, 4), Source(2, 2, "dualpipe;", "flat", untied, 4),
        // Every parameter but a norm's is read from a rounded copy.
        InBfloat16(Source(2, 2, "one_f_one_b;", "ddp(bucket = 1 KiB, overlap = true)", untied)),
        InBfloat16(Source(1, 1, "zero_bubble_h1;", "flat", tied))}) {
    const CompiledText compiled = CompileText(source);
    ASSERT_TRUE(compiled.result.plan.has_value()) << source;
    const Comparison one = CompareWithOracle(*compiled.result.plan, seed, runs);
    total.sound += one.sound;
    total.unsound += one.unsound;
    total.types += one.types;
  }
  std::printf("%d sound, %d unsound, %d not compared\n", total.sound, total.unsound, total.types);
  if (runs > 1) {
    EXPECT_GT(total.sound, 0);
    EXPECT_GT(total.unsound, runs / 2);
  }
}

// A rounded copy that the update does not reach is what the step after would read.
TEST(CompiledDamage, ARoundedCopyIsKeptUpToDate) {
  const CompiledText compiled =
      CompileText(InBfloat16(Source(1, 1, "gpipe;", "flat", "linear(16, bias = false)")));
  ASSERT_TRUE(compiled.result.plan.has_value());
  const Plan sound = *compiled.result.plan;
  EXPECT_TRUE(Verify(sound).empty());
  const auto found = [](const Plan& plan) {
    const std::vector<Finding> findings = Verify(plan);
    return findings.empty() ? "" : std::string(Name(findings[0].kind)) + ": " + findings[0].message;
  };
  const auto updates = [](Plan& plan) {
    std::vector<ParameterUpdate*> all;
    for (ParameterUpdate& update : plan.positions[0].updates) {
      if (update.rounded.valid()) all.push_back(&update);
    }
    return all;
  };
  Plan plan = sound;
  ASSERT_GT(updates(plan).size(), 3u);
  updates(plan)[0]->rounded = {};
  EXPECT_NE(found(plan).find("completeness"), std::string::npos) << found(plan);
  EXPECT_NE(found(plan).find("after its update, rounded"), std::string::npos) << found(plan);
  // Into the value of the type of the gradient.
  plan = sound;
  updates(plan)[0]->rounded = updates(plan)[0]->gradient;
  EXPECT_NE(found(plan).find("rounds into f32"), std::string::npos) << found(plan);
  // Over what another row of the same instruction reads, whichever comes first.
  for (const size_t one : {0, 1}) {
    plan = sound;
    const ParameterUpdate& other = *updates(plan)[1 - one];
    std::vector<Buffer>& buffers = plan.positions[0].buffers;
    Buffer copy = buffers[updates(plan)[one]->rounded.index()];
    copy.arena = buffers[other.gradient.index()].arena;
    copy.offset = buffers[other.gradient.index()].offset;
    updates(plan)[one]->rounded = BufferId(static_cast<int64_t>(buffers.size()));
    buffers.push_back(copy);
    EXPECT_NE(found(plan).find("data_flow: "), std::string::npos) << found(plan);
  }
  // Never rounded at first.
  plan = sound;
  std::erase_if(
      plan.positions[0].programs[static_cast<size_t>(ProgramKind::kInitialise)].instructions,
      [](const Instruction& instruction) {
        return std::holds_alternative<Cast>(instruction.operands);
      });
  EXPECT_NE(found(plan).find("data_flow: "), std::string::npos) << found(plan);
}

// Where two positions hold a parameter, each adds its own microbatches, and the sum over the
// holders is what makes a gradient whole.
class Bidirectional : public testing::Test {
 protected:
  Bidirectional() {
    CompiledText compiled =
        CompileText(Source(2, 2, "dualpipe;", "flat", "linear(16, bias = false)", 4));
    plan_ = std::move(*compiled.result.plan);
    for (size_t i = 0; i < plan_.groups.size(); ++i) {
      if (plan_.groups[i].name.starts_with("holders")) {
        holders_ = GroupId(static_cast<int64_t>(i));
      }
    }
  }

  std::vector<Instruction>& StepAt(size_t position) {
    return plan_.positions[position].programs[static_cast<size_t>(ProgramKind::kStep)].instructions;
  }
  // The all-reduce over the holders.
  std::vector<Instruction>::iterator SumAt(size_t position) {
    return std::ranges::find_if(StepAt(position), [&](const Instruction& instruction) {
      const auto* collective = std::get_if<Collective>(&instruction.operands);
      return collective != nullptr && collective->group == holders_;
    });
  }
  std::string Found() const {
    const std::vector<Finding> findings = Verify(plan_);
    return findings.empty() ? "" : std::string(Name(findings[0].kind)) + ": " + findings[0].message;
  }
  void ExpectFound(const std::string& kind, const std::string& text) const {
    const std::string found = Found();
    EXPECT_TRUE(found.starts_with(kind)) << found;
    EXPECT_NE(found.find(text), std::string::npos) << found;
  }

  Plan plan_;
  GroupId holders_;
};

TEST_F(Bidirectional, EachHolderSeesItsShareAndTheSumSeesAll) {
  EXPECT_EQ(Found(), "");
  ASSERT_TRUE(holders_.valid());
  for (const Parameter& parameter : plan_.parameters) EXPECT_EQ(parameter.holders.size(), 2u);
  // A microbatch goes forward through a layer at one of the holders, not at both, and half at each.
  for (size_t layer = 0; layer < plan_.layers.size(); ++layer) {
    std::vector<int> at(2, 0);
    std::vector<int> times(4, 0);
    for (size_t p = 0; p < 2; ++p) {
      for (const Instruction& instruction : StepAt(p)) {
        const auto* run = std::get_if<pprun::Run>(&instruction.operands);
        if (run == nullptr || run->kind != TaskKind::kForward || run->layer.index() != layer) {
          continue;
        }
        ++at[p];
        ++times[run->microbatch.index()];
      }
    }
    EXPECT_EQ(at, std::vector<int>(2, 2));
    EXPECT_EQ(times, std::vector<int>(4, 1));
  }
}

TEST_F(Bidirectional, WithoutTheSumOverHolders) {
  for (size_t p = 0; p < 2; ++p) StepAt(p).erase(SumAt(p));
  // The events around it are still there: only what the gradients hold is wrong.
  ExpectFound("completeness", "misses microbatch");
}

TEST_F(Bidirectional, SummedAtOneHolderOnly) {
  StepAt(0).erase(SumAt(0));
  ExpectFound("matching", "is never joined by position 0");
}

TEST_F(Bidirectional, SummedOverReplicasOnly) {
  const GroupId replicas(static_cast<int64_t>(plan_.groups.size()));
  plan_.groups.push_back({"dp", {}, plan_.groups[holders_.index()].axes});
  for (size_t p = 0; p < 2; ++p) {
    const auto sum = SumAt(p);
    std::get<Collective>(sum->operands).group = replicas;
    plan_.positions[p].streams[sum->stream.index()].group = replicas;
  }
  ExpectFound("completeness", "misses microbatch");
}

TEST_F(Bidirectional, SummedOverHoldersOnly) {
  plan_.groups[holders_.index()].axes.clear();
  ExpectFound("completeness", "of the other replicas: it is not summed over `dp`");
}

TEST_F(Bidirectional, SummedTwice) {
  for (size_t p = 0; p < 2; ++p) {
    const Instruction again = *SumAt(p);
    StepAt(p).insert(SumAt(p), again);
  }
  ExpectFound("completeness", "is summed twice over `dp`");
  plan_.groups[holders_.index()].axes.clear();
  for (Parameter& parameter : plan_.parameters) parameter.sum_over.clear();
  ExpectFound("completeness", "counts microbatch");
}

TEST_F(Bidirectional, OneHolderDoesNotUpdate) {
  auto& step = StepAt(1);
  const auto update = std::ranges::find_if(step, [](const Instruction& instruction) {
    return std::holds_alternative<Update>(instruction.operands);
  });
  step.erase(update);
  ExpectFound("completeness", "position 1 leaves out the update");
}

// Each position reports the losses of its microbatches, and none of the others'.
TEST_F(Bidirectional, LossesAreReportedOnce) {
  std::vector<BufferId>& first = plan_.positions[0].losses;
  std::vector<BufferId>& second = plan_.positions[1].losses;
  ASSERT_EQ(first.size(), 4u);
  ASSERT_EQ(second.size(), 4u);
  for (size_t i = 0; i < 4; ++i) EXPECT_NE(first[i].valid(), second[i].valid());
  const Plan sound = plan_;
  const size_t here = first[0].valid() ? 0 : 1;
  plan_.positions[here].losses[0] = BufferId();
  ExpectFound("completeness", "the loss of microbatch 0 is reported by 0 positions");
  plan_ = sound;
  const auto other = std::ranges::find_if(plan_.positions[1 - here].losses, &BufferId::valid);
  plan_.positions[1 - here].losses[0] = *other;
  ExpectFound("completeness", "does not hold the loss of microbatch 0");
}

}  // namespace
}  // namespace pprun
