// A plan's parameters as a safetensors file, under the names that Parameter::exports gives: row
// ranges, transposed where the family wants it. Values are those of the whole tensor, so any mesh
// reads what any other saved. Tests: weights_test.cc.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "compiler/plan/plan.h"
#include "runtime/mapped_file.h"
#include "runtime/safetensors.h"

namespace pprun {

// Gives a parameter's values: row-major, of the global shape.
using GiveValues = std::function<void(ParameterId, std::span<float>)>;

// Writes all parameters of the plan as F32. Calls `values` once for each parameter, one after the
// other. Throws std::runtime_error; then nothing new is under `path`.
void SaveWeights(const std::string& path, const Plan& plan, const GiveValues& values);

// Saved weights that fit a plan: opened and checked once, read parameter by parameter, from any
// thread.
class WeightsFile {
 public:
  // Throws std::runtime_error that names the file and the tensor: one that is missing, or has
  // another shape or a type that is no float (F32, BF16, F16 and F64 are read).
  WeightsFile(const std::string& path, const Plan& plan);

  // `values` has the parameter's global number of elements.
  void Read(ParameterId parameter, std::span<float> values) const;

  // What a user should know though it is no error: tensors of the file that no parameter uses.
  const std::vector<std::string>& notices() const { return notices_; }

 private:
  struct Piece {
    SavedTensor tensor;
    ExportPart part;
  };

  MappedFile file_;
  std::vector<std::vector<Piece>> pieces_;  // by ParameterId
  std::vector<int64_t> row_elements_;       // by ParameterId
  std::vector<std::string> notices_;
};

}  // namespace pprun
