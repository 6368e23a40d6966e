// types, between functions and instructions: what indexes a table, or a row of scores, is a token
// of the batch, and the data's vocabulary has an entry there; a loss and its gradient have the
// scale that makes the batch's loss a mean. After it no token of a data set that was opened for
// this vocabulary leads out of a table. Tests: tables_damage_test.cc.
#include "compiler/verify/checks.h"

namespace pprun {
namespace {

struct TokenCheck {
  const Plan& plan;
  const Function& function;
  Findings& findings;

  void Fail(const Operation& operation, const std::string& what) {
    findings.Add(FindingKind::kTypes, "function `" + function.name + "`: `" +
                                          std::string(Name(operation.kind)) + "` " + what);
  }
  const View& ViewOf(const Operation& operation, size_t operand) const {
    return function.views[operation.operands[operand].index()];
  }

  // Nothing but a load makes integers, so that their values are known.
  void Indices(const Operation& operation) {
    for (const ViewId id : operation.operands) {
      if (!id.valid()) continue;
      const View& view = function.views[id.index()];
      const Role role = function.arguments[static_cast<size_t>(view.argument)].role;
      if (view.type.dtype == DType::kI32 && role != Role::kTokens && role != Role::kTargets) {
        Fail(operation, "takes integers from `" + std::string(Name(role)) + "`");
      }
    }
  }
  void Rows(const Operation& operation, int64_t rows) {
    if (rows >= plan.train.vocabulary) return;
    Fail(operation, "has " + std::to_string(rows) + " entries for a vocabulary of " +
                        std::to_string(plan.train.vocabulary));
  }
  void LossScale(const Operation& operation) {
    const TrainSpec& train = plan.train;
    // As whoever makes a plan computes it: bits are compared.
    const double mean =
        1.0 / (static_cast<double>(train.batch) * static_cast<double>(train.sequence));
    if (operation.attributes.loss_scale != mean) {
      Fail(operation, "does not scale the loss by 1 / (batch * sequence)");
    }
  }

  void Check(const Operation& operation) {
    Indices(operation);
    switch (operation.kind) {
      case OpKind::kEmbedding:
        return Rows(operation, ViewOf(operation, 1).type.shape[0]);
      case OpKind::kEmbeddingWeightGrad:
        return Rows(operation, ViewOf(operation, 2).type.shape[0]);
      case OpKind::kCrossEntropy:
      case OpKind::kCrossEntropyGrad:
      case OpKind::kCrossEntropyWithGrad:
      case OpKind::kMeanSquaredError:
      case OpKind::kMeanSquaredErrorGrad: {
        const Shape& scores = ViewOf(operation, 0).type.shape;
        Rows(operation, scores[scores.rank - 1]);
        return LossScale(operation);
      }
      default:
        return;
    }
  }
};

}  // namespace

void CheckTokens(const Plan& plan, const Function& function, Findings& findings) {
  TokenCheck check{plan, function, findings};
  for (const Operation& operation : function.operations) check.Check(operation);
}

}  // namespace pprun
