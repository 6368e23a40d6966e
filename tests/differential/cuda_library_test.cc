// Every built-in schedule on the CUDA runtime computes what it computes on the CPU, bit by bit: a
// fake GPU (tests/runtime/fake_cuda.h) runs the CPU's kernels in random orders that CUDA's rules
// allow, so this covers issuing, streams, events, meetings, graphs and staging, and not kernels.
#include <gtest/gtest.h>

#include <cctype>
#include <cstdlib>
#include <ostream>
#include <random>

#include "runtime/cuda/cuda_backend.h"
#include "tests/differential/train.h"
#include "tests/passes/compile_text.h"
#include "tests/runtime/check_joint_order.h"
#include "tests/runtime/fake_cuda.h"

namespace pprun {
namespace {

struct Case {
  std::string mesh;
  std::string schedule;
  int microbatches = 4;
  std::string gradients = "gradients ddp(bucket = 4 KiB, overlap = true);";
  std::string precision = "fp32";
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.schedule << ", " << c.mesh; }

// Dropout, clipping and validation; a first run, a captured one and replays.
std::string Source(const Case& c) {
  return "mesh { " + c.mesh +
         " }\n"
         "model gpt {\n"
         "  layer embed { embedding(31, 8); positions(4); dropout(0.1); }\n"
         "  layer block repeat 8 {\n"
         "    residual { layer_norm; linear(16); gelu; linear(8); dropout(0.1); }\n"
         "  }\n"
         "  layer head { layer_norm; linear(31, bias = false); cross_entropy; }\n}\n"
         "stages balance(layers);\n"
         "train { data = synthetic(seed = 3); sequence = 4; batch = " +
         std::to_string(2 * c.microbatches) + "; microbatches = " + std::to_string(c.microbatches) +
         "; steps = 4; seed = 7; precision = " + c.precision +
         ";\n"
         "  validation = synthetic(seed = 4); validate_every = 2; validate_batches = 1;\n"
         "  optimizer = adamw(lr = 3e-3, weight_decay = 0.1, clip = 0.5); }\n"
         "schedule " +
         c.schedule + ";\n" + c.gradients + "\n";
}

uint32_t Seed() {
  const char* const given = std::getenv("FAKE_CUDA_SEED");
  return given != nullptr ? static_cast<uint32_t>(std::strtoul(given, nullptr, 10))
                          : std::random_device{}();
}

class CudaLibraryTest : public testing::TestWithParam<Case> {};

TEST_P(CudaLibraryTest, ComputesWhatTheCpuComputes) {
  const CompiledText compiled = CompileText(Source(GetParam()));
  ASSERT_TRUE(compiled.result.plan);
  const Plan& plan = *compiled.result.plan;
  CheckJointOrder(plan);
  const Trained expected = Train(plan);
  const uint32_t seed = Seed();
  SCOPED_TRACE("reproduce with FAKE_CUDA_SEED=" + std::to_string(seed));
  struct Way {
    Graphs graphs;
    FakeCudaOptions options;
  };
  // All streams in one hardware queue: what is issued must be an order that can run.
  for (const Way& way : {Way{Graphs::kOn, {.seed = seed}}, Way{Graphs::kOff, {.seed = seed + 1}},
                         Way{Graphs::kOff, {.seed = seed + 2, .hardware_queues = 1}}}) {
    SCOPED_TRACE(way.graphs == Graphs::kOn ? "graphs" : "no graphs");
    FakeCuda api(way.options);
    EXPECT_EQ(Train(plan, std::make_unique<CudaBackend>(plan, api, 0, way.graphs)), expected);
    EXPECT_EQ(api.violations(), std::vector<std::string>{});
    EXPECT_EQ(api.alive(), std::vector<std::string>{});
  }
}

std::string NameOfCase(const testing::TestParamInfo<Case>& tested) {
  std::string name = tested.param.schedule + "_" + tested.param.mesh + "_" +
                     std::to_string(tested.param.microbatches) + tested.param.gradients +
                     tested.param.precision;
  std::string plain;
  for (const char letter : name) {
    if (std::isalnum(static_cast<unsigned char>(letter)) != 0) plain += letter;
  }
  return plain;
}

INSTANTIATE_TEST_SUITE_P(
    Schedules, CudaLibraryTest,
    testing::Values(
        Case{"pp = 1;", "gpipe"}, Case{"pp = 3;", "gpipe", 5},
        Case{"pp = 2; dp = 2;", "gpipe", 4, "gradients naive;"},
        Case{"pp = 2; dp = 2;", "one_f_one_b", 4, "gradients flat;"},
        Case{"pp = 4; dp = 2;", "one_f_one_b", 8}, Case{"pp = 3;", "eager_one_f_one_b", 5},
        Case{"pp = 2; dp = 2;", "interleaved_one_f_one_b", 4},
        Case{"pp = 2;", "interleaved_one_f_one_b(chunks = 3)", 6},
        Case{"pp = 2;", "interleaved_zero_bubble", 4}, Case{"pp = 2; dp = 2;", "breadth_first", 4},
        Case{"pp = 3; dp = 2;", "zero_bubble_h1", 5}, Case{"pp = 3;", "zero_bubble_h2", 6},
        Case{"pp = 3;", "zero_bubble_v", 6}, Case{"pp = 4;", "v_half", 6},
        Case{"pp = 3;", "v_min", 6}, Case{"pp = 3;", "dualpipe_v", 7},
        Case{"pp = 4;", "dualpipe", 8}, Case{"pp = 2; dp = 2;", "dualpipe", 6},
        Case{"pp = 2; dp = 2;", "one_f_one_b", 4, "gradients flat;", "bf16"},
        Case{"pp = 3;", "zero_bubble_v", 6, "gradients flat;", "bf16"}),
    NameOfCase);

}  // namespace
}  // namespace pprun
