// From the element type of a tensor to a kernel's template argument, and other checks that
// launchers make before they launch. Included by *_cuda.cu only. Tests: gpu/kernels_check.cc.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>

#include "compiler/plan/base/check.h"
#include "kernels/formulas/bfloat16.h"
#include "kernels/kernel.h"

namespace pprun::kernels {

// Calls body(T{}) with the type of activations and compute weights; all of `tensors` have it.
template <class Body>
void WithElement(const char* what, std::initializer_list<const Tensor*> tensors, const Body& body) {
  const DType dtype = (*tensors.begin())->dtype;
  for (const Tensor* const tensor : tensors) {
    if (*tensor && tensor->dtype != dtype) {
      throw std::runtime_error(
          "`" + std::string(what) + "` on CUDA takes operands of one type, not " +
          std::string(Name(dtype)) + " and " + std::string(Name(tensor->dtype)));
    }
  }
  switch (dtype) {
    case DType::kF32:
      return body(float{});
    case DType::kBF16:
      return body(Bfloat16{});
    case DType::kF64:
    case DType::kI32:
      break;
  }
  throw std::runtime_error("`" + std::string(what) + "` on CUDA computes in f32 or bf16, not in " +
                           std::string(Name(dtype)));
}

// What is of one type in every precision.
inline void RequireType(const char* what, const Tensor& tensor, DType dtype) {
  if (!tensor || tensor.dtype == dtype) return;
  throw std::runtime_error("`" + std::string(what) + "` on CUDA takes " + std::string(Name(dtype)) +
                           " here, not " + std::string(Name(tensor.dtype)));
}

template <class T>
T* DataOf(const Tensor& tensor) {
  return static_cast<T*>(tensor.data);
}

// May the memory be accessed 16 bytes at a time? Null does not matter.
inline bool AreAligned(std::initializer_list<const void*> pointers) {
  uintptr_t bits = 0;
  for (const void* const pointer : pointers) bits |= reinterpret_cast<uintptr_t>(pointer);
  return bits % 16 == 0;
}

enum class Alignment : uint8_t { kSixteenBytes, kElement };

inline Alignment AlignmentOfAll(std::initializer_list<const void*> pointers) {
  return AreAligned(pointers) ? Alignment::kSixteenBytes : Alignment::kElement;
}

}  // namespace pprun::kernels
