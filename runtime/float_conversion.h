// The float types that saved weights come in, as f32: F32, BF16 and F16 exactly, F64 rounded to
// nearest. Tests: weights_test.cc.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace pprun {

// Whether `dtype`, a name of the safetensors format, is one of them.
bool IsSavedFloat(std::string_view dtype);

// As many values as `values` has; `bytes` has their size in that type.
void ReadSavedFloats(std::string_view dtype, std::span<const std::byte> bytes,
                     std::span<float> values);

}  // namespace pprun
