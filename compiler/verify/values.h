// What a range of bytes holds, as far as a training step is concerned: a value is named by what
// made it, not by its numbers. Tests: named_damage_test.cc, damage_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/plan/plan.h"

namespace pprun {

using ValueIndex = int32_t;
inline constexpr ValueIndex kNoValue = -1;

struct Value {
  enum class Kind : uint8_t {
    kZero,
    kScratch,             // a workspace's, or what this analysis does not follow
    kTokens,              // microbatch
    kTargets,             // microbatch
    kActivation,          // out of layer, for microbatch
    kActivationGradient,  // of what comes out of layer, for microbatch
    kSaved,               // by layer for microbatch: role is frame_input, frame_weight or stash
    kLoss,                // microbatch
    kParameter,           // as the step began
    kUpdatedParameter,
    kFirstMoment,   // of parameter
    kSecondMoment,  // of parameter
    kPartials,      // square sums of parameter's whole gradient
    kClipFactor,
    // A gradient: what it held before, and what was done to it.
    kContribution,  // plus that of parameter number `ordinal` of layer, for microbatch
    kSumOverAxes,   // times replicas
    kSum,           // of all in children, and over axes
    kScaled,        // by the clip factor
  } kind = Kind::kScratch;

  Role role = Role::kWorkspace;
  LayerId layer;
  MicrobatchId microbatch;
  ParameterId parameter;
  FunctionId function;  // kSaved: which made it
  int32_t ordinal = 0;
  uint32_t axes = 0;  // a bit an axis of more than one rank
  ValueIndex before = kNoValue;
  std::vector<ValueIndex> children;
};

// "the activation out of block[3], microbatch 2".
std::string Describe(const Plan& plan, const Value& value);

// All values of one run of a program.
class Values {
 public:
  ValueIndex Add(Value value) {
    values_.push_back(std::move(value));
    return static_cast<ValueIndex>(values_.size()) - 1;
  }
  const Value& operator[](ValueIndex index) const { return values_[static_cast<size_t>(index)]; }

 private:
  std::vector<Value> values_;
};

bool IsGradient(const Value& value);

// The set of axes that have more than one rank, as bits.
uint32_t AxisBits(const Plan& plan, const std::vector<AxisId>& axes);

}  // namespace pprun
