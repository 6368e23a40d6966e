// Tensors that own their memory, with random or poisoned contents, and comparisons of them, for the
// kernels' tests.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <ostream>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernel.h"

namespace pprun::kernels {

struct Array {
  DType dtype = DType::kF32;
  Shape shape;
  std::vector<uint64_t> memory;

  Array() = default;
  Array(DType type, const Shape& extents)
      : dtype(type),
        shape(extents),
        memory(static_cast<size_t>((extents.Elements() * SizeOf(type) + 7) / 8)) {}

  // A null tensor if the array was never given a shape.
  Tensor View() { return {memory.empty() ? nullptr : memory.data(), dtype, shape}; }
  std::span<float> Floats() {
    return {reinterpret_cast<float*>(memory.data()), static_cast<size_t>(shape.Elements())};
  }
  std::span<double> Doubles() {
    return {reinterpret_cast<double*>(memory.data()), static_cast<size_t>(shape.Elements())};
  }
  std::span<int32_t> Integers() {
    return {reinterpret_cast<int32_t*>(memory.data()), static_cast<size_t>(shape.Elements())};
  }
  // The bits of the elements; NaNs are equal to themselves.
  bool operator==(const Array& other) const {
    return dtype == other.dtype && shape == other.shape &&
           std::memcmp(memory.data(), other.memory.data(),
                       static_cast<size_t>(shape.Elements() * SizeOf(dtype))) == 0;
  }
};

inline void PrintTo(const Array& array, std::ostream* out) {
  *out << ToString(TensorType{array.dtype, array.shape});
}

// Uniform in [low, high).
inline Array RandomFloats(const Shape& shape, uint32_t seed, float low = -1, float high = 1) {
  Array array(DType::kF32, shape);
  std::mt19937 generator(seed);
  for (float& value : array.Floats()) {
    value = low + (high - low) * (static_cast<float>(generator() >> 8) * 0x1p-24F);
  }
  return array;
}

// Uniform in [0, bound).
inline Array RandomIntegers(const Shape& shape, uint32_t seed, int32_t bound) {
  Array array(DType::kI32, shape);
  std::mt19937 generator(seed);
  for (int32_t& value : array.Integers()) {
    value = static_cast<int32_t>(generator() % static_cast<uint32_t>(bound));
  }
  return array;
}

// NaN in every element, of either width, with `payload` in the low bits.
inline Array Poisoned(DType dtype, const Shape& shape, uint32_t payload = 0) {
  Array array(dtype, shape);
  const uint64_t half = 0x7FC00000U | payload;
  for (uint64_t& word : array.memory)
    word = dtype == DType::kF64 ? 0x7FF8000000000000U | payload : half << 32 | half;
  return array;
}

inline Array Poisoned(const Shape& shape) { return Poisoned(DType::kF32, shape); }
inline Array Zeros(const Shape& shape) { return {DType::kF32, shape}; }

inline std::vector<double> ToDoubles(std::span<const float> values) {
  return {values.begin(), values.end()};
}

// Each element within `tolerance` of the expected one, relative to it or to `floor`, whichever is
// larger.
inline void ExpectClose(std::span<const float> actual, const std::vector<double>& expected,
                        double tolerance, double floor) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    const double allowed = tolerance * std::max(std::abs(expected[i]), floor);
    ASSERT_LE(std::abs(static_cast<double>(actual[i]) - expected[i]), allowed)
        << "element " << i << ": " << actual[i] << " instead of " << expected[i];
  }
}

// The largest magnitude: sums of many terms are compared relative to it.
inline double Largest(const std::vector<double>& values) {
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

}  // namespace pprun::kernels
