#include "tests/runtime/issued_check.h"

#include <algorithm>
#include <sstream>

#include "compiler/plan/text.h"

namespace pprun {
namespace {

using Lines = std::vector<std::string>;

Lines Words(const std::string& line) {
  std::istringstream stream(line);
  Lines words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

int64_t BytesOf(const Position& position, BufferId buffer) {
  return position.buffers[buffer.index()].type.Bytes();
}

// The calls of an instruction up to its mark, without streams and events: "launch operation". A
// meeting's are issued with its last participant.
struct CallsOf {
  const Plan& plan;
  const Position& position;
  enum class Participant : uint8_t { kLast, kEarlier } participant;
  size_t members;  // of a collective

  Lines operator()(const Run& run) const {
    return Lines(plan.functions[run.function.index()].operations.size(), "launch operation");
  }
  Lines operator()(const Send&) const { return {}; }
  Lines operator()(const Recv& recv) const {
    return {"record", "wait", "copy on device " + std::to_string(BytesOf(position, recv.target)),
            "record", "wait", "mark"};
  }
  Lines operator()(const Collective& collective) const {
    if (participant == Participant::kEarlier) return {};
    Lines calls;
    for (size_t i = 1; i < members; ++i) calls.insert(calls.end(), {"record", "wait"});
    if (collective.kind == CollectiveKind::kAllGather) {
      const Lines copies(members * members,
                         "copy on device " + std::to_string(BytesOf(position, collective.source)));
      calls.insert(calls.end(), copies.begin(), copies.end());
    } else {
      calls.push_back("launch sum of " + std::to_string(members));
    }
    calls.push_back("record");
    for (size_t i = 1; i < members; ++i) calls.push_back("wait");
    for (size_t i = 1; i < members; ++i) calls.push_back("mark");
    return calls;
  }
  Lines operator()(const Load& load) const {
    return {"copy host to device " + std::to_string(BytesOf(position, load.target))};
  }
  Lines operator()(const pprun::Initialise&) const { return {"launch initialise"}; }
  Lines operator()(const Zero&) const { return {"launch zero"}; }
  Lines operator()(const Cast&) const { return {"launch cast"}; }
  Lines operator()(const Add&) const { return {"launch add"}; }
  Lines operator()(const SquareSum&) const { return {"launch square_sum"}; }
  Lines operator()(const ClipFactor&) const { return {"launch clip_factor"}; }
  Lines operator()(const Update&) const { return {"launch update"}; }
  Lines operator()(const Permute&) const {
    ADD_FAILURE() << "no plan of this test permutes";
    return {};
  }
  Lines operator()(const Record&) const { return {"record"}; }
  Lines operator()(const Wait&) const { return {"wait"}; }
};

}  // namespace

void IssuedCheck::Check(const std::vector<std::string>& log) {
  auto line = std::ranges::find_if(log, [](const auto& one) { return one.starts_with("["); });
  for (const JointStep& step : order_) {
    ASSERT_NE(line, log.end());
    const std::string name = line->substr(1);
    const auto end = std::find(line, log.end(), "]");
    ASSERT_NE(end, log.end());
    CheckStep(step, name, Lines(line + 1, end));
    if (testing::Test::HasFatalFailure()) return;
    line = end + 1;
  }
  for (; line != log.end(); ++line) EXPECT_FALSE(line->starts_with("[")) << *line;
}

void IssuedCheck::CheckStep(const JointStep& step, const std::string& name, const Lines& calls) {
  const Position& position = PositionOf(step.rank);
  const Instruction& instruction = position.programs[static_cast<size_t>(program_)]
                                       .instructions[static_cast<size_t>(step.instruction)];
  ASSERT_EQ(name, "rank " + std::to_string(step.rank) + ": " +
                      ToText(plan_, position, instruction) + "  ; " +
                      ToText(plan_, instruction.source));
  SCOPED_TRACE(name);
  CallsOf visitor = {plan_, position, CallsOf::Participant::kLast, 0};
  if (const auto* collective = std::get_if<Collective>(&instruction.operands)) {
    const std::vector<int64_t> members =
        MembersOf(plan_, plan_.groups[collective->group.index()], step.rank);
    visitor.members = members.size();
    if (members.back() != step.rank) visitor.participant = CallsOf::Participant::kEarlier;
  }
  Lines expected = std::visit(visitor, instruction.operands);
  const bool meets_later = std::holds_alternative<Send>(instruction.operands) ||
                           visitor.participant == CallsOf::Participant::kEarlier;
  if (!meets_later) expected.push_back("mark");
  ASSERT_EQ(calls.size(), expected.size());
  for (size_t i = 0; i < calls.size(); ++i) {
    EXPECT_TRUE(calls[i].starts_with(expected[i] + " ")) << calls[i] << ", not " << expected[i];
  }
  if (meets_later) return;
  // The last mark is this instruction's own, on its stream.
  const std::string stream = Words(calls.back()).back();
  const std::pair user = {step.rank, instruction.stream};
  EXPECT_EQ(streams_.emplace(user, stream).first->second, stream);
  EXPECT_EQ(stream_users_.emplace(stream, user).first->second, user);
  if (calls.size() != 2) return;
  const Lines words = Words(calls[0]);
  const auto check_event = [&](EventId id, const std::string& event, const std::string& on) {
    const std::pair event_user = {step.rank, id};
    EXPECT_EQ(on, stream);
    EXPECT_EQ(events_.emplace(event_user, event).first->second, event);
    EXPECT_EQ(event_users_.emplace(event, event_user).first->second, event_user);
  };
  if (const auto* record = std::get_if<Record>(&instruction.operands)) {
    check_event(record->event, words[1], words[2]);
  } else if (const auto* wait = std::get_if<Wait>(&instruction.operands)) {
    check_event(wait->event, words[2], words[1]);
  } else {
    EXPECT_EQ(words.back(), stream);
  }
}

}  // namespace pprun
