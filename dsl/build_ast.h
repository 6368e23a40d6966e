// Turns ANTLR's parse tree, known to be without syntax errors, into dsl/ast.h. Members are grouped
// by construct, one file each: expressions, items of a file, schedules. Tests: parser_test.cc.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "SchedParser.h"
#include "dsl/ast.h"
#include "dsl/diagnostics.h"
#include "dsl/token_checks.h"

namespace pprun {

class AstBuilder {
 public:
  AstBuilder(const TokenPlaces& places, ast::Program& program, Diagnostics& diagnostics)
      : places_(places), program_(program), diagnostics_(diagnostics) {}

  void Build(grammar::SchedParser::FileContext& file);
  ast::ExpressionId Build(grammar::SchedParser::ExpressionContext& expression);

 private:
  using Parser = grammar::SchedParser;

  // build_expressions.cc
  ast::ExpressionId Add(const antlr4::ParserRuleContext& context,
                        decltype(ast::Expression::node) node);
  ast::ExpressionId AddToken(const antlr4::Token& token, decltype(ast::Expression::node) node);
  ast::ExpressionId BuildBinary(const antlr4::ParserRuleContext& context,
                                const std::vector<Parser::ExpressionContext*>& operands);
  ast::IntegerLiteral BuildInteger(const antlr4::Token& token);
  decltype(ast::Expression::node) BuildNumber(Parser::IntegerContext& context);
  ast::FloatLiteral BuildFloat(const antlr4::Token& token);
  std::string BuildString(const antlr4::Token& token);
  ast::Name BuildName(Parser::NameContext& name);
  std::vector<ast::Argument> BuildArguments(Parser::ArgumentsContext* arguments);
  ast::Call BuildCall(Parser::NameContext& name, Parser::ArgumentsContext* arguments);

  // build_items.cc
  void BuildItem(Parser::ItemContext& item);
  ast::Setting BuildLet(Parser::LetItemContext& let);
  std::vector<ast::Setting> BuildSettings(const std::vector<Parser::SettingContext*>& settings);
  void BuildChoice(Parser::ChoiceContext& choice);
  void BuildModel(Parser::ModelContext& model);
  ast::Layer BuildLayer(Parser::LayerContext& layer);
  ast::Operation BuildOperation(Parser::OperationContext& operation);
  void BuildStages(Parser::StagesContext& stages);
  ast::LayerSelection BuildSelection(Parser::SelectionContext& selection);
  // `name = default` for every one; reports the others.
  void RequireDefaults(const std::vector<ast::Argument>& parameters);
  void SetOnce(std::optional<ast::Choice>& choice, ast::Choice value);
  // For what a file has only once; `first` is empty before.
  void ReportSecond(ast::Location first, ast::Location second, const std::string& what);

  // build_schedules.cc
  void BuildSchedule(Parser::ScheduleContext& schedule);
  void BuildScheduleItem(Parser::ScheduleItemContext& item, ast::ScheduleDefinition& definition);
  ast::Placement BuildPlacement(Parser::PlacementContext& placement);
  ast::Greedy BuildGreedy(Parser::GreedyContext& greedy);
  void BuildGreedyItem(Parser::GreedyItemContext& item, ast::Greedy& greedy);
  ast::Function BuildFunction(Parser::FunctionContext& function);
  ast::Block BuildBlock(Parser::BlockContext& block);
  ast::StatementId BuildStatement(Parser::StatementContext& statement);
  ast::IfStatement BuildIf(Parser::IfStatementContext& statement);
  ast::RequireStatement BuildRequire(Parser::RequireContext& require);
  ast::CallStatement BuildCallStatement(Parser::CallStatementContext& statement);
  ast::StatementId Add(const antlr4::ParserRuleContext& context,
                       decltype(ast::Statement::node) node);

  ast::Location Place(const antlr4::ParserRuleContext& context) const;

  const TokenPlaces& places_;
  ast::Program& program_;
  Diagnostics& diagnostics_;
};

}  // namespace pprun
