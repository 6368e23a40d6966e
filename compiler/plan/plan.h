// The plan: what the compiler makes and everything after it reads. It stands alone: a machine with
// only a C++ compiler loads, verifies, simulates and runs it.
//
// One position is one place in the pipeline; all replicas of it (dp) run its programs. So nothing
// here grows with the number of replicas. A plan is immutable once lowered, and untrusted until
// verify/ has proven it. Text form: text.h. File: file.h.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/plan/function.h"
#include "compiler/plan/ids.h"
#include "compiler/plan/instruction.h"
#include "compiler/plan/types.h"

namespace pprun {

struct Axis {
  std::string name;  // "pp", "dp"
  int32_t size = 1;
};

// Outermost first; the last varies fastest with the rank. The axis named "pp" enumerates positions;
// a plan without one has one position.
using Mesh = std::vector<Axis>;

struct DataSpec {
  enum class Kind : uint8_t {
    kNone,
    kBytes,
    kTokensU16,
    kTokensU32,
    kSynthetic
  } kind = Kind::kNone;
  std::string path;
  uint64_t seed = 0;  // synthetic
  SourceId source;    // where a file is named; none on the command line
};

struct OptimizerSpec {
  enum class Kind : uint8_t { kSgd, kAdam, kAdamW } kind = Kind::kAdamW;
  double learning_rate = 0;
  double momentum = 0;
  double beta1 = 0, beta2 = 0, epsilon = 0;
  double weight_decay = 0;
  int64_t warmup = 0;  // steps of linear warm-up
  enum class Decay : uint8_t { kConstant, kCosine } decay = Decay::kConstant;
  double final_learning_rate = 0;  // cosine, at the last step
  double clip = 0;                 // global gradient norm; 0: none
};

// Everything about training that is not an instruction.
struct TrainSpec {
  DataSpec data;
  DataSpec validation;
  int64_t vocabulary = 0;
  int64_t sequence = 0;
  int64_t batch = 0;  // samples a step, all replicas and microbatches
  int32_t microbatches =
      1;  // microbatch i holds samples [i*batch/m, (i+1)*batch/m); dp takes contiguous slices
  int64_t steps = 0;
  uint64_t seed = 0;
  int64_t validate_every = 0;    // 0: never
  int64_t validate_batches = 0;  // runs of the validate program, each on `batch` samples
  OptimizerSpec optimizer;
};

struct Initialisation {
  enum class Kind : uint8_t { kZeros, kOnes, kNormal } kind = Kind::kZeros;
  double deviation = 0;
};

// One tensor of the saved file, made of rows [row_begin, row_end) of the parameter's first
// dimension.
struct ExportPart {
  std::string name;  // "transformer.h.3.attn.c_attn.weight"
  int64_t row_begin = 0;
  int64_t row_end = 0;
  enum class Layout : uint8_t { kAsIs, kTransposed } layout = Layout::kAsIs;
};

struct Split {
  int32_t dimension = 0;
  std::vector<AxisId> axes;
  int32_t interleave = 1;
};

struct Parameter {
  std::string name;  // "block[3].attn.qkv.weight"
  TensorType type;   // global
  Initialisation initialisation;
  enum class Decay : uint8_t { kYes, kNo } decay = Decay::kYes;
  std::vector<Split> split;      // empty: replicated
  std::vector<AxisId> sum_over;  // axes over which its gradient is partial
  std::vector<AxisId> owner;     // axes over which its optimizer state is split; empty: replicated
  std::vector<PositionId> holders;
  std::vector<ExportPart> exports;
  std::vector<std::string> aliases;  // names of tied uses, saved as the same tensor
};

// An instance of a layer: what `block[3]` is.
struct Layer {
  std::string name;
  uint64_t key = 0;  // hash of the name; random operations are keyed by it
  StageId stage;
};

enum class ArenaKind : uint8_t {
  kParameters,
  kGatheredParameters,
  kGradients,
  kTransientGradients,
  kOptimizer,
  kFrames,
  kTransferSlots,
  kBatch,
  kScalars,
  kWorkspace,
};
inline constexpr int kArenaCount = 10;
std::string_view Name(ArenaKind arena);

// A typed piece of an arena. Buffers of one arena may overlap: a bucket covers the gradients in it,
// and frames whose lifetimes are apart share memory.
struct Buffer {
  std::string name;  // "block[3].attn.qkv.weight", "frame[0].block[3].input", "bucket[2]"
  ArenaKind arena = ArenaKind::kWorkspace;
  int64_t offset = 0;  // bytes
  TensorType type;
};

// The gradient norm adds sums of squares over blocks of this many elements, the last of a parameter
// shorter, so that it is the same bits on every mesh.
inline constexpr int64_t kNormBlockElements = 64 << 10;

// Where the sums of one parameter's blocks lie among those that ClipFactor adds: `count` doubles
// from number `first` on.
struct NormBlocks {
  ParameterId parameter;
  int32_t first = 0;
  int32_t count = 0;
};

// What SquareSum does with one parameter.
struct ParameterSquares {
  ParameterId parameter;
  BufferId gradient;
  BufferId partials;  // f64[blocks]
};

// What Update does with one parameter (or this rank's shard of it).
struct ParameterUpdate {
  ParameterId parameter;
  BufferId value;
  BufferId gradient;
  BufferId first_moment;   // momentum, or Adam's m; none if the optimizer has none
  BufferId second_moment;  // Adam's v
  BufferId rounded;        // bf16, gets the new value in the same pass; none if none is read
};

// A set of positions times a set of axes: its members are all ranks at these positions whose other
// coordinates agree, in rank order. No positions: each position by itself, so that one "dp" serves
// the whole pipeline.
struct Group {
  std::string name;  // "dp", "pp"
  std::vector<PositionId> positions;
  std::vector<AxisId> axes;
};

// Messages of one type from one position to another, in one order: those of a channel are all on
// one stream at each end. Ranks are paired by equal other coordinates.
struct Channel {
  std::string name;  // "forward 0 to 1"
  PositionId from;
  PositionId to;
  TensorType type;  // of every message
};

// A stream of transfers is a queue: of one channel's sends, or of everything that a rank sends and
// receives.
enum class StreamKind : uint8_t { kCompute, kCopy, kTransfer, kCollective };

struct Stream {
  std::string name;  // "compute.0", "send.1", "recv.0", "dp", "copy"
  StreamKind kind = StreamKind::kCompute;
  GroupId group;  // kCollective
};

enum class ProgramKind : uint8_t { kInitialise, kStep, kValidate };
inline constexpr int kProgramCount = 3;
std::string_view Name(ProgramKind program);

// Instructions in issue order. A program starts and ends with all streams of its rank joined;
// events live within one run of it.
struct Program {
  std::vector<Instruction> instructions;
  int32_t events = 0;
};

struct Position {
  std::vector<Stream> streams;
  std::vector<Buffer> buffers;
  std::vector<BufferId> bindings;  // of the runs, see Run::first_binding
  std::vector<ParameterSquares> square_sums;
  std::vector<ParameterUpdate> updates;
  // f64[] of each microbatch, in order, none where another position has it; empty where none is
  // here.
  std::vector<BufferId> losses;
  BufferId gradient_norm;  // f32[2] as ClipFactor leaves it, if clipping
  std::array<int64_t, kArenaCount> arena_bytes{};
  std::array<Program, kProgramCount> programs;
};

struct SourceFile {
  std::string path;
  std::string text;
};

// Where an instruction comes from: a place in the text, and the pass that put it there.
struct Source {
  int32_t file = -1;  // -1: no place
  uint32_t line = 0;
  uint32_t column = 0;
  std::string reason;  // "insert_transfers", "ddp, after the last backward of block[3]"
};

struct Plan {
  std::string name;      // path of the source
  std::string schedule;  // "one_f_one_b"
  Mesh mesh;
  TrainSpec train;
  int32_t stages = 1;
  std::vector<Parameter> parameters;
  std::vector<Layer> layers;
  std::vector<Function> functions;
  std::vector<Group> groups;
  std::vector<Channel> channels;
  std::vector<Position> positions;
  std::vector<NormBlocks> norm_order;  // see ClipFactor; empty if gradients are not clipped
  std::vector<SourceFile> files;
  std::vector<Source> sources;

  // Number of ranks: the product of the axes.
  int64_t Ranks() const;
  // Ranks that share a position.
  int64_t Replicas() const;
  int64_t AxisSize(std::string_view name) const;
  // Of a schedule without a model. What stands in for the model knows one token, and its bytes and
  // arithmetic mean nothing.
  bool IsStudy() const { return train.vocabulary == 1; }
};

// The rows of an instruction that exist.
std::span<const ParameterSquares> RowsOf(const Position& position, const SquareSum& sum);
std::span<const ParameterUpdate> RowsOf(const Position& position, const Update& update);

// Where a rank is in the mesh.
struct RankCoordinates {
  PositionId position;
  std::vector<int32_t> axes;  // by AxisId
};
RankCoordinates CoordinatesOf(const Plan& plan, int64_t rank);
int64_t RankAt(const Plan& plan, const std::vector<int32_t>& axes);

// The ranks of `rank`'s group, ascending. `rank` must be a member.
std::vector<int64_t> MembersOf(const Plan& plan, const Group& group, int64_t rank);
// Number of members: the same for every rank.
int64_t SizeOf(const Plan& plan, const Group& group);
// The rank at the other end of a channel.
int64_t PeerOf(const Plan& plan, const Channel& channel, int64_t rank);

}  // namespace pprun
