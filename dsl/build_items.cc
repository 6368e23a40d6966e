// What stands at the level of a file, and models. Tests: parser_test.cc.
#include "dsl/build_ast.h"

namespace pprun {

void AstBuilder::Build(Parser::FileContext& file) {
  for (auto* item : file.item()) BuildItem(*item);
}

void AstBuilder::BuildItem(Parser::ItemContext& item) {
  if (auto* import = item.importItem()) {
    program_.imports.push_back({BuildString(*import->STRING()->getSymbol()), Place(*import)});
  } else if (auto* let = item.letItem()) {
    program_.lets.push_back(BuildLet(*let));
  } else if (auto* mesh = item.mesh()) {
    ReportSecond(program_.mesh_location, Place(*mesh), "mesh");
    program_.mesh = BuildSettings(mesh->setting());
    program_.mesh_location = Place(*mesh);
  } else if (auto* model = item.model()) {
    BuildModel(*model);
  } else if (auto* stages = item.stages()) {
    BuildStages(*stages);
  } else if (auto* train = item.train()) {
    ReportSecond(program_.train_location, Place(*train), "train");
    program_.train = BuildSettings(train->setting());
    program_.train_location = Place(*train);
  } else if (auto* schedule = item.schedule()) {
    BuildSchedule(*schedule);
  } else {
    BuildChoice(*item.choice());
  }
}

void AstBuilder::ReportSecond(ast::Location first, ast::Location second, const std::string& what) {
  if (first.end == 0) return;
  diagnostics_.Error(second, "a second `" + what + "`: a plan has one")
      .Note(first, "the first is here");
}

void AstBuilder::SetOnce(std::optional<ast::Choice>& choice, ast::Choice value) {
  if (choice.has_value()) {
    diagnostics_.Error(value.location, "chosen a second time").Note(choice->location, "first here");
    return;
  }
  choice = std::move(value);
}

ast::Setting AstBuilder::BuildLet(Parser::LetItemContext& let) {
  ast::Setting setting{.name = BuildName(*let.name()), .value = {}, .location = Place(let)};
  setting.value = Build(*let.expression());
  return setting;
}

std::vector<ast::Setting> AstBuilder::BuildSettings(
    const std::vector<Parser::SettingContext*>& settings) {
  std::vector<ast::Setting> built;
  for (auto* setting : settings) {
    ast::Setting one{.name = BuildName(*setting->name()), .value = {}, .location = Place(*setting)};
    one.value = Build(*setting->expression());
    built.push_back(std::move(one));
  }
  return built;
}

void AstBuilder::BuildChoice(Parser::ChoiceContext& choice) {
  ast::Choice built{BuildCall(*choice.name(), choice.arguments()), Place(choice)};
  std::optional<ast::Choice>& chosen = choice.GRADIENTS() != nullptr   ? program_.gradients
                                       : choice.TRANSFERS() != nullptr ? program_.transfers
                                                                       : program_.recompute;
  SetOnce(chosen, std::move(built));
}

void AstBuilder::RequireDefaults(const std::vector<ast::Argument>& parameters) {
  for (const ast::Argument& parameter : parameters) {
    if (parameter.name.has_value()) continue;
    diagnostics_.Error(parameter.location, "a parameter is written `name = default`");
  }
}

void AstBuilder::BuildModel(Parser::ModelContext& model) {
  ast::Call call = BuildCall(*model.name(), model.arguments());
  if (model.SEMICOLON() != nullptr) {
    SetOnce(program_.model, {std::move(call), Place(model)});
    return;
  }
  RequireDefaults(call.arguments);
  ast::Model built{.name = call.callee,
                   .parameters = std::move(call.arguments),
                   .lets = {},
                   .layers = {},
                   .location = Place(model)};
  for (auto* item : model.modelItem()) {
    if (item->letItem() != nullptr) {
      built.lets.push_back(BuildLet(*item->letItem()));
    } else {
      built.layers.push_back(BuildLayer(*item->layer()));
    }
  }
  program_.models.push_back(std::move(built));
}

ast::Layer AstBuilder::BuildLayer(Parser::LayerContext& layer) {
  ast::Layer built{
      .name = BuildName(*layer.name()), .repeat = {}, .operations = {}, .location = Place(layer)};
  if (layer.expression() != nullptr) built.repeat = Build(*layer.expression());
  for (auto* operation : layer.operation()) built.operations.push_back(BuildOperation(*operation));
  return built;
}

ast::Operation AstBuilder::BuildOperation(Parser::OperationContext& operation) {
  ast::Operation built{.name = BuildName(*operation.name()),
                       .arguments = BuildArguments(operation.arguments()),
                       .label = {},
                       .split = {},
                       .body = {},
                       .has_body = operation.OPEN_BRACE() != nullptr,
                       .location = Place(operation)};
  for (auto* modifier : operation.modifier()) {
    const bool is_label = modifier->AS() != nullptr;
    std::optional<ast::Name>& slot = is_label ? built.label : built.split;
    if (slot.has_value()) {
      diagnostics_.Error(Place(*modifier), "an operation has one label and one split")
          .Note(slot->location, "the first is here");
    } else if (is_label) {
      const antlr4::Token& token = *modifier->STRING()->getSymbol();
      slot = ast::Name{BuildString(token), places_.Of(token)};
    } else {
      slot = BuildName(*modifier->name());
    }
  }
  for (auto* inner : operation.operation()) built.body.push_back(BuildOperation(*inner));
  return built;
}

void AstBuilder::BuildStages(Parser::StagesContext& stages) {
  if (program_.stages.has_value()) {
    ReportSecond(program_.stages->location, Place(stages), "stages");
  }
  ast::Stages built{.stages = {}, .policy = {}, .location = Place(stages)};
  if (stages.name() != nullptr) built.policy = BuildCall(*stages.name(), stages.arguments());
  for (auto* stage : stages.stage()) {
    std::vector<ast::LayerSelection> selections;
    for (auto* selection : stage->selection()) selections.push_back(BuildSelection(*selection));
    built.stages.push_back(std::move(selections));
  }
  program_.stages = std::move(built);
}

ast::LayerSelection AstBuilder::BuildSelection(Parser::SelectionContext& selection) {
  ast::LayerSelection built{
      .layer = BuildName(*selection.name()), .begin = {}, .end = {}, .location = Place(selection)};
  const auto bounds = selection.expression();
  if (!bounds.empty()) built.begin = Build(*bounds[0]);
  if (bounds.size() > 1) built.end = Build(*bounds[1]);
  return built;
}

}  // namespace pprun
