// Pieces of the tree as text, shared by --emit=ast, --emit=checked and messages. Tests:
// ast_text_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/ast.h"

namespace pprun {

std::string ToText(const ast::Program& program, ast::ExpressionId expression);
// Without the parentheses around them.
std::string ArgumentsText(const ast::Program& program, const std::vector<ast::Argument>& arguments);
std::string ScheduleText(const ast::Program& program, const ast::ScheduleDefinition& schedule);

// "25 MiB": the largest unit that divides the bytes.
std::string SizeText(int64_t bytes);
// The shortest text that reads back as the same number, always with a point or an exponent.
std::string FloatText(double value);
// With quotes and escapes.
std::string QuotedText(std::string_view value);

}  // namespace pprun
