#include "compiler/plan/base/arguments.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

// Stores a value where it belongs; says what is wrong with it otherwise.
struct Store {
  std::string_view text;
  using Problem = std::optional<std::string>;

  template <typename Number>
  Problem Parsed(Number& number, std::string_view expected) const {
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error == std::errc() && stop == end) return std::nullopt;
    return std::string(expected) + " expected, `" + std::string(text) + "` found";
  }

  Problem operator()(Switch* target) const {
    *target = Switch::kOn;
    return std::nullopt;
  }
  Problem operator()(std::string* target) const {
    *target = text;
    return std::nullopt;
  }
  Problem operator()(std::optional<std::string>* target) const {
    *target = std::string(text);
    return std::nullopt;
  }
  Problem operator()(int64_t* target) const { return Parsed(*target, "an integer"); }
  Problem operator()(std::optional<int64_t>* target) const {
    return Parsed(target->emplace(), "an integer");
  }
  Problem operator()(double* target) const { return Parsed(*target, "a number"); }
  Problem operator()(std::vector<std::string>* target) const {
    target->emplace_back(text);
    return std::nullopt;
  }
};

bool IsSwitch(const Arguments::Target& target) { return std::holds_alternative<Switch*>(target); }
bool IsList(const Arguments::Target& target) {
  return std::holds_alternative<std::vector<std::string>*>(target);
}
bool IsOptional(const Arguments::Target& target) {
  return std::holds_alternative<std::optional<std::string>*>(target) ||
         std::holds_alternative<std::optional<int64_t>*>(target);
}

// Edits (insert, delete, replace, swap neighbours) from one word to the other.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({replaced, previous[j] + 1, current[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        current[j] = std::min(current[j], before[j - 2] + 1);
      }
    }
    std::swap(before, previous);
    std::swap(previous, current);
  }
  return previous[b.size()];
}

// The flag as it is typed: one of one letter has one dash.
std::string Dashed(std::string_view name) {
  return (name.size() == 1 ? "-" : "--") + std::string(name);
}

ArgumentsResult Wrong(std::string text) { return {ArgumentsResult::Kind::kWrong, std::move(text)}; }

}  // namespace

std::optional<std::string> NearestWord(std::string_view word,
                                       const std::vector<std::string>& candidates) {
  std::optional<std::string> best;
  // One letter is no misspelling of another one.
  size_t best_distance = word.size() <= 1 ? 1 : std::max<size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = EditDistance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

Arguments::Arguments(std::string program, std::string summary)
    : program_(std::move(program)), summary_(std::move(summary)) {}

void Arguments::Flag(std::string name, std::string value, std::string help, Target target) {
  CHECK(Find(name) == nullptr && name != "help");
  CHECK(value.empty() == IsSwitch(target));
  flags_.push_back({std::move(name), std::move(value), std::move(help), target});
}

void Arguments::Positional(std::string name, std::string help, Target target) {
  CHECK(positionals_.empty() || !IsList(positionals_.back().target));
  positionals_.push_back({std::move(name), "", std::move(help), target});
}

const Arguments::Declared* Arguments::Find(std::string_view name) const {
  const auto found = std::ranges::find(flags_, name, &Declared::name);
  return found == flags_.end() ? nullptr : &*found;
}

std::string Arguments::Unknown(std::string_view name) const {
  std::vector<std::string> names = {"help"};
  for (const Declared& flag : flags_) names.push_back(flag.name);
  std::string text = "unknown flag `" + Dashed(name) + "`";
  if (const auto nearest = NearestWord(name, names))
    text += "; did you mean `" + Dashed(*nearest) + "`?";
  return text;
}

ArgumentsResult Arguments::Parse(int argc, const char* const* argv) const {
  const std::vector<std::string_view> words(argv + std::min(argc, 1), argv + argc);
  std::vector<const Declared*> seen;
  size_t positional = 0;
  enum class Flags : uint8_t { kOpen, kEnded } flags = Flags::kOpen;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (flags == Flags::kOpen && word == "--") {
      flags = Flags::kEnded;
      continue;
    }
    if (flags == Flags::kEnded || word.size() < 2 || word[0] != '-') {
      if (positional == positionals_.size()) {
        return Wrong("unexpected argument `" + std::string(word) + "`");
      }
      const Declared& declared = positionals_[positional];
      if (const auto problem = std::visit(Store{word}, declared.target)) {
        return Wrong(declared.name + ": " + *problem);
      }
      if (!IsList(declared.target)) ++positional;
      continue;
    }
    if (word == "-h" || word == "--help") return {ArgumentsResult::Kind::kHelp, Help()};
    const size_t dashes = word.starts_with("--") ? 2 : 1;
    const size_t equals = word.find('=');
    const std::string name(word.substr(dashes, equals == word.npos ? equals : equals - dashes));
    if (dashes != (name.size() == 1 ? 1 : 2)) {
      return Wrong("unknown flag `" + std::string(word) +
                   "`; flags have two dashes, those of one letter one");
    }
    if (name == "help") return Wrong("`--help` takes no value");
    const Declared* flag = Find(name);
    if (flag == nullptr) return Wrong(Unknown(name));
    if (!IsList(flag->target) && std::ranges::find(seen, flag) != seen.end()) {
      return Wrong("`" + Dashed(name) + "` is given twice");
    }
    seen.push_back(flag);
    std::string_view value;
    if (IsSwitch(flag->target)) {
      if (equals != word.npos) return Wrong("`" + Dashed(name) + "` takes no value");
    } else if (equals != word.npos) {
      value = word.substr(equals + 1);
    } else if (i + 1 < words.size()) {
      value = words[++i];
    } else {
      return Wrong("`" + Dashed(name) + "` needs a value: " + flag->value);
    }
    if (const auto problem = std::visit(Store{value}, flag->target)) {
      return Wrong("`" + Dashed(name) + "`: " + *problem);
    }
  }
  if (positional < positionals_.size()) {
    const Declared& missing = positionals_[positional];
    if (!IsList(missing.target) && !IsOptional(missing.target)) {
      return Wrong(missing.name + " is missing: " + missing.help);
    }
  }
  return {};
}

std::string Arguments::Help() const {
  std::string text = program_ + ": " + summary_ + "\n\nusage: " + program_;
  for (const Declared& positional : positionals_) {
    const bool optional = IsOptional(positional.target) || IsList(positional.target);
    text += optional ? " [" + positional.name + "]" : " " + positional.name;
    if (IsList(positional.target)) text += "...";
  }
  text += " [flags]\n\n";

  std::vector<std::pair<std::string, std::string>> rows;
  for (const Declared& positional : positionals_)
    rows.emplace_back(positional.name, positional.help);
  for (const Declared& flag : flags_) {
    const bool letter = flag.name.size() == 1;
    const std::string value = flag.value.empty() ? "" : (letter ? " " : "=") + flag.value;
    rows.emplace_back(Dashed(flag.name) + value, flag.help);
  }
  rows.emplace_back("--help", "print this");
  size_t width = 0;
  for (const auto& [left, right] : rows) width = std::max(width, left.size());
  for (const auto& [left, right] : rows) {
    text += "  " + left + std::string(width - left.size() + 2, ' ') + right + "\n";
  }
  return text;
}

}  // namespace pprun
