// `automatic` against the library on a sample of the grid that print_automatic_grid runs whole.
#include <gtest/gtest.h>

#include "tests/schedule/automatic_grid.h"

namespace pprun {
namespace {

TEST(Automatic, IsNeverWorseThanTheLibraryAndNearTheBound) {
  const Library library;
  GridSummary summary;
  for (const GridCase& grid_case : GridCases(8, 32, 13)) {
    const GridResult result = RunCase(library, grid_case);
    if (result.library.empty()) continue;
    summary.Add(grid_case, result);
    EXPECT_LE(result.makespan, result.library_makespan)
        << ToText(grid_case) << " " << result.library;
    EXPECT_LE(result.peak, result.limit) << ToText(grid_case);
    EXPECT_GE(result.makespan, result.bound) << ToText(grid_case);
  }
  EXPECT_GE(summary.cases, 60);
  EXPECT_GE(summary.unequal, 40);
  EXPECT_GE(summary.better_of_unequal * 10, summary.unequal * 3);
  EXPECT_LE(summary.Gap(50), 0.05);
}

TEST(Automatic, IsTheSameInEveryRun) {
  const Library library;
  for (const GridCase& grid_case : GridCases(6, 12, 97)) {
    const GridResult first = RunCase(library, grid_case);
    const GridResult second = RunCase(library, grid_case);
    EXPECT_EQ(ToText(first.order), ToText(second.order)) << ToText(grid_case);
  }
}

}  // namespace
}  // namespace pprun
