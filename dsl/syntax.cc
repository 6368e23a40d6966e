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

// Every mistake costs one more pass over the file; a large file shows its first mistakes only.
constexpr size_t kTokensParsed = 2'000'000;

// Calls `parse` until it gets through without an error that was not there before, hiding what was
// wrong from one pass to the next; then `build` on its tree if there was no error at all.
template <typename ParseRule, typename Build>
void Run(std::string_view text, uint32_t file, const Limits& limits, Diagnostics& diagnostics,
         ParseRule parse, const Build& build) {
  const int errors = diagnostics.errors();
  Session session(text, file);
  VisibleTokens tokens(session.tokens.getTokens());
  if (!CheckTokens(tokens, session.places, limits, diagnostics)) return;

  SyntaxErrors listener(session.places, tokens, diagnostics);
  grammar::SchedParser parser(&session.tokens);
  parser.removeErrorListeners();
  parser.addErrorListener(&listener);
  for (size_t parsed = 0; parsed <= kTokensParsed && listener.progress() && !diagnostics.Full();
       parsed += tokens.all().size()) {
    try {
      parser.reset();
      auto* tree = (parser.*parse)();
      if (diagnostics.errors() == errors) build(session.places, *tree);
      return;
    } catch (const antlr4::ParseCancellationException&) {
      // Reported by the listener; the next pass does not see it.
    }
  }
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
  const int errors = diagnostics.errors();
  if (!CheckText(text, file, limits, diagnostics)) return false;
  Run(text, file, limits, diagnostics, &grammar::SchedParser::file,
      [&](const TokenPlaces& places, grammar::SchedParser::FileContext& tree) {
        AstBuilder(places, program, diagnostics).Build(tree);
      });
  return diagnostics.errors() == errors;
}

std::optional<ast::ExpressionId> ParseValue(std::string_view text, const Limits& limits,
                                            ast::Program& program, Diagnostics& diagnostics) {
  const int errors = diagnostics.errors();
  if (!CheckText(text, kCommandLine.file, limits, diagnostics)) return std::nullopt;
  std::optional<ast::ExpressionId> value;
  Run(text, kCommandLine.file, limits, diagnostics, &grammar::SchedParser::value,
      [&](const TokenPlaces& places, grammar::SchedParser::ValueContext& tree) {
        value = AstBuilder(places, program, diagnostics).Build(*tree.expression());
      });
  return diagnostics.errors() == errors ? value : std::nullopt;
}

}  // namespace pprun
