// Schedules: functions, orders and statements. Tests: parser_test.cc.
#include "compiler/plan/base/check.h"
#include "dsl/build_ast.h"

namespace pprun {

void AstBuilder::BuildSchedule(Parser::ScheduleContext& schedule) {
  ast::Call call = BuildCall(*schedule.name(), schedule.arguments());
  if (schedule.SEMICOLON() != nullptr) {
    SetOnce(program_.schedule, {std::move(call), Place(schedule)});
    return;
  }
  RequireDefaults(call.arguments);
  ast::ScheduleDefinition definition;
  definition.name = call.callee;
  definition.parameters = std::move(call.arguments);
  definition.location = Place(schedule);
  for (auto* item : schedule.scheduleItem()) BuildScheduleItem(*item, definition);
  program_.schedules.push_back(std::move(definition));
}

void AstBuilder::BuildScheduleItem(Parser::ScheduleItemContext& item,
                                   ast::ScheduleDefinition& definition) {
  if (auto* let = item.letItem()) {
    definition.preamble.push_back(Add(*let, ast::LetStatement{BuildLet(*let)}));
  } else if (auto* require = item.require()) {
    definition.preamble.push_back(Add(*require, BuildRequire(*require)));
  } else if (auto* function = item.function()) {
    definition.functions.push_back(BuildFunction(*function));
  } else if (auto* placement = item.placement()) {
    definition.placements.push_back(BuildPlacement(*placement));
  } else if (auto* order = item.order()) {
    if (!definition.rank.text.empty()) {
      diagnostics_.Error(Place(*order), "a second `order`: a schedule has one")
          .Note(definition.rank.location, "the first is here");
    }
    definition.rank = BuildName(*order->name());
    definition.order = BuildBlock(*order->block());
  } else {
    const antlr4::Token& keyword = *item.unsupported()->start;
    definition.unsupported.push_back({keyword.getText(), places_.Of(keyword)});
  }
}

ast::Placement AstBuilder::BuildPlacement(Parser::PlacementContext& placement) {
  ast::Placement built;
  built.location = Place(placement);
  const auto names = placement.name();
  built.rank = BuildName(*names.back());
  if (auto* number = placement.INTEGER()) {
    const antlr4::Token& token = *number->getSymbol();
    built.literal = AddToken(token, BuildInteger(token));
  } else {
    built.chunk = BuildName(*names.front());
  }
  const auto values = placement.expression();
  built.stage = Build(*values[0]);
  if (values.size() > 1) built.pipe = Build(*values[1]);
  return built;
}

ast::Function AstBuilder::BuildFunction(Parser::FunctionContext& function) {
  ast::Function built;
  built.location = Place(function);
  const auto names = function.name();
  built.name = BuildName(*names[0]);
  for (size_t i = 1; i < names.size(); ++i) built.parameters.push_back(BuildName(*names[i]));
  if (function.expression() != nullptr) {
    built.value = Build(*function.expression());
  } else {
    built.body = BuildBlock(*function.block());
  }
  return built;
}

ast::StatementId AstBuilder::Add(const antlr4::ParserRuleContext& context,
                                 decltype(ast::Statement::node) node) {
  program_.statements.push_back({Place(context), std::move(node)});
  return {static_cast<int32_t>(program_.statements.size()) - 1};
}

ast::Block AstBuilder::BuildBlock(Parser::BlockContext& block) {
  ast::Block built;
  for (auto* statement : block.statement()) built.push_back(BuildStatement(*statement));
  return built;
}

ast::StatementId AstBuilder::BuildStatement(Parser::StatementContext& statement) {
  if (auto* let = statement.letItem()) return Add(statement, ast::LetStatement{BuildLet(*let)});
  if (auto* loop = statement.forLoop()) {
    const auto bounds = loop->expression();
    ast::ForStatement built{
        .variable = BuildName(*loop->name()), .begin = {}, .end = {}, .body = {}};
    built.begin = Build(*bounds[0]);
    built.end = Build(*bounds[1]);
    built.body = BuildBlock(*loop->block());
    return Add(statement, std::move(built));
  }
  if (auto* loop = statement.repeatLoop()) {
    const ast::ExpressionId count = Build(*loop->expression());
    return Add(statement, ast::RepeatStatement{count, BuildBlock(*loop->block())});
  }
  if (auto* conditional = statement.ifStatement()) return Add(statement, BuildIf(*conditional));
  if (auto* overlap = statement.overlap()) {
    return Add(statement, ast::OverlapStatement{BuildBlock(*overlap->block())});
  }
  if (auto* require = statement.require()) return Add(statement, BuildRequire(*require));
  CHECK(statement.callStatement() != nullptr);
  return Add(statement, BuildCallStatement(*statement.callStatement()));
}

ast::IfStatement AstBuilder::BuildIf(Parser::IfStatementContext& statement) {
  ast::IfStatement built{.condition = Build(*statement.expression()), .then = {}, .otherwise = {}};
  const auto blocks = statement.block();
  built.then = BuildBlock(*blocks[0]);
  if (auto* chained = statement.ifStatement()) {
    built.otherwise.push_back(Add(*chained, BuildIf(*chained)));
  } else if (blocks.size() > 1) {
    built.otherwise = BuildBlock(*blocks[1]);
  }
  return built;
}

ast::RequireStatement AstBuilder::BuildRequire(Parser::RequireContext& require) {
  ast::RequireStatement built{.condition = Build(*require.expression()), .message = {}};
  if (auto* message = require.STRING()) {
    const antlr4::Token& token = *message->getSymbol();
    built.message = AddToken(token, ast::StringLiteral{BuildString(token)});
  }
  return built;
}

ast::CallStatement AstBuilder::BuildCallStatement(Parser::CallStatementContext& statement) {
  const antlr4::Token& callee = *statement.start;
  return {ast::Call{{callee.getText(), places_.Of(callee)}, BuildArguments(statement.arguments())}};
}

}  // namespace pprun
