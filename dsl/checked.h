// A checked program: every name resolved, every number known, every default filled in, every
// file-independent rule held. The compiler reads nothing else. What remains to evaluate is the
// schedule's order, since it depends on the rank and the microbatch (compiler/schedule). Tests:
// checker_test.cc and golden/checked/.
//
// What holds of a CheckedProgram: extents are positive; `heads` divides `width`, `kv_heads` divides
// `heads`; a batch divides by microbatches times the data-parallel axes; every layer belongs to
// exactly one stage, in order; widths of consecutive operations fit; labels are unique within a
// layer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "dsl/ast.h"

namespace pprun {

struct CheckedAxis {
  std::string name;  // "pp", "dp"
  int64_t size = 1;
  ast::Location location;
};

// The operations of the language, with their settings. Widths are inferred: an operation maps [b,
// s, width in] to [b, s, width out].
enum class LayerOpKind : uint8_t {
  kEmbedding,
  kPositions,
  kLayerNorm,
  kRmsNorm,
  kLinear,
  kGelu,
  kGeluTanh,
  kSilu,
  kRelu,
  kSwiglu,
  kAttention,
  kResidual,
  kDropout,
  kCrossEntropy,
  kMeanSquaredError,
};

struct CheckedOperation {
  LayerOpKind kind = LayerOpKind::kLinear;
  std::string label;  // unique among its siblings: given by `as`, else kind and ordinal ("linear",
                      // "linear1")
  int64_t width_in = 0;    // 0 for embedding, whose input is tokens
  int64_t width_out = 0;   // 0 for losses
  int64_t vocabulary = 0;  // embedding
  int64_t context = 0;     // positions: learned positions, at least the sequence length
  int64_t heads = 0;       // attention
  int64_t kv_heads = 0;    // attention
  double rope_theta = 0;   // attention: 0 means no rotation
  double epsilon = 0;      // norms
  double probability = 0;  // dropout
  bool bias = false;       // linear, attention's projections
  int64_t hidden = 0;      // swiglu: width of its gate and up projections (equals width_out)
  std::string tied;        // linear: layer name whose embedding table it shares
  std::string split;       // "column", "row", "heads", "vocab", or empty
  std::vector<CheckedOperation> body;  // residual
  ast::Location location;
};

struct CheckedLayer {
  std::string name;  // "block"
  int64_t repeat = 1;
  bool indexed = false;  // declared with `repeat`: instances are named block[0], block[1], ...
  std::vector<CheckedOperation> operations;
  ast::Location location;
};

struct CheckedModel {
  std::string name;
  std::vector<CheckedLayer> layers;  // distinct, in order
  int64_t vocabulary = 0;            // of the embedding; token ids are below it
  bool has_loss = false;
};

// One instance: layers[layer], index-th repetition.
struct LayerInstance {
  int32_t layer = 0;
  int32_t index = 0;
};

enum class Balance : uint8_t { kFlops, kParameters, kLayers };

struct CheckedStages {
  // Explicit: stage_of[i] lists the instances of stage i; empty: balance over the schedule's
  // stages.
  std::vector<std::vector<LayerInstance>> stages;
  Balance balance = Balance::kFlops;
  ast::Location location;
};

struct DataSource {
  enum class Kind : uint8_t { kBytes, kTokensU16, kTokensU32, kSynthetic } kind = Kind::kSynthetic;
  std::string path;  // as resolved: relative to the file that names it
  int64_t seed = 0;  // synthetic
  ast::Location location;
};

struct CheckedOptimizer {
  enum class Kind : uint8_t { kSgd, kAdam, kAdamW } kind = Kind::kAdamW;
  double lr = 0;
  double momentum = 0;                // sgd
  double beta1 = 0.9, beta2 = 0.999;  // adam, adamw
  double epsilon = 1e-8;
  double weight_decay = 0;
  int64_t warmup = 0;  // steps of linear warm-up from 0
  enum class Decay : uint8_t { kConstant, kCosine } decay = Decay::kConstant;
  double final_lr = 0;  // cosine: reached at the last step
  double clip = 0;      // global gradient norm; 0: none
};

struct CheckedTrain {
  DataSource data;
  std::optional<DataSource> validation;
  int64_t sequence = 0;
  int64_t batch = 0;
  int64_t microbatches = 1;
  int64_t steps = 0;
  uint64_t seed = 0;
  CheckedOptimizer optimizer;
  int64_t validate_every = 0;
  int64_t validate_batches = 0;
  // bf16: what functions compute, keep and send; parameters, their gradients and the optimizer stay
  // fp32.
  enum class Precision : uint8_t { kFp32, kBf16 } precision = Precision::kFp32;
  std::string names;  // "huggingface(gpt2)", "huggingface(llama)" or empty: pprun's own
  ast::Location names_location;
  ast::Location location;
};

// A schedule with its parameters bound. Evaluated by compiler/schedule.
struct CheckedSchedule {
  std::string name;
  int32_t definition = -1;  // index into CheckedProgram::program.schedules
  std::vector<std::pair<std::string, std::variant<int64_t, double, bool>>> parameters;
  ast::Location location;  // of the choice
};

struct CheckedGradients {
  enum class Kind : uint8_t { kNaive, kFlat, kDdp } kind = Kind::kFlat;
  int64_t bucket_bytes = 25 << 20;
  bool overlap = true;
  ast::Location location;
};

// Which transfers of a rank wait for each other: those of one queue run in one order, by their
// predicted times.
enum class TransferQueues : uint8_t {
  kPerPeer,  // one queue for what goes to a peer, one for what comes from it
  kPerRank,  // one for everything
  kPerFlow,  // one for what one stage sends another, and one for what it receives
};

struct CheckedProgram {
  ast::Program program;               // for the schedule's order
  std::vector<CheckedAxis> mesh;      // outermost first; pp and dp always present
  std::optional<CheckedModel> model;  // absent in a study without a model
  CheckedStages stages;
  std::optional<CheckedTrain> train;
  CheckedSchedule schedule;
  CheckedGradients gradients;
  TransferQueues transfers = TransferQueues::kPerPeer;
  int64_t microbatches = 0;  // of train, or for a study from `--set`; 0 if not given
  // Names of overrides that may be left out, and that nothing here has.
  std::vector<std::string> left_out;

  int64_t AxisSize(std::string_view name) const;
};

}  // namespace pprun
