// Diagnostics are counted, bounded, and suggest what was meant.
#include "dsl/diagnostics.h"

#include <gtest/gtest.h>

namespace pprun {
namespace {

TEST(DiagnosticsTest, WarningsAreNoErrors) {
  Diagnostics diagnostics;
  diagnostics.Warning({}, "more ranks than processors");
  EXPECT_FALSE(diagnostics.HasErrors());
  diagnostics.Error({}, "unknown name `x`").Note({}, "did you mean `y`?");
  EXPECT_TRUE(diagnostics.HasErrors());
  ASSERT_EQ(diagnostics.all().size(), 2u);
  EXPECT_EQ(diagnostics.all()[1].notes.size(), 1u);
}

TEST(DiagnosticsTest, KeepsABoundedNumber) {
  Diagnostics diagnostics;
  for (size_t i = 0; i < kMostDiagnostics + 50; ++i) {
    diagnostics.Error({}, "error " + std::to_string(i)).Note({}, "note");
  }
  EXPECT_TRUE(diagnostics.Full());
  ASSERT_EQ(diagnostics.all().size(), kMostDiagnostics);
  EXPECT_EQ(diagnostics.all().back().message, "error " + std::to_string(kMostDiagnostics - 1));
  EXPECT_EQ(diagnostics.errors(), static_cast<int>(kMostDiagnostics) + 50);
}

TEST(DidYouMeanTest, FindsTheNearest) {
  EXPECT_EQ(DidYouMean("widht", {"depth", "width", "heads"}), "width");
  EXPECT_EQ(DidYouMean("gpip", {"one_f_one_b", "gpipe"}), "gpipe");
  EXPECT_EQ(DidYouMean("db", {"dp", "pp"}), "dp");
}

TEST(DidYouMeanTest, SaysNothingWhereNothingIsNear) {
  EXPECT_EQ(DidYouMean("microbatches", {"width", "heads"}), "");
  EXPECT_EQ(DidYouMean("x", {"y"}), "");
  EXPECT_EQ(DidYouMean("", {"y"}), "");
  EXPECT_EQ(DidYouMean("width", {}), "");
}

TEST(DidYouMeanTest, LongNamesCostNothing) {
  const std::string name(100'000, 'a');
  EXPECT_EQ(DidYouMean(name, {std::string(100'000, 'b')}), "");
}

}  // namespace
}  // namespace pprun
