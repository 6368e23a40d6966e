// What a plan costs and why: its bubble, memory, traffic, queues, arithmetic and activations,
// counted from the plan's own buffers and instructions, each beside the textbook's formula; and
// sentences where a choice cannot pay. Tests: explain_test.cc, explain_transfers_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/report/accounting_schedules.h"
#include "compiler/simulate/simulate.h"

namespace pprun {

struct ExplainOptions {
  CostModel model;                 // by which the plan is predicted
  std::optional<Machine> machine;  // to judge it by; if none, the model's, should it be a machine
  int32_t steps = 1;  // one after the other; figures and idle times are of all together
  Barrier barrier = Barrier::kAsPlanned;
};

// The bubble, and what is published of the schedule.
struct BubbleExplanation {
  double idle_of_makespan = 0;  // makespan - work
  double idle_of_span = 0;
  int64_t peak_activations = 0;  // of the rank with the most
  // The textbook, with the mean costs of the plan's chunks; empty for schedules of your own.
  std::optional<ScheduleFormula> formula;
};

struct MemoryExplanation {
  std::vector<std::array<int64_t, kArenaCount>> arenas;  // by position, bytes
  int64_t parameter_elements = 0;                        // of the position with the most
  // Parameters, gradients and optimizer's state of that position: what the plan has, what as many
  // bytes a parameter make, and what 16-bit training with Adam would take unsharded, (2+2+12)
  // bytes a parameter (Rajbhandari et al. 2020).
  int64_t state_bytes = 0;
  double bytes_a_parameter = 0;
  double mixed_precision_bytes = 0;
};

// One step's messages over a channel, or its collectives of one kind in a group at one position.
struct TrafficExplanation {
  enum class Kind : uint8_t { kMessages, kCollectives } kind = Kind::kMessages;
  std::string name;     // "activation 0 to 1", "all_reduce over dp"
  PositionId position;  // that sends; of a collective, whose it is
  int64_t count = 0;
  double bytes = 0;       // of the messages; of the collectives, before the ring's factor
  int64_t ranks = 2;      // that take part
  double sent_bytes = 0;  // by each rank, in a ring
  std::string link;       // of the machine that joins the ranks; empty without one
  double seconds = 0;     // on that link, one after the other
};

// The queues that one step's transfers stand in, and what that costs in the predicted run.
struct TransferExplanation {
  // What `transfers` may say to give these queues; empty: nothing does.
  std::vector<std::string> choices;
  struct At {
    int64_t queues = 0;    // of each rank at the position
    int64_t channels = 0;  // whose messages go through them
    int64_t sent = 0;      // messages
    int64_t received = 0;
    double sent_bytes = 0;
    double received_bytes = 0;
    // How long transfers that lacked nothing else waited, all together, for their turn in queues
    // of this position; and how long its tasks waited for such transfers.
    double waited = 0;
    double held_up = 0;
  };
  std::vector<At> positions;
  // The one for which tasks waited longest, of the position whose tasks wait most; empty: none do.
  struct Wait {
    PositionId position;      // whose queue it is
    std::string instruction;  // "recv received gradient[0] from position 3, ..."
    std::string behind;       // what was before it in its queue; empty: nothing
    std::string source;       // "plan.sched:3 insert_transfers"
    double ready = 0;         // it lacked nothing else from then on
    double begin = 0;
    double held_up = 0;
  };
  std::optional<Wait> worst;
};

struct FlopsExplanation {
  double model = 0;     // a step of all ranks, without recompute
  double hardware = 0;  // with it
  double tokens = 0;    // a step
  double weights = 0;   // elements that matrix products multiply tokens by
  double textbook = 0;  // 6 x weights x tokens, which leaves out attention's scores
  // Of the machine's peak, if the prediction is in seconds.
  std::optional<double> model_utilisation;
  std::optional<double> hardware_utilisation;
};

// What one layer keeps of one microbatch from its forward to its backward.
struct ActivationExplanation {
  std::string layer;   // "block"
  int64_t layers = 0;  // that are the same
  int64_t bytes = 0;   // all of the below
  int64_t until_input_grad = 0;
  int64_t until_weight_grad = 0;
  int64_t input = 0;  // the layer's input, if a backward reads it
  struct Stored {
    std::string what;  // "attn.qkv y"
    int64_t bytes = 0;
  };
  std::vector<Stored> stored;
  // Of a layer with attention: sbh(34 + 5as/h) and 34sbh (Korthikanti et al. 2022) at this plan's
  // element size, and the plan's as a multiple of sbh 16-bit elements' bytes.
  struct Transformer {
    double with_scores = 0;
    double without_scores = 0;
    double coefficient = 0;  // to put beside 34
    int32_t element_bytes = 4;
  };
  std::optional<Transformer> transformer;
};

// Gradients summed in buckets, at the position that has most of them; needs a machine.
struct BucketExplanation {
  PositionId position;
  int64_t buckets = 0;
  double bytes = 0;  // of all
  double best_buckets = 0;
  double best_bytes = 0;
  double exposed = 0;       // seconds after the backward pass, by the formula
  double best_exposed = 0;  // with the best buckets
};

// Whether arithmetic hides the sums over replicas; needs a machine.
struct ComputeBoundExplanation {
  double tokens = 0;     // a step, of one replica
  double threshold = 0;  // below it communication shows
  enum class Bound : uint8_t { kCompute, kCommunication } bound = Bound::kCompute;
};

struct Explanation {
  std::string name;
  std::string schedule;
  enum class Unit : uint8_t { kSeconds, kOfTheTable } unit = Unit::kOfTheTable;
  // Of a study only times, activations and messages are counted: its bytes and FLOPs would be those
  // of what stands in for a model.
  enum class Purpose : uint8_t { kTraining, kStudy } purpose = Purpose::kTraining;
  std::string machine;  // empty: none
  Figures figures;
  BubbleExplanation bubble;
  MemoryExplanation memory;
  std::vector<TrafficExplanation> traffic;
  std::optional<TransferExplanation> transfers;  // empty: there are none
  FlopsExplanation flops;
  std::vector<ActivationExplanation> activations;
  std::optional<BucketExplanation> buckets;
  std::optional<ComputeBoundExplanation> compute_bound;
  std::vector<std::string> advice;  // a sentence each; empty: nothing stands out
};

// The plan must be proven. Throws as Simulate does.
Explanation Explain(const Plan& plan, const ExplainOptions& options);

std::string ToText(const Explanation& explanation);
std::string ToJson(const Explanation& explanation);

}  // namespace pprun
