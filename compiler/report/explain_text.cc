// The explanation for people. Tests: explain_test.cc.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "compiler/plan/text.h"
#include "compiler/report/caption.h"
#include "compiler/report/explain.h"
#include "compiler/report/explain_counts.h"
#include "compiler/report/explain_figures.h"
#include "compiler/report/numbers.h"

namespace pprun {
namespace {

std::string Bytes(double bytes) { return HumanBytes(std::llround(bytes)); }

// "4.5 TFLOP".
std::string Flops(double flops) {
  if (flops >= 1e15) return Compact(flops / 1e15) + " PFLOP";
  if (flops >= 1e12) return Compact(flops / 1e12) + " TFLOP";
  if (flops >= 1e9) return Compact(flops / 1e9) + " GFLOP";
  return Compact(flops / 1e6) + " MFLOP";
}

void AppendBubble(std::string& text, const Explanation& explanation) {
  const Figures& figures = explanation.figures;
  const BubbleExplanation& bubble = explanation.bubble;
  const auto time = [&](double value) { return TimeText(value, explanation.unit); };
  const int64_t steps = std::max<int64_t>(figures.steps, 1);
  const double makespan = figures.makespan / static_cast<double>(steps);
  std::string over, a_step;
  if (steps > 1) {
    over = " over " + Counted(steps, "step");
    a_step = " (" + time(makespan) + " a step)";
  }
  text += "bubble\n  predicted" + over + ": makespan " + time(figures.makespan) + a_step +
          ", work " + time(figures.work) + " (" + WorkOfText(figures.work_of) + "), idle " +
          time(bubble.idle_of_makespan) + " (" + Percent(figures.bubble_of_makespan) +
          "); within the longest span " + time(bubble.idle_of_span) + " (" +
          Percent(figures.bubble_of_span) + ")\n";
  if (TakesMoreThanTasks(figures)) text += "  " + WholeStepText(time(figures.step)) + "\n";
  text += "  live activations: at most " + Counted(bubble.peak_activations, "chunk") + "\n";
  if (!bubble.formula) return;
  const ScheduleFormula& formula = *bubble.formula;
  text += std::string("  textbook") + (steps > 1 ? " of one step" : "") + " (" + formula.source +
          "): " + formula.bubble_formula + " = " + time(formula.bubble) + ", " +
          formula.peak_formula + " = " + Counted(formula.peak, "chunk");
  const char* separator = "; that needs ";
  for (const std::string& condition : formula.failing) {
    text += separator + condition;
    separator = " and ";
  }
  text += formula.Holds() ? "\n" : ", which is not so here\n";
}

void AppendMemory(std::string& text, const MemoryExplanation& memory) {
  text += "memory of the arenas\n";
  for (size_t p = 0; p < memory.arenas.size(); ++p) {
    const auto& arenas = memory.arenas[p];
    text += "  position " + std::to_string(p) + ": " +
            HumanBytes(std::accumulate(arenas.begin(), arenas.end(), int64_t{0}));
    const char* separator = " = ";
    for (int i = 0; i < kArenaCount; ++i) {
      const int64_t bytes = arenas[static_cast<size_t>(i)];
      if (bytes == 0) continue;
      text += separator + std::string(Name(static_cast<ArenaKind>(i))) + " " + HumanBytes(bytes);
      separator = ", ";
    }
    text += "\n";
  }
  if (memory.parameter_elements == 0) return;
  text += "  state of " + WithThousands(memory.parameter_elements) +
          " parameters: " + HumanBytes(memory.state_bytes) + ", " +
          Compact(memory.bytes_a_parameter) +
          " bytes each; textbook, 16 bits with Adam (Rajbhandari et al. 2020): " +
          Bytes(memory.mixed_precision_bytes) + ", 16 bytes each\n";
  text += "  what libraries take beside the arenas is not counted\n";
}

void AppendTraffic(std::string& text, const Explanation& explanation) {
  if (explanation.traffic.empty()) return;
  text += "traffic of a step\n";
  for (const TrafficExplanation& row : explanation.traffic) {
    const bool messages = row.kind == TrafficExplanation::Kind::kMessages;
    text += "  " + row.name;
    if (!messages) text += " at position " + std::to_string(row.position.value);
    text += ": " + Counted(row.count, messages ? "message" : "call") + ", " + Bytes(row.bytes);
    if (!messages) {
      text += "; each of " + Counted(row.ranks, "rank") + " sends " + Bytes(row.sent_bytes) +
              " in a ring";
    }
    if (!row.link.empty()) {
      text += "; " + row.link + ", " + HumanTime(row.seconds);
    }
    text += "\n";
  }
}

void AppendTransfers(std::string& text, const Explanation& explanation) {
  if (!explanation.transfers) return;
  const TransferExplanation& transfers = *explanation.transfers;
  const auto time = [&](double value) { return TimeText(value, explanation.unit); };
  const bool sized = explanation.purpose == Explanation::Purpose::kTraining;
  const auto messages = [&](int64_t count, double bytes) {
    return Counted(count, "message") + (sized ? ", " + Bytes(bytes) : "");
  };
  text += "queues of a step's transfers\n  transfers ";
  text += transfers.choices.empty() ? "in queues of the plan's own" : transfers.choices.front();
  for (size_t i = 1; i < transfers.choices.size(); ++i) {
    text += (i == 1 ? ", the same here as " : " and ") + transfers.choices[i];
  }
  text += "\n";
  for (size_t p = 0; p < transfers.positions.size(); ++p) {
    const TransferExplanation::At& at = transfers.positions[p];
    text += "  position " + std::to_string(p) + ": " + Counted(at.queues, "queue") +
            " a rank for " + Counted(at.channels, "channel") + "; " +
            messages(at.sent, at.sent_bytes) + " out, " + messages(at.received, at.received_bytes) +
            " in";
    const char* separator = "; predicted: ";
    if (at.waited > 0) {
      text += separator + ("transfers in its queues wait " + time(at.waited)) + " for their turn";
      separator = ", ";
    }
    if (at.held_up > 0) {
      text += separator + ("its tasks wait " + time(at.held_up)) + " for transfers in a queue";
    }
    text += "\n";
  }
}

// Of a study: how often, and why no more than that.
void AppendMessages(std::string& text, const std::vector<TrafficExplanation>& traffic) {
  if (!traffic.empty()) text += "messages of a step\n";
  for (const TrafficExplanation& row : traffic) {
    const bool messages = row.kind == TrafficExplanation::Kind::kMessages;
    text += "  " + row.name;
    if (!messages) text += " at position " + std::to_string(row.position.value);
    text += ": " + Counted(row.count, messages ? "message" : "call") + "\n";
  }
}

void AppendFlops(std::string& text, const FlopsExplanation& flops) {
  text += "matrix products of a step, all ranks\n  " + Flops(flops.model);
  if (flops.hardware > flops.model) text += ", " + Flops(flops.hardware) + " with recompute";
  text += "; textbook, 6 x " + Compact(flops.weights) + " weights x " + Compact(flops.tokens) +
          " tokens: " + Flops(flops.textbook) + " without attention's scores\n";
  if (!flops.model_utilisation) return;
  text += "  model FLOPs utilisation " + Percent(*flops.model_utilisation) +
          ", hardware FLOPs utilisation " + Percent(*flops.hardware_utilisation) + "\n";
}

void AppendActivations(std::string& text, const std::vector<ActivationExplanation>& layers) {
  if (layers.empty()) return;
  text += "activations that a layer keeps of one microbatch\n";
  for (const ActivationExplanation& layer : layers) {
    text += "  " + layer.layer +
            (layer.layers > 1 ? " (" + std::to_string(layer.layers) + ")" : "") + ": " +
            HumanBytes(layer.bytes) + " = " + HumanBytes(layer.until_input_grad) +
            " until the input gradient, " + HumanBytes(layer.until_weight_grad) +
            " until the weight gradient, " + HumanBytes(layer.input) + " input\n";
    const char* separator = "    kept: ";
    for (const ActivationExplanation::Stored& stored : layer.stored) {
      text += separator + stored.what + " " + HumanBytes(stored.bytes);
      separator = ", ";
    }
    if (!layer.stored.empty()) text += "\n";
    if (!layer.transformer) continue;
    const ActivationExplanation::Transformer& transformer = *layer.transformer;
    text += "    textbook (Korthikanti et al. 2022) at " +
            std::to_string(8 * transformer.element_bytes) +
            " bits: sbh(34+5as/h) = " + Bytes(transformer.with_scores) +
            "; attention is fused and dropout is drawn again, so "
            "that no score and no mask is kept: 34sbh = " +
            Bytes(transformer.without_scores) + ", here " + Compact(transformer.coefficient) +
            "sbh\n";
  }
}

void AppendMachine(std::string& text, const Explanation& explanation) {
  if (explanation.buckets) {
    const BucketExplanation& buckets = *explanation.buckets;
    text += "buckets on " + explanation.machine + "\n  position " +
            std::to_string(buckets.position.value) + ": " + Bytes(buckets.bytes) + " in " +
            Counted(buckets.buckets, "bucket") + " of " +
            Bytes(buckets.bytes / static_cast<double>(buckets.buckets)) +
            " on average; least time is left with sqrt(s/(wo)) = " + Compact(buckets.best_buckets) +
            ", " + Bytes(buckets.best_bytes) + " each\n";
  }
  if (explanation.compute_bound) {
    const ComputeBoundExplanation& judged = *explanation.compute_bound;
    const bool compute = judged.bound == ComputeBoundExplanation::Bound::kCompute;
    text += "sums over replicas beside arithmetic on " + explanation.machine +
            "\n  a replica has " + Compact(judged.tokens) + " tokens a step: " +
            (compute ? "arithmetic takes longer than the sums"
                     : "the sums take longer than arithmetic") +
            ", which are as long as each other at C/W = " + Compact(judged.threshold) +
            " tokens (as far as FLOP/s and bytes a second are achieved)\n";
  }
}

}  // namespace

std::string TimeText(double time, Explanation::Unit unit) {
  return unit == Explanation::Unit::kSeconds ? HumanTime(time) : CostUnits(time);
}

std::string ToText(const Explanation& explanation) {
  std::string text = explanation.name + ", " + explanation.schedule;
  if (!explanation.machine.empty()) text += ", on " + explanation.machine;
  text += "\n";
  AppendBubble(text, explanation);
  if (explanation.purpose == Explanation::Purpose::kStudy) {
    AppendMessages(text, explanation.traffic);
    AppendTransfers(text, explanation);
    text += "a study has no model: memory, sizes of messages and arithmetic are left out\n";
  } else {
    AppendMemory(text, explanation.memory);
    AppendTraffic(text, explanation);
    AppendTransfers(text, explanation);
    AppendFlops(text, explanation.flops);
    AppendActivations(text, explanation.activations);
    AppendMachine(text, explanation);
  }
  for (const std::string& sentence : explanation.advice) text += "note: " + sentence + "\n";
  return text;
}

}  // namespace pprun
