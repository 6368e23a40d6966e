// cuDNN's fused attention through its graph API (cudnn_frontend, headers alone). Strides describe
// the packed qkv, so that nothing is copied. The library's statistics are, as our lse, the natural
// logarithm of the sum of exponentials of the scaled scores. The plan is the heuristics' first one
// that can be built; the gradient that gives the same bits every time keeps dS, two bytes a score,
// in its workspace. Everything of cuDNN is in this file.
#include <cudnn.h>
#include <cudnn_frontend.h>

#include <algorithm>
#include <compare>
#include <cstddef>
#include <initializer_list>
#include <map>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "kernels/attention_sizes.h"
#include "kernels/cuda_fused_attention.h"
#include "kernels/cuda_queue.h"

namespace pprun::kernels {
namespace {

namespace fe = cudnn_frontend;
using fe::graph::Graph;
using fe::graph::Tensor_attributes;

// Names of the operands within a graph.
enum Operand : int64_t { kQ = 1, kK, kV, kY, kLse, kDy, kDq, kDk, kDv };
using Addresses = std::unordered_map<int64_t, void*>;

// What a plan depends on.
struct Key {
  AttentionDirection direction = AttentionDirection::kForward;
  int64_t samples = 0;
  int64_t positions = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head_width = 0;
  auto operator<=>(const Key&) const = default;
};

std::string Describe(const Key& key) {
  const auto text = [](int64_t value) { return std::to_string(value); };
  return std::string(key.direction == AttentionDirection::kForward ? "attention"
                                                                   : "attention_grad") +
         " of " + text(key.samples) + " x " + text(key.positions) + ", heads " + text(key.heads) +
         "/" + text(key.kv_heads) + " of " + text(key.head_width);
}

// [sample, head, position, element] of `heads` heads, as they lie in rows of `row` elements.
struct Layout {
  std::vector<int64_t> dim;
  std::vector<int64_t> stride;
};
Layout HeadsIn(const AttentionSizes& sizes, int64_t heads, int64_t row) {
  return {{sizes.samples, heads, sizes.positions, sizes.head_width},
          {sizes.positions * row, sizes.head_width, row, 1}};
}
Layout LseOf(const AttentionSizes& sizes) {
  return {{sizes.samples, sizes.heads, sizes.positions, 1},
          {sizes.heads * sizes.positions, sizes.positions, 1, 1}};
}

class GraphBuilder {
 public:
  // `graph` is empty but for the GPU that it is for; operations take that over when they are added.
  GraphBuilder(const AttentionSizes& sizes, AttentionPolicy policy, std::unique_ptr<Graph> graph)
      : sizes_(sizes), policy_(policy), graph_(std::move(graph)) {
    graph_->set_io_data_type(fe::DataType_t::BFLOAT16)
        .set_intermediate_data_type(fe::DataType_t::FLOAT)
        .set_compute_data_type(fe::DataType_t::FLOAT);
  }

  std::unique_ptr<Graph> Forward() {
    auto [y, lse] = graph_->sdpa(Packed(kQ), Packed(kK), Packed(kV),
                                 fe::graph::SDPA_attributes()
                                     .set_name("attention")
                                     .set_generate_stats(true)
                                     .set_attn_scale(sizes_.scale)
                                     .set_diagonal_alignment(fe::DiagonalAlignment_t::TOP_LEFT)
                                     .set_diagonal_band_right_bound(0));
    Write(y, kY, HeadsIn(sizes_, sizes_.heads, sizes_.y_width));
    Write(lse, kLse, LseOf(sizes_));
    lse->set_data_type(fe::DataType_t::FLOAT);
    return std::move(graph_);
  }

  std::unique_ptr<Graph> Backward() {
    const Layout y = HeadsIn(sizes_, sizes_.heads, sizes_.y_width);
    auto lse = Attributes(kLse, LseOf(sizes_)).set_data_type(fe::DataType_t::FLOAT);
    auto [dq, dk, dv] = graph_->sdpa_backward(
        Packed(kQ), Packed(kK), Packed(kV), graph_->tensor(Attributes(kY, y)),
        graph_->tensor(Attributes(kDy, y)), graph_->tensor(lse),
        fe::graph::SDPA_backward_attributes()
            .set_name("attention_grad")
            .set_attn_scale(sizes_.scale)
            .set_diagonal_alignment(fe::DiagonalAlignment_t::TOP_LEFT)
            .set_diagonal_band_right_bound(0)
            .set_deterministic_algorithm(policy_ != AttentionPolicy::kAnyOrder));
    Write(dq, kDq, HeadsIn(sizes_, sizes_.heads, sizes_.qkv_width));
    Write(dk, kDk, HeadsIn(sizes_, sizes_.kv_heads, sizes_.qkv_width));
    Write(dv, kDv, HeadsIn(sizes_, sizes_.kv_heads, sizes_.qkv_width));
    return std::move(graph_);
  }

 private:
  static Tensor_attributes Attributes(Operand operand, const Layout& layout) {
    return Tensor_attributes().set_uid(operand).set_dim(layout.dim).set_stride(layout.stride);
  }
  // One of the three within qkv.
  std::shared_ptr<Tensor_attributes> Packed(Operand operand) {
    const int64_t heads = operand == kQ ? sizes_.heads : sizes_.kv_heads;
    return graph_->tensor(Attributes(operand, HeadsIn(sizes_, heads, sizes_.qkv_width)));
  }
  static void Write(const std::shared_ptr<Tensor_attributes>& tensor, Operand operand,
                    const Layout& layout) {
    tensor->set_output(true).set_uid(operand).set_dim(layout.dim).set_stride(layout.stride);
  }

  const AttentionSizes& sizes_;
  AttentionPolicy policy_;
  std::unique_ptr<Graph> graph_;
};

std::unique_ptr<Graph> GraphOf(AttentionDirection direction, const AttentionSizes& sizes,
                               AttentionPolicy policy, std::unique_ptr<Graph> graph) {
  GraphBuilder builder(sizes, policy, std::move(graph));
  return direction == AttentionDirection::kForward ? builder.Forward() : builder.Backward();
}

// Makes the graph's plan. Without a handle, for the GPU that the graph says.
FusedAttentionPlan Build(Graph& graph, cudnnHandle_t handle) {
  FusedAttentionPlan plan;
  const auto succeeds = [&](fe::error_t status) {
    if (status.is_bad()) plan.refusal = status.get_message();
    return status.is_good();
  };
  const bool is_built = succeeds(graph.validate()) &&
                        succeeds(graph.build_operation_graph(handle)) &&
                        succeeds(graph.create_execution_plans({fe::HeurMode_t::A})) &&
                        succeeds(graph.check_support()) && succeeds(graph.build_plans()) &&
                        succeeds(graph.get_workspace_size(plan.workspace)) &&
                        succeeds(graph.get_plan_name(plan.name));
  if (is_built && plan.workspace > kMostAttentionWorkspace)
    plan.refusal = "its workspace would be " + std::to_string(plan.workspace) + " bytes";
  return plan;
}

struct DestroyHandle {
  void operator()(cudnnHandle_t handle) const { cudnnDestroy(handle); }
};
using Handle = std::unique_ptr<cudnnContext, DestroyHandle>;

// What plans are built for; all tensors are declared to be so aligned.
bool AreAligned(std::initializer_list<const void*> pointers) {
  uintptr_t bits = 0;
  for (const void* pointer : pointers) bits |= reinterpret_cast<uintptr_t>(pointer);
  return bits % 16 == 0;
}

// The three within a packed tensor.
void AddPacked(Addresses& addresses, const AttentionSizes& sizes, const Tensor& packed,
               std::initializer_list<Operand> operands) {
  auto* const first = static_cast<std::byte*>(packed.data);
  const int64_t width = SizeOf(packed.dtype);
  const int64_t offsets[] = {QueryOffset(sizes, 0), KeyOffset(sizes, 0), ValueOffset(sizes, 0)};
  const int64_t* offset = offsets;
  for (const Operand operand : operands) addresses[operand] = first + *offset++ * width;
}

class CudnnAttention : public CudaFusedAttention {
 public:
  explicit CudnnAttention(AttentionPolicy policy) : policy_(policy) {}

  bool Forward(const CudaQueue& queue, const AttentionSizes& sizes, const Tensor& qkv,
               const Tensor& y, const Tensor& lse) override {
    if (!AreAligned({qkv.data, y.data, lse.data})) return false;
    Addresses addresses = {{kY, y.data}, {kLse, lse.data}};
    AddPacked(addresses, sizes, qkv, {kQ, kK, kV});
    return Run(queue, AttentionDirection::kForward, sizes, addresses);
  }

  bool Backward(const CudaQueue& queue, const AttentionSizes& sizes, const Tensor& qkv,
                const Tensor& y, const Tensor& lse, const Tensor& dy, const Tensor& dqkv) override {
    if (!AreAligned({qkv.data, y.data, lse.data, dy.data, dqkv.data})) return false;
    Addresses addresses = {{kY, y.data}, {kLse, lse.data}, {kDy, dy.data}};
    AddPacked(addresses, sizes, qkv, {kQ, kK, kV});
    AddPacked(addresses, sizes, dqkv, {kDq, kDk, kDv});
    return Run(queue, AttentionDirection::kBackward, sizes, addresses);
  }

  std::vector<std::string> Decisions() const override {
    std::vector<std::string> lines;
    for (const auto& [key, prepared] : prepared_) {
      const FusedAttentionPlan& plan = prepared.plan;
      lines.push_back(Describe(key) + ": " +
                      (plan.refusal.empty() ? "cuDNN's " + plan.name + ", workspace " +
                                                  std::to_string(plan.workspace) + " bytes"
                                            : "our own kernels, since cuDNN says: " +
                                                  plan.refusal.substr(0, plan.refusal.find('\n'))));
    }
    return lines;
  }

 private:
  struct Prepared {
    std::unique_ptr<Graph> graph;
    FusedAttentionPlan plan;
  };

  bool Run(const CudaQueue& queue, AttentionDirection direction, const AttentionSizes& sizes,
           Addresses& addresses) {
    const Prepared& prepared = PreparedFor(queue, direction, sizes);
    if (!prepared.plan.refusal.empty()) return false;
    // Never nothing, which would be a null pointer.
    void* const workspace = queue.scratch->AtLeast(std::max<int64_t>(prepared.plan.workspace, 1));
    fe::error_t status = prepared.graph->execute(handle_.get(), addresses, workspace);
    if (status.is_bad())
      throw std::runtime_error("cuDNN's attention failed: " + status.get_message());
    return true;
  }

  const Prepared& PreparedFor(const CudaQueue& queue, AttentionDirection direction,
                              const AttentionSizes& sizes) {
    const Key key = {direction,   sizes.samples,  sizes.positions,
                     sizes.heads, sizes.kv_heads, sizes.head_width};
    const auto found = prepared_.find(key);
    if (found != prepared_.end()) return found->second;
    Prepared prepared;
    const cudnnStatus_t status = Open(queue);
    if (status == CUDNN_STATUS_SUCCESS) {
      prepared.graph = GraphOf(direction, sizes, policy_, std::make_unique<Graph>());
      prepared.plan = Build(*prepared.graph, handle_.get());
    } else {
      prepared.plan.refusal = std::string("`cudnnCreate` failed: ") + cudnnGetErrorString(status);
    }
    return prepared_.emplace(key, std::move(prepared)).first->second;
  }

  // Not before it is needed: most streams carry no attention.
  cudnnStatus_t Open(const CudaQueue& queue) {
    if (handle_ != nullptr) return CUDNN_STATUS_SUCCESS;
    cudnnHandle_t handle = nullptr;
    const cudnnStatus_t status = cudnnCreate(&handle);
    if (status != CUDNN_STATUS_SUCCESS) return status;
    handle_.reset(handle);
    return cudnnSetStream(handle, queue.stream);
  }

  AttentionPolicy policy_;
  Handle handle_;
  // Destroyed before the handle is.
  std::map<Key, Prepared> prepared_;
};

}  // namespace

std::unique_ptr<CudaFusedAttention> MakeCudaFusedAttention(AttentionPolicy policy) {
  if (policy == AttentionPolicy::kOwnKernels) return nullptr;
  return std::make_unique<CudnnAttention>(policy);
}

FusedAttentionPlan PlanFusedAttention(AttentionDirection direction, const AttentionSizes& sizes,
                                      AttentionPolicy policy, const std::string& gpu,
                                      int architecture) {
  const auto properties = std::make_shared<fe::DeviceProperties>();
  fe::error_t status = properties->deserialize(std::vector<uint8_t>(gpu.begin(), gpu.end()));
  if (status.is_bad()) return {.refusal = status.get_message()};
  auto graph = std::make_unique<Graph>();
  graph->set_sm_version(architecture).set_device_properties(properties);
  graph = GraphOf(direction, sizes, policy, std::move(graph));
  return Build(*graph, nullptr);
}

}  // namespace pprun::kernels
