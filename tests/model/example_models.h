// Checked programs made by hand, small enough to run in a test: the two example families, and
// pieces to build others from.
#pragma once

#include <string>
#include <vector>

#include "dsl/checked.h"

namespace pprun {

struct TinySizes {
  int64_t vocabulary = 11;
  int64_t context = 8;
  int64_t sequence = 6;
  int64_t width = 8;
  int64_t heads = 2;
  int64_t kv_heads = 2;
  int64_t hidden = 12;  // of swiglu
  int64_t depth = 2;
  int64_t batch = 2;
  double dropout = 0;  // after attention and the last linear of GPT's blocks, if not 0
  std::string tied;    // the layer whose table the head's linear shares
};

CheckedOperation EmbeddingOf(const TinySizes& sizes);
CheckedOperation PositionsOf(const TinySizes& sizes);
CheckedOperation NormOf(LayerOpKind kind, std::string label, int64_t width);
CheckedOperation LinearOf(std::string label, int64_t width_in, int64_t width_out, bool bias);
CheckedOperation ActivationOf(LayerOpKind kind, std::string label, int64_t width);
CheckedOperation DropoutOf(std::string label, int64_t width, double probability);
CheckedOperation ResidualOf(std::string label, std::vector<CheckedOperation> body);

// layer embed { embedding(vocab, width); positions(context); }
// layer block repeat depth {
//   residual { layer_norm; attention(heads) as "attn"; }
//   residual { layer_norm; linear(4 * width); gelu(tanh); linear(width); } }
// layer head { layer_norm; linear(vocab, bias = false); cross_entropy; }
CheckedProgram TinyGpt(const TinySizes& sizes);

// layer embed { embedding(vocab, width); }
// layer block repeat depth {
//   residual { rms_norm; attention(heads, kv_heads, rope = 10000, bias = false) as "attn"; }
//   residual { rms_norm; swiglu(hidden); linear(width, bias = false); } }
// layer head { rms_norm; linear(vocab, bias = false); cross_entropy; }
CheckedProgram TinyLlama(const TinySizes& sizes);

// A program of these layers alone.
CheckedProgram ProgramOf(const TinySizes& sizes, std::vector<CheckedLayer> layers);

}  // namespace pprun
