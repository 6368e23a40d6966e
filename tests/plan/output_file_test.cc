#include "compiler/plan/base/output_file.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "compiler/plan/base/input_file.h"
#include "tests/runtime_io/temporary_folder.h"

namespace pprun {
namespace {

TEST(OutputFile, AppearsWithItsCommit) {
  const TemporaryFolder folder;
  OutputFile file(folder.File("out"));
  file.Write("one ");
  file.Write("two");
  EXPECT_FALSE(std::ifstream(folder.File("out")).good());
  file.Commit();
  EXPECT_EQ(ReadWholeFile(folder.File("out")), "one two");
  EXPECT_EQ(folder.Names(), std::vector<std::string>{"out"});
}

TEST(OutputFile, WritesManyPiecesOfAnySizeInOrder) {
  const TemporaryFolder folder;
  std::string all;
  OutputFile file(folder.File("out"));
  for (size_t size : {size_t{1}, size_t{70'000}, size_t{65'536}, size_t{5}, size_t{65'535}}) {
    const std::string piece(size, static_cast<char>('a' + size % 26));
    file.Write(piece);
    all += piece;
  }
  file.Commit();
  EXPECT_EQ(ReadWholeFile(folder.File("out")), all);
}

TEST(OutputFile, WithoutCommitLeavesWhatWasThere) {
  const TemporaryFolder folder;
  folder.Write("out", "before");
  {
    OutputFile file(folder.File("out"));
    file.Write("after");
  }
  EXPECT_EQ(ReadWholeFile(folder.File("out")), "before");
  EXPECT_EQ(folder.Names(), std::vector<std::string>{"out"});
}

TEST(OutputFile, NamesAPlaceThatCannotBeWritten) {
  const TemporaryFolder folder;
  const std::string absent = folder.File("absent/out");
  EXPECT_EQ(ErrorOf([&] { OutputFile file(absent); }),
            "cannot write `" + absent + "`: no such file or directory");
  EXPECT_EQ(ErrorOf([&] { CheckWritable(folder.path()); }),
            "cannot write `" + folder.path() + "`: it is not a regular file");
  EXPECT_EQ(ErrorOf([&] { CheckWritable("/dev/full"); }),
            "cannot write `/dev/full`: it is not a regular file");
}

TEST(OutputFile, AskingWhetherAFileCanBeWrittenChangesNothing) {
  const TemporaryFolder folder;
  folder.Write("out", "before");
  CheckWritable(folder.File("out"));
  CheckWritable(folder.File("other"));
  EXPECT_EQ(folder.Names(), std::vector<std::string>{"out"});
  EXPECT_EQ(ReadWholeFile(folder.File("out")), "before");
}

// Runs `call` in a process of its own, whose limits and mounts go with it; gives its exit status.
int StatusInChild(const std::function<int()>& call) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(call());
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

// 0: the error came, and the final name has what it had, alone.
int WriteTooMuch(const TemporaryFolder& folder, const std::string& reason) {
  try {
    OutputFile file(folder.File("out"));
    const std::string piece(1 << 16, 'x');
    for (int i = 0; i < 64; ++i) file.Write(piece);
    file.Commit();
    return 1;
  } catch (const std::runtime_error& error) {
    if (error.what() != "cannot write `" + folder.File("out") + "`: " + reason) return 2;
  }
  if (folder.Names() != std::vector<std::string>{"out"}) return 3;
  return ReadWholeFile(folder.File("out")) == "before" ? 0 : 4;
}

TEST(OutputFile, AFileBeyondTheSizeLimitLeavesNothingHalfWritten) {
  const TemporaryFolder folder;
  folder.Write("out", "before");
  EXPECT_EQ(StatusInChild([&] {
              ::signal(SIGXFSZ, SIG_IGN);
              const rlimit limit = {1 << 20, 1 << 20};
              if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 101;
              return WriteTooMuch(folder, "file too large");
            }),
            0);
}

TEST(OutputFile, AFullDiskLeavesNothingHalfWritten) {
  constexpr int kNotAllowed = 77;
  const TemporaryFolder folder;
  const int status = StatusInChild([&] {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=1m") != 0) {
      return kNotAllowed;
    }
    folder.Write("out", "before");
    return WriteTooMuch(folder, "no space left on device");
  });
  if (status == kNotAllowed) GTEST_SKIP() << "only root may mount a small disk";
  EXPECT_EQ(status, 0);
}

TEST(OutputFile, KeepsALinkAndReplacesWhatItLeadsTo) {
  const TemporaryFolder folder;
  std::ofstream(folder.File("target")) << "old";
  ASSERT_EQ(::symlink(folder.File("target").c_str(), folder.File("link").c_str()), 0);
  OutputFile file(folder.File("link"));
  file.Write("new");
  file.Commit();
  EXPECT_EQ(ReadWholeFile(folder.File("target")), "new");
  struct stat status {};
  ASSERT_EQ(::lstat(folder.File("link").c_str(), &status), 0);
  EXPECT_TRUE(S_ISLNK(status.st_mode));
}

TEST(OutputFile, MakesTheFileThatALinkLeadsTo) {
  const TemporaryFolder folder;
  ASSERT_EQ(::symlink("next", folder.File("link").c_str()), 0);
  ASSERT_EQ(::symlink("target", folder.File("next").c_str()), 0);
  OutputFile file(folder.File("link"));
  file.Write("new");
  file.Commit();
  EXPECT_EQ(ReadWholeFile(folder.File("target")), "new");
  EXPECT_EQ(folder.Names(), (std::vector<std::string>{"link", "next", "target"}));
}

TEST(OutputFile, KeepsThePermissionsOfWhatItReplaces) {
  const TemporaryFolder folder;
  for (const mode_t mode : {mode_t{0640}, mode_t{0600}, mode_t{0666}}) {
    folder.Write("out", "old");
    ASSERT_EQ(::chmod(folder.File("out").c_str(), mode), 0);
    OutputFile file(folder.File("out"));
    file.Commit();
    struct stat status {};
    ASSERT_EQ(::stat(folder.File("out").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, mode);
  }
}

TEST(ReadFile, SaysWhyItCannot) {
  const TemporaryFolder folder;
  const auto error = [](const std::string& path) {
    try {
      ReadFile(path);
    } catch (const std::runtime_error& failure) {
      return std::string(failure.what());
    }
    return std::string("none");
  };
  EXPECT_EQ(error(folder.path()), "cannot read `" + folder.path() + "`: is a directory");
  EXPECT_EQ(error(folder.File("none")),
            "cannot read `" + folder.File("none") + "`: no such file or directory");
}

}  // namespace
}  // namespace pprun
