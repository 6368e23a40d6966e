// Splits the rows of a kernel's output among the threads of the queue. Every output element is
// computed by one thread in an order that does not depend on the split, so the number of threads
// changes no bits. Threads come from OpenMP, which is there where oneDNN is; elsewhere the calling
// thread does all. Included by *_cpu.cc only. Tests: threads_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cpu_queue.h"

namespace pprun::kernels {

// Runs body(worker) for every worker in [0, workers), on that many threads where there are any.
template <class Body>
void ForWorkers(int workers, const Body& body) {
#ifdef _OPENMP
  if (workers > 1) {
#pragma omp parallel for num_threads(workers) schedule(static)
    for (int worker = 0; worker < workers; ++worker) body(worker);
    return;
  }
#endif
  for (int worker = 0; worker < workers; ++worker) body(worker);
}

// Calls body(begin, end) for disjoint ranges that cover [0, count); ranges hold at least `grain`
// units, so that small work stays on the calling thread.
template <class Body>
void ForRanges(const CpuQueue& queue, int64_t count, int64_t grain, const Body& body) {
  if (count <= 0) return;
  const int64_t ranges = std::clamp<int64_t>(count / grain, 1, queue.threads);
  ForWorkers(static_cast<int>(ranges),
             [&](int range) { body(count * range / ranges, count * (range + 1) / ranges); });
}

// Calls body(unit, worker) for every unit in [0, count), unit by unit; worker < queue.threads names
// the scratch space that a unit may use.
template <class Body>
void ForUnits(const CpuQueue& queue, int64_t count, const Body& body) {
  const int workers = static_cast<int>(std::min<int64_t>(queue.threads, count));
  ForWorkers(workers, [&](int worker) {
    for (int64_t unit = worker; unit < count; unit += workers) body(unit, worker);
  });
}

// Elements for which starting a second thread pays, at about one operation an element.
inline constexpr int64_t kElementGrain = 32768;

// How many rows of `width` elements make that many elements.
inline int64_t RowGrain(int64_t width) {
  return std::max<int64_t>(1, kElementGrain / std::max<int64_t>(1, width));
}

}  // namespace pprun::kernels
