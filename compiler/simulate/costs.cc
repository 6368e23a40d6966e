// Reads a cost table from the command line. What holds after: every cost is from 0 to 1e12, and B
// was not given together with the halves it consists of. Tests: costs_test.cc.
#include "compiler/simulate/costs.h"

#include <charconv>
#include <cmath>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

// Sums of more of them than any schedule has tasks stay finite.
constexpr double kLargestCost = 1e12;

[[noreturn]] void Fail(std::string_view text, const std::string& what) {
  throw std::invalid_argument("cost `" + std::string(text) + "`: " + what);
}

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

bool IsName(std::string_view name) {
  for (const char* known : {"F", "B", "I", "W", "FB", "C", "A"}) {
    if (name == known) return true;
  }
  return false;
}

double ParseCost(std::string_view item, std::string_view number) {
  double value = 0;
  const char* end = number.data() + number.size();
  const auto [rest, error] = std::from_chars(number.data(), end, value);
  if (error != std::errc() || rest != end) {
    Fail(item, "a number expected, found `" + std::string(number) + "`");
  }
  if (!std::isfinite(value) || value < 0) Fail(item, "a cost is a finite number, zero or more");
  if (value > kLargestCost) Fail(item, "a cost is at most 1e12");
  return value;
}

// "1:1:1.5:1".
std::vector<double> ParseList(std::string_view item, std::string_view text) {
  std::vector<double> values;
  for (;;) {
    const size_t colon = text.find(':');
    values.push_back(ParseCost(item, Trimmed(text.substr(0, colon))));
    if (colon == std::string_view::npos) return values;
    text.remove_prefix(colon + 1);
  }
}

using GivenCosts = std::map<std::string, std::vector<double>, std::less<>>;

GivenCosts ParseGiven(std::string_view text) {
  GivenCosts given;
  for (std::string_view rest = text;;) {
    const size_t comma = rest.find(',');
    const std::string_view item = Trimmed(rest.substr(0, comma));
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos) Fail(item, "`NAME=NUMBER` expected, as in `F=1,B=2`");
    const std::string_view name = Trimmed(item.substr(0, equals));
    if (!IsName(name)) {
      Fail(item, "no cost is named `" + std::string(name) +
                     "`; there are F (forward), B (backward), I (input gradient), W (weight "
                     "gradient), FB (an overlapped pair), C (transfer) and A (collective)");
    }
    std::vector<double> values = ParseList(item, Trimmed(item.substr(equals + 1)));
    if (values.size() > 1 && (name == "C" || name == "A")) {
      Fail(item, "`" + std::string(name) + "` is one number, not one a stage");
    }
    if (!given.emplace(name, std::move(values)).second) {
      Fail(item, "`" + std::string(name) + "` is given twice");
    }
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  if (given.contains("B") && (given.contains("I") || given.contains("W"))) {
    Fail(text, "`B` is the sum of `I` and `W`; give either `B` or its halves");
  }
  return given;
}

double At(const std::vector<double>& list, StageId stage) {
  return list.size() == 1 ? list.front() : list.at(stage.index());
}

}  // namespace

double CostTable::Of(TaskKind kind, StageId stage) const {
  switch (kind) {
    case TaskKind::kForward:
    case TaskKind::kRecompute:
      return At(forward, stage);
    case TaskKind::kBackward:
      return At(input_grad, stage) + At(weight_grad, stage);
    case TaskKind::kInputGrad:
      return At(input_grad, stage);
    case TaskKind::kWeightGrad:
      return At(weight_grad, stage);
  }
  CHECK(false);
}

CostTable ParseCosts(std::string_view text) {
  GivenCosts given = ParseGiven(text);
  CostTable costs;
  const auto take = [&](std::string_view name, std::vector<double>& list) {
    if (const auto found = given.find(name); found != given.end()) list = found->second;
  };
  if (given.contains("B")) {
    take("B", costs.input_grad);
    for (double& cost : costs.input_grad) cost /= 2;
    costs.weight_grad = costs.input_grad;
  }
  take("F", costs.forward);
  take("I", costs.input_grad);
  take("W", costs.weight_grad);
  take("FB", costs.pair);
  if (given.contains("C")) costs.transfer = given["C"].front();
  if (given.contains("A")) costs.collective = given["A"].front();
  return costs;
}

std::vector<std::string> NamesOfCosts(std::string_view text) {
  std::vector<std::string> names;
  for (const auto& [name, values] : ParseGiven(text)) names.push_back(name);
  return names;
}

void CheckStages(const CostTable& costs, int32_t stages) {
  const auto check = [stages](const char* name, const std::vector<double>& list) {
    if (list.size() <= 1 || list.size() == static_cast<size_t>(stages)) return;
    throw std::invalid_argument("`" + std::string(name) + "` has " + std::to_string(list.size()) +
                                " costs for " + std::to_string(stages) +
                                (stages == 1 ? " stage" : " stages") +
                                "; give one a stage, or one for all");
  };
  check("F", costs.forward);
  check(costs.input_grad == costs.weight_grad ? "B" : "I", costs.input_grad);
  check("W", costs.weight_grad);
  check("FB", costs.pair);
}

}  // namespace pprun
