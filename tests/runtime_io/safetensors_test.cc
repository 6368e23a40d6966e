#include "runtime/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "tests/runtime_io/temporary_folder.h"

namespace pprun {
namespace {

std::span<const std::byte> Bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string FileOf(const std::string& header, size_t data_bytes) {
  const uint64_t length = header.size();
  std::string file(sizeof(length), '\0');
  std::memcpy(file.data(), &length, sizeof(length));
  return file + header + std::string(data_bytes, 'd');
}

TEST(Safetensors, ReadsTensorsAndMetadata) {
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[8,20]},)"
      R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
      R"("scalar":{"dtype":"F64","shape":[],"data_offsets":[20,28]},)"
      R"("none":{"dtype":"I64","shape":[3,0,9],"data_offsets":[28,28]}}   )";
  const std::string file = FileOf(header, 28);
  const SafetensorsContents contents = ReadSafetensors(Bytes(file));
  ASSERT_EQ(contents.tensors.size(), 4U);
  EXPECT_EQ(contents.tensors[0].name, "a");
  EXPECT_EQ(contents.tensors[0].begin, 8 + header.size());
  EXPECT_EQ(contents.tensors[1].name, "b");
  EXPECT_EQ(contents.tensors[1].dtype, "BF16");
  EXPECT_EQ(contents.tensors[1].shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(contents.tensors[1].end, 8 + header.size() + 20);
  EXPECT_EQ(contents.tensors[3].name, "none");
  ASSERT_EQ(contents.metadata.size(), 1U);
  EXPECT_EQ(contents.metadata[0].second, "pt");
}

TEST(Safetensors, AFileWithoutTensorsIsAFile) {
  EXPECT_TRUE(ReadSafetensors(Bytes(FileOf("{}", 0))).tensors.empty());
}

struct BadHeader {
  std::string header;
  size_t data_bytes;
  std::string error;
};

TEST(Safetensors, SaysWhatIsWrong) {
  const std::vector<BadHeader> cases = {
      {"", 0, "it is no safetensors file: the header does not begin with `{`"},
      {" {}", 0, "it is no safetensors file: the header does not begin with `{`"},
      {"{} x", 0, "the header is no JSON: byte 3: the end expected"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 7,
       "the file has 69 bytes where its tensors end at 70"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 9,
       "the file has 71 bytes where its tensors end at 70"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12,
       "tensor `a` begins at byte 67 of the file where byte 63 comes next"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
       R"("b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
       6, "tensor `b` begins at byte 115 of the file where byte 117 comes next"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4,
       "tensor `a` has 4 bytes where its shape and type need 8"},
      {R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0,
       "tensor `a` has a shape that no file holds"},
      {R"({"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}})", 8,
       "tensor `a` has the unknown type `F31`"},
      {R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8,
       "tensor `a` has an entry in `shape` that is no size"},
      {R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,8]}})", 8,
       "tensor `a` has an entry in `shape` that is no size"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8,
       "tensor `a` has no begin and end in `data_offsets`"},
      {R"({"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}})", 8,
       "tensor `a` has no array `shape`"},
      {R"({"a":{"dtype":7,"shape":[2],"data_offsets":[0,8]}})", 8, "tensor `a` has no `dtype`"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}})", 8,
       "tensor `a` has the unknown member `x`"},
      {R"({"a":[]})", 0, "tensor `a` is no object"},
      {R"({"a\nb":[]})", 0, "tensor `a\\nb` is no object"},
      {R"({"__metadata__":[]})", 0, "`__metadata__` is no object"},
      {R"({"__metadata__":{"a":1}})", 0, "`__metadata__` has `a`, which is no text"},
  };
  for (const BadHeader& bad : cases) {
    const std::string file = FileOf(bad.header, bad.data_bytes);
    EXPECT_EQ(ErrorOf([&] { ReadSafetensors(Bytes(file)); }), bad.error) << bad.header;
  }
}

TEST(Safetensors, RefusesDuplicateNamesAndDeepNesting) {
  const std::string record = R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  const std::string twice = FileOf("{" + record + "," + record + "}", 0);
  EXPECT_NE(ErrorOf([&] { ReadSafetensors(Bytes(twice)); }).find("the header is no JSON"),
            std::string::npos);
  const std::string deep = FileOf("{\"a\":" + std::string(100'000, '['), 0);
  EXPECT_NE(ErrorOf([&] { ReadSafetensors(Bytes(deep)); }).find("the header is no JSON"),
            std::string::npos);
}

TEST(Safetensors, RefusesLengthsThatDoNotFit) {
  EXPECT_EQ(ErrorOf([] { ReadSafetensors(Bytes("short")); }),
            "it is no safetensors file: it has 5 bytes");
  std::string file = FileOf("{}", 0);
  file[0] = 3;
  EXPECT_EQ(ErrorOf([&] { ReadSafetensors(Bytes(file)); }),
            "the file is cut short: a header of 3 bytes does not fit in its 10");
  file.replace(0, 8, "\xff\xff\xff\xff\xff\xff\xff\xff");
  EXPECT_EQ(ErrorOf([&] { ReadSafetensors(Bytes(file)); }),
            "it is no safetensors file: a header of 18446744073709551615 bytes is beyond the limit "
            "of 100000000");
}

// Any bytes give the tensors or an error; tensors lie within the file and have their size.
TEST(Safetensors, SurvivesDamage) {
  const std::string whole = FileOf(
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
      R"("b":{"dtype":"I64","shape":[1,1],"data_offsets":[8,16]}})",
      16);
  constexpr uint32_t kSeed = 20;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  std::mt19937 random(kSeed);
  int accepted = 0;
  for (int i = 0; i < 50'000; ++i) {
    std::string file = whole;
    const int damages = 1 + static_cast<int>(random() % 3);
    for (int d = 0; d < damages && !file.empty(); ++d) {
      const size_t at = random() % file.size();
      switch (random() % 4) {
        case 0:
          file[at] = static_cast<char>(random());
          break;
        case 1:
          file.erase(at, 1 + random() % 4);
          break;
        case 2:
          file.insert(at, 1, "{}[]\",:0123456789eE-. "[random() % 22]);
          break;
        default:
          file.resize(at + 1);
      }
    }
    try {
      for (const SavedTensor& tensor : ReadSafetensors(Bytes(file)).tensors) {
        ASSERT_LE(tensor.begin, tensor.end);
        ASSERT_LE(tensor.end, file.size());
      }
      ++accepted;
    } catch (const std::runtime_error& error) {
      ASSERT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    }
  }
  // Damage to the data, to a name or between numbers that mean the same is none.
  EXPECT_GT(accepted, 0);
  EXPECT_LT(accepted, 50'000);
}

TEST(Safetensors, WritesWhatItReads) {
  const TemporaryFolder folder;
  const std::vector<TensorToSave> tensors = {{"first \"one\"", {DType::kF32, {2, 3}}},
                                             {"second", {DType::kI32, {5}}}};
  const std::vector<std::pair<std::string, std::string>> metadata = {{"format", "pt"}};
  std::vector<size_t> asked;
  WriteSafetensors(folder.File("w"), tensors, metadata, [&](size_t i, std::span<std::byte> bytes) {
    asked.push_back(i);
    std::fill(bytes.begin(), bytes.end(), static_cast<std::byte>('A' + i));
  });
  EXPECT_EQ(asked, (std::vector<size_t>{0, 1}));
  const std::string file = ReadWholeFile(folder.File("w"));
  const SafetensorsContents contents = ReadSafetensors(Bytes(file));
  ASSERT_EQ(contents.tensors.size(), 2U);
  EXPECT_EQ(contents.metadata, metadata);
  EXPECT_EQ(contents.tensors[0].name, "first \"one\"");
  EXPECT_EQ(contents.tensors[0].dtype, "F32");
  EXPECT_EQ(contents.tensors[0].shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(contents.tensors[0].begin % 64, 0U);
  EXPECT_EQ(file.substr(contents.tensors[0].begin), std::string(24, 'A') + std::string(20, 'B'));
}

TEST(Safetensors, AFailureWhileFillingLeavesNothing) {
  const TemporaryFolder folder;
  const std::vector<TensorToSave> tensors = {{"a", {DType::kF32, {2}}}};
  EXPECT_EQ(ErrorOf([&] {
              WriteSafetensors(folder.File("w"), tensors, {},
                               [](size_t, std::span<std::byte>) -> void {
                                 throw std::runtime_error("the device is gone");
                               });
            }),
            "the device is gone");
  EXPECT_TRUE(folder.Names().empty());
}

}  // namespace
}  // namespace pprun
