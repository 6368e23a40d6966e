// What is checked before the parser runs, on bytes and tokens, because the parser would crash on it
// (malformed UTF-8, deep nesting) or answer one mistake with many errors (braces that do not match,
// characters that are no token).
//
// Holds after CheckTokens returned true: nesting is within the limit and braces match. Tests:
// parser_test.cc.
#pragma once

#include <antlr4-runtime.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "dsl/ast.h"
#include "dsl/diagnostics.h"
#include "dsl/frontend.h"

namespace pprun {

// Offset of the first byte that is not part of well-formed UTF-8; empty if all is well.
std::optional<size_t> FindInvalidUtf8(std::string_view text);

// Where tokens are, in bytes; ANTLR counts code points.
class TokenPlaces {
 public:
  TokenPlaces(std::string_view text, ast::Location place);
  ast::Location Of(const antlr4::Token& token) const;
  ast::Location Of(const antlr4::Token& first, const antlr4::Token& last) const;

 private:
  uint32_t Byte(size_t code_point) const;

  ast::Location place_;
  uint32_t size_ = 0;
  std::vector<uint32_t> bytes_;  // of each code point; empty where all are single bytes
};

// Which tokens the parser sees. A statement in which a mistake was found is hidden, so that the
// parser meets the rest of the file as if that statement had not been written: one mistake, one
// error.
class VisibleTokens {
 public:
  explicit VisibleTokens(std::vector<antlr4::Token*> tokens);

  // Hides the statement around a token: from its first word to its `;` or `}`. Returns how many
  // tokens were visible.
  int HideStatement(size_t token);
  bool IsHidden(size_t token) const;
  // The token follows a hidden statement directly, so that what is missing before it was hidden.
  bool FollowsHidden(size_t token) const;

  const std::vector<antlr4::Token*>& all() const { return tokens_; }

 private:
  // `}`, unless an `else` goes on.
  bool EndsStatement(size_t token) const;

  std::vector<antlr4::Token*> tokens_;
  std::vector<size_t> begin_;  // of the statement that each token is in
  std::vector<size_t> end_;    // its last token
};

// Reports what is wrong and hides it from the parser. False if the parser must not run.
bool CheckTokens(VisibleTokens& tokens, const TokenPlaces& places, const Limits& limits,
                 Diagnostics& diagnostics);

}  // namespace pprun
