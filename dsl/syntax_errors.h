// Words the parser's errors: what was expected, what was found, one error for one mistake. Tests:
// parser_test.cc and golden/errors/.
#pragma once

#include <antlr4-runtime.h>

#include <string>

#include "dsl/diagnostics.h"
#include "dsl/token_checks.h"

namespace pprun {

// Reports the first error and leaves the parser by ParseCancellationException, so that whoever
// called it may hide the mistake and start again.
class SyntaxErrors : public antlr4::BaseErrorListener {
 public:
  SyntaxErrors(const TokenPlaces& places, VisibleTokens& tokens, Diagnostics& diagnostics)
      : places_(places), tokens_(tokens), diagnostics_(diagnostics) {}

  void syntaxError(antlr4::Recognizer* recognizer, antlr4::Token* offending, size_t line,
                   size_t column, const std::string& message, std::exception_ptr error) override;

  // The next pass will see less than the last one.
  bool progress() const { return progress_; }

 private:
  void Report(antlr4::Parser& parser, const antlr4::Token& offending);

  const TokenPlaces& places_;
  VisibleTokens& tokens_;
  Diagnostics& diagnostics_;
  bool progress_ = true;
};

}  // namespace pprun
