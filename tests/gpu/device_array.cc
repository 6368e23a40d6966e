#include "tests/gpu/device_array.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <thread>
#include <vector>

#include "kernels/cuda_check.h"
#include "kernels/formulas/bfloat16.h"

namespace pprun::gpu {
namespace {

using kernels::CheckCuda;

constexpr int64_t kGuardBytes = 256;
// Not a number in every type, so that what is read there shows too.
constexpr std::byte kGuard{0xFF};

double Rounded(double value) {
  return static_cast<double>(
      kernels::FloatOfBfloat16(kernels::BitsOfBfloat16(static_cast<float>(value))));
}

constexpr int64_t kChunk = int64_t{1} << 17;

// Calls `work` with the number, the begin and the end of each chunk of elements, on all cores: the
// sizes of real models are tens of millions.
template <class Work>
void ForChunks(int64_t elements, const Work& work) {
  const int64_t chunks = (elements + kChunk - 1) / kChunk;
  std::atomic<int64_t> next{0};
  const auto take = [&] {
    for (int64_t i = next++; i < chunks; i = next++)
      work(static_cast<size_t>(i), i * kChunk, std::min(elements, (i + 1) * kChunk));
  };
  std::vector<std::thread> threads;
  const int64_t helpers =
      std::min(chunks, static_cast<int64_t>(std::thread::hardware_concurrency())) - 1;
  for (int64_t i = 0; i < helpers; ++i) threads.emplace_back(take);
  take();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

HostArray::HostArray(DType type, const Shape& extents)
    : dtype(type),
      shape(extents),
      memory(static_cast<size_t>((extents.Elements() * SizeOf(type) + 7) / 8)) {}

std::span<std::byte> HostArray::Data() {
  return {reinterpret_cast<std::byte*>(memory.data()), static_cast<size_t>(Bytes())};
}

std::span<const std::byte> HostArray::Data() const {
  return {reinterpret_cast<const std::byte*>(memory.data()), static_cast<size_t>(Bytes())};
}

kernels::Tensor HostArray::View() { return {memory.data(), dtype, shape}; }

double HostArray::At(int64_t element) const {
  const std::byte* const at = Data().data() + element * SizeOf(dtype);
  switch (dtype) {
    case DType::kF32: {
      float value;
      std::memcpy(&value, at, sizeof(value));
      return static_cast<double>(value);
    }
    case DType::kF64: {
      double value;
      std::memcpy(&value, at, sizeof(value));
      return value;
    }
    case DType::kBF16: {
      uint16_t bits;
      std::memcpy(&bits, at, sizeof(bits));
      return static_cast<double>(kernels::FloatOfBfloat16(bits));
    }
    case DType::kI32: {
      int32_t value;
      std::memcpy(&value, at, sizeof(value));
      return value;
    }
  }
  throw std::runtime_error("an unknown type");
}

void HostArray::Set(int64_t element, double value) {
  std::byte* const at = Data().data() + element * SizeOf(dtype);
  switch (dtype) {
    case DType::kF32: {
      const float real = static_cast<float>(value);
      std::memcpy(at, &real, sizeof(real));
      return;
    }
    case DType::kF64:
      std::memcpy(at, &value, sizeof(value));
      return;
    case DType::kBF16: {
      const uint16_t bits = kernels::BitsOfBfloat16(static_cast<float>(value));
      std::memcpy(at, &bits, sizeof(bits));
      return;
    }
    case DType::kI32: {
      const int32_t integer = static_cast<int32_t>(value);
      std::memcpy(at, &integer, sizeof(integer));
      return;
    }
  }
}

HostArray RandomReals(DType dtype, const Shape& shape, std::mt19937& generator, double low,
                      double high, Rounding rounding) {
  HostArray array(dtype, shape);
  const auto seed = static_cast<uint32_t>(generator());
  ForChunks(shape.Elements(), [&](size_t chunk, int64_t begin, int64_t end) {
    std::mt19937 own(seed + static_cast<uint32_t>(chunk));
    for (int64_t i = begin; i < end; ++i) {
      const double value = low + (high - low) * (static_cast<double>(own() >> 8) * 0x1p-24);
      array.Set(i, rounding == Rounding::kBfloat16 ? Rounded(value) : value);
    }
  });
  return array;
}

HostArray RandomIntegers(const Shape& shape, std::mt19937& generator, int32_t bound) {
  HostArray array(DType::kI32, shape);
  const int64_t elements = shape.Elements();
  for (int64_t i = 0; i < elements; ++i)
    array.Set(i, static_cast<double>(generator() % static_cast<uint32_t>(bound)));
  return array;
}

HostArray Poison(DType dtype, const Shape& shape) {
  HostArray array(dtype, shape);
  std::ranges::fill(array.Data(), std::byte{0xFF});
  return array;
}

HostArray As(DType dtype, const HostArray& array) {
  if (array.dtype == dtype) return array;
  HostArray other(dtype, array.shape);
  ForChunks(array.shape.Elements(), [&](size_t, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) other.Set(i, array.At(i));
  });
  return other;
}

double RelativeError(const HostArray& actual, const HostArray& expected) {
  struct Squares {
    double difference = 0;
    double size = 0;
  };
  const int64_t elements = expected.shape.Elements();
  std::vector<Squares> squares(static_cast<size_t>(elements / kChunk + 1));
  ForChunks(elements, [&](size_t chunk, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const double wanted = expected.At(i);
      const double off = actual.At(i) - wanted;
      squares[chunk].difference += off * off;
      squares[chunk].size += wanted * wanted;
    }
  });
  double difference = 0;
  double size = 0;
  for (const Squares& of_chunk : squares) {
    difference += of_chunk.difference;
    size += of_chunk.size;
  }
  const double error = std::sqrt(difference) / (size > 0 ? std::sqrt(size) : 1.0);
  return std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
}

DeviceArray::DeviceArray(const HostArray& contents, int64_t offset)
    : dtype_(contents.dtype),
      shape_(contents.shape),
      begin_(kGuardBytes + offset * SizeOf(contents.dtype)),
      bytes_(begin_ + contents.Bytes() + kGuardBytes) {
  void* memory = nullptr;
  CheckCuda(cudaMalloc(&memory, static_cast<size_t>(bytes_)), "cudaMalloc");
  memory_ = static_cast<std::byte*>(memory);
  Upload(contents);
}

DeviceArray::~DeviceArray() { cudaFree(memory_); }

kernels::Tensor DeviceArray::View() const { return {memory_ + begin_, dtype_, shape_}; }

void DeviceArray::Upload(const HostArray& contents) const {
  std::vector<std::byte> all(static_cast<size_t>(bytes_), kGuard);
  std::ranges::copy(contents.Data(), all.begin() + begin_);
  CheckCuda(cudaMemcpy(memory_, all.data(), all.size(), cudaMemcpyHostToDevice), "cudaMemcpy");
}

HostArray DeviceArray::Download() const {
  HostArray array(dtype_, shape_);
  CheckCuda(cudaMemcpy(array.Data().data(), memory_ + begin_, array.Data().size(),
                       cudaMemcpyDeviceToHost),
            "cudaMemcpy");
  return array;
}

bool DeviceArray::GuardsHold() const {
  const auto holds = [&](int64_t begin, int64_t end) {
    std::vector<std::byte> guard(static_cast<size_t>(end - begin));
    CheckCuda(cudaMemcpy(guard.data(), memory_ + begin, guard.size(), cudaMemcpyDeviceToHost),
              "cudaMemcpy");
    return std::ranges::all_of(guard, [](std::byte byte) { return byte == kGuard; });
  };
  return holds(0, begin_) && holds(bytes_ - kGuardBytes, bytes_);
}

}  // namespace pprun::gpu
