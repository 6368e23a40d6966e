#include "runtime/batch_staging.h"

namespace pprun {
namespace {

std::span<int32_t> Elements(HostMemory& memory) {
  return {reinterpret_cast<int32_t*>(memory.data()),
          static_cast<size_t>(memory.bytes()) / sizeof(int32_t)};
}

}  // namespace

BatchShare ShareOf(const Plan& plan, int64_t rank) {
  // Replicas that see other data; those of further axes share a slice.
  const RankCoordinates coordinates = CoordinatesOf(plan, rank);
  int64_t replicas = 1;
  int64_t replica = 0;
  for (size_t axis = 0; axis < plan.mesh.size(); ++axis) {
    if (plan.mesh[axis].name != "dp" && plan.mesh[axis].name != "fsdp") continue;
    replicas *= plan.mesh[axis].size;
    replica = replica * plan.mesh[axis].size + coordinates.axes[axis];
  }
  BatchShare share;
  share.microbatch = plan.train.batch / plan.train.microbatches;
  share.samples = share.microbatch / replicas;
  share.first = replica * share.samples;
  return share;
}

BatchStaging::BatchStaging(const Plan& plan, int64_t rank, Device& device)
    : batch_(plan.train.batch),
      sequence_(static_cast<size_t>(plan.train.sequence)),
      share_(ShareOf(plan, rank)),
      device_(device) {}

const int32_t* BatchStaging::Reserve(Load::What what, MicrobatchId microbatch) {
  Microbatch& staged = microbatches_[microbatch];
  if (!staged.tokens) {
    const size_t elements = static_cast<size_t>(share_.samples) * sequence_;
    const auto bytes = static_cast<int64_t>(elements * sizeof(int32_t));
    // A data set yields both at once, so both have room.
    staged.tokens = device_.AllocateHost(bytes);
    staged.targets = device_.AllocateHost(bytes);
  }
  return Elements(what == Load::What::kTokens ? *staged.tokens : *staged.targets).data();
}

void BatchStaging::Fill(const DataSet& data, int64_t run) {
  for (auto& [id, staged] : microbatches_) {
    const int64_t first = run * batch_ + share_.FirstSample(id);
    for (int64_t sample = 0; sample < share_.samples; ++sample) {
      const size_t at = static_cast<size_t>(sample) * sequence_;
      data.Sample(first + sample, Elements(*staged.tokens).subspan(at, sequence_),
                  Elements(*staged.targets).subspan(at, sequence_));
    }
  }
}

}  // namespace pprun
