// Checks `transfers`: which transfers of a rank share a queue. Tests: checker_test.cc,
// checker_errors_test.cc and golden/errors/transfers_unknown.sched.
#include <array>
#include <utility>

#include "dsl/arguments.h"
#include "dsl/check_parts.h"

namespace pprun {

TransferQueues CheckTransfers(const CheckContext& context) {
  static constexpr std::array<std::pair<std::string_view, TransferQueues>, 3> kChoices = {{
      {"queue_per_peer", TransferQueues::kPerPeer},
      {"queue_per_rank", TransferQueues::kPerRank},
      {"queue_per_flow", TransferQueues::kPerFlow},
  }};
  const std::optional<ast::Choice>& choice = context.program.transfers;
  if (!choice.has_value()) return TransferQueues::kPerPeer;
  const auto& [name, arguments] = choice->call;
  std::vector<std::string> known;
  for (const auto& [text, queues] : kChoices) {
    known.emplace_back(text);
    if (name.text != text) continue;
    BindArguments(name.text, choice->location, arguments, {}, context.diagnostics);
    return queues;
  }
  const std::string meant = DidYouMean(name.text, known);
  context.diagnostics
      .Error(name.location, "unknown choice of queues for transfers, " + Code(name.text))
      .Note(name.location,
            meant.empty() ? "it is one of `queue_per_peer`, `queue_per_rank` and `queue_per_flow`"
                          : "did you mean " + Code(meant) + "?");
  return TransferQueues::kPerPeer;
}

}  // namespace pprun
