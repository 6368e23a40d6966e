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
  Session(std::string_view text, ast::Location place)
      : places(text, place), input(std::string(text)), lexer(&input), tokens(&lexer) {
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
void Run(std::string_view text, ast::Location place, const Limits& limits, Diagnostics& diagnostics,
         ParseRule parse, const Build& build) {
  const int errors = diagnostics.errors();
  Session session(text, place);
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

bool CheckText(std::string_view text, ast::Location place, const Limits& limits,
               Diagnostics& diagnostics) {
  const auto bytes = [&](size_t begin, size_t end) {
    if (place.file == kCommandLine.file) return place;
    return ast::Location{place.file, static_cast<uint32_t>(begin), static_cast<uint32_t>(end)};
  };
  if (text.size() > limits.source_bytes) {
    diagnostics.Error(place, "this file has " + std::to_string(text.size()) +
                                 " bytes: the limit `source_bytes` is " +
                                 std::to_string(limits.source_bytes));
    return false;
  }
  if (const std::optional<size_t> invalid = FindInvalidUtf8(text)) {
    diagnostics.Error(bytes(*invalid, *invalid + 1), "this byte is not valid UTF-8");
    return false;
  }
  if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    diagnostics.Error(bytes(0, 3), "this file begins with a byte order mark: remove it");
    return false;
  }
  return true;
}

}  // namespace

bool ParseFile(std::string_view text, uint32_t file, const Limits& limits, ast::Program& program,
               Diagnostics& diagnostics) {
  const int errors = diagnostics.errors();
  if (!CheckText(text, {.file = file}, limits, diagnostics)) return false;
  Run(text, {.file = file}, limits, diagnostics, &grammar::SchedParser::file,
      [&](const TokenPlaces& places, grammar::SchedParser::FileContext& tree) {
        AstBuilder(places, program, diagnostics).Build(tree);
      });
  return diagnostics.errors() == errors;
}

std::optional<ast::ExpressionId> ParseValue(std::string_view text, const Limits& limits,
                                            ast::Program& program, Diagnostics& diagnostics,
                                            ast::Location place) {
  const int errors = diagnostics.errors();
  if (!CheckText(text, place, limits, diagnostics)) return std::nullopt;
  std::optional<ast::ExpressionId> value;
  Run(text, place, limits, diagnostics, &grammar::SchedParser::value,
      [&](const TokenPlaces& places, grammar::SchedParser::ValueContext& tree) {
        value = AstBuilder(places, program, diagnostics).Build(*tree.expression());
      });
  return diagnostics.errors() == errors ? value : std::nullopt;
}

}  // namespace pprun
