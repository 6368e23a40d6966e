// A short wait before a thread blocks: worth it if what is awaited comes within a microsecond or
// two, and little is lost if several ranks share the core.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace pprun {

inline constexpr int kSpins = 40;

inline void Relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Whether `done` came true within the spins.
template <class Condition>
bool SpinUntil(const Condition& done) {
  for (int spin = 0; spin < kSpins; ++spin) {
    if (done()) return true;
    Relax();
  }
  return false;
}

}  // namespace pprun
