// kernels/cuda_intrinsics.h for the emulated GPU: the same functions in plain code, from the PTX
// manual's descriptions of ldmatrix and mma.m16n8k16. Tests: gpu/emulation_test.cc.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "cuda_runtime.h"
#include "kernels/formulas/bfloat16.h"

namespace pprun::kernels {

inline unsigned char* DynamicShared() { return emulation::DynamicShared(); }

inline uint32_t PackBfloat16(float low, float high) {
  return static_cast<uint32_t>(BitsOfBfloat16(low)) | static_cast<uint32_t>(BitsOfBfloat16(high))
                                                          << 16;
}

inline void StoreVector(void* to, uint4 value) { *static_cast<uint4*>(to) = value; }
inline void StoreSharedVector(void* to, uint4 value) { *static_cast<uint4*>(to) = value; }
inline void StoreVector(void* to, uint2 value) { *static_cast<uint2*>(to) = value; }

inline void StartCopy(void* to, const void* from, int bytes) {
  static const uint4 zeros = {};
  emulation::StartCopy(to, bytes == 0 ? &zeros : from, sizeof(zeros));
}
inline void AwaitCopies() { emulation::AwaitCopies(); }

inline float PowerOfTwo(float x) { return x < -126.0F ? 0.0F : std::exp2(x); }

struct MatrixLane {
  const void* row;
  uint32_t* to;
};

// Element (row, column) of matrix m is in the 16 bytes that lane 8 m + row points to.
inline uint16_t MatrixElement(void* const* lanes, int matrix, int row, int column) {
  const void* const from = static_cast<MatrixLane*>(lanes[8 * matrix + row])->row;
  uint16_t element;
  std::memcpy(&element, static_cast<const char*>(from) + 2 * column, sizeof(element));
  return element;
}

inline void LoadMatrices(const void* row, uint32_t (&to)[4]) {
  MatrixLane own = {row, to};
  emulation::DoWithWarp(
      [](void* const* lanes) {
        for (int lane = 0; lane < 32; ++lane) {
          for (int matrix = 0; matrix < 4; ++matrix) {
            const int column = lane % 4 * 2;
            static_cast<MatrixLane*>(lanes[lane])->to[matrix] =
                static_cast<uint32_t>(MatrixElement(lanes, matrix, lane / 4, column)) |
                static_cast<uint32_t>(MatrixElement(lanes, matrix, lane / 4, column + 1)) << 16;
          }
        }
      },
      &own);
}

inline void LoadMatricesTransposed(const void* row, uint32_t (&to)[4]) {
  MatrixLane own = {row, to};
  emulation::DoWithWarp(
      [](void* const* lanes) {
        for (int lane = 0; lane < 32; ++lane) {
          for (int matrix = 0; matrix < 4; ++matrix) {
            const int row_of = lane % 4 * 2;
            static_cast<MatrixLane*>(lanes[lane])->to[matrix] =
                static_cast<uint32_t>(MatrixElement(lanes, matrix, row_of, lane / 4)) |
                static_cast<uint32_t>(MatrixElement(lanes, matrix, row_of + 1, lane / 4)) << 16;
          }
        }
      },
      &own);
}

struct ProductLane {
  float* sum;
  const uint32_t* a;
  uint32_t b[2];
};

inline float HalfOf(uint32_t packed, int half) {
  return FloatOfBfloat16(static_cast<uint16_t>(half == 0 ? packed : packed >> 16));
}

// Register and lane of a's element: (row mod 8) * 4 + (column mod 8) / 2.
inline float LeftElement(void* const* lanes, int row, int column) {
  const int lane = row % 8 * 4 + column % 8 / 2;
  const int part = row / 8 + column / 8 * 2;
  return HalfOf(static_cast<ProductLane*>(lanes[lane])->a[part], column % 2);
}

inline float RightElement(void* const* lanes, int row, int column) {
  const int lane = column * 4 + row % 8 / 2;
  return HalfOf(static_cast<ProductLane*>(lanes[lane])->b[row / 8], row % 2);
}

inline void MultiplyMatrices(float (&sum)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  ProductLane own = {sum, a, {b0, b1}};
  emulation::DoWithWarp(
      [](void* const* lanes) {
        for (int lane = 0; lane < 32; ++lane) {
          for (int i = 0; i < 4; ++i) {
            const int row = lane / 4 + i / 2 * 8;
            const int column = lane % 4 * 2 + i % 2;
            float& to = static_cast<ProductLane*>(lanes[lane])->sum[i];
            for (int k = 0; k < 16; ++k)
              to += LeftElement(lanes, row, k) * RightElement(lanes, k, column);
          }
        }
      },
      &own);
}

}  // namespace pprun::kernels
