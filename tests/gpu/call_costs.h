// What a device call must do at least: the bytes that it moves (each operand once, what is
// accumulated twice) and the floating-point operations of its products. Floors for what the benches
// measure. The gradient of attention has five products here, since it computes the scores again;
// the compiler counts the four that a backward must have (model/flops.h). Tests:
// step_bench_test.cc.
#pragma once

#include <string>

#include "runtime/device.h"

namespace pprun::gpu {

struct CallCosts {
  // With the shapes that tell it from others: "linear bf16[8, 1024, 768] ...".
  std::string name;
  double bytes = 0;
  double flops = 0;
};

CallCosts CostsOf(const DeviceCall& call);

}  // namespace pprun::gpu
