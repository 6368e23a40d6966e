// Splits the rows of a kernel's output among the threads of the queue. Every output element is
// computed by one thread in an order that does not depend on the split, so the number of threads
// changes no bits. Threads come from OpenMP, which is there where oneDNN is; elsewhere the calling
// thread does all. Included by *_cpu.cc only. Tests: threads_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cpu_queue.h"

namespace pprun::kernels {

// Calls body(begin, end) for disjoint ranges that cover [0, count); ranges hold at least `grain`
// units, so that small work stays on the calling thread.
template <class Body>
void ForRanges(const CpuQueue& queue, int64_t count, int64_t grain, const Body& body) {
  const int64_t wanted = std::max<int64_t>(1, count / std::max<int64_t>(1, grain));
  const int threads = static_cast<int>(std::min<int64_t>(queue.threads, wanted));
#ifdef _OPENMP
  if (threads > 1) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int thread = 0; thread < threads; ++thread) {
      body(count * thread / threads, count * (thread + 1) / threads);
    }
    return;
  }
#endif
  if (count > 0) body(int64_t{0}, count);
}

// Calls body(unit, worker) for every unit in [0, count), unit by unit; worker < queue.threads names
// the scratch space that a unit may use.
template <class Body>
void ForUnits(const CpuQueue& queue, int64_t count, const Body& body) {
  const int threads = static_cast<int>(std::min<int64_t>(queue.threads, count));
#ifdef _OPENMP
  if (threads > 1) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int worker = 0; worker < threads; ++worker) {
      for (int64_t unit = worker; unit < count; unit += threads) body(unit, worker);
    }
    return;
  }
#endif
  for (int64_t unit = 0; unit < count; ++unit) body(unit, 0);
}

// Elements for which starting a second thread pays, at about one operation an element.
inline constexpr int64_t kElementGrain = 32768;

// How many rows of `width` elements make that many elements.
inline int64_t RowGrain(int64_t width) {
  return std::max<int64_t>(1, kElementGrain / std::max<int64_t>(1, width));
}

}  // namespace pprun::kernels
