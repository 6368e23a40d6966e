// From the text of one file to syntax tree nodes. The wall around ANTLR: this header has none of
// it.
//
// Tests: parser_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "dsl/ast.h"
#include "dsl/diagnostics.h"
#include "dsl/frontend.h"

namespace pprun {

// Appends what the file says to `program`; imports are listed, not followed. False after errors,
// and then nothing but nodes that no item refers to has been added.
bool ParseFile(std::string_view text, uint32_t file, const Limits& limits, ast::Program& program,
               Diagnostics& diagnostics);

// Parses one expression; all its nodes have the place that is given, one on the command line.
std::optional<ast::ExpressionId> ParseValue(std::string_view text, const Limits& limits,
                                            ast::Program& program, Diagnostics& diagnostics,
                                            ast::Location place = kCommandLine);

}  // namespace pprun
