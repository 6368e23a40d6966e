// What a range of bytes holds, as far as a training step is concerned: a value is named by what
// made it, not by its numbers, in 64 bits. Equal names mean equal numbers. Tests:
// named_damage_test.cc, damage_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/plan/plan.h"

namespace pprun {

enum class ValueKind : uint8_t {
  kNothing,  // nothing was written
  kZero,
  kScratch,             // a workspace's, or what this analysis does not follow
  kPieces,              // several values that meet inside a segment: see Contents
  kTokens,              // microbatch
  kTargets,             // microbatch
  kActivation,          // out of layer, for microbatch
  kActivationGradient,  // of what comes out of layer, for microbatch
  kFrameInput,          // of maker (layer and function), for microbatch
  kFrameWeight,         // likewise
  kStash,               // likewise
  kLoss,                // microbatch
  kParameter,           // as the step began
  kUpdatedParameter,
  kRoundedParameter,  // parameter in bf16, as the step began
  kUpdatedRounded,
  kFirstMoment,   // of parameter
  kSecondMoment,  // of parameter
  kPartials,      // square sums of parameter's whole gradient
  kClipFactor,
  kGradient,  // of a parameter: node of Gradients, ordinal
};

// A kind, and what it is of: a layer, parameter, maker or node, and a microbatch or ordinal.
class Value {
 public:
  static constexpr int kNumberBits = 27;

  constexpr Value() = default;
  constexpr explicit Value(ValueKind kind, int32_t index = -1, int32_t number = 0)
      : bits_(static_cast<uint64_t>(kind) | static_cast<uint64_t>(number) << kKindBits |
              (static_cast<uint64_t>(index) + 1) << (kKindBits + kNumberBits)) {}

  constexpr ValueKind kind() const {
    return static_cast<ValueKind>(bits_ & ((uint64_t{1} << kKindBits) - 1));
  }
  constexpr int32_t index() const {
    return static_cast<int32_t>(bits_ >> (kKindBits + kNumberBits)) - 1;
  }
  constexpr int32_t number() const {
    return static_cast<int32_t>(bits_ >> kKindBits & ((uint64_t{1} << kNumberBits) - 1));
  }
  constexpr bool operator==(const Value&) const = default;

 private:
  static constexpr int kKindBits = 5;
  uint64_t bits_ = 0;
};

constexpr Value OfMicrobatch(ValueKind kind, MicrobatchId microbatch) {
  return Value(kind, -1, microbatch.value);
}
constexpr Value OfLayer(ValueKind kind, LayerId layer, MicrobatchId microbatch) {
  return Value(kind, layer.value, microbatch.value);
}
constexpr Value OfParameter(ValueKind kind, ParameterId parameter) {
  return Value(kind, parameter.value);
}

// A gradient that is yet to be, or a sum of contributions.
constexpr bool IsGradient(Value value) {
  return value.kind() == ValueKind::kZero || value.kind() == ValueKind::kGradient;
}
// Whether it matters which of the value's bytes is where.
constexpr bool HasBeginning(Value value) { return value.kind() > ValueKind::kPieces; }

// Who saved a region for a later run.
struct Maker {
  LayerId layer;
  FunctionId function;
};

class Makers {
 public:
  explicit Makers(const Plan& plan) : recent_(plan.layers.size() * kKinds, -1) {}

  // The value that this run of a function leaves; `kind` is one that is made.
  Value Made(ValueKind kind, LayerId layer, FunctionId function, MicrobatchId microbatch) {
    int32_t& recent = recent_[layer.index() * kKinds + static_cast<size_t>(kind) -
                              static_cast<size_t>(ValueKind::kFrameInput)];
    if (recent < 0 || (*this)[recent].function != function) recent = Find(layer, function);
    return Value(kind, recent, microbatch.value);
  }
  const Maker& operator[](int32_t index) const { return makers_[static_cast<size_t>(index)]; }

 private:
  static constexpr size_t kKinds = 3;

  int32_t Find(LayerId layer, FunctionId function);

  std::vector<Maker> makers_;
  std::unordered_map<uint64_t, int32_t> index_;  // by layer and function
  std::vector<int32_t> recent_;  // by layer and kind: most often one function makes them all
};

// "the activation out of block[3], microbatch 2".
std::string Describe(const Plan& plan, const Makers& makers, Value value);

// The set of axes that have more than one rank, as bits.
uint32_t AxisBits(const Plan& plan, const std::vector<AxisId>& axes);

}  // namespace pprun
