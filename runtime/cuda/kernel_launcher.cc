#include "runtime/cuda/kernel_launcher.h"

#include "compiler/plan/base/check.h"
#include "kernels/cuda_queue.h"
#include "kernels/dispatch.h"
#include "kernels/elementwise.h"
#include "kernels/initialise.h"
#include "kernels/optimizer.h"
#include "kernels/rank_sum.h"
#include "runtime/call_settings.h"

namespace pprun {
namespace {

static_assert(CudaLauncher::kMostMembers == kernels::kMostRanks);

// A case for every kind of call.
struct Launch {
  const kernels::CudaQueue& queue;

  void operator()(const OperationCall& call) const {
    kernels::LaunchOnCuda(queue, call.kind, call.attributes, call.operands, call.random);
  }
  void operator()(const ZeroCall& call) const { kernels::LaunchZero(queue, call.target); }
  void operator()(const CastCall& call) const {
    kernels::LaunchCast(queue, call.source, call.target);
  }
  void operator()(const AddCall& call) const {
    kernels::LaunchAddInto(queue, call.target, call.source);
  }
  void operator()(const CopyCall&) const {
    // The stream's own.
    CHECK(false);
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
                                  call.state);
        return;
      case OptimizerSpec::Kind::kAdam:
      case OptimizerSpec::Kind::kAdamW:
        kernels::LaunchAdamUpdates(queue, call.parameters, call.factor, AdamOf(optimizer),
                                   call.state);
        return;
    }
    CHECK(false);
  }
};

class KernelLauncher : public CudaLauncher {
 public:
  explicit KernelLauncher(CudaStreamHandle stream) : queue_(stream) {}

  void Launch(const DeviceCall& call) override { std::visit(pprun::Launch{queue_}, call); }
  void SumInRankOrder(DType dtype, std::span<const void* const> sources,
                      std::span<void* const> targets, int64_t elements) override {
    kernels::LaunchRankSum(queue_, dtype, sources, targets, elements);
  }
  void Mark(int64_t* word, int64_t value) override { kernels::LaunchMark(queue_, word, value); }

 private:
  const kernels::CudaQueue queue_;
};

}  // namespace

std::unique_ptr<CudaLauncher> MakeKernelLauncher(CudaStreamHandle stream) {
  return std::make_unique<KernelLauncher>(stream);
}

}  // namespace pprun
