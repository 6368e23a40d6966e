// Element types, shapes and tensor types: what a buffer, an operand or a message consists of.
// Sizes are computed with overflow checks, since a plan file may say anything.
// Tests: types_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace pprun {

enum class DType : uint8_t { kF32, kF64, kBF16, kI32 };
inline constexpr int kDTypeCount = 4;

// Bytes of one element.
int64_t SizeOf(DType dtype);

// "f32", "f64", "bf16", "i32".
std::string_view Name(DType dtype);

// A row-major shape of up to four dimensions; rank 0 is a scalar.
struct Shape {
  static constexpr int kMaxRank = 4;

  std::array<int64_t, kMaxRank> extents{};
  int8_t rank = 0;

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims);

  int64_t operator[](int dimension) const { return extents[static_cast<size_t>(dimension)]; }
  bool operator==(const Shape&) const = default;

  // Product of the extents; the shape must be known to be valid (see ElementsIfValid).
  int64_t Elements() const;
  // Empty if an extent is not positive or the product exceeds 2^48.
  std::optional<int64_t> ElementsIfValid() const;
};

// "[8, 128, 512]"; "[]" for a scalar.
std::string ToString(const Shape& shape);

struct TensorType {
  DType dtype = DType::kF32;
  Shape shape;

  bool operator==(const TensorType&) const = default;
  int64_t Bytes() const { return SizeOf(dtype) * shape.Elements(); }
};

// "f32[8, 128, 512]".
std::string ToString(const TensorType& type);

}  // namespace pprun
