#include "kernels/optimizer.h"

#include <gtest/gtest.h>

#include <functional>

#include "kernels/cpu_queue.h"
#include "tests/kernels/arrays.h"

namespace pprun::kernels {
namespace {

constexpr int64_t kElements = 37;
constexpr int kSteps = 12;

float RateOf(int64_t step) { return 0.01F / static_cast<float>(step + 1); }

// Runs an update for a few steps with changing gradients, rates and clip factors; `reference` does
// one element's step in double. After each step parameter and state agree to 1e-5.
template <class Update, class Reference>
void CompareOverSteps(const Update& update, const Reference& reference) {
  Array parameter = RandomFloats({kElements}, 1);
  Array first = Zeros({kElements});
  Array second = Zeros({kElements});
  std::vector<double> p = ToDoubles(parameter.Floats());
  std::vector<double> a(kElements);
  std::vector<double> b(kElements);
  for (int step = 0; step < kSteps; ++step) {
    Array gradient = RandomFloats({kElements}, static_cast<uint32_t>(100 + step));
    const StepState state = {.step = step, .learning_rate = RateOf(step)};
    Array factor(DType::kF32, {});
    factor.Floats()[0] = 1.0F / static_cast<float>(1 + step % 3);
    const double by = step == 0 ? 1 : static_cast<double>(factor.Floats()[0]);
    const UpdateTensors tensors = {parameter.View(), gradient.View(), first.View(), second.View(),
                                   Tensor{}};
    update(tensors, step == 0 ? Tensor{} : factor.View(), state);
    for (size_t i = 0; i < p.size(); ++i) {
      reference(p[i], by * static_cast<double>(gradient.Floats()[i]), a[i], b[i], step + 1.0,
                static_cast<double>(RateOf(step)));
    }
    ExpectClose(parameter.Floats(), p, 1e-5, 0.1);
    ExpectClose(first.Floats(), a, 1e-5, 0.1);
    ExpectClose(second.Floats(), b, 1e-5, 0.1);
  }
}

TEST(Sgd, MatchesTheObviousVersion) {
  const CpuQueue queue(1);
  CompareOverSteps(
      [&](UpdateTensors one, const Tensor& factor, const StepState& state) {
        one.first = one.second = {};
        LaunchSgdUpdates(queue, {&one, 1}, factor, {.momentum = 0, .weight_decay = 0.1F}, state);
      },
      [](double& p, double g, double&, double&, double, double rate) {
        p -= rate * (g + 0.1 * p);
      });
}

TEST(Sgd, MatchesTheObviousVersionWithMomentum) {
  const CpuQueue queue(1);
  CompareOverSteps(
      [&](UpdateTensors one, const Tensor& factor, const StepState& state) {
        one.second = {};
        LaunchSgdUpdates(queue, {&one, 1}, factor, {.momentum = 0.9F, .weight_decay = 0.1F}, state);
      },
      [](double& p, double g, double& momentum, double&, double, double rate) {
        momentum = 0.9 * momentum + (g + 0.1 * p);
        p -= rate * momentum;
      });
}

void AdamReference(double& p, double g, double& m, double& v, double t, double rate) {
  m = 0.9 * m + 0.1 * g;
  v = 0.95 * v + 0.05 * g * g;
  const double corrected_m = m / (1 - std::pow(0.9, t));
  const double corrected_v = v / (1 - std::pow(0.95, t));
  p -= rate * corrected_m / (std::sqrt(corrected_v) + 1e-8);
}

TEST(Adam, MatchesTheObviousVersionWithL2) {
  const CpuQueue queue(1);
  const AdamSettings settings = {
      .decay = AdamSettings::Decay::kL2, .beta2 = 0.95F, .weight_decay = 0.1F};
  CompareOverSteps(
      [&](const UpdateTensors& one, const Tensor& factor, const StepState& state) {
        LaunchAdamUpdates(queue, {&one, 1}, factor, settings, state);
      },
      [](double& p, double g, double& m, double& v, double t, double rate) {
        AdamReference(p, g + 0.1 * p, m, v, t, rate);
      });
}

TEST(AdamW, MatchesTheObviousVersion) {
  const CpuQueue queue(1);
  const AdamSettings settings = {.beta2 = 0.95F, .weight_decay = 0.1F};
  CompareOverSteps(
      [&](const UpdateTensors& one, const Tensor& factor, const StepState& state) {
        LaunchAdamUpdates(queue, {&one, 1}, factor, settings, state);
      },
      [](double& p, double g, double& m, double& v, double t, double rate) {
        p *= 1 - rate * 0.1;
        AdamReference(p, g, m, v, t, rate);
      });
}

// A rank updates its shard of a parameter: any split gives the bits of the whole.
TEST(Adam, AShardHasTheBitsOfTheWhole) {
  const CpuQueue queue(1);
  const StepState state = {.step = 3, .learning_rate = 0.01F};
  Array gradient = RandomFloats({101}, 1);
  Array whole = RandomFloats({101}, 2);
  Array parts = whole;
  Array first = RandomFloats({101}, 3);
  Array second = RandomFloats({101}, 4, 0, 1);
  Array parts_first = first;
  Array parts_second = second;
  const UpdateTensors all = {whole.View(), gradient.View(), first.View(), second.View(), Tensor{}};
  LaunchAdamUpdates(queue, {&all, 1}, {}, {}, state);
  for (const auto& [begin, end] : {std::pair{0, 33}, {33, 34}, {34, 101}}) {
    const auto part = [&, begin = begin, end = end](Array& array) {
      return Tensor{array.Floats().data() + begin, DType::kF32, {end - begin}};
    };
    const UpdateTensors shard = {part(parts), part(gradient), part(parts_first), part(parts_second),
                                 Tensor{}};
    LaunchAdamUpdates(queue, {&shard, 1}, {}, {}, state);
  }
  EXPECT_EQ(whole, parts);
  EXPECT_EQ(first, parts_first);
  EXPECT_EQ(second, parts_second);
}

// Together or one by one, each with its own decay.
TEST(Adam, ManyParametersAreUpdatedAsEachAlone) {
  const CpuQueue queue(2);
  const StepState state = {.step = 3, .learning_rate = 0.01F};
  const AdamSettings settings = {.weight_decay = 0.1F};
  std::vector<Array> together;
  for (uint32_t i = 0; i < 3; ++i) {
    const Shape shape = {static_cast<int64_t>(7 + 5000 * i)};
    for (uint32_t k = 0; k < 3; ++k) together.push_back(RandomFloats(shape, 10 * i + k));
    together.push_back(RandomFloats(shape, 10 * i + 3, 0, 1));
  }
  std::vector<Array> alone = together;
  const auto tensors = [](std::vector<Array>& arrays, size_t i) {
    return UpdateTensors{.parameter = arrays[4 * i].View(),
                         .gradient = arrays[4 * i + 1].View(),
                         .first = arrays[4 * i + 2].View(),
                         .second = arrays[4 * i + 3].View(),
                         .rounded = {},
                         .decay = i == 1 ? UpdateTensors::Decay::kNo : UpdateTensors::Decay::kYes};
  };
  std::vector<UpdateTensors> all;
  for (size_t i = 0; i < 3; ++i) {
    all.push_back(tensors(together, i));
    UpdateTensors one = tensors(alone, i);
    one.decay = UpdateTensors::Decay::kYes;
    AdamSettings own = settings;
    if (i == 1) own.weight_decay = 0;
    LaunchAdamUpdates(queue, {&one, 1}, {}, own, state);
  }
  LaunchAdamUpdates(queue, all, {}, settings, state);
  EXPECT_EQ(together, alone);
}

// What a rule keeps is there, whole, and nothing else.
TEST(UpdateDeathTest, TakesTheMomentsOfItsRule) {
  const CpuQueue queue(1);
  Array values = RandomFloats({8}, 1);
  Array shorter = RandomFloats({7}, 1);
  const Tensor whole = values.View();
  const auto adam = [&](const UpdateTensors& one) {
    LaunchAdamUpdates(queue, {&one, 1}, {}, {}, {});
  };
  const auto sgd = [&](const UpdateTensors& one, float momentum) {
    LaunchSgdUpdates(queue, {&one, 1}, {}, {.momentum = momentum}, {});
  };
  EXPECT_DEATH(adam({whole, whole, whole, {}, {}}), "moments > 1");
  EXPECT_DEATH(adam({whole, whole, shorter.View(), whole, {}}), "is_like\\(tensors.first\\)");
  EXPECT_DEATH(adam({whole, shorter.View(), whole, whole, {}}), "is_like\\(tensors.gradient\\)");
  EXPECT_DEATH(sgd({whole, whole, {}, {}, {}}, 0.9F), "moments > 0");
  EXPECT_DEATH(sgd({whole, whole, whole, {}, {}}, 0), "moments > 0");
}

TEST(SquareSum, HasOnePartialABlockWhateverTheThreads) {
  const int64_t elements = 2 * kNormBlock + 1001;
  Array gradient = RandomFloats({elements}, 5);
  Array one = Poisoned(DType::kF64, {NormBlocks(elements)});
  Array three = one;
  const SquareSumTensors by_one = {gradient.View(), one.View()};
  const SquareSumTensors by_three = {gradient.View(), three.View()};
  LaunchSquareSums(CpuQueue(1), {&by_one, 1});
  LaunchSquareSums(CpuQueue(3), {&by_three, 1});
  EXPECT_EQ(one, three);
  ASSERT_EQ(one.Doubles().size(), 3U);
  for (size_t block = 0; block < 3; ++block) {
    double expected = 0;
    for (size_t i = block * kNormBlock; i < std::min<size_t>((block + 1) * kNormBlock, elements);
         ++i) {
      expected +=
          static_cast<double>(gradient.Floats()[i]) * static_cast<double>(gradient.Floats()[i]);
    }
    EXPECT_NEAR(one.Doubles()[block], expected, 1e-10 * expected);
  }
}

struct Clipped {
  float factor;
  float norm;
};

Clipped Clip(Array partials, Array order, float max_norm) {
  Array factor = Poisoned({});
  Array norm = Poisoned({});
  LaunchClipFactor(CpuQueue(1), partials.View(), order.View(), max_norm, factor.View(),
                   norm.View());
  return {factor.Floats()[0], norm.Floats()[0]};
}

Array Partials(std::initializer_list<double> values) {
  Array array(DType::kF64, {static_cast<int64_t>(values.size())});
  std::ranges::copy(values, array.Doubles().begin());
  return array;
}

TEST(ClipFactor, ShortensOnlyWhatIsTooLong) {
  const Clipped clipped = Clip(Partials({9, 16}), {}, 1);
  EXPECT_FLOAT_EQ(clipped.norm, 5);
  EXPECT_FLOAT_EQ(clipped.factor, static_cast<float>(1 / (5 + 1e-6)));
  const Clipped kept = Clip(Partials({9, 16}), {}, 6);
  EXPECT_FLOAT_EQ(kept.norm, 5);
  EXPECT_EQ(kept.factor, 1);
}

// The order is that of the additions, and what it leaves out (padding, copies) does not count.
TEST(ClipFactor, AddsInTheOrderGiven) {
  Array order(DType::kI32, {2});
  order.Integers()[0] = 3;
  order.Integers()[1] = 1;
  EXPECT_FLOAT_EQ(Clip(Partials({100, 16, 100, 9}), order, 1).norm, 5);
}

TEST(ClipFactor, PassesOnNaN) { EXPECT_TRUE(std::isnan(Clip(Partials({1, NAN}), {}, 1).factor)); }

}  // namespace
}  // namespace pprun::kernels
