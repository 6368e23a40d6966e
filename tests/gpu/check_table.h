// What a check found, a row a kernel and a type, and the table of all rows.
#pragma once

#include <cstdint>
#include <string>

namespace pprun::gpu {

struct CheckRow {
  std::string kernel;
  std::string type;
  int64_t cases = 0;
  double worst = 0;    // relative error of the worst case's worst output
  double allowed = 0;  // 0: the same bits
  std::string worst_case;
  int64_t not_repeated = 0;   // cases whose second run gave other bits
  int64_t not_in_graph = 0;   // cases whose captured graph gave other bits
  int64_t out_of_bounds = 0;  // cases that wrote beside an operand, or into one that is only read
  std::string error;          // what was thrown

  bool Passes() const {
    return error.empty() && worst <= allowed && not_repeated == 0 && not_in_graph == 0 &&
           out_of_bounds == 0;
  }
};

void PrintHeading();
// At once, since a later row may end the process.
void PrintRow(const CheckRow& row);

}  // namespace pprun::gpu
