// Places in texts and how they are shown.
#include "dsl/source_files.h"

#include <gtest/gtest.h>

namespace pprun {
namespace {

std::string RenderOne(SourceFiles& files, ast::Location location, const std::string& message) {
  Diagnostics diagnostics;
  diagnostics.Error(location, message);
  return files.Render(diagnostics);
}

TEST(SourceFilesTest, LineAndColumnCountFromOne) {
  SourceFiles files;
  const uint32_t file = files.Add("a.sched", "one\ntwo\n\nfour");
  EXPECT_EQ(files.Position({file, 0, 1}).line, 1u);
  EXPECT_EQ(files.Position({file, 0, 1}).column, 1u);
  EXPECT_EQ(files.Position({file, 5, 6}).line, 2u);
  EXPECT_EQ(files.Position({file, 5, 6}).column, 2u);
  EXPECT_EQ(files.Position({file, 13, 13}).line, 4u);
  EXPECT_EQ(files.Position({file, 13, 13}).column, 5u);
  EXPECT_EQ(files.Text(file), "one\ntwo\n\nfour");
  EXPECT_EQ(files.Path(file), "a.sched");
  EXPECT_EQ(files.Count(), 1u);
}

TEST(SourceFilesTest, ShowsTheLineTheCaretAndTheNotes) {
  SourceFiles files;
  const uint32_t file = files.Add("plan.sched", "mesh {\n  pp = 4 }\n");
  Diagnostics diagnostics;
  diagnostics.Error({file, 9, 15}, "`pp` is 4").Note({file, 0, 4}, "the mesh is here");
  EXPECT_EQ(files.Render(diagnostics),
            "plan.sched:2:3: error: `pp` is 4\n"
            "    2 |   pp = 4 }\n"
            "      |   ^~~~~~\n"
            "plan.sched:1:1: note: the mesh is here\n");
}

TEST(SourceFilesTest, OrdersByFileAndPlace) {
  SourceFiles files;
  files.Add("a", "xyz");
  files.Add("b", "xyz");
  Diagnostics diagnostics;
  diagnostics.Error({1, 0, 1}, "third");
  diagnostics.Error({0, 2, 3}, "second");
  diagnostics.Warning({0, 1, 2}, "first");
  const std::string text = files.Render(diagnostics);
  EXPECT_LT(text.find("a:1:2: warning: first"), text.find("a:1:3: error: second"));
  EXPECT_LT(text.find("second"), text.find("b:1:1: error: third"));
}

TEST(SourceFilesTest, CaretsStandUnderCharactersNotBytes) {
  SourceFiles files;
  const uint32_t file = files.Add("a", "\t\"äö\" x");
  EXPECT_EQ(RenderOne(files, {file, 8, 9}, "here"),
            "a:1:9: error: here\n"
            "    1 | \t\"äö\" x\n"
            "      | \t     ^\n");
}

TEST(SourceFilesTest, ALongLineIsShownInPart) {
  SourceFiles files;
  const std::string text = std::string(5000, 'a') + "X" + std::string(5000, 'b');
  const uint32_t file = files.Add("a", text);
  const std::string shown = RenderOne(files, {file, 5000, 5001}, "here");
  EXPECT_LT(shown.size(), 500u);
  EXPECT_NE(shown.find("aaXbb"), std::string::npos);
}

TEST(SourceFilesTest, PlacesAtAndBeyondTheEnd) {
  SourceFiles files;
  const uint32_t file = files.Add("a", "ab\n");
  EXPECT_EQ(RenderOne(files, {file, 3, 3}, "end"), "a:2:1: error: end\n    2 | \n      | ^\n");
  EXPECT_EQ(RenderOne(files, {file, 99, 100}, "end"), "a:2:1: error: end\n    2 | \n      | ^\n");
  const uint32_t empty = files.Add("b", "");
  EXPECT_EQ(RenderOne(files, {empty, 0, 0}, "end"), "b:1:1: error: end\n    1 | \n      | ^\n");
}

TEST(SourceFilesTest, ControlCharactersAreNotPrinted) {
  SourceFiles files;
  const uint32_t file = files.Add("a", "x\x1b[2Jy\r\nz");
  EXPECT_EQ(RenderOne(files, {file, 0, 1}, "here"),
            "a:1:1: error: here\n    1 | x [2Jy\n      | ^\n");
}

TEST(SourceFilesTest, TheCommandLineIsNoFile) {
  SourceFiles files;
  files.Add("a", "x");
  EXPECT_EQ(RenderOne(files, kCommandLine, "`--set x`: unknown"),
            "command line: error: `--set x`: unknown\n");
}

}  // namespace
}  // namespace pprun
