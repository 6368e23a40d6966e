#include "tests/gpu/check_table.h"

#include <cstdio>

namespace pprun::gpu {

void PrintHeading() {
  std::printf("%-26s %-14s %5s  %-9s %-9s %-8s %-6s %-6s %s\n", "kernel", "type", "cases", "error",
              "allowed", "repeats", "graph", "bounds", "");
  std::fflush(stdout);
}

void PrintRow(const CheckRow& row) {
  const bool passes = row.Passes();
  std::printf("%-26s %-14s %5lld  %-9.2e %-9.0e %-8s %-6s %-6s %s\n", row.kernel.c_str(),
              row.type.c_str(), static_cast<long long>(row.cases), row.worst, row.allowed,
              row.not_repeated == 0 ? "yes" : "NO", row.not_in_graph == 0 ? "same" : "OTHER",
              row.out_of_bounds == 0 ? "held" : "BROKEN", passes ? "ok" : "FAILED");
  if (!row.error.empty()) std::printf("    threw: %s\n", row.error.c_str());
  if (!passes && row.error.empty()) std::printf("    at: %s\n", row.worst_case.c_str());
  std::fflush(stdout);
}

}  // namespace pprun::gpu
