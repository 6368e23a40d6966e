// Names and their values. Tests: checker_test.cc.
#include "dsl/scope.h"

#include <utility>

namespace pprun {

void Scope::Define(const ast::Name& name, Constant value, Diagnostics& diagnostics) {
  const auto [entry, added] =
      entries_.try_emplace(name.text, Entry{std::move(value), name.location});
  if (!added) {
    diagnostics.Error(name.location, "`" + name.text + "` is set twice")
        .Note(entry->second.location, "it is first set here");
    return;
  }
  order_.push_back(name.text);
}

void Scope::Distrust(const std::string& name) {
  // A name that nobody sets is misspelt: each place is a mistake of its own.
  if (PlaceOf(name).has_value()) distrusted_.insert(name);
}

std::optional<Constant> Scope::Lookup(std::string_view name) const {
  if (distrusted_.count(std::string(name)) > 0) return Constant{};
  const auto entry = entries_.find(std::string(name));
  if (entry != entries_.end()) return entry->second.value;
  return outer_ == nullptr ? std::nullopt : outer_->Lookup(name);
}

std::vector<std::string> Scope::Names() const {
  std::vector<std::string> names = order_;
  if (outer_ == nullptr) return names;
  const std::vector<std::string> outer = outer_->Names();
  names.insert(names.end(), outer.begin(), outer.end());
  return names;
}

std::optional<ast::Location> Scope::PlaceOf(const std::string& name) const {
  const auto entry = entries_.find(name);
  if (entry != entries_.end()) return entry->second.location;
  return outer_ == nullptr ? std::nullopt : outer_->PlaceOf(name);
}

}  // namespace pprun
