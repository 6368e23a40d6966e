// Runs `automatic` and the library on the whole grid, and prints a line a case and a summary. What
// compiler/schedule/greedy/README.md quotes is from
//   ninja -C build/cpu print_automatic_grid && build/cpu/tests/schedule/print_automatic_grid
// Takes the stride through the grid as its argument.
#include <cstdio>
#include <cstdlib>

#include "tests/schedule/automatic_grid.h"

int main(int count, char** arguments) {
  using namespace pprun;
  const size_t stride = count > 1 ? std::strtoul(arguments[1], nullptr, 10) : 7;
  const Library library;
  GridSummary summary;
  double seconds = 0;
  for (const GridCase& grid_case : GridCases(32, 256, stride > 0 ? stride : 1)) {
    const GridResult result = RunCase(library, grid_case);
    if (result.library.empty()) continue;
    summary.Add(grid_case, result);
    seconds += result.seconds;
    const auto makespan = static_cast<double>(result.makespan);
    std::printf(
        "%s limit %lld: %s %lld, automatic %lld (%+.1f %%), bound %lld (%+.1f %%), %.2f s%s\n",
        ToText(grid_case).c_str(), static_cast<long long>(result.limit), result.library.c_str(),
        static_cast<long long>(result.library_makespan), static_cast<long long>(result.makespan),
        100 * (makespan / static_cast<double>(result.library_makespan) - 1),
        static_cast<long long>(result.bound), 100 * summary.gaps.back(), result.seconds,
        result.makespan > result.library_makespan ? "  WORSE" : "");
    std::fflush(stdout);
  }
  std::printf(
      "%d cases: worse than the best library schedule that fits in %d; strictly better in %d of %d "
      "with unequal costs; over the limit in %d; below the bound in %d\n"
      "over the bound by %.1f %% in the median, %.1f %% at the 90th percentile; %.0f s of search\n",
      summary.cases, summary.worse, summary.better_of_unequal, summary.unequal, summary.over_limit,
      summary.below_bound, 100 * summary.Gap(50), 100 * summary.Gap(90), seconds);
  return summary.worse + summary.over_limit + summary.below_bound > 0 ? 1 : 0;
}
