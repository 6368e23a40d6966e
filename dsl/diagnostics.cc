// Collects diagnostics and finds the name that was meant. Tests: diagnostics_test.cc.
#include "dsl/diagnostics.h"

#include <algorithm>
#include <utility>

namespace pprun {
namespace {

// Beyond these a suggestion would cost more than it helps.
constexpr size_t kLongestName = 64;
constexpr size_t kMostCandidates = 1000;

// Levenshtein distance, with the exchange of two neighbours counted once.
size_t EditDistance(const std::string& a, const std::string& b) {
  const size_t columns = b.size() + 1;
  std::vector<size_t> before_last(columns), last(columns), current(columns);
  for (size_t j = 0; j < columns; ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (size_t j = 1; j < columns; ++j) {
      const size_t substitution = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({last[j] + 1, current[j - 1] + 1, substitution});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        current[j] = std::min(current[j], before_last[j - 2] + 1);
      }
    }
    std::swap(before_last, last);
    std::swap(last, current);
  }
  return last[b.size()];
}

}  // namespace

Diagnostic& Diagnostic::Note(ast::Location where, std::string text) {
  notes.push_back({where, std::move(text)});
  return *this;
}

Diagnostic& Diagnostics::Error(ast::Location location, std::string message) {
  ++errors_;
  return Add({Diagnostic::Severity::kError, location, std::move(message), {}});
}

Diagnostic& Diagnostics::Warning(ast::Location location, std::string message) {
  return Add({Diagnostic::Severity::kWarning, location, std::move(message), {}});
}

Diagnostic& Diagnostics::Add(Diagnostic diagnostic) {
  const ast::Location& place = diagnostic.location;
  if (place.file == kCommandLine.file && place.begin > 0 && place.begin <= settings_.size()) {
    diagnostic.message.insert(0, "`--set " + settings_[place.begin - 1] + "`: ");
  }
  if (Full()) {
    dropped_ = std::move(diagnostic);
    return dropped_;
  }
  all_.push_back(std::move(diagnostic));
  return all_.back();
}

std::string DidYouMean(const std::string& name, const std::vector<std::string>& candidates) {
  if (name.empty() || name.size() > kLongestName) return "";
  const size_t near_enough = std::max<size_t>(1, name.size() / 3);
  size_t best = near_enough + 1;
  std::string found;
  const size_t count = std::min(candidates.size(), kMostCandidates);
  for (size_t i = 0; i < count; ++i) {
    const std::string& candidate = candidates[i];
    if (candidate == name || candidate.size() > kLongestName) continue;
    const size_t distance = EditDistance(name, candidate);
    // Replacing every letter is no likeness.
    if (distance < best && distance < std::max(name.size(), candidate.size())) {
      best = distance;
      found = candidate;
    }
  }
  return found;
}

}  // namespace pprun
