#include "compiler/plan/types.h"

#include "compiler/plan/base/check.h"

namespace pprun {

int64_t SizeOf(DType dtype) {
  switch (dtype) {
    case DType::kF32:
    case DType::kI32:
      return 4;
    case DType::kF64:
      return 8;
    case DType::kBF16:
      return 2;
  }
  CHECK(false);
}

std::string_view Name(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "f32";
    case DType::kF64:
      return "f64";
    case DType::kBF16:
      return "bf16";
    case DType::kI32:
      return "i32";
  }
  CHECK(false);
}

Shape::Shape(std::initializer_list<int64_t> dims) {
  CHECK(dims.size() <= kMaxRank);
  for (int64_t extent : dims) extents[static_cast<size_t>(rank++)] = extent;
}

int64_t Shape::Elements() const {
  int64_t product = 1;
  for (int i = 0; i < rank; ++i) product *= (*this)[i];
  return product;
}

std::optional<int64_t> Shape::ElementsIfValid() const {
  constexpr int64_t kLimit = int64_t{1} << 48;
  if (rank < 0 || rank > kMaxRank) return std::nullopt;
  int64_t product = 1;
  for (int i = 0; i < rank; ++i) {
    const int64_t extent = (*this)[i];
    if (extent <= 0 || extent > kLimit / product) return std::nullopt;
    product *= extent;
  }
  return product;
}

std::string ToString(const Shape& shape) {
  std::string text = "[";
  for (int i = 0; i < shape.rank; ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

std::string ToString(const TensorType& type) {
  return std::string(Name(type.dtype)) + ToString(type.shape);
}

}  // namespace pprun
