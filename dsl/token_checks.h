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
  TokenPlaces(std::string_view text, uint32_t file);
  ast::Location Of(const antlr4::Token& token) const;
  ast::Location Of(const antlr4::Token& first, const antlr4::Token& last) const;

 private:
  uint32_t Byte(size_t code_point) const;

  uint32_t file_ = 0;
  uint32_t size_ = 0;
  std::vector<uint32_t> bytes_;  // of each code point; empty where all are single bytes
};

// Stretches of tokens in which a mistake has been reported: what the parser says about them is
// a consequence.
class QuietRegions {
 public:
  // Tokens of the file, to find where the statement around a token ends.
  explicit QuietRegions(const std::vector<antlr4::Token*>& tokens);
  // From the token to the end of its statement or block.
  void Add(size_t token);
  bool Contains(size_t token) const;

 private:
  std::vector<size_t> statement_end_;  // of each token
  std::vector<bool> quiet_;
};

// Reports what is wrong and hides characters that are no token from the parser. False if the parser
// must not run.
bool CheckTokens(const std::vector<antlr4::Token*>& tokens, const TokenPlaces& places,
                 const Limits& limits, QuietRegions& quiet, Diagnostics& diagnostics);

}  // namespace pprun
