#include "tests/runtime/small_plan.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "compiler/plan/base/hash.h"

namespace pprun {
namespace {

constexpr auto kInitialise = static_cast<size_t>(ProgramKind::kInitialise);
constexpr auto kStep = static_cast<size_t>(ProgramKind::kStep);
constexpr auto kValidate = static_cast<size_t>(ProgramKind::kValidate);

int64_t Aligned(int64_t bytes) { return (bytes + 63) / 64 * 64; }

// One position in the making: buffers one after the other, and programs that order every
// instruction behind the one before it on another stream.
class PositionBuilder {
 public:
  PositionBuilder(Plan& plan, Position& position) : plan_(plan), position_(position) {}

  BufferId Add(ArenaKind arena, std::string name, TensorType type) {
    int64_t& end = position_.arena_bytes[static_cast<size_t>(arena)];
    position_.buffers.push_back({std::move(name), arena, end, type});
    end += Aligned(type.Bytes());
    return BufferId(static_cast<int64_t>(position_.buffers.size()) - 1);
  }
  BufferId View(std::string name, BufferId of, TensorType type) {
    Buffer buffer = position_.buffers[of.index()];
    buffer.name = std::move(name);
    buffer.type = type;
    position_.buffers.push_back(buffer);
    return BufferId(static_cast<int64_t>(position_.buffers.size()) - 1);
  }
  StreamId AddStream(Stream stream) {
    position_.streams.push_back(std::move(stream));
    return StreamId(static_cast<int64_t>(position_.streams.size()) - 1);
  }
  // Issues behind everything issued before it in this program.
  void Emit(size_t program_index, StreamId stream, Operands operands) {
    Program& program = position_.programs[program_index];
    if (!program.instructions.empty()) {
      const StreamId before = program.instructions.back().stream;
      if (before != stream) {
        const EventId event(program.events++);
        program.instructions.push_back({before, kSource, Record{event}});
        program.instructions.push_back({stream, kSource, Wait{event}});
      }
    }
    program.instructions.push_back({stream, kSource, operands});
  }
  void EmitRun(size_t program, StreamId stream, Run run, std::vector<BufferId> bindings) {
    run.first_binding = static_cast<int32_t>(position_.bindings.size());
    position_.bindings.insert(position_.bindings.end(), bindings.begin(), bindings.end());
    Emit(program, stream, run);
  }

  Plan& plan_;
  Position& position_;
  static constexpr SourceId kSource{0};
};

class Builder {
 public:
  explicit Builder(const SmallPlan& small) : small_(small) {
    samples_ = small.batch / small.microbatches / small.replicas;
    activation_ = {DType::kF32, {samples_, small.sequence, small.width}};
    logits_ = {DType::kF32, {samples_, small.sequence, small.vocabulary}};
    lse_ = {DType::kF32, {samples_, small.sequence}};
    tokens_ = {DType::kI32, {samples_, small.sequence}};
    weights_ = {DType::kF32, {small.vocabulary, small.width}};
  }

  Plan Build() {
    plan_.name = "small.sched";
    plan_.schedule = "gpipe";
    plan_.mesh = {{"pp", small_.positions}, {"dp", small_.replicas}};
    plan_.train = {.vocabulary = small_.vocabulary,
                   .sequence = small_.sequence,
                   .batch = small_.batch,
                   .microbatches = small_.microbatches,
                   .steps = small_.steps,
                   .seed = 17,
                   .validate_batches = 2,
                   .optimizer = small_.optimizer};
    plan_.train.optimizer.clip = small_.clip;
    plan_.stages = small_.positions;
    plan_.files = {{"small.sched", "schedule gpipe\n"}};
    plan_.sources = {{.file = 0, .line = 1, .column = 1, .reason = "by hand"}};
    const PositionId last(small_.positions - 1);
    plan_.parameters = {{.name = "embedding.table",
                         .type = weights_,
                         .initialisation = {Initialisation::Kind::kNormal, 0.5},
                         .sum_over = {AxisId(1)},
                         .holders = {PositionId(0)},
                         .exports = {{"embedding.table", 0, small_.vocabulary}}},
                        {.name = "head.weight",
                         .type = weights_,
                         .initialisation = {Initialisation::Kind::kNormal, 0.5},
                         .sum_over = {AxisId(1)},
                         .holders = {last},
                         .exports = {{"head.weight", 0, small_.vocabulary}}}};
    plan_.layers = {{"embedding", HashText("embedding"), StageId(0)},
                    {"head", HashText("head"), StageId(last.value)}};
    plan_.groups = {{"dp", {}, {AxisId(1)}}};
    AddFunctions();
    if (small_.positions == 2) {
      plan_.groups.push_back({"pp", {PositionId(0), last}, {}});
      plan_.channels = {{"forward", PositionId(0), PositionId(1), activation_},
                        {"backward", PositionId(1), PositionId(0), activation_}};
    }
    plan_.positions.resize(static_cast<size_t>(small_.positions));
    for (int32_t p = 0; p < small_.positions; ++p) AddPosition(p);
    return plan_;
  }

 private:
  void AddFunctions();
  void AddPosition(int32_t p);

  SmallPlan small_;
  int64_t samples_ = 0;
  TensorType activation_, logits_, lse_, tokens_, weights_;
  Plan plan_;
};

void Builder::AddFunctions() {
  const auto add = [&](std::string name, TaskKind kind, double products) -> Function& {
    plan_.functions.push_back({.name = std::move(name), .kind = kind});
    plan_.functions.back().flops = products * 2 * static_cast<double>(logits_.shape.Elements()) *
                                   static_cast<double>(small_.width);
    return plan_.functions.back();
  };
  const auto argument = [](Function& function, Role role, Access access,
                           std::vector<TensorType> types) {
    int64_t offset = 0;
    for (const TensorType& type : types) {
      function.views.push_back({static_cast<int32_t>(function.arguments.size()), offset, type});
      offset += Aligned(type.Bytes());
    }
    const int64_t bytes = types.size() == 1 ? types[0].Bytes() : offset;
    function.arguments.push_back({role, access, bytes, 0});
  };
  const auto operation = [](Function& function, OpKind kind, std::vector<int64_t> views,
                            OpAttributes attributes) {
    Operation made = {.kind = kind, .attributes = attributes};
    for (const int64_t view : views) made.operands.emplace_back(view);
    function.operations.push_back(made);
    function.segments = {{AxisId(), 0, static_cast<int32_t>(function.operations.size())}};
  };
  const OpAttributes dropout = {.probability = small_.dropout, .random_key = 3};
  const OpAttributes loss = {.loss_scale =
                                 1.0 / static_cast<double>(small_.batch * small_.sequence)};

  Function& embed = add("embedding.forward", TaskKind::kForward, 0);
  argument(embed, Role::kTokens, Access::kRead, {tokens_});
  argument(embed, Role::kParameter, Access::kRead, {weights_});
  argument(embed, Role::kOutput, Access::kWrite, {activation_});
  argument(embed, Role::kWorkspace, Access::kWrite, {activation_});
  operation(embed, OpKind::kEmbedding, {0, 1, 3}, {});
  operation(embed, OpKind::kDropout, {3, 2}, dropout);

  Function& embed_back = add("embedding.backward", TaskKind::kBackward, 0);
  argument(embed_back, Role::kTokens, Access::kRead, {tokens_});
  argument(embed_back, Role::kOutputGradient, Access::kRead, {activation_});
  argument(embed_back, Role::kGradient, Access::kAccumulate, {weights_});
  argument(embed_back, Role::kWorkspace, Access::kWrite, {activation_});
  operation(embed_back, OpKind::kDropout, {1, 3}, dropout);
  operation(embed_back, OpKind::kEmbeddingWeightGrad, {0, 3, 2}, {});

  Function& head = add("head.forward", TaskKind::kForward, 1);
  argument(head, Role::kInput, Access::kRead, {activation_});
  argument(head, Role::kParameter, Access::kRead, {weights_});
  argument(head, Role::kTargets, Access::kRead, {tokens_});
  argument(head, Role::kLoss, Access::kWrite, {{DType::kF64, {}}});
  argument(head, Role::kFrameInput, Access::kWrite, {logits_, lse_});
  operation(head, OpKind::kLinear, {0, 1, -1, 4}, {});
  operation(head, OpKind::kCrossEntropy, {4, 2, 3, 5}, loss);

  Function& head_back = add("head.backward", TaskKind::kBackward, 2);
  argument(head_back, Role::kInput, Access::kRead, {activation_});
  argument(head_back, Role::kParameter, Access::kRead, {weights_});
  argument(head_back, Role::kTargets, Access::kRead, {tokens_});
  argument(head_back, Role::kFrameInput, Access::kRead, {logits_, lse_});
  argument(head_back, Role::kGradient, Access::kAccumulate, {weights_});
  argument(head_back, Role::kInputGradient, Access::kWrite, {activation_});
  argument(head_back, Role::kWorkspace, Access::kWrite, {logits_});
  operation(head_back, OpKind::kCrossEntropyGrad, {3, 2, 4, 7}, loss);
  operation(head_back, OpKind::kLinearInputGrad, {7, 1, 6}, {});
  operation(head_back, OpKind::kLinearWeightGrad, {0, 7, 5, -1}, {});
}

void Builder::AddPosition(int32_t p) {
  Position& position = plan_.positions[static_cast<size_t>(p)];
  PositionBuilder b(plan_, position);
  const bool first = p == 0;
  const bool last = p == small_.positions - 1;
  const auto compute = b.AddStream({"compute.0", StreamKind::kCompute, {}});
  const auto copy = b.AddStream({"copy", StreamKind::kCopy, {}});
  const auto dp = b.AddStream({"dp", StreamKind::kCollective, GroupId(0)});
  StreamId send, recv, pp;
  if (small_.positions == 2) {
    send = b.AddStream({"send", StreamKind::kTransfer, {}});
    recv = b.AddStream({"recv", StreamKind::kTransfer, {}});
    pp = b.AddStream({"pp", StreamKind::kCollective, GroupId(1)});
  }
  const ChannelId out(first ? 0 : 1);
  const ChannelId in(first ? 1 : 0);

  struct Held {
    ParameterId parameter;
    BufferId value, gradient, moment[2];
  };
  std::vector<Held> held;
  for (int64_t i = 0; i < 2; ++i) {
    if (!(i == 0 ? first : last)) continue;
    const std::string& name = plan_.parameters[static_cast<size_t>(i)].name;
    Held one = {ParameterId(i),
                b.Add(ArenaKind::kParameters, name, weights_),
                b.Add(ArenaKind::kGradients, "gradient of " + name, weights_),
                {}};
    b.Emit(kInitialise, compute, Initialise{one.parameter, one.value});
    const auto& optimizer = small_.optimizer;
    const int moments = optimizer.kind != OptimizerSpec::Kind::kSgd ? 2 : optimizer.momentum > 0;
    for (int m = 0; m < moments; ++m) {
      one.moment[m] = b.Add(ArenaKind::kOptimizer, "moment of " + name, weights_);
      b.Emit(kInitialise, compute, Zero{one.moment[m]});
    }
    held.push_back(one);
  }
  const int64_t gradient_bytes = position.arena_bytes[static_cast<size_t>(ArenaKind::kGradients)];
  const BufferId gradients =
      b.View("gradients", held[0].gradient, {DType::kF32, {gradient_bytes / 4}});
  const BufferId workspace = b.Add(ArenaKind::kWorkspace, "workspace", logits_);
  // The region of two views, as the functions lay them out.
  const TensorType frame_type = {DType::kF32,
                                 {(Aligned(logits_.Bytes()) + Aligned(lse_.Bytes())) / 4}};
  const BufferId wide = b.Add(ArenaKind::kWorkspace, "wide workspace", activation_);

  struct Frame {
    BufferId tokens, targets, input, frame, loss, gradient;
  };
  std::vector<Frame> frames(static_cast<size_t>(small_.microbatches));
  for (Frame& frame : frames) {
    if (first) frame.tokens = b.Add(ArenaKind::kBatch, "tokens", tokens_);
    frame.input = b.Add(ArenaKind::kTransferSlots, "activation", activation_);
    frame.gradient = b.Add(ArenaKind::kTransferSlots, "gradient", activation_);
    if (last) {
      frame.targets = b.Add(ArenaKind::kBatch, "targets", tokens_);
      frame.frame = b.Add(ArenaKind::kFrames, "frame", frame_type);
      frame.loss = b.Add(ArenaKind::kScalars, "loss", {DType::kF64, {}});
      position.losses.push_back(frame.loss);
    }
  }

  const auto forward = [&](size_t program, int32_t i) {
    const Frame& frame = frames[static_cast<size_t>(i)];
    const MicrobatchId microbatch(i);
    if (first) {
      b.Emit(program, copy, Load{Load::What::kTokens, frame.tokens, microbatch});
      b.EmitRun(program, compute,
                {FunctionId(0), LayerId(0), StageId(p), ChunkId(0), microbatch, TaskKind::kForward},
                {frame.tokens, held[0].value, frame.input, wide});
    }
    if (first && !last) b.Emit(program, send, Send{frame.input, out, microbatch});
    if (last && !first) b.Emit(program, recv, Recv{frame.input, in, microbatch});
    if (last) {
      b.Emit(program, copy, Load{Load::What::kTargets, frame.targets, microbatch});
      b.EmitRun(program, compute,
                {FunctionId(2), LayerId(1), StageId(p), ChunkId(0), microbatch, TaskKind::kForward},
                {frame.input, held.back().value, frame.targets, frame.loss, frame.frame});
    }
  };
  const auto backward = [&](int32_t i) {
    const Frame& frame = frames[static_cast<size_t>(i)];
    const MicrobatchId microbatch(i);
    if (last) {
      b.EmitRun(
          kStep, compute,
          {FunctionId(3), LayerId(1), StageId(p), ChunkId(0), microbatch, TaskKind::kBackward},
          {frame.input, held.back().value, frame.targets, frame.frame, held.back().gradient,
           frame.gradient, workspace});
    }
    if (last && !first) b.Emit(kStep, send, Send{frame.gradient, out, microbatch});
    if (first && !last) b.Emit(kStep, recv, Recv{frame.gradient, in, microbatch});
    if (first) {
      b.EmitRun(
          kStep, compute,
          {FunctionId(1), LayerId(0), StageId(p), ChunkId(0), microbatch, TaskKind::kBackward},
          {frame.tokens, frame.gradient, held[0].gradient, wide});
    }
  };

  for (int32_t i = 0; i < small_.microbatches; ++i) forward(kValidate, i);
  b.Emit(kStep, compute, Zero{gradients});
  for (int32_t i = 0; i < small_.microbatches; ++i) forward(kStep, i);
  for (int32_t i = 0; i < small_.microbatches; ++i) backward(i);
  b.Emit(kStep, dp, Collective{CollectiveKind::kAllReduce, gradients, gradients, GroupId(0)});

  if (small_.clip > 0) {
    // One block a parameter, eight doubles apart; a position alone has both beside each other.
    const TensorType one = {DType::kF64, {1}};
    const TensorType mine = {DType::kF64, {8 * static_cast<int64_t>(held.size())}};
    const BufferId partials = b.Add(ArenaKind::kScalars, "squares", mine);
    b.Emit(kStep, compute, Zero{partials});
    for (size_t i = 0; i < held.size(); ++i) {
      const BufferId part = b.View("squares of one", partials, one);
      position.buffers[part.index()].offset += 64 * static_cast<int64_t>(i);
      position.square_sums.push_back({held[i].parameter, held[i].gradient, part});
    }
    const int32_t sums = static_cast<int32_t>(held.size());
    b.Emit(kStep, compute, SquareSum{.first = 0, .count = sums});
    BufferId gathered = partials;
    if (small_.positions == 2) {
      gathered = b.Add(ArenaKind::kScalars, "all squares", {DType::kF64, {16}});
      b.Emit(kStep, pp, Collective{CollectiveKind::kAllGather, partials, gathered, GroupId(1)});
    }
    const BufferId clip = b.Add(ArenaKind::kScalars, "clip", {DType::kF32, {2}});
    plan_.norm_order = {{ParameterId(0), 0, 1}, {ParameterId(1), 8, 1}};
    position.gradient_norm = clip;
    b.Emit(kStep, compute, ClipFactor{gathered, clip});
  }
  for (const Held& one : held) {
    position.updates.push_back(
        {one.parameter, one.value, one.gradient, one.moment[0], one.moment[1], BufferId()});
  }
  const int32_t updates = static_cast<int32_t>(held.size());
  b.Emit(kStep, compute, Update{.first = 0, .count = updates, .clip = position.gradient_norm});
}

}  // namespace

Plan Build(const SmallPlan& small) { return Builder(small).Build(); }

void SmallData::Sample(int64_t index, std::span<int32_t> inputs, std::span<int32_t> targets) const {
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto place = static_cast<int64_t>(i);
    inputs[i] = static_cast<int32_t>((index * 7 + place * place * 3 + 1) % vocabulary_);
    targets[i] = static_cast<int32_t>((int64_t{inputs[i]} * 5 + 2) % vocabulary_);
  }
}

double SmallModel::Step(const SmallPlan& small, const DataSet& data, int64_t step) {
  const auto width = static_cast<size_t>(small.width);
  const auto vocabulary = static_cast<size_t>(small.vocabulary);
  const double scale = 1.0 / static_cast<double>(small.batch * small.sequence);
  std::vector<double> table_gradient(table.size()), weight_gradient(weight.size());
  double loss = 0;
  for (int64_t j = 0; j < small.batch; ++j) {
    std::vector<int32_t> inputs(static_cast<size_t>(small.sequence)), targets(inputs.size());
    data.Sample(step * small.batch + j, inputs, targets);
    for (size_t t = 0; t < inputs.size(); ++t) {
      const double* x = &table[static_cast<size_t>(inputs[t]) * width];
      double* dx = &table_gradient[static_cast<size_t>(inputs[t]) * width];
      std::vector<double> logits(vocabulary);
      double sum = 0;
      for (size_t v = 0; v < vocabulary; ++v) {
        for (size_t d = 0; d < width; ++d) logits[v] += x[d] * weight[v * width + d];
        sum += std::exp(logits[v]);
      }
      const auto target = static_cast<size_t>(targets[t]);
      loss += scale * (std::log(sum) - logits[target]);
      for (size_t v = 0; v < vocabulary; ++v) {
        const double dlogit = scale * (std::exp(logits[v]) / sum - (v == target ? 1 : 0));
        for (size_t d = 0; d < width; ++d) {
          dx[d] += dlogit * weight[v * width + d];
          weight_gradient[v * width + d] += dlogit * x[d];
        }
      }
    }
  }
  double squares = 0;
  for (const double g : table_gradient) squares += g * g;
  for (const double g : weight_gradient) squares += g * g;
  const double factor =
      small.clip > 0 ? std::min(1.0, small.clip / (std::sqrt(squares) + 1e-6)) : 1.0;
  for (size_t i = 0; i < table.size(); ++i) {
    table[i] -= small.optimizer.learning_rate * factor * table_gradient[i];
    weight[i] -= small.optimizer.learning_rate * factor * weight_gradient[i];
  }
  return loss;
}

}  // namespace pprun
