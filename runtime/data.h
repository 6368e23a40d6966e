// Training data: which tokens sample j of step s consists of. That depends on the seed and s *
// batch + j alone, never on the mesh. A sample is sequence + 1 consecutive tokens: inputs are the
// first `sequence`, targets the last. Windows are drawn without replacement from an epoch's
// permutation of the disjoint windows of the file, shifted by a random offset each epoch. Tests:
// data_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "compiler/plan/plan.h"

namespace pprun {

class DataSet {
 public:
  virtual ~DataSet() = default;
  // Number of tokens; 0 for endless synthetic data.
  virtual int64_t Tokens() const = 0;
  // Fills `sequence` inputs and as many targets of the sample with this global index (step * batch
  // + j).
  virtual void Sample(int64_t index, std::span<int32_t> inputs,
                      std::span<int32_t> targets) const = 0;
};

// Opens the source and checks it: missing file, shorter than a sequence, a token id beyond
// the vocabulary (with its offset). Throws std::runtime_error with one clear line.
std::unique_ptr<DataSet> OpenData(const DataSpec& spec, int64_t sequence, int64_t vocabulary,
                                  uint64_t seed);

}  // namespace pprun
