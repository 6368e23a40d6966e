// Names and their values. Tests: checker_test.cc.
#include "dsl/scope.h"

#include <algorithm>
#include <utility>

namespace pprun {

bool ReportIfFixed(const ast::Name& name, Diagnostics& diagnostics) {
  const bool axis = std::ranges::find(kAxes, name.text) != kAxes.end();
  if (!axis && name.text != "microbatches") return false;
  diagnostics
      .Error(name.location,
             "`" + name.text + "` " +
                 (axis ? "is an axis of the mesh" : "is how many microbatches a step has") +
                 ", and nothing else can be called so")
      .Note(name.location, axis ? "set it in `mesh { " + name.text + " = 4; }`, or with `--set`"
                                : "set it in `train { microbatches = 8; }`, or with `--set`");
  return true;
}

void Scope::Define(const ast::Name& name, Constant value, Diagnostics& diagnostics,
                   std::vector<std::string> from) {
  const auto [entry, added] =
      entries_.try_emplace(name.text, Entry{std::move(value), name.location, std::move(from)});
  if (!added) {
    diagnostics.Error(name.location, "`" + name.text + "` is set twice")
        .Note(entry->second.location, "it is first set here");
    return;
  }
  order_.push_back(name.text);
}

Scope::Entry* Scope::Find(const std::string& name) {
  const auto entry = entries_.find(name);
  if (entry != entries_.end()) return &entry->second;
  return outer_ == nullptr ? nullptr : outer_->Find(name);
}

void Scope::Distrust(const std::string& name) {
  std::vector<std::string> wrong = {name};
  bool changed = false;
  while (!wrong.empty()) {
    // A name that nobody sets is misspelt: each place is a mistake of its own.
    Entry* entry = Find(wrong.back());
    wrong.pop_back();
    if (entry == nullptr || entry->trust == Entry::Trust::kNo) continue;
    entry->trust = Entry::Trust::kNo;
    changed = true;
    wrong.insert(wrong.end(), entry->from.begin(), entry->from.end());
  }
  if (changed) Spread();
}

void Scope::Spread() {
  if (outer_ != nullptr) outer_->Spread();
  // A value was computed from what was set before it.
  for (const std::string& name : order_) {
    Entry& entry = entries_.at(name);
    for (const std::string& from : entry.from) {
      const Entry* source = Find(from);
      if (source != nullptr && source->trust == Entry::Trust::kNo) {
        entry.trust = Entry::Trust::kNo;
      }
    }
  }
}

std::optional<Constant> Scope::Lookup(std::string_view name) const {
  const auto entry = entries_.find(std::string(name));
  if (entry != entries_.end()) {
    return entry->second.trust == Entry::Trust::kYes ? entry->second.value : Constant{};
  }
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
