// What every operation computes, written as obviously as possible and in double: the truth that
// kernels are compared with, and whose central differences the gradient kernels are compared with.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <numbers>
#include <span>
#include <vector>

namespace pprun::kernels::reference {

using Values = std::vector<double>;

inline size_t Index(int64_t i) { return static_cast<size_t>(i); }

inline Values Map(const Values& x, double (*function)(double)) {
  Values y;
  for (const double value : x) y.push_back(function(value));
  return y;
}

inline double Gelu(double x) { return x * 0.5 * std::erfc(-x / std::numbers::sqrt2); }
// x/2 (1 + tanh u), as x / (1 + exp(-2u)), which keeps the tail.
inline double GeluTanh(double x) {
  return x / (1 + std::exp(-2 * std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
}
inline double Silu(double x) { return x / (1 + std::exp(-x)); }
inline double Relu(double x) { return x > 0 ? x : 0; }

inline Values Swiglu(const Values& gate, const Values& up) {
  Values y;
  for (size_t i = 0; i < gate.size(); ++i) y.push_back(Silu(gate[i]) * up[i]);
  return y;
}

inline Values Embedding(std::span<const int32_t> tokens, const Values& table, int64_t width) {
  Values y;
  for (const int32_t token : tokens) {
    for (int64_t j = 0; j < width; ++j) y.push_back(table[Index(token * width + j)]);
  }
  return y;
}

// x [samples, positions, width], table [>= positions, width]
inline Values Positions(const Values& x, const Values& table, int64_t samples) {
  Values y = x;
  const int64_t sample = static_cast<int64_t>(x.size()) / samples;
  for (size_t i = 0; i < y.size(); ++i) y[i] += table[i % Index(sample)];
  return y;
}

// x [rows, width], weight [outputs, width], bias [outputs] or empty
inline Values Linear(const Values& x, const Values& weight, const Values& bias, int64_t width) {
  Values y;
  const int64_t rows = static_cast<int64_t>(x.size()) / width;
  const int64_t outputs = static_cast<int64_t>(weight.size()) / width;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t output = 0; output < outputs; ++output) {
      double sum = bias.empty() ? 0 : bias[Index(output)];
      for (int64_t j = 0; j < width; ++j)
        sum += x[Index(row * width + j)] * weight[Index(output * width + j)];
      y.push_back(sum);
    }
  }
  return y;
}

inline Values LayerNorm(const Values& x, const Values& weight, const Values& bias, double epsilon) {
  Values y;
  const size_t width = weight.size();
  for (size_t row = 0; row < x.size(); row += width) {
    double mean = 0;
    double variance = 0;
    for (size_t j = 0; j < width; ++j) mean += x[row + j] / static_cast<double>(width);
    for (size_t j = 0; j < width; ++j) {
      variance += (x[row + j] - mean) * (x[row + j] - mean) / static_cast<double>(width);
    }
    for (size_t j = 0; j < width; ++j) {
      y.push_back((x[row + j] - mean) / std::sqrt(variance + epsilon) * weight[j] + bias[j]);
    }
  }
  return y;
}

inline Values RmsNorm(const Values& x, const Values& weight, double epsilon) {
  Values y;
  const size_t width = weight.size();
  for (size_t row = 0; row < x.size(); row += width) {
    double square = 0;
    for (size_t j = 0; j < width; ++j)
      square += x[row + j] * x[row + j] / static_cast<double>(width);
    for (size_t j = 0; j < width; ++j)
      y.push_back(x[row + j] / std::sqrt(square + epsilon) * weight[j]);
  }
  return y;
}

struct Heads {
  int64_t samples;
  int64_t positions;
  int64_t heads;
  int64_t kv_heads;
  int64_t width;  // of a head

  int64_t Row() const { return (heads + 2 * kv_heads) * width; }
  // The place of element j of part `part` (queries, keys, values in order) at a position of a
  // sample.
  size_t At(int64_t sample, int64_t position, int64_t part, int64_t j) const {
    return Index((sample * positions + position) * Row() + part * width + j);
  }
};

inline Values Rope(const Values& x, const Heads& shape, double theta) {
  Values y = x;
  for (int64_t sample = 0; sample < shape.samples; ++sample) {
    for (int64_t position = 0; position < shape.positions; ++position) {
      for (int64_t part = 0; part < shape.heads + shape.kv_heads; ++part) {
        for (int64_t j = 0; j < shape.width / 2; ++j) {
          const double angle =
              static_cast<double>(position) *
              std::pow(theta, -2.0 * static_cast<double>(j) / static_cast<double>(shape.width));
          const size_t low = shape.At(sample, position, part, j);
          const size_t high = shape.At(sample, position, part, j + shape.width / 2);
          y[low] = x[low] * std::cos(angle) - x[high] * std::sin(angle);
          y[high] = x[high] * std::cos(angle) + x[low] * std::sin(angle);
        }
      }
    }
  }
  return y;
}

// Leaves the logarithms of the softmax denominators, [samples, heads, positions], in `lse`.
inline Values Attention(const Values& qkv, const Heads& shape, Values* lse) {
  Values y(Index(shape.samples * shape.positions * shape.heads * shape.width));
  if (lse != nullptr) lse->clear();
  for (int64_t sample = 0; sample < shape.samples; ++sample) {
    for (int64_t head = 0; head < shape.heads; ++head) {
      const int64_t kv_head = head / (shape.heads / shape.kv_heads);
      for (int64_t query = 0; query < shape.positions; ++query) {
        Values weights;
        double sum = 0;
        for (int64_t key = 0; key <= query; ++key) {
          double score = 0;
          for (int64_t j = 0; j < shape.width; ++j) {
            score += qkv[shape.At(sample, query, head, j)] *
                     qkv[shape.At(sample, key, shape.heads + kv_head, j)];
          }
          weights.push_back(std::exp(score / std::sqrt(static_cast<double>(shape.width))));
          sum += weights.back();
        }
        if (lse != nullptr) lse->push_back(std::log(sum));
        for (int64_t key = 0; key <= query; ++key) {
          for (int64_t j = 0; j < shape.width; ++j) {
            y[Index(((sample * shape.positions + query) * shape.heads + head) * shape.width + j)] +=
                weights[Index(key)] / sum *
                qkv[shape.At(sample, key, shape.heads + shape.kv_heads + kv_head, j)];
          }
        }
      }
    }
  }
  return y;
}

inline double CrossEntropy(const Values& logits, std::span<const int32_t> targets, double scale,
                           Values* lse) {
  const size_t width = logits.size() / targets.size();
  double loss = 0;
  if (lse != nullptr) lse->clear();
  for (size_t row = 0; row < targets.size(); ++row) {
    double largest = logits[row * width];
    double sum = 0;
    for (size_t v = 0; v < width; ++v) largest = std::max(largest, logits[row * width + v]);
    for (size_t v = 0; v < width; ++v) sum += std::exp(logits[row * width + v] - largest);
    const double log_sum = largest + std::log(sum);
    if (lse != nullptr) lse->push_back(log_sum);
    loss += log_sum - logits[row * width + static_cast<size_t>(targets[row])];
  }
  return scale * loss;
}

inline double MeanSquaredError(const Values& x, std::span<const int32_t> targets, double scale) {
  const size_t width = x.size() / targets.size();
  double loss = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double wanted = static_cast<size_t>(targets[i / width]) == i % width ? 1 : 0;
    loss += (x[i] - wanted) * (x[i] - wanted);
  }
  return scale * loss;
}

// The gradient of the sum of dy * function(x) at x, by central differences: right to about 1e-9.
inline Values NumericGradient(const std::function<Values(const Values&)>& function, Values x,
                              const Values& dy) {
  constexpr double kStep = 1e-5;
  Values gradient;
  for (double& value : x) {
    const double kept = value;
    value = kept + kStep;
    const Values above = function(x);
    value = kept - kStep;
    const Values below = function(x);
    value = kept;
    double difference = 0;
    for (size_t i = 0; i < dy.size(); ++i) difference += dy[i] * (above[i] - below[i]);
    gradient.push_back(difference / (2 * kStep));
  }
  return gradient;
}

}  // namespace pprun::kernels::reference
