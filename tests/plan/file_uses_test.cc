// Which files of a command line may be the same.
#include "compiler/plan/base/file_uses.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "tests/runtime_io/temporary_folder.h"

namespace pprun {
namespace {

namespace fs = std::filesystem;

class FileUsesTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return folder_.File(name); }
  void Create(const std::string& name) const { std::ofstream(Path(name)) << "text"; }
  // Of two outputs.
  static std::string Problem(const std::string& a, const std::string& b) {
    return Problem({{FileUse::Kind::kWritten, "`--a`", a}, {FileUse::Kind::kWritten, "`--b`", b}});
  }
  static std::string Problem(const std::vector<FileUse>& uses) {
    try {
      CheckFileUses(uses);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  }

  // Of this test alone: tests run beside each other.
  const TemporaryFolder folder_;
};

TEST_F(FileUsesTest, OneFileForTwoOutputs) {
  const std::string same = "`--a` and `--b` are the same file, `" + Path("x") + "`";
  EXPECT_EQ(Problem(Path("x"), Path("x")), same) << "that does not exist";
  EXPECT_EQ(Problem(Path("x"), Path("y")), "");
  EXPECT_EQ(Problem(Path("./x"), Path("x")), same);
  Create("x");
  EXPECT_EQ(Problem(Path("x"), Path("x")), same);
  EXPECT_EQ(Problem(Path("none/../x"), Path("x")), same);
  EXPECT_EQ(Problem(Path("x"), Path("y")), "");
  EXPECT_EQ(Problem("name", "./name"), "`--a` and `--b` are the same file, `./name`");
}

TEST_F(FileUsesTest, LinksLeadToTheFile) {
  Create("x");
  fs::create_symlink(Path("x"), Path("symbolic"));
  fs::create_hard_link(Path("x"), Path("hard"));
  fs::create_directory_symlink(folder_.path(), Path("folder"));
  for (const char* name : {"symbolic", "hard", "folder/x"}) {
    EXPECT_NE(Problem(Path("x"), Path(name)), "") << name;
  }
  EXPECT_NE(Problem(Path("new"), Path("folder/new")), "");
}

TEST_F(FileUsesTest, WhatIsReadMayBeReadTwiceButNotWritten) {
  Create("x");
  const FileUse plan = {FileUse::Kind::kRead, "the plan", Path("x")};
  const FileUse data = {FileUse::Kind::kRead, "the data", Path("x")};
  const FileUse output = {FileUse::Kind::kWritten, "`--save`", Path("x")};
  EXPECT_EQ(Problem({plan, data}), "");
  EXPECT_EQ(Problem({plan, output}),
            "the plan and `--save` are the same file, `" + Path("x") + "`");
  EXPECT_EQ(Problem({output, data}),
            "`--save` and the data are the same file, `" + Path("x") + "`");
}

}  // namespace
}  // namespace pprun
