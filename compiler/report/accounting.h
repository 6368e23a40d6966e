// The textbook of distributed training as plain functions, to be put beside what a plan really
// does. Every function states its units and its source. (What collectives move and take is in
// simulate/collectives.h; bubbles of schedules in accounting_schedules.h.) Tests:
// accounting_test.cc, with the published figures.
#pragma once

#include <cstdint>

namespace pprun {

// ---- Pipelines. Seconds, or any unit of time.

// GPipe (Huang et al. 2019) and 1F1B (Narayanan et al. 2021) on p stages with m microbatches, each
// t_f forward and t_b backward a stage: (m + p - 1)(t_f + t_b).
double PipelineTime(int64_t stages, int64_t microbatches, double forward, double backward);
// Without a bubble: m (t_f + t_b).
double IdealPipelineTime(int64_t microbatches, double forward, double backward);
// The fraction of the makespan that is idle: (p - 1) / (m + p - 1).
double PipelineBubble(int64_t stages, int64_t microbatches);

// ---- Tensor parallelism of a linear layer (Shoeybi et al. 2019). Elements, of one rank.

enum class LinearSplit : uint8_t {
  kColumns,  // of the outputs: whole input, a slice of the output
  kRows,     // of the inputs: a slice of the input, partial sums of the whole output
};
struct LinearShard {
  int64_t weight = 0;
  int64_t input = 0;
  int64_t output = 0;
  int64_t forward_all_reduce = 0;   // of the partial sums of y
  int64_t backward_all_reduce = 0;  // of the partial sums of dx
};
// tokens x inputs into outputs, over `ranks` ranks, which divide what they split.
LinearShard ShardOfLinear(LinearSplit split, int64_t tokens, int64_t inputs, int64_t outputs,
                          int64_t ranks);

// ---- Data parallelism and sharding (Rajbhandari et al. 2020).

// Bytes a parameter. The defaults are mixed precision with Adam: fp32 master, momentum and variance
// are the optimizer's 12.
struct StateBytes {
  double parameter = 2;
  double gradient = 2;
  double optimizer = 12;
};
// Bytes of one of `ranks` ranks. Stage 0 shards nothing, 1 the optimizer's state, 2 gradients too,
// 3 parameters too.
double ZeroBytes(int stage, double parameters, int64_t ranks, const StateBytes& bytes = {});

enum class ReducePolicy : uint8_t { kLast, kEachMicrobatch };
enum class ReshardPolicy : uint8_t { kAfterForward, kAfterStep, kNever };
// Elements that a rank sends a step, without the factor (n-1)/n of a ring. Gradients are reduced
// once or every microbatch (2 x parameters each by all-reduce, 1 x by reduce-scatter); parameters
// are gathered once a step, or under stage 3 with kAfterForward twice a microbatch. With one
// microbatch 2, 2, 2 and 3 times the parameters.
double ZeroTraffic(int stage, double parameters, int64_t microbatches, ReducePolicy reduce,
                   ReshardPolicy reshard);

// ---- Buckets. s bytes of gradients, w bytes a second of all-reduce, o seconds of overhead a call.

// What remains after the backward pass with n buckets that just keep up with it: s/(n w) + n o.
double ExposedBucketTime(double buckets, double bytes, double bandwidth, double overhead);
// Where that is least: sqrt(s / (w o)) buckets of sqrt(s w o) bytes.
double BestBucketCount(double bytes, double bandwidth, double overhead);
double BestBucketBytes(double bytes, double bandwidth, double overhead);

// ---- Activations of a transformer layer (Korthikanti et al. 2022). Bytes, of 16-bit elements.

struct TransformerShape {
  double samples = 0;   // b
  double sequence = 0;  // s
  double width = 0;     // h
  double heads = 0;     // a
};
enum class ActivationPolicy : uint8_t {
  kTensorParallel,             // sbh (10 + 24/t + 5as/(ht)); with t = 1, sbh (34 + 5as/h)
  kTensorAndSequenceParallel,  // (sbh/t)(34 + 5as/h)
  kSelectiveRecompute,         // 34 sbh/t: without the terms of the attention scores
  kFullRecompute,              // 2 sbh: the layer's input
};
double ActivationBytes(ActivationPolicy policy, const TransformerShape& shape,
                       double tensor_parallel);

// ---- Parameters and FLOPs of a GPT (Narayanan et al. 2021).

struct GptShape {
  double layers = 0;      // l
  double width = 0;       // h
  double sequence = 0;    // s
  double vocabulary = 0;  // V
};
// 12 l h^2 (1 + 13/(12h) + (V + s)/(12lh)).
double GptParameters(const GptShape& shape);
enum class Recompute : uint8_t { kNone, kFull };
// Of one iteration over `samples` sequences: 96 B s l h^2 (1 + s/(6h) + V/(16lh)) with full
// recompute; without it 72 B s l h^2 (1 + s/(6h) + V/(12lh)). Attention counts in full, not only
// its causal half.
double GptFlops(const GptShape& shape, double samples, Recompute recompute);

// ---- Compute-bound or not (Austin et al., "How to Scale Your Model", 2025). `flops` FLOP/s of a
// chip, `bandwidth` bytes a second of a link, 16-bit elements. Above the threshold, arithmetic
// hides communication.

// Tokens a chip for data parallelism and fsdp over `axes` mesh axes: C / W / axes.
double DataParallelTokens(double flops, double bandwidth, double axes);
// Tokens a chip for fsdp over M_X axes with tensor parallelism over M_Y: 4 (C/W)^2 / (M_X M_Y F).
double FsdpTensorTokens(double flops, double bandwidth, double data_axes, double tensor_axes,
                        double hidden);
// The largest degree of tensor parallelism: M_Y F / (C/W).
double TensorDegreeLimit(double flops, double bandwidth, double tensor_axes, double hidden);

}  // namespace pprun
