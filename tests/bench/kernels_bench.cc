// Time of the CPU kernels at the sizes of a small GPT (8 samples of 256 positions, 256 wide, 4
// heads), on one thread, and of products by each implementation. Counters are per second: FLOP, or
// elements.
#include <benchmark/benchmark.h>

#include "kernels/cpu_queue.h"
#include "kernels/optimizer.h"
#include "tests/kernels/op_cases.h"

namespace pprun::kernels {
namespace {

constexpr OpSizes kSizes = {.samples = 8,
                            .positions = 256,
                            .heads = 4,
                            .kv_heads = 4,
                            .head_width = 64,
                            .outputs = 1024,
                            .vocabulary = 256};

void RunKind(benchmark::State& state, OpKind kind) {
  OpCase op = MakeOpCase(kind, kSizes, 1);
  int64_t elements = 0;
  for (size_t i = 0; i < op.operands.size(); ++i) {
    Array& operand = op.operands[i];
    elements = std::max(elements, operand.shape.Elements());
    if (Signature(kind).operands[i].access == Access::kAccumulate) operand = Zeros(operand.shape);
  }
  const CpuQueue queue(1);
  RunOpCase(queue, op);  // compiles the library's primitives
  for (auto _ : state) RunOpCase(queue, op);
  state.counters["elements"] = benchmark::Counter(static_cast<double>(elements),
                                                  benchmark::Counter::kIsIterationInvariantRate);
}

enum class Implementation : uint8_t { kPlain, kBest };

// y = x W^T, dx = dy W and dW += dy^T x of a linear layer with 2048 rows.
void RunProduct(benchmark::State& state, Implementation implementation, MatrixForm a_form,
                MatrixForm b_form) {
  const int64_t size = state.range(0);
  const auto algebra =
      implementation == Implementation::kPlain ? MakePlainLinearAlgebra() : MakeLinearAlgebra(1);
  const Product product = DenseProduct(2048, size, size, a_form, b_form, Result::kOverwrite);
  Array a = RandomFloats({2048, size}, 1);
  Array b = RandomFloats({size, size}, 2);
  Array c = Zeros({2048, size});
  const auto multiply = [&] {
    algebra->Multiply(product, a.Floats().data(), b.Floats().data(), nullptr, c.Floats().data());
  };
  multiply();
  for (auto _ : state) multiply();
  state.counters["FLOP"] = benchmark::Counter(2.0 * 2048.0 * static_cast<double>(size * size),
                                              benchmark::Counter::kIsIterationInvariantRate);
}

void RunAdam(benchmark::State& state) {
  const Shape shape = {state.range(0)};
  Array parameter = RandomFloats(shape, 1);
  Array gradient = RandomFloats(shape, 2);
  Array first = RandomFloats(shape, 3);
  Array second = RandomFloats(shape, 4, 0, 1);
  const CpuQueue queue(1);
  const UpdateTensors one = {parameter.View(), gradient.View(), first.View(), second.View(),
                             Tensor{}};
  for (auto _ : state) {
    LaunchAdamUpdates(queue, {&one, 1}, {}, {}, {.step = 100, .learning_rate = 1e-4F});
  }
  state.counters["elements"] = benchmark::Counter(static_cast<double>(shape.Elements()),
                                                  benchmark::Counter::kIsIterationInvariantRate);
}

void RegisterAll() {
  for (const OpKind kind : AllOpKinds()) {
    benchmark::RegisterBenchmark(std::string(Name(kind)).c_str(), RunKind, kind);
  }
  for (const auto& [name, implementation] :
       {std::pair{"plain", Implementation::kPlain}, std::pair{"best", Implementation::kBest}}) {
    const std::string prefix = std::string("product_") + name;
    benchmark::RegisterBenchmark((prefix + "_x_wt").c_str(), RunProduct, implementation,
                                 MatrixForm::kPlain, MatrixForm::kTransposed)
        ->Arg(256)
        ->Arg(1024);
    benchmark::RegisterBenchmark((prefix + "_dy_w").c_str(), RunProduct, implementation,
                                 MatrixForm::kPlain, MatrixForm::kPlain)
        ->Arg(256)
        ->Arg(1024);
    benchmark::RegisterBenchmark((prefix + "_dyt_x").c_str(), RunProduct, implementation,
                                 MatrixForm::kTransposed, MatrixForm::kPlain)
        ->Arg(256)
        ->Arg(1024);
  }
  benchmark::RegisterBenchmark("adam_update", RunAdam)->Arg(1 << 20);
}

}  // namespace
}  // namespace pprun::kernels

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  pprun::kernels::RegisterAll();
  benchmark::RunSpecifiedBenchmarks();
}
