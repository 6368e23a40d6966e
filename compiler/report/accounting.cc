#include "compiler/report/accounting.h"

#include <cmath>

#include "compiler/plan/base/check.h"

namespace pprun {

double PipelineTime(int64_t stages, int64_t microbatches, double forward, double backward) {
  return static_cast<double>(microbatches + stages - 1) * (forward + backward);
}

double IdealPipelineTime(int64_t microbatches, double forward, double backward) {
  return static_cast<double>(microbatches) * (forward + backward);
}

double PipelineBubble(int64_t stages, int64_t microbatches) {
  return static_cast<double>(stages - 1) / static_cast<double>(microbatches + stages - 1);
}

LinearShard ShardOfLinear(LinearSplit split, int64_t tokens, int64_t inputs, int64_t outputs,
                          int64_t ranks) {
  LinearShard shard;
  if (split == LinearSplit::kColumns) {
    CHECK(outputs % ranks == 0);
    shard = {.weight = inputs * (outputs / ranks),
             .input = tokens * inputs,
             .output = tokens * (outputs / ranks)};
    if (ranks > 1) shard.backward_all_reduce = tokens * inputs;
  } else {
    CHECK(inputs % ranks == 0);
    shard = {.weight = (inputs / ranks) * outputs,
             .input = tokens * (inputs / ranks),
             .output = tokens * outputs};
    if (ranks > 1) shard.forward_all_reduce = tokens * outputs;
  }
  return shard;
}

double ZeroBytes(int stage, double parameters, int64_t ranks, const StateBytes& bytes) {
  CHECK(stage >= 0 && stage <= 3);
  const double n = static_cast<double>(ranks);
  const double optimizer = stage >= 1 ? bytes.optimizer / n : bytes.optimizer;
  const double gradient = stage >= 2 ? bytes.gradient / n : bytes.gradient;
  const double parameter = stage >= 3 ? bytes.parameter / n : bytes.parameter;
  return (parameter + gradient + optimizer) * parameters;
}

double ZeroTraffic(int stage, double parameters, int64_t microbatches, ReducePolicy reduce,
                   ReshardPolicy reshard) {
  CHECK(stage >= 0 && stage <= 3);
  const double m = static_cast<double>(microbatches);
  const double reductions = reduce == ReducePolicy::kLast ? 1 : m;
  if (stage == 0) return 2 * parameters * reductions;
  const bool twice = stage == 3 && reshard == ReshardPolicy::kAfterForward;
  return parameters * (reductions + (twice ? 2 * m : 1));
}

double ExposedBucketTime(double buckets, double bytes, double bandwidth, double overhead) {
  return bytes / (buckets * bandwidth) + buckets * overhead;
}

double BestBucketCount(double bytes, double bandwidth, double overhead) {
  return std::sqrt(bytes / (bandwidth * overhead));
}

double BestBucketBytes(double bytes, double bandwidth, double overhead) {
  return std::sqrt(bytes * bandwidth * overhead);
}

double ActivationBytes(ActivationPolicy policy, const TransformerShape& shape,
                       double tensor_parallel) {
  const double sbh = shape.sequence * shape.samples * shape.width;
  const double scores = 5 * shape.heads * shape.sequence / shape.width;
  const double t = tensor_parallel;
  switch (policy) {
    case ActivationPolicy::kTensorParallel:
      return sbh * (10 + 24 / t + scores / t);
    case ActivationPolicy::kTensorAndSequenceParallel:
      return sbh / t * (34 + scores);
    case ActivationPolicy::kSelectiveRecompute:
      return 34 * sbh / t;
    case ActivationPolicy::kFullRecompute:
      return 2 * sbh;
  }
  CHECK(false);
}

double GptParameters(const GptShape& shape) {
  const double h = shape.width;
  return 12 * shape.layers * h * h *
         (1 + 13 / (12 * h) + (shape.vocabulary + shape.sequence) / (12 * shape.layers * h));
}

double GptFlops(const GptShape& shape, double samples, Recompute recompute) {
  const double h = shape.width;
  const double blocks = samples * shape.sequence * shape.layers * h * h;
  const double attention = shape.sequence / (6 * h);
  const double logits = shape.vocabulary / (shape.layers * h);
  return recompute == Recompute::kFull ? 96 * blocks * (1 + attention + logits / 16)
                                       : 72 * blocks * (1 + attention + logits / 12);
}

double DataParallelTokens(double flops, double bandwidth, double axes) {
  return flops / bandwidth / axes;
}

double FsdpTensorTokens(double flops, double bandwidth, double data_axes, double tensor_axes,
                        double hidden) {
  const double ratio = flops / bandwidth;
  return 4 * ratio * ratio / (data_axes * tensor_axes * hidden);
}

double TensorDegreeLimit(double flops, double bandwidth, double tensor_axes, double hidden) {
  return tensor_axes * hidden / (flops / bandwidth);
}

}  // namespace pprun
