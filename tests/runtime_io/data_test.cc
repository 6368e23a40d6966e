#include "runtime/data.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "runtime/synthetic_text.h"
#include "runtime/window_order.h"
#include "tests/runtime_io/temporary_folder.h"

namespace pprun {
namespace {

using Kind = DataSpec::Kind;

struct SampleTokens {
  std::vector<int32_t> inputs;
  std::vector<int32_t> targets;
  auto operator<=>(const SampleTokens&) const = default;
};

SampleTokens SampleOf(const DataSet& data, int64_t sequence, int64_t index) {
  SampleTokens sample;
  sample.inputs.resize(static_cast<size_t>(sequence));
  sample.targets.resize(static_cast<size_t>(sequence));
  data.Sample(index, sample.inputs, sample.targets);
  return sample;
}

// The tokens 0, 1, 2, ... in words of a type.
template <typename Word>
std::vector<Word> Counting(int64_t count) {
  std::vector<Word> words;
  for (int64_t i = 0; i < count; ++i) words.push_back(static_cast<Word>(i));
  return words;
}

std::string LlmcFile(const std::vector<int32_t>& beginning, const std::string& tokens) {
  std::vector<int32_t> header(256);
  std::copy(beginning.begin(), beginning.end(), header.begin());
  return BytesOf(header) + tokens;
}

TEST(Data, AFileThatBecomesShorterIsAnErrorThatNamesIt) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("a.txt", BytesOf(Counting<uint8_t>(200)));
  const auto data = OpenData({.kind = Kind::kBytes, .path = path}, 8, 256, 1);
  std::filesystem::resize_file(path, 5);
  EXPECT_EQ(
      ErrorOf([&] {
        for (int64_t index = 0; index < 10; ++index) SampleOf(*data, 8, index);
      }).find("cannot read `" + path + "`: it had 200 bytes when it was opened, and has fewer now"),
      0U);
}

TEST(Data, BytesAreConsecutiveAndTargetsFollowInputs) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("a.txt", BytesOf(Counting<uint8_t>(200)));
  const auto data = OpenData({.kind = Kind::kBytes, .path = path}, 8, 256, 1);
  EXPECT_EQ(data->Tokens(), 200);
  for (int64_t index = 0; index < 100; ++index) {
    const SampleTokens sample = SampleOf(*data, 8, index);
    for (size_t i = 0; i < 8; ++i) {
      EXPECT_EQ(sample.inputs[i], sample.inputs[0] + static_cast<int32_t>(i));
      EXPECT_EQ(sample.targets[i], sample.inputs[i] + 1);
    }
  }
}

TEST(Data, AnEpochVisitsDisjointWindowsOnce) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("a.bin", BytesOf(Counting<uint16_t>(1000)));
  const auto data = OpenData({.kind = Kind::kTokensU16, .path = path}, 10, 1000, 5);
  constexpr int64_t kWindows = 99;
  std::set<int32_t> shifts;
  for (int64_t epoch = 0; epoch < 40; ++epoch) {
    std::set<int32_t> begins;
    for (int64_t i = 0; i < kWindows; ++i) {
      begins.insert(SampleOf(*data, 10, epoch * kWindows + i).inputs[0]);
    }
    EXPECT_EQ(begins.size(), static_cast<size_t>(kWindows)) << "epoch " << epoch;
    for (const int32_t begin : begins) EXPECT_EQ(begin % 10, *begins.begin() % 10);
    shifts.insert(*begins.begin());
  }
  // Forty draws of ten shifts.
  EXPECT_GE(shifts.size(), 7U);
}

TEST(Data, OrderDependsOnTheSeedAndTheEpoch) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("a.bin", BytesOf(Counting<uint16_t>(1000)));
  const auto first_token = [&](uint64_t seed, int64_t index) {
    const auto data = OpenData({.kind = Kind::kTokensU16, .path = path}, 10, 1000, seed);
    return SampleOf(*data, 10, index).inputs[0];
  };
  std::vector<int32_t> one, again, other, next_epoch;
  for (int64_t i = 0; i < 20; ++i) {
    one.push_back(first_token(1, i));
    again.push_back(first_token(1, i));
    other.push_back(first_token(2, i));
    next_epoch.push_back(first_token(1, 99 + i));
  }
  EXPECT_EQ(one, again);
  EXPECT_NE(one, other);
  EXPECT_NE(one, next_epoch);
}

TEST(Data, AFileOfOneWindowIsEnough) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("a.txt", "abcde");
  const auto data = OpenData({.kind = Kind::kBytes, .path = path}, 4, 256, 1);
  EXPECT_EQ(SampleOf(*data, 4, 12345).inputs, (std::vector<int32_t>{'a', 'b', 'c', 'd'}));
  EXPECT_EQ(SampleOf(*data, 4, 12345).targets, (std::vector<int32_t>{'b', 'c', 'd', 'e'}));
}

TEST(Data, ReadsHeadersOfLlmc) {
  const TemporaryFolder folder;
  const std::string narrow =
      folder.Write("n.bin", LlmcFile({20240520, 1, 300}, BytesOf(Counting<uint16_t>(300))));
  const std::string wide =
      folder.Write("w.bin", LlmcFile({20240801, 7, 300}, BytesOf(Counting<uint32_t>(300))));
  const auto from_narrow = OpenData({.kind = Kind::kTokensU16, .path = narrow}, 8, 300, 1);
  const auto from_wide = OpenData({.kind = Kind::kTokensU32, .path = wide}, 8, 300, 1);
  EXPECT_EQ(from_narrow->Tokens(), 300);
  EXPECT_EQ(from_wide->Tokens(), 300);
  EXPECT_EQ(SampleOf(*from_narrow, 8, 3), SampleOf(*from_wide, 8, 3));
}

struct BadFile {
  std::string name;
  Kind kind;
  std::string contents;
  std::string error;  // after the quoted path
};

TEST(Data, SaysWhatIsWrongWithAFile) {
  std::vector<uint16_t> ids(70'000, 7);
  ids[66'000] = 512;
  const std::vector<BadFile> cases = {
      {"short.txt", Kind::kBytes, "ABCDEFGH", " has 8 tokens; a sequence of 8 needs 9"},
      {"empty.txt", Kind::kBytes, "", " has 0 tokens; a sequence of 8 needs 9"},
      {"odd.bin", Kind::kTokensU16, "abc",
       " has 3 bytes, which is no whole number of tokens of 16 bits"},
      {"beyond.bin", Kind::kTokensU16, BytesOf(ids),
       ": token 66000 is 512, beyond the vocabulary of 100 (byte offset 132000)"},
      {"byte.txt", Kind::kBytes, "\x01\x02\x03\x64\x02\x02\x02\x02\x02\x02",
       ": token 3 is 100, beyond the vocabulary of 100 (byte offset 3)"},
      {"huge.bin", Kind::kTokensU32, BytesOf(std::vector<uint32_t>{1, 0xFFFFFFFF}),
       ": token 1 is 4294967295, beyond the vocabulary of 100 (byte offset 4)"},
      {"header.bin", Kind::kTokensU16,
       LlmcFile({20240520, 1, 10}, BytesOf(std::vector<uint16_t>(10, 100))),
       ": token 0 is 100, beyond the vocabulary of 100 (byte offset 1024)"},
      {"version.bin", Kind::kTokensU16, LlmcFile({20240520, 2, 0}, ""),
       " has a token file header of version 2; only version 1 is known"},
      {"cut.bin", Kind::kTokensU16, LlmcFile({20240520, 1, 11}, "1234"),
       " is damaged: its header says 11 tokens, and 4 bytes follow it"},
      {"width.bin", Kind::kTokensU32, LlmcFile({20240520, 1, 2}, "1234"),
       " holds tokens of 16 bits by its header, not 32"},
  };
  const TemporaryFolder folder;
  for (const BadFile& bad : cases) {
    const std::string path = folder.Write(bad.name, bad.contents);
    EXPECT_EQ(ErrorOf([&] { OpenData({.kind = bad.kind, .path = path}, 8, 100, 1); }),
              "`" + path + "`" + bad.error);
  }
}

TEST(Data, NamesAFileThatIsMissingOrIsNone) {
  const TemporaryFolder folder;
  const std::string path = folder.File("absent.txt");
  EXPECT_EQ(ErrorOf([&] { OpenData({.kind = Kind::kBytes, .path = path}, 8, 256, 1); }),
            "cannot open `" + path + "`: no such file or directory");
  EXPECT_EQ(ErrorOf([&] { OpenData({.kind = Kind::kBytes, .path = folder.path()}, 8, 256, 1); }),
            "cannot read `" + folder.path() + "`: it is not a regular file");
}

TEST(WindowOrder, IsAPermutationForEveryCount) {
  for (int64_t count = 1; count <= 300; ++count) {
    std::set<int64_t> seen;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t entry = PermutedIndex(17, count, i);
      ASSERT_GE(entry, 0);
      ASSERT_LT(entry, count);
      seen.insert(entry);
    }
    ASSERT_EQ(seen.size(), static_cast<size_t>(count));
  }
}

TEST(WindowOrder, PutsEveryEntryEverywhereAboutEquallyOften) {
  // Five entries under 20,000 keys: each (entry, place) expects 4,000 with a deviation of 57.
  std::array<std::array<int, 5>, 5> times{};
  for (uint64_t key = 0; key < 20'000; ++key) {
    for (int64_t i = 0; i < 5; ++i) {
      ++times[static_cast<size_t>(i)][static_cast<size_t>(PermutedIndex(key, 5, i))];
    }
  }
  for (const auto& row : times) {
    for (const int count : row) EXPECT_NEAR(count, 4000, 6 * 57);
  }
}

TEST(WindowOrder, HoldsForCountsBeyond32Bits) {
  const int64_t count = int64_t{1} << 40;
  std::set<int64_t> seen;
  for (int64_t i = 0; i < 1000; ++i) seen.insert(PermutedIndex(3, count, i));
  EXPECT_EQ(seen.size(), 1000U);
  EXPECT_GT(*seen.rbegin(), int64_t{1} << 39);
}

TEST(SyntheticText, DependsOnSeedAndSampleAlone) {
  const DataSpec spec = {.kind = Kind::kSynthetic, .seed = 9};
  const auto data = OpenData(spec, 32, 50, 1);
  const auto other_order = OpenData(spec, 32, 50, 2);
  EXPECT_EQ(data->Tokens(), 0);
  EXPECT_EQ(SampleOf(*data, 32, 5), SampleOf(*other_order, 32, 5));
  EXPECT_NE(SampleOf(*data, 32, 5), SampleOf(*data, 32, 6));
  const auto other = OpenData({.kind = Kind::kSynthetic, .seed = 10}, 32, 50, 1);
  EXPECT_NE(SampleOf(*data, 32, 5), SampleOf(*other, 32, 5));
}

// Nats a token that a table of pairs, counted on 200,000 tokens, needs for others of the chain.
TEST(SyntheticText, HasTheEntropyThatItsHeaderStates) {
  constexpr int64_t kVocabulary = 64;
  std::map<int32_t, std::map<int32_t, double>> pairs;
  std::vector<int32_t> tokens(2000);
  for (int64_t sample = 0; sample < 100; ++sample) {
    DrawSyntheticText(3, kVocabulary, sample, tokens);
    for (size_t i = 1; i < tokens.size(); ++i) pairs[tokens[i - 1]][tokens[i]] += 1;
  }
  std::map<int32_t, double> totals;
  for (const auto& [token, row] : pairs) {
    for (const auto& [next, count] : row) totals[token] += count;
  }
  DrawSyntheticText(3, kVocabulary, 100, tokens);
  double nats = 0;
  for (size_t i = 1; i < tokens.size(); ++i) {
    ASSERT_LT(tokens[i], kVocabulary);
    const double count = pairs[tokens[i - 1]][tokens[i]] + 0.1;
    nats -= std::log(count / (totals[tokens[i - 1]] + 0.1 * kVocabulary));
  }
  nats /= static_cast<double>(tokens.size() - 1);
  EXPECT_NEAR(nats, 1.37 + std::log(static_cast<double>(kVocabulary)) / 16, 0.12);
}

}  // namespace
}  // namespace pprun
