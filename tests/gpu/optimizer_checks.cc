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
using kernels::SquareSumTensors;
using kernels::StepState;
using kernels::Tensor;
using kernels::UpdateTensors;

constexpr auto kRead = CaseTensor::Use::kRead;
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

  // More gradients than one launch takes, of all lengths.
  void SquareSums() {
    RunRow(context_, "square_sums", "f32 to f64", 1e-12, [&](CheckRow& row) {
      std::vector<int64_t> lengths = Lengths(context_.extent);
      lengths.push_back(kernels::kNormBlock + 3);
      std::vector<CaseTensor> tensors;
      for (size_t i = 0; i < 130; ++i) {
        const int64_t elements = lengths[i % lengths.size()];
        tensors.push_back({Reals(elements)});
        tensors.push_back({Poison(DType::kF64, {kernels::NormBlocks(elements)}), kWritten});
      }
      const auto all = [](std::span<const Tensor> t) {
        std::vector<SquareSumTensors> sums;
        for (size_t i = 0; i < t.size(); i += 2) sums.push_back({t[i], t[i + 1]});
        return sums;
      };
      for (const size_t count : {size_t{2}, tensors.size()}) {
        for (const int64_t offset : {0, 1}) {
          RunCase(
              context_, std::to_string(count / 2) + " gradients",
              std::vector(tensors.end() - static_cast<ptrdiff_t>(count), tensors.end()), offset,
              [&](auto t) { LaunchSquareSums(context_.cpu, all(t)); },
              [&](auto t) { LaunchSquareSums(context_.cuda, all(t)); }, row);
        }
      }
    });
  }

  void ClipFactor() {
    RunRow(context_, "clip_factor", "f64 to f32", 1e-6, [&](CheckRow& row) {
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

  enum class Copies : uint8_t { kNone, kEverySecond };

  // More parameters than one launch takes, of all lengths, every third without decay; then one
  // alone and unclipped.
  void Sgd(const char* name, float momentum, Copies copies) {
    const kernels::SgdSettings settings = {.momentum = momentum, .weight_decay = 0.1F};
    const Moments moments = momentum == 0 ? Moments::kNone : Moments::kOne;
    Updates(
        "sgd_update", name, copies, moments,
        [&](const Arguments& a) {
          LaunchSgdUpdates(context_.cpu, a.parameters, a.factor, settings, kState);
        },
        [&](const Arguments& a) {
          LaunchSgdUpdates(context_.cuda, a.parameters, a.factor, settings, StateOn(a.state));
        });
  }

  void Adam(const char* name, AdamSettings::Decay decay, Copies copies) {
    const AdamSettings settings = {.decay = decay, .weight_decay = 0.1F};
    Updates(
        "adam_update", name, copies, Moments::kTwo,
        [&](const Arguments& a) {
          LaunchAdamUpdates(context_.cpu, a.parameters, a.factor, settings, kState);
        },
        [&](const Arguments& a) {
          LaunchAdamUpdates(context_.cuda, a.parameters, a.factor, settings, StateOn(a.state));
        });
  }

 private:
  enum class Moments : uint8_t { kNone, kOne, kTwo };

  struct Arguments {
    std::vector<UpdateTensors> parameters;
    Tensor factor, state;
  };

  template <class OnCpu, class OnCuda>
  void Updates(const char* operation, const char* name, Copies copies, Moments moments,
               const OnCpu& on_cpu, const OnCuda& on_cuda) {
    // A bf16 copy may round the other way where the last bit of its parameter differs.
    const double allowed = copies == Copies::kNone ? kFloatTolerance : kRoundedTolerance;
    RunRow(context_, operation, name, allowed, [&](CheckRow& row) {
      constexpr size_t kEach = 5;
      const std::vector<int64_t> lengths = Lengths(context_.extent);
      for (const size_t parameters : {size_t{101}, size_t{1}}) {
        const auto rounds = [&](size_t i) { return copies != Copies::kNone && i % 2 == 0; };
        std::vector<CaseTensor> tensors;
        for (size_t i = 0; i < parameters; ++i) {
          const int64_t elements = lengths[(i + 1) % lengths.size()] + static_cast<int64_t>(i % 5);
          tensors.push_back({Reals(elements), kWritten});
          tensors.push_back({Reals(elements)});
          tensors.push_back({Reals(elements), moments == Moments::kNone ? kRead : kWritten});
          tensors.push_back({Squares(elements), moments == Moments::kTwo ? kWritten : kRead});
          tensors.push_back({Poison(DType::kBF16, {elements}), rounds(i) ? kWritten : kRead});
        }
        HostArray factor(DType::kF32, Shape{});
        factor.Set(0, 0.3);
        tensors.push_back({factor});
        tensors.push_back({StateArray()});
        const auto arguments = [&](std::span<const Tensor> t) {
          Arguments result = {.parameters = {},
                              .factor = parameters == 1 ? Tensor{} : t[t.size() - 2],
                              .state = t.back()};
          for (size_t i = 0; i < parameters; ++i) {
            const auto each = t.subspan(i * kEach, kEach);
            using Decay = UpdateTensors::Decay;
            result.parameters.push_back({.parameter = each[0],
                                         .gradient = each[1],
                                         .first = moments == Moments::kNone ? Tensor{} : each[2],
                                         .second = moments == Moments::kTwo ? each[3] : Tensor{},
                                         .rounded = rounds(i) ? each[4] : Tensor{},
                                         .decay = i % 3 == 0 ? Decay::kNo : Decay::kYes});
          }
          return result;
        };
        for (const int64_t offset : {0, 1}) {
          RunCase(
              context_, std::to_string(parameters) + " parameters", tensors, offset,
              [&](auto t) { on_cpu(arguments(t)); }, [&](auto t) { on_cuda(arguments(t)); }, row);
        }
      }
    });
  }

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

void CheckOptimizer(const CheckContext& context) {
  Optimizer optimizer(context);
  using Copies = Optimizer::Copies;
  optimizer.SquareSums();
  optimizer.ClipFactor();
  optimizer.Sgd("f32", 0, Copies::kNone);
  optimizer.Sgd("f32, momentum", 0.9F, Copies::kNone);
  optimizer.Sgd("f32 and bf16", 0, Copies::kEverySecond);
  optimizer.Sgd("f32 and bf16, momentum", 0.9F, Copies::kEverySecond);
  optimizer.Adam("f32, adam", AdamSettings::Decay::kL2, Copies::kNone);
  optimizer.Adam("f32, adamw", AdamSettings::Decay::kDecoupled, Copies::kNone);
  optimizer.Adam("f32 and bf16, adamw", AdamSettings::Decay::kDecoupled, Copies::kEverySecond);
}

}  // namespace pprun::gpu
