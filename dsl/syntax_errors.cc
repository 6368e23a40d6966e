// Words the parser's errors. Tests: parser_test.cc and golden/errors/.
#include "dsl/syntax_errors.h"

#include <vector>

#include "SchedParser.h"

namespace pprun {
namespace {

using grammar::SchedParser;

// Longer texts are cut: the place shows them.
std::string Quoted(const antlr4::Token& token) {
  std::string text = token.getText();
  if (text.size() > 40) text = text.substr(0, 37) + "...";
  return "`" + text + "`";
}

std::string Literal(antlr4::Parser& parser, size_t type) {
  const std::string& quoted = parser.getVocabulary().getLiteralName(type);  // `'let'`
  return quoted.size() > 2 ? quoted.substr(1, quoted.size() - 2) : "";
}

bool IsBinaryOperator(size_t type) {
  return (type >= SchedParser::PLUS && type <= SchedParser::NOT_EQUAL) ||
         type == SchedParser::AND || type == SchedParser::OR;
}

// Words that are names wherever a name is expected (rule `name`).
bool IsSoftKeyword(size_t type) {
  switch (type) {
    case SchedParser::OVERLAP:
    case SchedParser::RECOMPUTE:
    case SchedParser::ORDER:
    case SchedParser::ON:
    case SchedParser::RANK:
    case SchedParser::LAYER:
    case SchedParser::MODEL:
    case SchedParser::SPLIT:
    case SchedParser::CHUNK:
    case SchedParser::STAGE:
    case SchedParser::OF:
    case SchedParser::PIPE:
    case SchedParser::TRANSFERS:
    case SchedParser::LIMIT:
    case SchedParser::PREFER:
    case SchedParser::SEARCH:
      return true;
    default:
      return false;
  }
}

bool BeginsExpressionOnly(size_t type) {
  switch (type) {
    case SchedParser::OPEN_PARENTHESIS:
    case SchedParser::MINUS:
    case SchedParser::INTEGER:
    case SchedParser::FLOAT:
    case SchedParser::TRUE:
    case SchedParser::FALSE:
    case SchedParser::NOT:
    case SchedParser::IF:
    case SchedParser::STRING:
      return true;
    default:
      return false;
  }
}

struct Expectation {
  std::vector<std::string> items;     // "an expression", "`;`"
  std::vector<std::string> keywords;  // for "did you mean"
  bool semicolon = false;
  bool only_semicolon = false;
};

Expectation Expected(antlr4::Parser& parser) {
  const auto set = parser.getExpectedTokens();
  Expectation expected;
  const bool expression = set.contains(static_cast<size_t>(SchedParser::FLOAT));
  const bool name = set.contains(static_cast<size_t>(SchedParser::NAME));
  if (expression) {
    expected.items.push_back("an expression");
  } else if (name) {
    expected.items.push_back("a name");
  }
  for (const auto type : set.toList()) {
    const auto kind = static_cast<size_t>(type);
    if (kind == SchedParser::NAME || (name && IsSoftKeyword(kind))) continue;
    if (expression && BeginsExpressionOnly(kind)) continue;
    if (!expression && IsBinaryOperator(kind)) continue;
    if (kind == SchedParser::STRING) {
      expected.items.push_back("a string");
    } else if (kind == SchedParser::UNIT) {
      continue;
    } else if (const std::string literal = Literal(parser, kind); !literal.empty()) {
      expected.items.push_back("`" + literal + "`");
      if (literal.front() >= 'a' && literal.front() <= 'z') expected.keywords.push_back(literal);
    } else if (type == static_cast<ssize_t>(antlr4::Token::EOF)) {
      expected.items.push_back("the end");
    }
  }
  expected.semicolon = set.contains(static_cast<size_t>(SchedParser::SEMICOLON));
  expected.only_semicolon = expected.semicolon && expected.items.size() == 1;
  return expected;
}

std::string Join(const std::vector<std::string>& items) {
  std::string text;
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) text += i + 1 == items.size() ? " or " : ", ";
    text += items[i];
  }
  return text;
}

// What stands where; beyond a handful of tokens a word for the construct says more than a list.
std::string Describe(const Expectation& expected, antlr4::Parser& parser) {
  constexpr size_t kHandful = 4;
  const antlr4::ParserRuleContext* context = parser.getContext();
  const size_t rule = context == nullptr ? size_t{SchedParser::RuleFile} : context->getRuleIndex();
  if (rule == SchedParser::RuleFile || rule == SchedParser::RuleItem) {
    return "a declaration (`mesh`, `model`, `stages`, `train`, `schedule`, ...)";
  }
  if (rule == SchedParser::RuleBlock || rule == SchedParser::RuleStatement) {
    return "a statement or `}`";
  }
  if (expected.items.empty() || expected.items.size() > kHandful) return "";
  return Join(expected.items);
}

// The last token that the parser sees before this one.
const antlr4::Token* Before(antlr4::Parser& parser, const antlr4::Token& token) {
  antlr4::TokenStream& tokens = *parser.getTokenStream();
  for (size_t i = token.getTokenIndex(); i-- > 0;) {
    if (tokens.get(i)->getChannel() == antlr4::Token::DEFAULT_CHANNEL) return tokens.get(i);
  }
  return nullptr;
}

// Where a name that begins with a digit would stand, as `1f1b`, which is a number and a name to the
// lexer: all of it; else nothing.
std::string NameFromDigit(antlr4::Parser& parser, const antlr4::Token& token) {
  if (token.getType() != SchedParser::INTEGER) return "";
  const antlr4::Token& next = *parser.getTokenStream()->get(token.getTokenIndex() + 1);
  if (next.getType() != SchedParser::NAME || next.getStartIndex() != token.getStopIndex() + 1) {
    return "";
  }
  return token.getText() + next.getText();
}

// What other languages have, and this one has not, where a call would stand: it is said at its
// first word, with what to write for it.
struct Foreign {
  const antlr4::Token* token = nullptr;  // null: nothing of the kind
  std::string message;
  std::string note;
};

Foreign ForeignStatement(antlr4::Parser& parser, const antlr4::Token& offending) {
  antlr4::ParserRuleContext* context = parser.getContext();
  while (context != nullptr && context->getRuleIndex() != SchedParser::RuleCallStatement) {
    context = dynamic_cast<antlr4::ParserRuleContext*>(context->parent);
  }
  if (context == nullptr || context->getStart() == nullptr) return {};
  const antlr4::Token& first = *context->getStart();
  if (first.getText() == "while") {
    return {&first, "there is no `while`: a schedule always ends",
            "`for i in a .. b { }` and `repeat n { }` are the loops"};
  }
  if (offending.getType() == SchedParser::ASSIGN &&
      offending.getTokenIndex() > first.getTokenIndex() && Before(parser, offending) == &first) {
    return {&first, "there is no assignment: " + Quoted(first) + " keeps the value it was given",
            "compute it from the variable of the loop, or give it to a function: `fn f(n) { }`"};
  }
  return {};
}

}  // namespace

void SyntaxErrors::syntaxError(antlr4::Recognizer* recognizer, antlr4::Token* offending, size_t,
                               size_t, const std::string&, std::exception_ptr) {
  const size_t index = offending->getTokenIndex();
  // What is missing before a hidden statement's successor is missing because it was hidden.
  if (!tokens_.FollowsHidden(index)) {
    Report(dynamic_cast<antlr4::Parser&>(*recognizer), *offending);
  }
  progress_ = tokens_.HideStatement(index) > 0;
  throw antlr4::ParseCancellationException();
}

void SyntaxErrors::Report(antlr4::Parser& parser, const antlr4::Token& offending) {
  if (const Foreign foreign = ForeignStatement(parser, offending); foreign.token != nullptr) {
    const ast::Location place = places_.Of(*foreign.token);
    diagnostics_.Error(place, foreign.message).Note(place, foreign.note);
    return;
  }
  const Expectation expected = Expected(parser);
  const antlr4::Token* before = Before(parser, offending);
  const bool ends_here = before != nullptr && (offending.getType() == SchedParser::CLOSE_BRACE ||
                                               offending.getLine() > before->getLine());
  if (before != nullptr && (expected.only_semicolon || (expected.semicolon && ends_here))) {
    // The mistake is where the statement should have ended, not where the next one begins.
    ast::Location after = places_.Of(*before);
    after.begin = after.end;
    diagnostics_.Error(after, "expected `;` after " + Quoted(*before));
    return;
  }

  const bool at_end = offending.getType() == antlr4::Token::EOF;
  const std::string found = at_end ? "the end" : Quoted(offending);
  const std::string wanted = Describe(expected, parser);
  const std::string message =
      wanted.empty() ? found + " does not fit here" : "expected " + wanted + ", found " + found;
  Diagnostic& diagnostic = diagnostics_.Error(places_.Of(offending), message);
  const bool name_wanted =
      parser.getExpectedTokens().contains(static_cast<size_t>(SchedParser::NAME));
  if (const std::string name = NameFromDigit(parser, offending); name_wanted && !name.empty()) {
    diagnostic.Note(diagnostic.location,
                    "a name begins with a letter, which `" + name + "` does not");
  }
  if (before != nullptr && before->getType() == SchedParser::STAGES) {
    diagnostic.Note(
        diagnostic.location,
        "there are `pp` times as many stages as a rank has chunks; say how the model is "
        "split: `stages balance(flops);`");
  }
  if (offending.getType() != SchedParser::NAME) return;
  const std::string meant = DidYouMean(offending.getText(), expected.keywords);
  if (!meant.empty()) diagnostic.Note(diagnostic.location, "did you mean `" + meant + "`?");
}

}  // namespace pprun
