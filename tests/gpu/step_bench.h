// Where a step of one rank goes on a GPU, without a profiler. Every call of the step is timed
// alone, by a replayed graph of many of its kind (all layers' in turn, so that none finds its
// operands in the cache unless the step does); then the functions whole, and the whole step as it
// is replayed. What the step takes beyond the sum of its calls is gaps between them; what a
// function takes beyond the sum of its own is likewise. Needs no CUDA's headers, so that it is
// tested on a fake GPU. Tests: step_bench_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/plan/plan.h"
#include "runtime/cuda/cuda_api.h"
#include "runtime/data.h"

namespace pprun::gpu {

// Of an H100 or H200 in bf16, by its data sheet: what floors of arithmetic take for the rate.
inline constexpr double kPeakFlops = 989e12;

struct CallRow {
  std::string name;
  int64_t count = 0;   // of these in a step, or in all calls of a function
  double seconds = 0;  // of one, alone
  double bytes = 0;
  double flops = 0;
  double floor = 0;  // the least seconds for these bytes and operations
};

struct FunctionRow {
  std::string name;  // "block.forward"
  int64_t count = 0;
  double seconds = 0;  // of one, whole
  double alone = 0;    // the sum of its calls'
  double floor = 0;    // and of their floors
};

struct StepTimes {
  std::vector<CallRow> calls;  // of the stream that computes
  std::vector<FunctionRow> functions;
  double step = 0;       // replayed, as the host waits for it
  double alone = 0;      // the sum of the calls'
  double copy_rate = 0;  // bytes a second of a large copy, counting both ways
  double node_seconds =
      0;  // of the smallest kernel in a graph of many: what a launch can cost at most
  std::vector<double> losses;
};

// `copy_bytes`: of the large copy. Throws std::runtime_error, also for a plan of several ranks.
StepTimes MeasureStep(const Plan& plan, const DataSet& data, CudaApi& cuda, int64_t copy_bytes);

}  // namespace pprun::gpu
