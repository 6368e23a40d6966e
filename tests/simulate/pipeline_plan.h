// Small pipelines for tests of the simulator and of its reports: the order of the tasks on every
// position goes in, a plan with transfers, events and streams comes out. Linear placement: stage s
// on position s. Buffers are the least that the instructions need to have names; the plan is good
// to simulate and to draw, not to execute.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "compiler/plan/plan.h"

namespace pprun::testing {

struct Task {
  TaskKind kind = TaskKind::kForward;
  int32_t microbatch = 0;
  // Beside the task before it, on the second compute stream: they are an overlapped pair.
  enum class Stream : uint8_t { kFirst, kBeside } stream = Stream::kFirst;
};
using Orders = std::vector<std::vector<Task>>;  // of each position

inline Orders GPipe(int positions, int microbatches) {
  Orders orders(static_cast<size_t>(positions));
  for (std::vector<Task>& order : orders) {
    for (int i = 0; i < microbatches; ++i) order.push_back({TaskKind::kForward, i});
    for (int i = 0; i < microbatches; ++i) order.push_back({TaskKind::kBackward, i});
  }
  return orders;
}

inline Orders OneForwardOneBackward(int positions, int microbatches) {
  Orders orders(static_cast<size_t>(positions));
  for (int position = 0; position < positions; ++position) {
    std::vector<Task>& order = orders[static_cast<size_t>(position)];
    const int warmup = std::min(microbatches, positions - 1 - position);
    for (int i = 0; i < microbatches + warmup; ++i) {
      if (i < microbatches) order.push_back({TaskKind::kForward, i});
      if (i >= warmup) order.push_back({TaskKind::kBackward, i - warmup});
    }
  }
  return orders;
}

inline Orders ZeroBubbleH1(int positions, int microbatches) {
  Orders orders(static_cast<size_t>(positions));
  for (int position = 0; position < positions; ++position) {
    std::vector<Task>& order = orders[static_cast<size_t>(position)];
    const int warmup = std::min(microbatches, positions - 1 - position);
    int forward = 0, weight_grad = 0;
    while (forward < warmup) order.push_back({TaskKind::kForward, forward++});
    for (int i = 0; i < microbatches; ++i) {
      if (forward < microbatches) order.push_back({TaskKind::kForward, forward++});
      order.push_back({TaskKind::kInputGrad, i});
      if (i >= position) order.push_back({TaskKind::kWeightGrad, weight_grad++});
    }
    while (weight_grad < microbatches) order.push_back({TaskKind::kWeightGrad, weight_grad++});
  }
  return orders;
}

inline Orders ZeroBubbleH2(int positions, int microbatches) {
  Orders orders(static_cast<size_t>(positions));
  for (int position = 0; position < positions; ++position) {
    std::vector<Task>& order = orders[static_cast<size_t>(position)];
    const int warmup = std::min(microbatches, 2 * (positions - position) - 1);
    int forward = 0, weight_grad = 0;
    while (forward < warmup) order.push_back({TaskKind::kForward, forward++});
    for (int i = 0; i < microbatches; ++i) {
      order.push_back({TaskKind::kInputGrad, i});
      if (i >= 2 * position) order.push_back({TaskKind::kWeightGrad, weight_grad++});
      if (forward < microbatches) order.push_back({TaskKind::kForward, forward++});
    }
    while (weight_grad < microbatches) order.push_back({TaskKind::kWeightGrad, weight_grad++});
  }
  return orders;
}

struct PipelineOptions {
  int layers = 1;  // of each stage
  int data_parallel = 1;
  enum class Reduce : uint8_t { kNone, kAtEnd } reduce = Reduce::kNone;  // one all-reduce over dp
  enum class Norm : uint8_t { kNone, kGlobal } norm = Norm::kNone;
};

class PipelineBuilder {
 public:
  PipelineBuilder(const Orders& orders, const PipelineOptions& options)
      : orders_(orders), options_(options), positions_(static_cast<int>(orders.size())) {}

  Plan Build() {
    plan_.name = "examples/tiny.sched";
    plan_.schedule = "one_f_one_b";
    plan_.stages = positions_;
    plan_.mesh = {{"pp", positions_}};
    if (options_.data_parallel > 1) plan_.mesh.push_back({"dp", options_.data_parallel});
    for (const Task& task : orders_[0]) {
      plan_.train.microbatches = std::max(plan_.train.microbatches, task.microbatch + 1);
    }
    plan_.files = {{"tiny.sched", "mesh { }\nmodel m { }\nschedule s { }\n"}};
    plan_.sources = {{0, 3, 5, "order"}, {0, 3, 5, "insert_transfers"}};
    plan_.functions.resize(1);
    plan_.functions[0].name = "block.forward";
    if (options_.data_parallel > 1) plan_.groups = {{"dp", {}, {AxisId(1)}}};
    if (options_.norm == PipelineOptions::Norm::kGlobal) {
      norm_group_ = GroupId(static_cast<int64_t>(plan_.groups.size()));
      plan_.groups.push_back({"pp", {}, {}});
      for (int i = 0; i < positions_; ++i) plan_.groups.back().positions.emplace_back(i);
    }
    for (int stage = 0; stage < positions_; ++stage) {
      for (int layer = 0; layer < options_.layers; ++layer) {
        const std::string index = std::to_string(plan_.layers.size());
        plan_.layers.push_back({"block[" + index + "]", 0, StageId(stage)});
      }
    }
    const TensorType type{DType::kF32, {2, 4}};
    for (int i = 0; i + 1 < positions_; ++i) {
      const std::string from = std::to_string(i), to = std::to_string(i + 1);
      plan_.channels.push_back(
          {"forward " + from + " to " + to, PositionId(i), PositionId(i + 1), type});
      plan_.channels.push_back(
          {"backward " + to + " to " + from, PositionId(i + 1), PositionId(i), type});
    }
    for (int i = 0; i < positions_; ++i) AddPosition(i);
    return std::move(plan_);
  }

 private:
  static constexpr BufferId kActivation{0};
  static constexpr BufferId kGradient{1};
  static constexpr BufferId kSquares{2};
  static constexpr BufferId kAllSquares{3};
  static constexpr BufferId kClip{4};

  static ChannelId Forward(int from) { return ChannelId(2 * from); }
  static ChannelId Backward(int to) { return ChannelId(2 * to + 1); }

  StreamId AddStream(Stream stream) {
    position_->streams.push_back(std::move(stream));
    return StreamId(static_cast<int64_t>(position_->streams.size()) - 1);
  }

  void Emit(StreamId stream, Operands operands, SourceId source) {
    Step().instructions.push_back({stream, source, std::move(operands)});
  }
  Program& Step() { return position_->programs[static_cast<size_t>(ProgramKind::kStep)]; }

  // What follows on `to` comes after what is on `from` so far.
  void Order(StreamId from, StreamId to) {
    const EventId event(Step().events++);
    Emit(from, Record{event}, SourceId(1));
    Emit(to, Wait{event}, SourceId(1));
  }

  void AddTask(int index, const Task& task) {
    const bool forward = task.kind == TaskKind::kForward;
    const bool backward = task.kind == TaskKind::kBackward || task.kind == TaskKind::kInputGrad;
    const MicrobatchId microbatch(task.microbatch);
    const StreamId compute = task.stream == Task::Stream::kFirst ? compute_ : compute_beside_;
    if (forward && index > 0) {
      Emit(recv_previous_, Recv{kActivation, Forward(index - 1), microbatch}, SourceId(1));
      Order(recv_previous_, compute);
    }
    if (backward && index + 1 < positions_) {
      Emit(recv_next_, Recv{kGradient, Backward(index), microbatch}, SourceId(1));
      Order(recv_next_, compute);
    }
    for (int i = 0; i < options_.layers; ++i) {
      const int layer = forward ? i : options_.layers - 1 - i;
      Emit(compute,
           Run{FunctionId(0), LayerId(index * options_.layers + layer), StageId(index), ChunkId(0),
               microbatch, task.kind, 0},
           SourceId(0));
    }
    if (forward && index + 1 < positions_) {
      Order(compute, send_next_);
      Emit(send_next_, Send{kActivation, Forward(index), microbatch}, SourceId(1));
    }
    if (backward && index > 0) {
      Order(compute, send_previous_);
      Emit(send_previous_, Send{kGradient, Backward(index - 1), microbatch}, SourceId(1));
    }
  }

  // The parts of the global norm are gathered by all positions, and then added.
  void AddNorm() {
    if (options_.norm == PipelineOptions::Norm::kNone) return;
    const StreamId pp = AddStream({"pp", StreamKind::kCollective, norm_group_});
    Order(compute_, pp);
    Emit(pp, Collective{CollectiveKind::kAllGather, kSquares, kAllSquares, norm_group_, 0},
         SourceId(1));
    Order(pp, compute_);
    Emit(compute_, ClipFactor{kAllSquares, kClip}, SourceId(1));
  }

  void AddPosition(int index) {
    position_ = &plan_.positions.emplace_back();
    position_->buffers = {{"activation", ArenaKind::kTransferSlots, 0, {DType::kF32, {2, 4}}},
                          {"gradient", ArenaKind::kTransferSlots, 32, {DType::kF32, {2, 4}}},
                          {"squares", ArenaKind::kScalars, 0, {DType::kF64, {1}}},
                          {"all squares", ArenaKind::kScalars, 64, {DType::kF64, {positions_}}},
                          {"clip", ArenaKind::kScalars, 1024, {DType::kF32, {2}}}};
    compute_ = AddStream({"compute.0", StreamKind::kCompute, {}});
    if (index > 0) {
      recv_previous_ = AddStream({"recv.prev", StreamKind::kTransfer, {}});
      send_previous_ = AddStream({"send.prev", StreamKind::kTransfer, {}});
    }
    if (index + 1 < positions_) {
      recv_next_ = AddStream({"recv.next", StreamKind::kTransfer, {}});
      send_next_ = AddStream({"send.next", StreamKind::kTransfer, {}});
    }
    const std::vector<Task>& order = orders_[static_cast<size_t>(index)];
    if (std::ranges::any_of(order,
                            [](const Task& t) { return t.stream == Task::Stream::kBeside; })) {
      compute_beside_ = AddStream({"compute.1", StreamKind::kCompute, {}});
    }
    for (const Task& task : order) AddTask(index, task);
    AddNorm();
    if (options_.reduce == PipelineOptions::Reduce::kAtEnd) {
      const StreamId dp = AddStream({"dp", StreamKind::kCollective, GroupId(0)});
      Order(compute_, dp);
      Emit(dp, Collective{CollectiveKind::kAllReduce, kGradient, kGradient, GroupId(0), 0},
           SourceId(1));
    }
  }

  const Orders& orders_;
  const PipelineOptions options_;
  const int positions_;
  Plan plan_;
  Position* position_ = nullptr;  // the one being filled
  GroupId norm_group_;
  StreamId compute_, compute_beside_, recv_previous_, recv_next_, send_previous_, send_next_;
};

inline Plan PipelinePlan(const Orders& orders, const PipelineOptions& options = {}) {
  return PipelineBuilder(orders, options).Build();
}

}  // namespace pprun::testing
