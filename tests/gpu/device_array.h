// Tensors on both sides for the kernels' checks: on the host as doubles or bytes, on the device
// with guards around them, at any alignment.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "compiler/plan/types.h"
#include "kernels/kernel.h"

namespace pprun::gpu {

// A typed tensor in host memory.
struct HostArray {
  DType dtype = DType::kF32;
  Shape shape;
  std::vector<uint64_t> memory;  // aligned for every type

  HostArray() = default;
  HostArray(DType type, const Shape& extents);

  int64_t Bytes() const { return shape.Elements() * SizeOf(dtype); }
  std::span<std::byte> Data();
  std::span<const std::byte> Data() const;
  kernels::Tensor View();
  double At(int64_t element) const;
  void Set(int64_t element, double value);
};

// Uniform in [low, high), of any floating type; rounded to bf16 if asked to, in whatever type.
enum class Rounding : uint8_t { kNone, kBfloat16 };
HostArray RandomReals(DType dtype, const Shape& shape, std::mt19937& generator, double low,
                      double high, Rounding rounding);
HostArray RandomIntegers(const Shape& shape, std::mt19937& generator, int32_t bound);
// NaN in every element; all bits set, for integers.
HostArray Poison(DType dtype, const Shape& shape);
// The same values as another type.
HostArray As(DType dtype, const HostArray& array);

// |actual - expected| / |expected|, or |actual - expected| where nothing is expected; infinite if
// anything is not a number.
double RelativeError(const HostArray& actual, const HostArray& expected);

// A tensor in device memory, `offset` elements after a 256-byte boundary, with guards on both
// sides.
class DeviceArray {
 public:
  DeviceArray(const HostArray& contents, int64_t offset);
  ~DeviceArray();
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  kernels::Tensor View() const;
  void Upload(const HostArray& contents) const;
  HostArray Download() const;
  bool GuardsHold() const;

 private:
  DType dtype_;
  Shape shape_;
  int64_t begin_ = 0;  // bytes before the tensor
  int64_t bytes_ = 0;  // of all
  std::byte* memory_ = nullptr;
};

}  // namespace pprun::gpu
