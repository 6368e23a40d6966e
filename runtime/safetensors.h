// The safetensors format: a length, a JSON header, and tensors without holes or overlaps. The
// reader is strict: any bytes give the tensors or one clear error, and it allocates in proportion
// to the header. Format: u64 little-endian N, N bytes of JSON beginning with `{` and padded with
// spaces, then the data; offsets count from 8 + N; N at most 100,000,000. Tests:
// safetensors_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/plan/types.h"

namespace pprun {

inline constexpr uint64_t kSafetensorsHeaderLimit = 100'000'000;

struct SavedTensor {
  std::string name;
  std::string dtype;           // as the file says: "F32", "BF16", "I64"
  std::vector<int64_t> shape;  // any rank; extents may be 0
  uint64_t begin = 0;          // bytes of the file, header included
  uint64_t end = 0;
};

struct SafetensorsContents {
  std::vector<SavedTensor> tensors;  // by offset
  std::vector<std::pair<std::string, std::string>> metadata;
};

// `file` is a whole file. Throws std::runtime_error with one line that says what is wrong, without
// the file's name.
SafetensorsContents ReadSafetensors(std::span<const std::byte> file);

// "F32", "BF16".
std::string_view SafetensorsName(DType dtype);

struct TensorToSave {
  std::string name;
  TensorType type;
};

// `fill(i, bytes)` gives the data of the i-th tensor; it is called once each, in order, so that
// only one tensor at a time need be in host memory. The file appears whole, under its final name,
// or not at all. Throws std::runtime_error that names the file.
void WriteSafetensors(const std::string& path, std::span<const TensorToSave> tensors,
                      std::span<const std::pair<std::string, std::string>> metadata,
                      const std::function<void(size_t, std::span<std::byte>)>& fill);

}  // namespace pprun
