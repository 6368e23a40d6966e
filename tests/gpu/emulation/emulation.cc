#include "emulation.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>
#include <vector>

#include "cuda_runtime.h"

dim3 threadIdx;
dim3 blockIdx;
dim3 blockDim;
dim3 gridDim;

namespace pprun::emulation {
namespace {

constexpr int kLanes = 32;
constexpr size_t kMostThreads = 1024;
constexpr size_t kStackBytes = 128 << 10;
// Of a GPU of compute capability 8.0; without being asked for, 48 KiB.
constexpr size_t kMostSharedBytes = 163 << 10;
constexpr size_t kUnaskedSharedBytes = 48 << 10;

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "emulation: block %u, thread %u: %s\n", blockIdx.x, threadIdx.x, what);
  std::abort();
}

enum class State : uint8_t { kRunnable, kAtBlock, kAtWarp, kEnded };

struct Copy {
  void* to;
  const void* from;
  size_t bytes;
};

struct Fiber {
  ucontext_t start;  // on a stack of its own; entered once
  jmp_buf at;        // from then on
  enum class Stack : uint8_t { kUnused, kEntered } stack = Stack::kUnused;
  State state = State::kEnded;
  WarpOperation operation = nullptr;
  void* own = nullptr;
  std::vector<Copy> copies;  // not yet done
};

void Enter();

// The emulated GPU has state, as a GPU has: the one thing in this folder that is not a function.
struct Gpu {
  Order order = Order::kAscending;
  std::vector<Fiber> fibers;
  unsigned char* stacks = nullptr;
  jmp_buf scheduler;
  size_t current = 0;
  const std::function<void()>* body = nullptr;
  std::vector<unsigned char> shared;
  std::map<const void*, size_t> shared_limits;

  Gpu() : fibers(kMostThreads), shared(kMostSharedBytes + 128) {
    const char* const wanted = std::getenv("EMULATION_ORDER");
    if (wanted != nullptr && std::strcmp(wanted, "descending") == 0) order = Order::kDescending;
    void* const memory = mmap(nullptr, kMostThreads * kStackBytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("no memory for the stacks of fibers");
    stacks = static_cast<unsigned char*>(memory);
    for (size_t thread = 0; thread < kMostThreads; ++thread) {
      ucontext_t& start = fibers[thread].start;
      getcontext(&start);
      start.uc_stack.ss_sp = stacks + thread * kStackBytes;
      start.uc_stack.ss_size = kStackBytes;
      start.uc_link = nullptr;
      makecontext(&start, Enter, 0);
    }
  }
  ~Gpu() { munmap(stacks, kMostThreads * kStackBytes); }
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;
};

Gpu& TheGpu() {
  static Gpu gpu;
  return gpu;
}

// Switches by _setjmp and _longjmp, since swapcontext would ask the system for the signal mask.
void Yield(State state) {
  Gpu& gpu = TheGpu();
  Fiber& fiber = gpu.fibers[gpu.current];
  fiber.state = state;
  if (_setjmp(fiber.at) == 0) _longjmp(gpu.scheduler, 1);
}

// A fiber runs one thread of a block after the other.
void Enter() {
  for (;;) {
    (*TheGpu().body)();
    Yield(State::kEnded);
  }
}

void Resume(size_t thread) {
  Gpu& gpu = TheGpu();
  gpu.current = thread;
  threadIdx = dim3(static_cast<unsigned>(thread));
  threadIdx.y = threadIdx.z = 0;
  if (_setjmp(gpu.scheduler) != 0) return;
  Fiber& fiber = TheGpu().fibers[TheGpu().current];
  if (fiber.stack == Fiber::Stack::kEntered) _longjmp(fiber.at, 1);
  fiber.stack = Fiber::Stack::kEntered;
  setcontext(&fiber.start);
}

// Does what the lanes of a warp came for, if all are there.
bool ReleaseWarp(size_t first, size_t end) {
  Gpu& gpu = TheGpu();
  bool is_any = false;
  bool is_all = end - first == kLanes;
  for (size_t thread = first; thread < end; ++thread) {
    const bool waits = gpu.fibers[thread].state == State::kAtWarp;
    is_any = is_any || waits;
    is_all = is_all && waits;
  }
  if (!is_any) return false;
  if (!is_all) Fail("a warp's operation that not all of its lanes come to");
  std::array<void*, kLanes> lanes{};
  for (size_t lane = 0; lane < kLanes; ++lane) {
    const Fiber& fiber = gpu.fibers[first + lane];
    if (fiber.operation != gpu.fibers[first].operation) Fail("lanes came for different operations");
    lanes[lane] = fiber.own;
  }
  gpu.fibers[first].operation(lanes.data());
  for (size_t lane = 0; lane < kLanes; ++lane) gpu.fibers[first + lane].state = State::kRunnable;
  return true;
}

bool ReleaseBlock(size_t threads) {
  Gpu& gpu = TheGpu();
  bool is_any = false;
  for (size_t thread = 0; thread < threads; ++thread) {
    const State state = gpu.fibers[thread].state;
    if (state == State::kRunnable || state == State::kAtWarp) return false;
    is_any = is_any || state == State::kAtBlock;
  }
  for (size_t thread = 0; thread < threads; ++thread) {
    if (gpu.fibers[thread].state == State::kAtBlock) gpu.fibers[thread].state = State::kRunnable;
  }
  return is_any;
}

// Runs the warp until all its lanes wait for the block or have ended: as far ahead of the others as
// it can get.
void RunWarp(size_t first, size_t end) {
  Gpu& gpu = TheGpu();
  do {
    for (size_t i = 0; i < end - first; ++i) {
      const size_t thread = gpu.order == Order::kAscending ? first + i : end - 1 - i;
      if (gpu.fibers[thread].state == State::kRunnable) Resume(thread);
    }
  } while (ReleaseWarp(first, end));
}

void RunBlock(size_t threads, size_t shared_bytes) {
  Gpu& gpu = TheGpu();
  std::memset(DynamicShared(), 0xFF, shared_bytes);
  for (size_t thread = 0; thread < threads; ++thread) {
    gpu.fibers[thread].state = State::kRunnable;
    gpu.fibers[thread].copies.clear();
  }
  const size_t warps = (threads + kLanes - 1) / kLanes;
  do {
    for (size_t i = 0; i < warps; ++i) {
      const size_t warp = gpu.order == Order::kAscending ? i : warps - 1 - i;
      RunWarp(warp * kLanes, std::min((warp + 1) * kLanes, threads));
    }
  } while (ReleaseBlock(threads));
}

}  // namespace

void SetOrder(Order order) { TheGpu().order = order; }

cudaError_t RunGrid(const cudaLaunchConfig_t& config, const void* kernel,
                    const std::function<void()>& body) {
  Gpu& gpu = TheGpu();
  const auto limit = gpu.shared_limits.find(kernel);
  const size_t shared_limit =
      limit == gpu.shared_limits.end() ? kUnaskedSharedBytes : limit->second;
  if (config.blockDim.x == 0 || config.blockDim.x > kMostThreads) return cudaErrorInvalidValue;
  if (config.gridDim.x == 0 || config.gridDim.x >= 1U << 31) return cudaErrorInvalidValue;
  if (config.dynamicSmemBytes > shared_limit) return cudaErrorInvalidValue;
  gpu.body = &body;
  gridDim = config.gridDim;
  blockDim = config.blockDim;
  for (unsigned block = 0; block < config.gridDim.x; ++block) {
    blockIdx = dim3(block);
    blockIdx.y = blockIdx.z = 0;
    RunBlock(config.blockDim.x, config.dynamicSmemBytes);
  }
  return cudaSuccess;
}

void AwaitBlock() { Yield(State::kAtBlock); }

void DoWithWarp(WarpOperation operation, void* own) {
  Gpu& gpu = TheGpu();
  gpu.fibers[gpu.current].operation = operation;
  gpu.fibers[gpu.current].own = own;
  Yield(State::kAtWarp);
}

void StartCopy(void* to, const void* from, size_t bytes) {
  Gpu& gpu = TheGpu();
  if (gpu.order == Order::kAscending) {
    std::memcpy(to, from, bytes);
  } else {
    gpu.fibers[gpu.current].copies.push_back({to, from, bytes});
  }
}

void AwaitCopies() {
  std::vector<Copy>& copies = TheGpu().fibers[TheGpu().current].copies;
  for (const Copy& copy : copies) std::memcpy(copy.to, copy.from, copy.bytes);
  copies.clear();
}

unsigned char* DynamicShared() {
  const uintptr_t address = reinterpret_cast<uintptr_t>(TheGpu().shared.data());
  return reinterpret_cast<unsigned char*>((address + 127) / 128 * 128);
}

}  // namespace pprun::emulation

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute /*attribute*/, int value) {
  if (value < 0 || static_cast<size_t>(value) > pprun::emulation::kMostSharedBytes)
    return cudaErrorInvalidValue;
  pprun::emulation::TheGpu().shared_limits[kernel] = static_cast<size_t>(value);
  return cudaSuccess;
}
