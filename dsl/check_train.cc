// Checks the settings of `train`, and that they fit each other, the mesh and the model. Tests:
// checker_test.cc and golden/errors/.
#include <algorithm>
#include <set>
#include <unordered_map>

#include "compiler/plan/base/amount.h"
#include "dsl/arguments.h"
#include "dsl/check_parts.h"

namespace pprun {
namespace {

constexpr IntegerRange kExtent{.least = 1, .most = kLargestExtent};

// The largest width that an operation gives or takes.
int64_t WidestOf(const std::vector<CheckedOperation>& operations) {
  int64_t widest = 1;
  for (const CheckedOperation& operation : operations) {
    widest = std::max({widest, operation.width_in, operation.width_out, WidestOf(operation.body)});
  }
  return widest;
}

int64_t MostHeads(const std::vector<CheckedOperation>& operations) {
  int64_t most = 1;
  for (const CheckedOperation& operation : operations) {
    most = std::max({most, operation.heads, MostHeads(operation.body)});
  }
  return most;
}

class TrainChecker {
 public:
  TrainChecker(const CheckContext& context, const CheckedProgram& checked, Scope& scope)
      : context_(context),
        checked_(checked),
        scope_(scope),
        reader_(context.program, scope, context.diagnostics) {
    train_.location = context.program.train_location;
  }

  CheckedTrain Run() {
    Collect();
    ReadExtents();
    ReadData();
    if (const ast::Setting* optimizer = Find("optimizer")) {
      train_.optimizer = CheckOptimizer(context_, optimizer->value, scope_);
    }
    ReadPrecision();
    ReadNames();
    CheckDivisions();
    CheckModelFits();
    return std::move(train_);
  }

 private:
  void Collect();
  void ReadExtents();
  void ReadData();
  std::optional<DataSource> ReadSource(const ast::Setting& setting);
  void ReadPrecision();
  void ReadNames();
  void CheckDivisions();
  void CheckModelFits();
  void CheckSizes(int64_t sequence);

  const ast::Setting* Find(const std::string& name) const {
    const auto found = settings_.find(name);
    return found == settings_.end() ? nullptr : found->second;
  }
  void Integer(const std::string& name, int64_t& field, IntegerRange range) {
    const ast::Setting* setting = Find(name);
    if (setting == nullptr) return;
    const auto value = reader_.Integer(setting->value, name, range);
    if (value.has_value()) field = *value;
    broken_ = broken_ || !value.has_value();
  }
  Diagnostic& Fail(const std::string& name, const std::string& message) {
    const ast::Setting* setting = Find(name);
    return context_.diagnostics.Error(setting == nullptr ? train_.location : setting->location,
                                      message);
  }
  void NoteSet(Diagnostic& error, const std::string& name) {
    if (const ast::Setting* setting = Find(name)) {
      error.Note(setting->location, Code(name) + " is set here");
    }
  }

  const CheckContext& context_;
  const CheckedProgram& checked_;
  Scope& scope_;
  ValueReader reader_;
  CheckedTrain train_;
  std::unordered_map<std::string, const ast::Setting*> settings_;
  std::set<std::string> misspelt_;
  bool broken_ = false;  // a number is wrong: what depends on it is not judged
};

void TrainChecker::Collect() {
  const std::vector<std::string>& known = TrainSettings();
  for (const ast::Setting& setting : context_.program.train) {
    const std::string& name = setting.name.text;
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const std::string meant = DidYouMean(name, known);
      Diagnostic& error =
          context_.diagnostics.Error(setting.name.location, "`train` has no setting " + Code(name));
      if (meant.empty()) continue;
      error.Note(setting.name.location, "did you mean " + Code(meant) + "?");
      // So it is misspelt, not missing.
      misspelt_.insert(meant);
      broken_ = true;
      continue;
    }
    const auto [entry, added] = settings_.emplace(name, &setting);
    if (added) continue;
    context_.diagnostics.Error(setting.location, Code(name) + " is set twice")
        .Note(entry->second->location, "it is first set here");
  }
  for (const std::string name : {"data", "sequence", "batch", "steps", "optimizer"}) {
    if (Find(name) != nullptr || misspelt_.count(name) > 0) continue;
    context_.diagnostics.Error(train_.location, "`train` needs the setting " + Code(name));
    broken_ = true;
  }
}

void TrainChecker::ReadExtents() {
  Integer("sequence", train_.sequence, kExtent);
  Integer("batch", train_.batch, kExtent);
  Integer("microbatches", train_.microbatches, kExtent);
  Integer("steps", train_.steps, {.least = 1});
  int64_t seed = 0;
  Integer("seed", seed, {.least = 0});
  train_.seed = static_cast<uint64_t>(seed);
  if (Find("validation") != nullptr) {
    train_.validate_every = 100;
    train_.validate_batches = 8;
  }
  Integer("validate_every", train_.validate_every, {.least = 1});
  Integer("validate_batches", train_.validate_batches, kExtent);
  for (const std::string name : {"validate_every", "validate_batches"}) {
    if (Find(name) != nullptr && Find("validation") == nullptr &&
        misspelt_.count("validation") == 0) {
      Fail(name, Code(name) + " needs `validation`, the data to validate on");
    }
  }
}

void TrainChecker::ReadData() {
  if (const ast::Setting* data = Find("data")) {
    train_.data = ReadSource(*data).value_or(DataSource{});
  }
  if (const ast::Setting* validation = Find("validation")) {
    train_.validation = ReadSource(*validation);
  }
}

std::optional<DataSource> TrainChecker::ReadSource(const ast::Setting& setting) {
  const ast::Expression& written = context_.program[setting.value];
  const auto* call = std::get_if<ast::Call>(&written.node);
  const std::string kind = call == nullptr ? "" : call->callee.text;
  DataSource source;
  source.location = written.location;
  if (kind != "bytes" && kind != "tokens" && kind != "synthetic") {
    context_.diagnostics.Error(written.location, "unknown kind of data")
        .Note(written.location,
              "write `bytes(\"file\")`, `tokens(\"file\", u16)`, `tokens(\"file\", u32)` or "
              "`synthetic(seed = 1)`");
    return std::nullopt;
  }
  std::vector<CallParameter> parameters = {{"file", CallParameter::Need::kRequired}};
  if (kind == "tokens") parameters.push_back({"type", CallParameter::Need::kRequired});
  if (kind == "synthetic") parameters = {{"seed"}};
  const auto bound =
      BindArguments(kind, written.location, call->arguments, parameters, context_.diagnostics);
  if (!bound.has_value()) return std::nullopt;
  if (kind == "synthetic") {
    if (!(*bound)[0].valid()) return source;
    source.seed = reader_.Integer((*bound)[0], "seed", {.least = 0}).value_or(0);
    return source;
  }
  const auto path = reader_.String((*bound)[0], "file");
  if (!path.has_value()) return std::nullopt;
  // A file is named from where the plan is, one on the command line from where one stands.
  const bool relative = path->empty() || path->front() != '/';
  const bool in_plan = written.location.file != kCommandLine.file;
  source.path = relative && in_plan ? context_.program.directory + *path : *path;
  source.kind = DataSource::Kind::kBytes;
  if (kind == "tokens") {
    const auto type = reader_.Word((*bound)[1], "type", {"u16", "u32"});
    if (!type.has_value()) return std::nullopt;
    source.kind = *type == "u16" ? DataSource::Kind::kTokensU16 : DataSource::Kind::kTokensU32;
  }
  return source;
}

void TrainChecker::ReadPrecision() {
  const ast::Setting* setting = Find("precision");
  if (setting == nullptr) return;
  const auto word = reader_.Word(setting->value, "precision", {"fp32", "bf16"});
  if (word == "bf16") train_.precision = CheckedTrain::Precision::kBf16;
}

void TrainChecker::ReadNames() {
  const ast::Setting* setting = Find("names");
  if (setting == nullptr) return;
  const ast::Expression& written = context_.program[setting->value];
  const auto* call = std::get_if<ast::Call>(&written.node);
  if (call == nullptr || call->callee.text != "huggingface") {
    context_.diagnostics.Error(written.location, "unknown names for saved weights")
        .Note(written.location, "write `huggingface(gpt2)` or `huggingface(llama)`");
    return;
  }
  const auto bound =
      BindArguments("huggingface", written.location, call->arguments,
                    {{"family", CallParameter::Need::kRequired}}, context_.diagnostics);
  if (!bound.has_value()) return;
  const auto family = reader_.Word((*bound)[0], "huggingface", {"gpt2", "llama"});
  if (!family.has_value()) return;
  train_.names = "huggingface(" + *family + ")";
  train_.names_location = written.location;
}

void TrainChecker::CheckDivisions() {
  if (broken_) return;
  const std::string microbatches = std::to_string(train_.microbatches);
  const std::string batch = std::to_string(train_.batch);
  if (train_.batch % train_.microbatches != 0) {
    NoteSet(Fail("microbatches", "`microbatches` is " + microbatches +
                                     ", which does not divide `batch` = " + batch),
            "batch");
    return;
  }
  const int64_t samples = train_.batch / train_.microbatches;
  for (const CheckedAxis& axis : checked_.mesh) {
    if (axis.name != "dp" || samples % axis.size == 0) continue;
    Diagnostic& error =
        Fail("batch", "`batch` = " + batch + " in `microbatches` = " + microbatches + " has " +
                          Amount(samples, "sample") + " a microbatch, which `dp` = " +
                          std::to_string(axis.size) + " does not divide");
    error.Note(axis.location, "`dp` is set here");
  }
}

void TrainChecker::CheckModelFits() {
  // Which model is meant was asked already.
  if (!checked_.model.has_value()) return;
  if (broken_ || context_.diagnostics.HasErrors()) return;
  const CheckedModel& model = *checked_.model;
  if (!model.has_loss) {
    context_.diagnostics
        .Error(model.layers.back().location,
               "the model ends without a loss, so it cannot be trained")
        .Note(train_.location, "`train` is here");
    return;
  }
  for (const CheckedLayer& layer : model.layers) {
    for (const CheckedOperation& operation : layer.operations) {
      if (operation.kind != LayerOpKind::kPositions || operation.context >= train_.sequence)
        continue;
      Fail("sequence", "`sequence` is " + std::to_string(train_.sequence) +
                           ", but the model has only " + Amount(operation.context, "position"))
          .Note(operation.location, "they are set here");
    }
  }
  CheckSizes(train_.sequence);
}

void TrainChecker::CheckSizes(int64_t sequence) {
  int64_t widest = 1;
  int64_t heads = 1;
  for (const CheckedLayer& layer : checked_.model->layers) {
    widest = std::max(widest, WidestOf(layer.operations));
    heads = std::max(heads, MostHeads(layer.operations));
  }
  const int64_t samples = train_.batch / train_.microbatches / checked_.AxisSize("dp");
  // Attention projects to three widths at once, and scores every pair of positions for every head.
  const auto passes = [&](int64_t a, int64_t b) {
    return samples > kMostElements / sequence / a / std::max<int64_t>(1, b);
  };
  if (!passes(3, widest) && !passes(heads, sequence)) return;
  Fail("sequence", "a microbatch of " + Amount(samples, "sample") + " of " +
                       Amount(sequence, "token") +
                       " makes a tensor with more elements than the limit, 2^48");
}

}  // namespace

const std::vector<std::string>& TrainSettings() {
  static const std::vector<std::string> settings = {
      "data",      "sequence",   "batch",          "microbatches",     "steps",     "seed",
      "optimizer", "validation", "validate_every", "validate_batches", "precision", "names"};
  return settings;
}

CheckedTrain CheckTrain(const CheckContext& context, const CheckedProgram& checked, Scope& scope) {
  return TrainChecker(context, checked, scope).Run();
}

int64_t CheckStudyTrain(const CheckContext& context, Scope& scope) {
  const ast::Setting* microbatches = nullptr;
  for (const ast::Setting& setting : context.program.train) {
    if (setting.name.text != "microbatches") {
      context.diagnostics
          .Error(context.program.train_location, "`train` needs a `model`, and there is none")
          .Note(setting.location,
                "a study of a schedule, without a model, has only `microbatches`");
      return 0;
    }
    if (microbatches != nullptr) {
      context.diagnostics.Error(setting.location, "`microbatches` is set twice")
          .Note(microbatches->location, "it is first set here");
      return 0;
    }
    microbatches = &setting;
  }
  if (microbatches == nullptr) return 0;
  return ValueReader(context.program, scope, context.diagnostics)
      .Integer(microbatches->value, "microbatches", kExtent)
      .value_or(0);
}

}  // namespace pprun
