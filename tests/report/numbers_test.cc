#include "compiler/report/numbers.h"

#include <gtest/gtest.h>

#include <limits>

namespace pprun {
namespace {

TEST(WithThousands, SeparatesEveryThreeDigits) {
  EXPECT_EQ(WithThousands(0), "0");
  EXPECT_EQ(WithThousands(999), "999");
  EXPECT_EQ(WithThousands(1000), "1,000");
  EXPECT_EQ(WithThousands(1049600), "1,049,600");
  EXPECT_EQ(WithThousands(-100), "-100");
  EXPECT_EQ(WithThousands(-123456), "-123,456");
  EXPECT_EQ(WithThousands(std::numeric_limits<int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(Percent, HasOneDecimal) {
  EXPECT_EQ(Percent(0), "0.0 %");
  EXPECT_EQ(Percent(-2e-16), "0.0 %");
  EXPECT_EQ(Percent(0.0005), "0.1 %");
  EXPECT_EQ(Percent(3.0 / 11), "27.3 %");
  EXPECT_EQ(Percent(1), "100.0 %");
}

TEST(Compact, KeepsFourDigits) {
  EXPECT_EQ(Compact(0), "0");
  EXPECT_EQ(Compact(33), "33");
  EXPECT_EQ(Compact(0.125), "0.125");
  EXPECT_EQ(Compact(412.34567), "412.3");
  EXPECT_EQ(Compact(999.94), "999.9");
  EXPECT_EQ(Compact(999.96), "1,000");
  EXPECT_EQ(Compact(12345.6), "12,346");
  EXPECT_EQ(Compact(-12345.6), "-12,346");
}

TEST(CostUnits, LosesNothingThatCostsAreWrittenWith) {
  EXPECT_EQ(CostUnits(0), "0");
  EXPECT_EQ(CostUnits(33), "33");
  EXPECT_EQ(CostUnits(100), "100");
  EXPECT_EQ(CostUnits(109.25), "109.25");
  EXPECT_EQ(CostUnits(0.1 + 0.2 + 1), "1.3");
  EXPECT_EQ(CostUnits(81023.082), "81,023.082");
  EXPECT_EQ(CostUnits(-81023.5), "-81,023.5");
  EXPECT_EQ(CostUnits(0.99996), "1");
  EXPECT_EQ(CostUnits(0.033), "0.033");
  EXPECT_EQ(CostUnits(1 / 3.0), "0.3333");
  EXPECT_EQ(CostUnits(28 + 1 / 3.0), "28.3333");
  EXPECT_EQ(CostUnits(1e15), "1,000,000,000,000,000");
}

TEST(Counted, KnowsThePlural) {
  EXPECT_EQ(Counted(1, "stage"), "1 stage");
  EXPECT_EQ(Counted(4096, "stage"), "4,096 stages");
}

}  // namespace
}  // namespace pprun
