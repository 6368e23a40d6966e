#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>

#include "kernels/cpu_queue.h"
#include "kernels/elementwise.h"
#include "kernels/optimizer.h"
#include "tests/gpu/check_case.h"

namespace pprun::gpu {
namespace {

using kernels::AdamSettings;
using kernels::AdamTensors;
using kernels::StepState;
using kernels::Tensor;

constexpr auto kWritten = CaseTensor::Use::kWritten;
constexpr StepState kState = {.step = 7, .learning_rate = 0.01F};

// The state as a tensor, so that the device has it too; the last tensor of a case.
HostArray StateArray() {
  HostArray array(DType::kF64, {2});
  static_assert(sizeof(kState) == 16);
  std::memcpy(array.Data().data(), &kState, sizeof(kState));
  return array;
}

const StepState* StateOn(const Tensor& tensor) {
  return static_cast<const StepState*>(tensor.data);
}

std::vector<int64_t> Lengths(Extent extent) {
  std::vector<int64_t> lengths = {1, 7, 300, 4097};
  if (extent == Extent::kFull) lengths.insert(lengths.end(), {65537, 3 * 65536 + 5, 768 * 3072});
  return lengths;
}

class Optimizer {
 public:
  explicit Optimizer(const CheckContext& context)
      : context_(context), generator_(context.seed + 2) {}

  CheckRow SquareSum() {
    return RowOf("square_sum", "f32 to f64", 1e-12, [&](CheckRow& row) {
      std::vector<int64_t> lengths = Lengths(context_.extent);
      lengths.push_back(kernels::kNormBlock + 3);
      for (const int64_t elements : lengths) {
        for (const int64_t offset : {0, 1}) {
          RunCase(
              context_, std::to_string(elements) + " elements",
              {{Reals(elements)}, {Poison(DType::kF64, {kernels::NormBlocks(elements)}), kWritten}},
              offset, [&](auto t) { LaunchSquareSum(context_.cpu, t[0], t[1]); },
              [&](auto t) { LaunchSquareSum(context_.cuda, t[0], t[1]); }, row);
        }
      }
    });
  }

  CheckRow ClipFactor() {
    return RowOf("clip_factor", "f64 to f32", 1e-6, [&](CheckRow& row) {
      for (const int64_t count : {1, 33, 1700}) {
        for (const float max_norm : {1.0F, 1e6F}) {
          HostArray partials = RandomReals(DType::kF64, {count}, generator_, 0, 2, Rounding::kNone);
          HostArray order(DType::kI32, {count});
          for (int64_t i = 0; i < count; ++i) order.Set(i, static_cast<double>(count - 1 - i));
          const HostArray scalar = Poison(DType::kF32, Shape{});
          RunCase(
              context_, std::to_string(count) + " blocks",
              {{partials}, {order}, {scalar, kWritten}, {scalar, kWritten}}, 0,
              [&](auto t) { LaunchClipFactor(context_.cpu, t[0], t[1], max_norm, t[2], t[3]); },
              [&](auto t) { LaunchClipFactor(context_.cuda, t[0], t[1], max_norm, t[2], t[3]); },
              row);
        }
      }
    });
  }

  enum class Copy : uint8_t { kNone, kRounded };

  CheckRow Sgd(const char* name, float momentum, Copy copy) {
    // A bf16 copy may round the other way where the last bit of its parameter differs.
    const double allowed = copy == Copy::kRounded ? kRoundedTolerance : kFloatTolerance;
    return RowOf("sgd_update", name, allowed, [&](CheckRow& row) {
      const kernels::SgdSettings settings = {.momentum = momentum, .weight_decay = 0.1F};
      for (const int64_t elements : Lengths(context_.extent)) {
        for (const int64_t offset : {0, 1}) {
          const auto rounded = [&](const Tensor& tensor) {
            return copy == Copy::kRounded ? tensor : Tensor{};
          };
          const auto velocity = [&](const Tensor& tensor) {
            return momentum == 0 ? Tensor{} : tensor;
          };
          RunCase(
              context_, std::to_string(elements) + " elements",
              {{Reals(elements), kWritten},
               {Reals(elements)},
               {Reals(elements), kWritten},
               {Poison(DType::kBF16, {elements}),
                copy == Copy::kRounded ? kWritten : CaseTensor::Use::kRead},
               {StateArray()}},
              offset,
              [&](auto t) {
                LaunchSgdUpdate(context_.cpu, t[0], t[1], velocity(t[2]), rounded(t[3]), settings,
                                kState);
              },
              [&](auto t) {
                LaunchSgdUpdate(context_.cuda, t[0], t[1], velocity(t[2]), rounded(t[3]), settings,
                                StateOn(t[4]));
              },
              row);
        }
      }
    });
  }

  CheckRow Adam(const char* name, AdamSettings::Decay decay) {
    return RowOf("adam_update", name, kFloatTolerance, [&](CheckRow& row) {
      const AdamSettings settings = {.decay = decay, .weight_decay = 0.1F};
      for (const int64_t elements : Lengths(context_.extent)) {
        for (const int64_t offset : {0, 1}) {
          RunCase(
              context_, std::to_string(elements) + " elements",
              {{Reals(elements), kWritten},
               {Reals(elements)},
               {Reals(elements), kWritten},
               {Squares(elements), kWritten},
               {StateArray()}},
              offset,
              [&](auto t) {
                LaunchAdamUpdate(context_.cpu, t[0], t[1], t[2], t[3], {}, settings, kState);
              },
              [&](auto t) {
                LaunchAdamUpdate(context_.cuda, t[0], t[1], t[2], t[3], {}, settings,
                                 StateOn(t[4]));
              },
              row);
        }
      }
    });
  }

  // More parameters than one launch takes, of all lengths, every third without decay, every second
  // with a bf16 copy.
  CheckRow ManyAdams() {
    return RowOf("adam_updates", "f32 and bf16", kRoundedTolerance, [&](CheckRow& row) {
      constexpr int64_t kParameters = 101;
      constexpr size_t kEach = 5;
      const AdamSettings settings = {.weight_decay = 0.1F};
      std::vector<CaseTensor> tensors;
      for (int64_t i = 0; i < kParameters; ++i) {
        const std::vector<int64_t> lengths = Lengths(context_.extent);
        const int64_t elements = lengths[static_cast<size_t>(i) % lengths.size()] + i % 5;
        tensors.push_back({Reals(elements), kWritten});
        tensors.push_back({Reals(elements)});
        tensors.push_back({Reals(elements), kWritten});
        tensors.push_back({Squares(elements), kWritten});
        tensors.push_back(
            {Poison(DType::kBF16, {elements}), i % 2 == 0 ? kWritten : CaseTensor::Use::kRead});
      }
      tensors.push_back({StateArray()});
      const auto decays = [](size_t i) { return i % 3 != 0; };
      const auto on_cpu = [&](std::span<const Tensor> t) {
        for (size_t i = 0; i < static_cast<size_t>(kParameters); ++i) {
          AdamSettings own = settings;
          if (!decays(i)) own.weight_decay = 0;
          const auto each = t.subspan(i * kEach, kEach);
          LaunchAdamUpdate(context_.cpu, each[0], each[1], each[2], each[3],
                           i % 2 == 0 ? each[4] : Tensor{}, own, kState);
        }
      };
      const auto on_cuda = [&](std::span<const Tensor> t) {
        std::vector<AdamTensors> all;
        for (size_t i = 0; i < static_cast<size_t>(kParameters); ++i) {
          const auto each = t.subspan(i * kEach, kEach);
          all.push_back({.parameter = each[0],
                         .gradient = each[1],
                         .first = each[2],
                         .second = each[3],
                         .rounded = i % 2 == 0 ? each[4] : Tensor{},
                         .decay = decays(i) ? AdamTensors::Decay::kYes : AdamTensors::Decay::kNo});
        }
        LaunchAdamUpdates(context_.cuda, all, settings, StateOn(t.back()));
      };
      for (const int64_t offset : {0, 1})
        RunCase(context_, "many parameters", tensors, offset, on_cpu, on_cuda, row);
    });
  }

 private:
  HostArray Reals(int64_t elements) {
    return RandomReals(DType::kF32, {elements}, generator_, -2, 2, Rounding::kNone);
  }
  HostArray Squares(int64_t elements) {
    return RandomReals(DType::kF32, {elements}, generator_, 0.01, 2, Rounding::kNone);
  }

  const CheckContext& context_;
  std::mt19937 generator_;
};

}  // namespace

std::vector<CheckRow> CheckOptimizer(const CheckContext& context) {
  Optimizer optimizer(context);
  return {optimizer.SquareSum(),
          optimizer.ClipFactor(),
          optimizer.Sgd("f32", 0, Optimizer::Copy::kNone),
          optimizer.Sgd("f32, momentum", 0.9F, Optimizer::Copy::kNone),
          optimizer.Sgd("f32 and bf16", 0, Optimizer::Copy::kRounded),
          optimizer.Sgd("f32 and bf16, momentum", 0.9F, Optimizer::Copy::kRounded),
          optimizer.Adam("f32, adam", AdamSettings::Decay::kL2),
          optimizer.Adam("f32, adamw", AdamSettings::Decay::kDecoupled),
          optimizer.ManyAdams()};
}

}  // namespace pprun::gpu
