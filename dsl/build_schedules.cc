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
    definition.greedy.push_back(BuildGreedy(*item.greedy()));
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
  for (auto* place : placement.place()) {
    const auto values = place->expression();
    ast::Place added{.stage = Build(*values[0]), .pipe = {}};
    if (values.size() > 1) added.pipe = Build(*values[1]);
    built.places.push_back(added);
  }
  return built;
}

ast::Greedy AstBuilder::BuildGreedy(Parser::GreedyContext& greedy) {
  ast::Greedy built;
  const antlr4::Token& keyword = *greedy.start;
  built.location = places_.Of(keyword);
  if (auto* number = greedy.INTEGER()) {
    const antlr4::Token& token = *number->getSymbol();
    built.literal = AddToken(token, BuildInteger(token));
    built.location.end = places_.Of(token).end;
  } else {
    built.rank = BuildName(*greedy.name());
    built.location.end = built.rank.location.end;
  }
  for (auto* item : greedy.greedyItem()) BuildGreedyItem(*item, built);
  return built;
}

void AstBuilder::BuildGreedyItem(Parser::GreedyItemContext& item, ast::Greedy& greedy) {
  const ast::Location place = Place(item);
  const auto names = item.name();
  const auto again = [&](std::string_view what, ast::Location first) {
    diagnostics_.Error(place, "a second `" + std::string(what) + "`: `greedy` has one")
        .Note(first, "the first is here");
  };
  if (item.PREFER() != nullptr) {
    if (!greedy.preferences.empty()) return again("prefer", greedy.preferences_location);
    greedy.preferences_location = place;
    for (auto* name : names) greedy.preferences.push_back(BuildName(*name));
    return;
  }
  ast::GreedyBound bound{.what = BuildName(*names[0]), .most = {}, .location = place};
  bound.most = Build(*item.expression());
  if (item.SEARCH() != nullptr) {
    if (greedy.search.has_value()) return again("search", greedy.search->location);
    greedy.search = std::move(bound);
    return;
  }
  for (const ast::GreedyBound& limit : greedy.limits) {
    if (limit.what.text == bound.what.text) {
      return again("limit " + bound.what.text, limit.location);
    }
  }
  greedy.limits.push_back(std::move(bound));
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
