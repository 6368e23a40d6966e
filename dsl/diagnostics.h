// What is wrong with a program and where: collected, never thrown, so that one run reports every
// mistake.
//
// Wording: lower case, no full stop, code in `backticks`, what was found; then notes that help. One
// mistake gives one error. Printing is in source_files.h, which knows the text. Tests:
// diagnostics_test.cc and golden/errors/.
#pragma once

#include <string>
#include <vector>

#include "dsl/ast.h"

namespace pprun {

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
  // The returned reference takes notes; it is valid until the next call.
  Diagnostic& Error(ast::Location location, std::string message);
  Diagnostic& Warning(ast::Location location, std::string message);

  bool HasErrors() const { return errors_ > 0; }
  const std::vector<Diagnostic>& all() const { return all_; }

 private:
  std::vector<Diagnostic> all_;
  int errors_ = 0;
};

// The candidate nearest to `name` by edit distance, if near enough to be meant; empty otherwise.
std::string DidYouMean(const std::string& name, const std::vector<std::string>& candidates);

}  // namespace pprun
