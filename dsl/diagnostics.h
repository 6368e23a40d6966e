// What is wrong with a program and where: collected, never thrown, so that one run reports every
// mistake.
//
// Reporting stops at kMostDiagnostics: a file with more mistakes than that is not a plan. Wording:
// lower case, no full stop, code in `backticks`, what was found; then notes that help. One mistake
// gives one error. Printing is in source_files.h, which knows the text. Tests: diagnostics_test.cc
// and golden/errors/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "dsl/ast.h"

namespace pprun {

inline constexpr size_t kMostDiagnostics = 100;

// The place of what came from the command line (`--set`), in no file.
inline constexpr ast::Location kCommandLine{.file = UINT32_MAX};
// The place of one setting among them, counted from 0.
constexpr ast::Location SettingPlace(size_t index) {
  const auto number = static_cast<uint32_t>(index) + 1;
  return {.file = kCommandLine.file, .begin = number, .end = number};
}

struct DiagnosticNote {
  ast::Location location;
  std::string message;
};

struct Diagnostic {
  enum class Severity : uint8_t { kError, kWarning } severity = Severity::kError;
  ast::Location location;
  std::string message;
  std::vector<DiagnosticNote> notes;

  Diagnostic& Note(ast::Location where, std::string text);
};

class Diagnostics {
 public:
  // What the settings of the command line set: an error at a SettingPlace begins with its name.
  void NameSettings(std::vector<std::string> names) { settings_ = std::move(names); }

  // The returned reference takes notes; it is valid until the next call.
  Diagnostic& Error(ast::Location location, std::string message);
  Diagnostic& Warning(ast::Location location, std::string message);

  bool HasErrors() const { return errors_ > 0; }
  // No more are kept; work that only serves a message may be skipped.
  bool Full() const { return all_.size() >= kMostDiagnostics; }
  int errors() const { return errors_; }
  const std::vector<Diagnostic>& all() const { return all_; }

 private:
  Diagnostic& Add(Diagnostic diagnostic);

  std::vector<std::string> settings_;
  std::vector<Diagnostic> all_;
  Diagnostic dropped_;
  int errors_ = 0;
};

// The candidate nearest to `name` by edit distance, if near enough to be meant; empty otherwise.
std::string DidYouMean(const std::string& name, const std::vector<std::string>& candidates);

}  // namespace pprun
