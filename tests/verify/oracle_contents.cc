#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <tuple>
#include <variant>

#include "tests/verify/oracle.h"
#include "tests/verify/oracle_numbers.h"

namespace pprun {
namespace {

constexpr int32_t kNoMicrobatch = -1;

// The arenas of one rank, four bytes a word, each with the microbatch of whoever wrote it.
struct RankMemory {
  std::array<Words, kArenaCount> words;
  std::array<std::vector<int32_t>, kArenaCount> microbatch;
};

class Machine {
 public:
  explicit Machine(const Plan& plan) : plan_(plan), replicas_(plan.Replicas()) {
    memory_.resize(plan.positions.size() * static_cast<size_t>(replicas_));
    Spoil(Spoiled::kEverything);
  }

  void Run(ProgramKind program) {
    Spoil(Spoiled::kWhatDoesNotSurvive);
    program_ = program;
    for (const std::vector<Site>& sites :
         RunSlowly(plan_, program, StreamView::kMerged, 1, KeepOrder::kYes).order) {
      Do(sites);
    }
  }

  Words Read(PositionId position, int64_t replica, BufferId id) const {
    const Buffer& buffer = plan_.positions[position.index()].buffers[id.index()];
    return Read(position, replica, id, buffer.type.Bytes());
  }
  const std::vector<RankMemory>& memory() const { return memory_; }
  Verdict verdict;
  // How often each task ran: layer, microbatch, kind.
  std::map<std::tuple<int32_t, int32_t, TaskKind>, int> tasks;
  std::map<std::pair<int32_t, int32_t>, int> updates, initialisations;  // position, parameter

 private:
  enum class Spoiled : uint8_t { kEverything, kWhatDoesNotSurvive };

  RankMemory& At(PositionId position, int64_t replica) {
    return memory_[position.index() * static_cast<size_t>(replicas_) +
                   static_cast<size_t>(replica)];
  }
  const RankMemory& At(PositionId position, int64_t replica) const {
    return memory_[position.index() * static_cast<size_t>(replicas_) +
                   static_cast<size_t>(replica)];
  }

  void Spoil(Spoiled what) {
    for (size_t rank = 0; rank < memory_.size(); ++rank) {
      const Position& position = plan_.positions[rank / static_cast<size_t>(replicas_)];
      for (size_t a = 0; a < kArenaCount; ++a) {
        const ArenaKind arena = static_cast<ArenaKind>(a);
        const bool survives = arena == ArenaKind::kParameters ||
                              arena == ArenaKind::kGatheredParameters ||
                              arena == ArenaKind::kOptimizer;
        if (what == Spoiled::kWhatDoesNotSurvive && survives) continue;
        Words& words = memory_[rank].words[a];
        words.resize(static_cast<size_t>(position.arena_bytes[a] + 3) / 4);
        for (size_t i = 0; i < words.size(); ++i) words[i] = Combine({61, ++garbage_, rank, i});
        memory_[rank].microbatch[a].assign(words.size(), kNoMicrobatch);
      }
    }
  }

  Words Read(PositionId position, int64_t replica, BufferId id, int64_t bytes) const {
    const Buffer& buffer = plan_.positions[position.index()].buffers[id.index()];
    const Words& words = At(position, replica).words[static_cast<size_t>(buffer.arena)];
    const auto begin = words.begin() + buffer.offset / 4;
    return Words(begin, begin + bytes / 4);
  }
  void Write(PositionId position, int64_t replica, BufferId id, const Words& words,
             int32_t microbatch = kNoMicrobatch) {
    const Buffer& buffer = plan_.positions[position.index()].buffers[id.index()];
    RankMemory& memory = At(position, replica);
    const size_t arena = static_cast<size_t>(buffer.arena);
    std::ranges::copy(words, memory.words[arena].begin() + buffer.offset / 4);
    std::fill_n(memory.microbatch[arena].begin() + buffer.offset / 4, words.size(), microbatch);
  }

  const Instruction& InstructionOf(const Site& site) const {
    return plan_.positions[site.position.index()]
        .programs[static_cast<size_t>(program_)]
        .instructions[static_cast<size_t>(site.instruction)];
  }

  void Do(const std::vector<Site>& sites) {
    const Operands& operands = InstructionOf(sites[0]).operands;
    if (std::holds_alternative<Send>(operands) || std::holds_alternative<Recv>(operands)) {
      const bool first = std::holds_alternative<Send>(operands);
      return Transfer(sites[first ? 0 : 1], sites[first ? 1 : 0]);
    }
    if (std::holds_alternative<Collective>(operands)) return Meet(sites);
    for (int64_t replica = 0; replica < replicas_; ++replica) {
      std::visit(Alone{*this, sites[0].position, replica}, operands);
    }
  }

  void Transfer(const Site& from, const Site& to) {
    const Send& send = std::get<Send>(InstructionOf(from).operands);
    const Recv& recv = std::get<Recv>(InstructionOf(to).operands);
    const Buffer& source = plan_.positions[from.position.index()].buffers[send.source.index()];
    for (int64_t replica = 0; replica < replicas_; ++replica) {
      const auto& tags = At(from.position, replica).microbatch[static_cast<size_t>(source.arena)];
      const auto begin = tags.begin() + source.offset / 4;
      const std::span tag(begin, static_cast<size_t>(source.type.Bytes() / 4));
      if (std::ranges::any_of(tag, [&](int32_t m) { return m != send.microbatch.value; })) {
        verdict = "a message is of another microbatch than it says";
      }
      Write(to.position, replica, recv.target, Read(from.position, replica, send.source),
            send.microbatch.value);
    }
  }

  // All ranks of the group at once: its positions times all replicas, or each replica by itself.
  void Meet(const std::vector<Site>& sites) {
    const Collective& first = std::get<Collective>(InstructionOf(sites[0]).operands);
    const bool across = !plan_.groups[first.group.index()].axes.empty();
    for (int64_t r = 0; r < (across ? 1 : replicas_); ++r) {
      struct Member {
        PositionId position;
        int64_t replica;
        const Collective* collective;
      };
      std::vector<Member> members;
      for (const Site& site : sites) {
        const Collective* own = &std::get<Collective>(InstructionOf(site).operands);
        for (int64_t k = across ? 0 : r; k < (across ? replicas_ : r + 1); ++k) {
          members.push_back({site.position, k, own});
        }
      }
      std::vector<Words> sources;
      for (const Member& member : members) {
        sources.push_back(Read(member.position, member.replica, member.collective->source));
      }
      Words result;
      if (first.kind == CollectiveKind::kAllReduce) {
        result.resize(sources[0].size());
        for (const Words& source : sources) {
          for (size_t i = 0; i < source.size(); ++i) result[i] += source[i];
        }
      } else if (first.kind == CollectiveKind::kAllGather) {
        for (const Words& source : sources) {
          result.insert(result.end(), source.begin(), source.end());
        }
      } else if (first.kind == CollectiveKind::kBroadcast) {
        result = sources[static_cast<size_t>(first.root)];
      } else {
        verdict = "a collective that this oracle does not know";
        return;
      }
      for (const Member& member : members) {
        Write(member.position, member.replica, member.collective->target, result);
      }
    }
  }

  // What one rank does by itself.
  struct Alone {
    Machine& machine;
    PositionId position;
    int64_t replica;

    Words Get(BufferId id) const { return machine.Read(position, replica, id); }
    void Put(BufferId id, const Words& words, int32_t microbatch = kNoMicrobatch) const {
      machine.Write(position, replica, id, words, microbatch);
    }
    const Position& place() const { return machine.plan_.positions[position.index()]; }

    void operator()(const struct Run& run) const {
      const Function& function = machine.plan_.functions[run.function.index()];
      const int32_t microbatch = run.microbatch.value;
      if (replica == 0) ++machine.tasks[{run.layer.value, microbatch, run.kind}];
      OracleCall call(function, run.layer, run.microbatch, replica);
      const auto bound = [&](size_t i) {
        return place().bindings[static_cast<size_t>(run.first_binding) + i];
      };
      for (size_t i = 0; i < function.arguments.size(); ++i) {
        const Argument& argument = function.arguments[i];
        if (argument.access != Access::kRead) continue;
        call.Read(argument, machine.Read(position, replica, bound(i), argument.bytes));
      }
      for (size_t i = 0; i < function.arguments.size(); ++i) {
        const Argument& argument = function.arguments[i];
        if (argument.access == Access::kRead) continue;
        Words result = call.Result(argument);
        if (argument.access == Access::kAccumulate) {
          const Words before = machine.Read(position, replica, bound(i), argument.bytes);
          for (size_t k = 0; k < result.size(); ++k) result[k] += before[k];
        }
        const bool activation =
            argument.role == Role::kOutput || argument.role == Role::kInputGradient;
        Put(bound(i), result, activation ? microbatch : kNoMicrobatch);
      }
    }
    void operator()(const Load& load) const {
      const int64_t bytes = place().buffers[load.target.index()].type.Bytes();
      Put(load.target, BatchWords(load.what == Load::What::kTokens ? 0 : 1, load.microbatch.value,
                                  replica, bytes));
    }
    void operator()(const Initialise& initialise) const {
      if (replica == 0) ++machine.initialisations[{position.value, initialise.parameter.value}];
      const int64_t bytes = place().buffers[initialise.target.index()].type.Bytes();
      Put(initialise.target, InitialWords(initialise.parameter, bytes));
    }
    void operator()(const Zero& zero) const { Put(zero.target, Words(Get(zero.target).size(), 0)); }
    void operator()(const Cast& cast) const {
      const auto bytes = [&](BufferId id) { return place().buffers[id.index()].type.Bytes(); };
      const Words source = Get(cast.source);
      if (bytes(cast.target) == bytes(cast.source)) return Put(cast.target, source);
      if (2 * bytes(cast.target) == bytes(cast.source)) {
        return Put(cast.target, RoundedWords(source));
      }
      machine.verdict = "a cast that this oracle does not know";
    }
    void operator()(const Add& add) const {
      Words sum = Get(add.target);
      const Words source = Get(add.source);
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += source[i];
      Put(add.target, sum);
    }
    void operator()(const SquareSum& sum) const {
      for (const ParameterSquares& row : RowsOf(place(), sum)) {
        Put(row.partials, SquareSums(Get(row.gradient)));
      }
    }
    void operator()(const ClipFactor& clip) const {
      const Words partials = Get(clip.partials);
      Words in_order;
      for (const NormBlocks& blocks : machine.plan_.norm_order) {
        for (int32_t i = 0; i < blocks.count; ++i) {
          const size_t word = 2 * static_cast<size_t>(blocks.first + i);
          in_order.push_back(partials[word]);
          in_order.push_back(partials[word + 1]);
        }
      }
      const Word factor = ClipWord(in_order);
      Put(clip.target, {factor, Combine({factor, 67})});
    }
    void operator()(const Update& update) const {
      const Word factor = update.clip.valid() ? Get(update.clip)[0] : 1;
      for (const ParameterUpdate& row : RowsOf(place(), update)) {
        if (replica == 0) ++machine.updates[{position.value, row.parameter.value}];
        Words gradient = Get(row.gradient);
        for (Word& word : gradient) word *= factor;
        Words value = Get(row.value);
        Words first = row.first_moment.valid() ? Get(row.first_moment) : Words();
        Words second = row.second_moment.valid() ? Get(row.second_moment) : Words();
        UpdateWords(value, gradient, first, second);
        Put(row.value, value);
        if (row.first_moment.valid()) Put(row.first_moment, first);
        if (row.second_moment.valid()) Put(row.second_moment, second);
        if (row.rounded.valid()) Put(row.rounded, RoundedWords(value));
      }
    }
    void operator()(const Permute&) const { machine.verdict = "a permute"; }
    // Seen to by Do.
    void operator()(const Send&) const {}
    void operator()(const Recv&) const {}
    void operator()(const Collective&) const {}
    // Order alone.
    void operator()(const Record&) const {}
    void operator()(const Wait&) const {}
  };

  const Plan& plan_;
  int64_t replicas_;
  std::vector<RankMemory> memory_;  // by position, then replica
  ProgramKind program_ = ProgramKind::kInitialise;
  Word garbage_ = 0;
};

Verdict JudgeTasks(const Plan& plan, const Machine& machine, ProgramKind program) {
  for (const auto& [task, times] : machine.tasks) {
    const TaskKind kind = std::get<2>(task);
    if (times != 1) return "a task is done twice";
    if (program == ProgramKind::kValidate && kind != TaskKind::kForward) return "no forward task";
    const auto count = [&](TaskKind other) {
      return machine.tasks.contains({std::get<0>(task), std::get<1>(task), other});
    };
    if (kind == TaskKind::kBackward &&
        (count(TaskKind::kInputGrad) || count(TaskKind::kWeightGrad))) {
      return "a gradient is computed twice";
    }
  }
  for (int32_t layer = 0; layer < static_cast<int32_t>(plan.layers.size()); ++layer) {
    for (int32_t i = 0; i < plan.train.microbatches; ++i) {
      if (!machine.tasks.contains({layer, i, TaskKind::kForward})) return "a forward is missing";
      if (program == ProgramKind::kValidate || layer == 0) continue;
      if (!machine.tasks.contains({layer, i, TaskKind::kBackward}) &&
          !machine.tasks.contains({layer, i, TaskKind::kInputGrad})) {
        return "an input gradient is missing";
      }
    }
  }
  return {};
}

// Each microbatch's loss is at one position, and right.
Verdict JudgeLosses(const Plan& plan, const Machine& machine,
                    const std::map<std::pair<int64_t, int32_t>, Words>& wanted) {
  std::map<size_t, int> reported;  // by microbatch
  for (size_t p = 0; p < plan.positions.size(); ++p) {
    const std::vector<BufferId>& losses = plan.positions[p].losses;
    for (size_t i = 0; i < losses.size(); ++i) {
      if (!losses[i].valid()) continue;
      if (++reported[i] > 1) return "a loss is at two positions";
      for (int64_t replica = 0; replica < plan.Replicas(); ++replica) {
        const Words held = machine.Read(PositionId(static_cast<int64_t>(p)), replica, losses[i]);
        if (held != wanted.at({replica, static_cast<int32_t>(i)})) return "a loss is wrong";
      }
    }
  }
  const size_t microbatches = static_cast<size_t>(plan.train.microbatches);
  return reported.size() == microbatches ? "" : "a loss is nowhere";
}

// Every holder has each parameter, and did with it once what the program does.
Verdict JudgeHolders(const Plan& plan, const std::map<std::pair<int32_t, int32_t>, int>& done) {
  size_t wanted = 0;
  for (size_t p = 0; p < plan.parameters.size(); ++p) {
    for (const PositionId holder : plan.parameters[p].holders) {
      const auto found = done.find({holder.value, static_cast<int32_t>(p)});
      if (found == done.end() || found->second != 1) return "a holder does not do its part once";
      ++wanted;
    }
  }
  return wanted == done.size() ? "" : "somebody else's parameter";
}

}  // namespace

Verdict JudgeContents(const Plan& plan, const OracleReference& reference) {
  Machine machine(plan);
  machine.Run(ProgramKind::kInitialise);
  if (const Verdict verdict = JudgeHolders(plan, machine.initialisations); !verdict.empty()) {
    return verdict;
  }
  const auto validate = static_cast<size_t>(ProgramKind::kValidate);
  if (std::ranges::any_of(plan.positions, [&](const Position& position) {
        return !position.programs[validate].instructions.empty();
      })) {
    Machine copy = machine;
    const auto before = copy.memory();
    copy.Run(ProgramKind::kValidate);
    Verdict verdict = copy.verdict;
    if (verdict.empty()) verdict = JudgeTasks(plan, copy, ProgramKind::kValidate);
    if (verdict.empty()) verdict = JudgeLosses(plan, copy, reference.validation_losses);
    for (size_t rank = 0; rank < before.size(); ++rank) {
      for (const ArenaKind arena : {ArenaKind::kParameters, ArenaKind::kOptimizer}) {
        const size_t a = static_cast<size_t>(arena);
        if (before[rank].words[a] != copy.memory()[rank].words[a]) verdict = "changed by validate";
      }
    }
    if (!verdict.empty()) return "validate: " + verdict;
  }
  for (int step = 0; step < 2; ++step) {
    machine.tasks.clear();
    machine.updates.clear();
    machine.Run(ProgramKind::kStep);
    Verdict verdict = machine.verdict;
    if (verdict.empty()) verdict = JudgeTasks(plan, machine, ProgramKind::kStep);
    if (verdict.empty()) verdict = JudgeHolders(plan, machine.updates);
    if (!verdict.empty()) return verdict;
  }
  if (const Verdict verdict = JudgeLosses(plan, machine, reference.losses); !verdict.empty()) {
    return verdict;
  }
  for (size_t p = 0; p < plan.positions.size(); ++p) {
    const PositionId position(static_cast<int64_t>(p));
    for (const Instruction& instruction :
         plan.positions[p].programs[static_cast<size_t>(ProgramKind::kInitialise)].instructions) {
      const auto* initialise = std::get_if<Initialise>(&instruction.operands);
      if (initialise == nullptr) continue;
      for (int64_t replica = 0; replica < plan.Replicas(); ++replica) {
        const Words held = machine.Read(position, replica, initialise->target);
        if (held != reference.parameters[initialise->parameter.index()]) {
          return "the parameter `" + plan.parameters[initialise->parameter.index()].name +
                 "` is wrong after two steps";
        }
      }
    }
  }
  return {};
}

}  // namespace pprun
