#include "compiler/report/numbers.h"

#include <cmath>
#include <cstdio>

#include "compiler/plan/base/amount.h"

namespace pprun {

std::string WithThousands(int64_t number) {
  std::string digits = std::to_string(number);
  const size_t first = number < 0 ? 1 : 0;
  for (size_t at = digits.size(); at > first + 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string Percent(double fraction) {
  char text[64];
  // Where rounding left less than nothing there is nothing.
  const double percent = std::abs(fraction) < 0.0005 ? 0 : fraction * 100;
  std::snprintf(text, sizeof(text), "%.1f %%", percent);
  return text;
}

std::string Compact(double number) {
  // What four digits would round up to 1,000 has none after the point either.
  if (std::abs(number) >= 999.95 && std::abs(number) < 1e18) {
    return WithThousands(std::llround(number));
  }
  char text[64];
  std::snprintf(text, sizeof(text), "%.4g", number);
  return text;
}

std::string CostUnits(double time) {
  const double size = std::abs(time);
  if (size < 0.99995 || size >= 1e14) return Compact(time);
  char text[64];
  std::snprintf(text, sizeof(text), "%.4f", time);
  const std::string digits = text;
  const size_t point = digits.find('.');
  // Not after the point: 100.
  const size_t last = digits.find_last_not_of('0');
  return WithThousands(std::stoll(digits.substr(0, point))) +
         (last == point ? "" : digits.substr(point, last + 1 - point));
}

std::string Fixed(double number, int digits) {
  if (number == 0) return "0";
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", digits, number);
  return text;
}

std::string HumanTime(double seconds) {
  if (seconds == 0) return "0";
  const double size = std::abs(seconds) * 1.0001;
  if (size >= 1) return Compact(seconds) + " s";
  if (size >= 1e-3) return Compact(seconds * 1e3) + " ms";
  if (size >= 1e-6) return Compact(seconds * 1e6) + " us";
  return Compact(seconds * 1e9) + " ns";
}

std::string Counted(int64_t count, const std::string& noun) {
  return WithThousands(count) + " " + PluralOf(count, noun);
}

}  // namespace pprun
