#include "runtime/cpu/cpu_calls.h"

#include <cstring>

#include "compiler/plan/base/check.h"
#include "kernels/dispatch.h"
#include "kernels/elementwise.h"
#include "kernels/initialise.h"
#include "kernels/optimizer.h"
#include "runtime/call_settings.h"

namespace pprun {
namespace {

using kernels::Tensor;

struct Runner {
  const kernels::CpuQueue& queue;

  void operator()(const OperationCall& call) const {
    kernels::LaunchOnCpu(queue, call.kind, call.attributes, call.operands, call.random);
  }
  void operator()(const ZeroCall& call) const { kernels::LaunchZero(queue, call.target); }
  void operator()(const CastCall& call) const {
    kernels::LaunchCast(queue, call.source, call.target);
  }
  void operator()(const AddCall& call) const {
    kernels::LaunchAddInto(queue, call.target, call.source);
  }
  void operator()(const CopyCall& call) const {
    const TensorType type = {call.target.dtype, call.target.shape};
    std::memcpy(call.target.data, call.source, static_cast<size_t>(type.Bytes()));
  }
  void operator()(const InitialiseCall& call) const {
    kernels::LaunchInitialise(queue, call.target, DistributionOf(call.initialisation),
                              {.seed = call.seed, .name = call.name_hash});
  }
  void operator()(const SquareSumCall& call) const {
    kernels::LaunchSquareSums(queue, call.gradients);
  }
  void operator()(const ClipFactorCall& call) const {
    const ClipTensors clip = ClipTensorsOf(call);
    kernels::LaunchClipFactor(queue, call.partials, clip.order, static_cast<float>(call.max_norm),
                              clip.factor, clip.norm);
  }
  void operator()(const UpdateCall& call) const {
    const OptimizerSpec& optimizer = *call.optimizer;
    switch (optimizer.kind) {
      case OptimizerSpec::Kind::kSgd:
        kernels::LaunchSgdUpdates(queue, call.parameters, call.factor, SgdOf(optimizer),
                                  *call.state);
        return;
      case OptimizerSpec::Kind::kAdam:
      case OptimizerSpec::Kind::kAdamW:
        kernels::LaunchAdamUpdates(queue, call.parameters, call.factor, AdamOf(optimizer),
                                   *call.state);
        return;
    }
    CHECK(false);
  }
};

}  // namespace

void RunOnCpu(const kernels::CpuQueue& queue, const DeviceCall& call) {
  std::visit(Runner{queue}, call);
}

}  // namespace pprun
