// Names and their values, one scope inside another: the plan's axes and lets, a model's within
// them. A name sees the ones set before it. Tests: checker_test.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dsl/evaluator.h"

namespace pprun {

class Scope : public Environment {
 public:
  explicit Scope(const Scope* outer = nullptr) : outer_(outer) {}

  // Reports a name that this scope already has.
  void Define(const ast::Name& name, Constant value, Diagnostics& diagnostics);

  // Where a value was reported as wrong, the name stands for an error from here on, so that what
  // else depends on it is not reported too.
  void Distrust(const std::string& name);

  std::optional<Constant> Lookup(std::string_view name) const override;
  std::vector<std::string> Names() const override;
  // Where the name was set; empty if it is unknown or built in.
  std::optional<ast::Location> PlaceOf(const std::string& name) const;

 private:
  struct Entry {
    Constant value;
    ast::Location location;
  };

  const Scope* outer_;
  std::unordered_map<std::string, Entry> entries_;
  std::unordered_set<std::string> distrusted_;
  std::vector<std::string> order_;
};

}  // namespace pprun
