// Command lines of ppc and pprun: a program declares its flags once, with help; reading them,
// suggesting the one that was meant, and `--help` follow from the declaration.
//
//   Arguments arguments("pprun", "executes a plan");
//   std::string plan; std::optional<std::string> trace; std::vector<std::string> settings;
//   arguments.Positional("PLAN", "a `.sched` or `.plan` file", &plan);
//   arguments.Flag("trace", "FILE", "write what ran when", &trace);
//   arguments.Flag("set", "NAME=VALUE", "override a setting; may be repeated", &settings);
//   const ArgumentsResult result = arguments.Parse(argc, argv);
//
// `--name=value` and `--name value` are the same; a flag of one letter has one dash; `--` ends the
// flags. A value is checked against its type, a flag that is not a list may occur once. Tests:
// arguments_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace pprun {

// Set by a flag without a value.
enum class Switch : uint8_t { kOff, kOn };

struct ArgumentsResult {
  enum class Kind : uint8_t { kParsed, kHelp, kWrong } kind = Kind::kParsed;
  std::string
      text;  // kHelp: what to print; kWrong: "unknown flag `--trase`; did you mean `--trace`?"
};

class Arguments {
 public:
  // Where a value goes. An optional stays empty, and the others keep their value, without the flag.
  using Target = std::variant<Switch*, std::string*, std::optional<std::string>*, int64_t*,
                              std::optional<int64_t>*, double*, std::vector<std::string>*>;

  Arguments(std::string program, std::string summary);

  // `name` without the dashes. `value` names the value in the help; empty for a Switch.
  void Flag(std::string name, std::string value, std::string help, Target target);
  // Positionals are filled in the order of their declaration; one that is a string is required, an
  // optional may be absent, a list takes all that are left.
  void Positional(std::string name, std::string help, Target target);

  ArgumentsResult Parse(int argc, const char* const* argv) const;
  std::string Help() const;

 private:
  struct Declared {
    std::string name;
    std::string value;
    std::string help;
    Target target;
  };

  const Declared* Find(std::string_view name) const;
  std::string Unknown(std::string_view name) const;

  std::string program_;
  std::string summary_;
  std::vector<Declared> flags_;
  std::vector<Declared> positionals_;
};

// The candidate nearest to `word`, if it is near enough to have been meant: at most a third of its
// letters inserted, deleted, replaced or swapped with a neighbour.
std::optional<std::string> NearestWord(std::string_view word,
                                       const std::vector<std::string>& candidates);

}  // namespace pprun
