// The explanation for programs: every figure, under the names of explain.h. Tests: explain_test.cc.
#include <string>
#include <string_view>

#include "compiler/plan/base/json_writer.h"
#include "compiler/report/explain.h"

namespace pprun {
namespace {

void WriteBubble(JsonWriter& out, const BubbleExplanation& bubble) {
  out.Object("bubble");
  out.Member("idle_of_makespan", bubble.idle_of_makespan);
  out.Member("idle_of_span", bubble.idle_of_span);
  out.Member("peak_activations", bubble.peak_activations);
  if (bubble.formula) {
    const ScheduleFormula& formula = *bubble.formula;
    out.Object("textbook");
    out.Member("bubble_formula", formula.bubble_formula);
    out.Member("bubble", formula.bubble);
    out.Member(
        "against",
        std::string_view(formula.against == ScheduleFormula::Against::kSpan ? "span" : "makespan"));
    out.Member("peak_formula", formula.peak_formula);
    out.Member("peak_activations", formula.peak);
    out.Member("source", formula.source);
    out.Strings("domain", formula.domain);
    out.Name("holds");
    out.Raw(formula.Holds() ? "true" : "false");
    out.Strings("failing", formula.failing);
    out.Close('}');
  }
  out.Close('}');
}

void WriteMemory(JsonWriter& out, const MemoryExplanation& memory) {
  out.Object("memory");
  out.List("positions");
  for (const auto& arenas : memory.arenas) {
    out.Open('{');
    int64_t total = 0;
    for (int i = 0; i < kArenaCount; ++i) {
      const int64_t bytes = arenas[static_cast<size_t>(i)];
      out.Member(Name(static_cast<ArenaKind>(i)), bytes);
      total += bytes;
    }
    out.Member("total", total);
    out.Close('}');
  }
  out.Close(']');
  out.Member("parameter_elements", memory.parameter_elements);
  out.Member("state_bytes", memory.state_bytes);
  out.Member("bytes_a_parameter", memory.bytes_a_parameter);
  out.Member("mixed_precision_bytes", memory.mixed_precision_bytes);
  out.Close('}');
}

void WriteTraffic(JsonWriter& out, const Explanation& explanation) {
  out.List("traffic");
  for (const TrafficExplanation& row : explanation.traffic) {
    const bool messages = row.kind == TrafficExplanation::Kind::kMessages;
    out.Open('{');
    out.Member("kind", std::string_view(messages ? "messages" : "collectives"));
    out.Member("name", row.name);
    out.Member("position", row.position.value);
    out.Member("count", row.count);
    out.Member("ranks", row.ranks);
    if (explanation.purpose == Explanation::Purpose::kTraining) {
      out.Member("bytes", row.bytes);
      out.Member("sent_bytes", row.sent_bytes);
    }
    if (!row.link.empty()) {
      out.Member("link", row.link);
      out.Member("seconds", row.seconds);
    }
    out.Close('}');
  }
  out.Close(']');
}

void WriteTransfers(JsonWriter& out, const TransferExplanation& transfers,
                    Explanation::Purpose purpose) {
  out.Object("transfers");
  out.Strings("choices", transfers.choices);
  out.List("positions");
  for (const TransferExplanation::At& at : transfers.positions) {
    out.Open('{');
    out.Member("queues", at.queues);
    out.Member("channels", at.channels);
    out.Member("sent_messages", at.sent);
    out.Member("received_messages", at.received);
    if (purpose == Explanation::Purpose::kTraining) {
      out.Member("sent_bytes", at.sent_bytes);
      out.Member("received_bytes", at.received_bytes);
    }
    out.Member("waited", at.waited);
    out.Member("held_up", at.held_up);
    out.Close('}');
  }
  out.Close(']');
  if (transfers.worst) {
    const TransferExplanation::Wait& wait = *transfers.worst;
    out.Object("worst");
    out.Member("position", wait.position.value);
    out.Member("instruction", wait.instruction);
    out.Member("source", wait.source);
    if (!wait.behind.empty()) out.Member("behind", wait.behind);
    out.Member("ready", wait.ready);
    out.Member("begin", wait.begin);
    out.Member("held_up", wait.held_up);
    out.Close('}');
  }
  out.Close('}');
}

void WriteFlops(JsonWriter& out, const FlopsExplanation& flops) {
  out.Object("flops");
  out.Member("model", flops.model);
  out.Member("hardware", flops.hardware);
  out.Member("tokens", flops.tokens);
  out.Member("weights", flops.weights);
  out.Member("textbook", flops.textbook);
  if (flops.model_utilisation) {
    out.Member("model_utilisation", *flops.model_utilisation);
    out.Member("hardware_utilisation", *flops.hardware_utilisation);
  }
  out.Close('}');
}

void WriteActivations(JsonWriter& out, const std::vector<ActivationExplanation>& layers) {
  out.List("activations");
  for (const ActivationExplanation& layer : layers) {
    out.Open('{');
    out.Member("layer", layer.layer);
    out.Member("layers", layer.layers);
    out.Member("bytes", layer.bytes);
    out.Member("until_input_grad", layer.until_input_grad);
    out.Member("until_weight_grad", layer.until_weight_grad);
    out.Member("input", layer.input);
    out.List("stored");
    for (const ActivationExplanation::Stored& stored : layer.stored) {
      out.Open('{');
      out.Member("what", stored.what);
      out.Member("bytes", stored.bytes);
      out.Close('}');
    }
    out.Close(']');
    if (layer.transformer) {
      out.Object("textbook");
      out.Member("with_scores", layer.transformer->with_scores);
      out.Member("without_scores", layer.transformer->without_scores);
      out.Member("coefficient", layer.transformer->coefficient);
      out.Member("element_bytes", layer.transformer->element_bytes);
      out.Close('}');
    }
    out.Close('}');
  }
  out.Close(']');
}

void WriteMachine(JsonWriter& out, const Explanation& explanation) {
  if (!explanation.machine.empty()) out.Member("machine", explanation.machine);
  if (explanation.buckets) {
    const BucketExplanation& buckets = *explanation.buckets;
    out.Object("buckets");
    out.Member("position", buckets.position.value);
    out.Member("buckets", buckets.buckets);
    out.Member("bytes", buckets.bytes);
    out.Member("best_buckets", buckets.best_buckets);
    out.Member("best_bytes", buckets.best_bytes);
    out.Member("exposed", buckets.exposed);
    out.Member("best_exposed", buckets.best_exposed);
    out.Close('}');
  }
  if (explanation.compute_bound) {
    const ComputeBoundExplanation& judged = *explanation.compute_bound;
    const bool compute = judged.bound == ComputeBoundExplanation::Bound::kCompute;
    out.Object("compute_bound");
    out.Member("tokens", judged.tokens);
    out.Member("threshold", judged.threshold);
    out.Member("bound", std::string_view(compute ? "compute" : "communication"));
    out.Close('}');
  }
}

}  // namespace

std::string ToJson(const Explanation& explanation) {
  JsonWriter out;
  out.Open('{');
  out.Member("name", explanation.name);
  out.Member("schedule", explanation.schedule);
  const bool study = explanation.purpose == Explanation::Purpose::kStudy;
  out.Member("purpose", std::string_view(study ? "study" : "training"));
  out.Member("unit", std::string_view(explanation.unit == Explanation::Unit::kSeconds ? "seconds"
                                                                                      : "table"));
  out.Name("figures");
  out.Raw(FiguresJson(explanation.figures));
  WriteBubble(out, explanation.bubble);
  WriteTraffic(out, explanation);
  if (explanation.transfers) WriteTransfers(out, *explanation.transfers, explanation.purpose);
  if (explanation.purpose == Explanation::Purpose::kTraining) {
    WriteMemory(out, explanation.memory);
    WriteFlops(out, explanation.flops);
    WriteActivations(out, explanation.activations);
    WriteMachine(out, explanation);
  }
  out.Strings("advice", explanation.advice);
  out.Close('}');
  return out.Take() + "\n";
}

}  // namespace pprun
