#include "compiler/study.h"

#include <utility>
#include <vector>

namespace pprun {
namespace {

// Tokens of a vocabulary of one, embedded in one dimension: every layer is a multiplication.
CheckedOperation Tiny(LayerOpKind kind, const char* label, int64_t width_in, int64_t width_out) {
  return {.kind = kind, .label = label, .width_in = width_in, .width_out = width_out};
}

CheckedModel StudyModel(int32_t stages) {
  CheckedOperation embedding = Tiny(LayerOpKind::kEmbedding, "embedding", 0, 1);
  embedding.vocabulary = 1;
  CheckedModel model{.name = "study", .vocabulary = 1, .has_loss = true};
  model.layers.push_back({.name = "first", .operations = {embedding}});
  model.layers.push_back({.name = "layer",
                          .repeat = stages,
                          .indexed = true,
                          .operations = {Tiny(LayerOpKind::kLinear, "linear", 1, 1)}});
  model.layers.push_back(
      {.name = "last", .operations = {Tiny(LayerOpKind::kCrossEntropy, "cross_entropy", 1, 0)}});
  return model;
}

}  // namespace

CheckedProgram WithStudyModel(CheckedProgram program, const TaskOrder& order) {
  int64_t replicas = 1;
  for (const CheckedAxis& axis : program.mesh) {
    if (axis.name != "pp") replicas *= axis.size;
  }
  program.model = StudyModel(order.stages);
  program.stages = {.stages =
                        std::vector<std::vector<LayerInstance>>(static_cast<size_t>(order.stages))};
  for (int32_t stage = 0; stage < order.stages; ++stage) {
    program.stages.stages[static_cast<size_t>(stage)].push_back({.layer = 1, .index = stage});
  }
  std::vector<LayerInstance>& first = program.stages.stages.front();
  first.insert(first.begin(), LayerInstance{.layer = 0, .index = 0});
  program.stages.stages.back().push_back({.layer = 2, .index = 0});
  CheckedTrain train{.sequence = 1,
                     .batch = order.microbatches * replicas,
                     .microbatches = order.microbatches,
                     .steps = order.HasBackward() ? 1 : 0,
                     .location = program.schedule.location};
  train.optimizer.kind = CheckedOptimizer::Kind::kSgd;
  train.optimizer.lr = 1;
  program.train = train;
  return program;
}

}  // namespace pprun
