// The emulated GPU's inside: fibers, barriers, and what a warp does together. Tests:
// gpu/emulation_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "cuda_runtime_api.h"

struct cudaLaunchConfig_t;

namespace pprun::emulation {

// In which order the threads of a block run between two barriers.
enum class Order : uint8_t { kAscending, kDescending };
void SetOrder(Order order);

// Runs the body once for every thread of every block. Refuses what a GPU of compute capability 8.0
// would refuse.
cudaError_t RunGrid(const cudaLaunchConfig_t& config, const void* kernel,
                    const std::function<void()>& body);

// The fiber waits until all threads of its block that have not ended do.
void AwaitBlock();

// The fiber waits until all lanes of its warp have come here with the same operation, which is then
// done once with what each lane gave. Lanes that come with different operations, or that have
// ended, are an error of the kernel and abort.
using WarpOperation = void (*)(void* const* lanes);
void DoWithWarp(WarpOperation operation, void* own);

// A copy that may happen at once or as late as the fiber waits for it: at once in ascending order,
// at the wait in descending order. One that is never awaited never happens there.
void StartCopy(void* to, const void* from, size_t bytes);
void AwaitCopies();

// The block's dynamic shared memory, filled with NaNs at its start.
unsigned char* DynamicShared();

}  // namespace pprun::emulation
