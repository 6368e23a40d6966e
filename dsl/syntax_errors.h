// Words the parser's errors: what was expected, what was found, one error for one mistake. Tests:
// parser_test.cc and golden/errors/.
#pragma once

#include <antlr4-runtime.h>

#include <string>

#include "dsl/diagnostics.h"
#include "dsl/token_checks.h"

namespace pprun {

class SyntaxErrors : public antlr4::BaseErrorListener {
 public:
  SyntaxErrors(const TokenPlaces& places, QuietRegions& quiet, Diagnostics& diagnostics)
      : places_(places), quiet_(quiet), diagnostics_(diagnostics) {}

  void syntaxError(antlr4::Recognizer* recognizer, antlr4::Token* offending, size_t line,
                   size_t column, const std::string& message, std::exception_ptr error) override;

 private:
  const TokenPlaces& places_;
  QuietRegions& quiet_;
  Diagnostics& diagnostics_;
};

}  // namespace pprun
