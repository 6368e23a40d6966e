// Reads a cost table from the command line. What holds after: every cost is finite and not
// negative, and B was not given together with the halves it consists of. Tests: costs_test.cc.
#include <charconv>
#include <cmath>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

#include "compiler/simulate/simulate.h"

namespace pprun {
namespace {

constexpr std::string_view kLetters = "FBIWCA";

[[noreturn]] void Fail(std::string_view text, const std::string& what) {
  throw std::invalid_argument("cost `" + std::string(text) + "`: " + what);
}

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

double ParseCost(std::string_view item, std::string_view number) {
  double value = 0;
  const char* end = number.data() + number.size();
  const auto [rest, error] = std::from_chars(number.data(), end, value);
  if (error != std::errc() || rest != end) {
    Fail(item, "a number expected, found `" + std::string(number) + "`");
  }
  if (!std::isfinite(value) || value < 0) Fail(item, "a cost is a finite number, zero or more");
  return value;
}

}  // namespace

CostTable ParseCosts(std::string_view text) {
  std::map<char, double> given;
  for (std::string_view rest = text;;) {
    const size_t comma = rest.find(',');
    const std::string_view item = Trimmed(rest.substr(0, comma));
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos) Fail(item, "`NAME=NUMBER` expected, as in `F=1,B=2`");
    const std::string_view name = Trimmed(item.substr(0, equals));
    if (name.size() != 1 || kLetters.find(name[0]) == std::string_view::npos) {
      Fail(item, "no cost is named `" + std::string(name) +
                     "`; there are F (forward), B (backward), I (input gradient), W (weight "
                     "gradient), C (transfer) and A (collective)");
    }
    const double value = ParseCost(item, Trimmed(item.substr(equals + 1)));
    if (!given.emplace(name[0], value).second) {
      Fail(item, "`" + std::string(name) + "` is given twice");
    }
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  if (given.contains('B') && (given.contains('I') || given.contains('W'))) {
    Fail(text, "`B` is the sum of `I` and `W`; give either `B` or its halves");
  }

  CostTable costs;
  const auto take = [&](char letter, double& cost) {
    if (const auto found = given.find(letter); found != given.end()) cost = found->second;
  };
  if (given.contains('B')) costs.input_grad = costs.weight_grad = given['B'] / 2;
  take('F', costs.forward);
  take('I', costs.input_grad);
  take('W', costs.weight_grad);
  take('C', costs.transfer);
  take('A', costs.collective);
  return costs;
}

}  // namespace pprun
