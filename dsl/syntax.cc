// Runs the lexer, the checks on its tokens, and the parser; then builds the tree. Tests:
// parser_test.cc.
#include "dsl/syntax.h"

#include <antlr4-runtime.h>

#include <string>

#include "SchedLexer.h"
#include "SchedParser.h"
#include "dsl/build_ast.h"
#include "dsl/syntax_errors.h"
#include "dsl/token_checks.h"

namespace pprun {
namespace {

// ANTLR's reader drops a byte order mark, which would move every place by one.
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// The machinery for one text, and what it must outlive.
struct Session {
  Session(std::string_view text, uint32_t file)
      : places(text, file), input(std::string(text)), lexer(&input), tokens(&lexer) {
    lexer.removeErrorListeners();
    tokens.fill();
  }

  TokenPlaces places;
  antlr4::ANTLRInputStream input;
  grammar::SchedLexer lexer;
  antlr4::CommonTokenStream tokens;
};

// Checks the tokens and, if the parser may run, hands it on.
template <typename Visit>
void Run(std::string_view text, uint32_t file, const Limits& limits, Diagnostics& diagnostics,
         const Visit& visit) {
  Session session(text, file);
  const std::vector<antlr4::Token*> tokens = session.tokens.getTokens();
  QuietRegions quiet(tokens);
  if (!CheckTokens(tokens, session.places, limits, quiet, diagnostics)) return;

  grammar::SchedParser parser(&session.tokens);
  SyntaxErrors listener(session.places, quiet, diagnostics);
  parser.removeErrorListeners();
  parser.addErrorListener(&listener);
  visit(parser, session.places);
}

bool CheckText(std::string_view text, uint32_t file, const Limits& limits,
               Diagnostics& diagnostics) {
  if (text.size() > limits.source_bytes) {
    diagnostics.Error({.file = file}, "this file has " + std::to_string(text.size()) +
                                          " bytes: the limit `source_bytes` is " +
                                          std::to_string(limits.source_bytes));
    return false;
  }
  if (const std::optional<size_t> invalid = FindInvalidUtf8(text)) {
    const auto at = static_cast<uint32_t>(*invalid);
    diagnostics.Error({file, at, at + 1}, "this byte is not valid UTF-8");
    return false;
  }
  if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    diagnostics.Error({file, 0, 3}, "this file begins with a byte order mark: remove it");
    return false;
  }
  return true;
}

}  // namespace

bool ParseFile(std::string_view text, uint32_t file, const Limits& limits, ast::Program& program,
               Diagnostics& diagnostics) {
  if (!CheckText(text, file, limits, diagnostics)) return false;
  const int errors = diagnostics.errors();
  Run(text, file, limits, diagnostics,
      [&](grammar::SchedParser& parser, const TokenPlaces& places) {
        auto* tree = parser.file();
        if (diagnostics.errors() == errors) AstBuilder(places, program, diagnostics).Build(*tree);
      });
  return diagnostics.errors() == errors;
}

std::optional<ast::ExpressionId> ParseValue(std::string_view text, const Limits& limits,
                                            ast::Program& program, Diagnostics& diagnostics) {
  if (!CheckText(text, kCommandLine.file, limits, diagnostics)) return std::nullopt;
  const int errors = diagnostics.errors();
  std::optional<ast::ExpressionId> value;
  Run(text, kCommandLine.file, limits, diagnostics,
      [&](grammar::SchedParser& parser, const TokenPlaces& places) {
        auto* tree = parser.value();
        if (diagnostics.errors() > errors) return;
        value = AstBuilder(places, program, diagnostics).Build(*tree->expression());
      });
  if (diagnostics.errors() > errors) return std::nullopt;
  return value;
}

}  // namespace pprun
