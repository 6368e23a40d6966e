// Operations: what a function's body consists of, each with its operands in a fixed order.
//
// The table of signatures is data, so that the compiler, the verifier, the text form and the
// kernels agree on which operand is read, written or accumulated into without saying it twice.
// kernels/<op>.h has each operation's formula. Notation: b samples, s positions, T = b*s tokens, d
// width, n outputs, V vocabulary, h heads, k key/value heads, c = d/h head width. Tests:
// operation_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace pprun {

enum class OpKind : uint8_t {
  kEmbedding,
  kEmbeddingWeightGrad,
  kPositions,
  kPositionsWeightGrad,
  kLinear,
  kLinearInputGrad,
  kLinearWeightGrad,
  kLinearAdd,                // linear, then add
  kLinearGeluTanh,           // linear, then gelu_tanh
  kLinearInputGradGeluTanh,  // linear_input_grad, then gelu_tanh_grad
  kLayerNorm,
  kAddLayerNorm,  // add, then layer_norm
  kLayerNormInputGrad,
  kLayerNormWeightGrad,
  kRmsNorm,
  kAddRmsNorm,  // add, then rms_norm
  kRmsNormInputGrad,
  kRmsNormWeightGrad,
  kGelu,
  kGeluGrad,
  kGeluTanh,
  kGeluTanhGrad,
  kSilu,
  kSiluGrad,
  kRelu,
  kReluGrad,
  kSwiglu,
  kSwigluGrad,
  kRope,
  kRopeGrad,
  kAttention,
  kAttentionGrad,
  kAdd,
  kDropout,
  kCrossEntropy,
  kCrossEntropyGrad,
  kCrossEntropyWithGrad,  // both, in one pass
  kMeanSquaredError,
  kMeanSquaredErrorGrad,
};
inline constexpr int kOpKindCount = static_cast<int>(OpKind::kMeanSquaredErrorGrad) + 1;

enum class Access : uint8_t {
  kRead,
  kWrite,       // every element is overwritten
  kAccumulate,  // read and added to
};

struct OperandSignature {
  std::string_view name;
  Access access = Access::kRead;
  enum class Presence : uint8_t { kRequired, kOptional } presence = Presence::kRequired;
  int8_t may_replace = -1;  // the operand whose memory, all of it, it may have too
};

struct OpSignature {
  OpKind kind = OpKind::kAdd;
  std::string_view name;                       // "linear_weight_grad"
  std::span<const OperandSignature> operands;  // in order
};

const OpSignature& Signature(OpKind kind);
std::string_view Name(OpKind kind);
std::optional<OpKind> OpKindNamed(std::string_view name);

// What an operation needs to know besides its operands' shapes. A field that a kind does not use is
// zero.
struct OpAttributes {
  int32_t heads = 0;        // attention, rope
  int32_t kv_heads = 0;     // attention, rope
  float rope_theta = 0;     // rope: base of the rotation frequencies
  float epsilon = 0;        // layer_norm, rms_norm
  float probability = 0;    // dropout: of an element being dropped
  double loss_scale = 0;    // losses and their gradients: 1 / (tokens in the batch)
  uint32_t random_key = 0;  // dropout: ordinal of this operation among the layer's random ones

  bool operator==(const OpAttributes&) const = default;
};

}  // namespace pprun
