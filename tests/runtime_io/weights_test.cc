#include "runtime/weights.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "tests/runtime_io/temporary_folder.h"

namespace pprun {
namespace {

using Layout = ExportPart::Layout;

Plan ExamplePlan() {
  Plan plan;
  plan.parameters = {
      {.name = "embed.embedding.weight", .type = {DType::kF32, {3, 2}}},
      {.name = "block[0].attn.qkv.weight",
       .type = {DType::kF32, {4, 2}},
       .exports = {{.name = "q", .row_begin = 0, .row_end = 2},
                   {.name = "k", .row_begin = 2, .row_end = 3},
                   {.name = "v", .row_begin = 3, .row_end = 4, .layout = Layout::kTransposed}}},
      {.name = "block[0].linear.weight",
       .type = {DType::kF32, {2, 3}},
       .exports = {{.name = "c_fc", .row_begin = 0, .row_end = 2, .layout = Layout::kTransposed}}},
      {.name = "block[0].linear.bias",
       .type = {DType::kF32, {2}},
       .exports = {{.name = "c_fc.bias", .row_begin = 0, .row_end = 2}}},
  };
  return plan;
}

// Element e of parameter p is 100 p + e.
void Numbered(ParameterId parameter, std::span<float> values) {
  std::iota(values.begin(), values.end(), 100.0F * static_cast<float>(parameter.value));
}

std::vector<float> SavedValues(const std::string& path, const std::string& name) {
  const std::string file = ReadWholeFile(path);
  for (const SavedTensor& tensor : ReadSafetensors(std::as_bytes(std::span(file))).tensors) {
    if (tensor.name != name) continue;
    std::vector<float> values((tensor.end - tensor.begin) / 4);
    std::copy_n(file.data() + tensor.begin, tensor.end - tensor.begin,
                reinterpret_cast<char*>(values.data()));
    return values;
  }
  ADD_FAILURE() << "no tensor " << name;
  return {};
}

// A file of one tensor for each name and shape, all values 0.
void WriteFile(const std::string& path, const std::vector<TensorToSave>& tensors) {
  WriteSafetensors(path, tensors, {}, [](size_t, std::span<std::byte> bytes) {
    std::fill(bytes.begin(), bytes.end(), std::byte{0});
  });
}

std::vector<TensorToSave> ExampleTensors() {
  return {{"embed.embedding.weight", {DType::kF32, {3, 2}}},
          {"q", {DType::kF32, {2, 2}}},
          {"k", {DType::kF32, {1, 2}}},
          {"v", {DType::kF32, {2, 1}}},
          {"c_fc", {DType::kF32, {3, 2}}},
          {"c_fc.bias", {DType::kF32, {2}}}};
}

TEST(Weights, AreSavedUnderTheirExportedNames) {
  const TemporaryFolder folder;
  const std::string path = folder.File("w.safetensors");
  SaveWeights(path, ExamplePlan(), Numbered);
  EXPECT_EQ(SavedValues(path, "embed.embedding.weight"), (std::vector<float>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(SavedValues(path, "q"), (std::vector<float>{100, 101, 102, 103}));
  EXPECT_EQ(SavedValues(path, "k"), (std::vector<float>{104, 105}));
  EXPECT_EQ(SavedValues(path, "v"), (std::vector<float>{106, 107}));
  EXPECT_EQ(SavedValues(path, "c_fc"), (std::vector<float>{200, 203, 201, 204, 202, 205}));
  EXPECT_EQ(SavedValues(path, "c_fc.bias"), (std::vector<float>{300, 301}));
}

TEST(Weights, AskForEachParameterOnce) {
  const TemporaryFolder folder;
  std::vector<ParameterId> asked;
  SaveWeights(folder.File("w"), ExamplePlan(), [&](ParameterId parameter, std::span<float> values) {
    asked.push_back(parameter);
    Numbered(parameter, values);
  });
  EXPECT_EQ(asked, (std::vector<ParameterId>{ParameterId(0), ParameterId(1), ParameterId(2),
                                             ParameterId(3)}));
}

TEST(Weights, ComeBackAsTheyWere) {
  const TemporaryFolder folder;
  const Plan plan = ExamplePlan();
  SaveWeights(folder.File("w"), plan, Numbered);
  const WeightsFile file(folder.File("w"), plan);
  EXPECT_TRUE(file.notices().empty());
  for (size_t i = 0; i < plan.parameters.size(); ++i) {
    std::vector<float> expected(static_cast<size_t>(plan.parameters[i].type.shape.Elements()));
    std::vector<float> values(expected.size(), -1);
    Numbered(ParameterId(static_cast<int64_t>(i)), expected);
    file.Read(ParameterId(static_cast<int64_t>(i)), values);
    EXPECT_EQ(values, expected) << plan.parameters[i].name;
  }
}

TEST(Weights, OtherFloatTypesAreRead) {
  const TemporaryFolder folder;
  std::vector<TensorToSave> tensors = ExampleTensors();
  tensors[5].type.dtype = DType::kBF16;
  WriteSafetensors(folder.File("w"), tensors, {}, [](size_t i, std::span<std::byte> bytes) {
    std::fill(bytes.begin(), bytes.end(), i == 5 ? std::byte{0x40} : std::byte{0});
  });
  const WeightsFile file(folder.File("w"), ExamplePlan());
  std::vector<float> values(2);
  file.Read(ParameterId(3), values);
  // 0x4040: exponent 128, mantissa 1/2.
  EXPECT_EQ(values, (std::vector<float>{3, 3}));
}

TEST(Weights, SayWhatDoesNotFit) {
  const TemporaryFolder folder;
  const std::string path = folder.File("w");
  const auto error = [&](const std::vector<TensorToSave>& tensors) {
    WriteFile(path, tensors);
    return ErrorOf([&] { WeightsFile(path, ExamplePlan()); });
  };
  std::vector<TensorToSave> tensors = ExampleTensors();
  tensors.erase(tensors.begin() + 3);
  EXPECT_EQ(error(tensors),
            "`" + path + "` has no tensor `v` for parameter `block[0].attn.qkv.weight`");
  tensors = ExampleTensors();
  tensors[4].type.shape = {2, 3};
  EXPECT_EQ(error(tensors),
            "`" + path + "`: tensor `c_fc` has shape [2, 3] where the model has [3, 2]");
  tensors[4].type.shape = {3, 2, 1};
  EXPECT_EQ(error(tensors),
            "`" + path + "`: tensor `c_fc` has shape [3, 2, 1] where the model has [3, 2]");
  tensors = ExampleTensors();
  tensors[1].type.dtype = DType::kI32;
  EXPECT_EQ(error(tensors),
            "`" + path + "`: tensor `q` has type I32, not one of F32, BF16, F16 and F64");
}

TEST(Weights, NoticeTensorsThatNobodyUses) {
  const TemporaryFolder folder;
  std::vector<TensorToSave> tensors = ExampleTensors();
  tensors.push_back({"attn.masked_bias", {DType::kF32, {1}}});
  WriteFile(folder.File("w"), tensors);
  EXPECT_EQ(WeightsFile(folder.File("w"), ExamplePlan()).notices(),
            (std::vector<std::string>{"`" + folder.File("w") +
                                      "` has 1 tensor that the model does not use: "
                                      "`attn.masked_bias`"}));
  for (const char* name : {"x", "y", "z"}) tensors.push_back({name, {DType::kF32, {1}}});
  WriteFile(folder.File("w"), tensors);
  EXPECT_EQ(WeightsFile(folder.File("w"), ExamplePlan()).notices()[0],
            "`" + folder.File("w") +
                "` has 4 tensors that the model does not use: `attn.masked_bias`, `x`, `y`, ...");
}

TEST(Weights, NameAFileThatIsNone) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("w", "not a model");
  const std::string error = ErrorOf([&] { WeightsFile(path, ExamplePlan()); });
  EXPECT_TRUE(error.starts_with("cannot read `" + path + "`: it is no safetensors file")) << error;
}

TEST(Weights, RefuseAPlanThatDoesNotSayHow) {
  const TemporaryFolder folder;
  const auto error = [&](auto change) {
    Plan plan = ExamplePlan();
    change(plan.parameters[1].exports);
    return ErrorOf([&] { SaveWeights(folder.File("w"), plan, Numbered); });
  };
  using Parts = std::vector<ExportPart>;
  const std::string how =
      "the plan does not say how parameter `block[0].attn.qkv.weight` is saved as ";
  EXPECT_EQ(error([](Parts& parts) { parts[1].row_begin = 1; }), how + "`k`");
  EXPECT_EQ(error([](Parts& parts) { parts[0].row_begin = -1; }), how + "`q`");
  EXPECT_EQ(error([](Parts& parts) { parts[2].row_end = 5; }),
            "the plan does not say how all of parameter `block[0].attn.qkv.weight` is saved");
  EXPECT_EQ(error([](Parts& parts) { parts[0].name = "c_fc"; }),
            "the plan saves two parameters as `c_fc`");
  Plan plan = ExamplePlan();
  plan.parameters[3].exports[0].layout = Layout::kTransposed;
  EXPECT_EQ(ErrorOf([&] { SaveWeights(folder.File("w"), plan, Numbered); }),
            "the plan does not say how parameter `block[0].linear.bias` is saved as `c_fc.bias`");
  EXPECT_TRUE(folder.Names().empty());
}

}  // namespace
}  // namespace pprun
