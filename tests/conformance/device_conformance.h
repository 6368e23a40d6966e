// What every device must do. A backend instantiates the suite with how its device is made:
//
//   INSTANTIATE_TEST_SUITE_P(Cpu, DeviceConformance, testing::Values(DeviceCase{"cpu", MakeCpu}));
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "kernels/formulas/bfloat16.h"
#include "runtime/device.h"

namespace pprun {

struct DeviceCase {
  std::string name;
  std::function<std::unique_ptr<Device>()> make;
};

class DeviceConformance : public testing::TestWithParam<DeviceCase> {
 protected:
  DeviceConformance() : device_(GetParam().make()) {}

  // Memory of the device as f32[count], and what is in it.
  struct Floats {
    std::unique_ptr<DeviceMemory> memory;
    kernels::Tensor tensor;
  };
  Floats Make(const std::vector<float>& values) {
    Floats floats = {device_->Allocate(static_cast<int64_t>(values.size() * sizeof(float))), {}};
    device_->Upload(floats.memory->data(), std::as_bytes(std::span(values)));
    floats.tensor = {floats.memory->data(), DType::kF32, {static_cast<int64_t>(values.size())}};
    return floats;
  }
  std::vector<float> Get(const Floats& floats) {
    std::vector<float> values(static_cast<size_t>(floats.tensor.shape.Elements()));
    device_->Download(std::as_writable_bytes(std::span(values)), floats.memory->data());
    return values;
  }

  const std::unique_ptr<Device> device_;
};

TEST_P(DeviceConformance, AllocatesAlignedMemoryThatKeepsWhatIsWritten) {
  for (const int64_t bytes : {0, 1, 64, 4096, 1 << 20}) {
    const auto memory = device_->Allocate(bytes);
    EXPECT_EQ(memory->bytes(), bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory->data()) % 64, 0U);
    std::vector<std::byte> written(static_cast<size_t>(bytes), std::byte{7});
    device_->Upload(memory->data(), written);
    std::vector<std::byte> read(written.size());
    device_->Download(read, memory->data());
    EXPECT_EQ(read, written);
    EXPECT_LE(memory->TouchedBytes(), bytes);
  }
}

TEST_P(DeviceConformance, AStreamRunsInOrder) {
  const Floats a = Make({1, 2, 3});
  const Floats b = Make({10, 20, 30});
  const std::vector<DeviceCall> add = {AddCall{a.tensor, b.tensor}};
  const std::vector<DeviceCall> zero = {ZeroCall{b.tensor}};
  const auto stream = device_->CreateStream("one");
  stream->Issue(add);
  stream->Issue(zero);
  for (int i = 0; i < 5; ++i) stream->Issue(add);
  stream->Synchronise();
  EXPECT_EQ(Get(b), (std::vector<float>{5, 10, 15}));
}

TEST_P(DeviceConformance, RunsMoreThanAnyQueueHolds) {
  const Floats a = Make({1});
  const Floats b = Make({0});
  const std::vector<DeviceCall> add = {AddCall{a.tensor, b.tensor}};
  const auto stream = device_->CreateStream("long");
  for (int i = 0; i < 20000; ++i) stream->Issue(add);
  stream->Synchronise();
  EXPECT_EQ(Get(b), std::vector<float>{20000});
}

TEST_P(DeviceConformance, SynchroniseWithoutWorkReturns) {
  const auto stream = device_->CreateStream("idle");
  stream->Synchronise();
  stream->Synchronise();
  EXPECT_EQ(stream->Head(), kNoWork);
}

TEST_P(DeviceConformance, AWaitHoldsBackWhatFollowsUntilTheRecord) {
  // Two streams take turns on one number: any order but the right one gives another number.
  const Floats one = Make({1});
  const Floats copy = Make({0});
  const Floats x = Make({0});
  const std::vector<DeviceCall> add = {AddCall{one.tensor, x.tensor}};
  const std::vector<DeviceCall> twice = {CastCall{x.tensor, copy.tensor},
                                         AddCall{copy.tensor, x.tensor}};
  const auto first = device_->CreateStream("first");
  const auto second = device_->CreateStream("second");
  std::vector<std::unique_ptr<DeviceEvent>> events;
  constexpr int kRounds = 10;
  for (int i = 0; i < 2 * kRounds; ++i) events.push_back(device_->CreateEvent());
  float expected = 0;
  for (int run = 0; run < 200; ++run) {
    // The same events, run after run.
    for (size_t i = 0; i < kRounds; ++i) {
      first->Issue(add);
      first->Record(*events[2 * i]);
      second->Wait(*events[2 * i]);
      second->Issue(twice);
      second->Record(*events[2 * i + 1]);
      first->Wait(*events[2 * i + 1]);
      expected = (expected + 1) * 2;
    }
    first->Synchronise();
    second->Synchronise();
    ASSERT_EQ(Get(x)[0], expected) << "run " << run;
    const float zero = 0;
    device_->Upload(x.memory->data(), std::as_bytes(std::span(&zero, 1)));
    expected = 0;
  }
}

TEST_P(DeviceConformance, AnEventNeverRecordedCountsAsComplete) {
  const auto event = device_->CreateEvent();
  const auto stream = device_->CreateStream("one");
  stream->Wait(*event);
  stream->Synchronise();
}

TEST_P(DeviceConformance, CopiesFromTheHost) {
  const Floats a = Make({0, 0, 0, 0});
  const auto memory = device_->AllocateHost(4 * sizeof(float));
  const std::span host(reinterpret_cast<float*>(memory->data()), 4);
  std::vector<float> values = {1, 2, 3, 4};
  std::ranges::copy(values, host.begin());
  const std::vector<DeviceCall> copy = {CopyCall{host.data(), a.tensor}};
  const auto stream = device_->CreateStream("copy");
  stream->Issue(copy);
  stream->Synchronise();
  EXPECT_EQ(Get(a), values);
  // What is copied is what the host has when the copy runs.
  values = {5, 6, 7, 8};
  std::ranges::copy(values, host.begin());
  stream->Issue(copy);
  stream->Synchronise();
  EXPECT_EQ(Get(a), values);
}

TEST_P(DeviceConformance, RunsEveryCall) {
  const auto stream = device_->CreateStream("one");
  const auto run = [&](DeviceCall call) {
    const std::vector<DeviceCall> calls = {std::move(call)};
    stream->Issue(calls);
    stream->Synchronise();
  };
  // Operation: a residual addition.
  const Floats a = Make({1, 2});
  const Floats b = Make({3, 4});
  const Floats y = Make({0, 0});
  run(OperationCall{OpKind::kAdd, {}, {a.tensor, b.tensor, y.tensor}, {}});
  EXPECT_EQ(Get(y), (std::vector<float>{4, 6}));
  // Cast to bf16 and back.
  const Floats narrow = Make({0});
  const kernels::Tensor bf16 = {narrow.tensor.data, DType::kBF16, {2}};
  run(CastCall{y.tensor, bf16});
  run(ZeroCall{y.tensor});
  run(CastCall{bf16, y.tensor});
  EXPECT_EQ(Get(y), (std::vector<float>{4, 6}));
  // Initialisation.
  run(InitialiseCall{y.tensor, {Initialisation::Kind::kOnes, 0}, 1, 2});
  EXPECT_EQ(Get(y), (std::vector<float>{1, 1}));
  run(InitialiseCall{y.tensor, {Initialisation::Kind::kNormal, 1}, 1, 2});
  EXPECT_NE(Get(y), (std::vector<float>{1, 1}));
  // The norm of (3, 4), clipped to 1.
  const Floats gradient = Make({3, 4});
  const auto partials = device_->Allocate(sizeof(double));
  const kernels::Tensor sums = {partials->data(), DType::kF64, {1}};
  run(SquareSumCall{{{gradient.tensor, sums}}});
  const Floats clip = Make({0, 0});
  const auto order_memory = device_->Allocate(sizeof(int32_t));
  const int32_t zero = 0;
  device_->Upload(order_memory->data(), std::as_bytes(std::span(&zero, 1)));
  const std::span order(reinterpret_cast<const int32_t*>(order_memory->data()), 1);
  run(ClipFactorCall{sums, clip.tensor, order, 1.0});
  EXPECT_NEAR(Get(clip)[0], 0.2, 1e-6);
  EXPECT_NEAR(Get(clip)[1], 5, 1e-6);
  // Updates.
  const auto state_memory = device_->Allocate(sizeof(kernels::StepState));
  const kernels::StepState state = {.step = 0, .learning_rate = 0.5F};
  device_->Upload(state_memory->data(), std::as_bytes(std::span(&state, 1)));
  const auto* device_state = reinterpret_cast<const kernels::StepState*>(state_memory->data());
  const OptimizerSpec sgd = {.kind = OptimizerSpec::Kind::kSgd, .weight_decay = 0.5};
  const Floats value = Make({1, 1});
  using Decay = kernels::UpdateTensors::Decay;
  const auto update = [&](const OptimizerSpec& optimizer, Decay decay, const Floats& of,
                          const kernels::Tensor& first, const kernels::Tensor& second) {
    // A bf16 copy beside it, whose bits are the upper half of the value's.
    const auto rounded = device_->Allocate(2 * sizeof(uint16_t));
    run(UpdateCall{.optimizer = &optimizer,
                   .parameters = {{.parameter = of.tensor,
                                   .gradient = gradient.tensor,
                                   .first = first,
                                   .second = second,
                                   .rounded = {rounded->data(), DType::kBF16, {2}},
                                   .decay = decay}},
                   .factor = {},
                   .state = device_state});
    std::array<uint16_t, 2> bits{};
    device_->Download(std::as_writable_bytes(std::span(bits)), rounded->data());
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(bits[i], kernels::BitsOfBfloat16(Get(of)[i]));
    }
  };
  update(sgd, Decay::kNo, value, {}, {});
  EXPECT_EQ(Get(value), (std::vector<float>{-0.5F, -1}));
  update(sgd, Decay::kYes, value, {}, {});
  EXPECT_EQ(Get(value), (std::vector<float>{-0.5F - 0.5F * (3 - 0.25F), -1 - 0.5F * (4 - 0.5F)}));
  const OptimizerSpec adam = {
      .kind = OptimizerSpec::Kind::kAdamW, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8};
  const Floats adam_value = Make({1, 1});
  const Floats first = Make({0, 0});
  const Floats second = Make({0, 0});
  update(adam, Decay::kYes, adam_value, first.tensor, second.tensor);
  // The first step of Adam goes one learning rate against the gradient's sign.
  EXPECT_NEAR(Get(adam_value)[0], 0.5, 1e-5);
  // Two parameters at once, of gradients times the clip factor.
  const OptimizerSpec plain = {.kind = OptimizerSpec::Kind::kSgd};
  const Floats one = Make({0, 0});
  const Floats other = Make({1, 1});
  run(UpdateCall{.optimizer = &plain,
                 .parameters = {{.parameter = one.tensor, .gradient = gradient.tensor},
                                {.parameter = other.tensor, .gradient = gradient.tensor}},
                 .factor = {clip.tensor.data, DType::kF32, Shape{}},
                 .state = device_state});
  EXPECT_NEAR(Get(one)[1], -0.5 * 4 * 0.2, 1e-6);
  EXPECT_NEAR(Get(other)[0], 1 - 0.5 * 3 * 0.2, 1e-6);
}

TEST_P(DeviceConformance, TellsWhatIsAtTheHeadAndTraces) {
  const Floats a = Make({1});
  const Floats b = Make({0});
  const std::vector<DeviceCall> add = {AddCall{a.tensor, b.tensor}};
  const auto stream = device_->CreateStream("traced");
  const int64_t before = stream->Progress();
  stream->StartTrace(3);
  for (WorkTag tag = 10; tag < 15; ++tag) {
    stream->Begin(tag);
    stream->Issue(add);
    stream->End();
  }
  stream->Synchronise();
  EXPECT_GT(stream->Progress(), before);
  const std::vector<StreamInterval> intervals = stream->StopTrace();
  ASSERT_EQ(intervals.size(), 3U);
  for (size_t i = 0; i < intervals.size(); ++i) {
    EXPECT_EQ(intervals[i].tag, static_cast<WorkTag>(10 + i));
    EXPECT_LE(intervals[i].begin, intervals[i].end);
    if (i > 0) {
      EXPECT_LE(intervals[i - 1].end, intervals[i].begin);
    }
  }
  // Without a trace nothing is kept.
  stream->Issue(add);
  stream->Synchronise();
  EXPECT_TRUE(stream->StopTrace().empty());
}

}  // namespace pprun
