#include "tests/verify/damage.h"

#include <algorithm>
#include <variant>
#include <vector>

#include "compiler/plan/text.h"

namespace pprun {
namespace {

struct Damager {
  Plan& plan;
  Random& random;
  size_t p = 0;  // the position at hand
  size_t kind = 0;

  size_t Below(size_t count) { return std::uniform_int_distribution<size_t>(0, count - 1)(random); }
  Position& position() { return plan.positions[p]; }
  std::vector<Instruction>& body() { return position().programs[kind].instructions; }
  std::string TextOf(size_t i) { return ToText(plan, position(), body()[i]); }
  int32_t Microbatch() {
    return static_cast<int32_t>(Below(static_cast<size_t>(plan.train.microbatches)));
  }

  // An instruction that satisfies a condition; the number of instructions if there is none.
  template <typename Condition>
  size_t Pick(Condition&& condition) {
    std::vector<size_t> found;
    for (size_t i = 0; i < body().size(); ++i) {
      if (condition(body()[i].operands)) found.push_back(i);
    }
    return found.empty() ? body().size() : found[Below(found.size())];
  }

  std::string Drop(size_t i) {
    if (i == body().size()) return "";
    const std::string text = "drops " + TextOf(i);
    body().erase(body().begin() + static_cast<ptrdiff_t>(i));
    return text;
  }
  std::string DropWait() {
    return Drop(Pick([](const Operands& o) { return std::holds_alternative<Wait>(o); }));
  }
  std::string DropWork() {
    return Drop(Pick([](const Operands& o) {
      return !std::holds_alternative<Wait>(o) && !std::holds_alternative<Record>(o);
    }));
  }
  std::string Move(size_t from, size_t to) {
    const std::string text = "moves " + TextOf(from) + " to " + std::to_string(to);
    const Instruction moved = body()[from];
    body().erase(body().begin() + static_cast<ptrdiff_t>(from));
    body().insert(body().begin() + static_cast<ptrdiff_t>(to), moved);
    return text;
  }
  std::string MoveFar() { return Move(Below(body().size()), Below(body().size())); }
  std::string MoveNear() {
    const size_t from = Below(body().size());
    const size_t to = std::min(body().size() - 1, from + 1 + Below(4));
    return Move(from, to);
  }
  std::string SwapTransfers() {
    const auto is = [](const Operands& o) {
      return std::holds_alternative<Send>(o) || std::holds_alternative<Recv>(o);
    };
    const size_t a = Pick(is), b = Pick(is);
    if (a == body().size()) return "";
    std::swap(body()[a], body()[b]);
    return "swaps transfers " + std::to_string(a) + " and " + std::to_string(b);
  }
  std::string DropRecord() {
    return Drop(Pick([](const Operands& o) { return std::holds_alternative<Record>(o); }));
  }
  std::string DropCollective() {
    return Drop(Pick([](const Operands& o) { return std::holds_alternative<Collective>(o); }));
  }
  // Two instructions that follow each other on one stream.
  std::string SwapOnStream() {
    const size_t first = Below(body().size());
    for (size_t second = first + 1; second < body().size(); ++second) {
      if (body()[second].stream != body()[first].stream) continue;
      const std::string text = "swaps " + TextOf(first) + " and " + TextOf(second);
      std::swap(body()[first], body()[second]);
      return text;
    }
    return "";
  }
  std::string SwapCollectives() {
    const auto is = [](const Operands& o) { return std::holds_alternative<Collective>(o); };
    const size_t a = Pick(is), b = Pick(is);
    if (a == b || a == body().size()) return "";
    std::swap(body()[a], body()[b]);
    return "swaps collectives " + std::to_string(a) + " and " + std::to_string(b);
  }
  std::string AnotherStream() {
    const size_t i = Below(body().size());
    const StreamId now(static_cast<int64_t>(Below(position().streams.size())));
    if (body()[i].stream == now) return "";
    const std::string text = TextOf(i) + " now on `" + position().streams[now.index()].name + "`";
    body()[i].stream = now;
    return text;
  }
  // To or from another peer, on a channel that begins or ends here.
  std::string AnotherChannel() {
    const size_t i = Pick([](const Operands& o) {
      return std::holds_alternative<Send>(o) || std::holds_alternative<Recv>(o);
    });
    if (i == body().size()) return "";
    const ChannelId now(static_cast<int64_t>(Below(plan.channels.size())));
    const Channel& channel = plan.channels[now.index()];
    const std::string text = TextOf(i) + " now on `" + channel.name + "`";
    const PositionId here(static_cast<int64_t>(p));
    Operands& operands = body()[i].operands;
    if (auto* send = std::get_if<Send>(&operands)) {
      if (channel.from != here || send->channel == now) return "";
      send->channel = now;
    }
    if (auto* recv = std::get_if<Recv>(&operands)) {
      if (channel.to != here || recv->channel == now) return "";
      recv->channel = now;
    }
    return text;
  }
  std::string Duplicate() {
    const size_t i = Pick([](const Operands& o) { return !std::holds_alternative<Record>(o); });
    if (i == body().size()) return "";
    const std::string text = "doubles " + TextOf(i);
    const Instruction copy = body()[i];
    body().insert(body().begin() + static_cast<ptrdiff_t>(i), copy);
    return text;
  }
  std::string AnotherEvent() {
    const size_t i = Pick([](const Operands& o) { return std::holds_alternative<Wait>(o); });
    if (i == body().size()) return "";
    const int32_t events = position().programs[kind].events;
    const EventId event(static_cast<int64_t>(Below(static_cast<size_t>(events))));
    const std::string text = TextOf(i) + " now for e" + std::to_string(event.value);
    std::get<Wait>(body()[i].operands).event = event;
    return text;
  }
  // One buffer where another one is.
  std::string MergeBuffers() {
    std::vector<Buffer>& buffers = position().buffers;
    Buffer& a = buffers[Below(buffers.size())];
    const Buffer& b = buffers[Below(buffers.size())];
    if (a.arena != b.arena || a.type.Bytes() > b.type.Bytes()) return "";
    const std::string text = "lays `" + a.name + "` over `" + b.name + "`";
    a.offset = b.offset;
    return text;
  }
  std::string ShiftBuffer() {
    std::vector<Buffer>& buffers = position().buffers;
    Buffer& buffer = buffers[Below(buffers.size())];
    const int64_t room =
        position().arena_bytes[static_cast<size_t>(buffer.arena)] - buffer.type.Bytes();
    buffer.offset = static_cast<int64_t>(Below(static_cast<size_t>(room / 64) + 1)) * 64;
    return "shifts `" + buffer.name + "` to " + std::to_string(buffer.offset);
  }
  std::string AnotherBinding() {
    const size_t i = Pick([](const Operands& o) { return std::holds_alternative<Run>(o); });
    if (i == body().size()) return "";
    const Run& run = std::get<Run>(body()[i].operands);
    const size_t arguments = plan.functions[run.function.index()].arguments.size();
    BufferId& bound =
        position().bindings[static_cast<size_t>(run.first_binding) + Below(arguments)];
    const Buffer& before = position().buffers[bound.index()];
    const BufferId now(static_cast<int64_t>(Below(position().buffers.size())));
    const Buffer& after = position().buffers[now.index()];
    if (after.type != before.type) return "";
    const std::string text = TextOf(i) + " binds `" + after.name + "` for `" + before.name + "`";
    bound = now;
    return text;
  }
  std::string AnotherMicrobatch() {
    const size_t i = Pick([](const Operands& o) {
      return std::holds_alternative<Run>(o) || std::holds_alternative<Load>(o) ||
             std::holds_alternative<Send>(o) || std::holds_alternative<Recv>(o);
    });
    if (i == body().size()) return "";
    const MicrobatchId now(Microbatch());
    const std::string text = TextOf(i) + " now of microbatch " + std::to_string(now.value);
    Operands& operands = body()[i].operands;
    if (auto* run = std::get_if<Run>(&operands)) run->microbatch = now;
    if (auto* load = std::get_if<Load>(&operands)) load->microbatch = now;
    if (auto* send = std::get_if<Send>(&operands)) send->microbatch = now;
    if (auto* recv = std::get_if<Recv>(&operands)) recv->microbatch = now;
    return text;
  }
  // The two ends agree on another microbatch than the one it is.
  std::string RelabelMessage() {
    if (plan.channels.empty()) return "";
    const ChannelId channel(static_cast<int64_t>(Below(plan.channels.size())));
    const MicrobatchId was(Microbatch()), now(Microbatch());
    for (Position& at : plan.positions) {
      for (Instruction& instruction : at.programs[kind].instructions) {
        auto* send = std::get_if<Send>(&instruction.operands);
        auto* recv = std::get_if<Recv>(&instruction.operands);
        if (send != nullptr && send->channel == channel && send->microbatch == was) {
          send->microbatch = now;
        }
        if (recv != nullptr && recv->channel == channel && recv->microbatch == was) {
          recv->microbatch = now;
        }
      }
    }
    return "relabels messages " + std::to_string(was.value) + " as " + std::to_string(now.value);
  }
  template <typename Row>
  Row& AnyRow(std::vector<Row>& rows, int32_t first, int32_t count) {
    return rows[static_cast<size_t>(first) + Below(static_cast<size_t>(count))];
  }
  // Some rows of the table instead of others.
  std::string AnotherRow() {
    const size_t i = Pick([](const Operands& o) {
      return std::holds_alternative<Update>(o) || std::holds_alternative<SquareSum>(o);
    });
    if (i == body().size()) return "";
    const std::string text = TextOf(i);
    const auto choose = [&](auto& operands, size_t rows) {
      operands.first = static_cast<int32_t>(Below(rows));
      operands.count = 1 + static_cast<int32_t>(Below(rows - static_cast<size_t>(operands.first)));
    };
    Operands& operands = body()[i].operands;
    if (auto* sum = std::get_if<SquareSum>(&operands)) choose(*sum, position().square_sums.size());
    if (auto* update = std::get_if<Update>(&operands)) choose(*update, position().updates.size());
    return text + " is now " + TextOf(i);
  }
  std::string AnotherBuffer() {
    const size_t i = Below(body().size());
    std::vector<BufferId*> buffers;
    Operands& operands = body()[i].operands;
    if (auto* send = std::get_if<Send>(&operands)) buffers = {&send->source};
    if (auto* recv = std::get_if<Recv>(&operands)) buffers = {&recv->target};
    if (auto* zero = std::get_if<Zero>(&operands)) buffers = {&zero->target};
    if (auto* load = std::get_if<Load>(&operands)) buffers = {&load->target};
    if (auto* add = std::get_if<Add>(&operands)) buffers = {&add->source, &add->target};
    if (const auto* sum = std::get_if<SquareSum>(&operands)) {
      ParameterSquares& row = AnyRow(position().square_sums, sum->first, sum->count);
      buffers = {&row.gradient, &row.partials};
    }
    if (auto* update = std::get_if<Update>(&operands)) {
      ParameterUpdate& row = AnyRow(position().updates, update->first, update->count);
      buffers = {&row.value,         &row.gradient, &row.first_moment,
                 &row.second_moment, &row.rounded,  &update->clip};
    }
    if (buffers.empty()) return "";
    BufferId& chosen = *buffers[Below(buffers.size())];
    const BufferId now(static_cast<int64_t>(Below(position().buffers.size())));
    if (!chosen.valid()) return "";
    if (position().buffers[now.index()].type != position().buffers[chosen.index()].type) return "";
    const std::string text = TextOf(i) + " now uses `" + position().buffers[now.index()].name + "`";
    chosen = now;
    return text;
  }

  std::string Once() {
    p = Below(plan.positions.size());
    // The step is the longest and has the most to go wrong.
    constexpr std::array<ProgramKind, 6> kPrograms = {
        ProgramKind::kStep, ProgramKind::kStep,       ProgramKind::kStep,
        ProgramKind::kStep, ProgramKind::kInitialise, ProgramKind::kValidate};
    kind = static_cast<size_t>(kPrograms[Below(kPrograms.size())]);
    if (body().size() < 2) return "";
    using Way = std::string (Damager::*)();
    constexpr std::array<Way, 21> kWays = {
        &Damager::DropWait,       &Damager::DropWait,       &Damager::DropWork,
        &Damager::MoveFar,        &Damager::MoveNear,       &Damager::SwapTransfers,
        &Damager::Duplicate,      &Damager::AnotherEvent,   &Damager::MergeBuffers,
        &Damager::ShiftBuffer,    &Damager::AnotherBinding, &Damager::AnotherMicrobatch,
        &Damager::RelabelMessage, &Damager::AnotherBuffer,  &Damager::DropRecord,
        &Damager::DropCollective, &Damager::SwapOnStream,   &Damager::SwapCollectives,
        &Damager::AnotherStream,  &Damager::AnotherChannel, &Damager::AnotherRow};
    return (this->*kWays[Below(kWays.size())])();
  }
};

}  // namespace

std::string DamageAtRandom(Plan& plan, Random& random) {
  Damager damager{plan, random};
  for (;;) {
    const std::string text = damager.Once();
    if (!text.empty()) {
      return "position " + std::to_string(damager.p) + ", " +
             std::string(Name(static_cast<ProgramKind>(damager.kind))) + ": " + text;
    }
  }
}

}  // namespace pprun
