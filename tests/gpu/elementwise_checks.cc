#include <array>
#include <limits>
#include <string>

#include "kernels/elementwise.h"
#include "kernels/initialise.h"
#include "tests/gpu/check_case.h"

namespace pprun::gpu {
namespace {

using kernels::Tensor;

constexpr auto kWritten = CaseTensor::Use::kWritten;

std::vector<int64_t> Lengths(Extent extent) {
  std::vector<int64_t> lengths = {1, 3, 8, 31, 256, 1025};
  if (extent == Extent::kFull) lengths.insert(lengths.end(), {65536, 1000003, 4000037});
  return lengths;
}

// Calls body(elements, offset) for every length, aligned and not.
template <class Body>
void ForLengths(Extent extent, const Body& body) {
  for (const int64_t length : Lengths(extent)) {
    body(length, 0);
    body(length, 1);
  }
}

std::string Name(int64_t elements, int64_t offset) {
  return std::to_string(elements) + " elements, offset " + std::to_string(offset);
}

// Values that a conversion may trip over: halves between two bf16, overflow, zeros, subnormals,
// NaN.
HostArray AwkwardFloats(int64_t elements, std::mt19937& generator) {
  HostArray array = RandomReals(DType::kF32, {elements}, generator, -3, 3, Rounding::kNone);
  const std::array<double, 9> awkward = {1.00390625,
                                         1.01171875,
                                         3.4e38,
                                         -3.4e38,
                                         0.0,
                                         -0.0,
                                         1e-40,
                                         std::numeric_limits<double>::infinity(),
                                         -std::numeric_limits<double>::infinity()};
  for (size_t i = 0; i < awkward.size() && static_cast<int64_t>(i) < elements; ++i)
    array.Set(static_cast<int64_t>(i), awkward[i]);
  return array;
}

}  // namespace

void CheckElementwise(const CheckContext& context) {
  std::mt19937 generator(context.seed + 1);
  const auto reals = [&](DType dtype, int64_t elements) {
    return RandomReals(dtype, {elements}, generator, -2, 2, Rounding::kNone);
  };
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF64, DType::kI32}) {
    RunRow(context, "zero", std::string(pprun::Name(dtype)), 0, [&](CheckRow& row) {
      ForLengths(context.extent, [&](int64_t elements, int64_t offset) {
        RunCase(
            context, Name(elements, offset), {{Poison(dtype, {elements}), kWritten}}, offset,
            [&](auto t) { LaunchZero(context.cpu, t[0]); },
            [&](auto t) { LaunchZero(context.cuda, t[0]); }, row);
      });
    });
  }
  for (const DType dtype : {DType::kF32, DType::kF64}) {
    RunRow(context, "add_into", std::string(pprun::Name(dtype)), 0, [&](CheckRow& row) {
      ForLengths(context.extent, [&](int64_t elements, int64_t offset) {
        RunCase(
            context, Name(elements, offset),
            {{reals(dtype, elements), kWritten}, {reals(dtype, elements)}}, offset,
            [&](auto t) { LaunchAddInto(context.cpu, t[0], t[1]); },
            [&](auto t) { LaunchAddInto(context.cuda, t[0], t[1]); }, row);
      });
    });
  }
  const auto check_cast = [&](const char* name, DType from, DType to) {
    RunRow(context, "cast", name, 0, [&](CheckRow& row) {
      ForLengths(context.extent, [&](int64_t elements, int64_t offset) {
        RunCase(
            context, Name(elements, offset),
            {{As(from, AwkwardFloats(elements, generator))}, {Poison(to, {elements}), kWritten}},
            offset, [&](auto t) { LaunchCast(context.cpu, t[0], t[1]); },
            [&](auto t) { LaunchCast(context.cuda, t[0], t[1]); }, row);
      });
    });
  };
  check_cast("f32 to bf16", DType::kF32, DType::kBF16);
  check_cast("bf16 to f32", DType::kBF16, DType::kF32);
  check_cast("f32 to f32", DType::kF32, DType::kF32);

  using Kind = kernels::Distribution::Kind;
  for (const auto& [name, kind] : {std::pair{"zeros", Kind::kZeros}, std::pair{"ones", Kind::kOnes},
                                   std::pair{"normal", Kind::kNormal}}) {
    // The logarithm and the cosine of a double may differ by an ulp, which one value in 10^8 shows.
    const double allowed = kind == Kind::kNormal && context.extent == Extent::kFull ? 1e-9 : 0;
    RunRow(context, "initialise", name, allowed, [&](CheckRow& row) {
      ForLengths(context.extent, [&](int64_t elements, int64_t offset) {
        const kernels::Distribution distribution = {kind, 0.02F};
        const kernels::InitialiseKey key = {.seed = context.seed, .name = 77, .first_element = 12};
        RunCase(
            context, Name(elements, offset), {{Poison(DType::kF32, {elements}), kWritten}}, offset,
            [&](auto t) { LaunchInitialise(context.cpu, t[0], distribution, key); },
            [&](auto t) { LaunchInitialise(context.cuda, t[0], distribution, key); }, row);
      });
    });
  }
}

}  // namespace pprun::gpu
