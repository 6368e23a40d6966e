// Schedules written as CSV and read again are the same; each mistake in a CSV is told at its cell;
// and whatever the bytes, a file is refused or proven.
#include "compiler/schedule/csv.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>

#include "compiler/compile.h"
#include "compiler/schedule/predict_times.h"

namespace pprun {
namespace {

// A file compiled under its own name in a folder of this process.
Compilation CompileAs(const std::string& name, const std::string& text,
                      const std::vector<Override>& overrides = {}) {
  namespace fs = std::filesystem;
  const fs::path folder =
      fs::temp_directory_path() / ("pprun_csv_test_" + std::to_string(getpid()));
  fs::create_directories(folder);
  const fs::path path = folder / name;
  std::ofstream(path, std::ios::binary) << text;
  CompileOptions options;
  options.overrides = overrides;
  Compilation result = Compile(path.string(), options);
  fs::remove_all(folder);
  return result;
}

// The order of a built-in schedule; nothing where it refuses the sizes.
std::optional<TaskOrder> BuiltIn(const std::string& name, int pp, int microbatches) {
  SourceFiles files;
  Diagnostics diagnostics;
  const uint32_t file = files.Add(
      "plan.sched", "mesh { pp = " + std::to_string(pp) + "; }\nschedule " + name + ";\n");
  const ast::Program program = Parse(files, file, Limits{}, diagnostics);
  EXPECT_FALSE(diagnostics.HasErrors()) << files.Render(diagnostics);
  const std::optional<CheckedProgram> checked =
      Check(program, {{"microbatches", std::to_string(microbatches)}}, Limits{}, diagnostics);
  EXPECT_TRUE(checked) << files.Render(diagnostics);
  return EvaluateSchedule(*checked, microbatches, {}, Limits{}, diagnostics);
}

struct Read {
  std::optional<TaskOrder> order;
  std::string errors;  // as printed, without excerpts: "a.csv:2:5: error: ..."
  int count = 0;
};

Read ReadText(const std::string& text, const Limits& limits = {}) {
  SourceFiles files;
  Diagnostics diagnostics;
  const uint32_t file = files.Add("a.csv", text);
  Read read;
  read.order = ParseCsv(files.Text(file), file, limits, diagnostics);
  read.count = diagnostics.errors();
  const std::string rendered = files.Render(diagnostics);
  for (size_t at = 0; at < rendered.size();) {
    const size_t end = rendered.find('\n', at);
    const std::string line = rendered.substr(at, end + 1 - at);
    if (line.find("a.csv:") != std::string::npos) read.errors += line;
    at = end + 1;
  }
  EXPECT_EQ(read.order.has_value(), read.count == 0);
  return read;
}

// One error, which begins so.
void ExpectError(const std::string& text, const std::string& expected) {
  const Read read = ReadText(text);
  EXPECT_EQ(read.count, 1) << text << read.errors;
  EXPECT_EQ(read.errors.substr(0, expected.size()), expected) << text << read.errors;
}

void ExpectEqual(const TaskOrder& a, const TaskOrder& b) {
  EXPECT_EQ(a.chunks, b.chunks);
  EXPECT_EQ(a.pipes, b.pipes);
  EXPECT_EQ(a.stages, b.stages);
  EXPECT_EQ(a.microbatches, b.microbatches);
  EXPECT_EQ(a.placement, b.placement);
  EXPECT_EQ(ToText(a), ToText(b));  // which shows pairs
  ASSERT_EQ(a.positions.size(), b.positions.size());
  for (size_t p = 0; p < a.positions.size(); ++p) {
    ASSERT_EQ(a.positions[p].size(), b.positions[p].size());
    for (size_t i = 0; i < a.positions[p].size(); ++i) {
      EXPECT_EQ(a.positions[p][i].chunk, b.positions[p][i].chunk);
      EXPECT_EQ(a.positions[p][i].pipe, b.positions[p][i].pipe);
    }
  }
}

TEST(CsvTest, OneForwardOneBackward) {
  const std::optional<TaskOrder> order = BuiltIn("one_f_one_b", 2, 4);
  ASSERT_TRUE(order);
  EXPECT_EQ(ToCsv(*order),
            "0F0,0F1,0B0,0F2,0B1,0F3,0B2,0B3\n"
            "1F0,1B0,1F1,1B1,1F2,1B2,1F3,1B3\n");
}

TEST(CsvTest, PairsInBrackets) {
  const std::optional<TaskOrder> order = BuiltIn("dualpipe", 2, 4);
  ASSERT_TRUE(order);
  EXPECT_EQ(ToCsv(*order),
            "0F0,1F2,0F1,1B2,(1F3;0B0)OVERLAP_F_B,1B3,0I1,0W1\n"
            "0F2,1F0,0F3,1B0,(1F1;0B2)OVERLAP_F_B,1B1,0I3,0W3\n");
}

TEST(CsvTest, BuiltInSchedulesComeBackTheSame) {
  std::set<std::string> read;
  for (const auto& [name, text] : BuiltInSchedules()) {
    for (int pp = 2; pp <= 4; ++pp) {
      for (int microbatches : {1, 2, 3, 4, 8, 11, 12}) {
        SCOPED_TRACE(name + " pp=" + std::to_string(pp) + " m=" + std::to_string(microbatches));
        const std::optional<TaskOrder> order = BuiltIn(name, pp, microbatches);
        if (!order) continue;
        const Read back = ReadText(ToCsv(*order));
        ASSERT_TRUE(back.order) << back.errors;
        ExpectEqual(*order, *back.order);
        read.insert(name);
      }
    }
  }
  EXPECT_EQ(read.size(), BuiltInSchedules().size());
}

TEST(CsvTest, BIsAnInputGradientOnlyBesideW) {
  const Read read = ReadText("0F0,0F1,0B0,0B1,0W0\n");
  ASSERT_TRUE(read.order) << read.errors;
  EXPECT_EQ(ToText(*read.order), "0F0 0F1 0I0 0B1 0W0\n");
  // Where an input gradient is written too, it is a second one.
  ExpectError("0F0,0I0,0B0,0W0\n", "a.csv:1:9: error: rank 0 runs `backward(0)` beside");
  ExpectError("0F0,0BW0,0W0\n", "a.csv:1:10: error: rank 0 runs `weight_grad(0)` beside");
}

TEST(CsvTest, WhatOthersWrite) {
  // Idle cells, spaces, line ends of another system, no last line end, empty lines after the last.
  for (const char* text : {"0F0,,,0BW0\n,1F0,1B0,\n", " 0F0 ,0B0\r\n1F0,\t1B0\r\n",
                           "0F0,0B0\n1F0,1B0", "0F0,0B0\n1F0,1B0\n\n \n"}) {
    const Read read = ReadText(text);
    ASSERT_TRUE(read.order) << text << read.errors;
    EXPECT_EQ(ToText(*read.order), "0F0 0B0\n1F0 1B0\n");
  }
}

TEST(CsvTest, CellsThatAreNoTasks) {
  for (const char* cell : {"0X0", "F0", "0F", "0F0B", "-1F0", "0f0", "0 F0", "0F1.5", "\"0F0\"",
                           "0F0OVERLAP_F_B", "F", "0", "\xff", "0FB0"}) {
    ExpectError("0F0,0B0\n1F0," + std::string(cell) + ",1B0\n",
                "a.csv:2:5: error: this is no task: a cell is `<stage><F|I|W|B><microbatch>`");
  }
  for (const char* cell : {"(0F0)OVERLAP_F_B", "(0F0;0B1)", "(0F0;0B1", "(", "(0F0,0B1)OVERLAP"}) {
    const Read read = ReadText("0F0," + std::string(cell) + "\n");
    EXPECT_EQ(read.errors.find("a.csv:1:5: error: this is no overlapped pair"), 0u) << read.errors;
  }
  ExpectError("0F0,(0F1;0B)OVERLAP_F_B\n", "a.csv:1:10: error: this is no task");
  ExpectError("0F0,(0F1;0B0;0F2)OVERLAP_F_B\n", "a.csv:1:10: error: this is no task");
  ExpectError("0F0,0F99999999999999999999\n", "a.csv:1:5: error: the number of the microbatch");
  ExpectError("4294967296F0\n", "a.csv:1:1: error: the number of the stage is too large");
}

TEST(CsvTest, PairsOfWhatNeedsEachOther) {
  ExpectError("(0F0;0B0)OVERLAP_F_B\n", "a.csv:1:1: error: the two tasks of a pair");
  ExpectError("0F0,(0I0;0W0)OVERLAP_F_B\n", "a.csv:1:5: error: the two tasks of a pair");
}

TEST(CsvTest, CommunicationIsToldOnce) {
  for (const char* cell :
       {"0SEND_F0", "0RECV_F0", "0SEND_B0", "0RECV_B0", "0UNSHARD", "0RESHARD", "0REDUCE_GRAD"}) {
    ExpectError("0F0," + std::string(cell) + ",0SEND_F1\n0RECV_F0\n",
                "a.csv:1:5: error: this is communication: only the form of the file with compute "
                "alone is read");
  }
}

TEST(CsvTest, FilesWithoutTasks) {
  for (const char* text : {"", "\n\n", " \r\n"})
    ExpectError(text, "a.csv:1:1: error: this file has no tasks");
  ExpectError("0F0,0B0\n,,\n1F0,1B0\n", "a.csv:2:1: error: rank 1 runs nothing: its row is empty");
  ExpectError("\n0F0,0B0\n", "a.csv:1:1: error: rank 0 runs nothing: its row is empty");
}

TEST(CsvTest, NumbersLeftOut) {
  ExpectError("0F0,0B0\n2F0,2B0\n",
              "a.csv:2:1: error: this is of stage 2, but no rank runs anything of stage 1");
  ExpectError("0F0,0B0,0F7,0B7\n",
              "a.csv:1:9: error: this is of microbatch 7, but no rank runs anything of "
              "microbatch 1");
}

TEST(CsvTest, WhoHoldsWhat) {
  ExpectError("0F0,0B0,0F1,0B1\n1F0,0B0,1B0,1F1,1B1\n",
              "a.csv:2:5: error: rank 1 runs stage 0, which is on rank 0\n");
  ExpectError("0F0,1F0,1B0,0B0\n2F0,2B0\n",
              "a.csv:2:1: error: rank 1 holds 1 stage and rank 0 holds 2: every rank has to hold "
              "as many\n");
  // Stage 0 is on both, each with its half; stage 1 only for the first half.
  ExpectError("0F0,0B0,1F0,1B0\n0F1,0B1\n",
              "a.csv:1:9: error: no rank runs stage 1 for microbatch 1, only for microbatch 0\n");
}

TEST(CsvTest, WhatARankForgetsOrRepeats) {
  ExpectError("0F0,0F1,0B0\n1F0,1B0,1F1,1B1\n",
              "a.csv:1:9: error: rank 0 never runs `backward(1)`");
  ExpectError("0F0,0F1,0B0,0B1\n1F0,1B0,1B1\n",
              "a.csv:2:9: error: rank 1 runs `backward(1)` before `forward(1)`");
  ExpectError("0F0,0I0,0F1,0B1\n", "a.csv:1:1: error: rank 0 never runs `weight_grad(0)`");
  ExpectError("0F0,0B0,0F0\n", "a.csv:1:9: error: rank 0 runs `forward(0)` twice");
  ExpectError("0F0,0B0,0B0\n", "a.csv:1:9: error: rank 0 runs `backward(0)` twice");
  ExpectError("0B0,0F0\n", "a.csv:1:1: error: rank 0 runs `backward(0)` before `forward(0)`");
  ExpectError("0F0,0W0,0I0\n",
              "a.csv:1:5: error: rank 0 runs `weight_grad(0)` before `input_grad(0)`");
  ExpectError("0F0,1F0,1B0\n", "a.csv:1:1: error: rank 0 never runs `backward(0, chunk = 0)`");
  // Each row's mistake has a place of its own.
  EXPECT_EQ(ReadText("0F0,0B0,0F0\n1F0,1B0,1F0\n").count, 2);
}

TEST(CsvTest, Limits) {
  pprun::Limits limits;
  limits.unrolled_tasks = 7;
  EXPECT_EQ(ReadText("0F0,0F1,0B0,0B1\n1F0,1B0,1F1,1B1\n", limits).errors,
            "a.csv:1:1: error: 2 stages of 2 microbatches need more than the limit of 7 tasks "
            "(`unrolled_tasks`)\n");
  EXPECT_EQ(ReadText(std::string(512, ','), limits).errors,
            "a.csv:1:1: error: this file has 512 bytes, too many for the limit of 7 tasks "
            "(`unrolled_tasks`)\n");
  limits = {.ranks = 1};
  EXPECT_EQ(ReadText("0F0,0B0\n1F0,1B0\n", limits).errors,
            "a.csv:2:1: error: 2 rows are more than the limit of 1 ranks (`ranks`)\n");
}

TEST(CsvTest, IsAStudy) {
  const Compilation result = CompileAs("mine.csv", ToCsv(*BuiltIn("zero_bubble_h1", 4, 8)));
  ASSERT_TRUE(result.Ok()) << result.Messages();
  EXPECT_EQ(result.purpose, Compilation::Purpose::kStudy);
  EXPECT_EQ(result.checked->schedule.name, "mine");
  EXPECT_EQ(result.checked->AxisSize("pp"), 4);
  EXPECT_EQ(result.plan->positions.size(), 4u);
  EXPECT_EQ(result.plan->stages, 4);
}

TEST(CsvTest, DeadlocksAndSettingsAreRefused) {
  // Each forward of rank 1 waits for one that rank 0 runs after a backward that waits for rank 1.
  const Compilation deadlock = CompileAs("a.csv", "0F0,0B0,0F1,0B1\n1F0,1F1,1B0,1B1\n");
  EXPECT_FALSE(deadlock.Ok());
  EXPECT_NE(deadlock.Messages().find("a.csv:1:5: error: this schedule deadlocks"),
            std::string::npos)
      << deadlock.Messages();
  const Compilation set = CompileAs("a.csv", "0F0,0B0\n", {{"pp", "2"}});
  EXPECT_FALSE(set.Ok());
  EXPECT_NE(set.Messages().find("`--set` has nothing to set"), std::string::npos);
}

std::string Mutate(std::string text, std::mt19937_64& random) {
  const auto below = [&random](size_t count) { return static_cast<size_t>(random() % count); };
  static const std::string kBytes = "0123456789FIWBR,;()\n\r \"OVERLAP_F_B\xff";
  for (size_t edits = 1 + below(3); edits > 0 && !text.empty(); --edits) {
    const size_t at = below(text.size());
    switch (below(6)) {
      case 0:
        text[at] = kBytes[below(kBytes.size())];
        break;
      case 1:
        text.insert(at, 1, kBytes[below(kBytes.size())]);
        break;
      case 2:
        text.erase(at, 1 + below(6));
        break;
      case 3:
        text += text.substr(at, below(20));
        break;
      default: {
        // Two neighbours change places: often still a schedule.
        const size_t begin = text.find(',', at);
        const size_t middle = begin == std::string::npos ? begin : text.find(',', begin + 1);
        const size_t end = middle == std::string::npos ? middle : text.find(',', middle + 1);
        if (end == std::string::npos) break;
        const std::string first = text.substr(begin + 1, middle - begin - 1);
        const std::string second = text.substr(middle + 1, end - middle - 1);
        text.replace(begin + 1, end - begin - 1, second + "," + first);
      }
    }
  }
  return text;
}

TEST(CsvTest, WhateverTheBytesAFileIsRefusedOrProven) {
  constexpr uint64_t kSeed = 20261121;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  std::mt19937_64 random(kSeed);
  std::vector<std::string> texts;
  for (const auto& [name, text] : BuiltInSchedules()) {
    for (int pp : {1, 2, 3}) {
      if (const auto order = BuiltIn(name, pp, 6)) texts.push_back(ToCsv(*order));
    }
  }
  int refused = 0, deadlocked = 0, proven = 0;
  for (int i = 0; i < 6000; ++i) {
    const std::string text = Mutate(texts[random() % texts.size()], random);
    SCOPED_TRACE(text);
    const Read read = ReadText(text);
    if (!read.order) {
      EXPECT_GT(read.count, 0);
      EXPECT_FALSE(read.errors.empty());
      ++refused;
      continue;
    }
    const Read again = ReadText(ToCsv(*read.order));
    ASSERT_TRUE(again.order) << again.errors;
    ExpectEqual(*read.order, *again.order);
    Diagnostics diagnostics;
    if (!PredictTimes(*read.order, {}, diagnostics)) {
      ++deadlocked;
      continue;
    }
    ++proven;
    const Compilation result = CompileAs("a.csv", text);
    EXPECT_TRUE(result.Ok()) << result.Messages();
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(deadlocked, 50);
  EXPECT_GT(proven, 500);
}

}  // namespace
}  // namespace pprun
