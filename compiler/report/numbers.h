// Numbers as people read them, the same in every report. Tests: numbers_test.cc.
#pragma once

#include <cstdint>
#include <string>

namespace pprun {

// "1,049,600".
std::string WithThousands(int64_t number);

// A fraction as "27.3 %".
std::string Percent(double fraction);

// At most four significant digits, none after the point from 1,000 on: "33", "0.125", "12,346".
std::string Compact(double number);

// A time in units of costs, as the costs that it adds up are written: "109.25", "81,023.082"; at
// most four digits after the point, below 1 four significant ones.
std::string CostUnits(double time);

// "1 stage", "4 stages".
std::string Counted(int64_t count, const std::string& noun);

// With this many digits after the point; "0" where there is exactly nothing.
std::string Fixed(double number, int digits);

// In a unit of its own: "23.7 ms", "0".
std::string HumanTime(double seconds);

}  // namespace pprun
