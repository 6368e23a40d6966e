// Output that cannot be written is noticed, once, at the end.
#include "compiler/plan/base/standard_output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <sstream>
#include <string>

#include "tests/runtime_io/temporary_folder.h"

namespace pprun {
namespace {

TEST(StandardOutput, WritesWhatTheStreamIsGivenInOrder) {
  const TemporaryFolder folder;
  const int file = ::open(folder.File("out").c_str(), O_WRONLY | O_CREAT, 0600);
  std::string expected;
  std::ostringstream stream;
  {
    StandardOutput output(stream, file);
    for (int i = 0; i < 20'000; ++i) {
      stream << i << " ";
      expected += std::to_string(i) + " ";
    }
    output.Finish();
    EXPECT_EQ(ReadWholeFile(folder.File("out")), expected);
    stream << "end";
  }
  ::close(file);
  EXPECT_EQ(ReadWholeFile(folder.File("out")), expected + "end");
  stream << "its own";
  EXPECT_EQ(stream.str(), "its own");
}

TEST(StandardOutput, SaysWhyOutputIsLostAndLeavesTheStreamGood) {
  const int full = ::open("/dev/full", O_WRONLY);
  std::ostringstream stream;
  StandardOutput output(stream, full);
  stream << "text" << std::flush;
  EXPECT_TRUE(stream.good());
  EXPECT_EQ(ErrorOf([&] { output.Finish(); }), "cannot write the output: no space left on device");
  ::close(full);
}

TEST(StandardOutput, AReaderThatIsGoneIsNoError) {
  ::signal(SIGPIPE, SIG_IGN);
  std::array<int, 2> ends = {};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ::close(ends[0]);
  std::ostringstream stream;
  StandardOutput output(stream, ends[1]);
  stream << "text" << std::flush << "more";
  EXPECT_NO_THROW(output.Finish());
  EXPECT_TRUE(stream.good());
  ::close(ends[1]);
}

}  // namespace
}  // namespace pprun
