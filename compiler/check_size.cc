#include "compiler/check_size.h"

#include <algorithm>
#include <string>

#include "compiler/plan/base/amount.h"
#include "compiler/plan/text.h"
#include "compiler/verify/limits.h"

namespace pprun {
namespace {

std::string Bytes(double bytes) {
  constexpr double kMost = 9e18;
  if (bytes > kMost) return "more than " + HumanBytes(static_cast<int64_t>(kMost));
  return HumanBytes(static_cast<int64_t>(bytes));
}

std::string Limit() {
  return "the limit is " + HumanBytes(kMaxArenaBytes) + " of a kind on a rank";
}

// What a rank holds, and the layer of the model that most of it is of.
struct Held {
  double bytes = 0;
  std::vector<double> bytes_of;  // by CheckedModel::layers
  std::vector<int64_t> count_of;
};

std::string KindText(ArenaKind kind) {
  switch (kind) {
    case ArenaKind::kParameters:
    case ArenaKind::kGatheredParameters:
      return "parameters";
    case ArenaKind::kGradients:
    case ArenaKind::kTransientGradients:
      return "gradients";
    case ArenaKind::kOptimizer:
      return "the optimizer's state";
    case ArenaKind::kFrames:
      return "activations kept for the backward";
    case ArenaKind::kTransferSlots:
    case ArenaKind::kBatch:
    case ArenaKind::kScalars:
    case ArenaKind::kWorkspace:
      return "messages, tokens and workspace";
  }
  return "";
}

}  // namespace

void CheckParameterSize(const CheckedProgram& program, const CompiledModel& model,
                        const TaskOrder& order, const std::vector<std::vector<int32_t>>& stages,
                        Diagnostics& diagnostics) {
  constexpr double kBytesEach = 4;
  const std::vector<CheckedLayer>& layers = program.model->layers;
  for (size_t rank = 0; rank < order.placement.size(); ++rank) {
    Held held{.bytes_of = std::vector<double>(layers.size()),
              .count_of = std::vector<int64_t>(layers.size())};
    for (const ChunkPlace& chunk : order.placement[rank]) {
      for (const int32_t id : stages[static_cast<size_t>(chunk.stage)]) {
        const auto layer = static_cast<size_t>(model.instances[static_cast<size_t>(id)].layer);
        const double bytes =
            kBytesEach * static_cast<double>(model.layers[layer].parameter_elements);
        held.bytes += bytes;
        held.bytes_of[layer] += bytes;
        ++held.count_of[layer];
      }
    }
    if (held.bytes <= static_cast<double>(kMaxArenaBytes)) continue;
    const auto most = static_cast<size_t>(
        std::max_element(held.bytes_of.begin(), held.bytes_of.end()) - held.bytes_of.begin());
    const ast::Location place = layers[most].location;
    diagnostics
        .Error(place, "rank " + std::to_string(rank) + " would hold " + Bytes(held.bytes) +
                          " of parameters: " + Limit())
        .Note(place, "`" + layers[most].name + "` has " +
                         Bytes(held.bytes_of[most] / static_cast<double>(held.count_of[most])) +
                         ", and rank " + std::to_string(rank) + " holds " +
                         Amount(held.count_of[most], "such layer"));
    return;
  }
}

void CheckArenaSize(const CheckedProgram& program, const Plan& plan, Diagnostics& diagnostics) {
  for (size_t rank = 0; rank < plan.positions.size(); ++rank) {
    for (int32_t kind = 0; kind < kArenaCount; ++kind) {
      const int64_t bytes = plan.positions[rank].arena_bytes[static_cast<size_t>(kind)];
      if (bytes <= kMaxArenaBytes) continue;
      diagnostics.Error(program.train->location,
                        "rank " + std::to_string(rank) + " would hold " + HumanBytes(bytes) +
                            " of " + KindText(static_cast<ArenaKind>(kind)) + ": " + Limit());
      return;
    }
  }
}

void CheckStreams(const CheckedProgram& program, const Plan& plan, Diagnostics& diagnostics) {
  for (size_t rank = 0; rank < plan.positions.size(); ++rank) {
    const std::vector<Stream>& streams = plan.positions[rank].streams;
    if (streams.size() <= kMaxStreams) continue;
    const int64_t queues = std::ranges::count(streams, StreamKind::kTransfer, &Stream::kind);
    Diagnostic& error =
        diagnostics.Error(program.schedule.location,
                          "rank " + std::to_string(rank) + " would have " +
                              Amount(static_cast<int64_t>(streams.size()), "stream") + ", " +
                              Amount(queues, "queue") + " of transfers among them: the limit is " +
                              std::to_string(kMaxStreams));
    if (program.transfers == TransferQueues::kPerFlow) {
      error.Note(program.schedule.location,
                 "`transfers queue_per_flow` makes a queue for each stage and direction; "
                 "`queue_per_peer` makes one for each peer and direction");
    }
    return;
  }
}

}  // namespace pprun
