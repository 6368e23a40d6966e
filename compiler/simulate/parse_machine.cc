// Reads a machine file, line by line. What holds after: machine.h. Tests: machine_test.cc.
#include <charconv>
#include <cmath>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/simulate/machine.h"

namespace pprun {
namespace {

enum class Range : uint8_t { kPositive, kNotNegative, kFraction };

class Parser {
 public:
  explicit Parser(const std::string& path) : path_(path) {}

  Machine Parse(std::string_view text) {
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
      ++line_;
      words_ = WordsOf(line);
      next_ = 0;
      if (words_.empty()) continue;
      Statement();
      if (next_ < words_.size()) Fail("nothing expected after `" + words_[next_ - 1] + "`");
    }
    CheckComplete();
    return std::move(machine_);
  }

 private:
  static std::vector<std::string> WordsOf(const std::string& line) {
    std::istringstream in(line.substr(0, line.find('#')));
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    return words;
  }

  [[noreturn]] void Fail(const std::string& what) const {
    throw MachineError(path_ + ": line " + std::to_string(line_) + ": " + what);
  }

  std::string Word(const std::string& what) {
    if (next_ == words_.size()) Fail(what + " expected at the end of the line");
    return words_[next_++];
  }

  void Keyword(const std::string& keyword) {
    const std::string word = Word("`" + keyword + "`");
    if (word != keyword) Fail("`" + keyword + "` expected, found `" + word + "`");
  }

  double Number(Range range) {
    const std::string word = Word("a number");
    double value = 0;
    const char* end = word.data() + word.size();
    const auto [rest, error] = std::from_chars(word.data(), end, value);
    if (error != std::errc() || rest != end || !std::isfinite(value)) {
      Fail("a number expected, found `" + word + "`");
    }
    if (value < 0 || (value == 0 && range != Range::kNotNegative)) {
      Fail("`" + word + "` is too small");
    }
    if (value > 1 && range == Range::kFraction) Fail("`" + word + "` is more than 1");
    return value;
  }

  int64_t Count() {
    const double value = Number(Range::kPositive);
    if (value != std::floor(value) || value > 1e9) Fail("a whole number expected");
    return static_cast<int64_t>(value);
  }

  void Once(const std::string& what) {
    if (!seen_.insert(what).second) Fail("`" + what + "` is given twice");
  }

  void Statement() {
    const std::string what = Word("a statement");
    if (what == "name") {
      Once(what);
      machine_.name = Word("a name");
    } else if (what == "flops") {
      const DType type = Type();
      Once("flops " + std::string(Name(type)));
      machine_.flops[static_cast<size_t>(type)] = Number(Range::kPositive);
    } else if (what == "memory") {
      Memory();
    } else if (what == "link") {
      Link();
    } else if (what == "launch") {
      Once(what);
      machine_.launch = Number(Range::kNotNegative);
    } else if (what == "achievable") {
      Achievable();
    } else {
      Fail("`" + what + "` is none of name, flops, memory, link, launch, achievable");
    }
  }

  DType Type() {
    const std::string name = Word("a type");
    for (const DType type : {DType::kF32, DType::kF64, DType::kBF16}) {
      if (name == Name(type)) return type;
    }
    Fail("`" + name + "` is none of f32, f64, bf16");
  }

  void Memory() {
    const std::string what = Word("`bytes` or `bandwidth`");
    Once("memory " + what);
    if (what == "bytes") {
      machine_.memory_bytes = Number(Range::kPositive);
    } else if (what == "bandwidth") {
      machine_.memory_bandwidth = Number(Range::kPositive);
    } else {
      Fail("`bytes` or `bandwidth` expected, found `" + what + "`");
    }
  }

  void Link() {
    if (!machine_.links.empty() && machine_.links.back().size == 0) {
      Fail("no link is outside of one that joins `any` ranks");
    }
    MachineLink link;
    link.name = Word("a name");
    Once("link " + link.name);
    const std::string kind = Word("`switch`, `ring` or `torus`");
    if (kind == "switch") {
      link.kind = MachineLink::Kind::kSwitch;
    } else if (kind == "ring") {
      link.kind = MachineLink::Kind::kRing;
    } else if (kind == "torus") {
      link.kind = MachineLink::Kind::kTorus;
    } else {
      Fail("`" + kind + "` is none of switch, ring, torus");
    }
    Keyword("size");
    if (next_ < words_.size() && words_[next_] == "any") {
      ++next_;
    } else {
      link.size = Count();
    }
    Keyword("axes");
    link.axes = static_cast<int32_t>(Count());
    Keyword("bandwidth");
    link.bandwidth = Number(Range::kPositive);
    Keyword("latency");
    link.latency = Number(Range::kNotNegative);
    machine_.links.push_back(link);
  }

  void Achievable() {
    const std::string what = Word("`flops`, `memory` or `links`");
    Once("achievable " + what);
    const double fraction = Number(Range::kFraction);
    if (what == "flops") {
      machine_.achievable_flops = fraction;
    } else if (what == "memory") {
      machine_.achievable_memory = fraction;
    } else if (what == "links") {
      machine_.achievable_links = fraction;
    } else {
      Fail("`" + what + "` is none of flops, memory, links");
    }
  }

  void CheckComplete() const {
    const auto require = [this](bool there, const char* what) {
      if (!there) throw MachineError(path_ + ": `" + what + "` is missing");
    };
    require(!machine_.name.empty(), "name");
    require(machine_.flops[static_cast<size_t>(DType::kF32)] > 0 ||
                machine_.flops[static_cast<size_t>(DType::kBF16)] > 0,
            "flops f32` or `flops bf16");
    require(machine_.memory_bytes > 0, "memory bytes");
    require(machine_.memory_bandwidth > 0, "memory bandwidth");
    require(!machine_.links.empty(), "link");
  }

  const std::string& path_;
  Machine machine_;
  int line_ = 0;
  std::vector<std::string> words_;  // of the line
  size_t next_ = 0;
  std::set<std::string> seen_;
};

}  // namespace

Machine ParseMachine(std::string_view text, const std::string& path) {
  return Parser(path).Parse(text);
}

}  // namespace pprun
