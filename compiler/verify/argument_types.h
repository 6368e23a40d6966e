// The tensor that each argument of each function is, and each buffer of a position, as numbers: a
// plan binds the same few buffers to the same few arguments again and again. Tests:
// named_damage_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "compiler/plan/plan.h"

namespace pprun {

// Numbers of types: equal where the types are.
class TypeNumbers {
 public:
  int32_t Of(const TensorType& type) {
    const auto key = std::tuple(type.dtype, type.shape.rank, type.shape.extents);
    return numbers_.try_emplace(key, static_cast<int32_t>(numbers_.size())).first->second;
  }

 private:
  std::map<std::tuple<DType, int8_t, std::array<int64_t, Shape::kMaxRank>>, int32_t> numbers_;
};

inline constexpr int32_t kAnyType = -1;

struct ArgumentType {
  int64_t bytes = 0;
  // None for regions that hold several tensors (frames, stash, workspace), and where no view covers
  // the whole argument.
  std::optional<TensorType> type;
  int32_t number = kAnyType;
};

// [function][argument].
using ArgumentTypes = std::vector<std::vector<ArgumentType>>;

ArgumentTypes ArgumentTypesOf(const Plan& plan, TypeNumbers& numbers);

}  // namespace pprun
