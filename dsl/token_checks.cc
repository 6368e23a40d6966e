// Checks on bytes and tokens before the parser runs. Tests: parser_test.cc.
#include "dsl/token_checks.h"

#include <string>
#include <utility>

#include "SchedParser.h"

namespace pprun {
namespace {

using grammar::SchedParser;

// Length of the well-formed sequence at text[at], 0 if there is none (RFC 3629, table of section
// 4).
size_t SequenceLength(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) {
    return at + i < text.size() ? static_cast<uint8_t>(text[at + i]) : uint8_t{0};
  };
  const auto continues = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const bool overlong = lead == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = lead == 0xED && byte(1) > 0x9F;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const bool overlong = lead == 0xF0 && byte(1) < 0x90;
    const bool beyond = lead == 0xF4 && byte(1) > 0x8F;
    return continues(1) && continues(2) && continues(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

bool IsOperator(size_t type) {
  return (type >= SchedParser::PLUS && type <= SchedParser::NOT_EQUAL) ||
         type == SchedParser::NOT || type == SchedParser::AND || type == SchedParser::OR ||
         type == SchedParser::IF;
}

// How deep the parser would recurse at each token: open brackets, and the operators and `else`s
// since the last separator beside each of them.
class NestingDepth {
 public:
  void Next(size_t type, size_t following) {
    if (IsOperator(type)) {
      ++levels_.back().operators, ++depth_;
    } else if (type == SchedParser::ELSE) {
      ++levels_.back().elses, ++depth_;
    } else if (type == SchedParser::OPEN_BRACE) {
      ForgetOperators();
      Open(Bracket::kBrace);
    } else if (type == SchedParser::OPEN_PARENTHESIS || type == SchedParser::OPEN_BRACKET) {
      Open(Bracket::kOther);
    } else if (type == SchedParser::CLOSE_PARENTHESIS || type == SchedParser::CLOSE_BRACKET) {
      if (levels_.back().bracket == Bracket::kOther) Close();
    } else if (type == SchedParser::CLOSE_BRACE) {
      CloseUnfinished();
      if (levels_.back().bracket == Bracket::kBrace) Close();
      if (following != SchedParser::ELSE) Forget();
    } else if (type == SchedParser::SEMICOLON) {
      CloseUnfinished();
      Forget();
    } else if (type == SchedParser::COMMA) {
      Forget();
    }
  }
  int depth() const { return depth_; }

 private:
  enum class Bracket : uint8_t { kFile, kBrace, kOther };
  struct Level {
    Bracket bracket = Bracket::kFile;
    int operators = 0;
    int elses = 0;
  };

  void Open(Bracket bracket) {
    levels_.push_back({.bracket = bracket});
    ++depth_;
  }
  void Close() {
    Forget();
    levels_.pop_back();
    --depth_;
  }
  // Parentheses that the end of a statement leaves open.
  void CloseUnfinished() {
    while (levels_.back().bracket == Bracket::kOther) Close();
  }
  void ForgetOperators() {
    depth_ -= levels_.back().operators;
    levels_.back().operators = 0;
  }
  void Forget() {
    ForgetOperators();
    depth_ -= levels_.back().elses;
    levels_.back().elses = 0;
  }

  std::vector<Level> levels_{Level{}};
  int depth_ = 0;
};

bool CheckNesting(const std::vector<antlr4::Token*>& tokens, const TokenPlaces& places,
                  const Limits& limits, Diagnostics& diagnostics) {
  NestingDepth nesting;
  for (size_t i = 0; i < tokens.size(); ++i) {
    nesting.Next(tokens[i]->getType(), i + 1 < tokens.size() ? tokens[i + 1]->getType() : 0);
    if (nesting.depth() > limits.nesting) {
      diagnostics.Error(places.Of(*tokens[i]),
                        "brackets and operators nest too deeply here: the limit `nesting` is " +
                            std::to_string(limits.nesting));
      return false;
    }
  }
  return true;
}

bool CheckBraces(const std::vector<antlr4::Token*>& tokens, const TokenPlaces& places,
                 Diagnostics& diagnostics) {
  std::vector<const antlr4::Token*> open;
  for (const antlr4::Token* token : tokens) {
    if (token->getType() == SchedParser::OPEN_BRACE) open.push_back(token);
    if (token->getType() != SchedParser::CLOSE_BRACE) continue;
    if (open.empty()) {
      diagnostics.Error(places.Of(*token), "this `}` closes nothing");
      return false;
    }
    open.pop_back();
  }
  if (open.empty()) return true;
  diagnostics.Error(places.Of(*open.back()), "this `{` is never closed");
  return false;
}

}  // namespace

std::optional<size_t> FindInvalidUtf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t length = SequenceLength(text, at);
    if (length == 0) return at;
    at += length;
  }
  return std::nullopt;
}

TokenPlaces::TokenPlaces(std::string_view text, ast::Location place)
    : place_(place), size_(static_cast<uint32_t>(text.size())) {
  bool ascii = true;
  for (char c : text) ascii = ascii && static_cast<uint8_t>(c) < 0x80;
  if (ascii) return;
  for (size_t at = 0; at < text.size(); ++at) {
    if ((static_cast<uint8_t>(text[at]) & 0xC0) != 0x80) {
      bytes_.push_back(static_cast<uint32_t>(at));
    }
  }
}

uint32_t TokenPlaces::Byte(size_t code_point) const {
  if (bytes_.empty()) return code_point < size_ ? static_cast<uint32_t>(code_point) : size_;
  return code_point < bytes_.size() ? bytes_[code_point] : size_;
}

ast::Location TokenPlaces::Of(const antlr4::Token& token) const { return Of(token, token); }

ast::Location TokenPlaces::Of(const antlr4::Token& first, const antlr4::Token& last) const {
  if (place_.file == kCommandLine.file) return place_;
  ast::Location location{.file = place_.file, .begin = Byte(first.getStartIndex())};
  location.end = last.getType() == antlr4::Token::EOF ? size_ : Byte(last.getStopIndex() + 1);
  return location;
}

VisibleTokens::VisibleTokens(std::vector<antlr4::Token*> tokens)
    : tokens_(std::move(tokens)), begin_(tokens_.size()), end_(tokens_.size()) {
  // Walking on: where the statement at each level of braces began.
  std::vector<size_t> begins{0};
  for (size_t i = 0; i < tokens_.size(); ++i) {
    const size_t type = tokens_[i]->getType();
    if (type == SchedParser::CLOSE_BRACE && begins.size() > 1) begins.pop_back();
    begin_[i] = begins.back();
    if (type == SchedParser::OPEN_BRACE) begins.push_back(i + 1);
    if (type == SchedParser::SEMICOLON || EndsStatement(i)) begins.back() = i + 1;
  }
  // Walking back: where it ends.
  std::vector<size_t> ends{tokens_.empty() ? 0 : tokens_.size() - 1};
  for (size_t i = tokens_.size(); i-- > 0;) {
    const size_t type = tokens_[i]->getType();
    if (type == SchedParser::OPEN_BRACE && ends.size() > 1) ends.pop_back();
    if (type == SchedParser::SEMICOLON || EndsStatement(i)) ends.back() = i;
    end_[i] = ends.back();
    // The last statement inside, if it has no end of its own, stops before the brace.
    if (type == SchedParser::CLOSE_BRACE) ends.push_back(i - 1);
  }
}

bool VisibleTokens::EndsStatement(size_t token) const {
  if (tokens_[token]->getType() != SchedParser::CLOSE_BRACE) return false;
  return token + 1 == tokens_.size() || tokens_[token + 1]->getType() != SchedParser::ELSE;
}

int VisibleTokens::HideStatement(size_t token) {
  // A closing brace where more was expected: the mistake is before it, in the block that it closes.
  const bool closes = tokens_[token]->getType() == SchedParser::CLOSE_BRACE;
  if (closes && !FollowsHidden(token) && token > 0) --token;
  int hidden = 0;
  for (size_t i = begin_[token]; i <= end_[token]; ++i) {
    // The end of the file stays: the parser stops there.
    if (tokens_[i]->getType() == antlr4::Token::EOF || IsHidden(i)) continue;
    dynamic_cast<antlr4::WritableToken&>(*tokens_[i]).setChannel(antlr4::Token::HIDDEN_CHANNEL);
    ++hidden;
  }
  return hidden;
}

bool VisibleTokens::IsHidden(size_t token) const {
  return tokens_[token]->getChannel() != antlr4::Token::DEFAULT_CHANNEL;
}

bool VisibleTokens::FollowsHidden(size_t token) const { return token > 0 && IsHidden(token - 1); }

bool CheckTokens(VisibleTokens& tokens, const TokenPlaces& places, const Limits& limits,
                 Diagnostics& diagnostics) {
  const std::vector<antlr4::Token*>& all = tokens.all();
  if (!CheckBraces(all, places, diagnostics) || !CheckNesting(all, places, limits, diagnostics)) {
    return false;
  }
  for (size_t i = 0; i < all.size(); ++i) {
    const size_t type = all[i]->getType();
    if (tokens.IsHidden(i)) continue;
    if (type == SchedParser::UNTERMINATED) {
      diagnostics.Error(places.Of(*all[i]), "this string has no closing `\"` on its line");
      tokens.HideStatement(i);
    } else if (type == SchedParser::UNKNOWN) {
      diagnostics.Error(places.Of(*all[i]), "this character is not part of the language");
      tokens.HideStatement(i);
    }
  }
  return true;
}

}  // namespace pprun
