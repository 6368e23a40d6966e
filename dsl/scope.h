// Names and their values, one scope inside another: the plan's axes and lets, a model's within
// them. A name sees the ones set before it. Tests: checker_test.cc.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dsl/evaluator.h"

namespace pprun {

// Of a mesh.
inline constexpr std::array<std::string_view, 4> kAxes = {"pp", "dp", "fsdp", "tp"};

// The axes and `microbatches` mean the same wherever a plan speaks of them. Reports a let, a
// parameter or a variable of such a name; false if it is another.
bool ReportIfFixed(const ast::Name& name, Diagnostics& diagnostics);

class Scope : public Environment {
 public:
  explicit Scope(Scope* outer = nullptr) : outer_(outer) {}

  // Reports a name that this scope already has. `from`: the names that the value was computed from.
  void Define(const ast::Name& name, Constant value, Diagnostics& diagnostics,
              std::vector<std::string> from = {});

  // Where a value was reported as wrong, the name stands for an error from here on, and so does
  // what it was computed from and what was computed from any of them: one mistake, one error.
  void Distrust(const std::string& name);

  std::optional<Constant> Lookup(std::string_view name) const override;
  std::vector<std::string> Names() const override;
  // Where the name was set; empty if it is unknown or built in.
  std::optional<ast::Location> PlaceOf(const std::string& name) const;

 private:
  struct Entry {
    Constant value;
    ast::Location location;
    std::vector<std::string> from;
    enum class Trust : uint8_t { kYes, kNo } trust = Trust::kYes;
  };

  Entry* Find(const std::string& name);
  // Distrusts what was computed from something distrusted, in the scopes around this one first.
  void Spread();

  Scope* outer_;
  std::unordered_map<std::string, Entry> entries_;
  std::vector<std::string> order_;
};

}  // namespace pprun
