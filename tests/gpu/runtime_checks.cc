// What the runtime itself launches: sums over ranks against plain loops, bit by bit, and marks.
#include <cstring>
#include <random>
#include <string>

#include "kernels/formulas/bfloat16.h"
#include "kernels/rank_sum.h"
#include "tests/gpu/check_case.h"

namespace pprun::gpu {
namespace {

using kernels::Tensor;

// The sum of the sources in their order, as the element type adds.
void SumPlainly(std::span<const Tensor> sources, std::span<const Tensor> targets) {
  const int64_t elements = sources[0].shape.Elements();
  const auto sum_as = [&](auto zero, const auto& read, const auto& write) {
    for (int64_t i = 0; i < elements; ++i) {
      auto sum = zero;
      for (size_t s = 0; s < sources.size(); ++s) {
        sum = s == 0 ? read(sources[s], i) : sum + read(sources[s], i);
      }
      for (const Tensor& target : targets) write(target, i, sum);
    }
  };
  switch (sources[0].dtype) {
    case DType::kF32:
      return sum_as(
          0.0F, [](const Tensor& t, int64_t i) { return t.f32()[i]; },
          [](const Tensor& t, int64_t i, float sum) { t.f32()[i] = sum; });
    case DType::kF64:
      return sum_as(
          0.0, [](const Tensor& t, int64_t i) { return t.f64()[i]; },
          [](const Tensor& t, int64_t i, double sum) { t.f64()[i] = sum; });
    case DType::kI32:
      return sum_as(
          uint32_t{0}, [](const Tensor& t, int64_t i) { return static_cast<uint32_t>(t.i32()[i]); },
          [](const Tensor& t, int64_t i, uint32_t sum) { t.i32()[i] = static_cast<int32_t>(sum); });
    case DType::kBF16:
      return sum_as(
          0.0F,
          [](const Tensor& t, int64_t i) {
            return kernels::FloatOfBfloat16(static_cast<const uint16_t*>(t.data)[i]);
          },
          [](const Tensor& t, int64_t i, float sum) {
            static_cast<uint16_t*>(t.data)[i] = kernels::BitsOfBfloat16(sum);
          });
  }
}

void SumOnDevice(const CheckContext& context, std::span<const Tensor> sources,
                 std::span<const Tensor> targets) {
  std::vector<const void*> from;
  std::vector<void*> to;
  for (const Tensor& source : sources) from.push_back(source.data);
  for (const Tensor& target : targets) to.push_back(target.data);
  kernels::LaunchRankSum(context.cuda, sources[0].dtype, from, to, sources[0].shape.Elements());
}

// `members` buffers, summed into all of them (all_reduce), or into one of its own (reduce_scatter).
enum class Into : uint8_t { kSources, kOther };

void CheckSum(const CheckContext& context, DType dtype, size_t members, int64_t elements,
              int64_t offset, Into into, std::mt19937& generator, CheckRow& row) {
  std::vector<CaseTensor> tensors;
  for (size_t i = 0; i < members; ++i) {
    tensors.push_back(
        {dtype == DType::kI32 ? RandomIntegers({elements}, generator, 1 << 30)
                              : RandomReals(dtype, {elements}, generator, -2, 2, Rounding::kNone),
         into == Into::kSources ? CaseTensor::Use::kWritten : CaseTensor::Use::kRead});
  }
  if (into == Into::kOther)
    tensors.push_back({Poison(dtype, {elements}), CaseTensor::Use::kWritten});
  const auto sources = [&](auto t) { return t.first(members); };
  const auto targets = [&](auto t) { return into == Into::kSources ? t : t.last(1); };
  RunCase(
      context,
      std::to_string(members) + " ranks, " + std::to_string(elements) + " elements, offset " +
          std::to_string(offset),
      tensors, offset, [&](auto t) { SumPlainly(sources(t), targets(t)); },
      [&](auto t) { SumOnDevice(context, sources(t), targets(t)); }, row);
}

}  // namespace

void CheckRuntime(const CheckContext& context) {
  std::mt19937 generator(context.seed + 3);
  std::vector<int64_t> lengths = {1, 7, 1025};
  if (context.extent == Extent::kFull) lengths.push_back(10'000'001);
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF64, DType::kI32}) {
    RunRow(context, "rank_sum", std::string(pprun::Name(dtype)), 0, [&](CheckRow& row) {
      for (const int64_t elements : lengths) {
        for (const size_t members : {1, 2, 5, 8}) {
          for (const int64_t offset : {0, 1}) {
            for (const Into into : {Into::kSources, Into::kOther}) {
              CheckSum(context, dtype, members, elements, offset, into, generator, row);
            }
          }
        }
      }
      CheckSum(context, dtype, kernels::kMostRanks, 33, 0, Into::kSources, generator, row);
    });
  }
  RunRow(context, "mark", "i64", 0, [&](CheckRow& row) {
    // A word in two halves.
    constexpr int64_t kValue = (int64_t{5} << 32) + 7;
    RunCase(
        context, "5 * 2^32 + 7", {{Poison(DType::kI32, {2}), CaseTensor::Use::kWritten}}, 0,
        [&](auto t) { std::memcpy(t[0].data, &kValue, sizeof(kValue)); },
        [&](auto t) { LaunchMark(context.cuda, static_cast<int64_t*>(t[0].data), kValue); }, row);
  });
}

}  // namespace pprun::gpu
