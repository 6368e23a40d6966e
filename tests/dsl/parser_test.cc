// What the parser builds: nodes, their places, imports and built-in schedules.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "tests/dsl/test_support.h"

namespace pprun {
namespace {

std::string Slice(const Parsed& parsed, ast::Location location) {
  return std::string(
      parsed.files.Text(location.file).substr(location.begin, location.end - location.begin));
}

TEST(ParserTest, TheWholePlan) {
  const Parsed parsed = ParseText(kWholePlan);
  EXPECT_EQ(parsed.Messages(), "");
  const ast::Program& program = parsed.program;
  EXPECT_EQ(program.mesh.size(), 2u);
  ASSERT_EQ(program.models.size(), 1u);
  EXPECT_EQ(program.models[0].lets.size(), 5u);
  ASSERT_EQ(program.models[0].layers.size(), 3u);
  const ast::Layer& block = program.models[0].layers[1];
  EXPECT_TRUE(block.repeat.valid());
  ASSERT_EQ(block.operations.size(), 2u);
  EXPECT_EQ(block.operations[0].body[1].label->text, "attn");
  EXPECT_EQ(block.operations[1].body[1].split->text, "column");
  EXPECT_EQ(program.train.size(), 11u);
  EXPECT_EQ(program.stages->policy->callee.text, "balance");
  EXPECT_EQ(program.gradients->call.arguments.size(), 2u);
  EXPECT_EQ(program.recompute->call.callee.text, "none");
  // The schedule it names came from the library.
  ASSERT_EQ(program.schedules.size(), 1u);
  EXPECT_EQ(program.schedules[0].name.text, "one_f_one_b");
  EXPECT_EQ(parsed.files.Path(program.schedules[0].location.file), "schedules/one_f_one_b.sched");
}

TEST(ParserTest, NodesKnowTheirPlaces) {
  const Parsed parsed = ParseText("mesh { pp = 2 * (3 + 1); }  // é\nlet ä = 1;\n");
  EXPECT_TRUE(parsed.diagnostics.HasErrors());
  const Parsed good = ParseText("// é\nmesh { pp = 2 * (3 + 1); }\nlet x = min(1, 2);\n");
  EXPECT_EQ(good.Messages(), "");
  const ast::Setting& setting = good.program.mesh[0];
  EXPECT_EQ(Slice(good, setting.name.location), "pp");
  EXPECT_EQ(Slice(good, setting.location), "pp = 2 * (3 + 1);");
  EXPECT_EQ(Slice(good, good.program[setting.value].location), "2 * (3 + 1)");
  EXPECT_EQ(Slice(good, good.program.mesh_location), "mesh { pp = 2 * (3 + 1); }");
  EXPECT_EQ(Slice(good, good.program[good.program.lets[0].value].location), "min(1, 2)");
}

TEST(ParserTest, AScheduleHasEveryStatement) {
  const Parsed parsed = ParseText(R"(
schedule own(lag = 2 * pp, eager = false) {
  let total = microbatches;
  require total >= pp, "too few";
  fn clamp(k) = if k < total then k else total;
  fn both(i) { input_grad(i); weight_grad(oldest); }
  order on rank r {
    let first = clamp(r);
    for i in 0 .. first { forward(i); }
    repeat pp - r { overlap { forward(); backward(); } }
    if left(forward) > 0 and not eager { both(r); } else if pending > 0 { weight_grad(0); }
    else { forward(0); }
  }
}
)");
  EXPECT_EQ(parsed.Messages(), "");
  const ast::ScheduleDefinition& schedule = parsed.program.schedules[0];
  EXPECT_EQ(schedule.parameters.size(), 2u);
  EXPECT_EQ(schedule.preamble.size(), 2u);
  EXPECT_EQ(schedule.functions.size(), 2u);
  EXPECT_TRUE(schedule.functions[0].value.valid());
  EXPECT_EQ(schedule.functions[1].body.size(), 2u);
  EXPECT_EQ(schedule.rank.text, "r");
  ASSERT_EQ(schedule.order.size(), 4u);
  const auto& branch = std::get<ast::IfStatement>(parsed.program[schedule.order[3]].node);
  ASSERT_EQ(branch.otherwise.size(), 1u);
  const auto& chained = std::get<ast::IfStatement>(parsed.program[branch.otherwise[0]].node);
  EXPECT_EQ(chained.otherwise.size(), 1u);
}

TEST(ParserTest, WordsOfConstructsAreNamesElsewhere) {
  const Parsed parsed = ParseText(
      "let transfers = 1;\n"
      "gradients ddp(overlap = true);\n"
      "transfers queue_per_rank;\n"
      "schedule s { order on rank rank { recompute(rank); forward(rank); } }\n");
  EXPECT_EQ(parsed.Messages(), "");
}

TEST(ParserTest, StringsHaveEscapes) {
  const Parsed parsed = ParseText(R"(let x = "a\"b\\c\n\t";)");
  EXPECT_EQ(parsed.Messages(), "");
  const auto& node = parsed.program[parsed.program.lets[0].value].node;
  EXPECT_EQ(std::get<ast::StringLiteral>(node).value, "a\"b\\c\n\t");
}

TEST(ParserTest, AFileWithoutScheduleGetsTheDefault) {
  const Parsed parsed = ParseText("mesh { pp = 2; }");
  ASSERT_EQ(parsed.program.schedules.size(), 1u);
  EXPECT_EQ(parsed.program.schedules[0].name.text, "one_f_one_b");
  const Parsed own = ParseText("schedule own { order on rank r { forward(0); } }");
  ASSERT_EQ(own.program.schedules.size(), 1u);
  EXPECT_EQ(own.program.schedules[0].name.text, "own");
}

TEST(ParserTest, AnOwnScheduleHidesTheLibrarys) {
  const Parsed parsed =
      ParseText("schedule gpipe { order on rank r { forward(0); } }\nschedule gpipe;\n");
  EXPECT_EQ(parsed.Messages(), "");
  ASSERT_EQ(parsed.program.schedules.size(), 1u);
  EXPECT_EQ(parsed.files.Count(), 1u);
}

class ImportTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "pprun_import_" +
                 testing::UnitTest::GetInstance()->current_test_info()->name() + "/";
    std::filesystem::create_directories(directory_ + "parts");
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ + name) << text;
  }

  std::string directory_;
};

TEST_F(ImportTest, BringsLetsModelsAndSchedules) {
  Write("parts/model.sched",
        "import \"lets.sched\";\nmodel m { layer a { relu; } }\nmesh { pp = 7; }\n");
  Write("parts/lets.sched", "let base = 3;\nschedule own { order on rank r { forward(0); } }\n");
  const Parsed parsed = ParseText(
      "import \"parts/model.sched\";\nlet twice = 2 * base;\nimport "
      "\"parts/../parts/lets.sched\";\n",
      {}, directory_ + "plan.sched");
  EXPECT_EQ(parsed.Messages(), "");
  ASSERT_EQ(parsed.program.lets.size(), 2u);
  EXPECT_EQ(parsed.program.lets[0].name.text, "base");
  EXPECT_EQ(parsed.program.lets[1].name.text, "twice");
  EXPECT_EQ(parsed.program.models.size(), 1u);
  EXPECT_EQ(parsed.program.schedules.size(), 1u);
  EXPECT_TRUE(parsed.program.mesh.empty()) << "the mesh is the main file's";
  EXPECT_EQ(parsed.files.Count(), 3u) << "a file is read once";
}

TEST_F(ImportTest, CyclesEnd) {
  Write("a.sched", "import \"b.sched\"; let a = 1;");
  Write("b.sched", "import \"a.sched\"; import \"plan.sched\"; let b = 1;");
  const Parsed parsed = ParseText("import \"a.sched\";", {}, directory_ + "plan.sched");
  EXPECT_EQ(parsed.Messages(), "");
  EXPECT_EQ(parsed.program.lets.size(), 2u);
}

TEST_F(ImportTest, AMissingFileAndADirectory) {
  const Parsed parsed =
      ParseText("import \"none.sched\";\nimport \"parts\";\n", {}, directory_ + "plan.sched");
  ASSERT_EQ(parsed.diagnostics.errors(), 2);
  EXPECT_NE(parsed.Messages().find("none.sched`: no such file or directory"), std::string::npos);
  EXPECT_NE(parsed.Messages().find("parts`: is a directory"), std::string::npos);
}

TEST_F(ImportTest, ErrorsInAnImportHaveItsPath) {
  Write("bad.sched", "let x = ;\n");
  const Parsed parsed = ParseText("import \"bad.sched\";", {}, directory_ + "plan.sched");
  EXPECT_EQ(parsed.diagnostics.errors(), 1);
  EXPECT_EQ(parsed.Messages().find(directory_ + "bad.sched:1:9: error: "), 0u) << parsed.Messages();
}

TEST_F(ImportTest, TheNumberOfImportsIsLimited) {
  for (int i = 0; i < 10; ++i) {
    Write("f" + std::to_string(i) + ".sched", "import \"f" + std::to_string(i + 1) + ".sched\";");
  }
  Limits limits;
  limits.imports = 4;
  const Parsed parsed = ParseText("import \"f0.sched\";", limits, directory_ + "plan.sched");
  ASSERT_EQ(parsed.diagnostics.errors(), 1);
  EXPECT_EQ(parsed.diagnostics.all()[0].message,
            "this plan imports too many files: the limit `imports` is 4");
}

TEST(ParserTest, APageTakesMilliseconds) {
  ParseText(kWholePlan);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i) ParseText(kWholePlan);
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_LT(std::chrono::duration<double>(took).count() / 10, 0.05);
}

}  // namespace
}  // namespace pprun
