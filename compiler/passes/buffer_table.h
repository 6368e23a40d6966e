// Buffers of one role while tasks are placed: found by layer instance and microbatch, made on first
// use. Tests: place_tasks_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "compiler/passes/draft.h"
#include "compiler/plan/ids.h"

namespace pprun {

// Of a bidirectional placement; others have one.
inline constexpr size_t kMostPipes = 2;

// Buffers of one role, made on first use: by instance and microbatch. Those of one instance and
// pipe share a pool.
class BufferTable {
 public:
  BufferTable(size_t rows, size_t microbatches)
      : microbatches_(microbatches), ids_(rows * microbatches), pools_(rows * kMostPipes) {}
  BufferId& At(size_t row, size_t microbatch) { return ids_[row * microbatches_ + microbatch]; }
  PoolId& PoolOf(size_t row, int32_t pipe) {
    return pools_[row * kMostPipes + static_cast<size_t>(pipe)];
  }

 private:
  size_t microbatches_;
  std::vector<BufferId> ids_;
  std::vector<PoolId> pools_;
};

}  // namespace pprun
