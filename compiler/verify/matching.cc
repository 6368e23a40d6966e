// matching: on every channel, sends and recvs are as many and in the same order; on every group of
// several positions, the members issue the same collectives in the same order; every wait comes
// after its event's only record. Each stream is a queue of its own program, so order within a
// program is all there is. Linear. Tests: named_damage_test.cc.
#include <algorithm>
#include <optional>
#include <variant>

#include "compiler/plan/text.h"
#include "compiler/verify/checks.h"

namespace pprun {
namespace {

// What the other members of a collective must issue as well.
struct CollectiveShape {
  std::optional<CollectiveKind> kind;  // none: a permute
  DType dtype = DType::kF32;
  int64_t source = 0;  // elements
  int64_t target = 0;
  int32_t root = 0;  // or shift

  bool operator==(const CollectiveShape&) const = default;
};

struct Encountered {
  Site site;
  CollectiveShape shape;
};

// One end of a transfer: an instruction of the position at that end of the channel.
struct Message {
  int32_t instruction = 0;
  MicrobatchId microbatch;
};

class MatchingCheck {
 public:
  MatchingCheck(const Plan& plan, ProgramKind program, Findings& findings)
      : plan_(plan), program_(program), findings_(findings) {}

  void Run() {
    sends_.resize(plan_.channels.size());
    recvs_.resize(plan_.channels.size());
    for (const Group& group : plan_.groups) collectives_.emplace_back(group.positions.size());
    for (size_t i = 0; i < plan_.positions.size(); ++i)
      Collect(PositionId(static_cast<int64_t>(i)));
    for (size_t i = 0; i < plan_.channels.size(); ++i) CompareChannel(i);
    for (size_t i = 0; i < plan_.groups.size(); ++i) CompareGroup(i);
  }

 private:
  using Meetings = std::vector<Encountered>;

  void Collect(PositionId position) {
    const Program& program = ProgramOf(plan_, position, program_);
    std::vector<int32_t> recorded(static_cast<size_t>(program.events), -1);
    for (size_t i = 0; i < program.instructions.size(); ++i) {
      const Instruction& instruction = program.instructions[i];
      const Site site{position, 0, static_cast<int32_t>(i)};
      if (const Send* send = std::get_if<Send>(&instruction.operands)) {
        sends_[send->channel.index()].push_back({site.instruction, send->microbatch});
      } else if (const Recv* recv = std::get_if<Recv>(&instruction.operands)) {
        recvs_[recv->channel.index()].push_back({site.instruction, recv->microbatch});
      } else if (const Collective* collective = std::get_if<Collective>(&instruction.operands)) {
        AddCollective(site, collective->group, collective->kind, collective->source,
                      collective->target, collective->root);
      } else if (const Permute* permute = std::get_if<Permute>(&instruction.operands)) {
        AddCollective(site, permute->group, std::nullopt, permute->source, permute->target,
                      permute->shift);
      } else if (const Record* record = std::get_if<Record>(&instruction.operands)) {
        CheckRecord(site, recorded[record->event.index()]);
      } else if (const Wait* wait = std::get_if<Wait>(&instruction.operands)) {
        if (recorded[wait->event.index()] < 0) {
          findings_.Add(FindingKind::kDataFlow,
                        NameOf(plan_, program_, site) + " waits before the event is recorded",
                        instruction.source);
        }
      }
    }
  }

  void CheckRecord(const Site& site, int32_t& recorded) {
    const SourceId source = InstructionAt(plan_, program_, site).source;
    if (recorded >= 0) {
      const Site first{site.position, 0, recorded};
      findings_.Add(FindingKind::kDataFlow,
                    NameOf(plan_, program_, site) + " records the event again", source,
                    {{"first recorded here", InstructionAt(plan_, program_, first).source}});
    }
    recorded = site.instruction;
  }

  void AddCollective(const Site& site, GroupId id, std::optional<CollectiveKind> kind,
                     BufferId source, BufferId target, int32_t root) {
    const std::vector<PositionId>& members = plan_.groups[id.index()].positions;
    if (members.size() <= 1) return;
    const size_t member =
        static_cast<size_t>(std::ranges::find(members, site.position) - members.begin());
    const std::vector<Buffer>& buffers = plan_.positions[site.position.index()].buffers;
    const TensorType& from = buffers[source.index()].type;
    const TensorType& to = buffers[target.index()].type;
    collectives_[id.index()][member].push_back(
        {site, {kind, from.dtype, from.shape.Elements(), to.shape.Elements(), root}});
  }

  SourceId SourceOf(const Site& site) const { return InstructionAt(plan_, program_, site).source; }

  void CompareChannel(size_t index) {
    const Channel& channel = plan_.channels[index];
    const std::vector<Message>& sends = sends_[index];
    const std::vector<Message>& recvs = recvs_[index];
    const auto sent_at = [&](size_t i) { return Site{channel.from, 0, sends[i].instruction}; };
    const auto received_at = [&](size_t i) { return Site{channel.to, 0, recvs[i].instruction}; };
    const size_t both = std::min(sends.size(), recvs.size());
    for (size_t i = 0; i < both; ++i) {
      if (sends[i].microbatch == recvs[i].microbatch) continue;
      findings_.Add(FindingKind::kMatching,
                    "channel `" + channel.name + "`, message " + std::to_string(i) + ": " +
                        NameOf(plan_, program_, sent_at(i)) + " meets " +
                        NameOf(plan_, program_, received_at(i)),
                    SourceOf(sent_at(i)), {{"received here", SourceOf(received_at(i))}});
      return;
    }
    if (sends.size() == recvs.size()) return;
    const bool sent = sends.size() > both;
    const Site alone = sent ? sent_at(both) : received_at(both);
    findings_.Add(FindingKind::kMatching,
                  NameOf(plan_, program_, alone) + (sent ? " is never received" : " is never sent"),
                  SourceOf(alone));
  }

  void CompareGroup(size_t index) {
    const std::vector<Meetings>& members = collectives_[index];
    const std::string group = "group `" + plan_.groups[index].name + "`";
    for (size_t m = 1; m < members.size(); ++m) {
      const Meetings& first = members[0];
      const Meetings& other = members[m];
      const size_t both = std::min(first.size(), other.size());
      for (size_t i = 0; i < both; ++i) {
        if (first[i].shape == other[i].shape) continue;
        findings_.Add(FindingKind::kMatching,
                      group + ": " + NameOf(plan_, program_, first[i].site) + " meets " +
                          NameOf(plan_, program_, other[i].site),
                      SourceOf(first[i].site), {{"the other one", SourceOf(other[i].site)}});
        return;
      }
      if (first.size() == other.size()) continue;
      const Encountered& alone = first.size() > both ? first[both] : other[both];
      const PositionId absent = plan_.groups[index].positions[first.size() > both ? m : 0];
      findings_.Add(FindingKind::kMatching,
                    NameOf(plan_, program_, alone.site) + " is never joined by position " +
                        std::to_string(absent.value),
                    SourceOf(alone.site));
      return;
    }
  }

  const Plan& plan_;
  ProgramKind program_;
  Findings& findings_;
  std::vector<std::vector<Message>> sends_;         // by channel
  std::vector<std::vector<Message>> recvs_;         // by channel
  std::vector<std::vector<Meetings>> collectives_;  // by group, then member
};

}  // namespace

void CheckMatching(const Plan& plan, Findings& findings) {
  for (int program = 0; program < kProgramCount; ++program) {
    MatchingCheck(plan, static_cast<ProgramKind>(program), findings).Run();
  }
}

}  // namespace pprun
