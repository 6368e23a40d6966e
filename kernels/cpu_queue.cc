#include "kernels/cpu_queue.h"

#include <utility>

#include "compiler/plan/base/check.h"

namespace pprun::kernels {
namespace {

template <class Element>
Element* Grown(std::vector<Element>& memory, int64_t count) {
  if (memory.size() < static_cast<size_t>(count)) memory.resize(static_cast<size_t>(count));
  return memory.data();
}

}  // namespace

CpuQueue::CpuQueue(int thread_count) : CpuQueue(thread_count, MakeLinearAlgebra(thread_count)) {}

CpuQueue::CpuQueue(int thread_count, std::unique_ptr<LinearAlgebra> algebra)
    : threads(thread_count),
      linear_algebra(std::move(algebra)),
      scratch(std::make_unique<Scratch>()) {
  CHECK(threads >= 1);
}

float* ScratchFloats(const CpuQueue& queue, int64_t count) {
  return Grown(queue.scratch->floats, count);
}

float* ScratchWidened(const CpuQueue& queue, int64_t count) {
  return Grown(queue.scratch->widened, count);
}

double* ScratchDoubles(const CpuQueue& queue, int64_t count) {
  return Grown(queue.scratch->doubles, count);
}

}  // namespace pprun::kernels
