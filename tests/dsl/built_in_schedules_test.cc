// The schedules that are embedded in the programs.
#include <gtest/gtest.h>

#include "tests/dsl/test_support.h"

namespace pprun {
namespace {

TEST(BuiltInSchedulesTest, EachDefinesTheScheduleItIsNamedAfter) {
  std::vector<std::string> names;
  for (const auto& [name, text] : BuiltInSchedules()) {
    names.push_back(name);
    const Parsed parsed = ParseText(text);
    EXPECT_EQ(parsed.Messages(), "") << name;
    ASSERT_EQ(parsed.program.schedules.size(), 1u) << name;
    EXPECT_EQ(parsed.program.schedules[0].name.text, name);
  }
  EXPECT_NE(std::find(names.begin(), names.end(), "gpipe"), names.end());
  EXPECT_NE(std::find(names.begin(), names.end(), "one_f_one_b"), names.end());
}

TEST(BuiltInSchedulesTest, EachPassesTheCheck) {
  for (const auto& [name, text] : BuiltInSchedules()) {
    const Checked checked = CheckText("mesh { pp = 4; }\nschedule " + name + ";");
    EXPECT_TRUE(checked.program.has_value()) << checked.Messages();
  }
}

}  // namespace
}  // namespace pprun
