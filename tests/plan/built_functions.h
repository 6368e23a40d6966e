// The model of the plans that are built by hand: an embedding and a head, as functions.
#pragma once

#include <vector>

#include "compiler/plan/plan.h"

namespace pprun {

inline constexpr int64_t kSamples = 2, kSequence = 4, kVocabulary = 16, kWidth = 8;
inline const TensorType kIds{DType::kI32, {kSamples, kSequence}};
inline const TensorType kActivation{DType::kF32, {kSamples, kSequence, kWidth}};
inline const TensorType kLogits{DType::kF32, {kSamples, kSequence, kVocabulary}};
inline const TensorType kLse{DType::kF32, {kSamples, kSequence}};
inline const TensorType kTable{DType::kF32, {kVocabulary, kWidth}};
inline const TensorType kLossType{DType::kF64, {}};
inline constexpr int64_t kLogitsBytes = kSamples * kSequence * kVocabulary * 4;
inline constexpr int64_t kFrameBytes = kLogitsBytes + 64;
inline const TensorType kFrame{DType::kF32, {kFrameBytes / 4}};

inline constexpr int32_t kEmbed = 0;
inline constexpr int32_t kHead = 1;

// In the order of BuiltFunctionOf; for a batch of so many samples.
std::vector<Function> MakeBuiltFunctions(int64_t batch);
FunctionId BuiltFunctionOf(int32_t layer, TaskKind kind, ProgramKind program);

}  // namespace pprun
