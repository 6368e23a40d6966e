#include "tests/gpu/check_case.h"

#include <algorithm>
#include <exception>
#include <memory>

#include "tests/gpu/graph_run.h"

namespace pprun::gpu {
namespace {

using kernels::Tensor;

std::vector<HostArray> RunOnCuda(const CheckContext& context,
                                 const std::vector<CaseTensor>& tensors,
                                 const std::vector<std::unique_ptr<DeviceArray>>& device,
                                 const Launch& launch, Issue issue) {
  std::vector<Tensor> views;
  for (size_t i = 0; i < tensors.size(); ++i) {
    device[i]->Upload(tensors[i].host);
    views.push_back(device[i]->View());
  }
  RunWork(
      context.cuda.stream, issue, [&] { launch(views); }, [] {});
  std::vector<HostArray> results;
  for (const auto& array : device) results.push_back(array->Download());
  return results;
}

}  // namespace

void RunCase(const CheckContext& context, const std::string& name,
             const std::vector<CaseTensor>& tensors, int64_t offset, const Launch& on_cpu,
             const Launch& on_cuda, CheckRow& row) {
  std::vector<HostArray> expected;
  std::vector<Tensor> views;
  std::vector<std::unique_ptr<DeviceArray>> device;
  for (const CaseTensor& tensor : tensors) {
    expected.push_back(tensor.host);
    device.push_back(std::make_unique<DeviceArray>(tensor.host, offset));
  }
  for (HostArray& array : expected) views.push_back(array.View());
  on_cpu(views);
  const auto first = RunOnCuda(context, tensors, device, on_cuda, Issue::kEager);
  const auto second = RunOnCuda(context, tensors, device, on_cuda, Issue::kEager);
  const auto graph = RunOnCuda(context, tensors, device, on_cuda, Issue::kGraph);
  bool is_repeated = true;
  bool is_in_graph = true;
  bool is_within = true;
  for (size_t i = 0; i < tensors.size(); ++i) {
    is_within = is_within && device[i]->GuardsHold();
    is_repeated = is_repeated && std::ranges::equal(first[i].Data(), second[i].Data());
    is_in_graph = is_in_graph && std::ranges::equal(first[i].Data(), graph[i].Data());
    if (tensors[i].use == CaseTensor::Use::kRead) {
      is_within = is_within && std::ranges::equal(first[i].Data(), tensors[i].host.Data());
      continue;
    }
    // Where the same bits are asked for, a NaN is as good as any.
    const bool is_same = std::ranges::equal(first[i].Data(), expected[i].Data());
    const double error = is_same ? 0 : RelativeError(first[i], expected[i]);
    if (error > row.worst || row.worst_case.empty()) {
      row.worst = error;
      row.worst_case = name + ", tensor " + std::to_string(i);
    }
  }
  row.not_repeated += is_repeated ? 0 : 1;
  row.not_in_graph += is_in_graph ? 0 : 1;
  row.out_of_bounds += is_within ? 0 : 1;
  ++row.cases;
}

void RunRow(const CheckContext& context, const std::string& kernel, const std::string& type,
            double allowed, const std::function<void(CheckRow&)>& cases) {
  context.runner.Run(kernel + ", " + type, [&] {
    CheckRow row = {.kernel = kernel, .type = type, .allowed = allowed};
    try {
      cases(row);
    } catch (const std::exception& error) {
      row.error = error.what();
    }
    PrintRow(row);
    // An error of CUDA stays with its process.
    if (!row.error.empty()) return CheckEnd::kBroken;
    return row.Passes() ? CheckEnd::kHolds : CheckEnd::kFails;
  });
}

}  // namespace pprun::gpu
