// What the optimizer's instructions read and leave: whole gradients, the clip factor where
// gradients are clipped, values and moments of the parameter at hand. That no row of an instruction
// lies in the way of another, races.cc has found.
#include <algorithm>

#include "compiler/verify/follow.h"

namespace pprun {

void Follower::Expect(Span span, Value wanted, const std::string& what) {
  context_.work += span.end - span.begin;
  if (memory().Holds(span, wanted)) return;
  Fail(context_.data_flow,
       "reads " + Describe(Read(span)) + " as " + what + ", not " + Describe(wanted));
}

void Follower::CheckGradient(ParameterId parameter, Span span) {
  const auto name = [&] { return "`" + plan().parameters[parameter.index()].name + "`"; };
  const GradientExpectation expected{
      .uses = context_.uses.Of(parameter),
      .microbatches = plan().train.microbatches,
      .sum_over = AxisBits(plan(), plan().parameters[parameter.index()].sum_over)};
  // False where there is no more to look at.
  const auto is_full = [&](Value gradient) {
    context_.work += static_cast<int64_t>(expected.uses.size()) * expected.microbatches;
    if (context_.work > context_.work_limit) return false;
    const auto problem = context_.sums.Problem(gradient, expected);
    if (problem) Fail(context_.completeness, "uses a gradient of " + name() + " that " + *problem);
    return !problem;
  };
  const Value whole = memory().Whole(span);
  if (IsGradient(whole)) {
    context_.work += span.end - span.begin;
    is_full(whole);
    return;
  }
  const std::vector<ValuePiece> pieces = Read(span);
  if (!IsGradientInPlace(pieces)) {
    return Fail(context_.data_flow, "reads " + Describe(pieces) + " as the gradient of " + name());
  }
  for (const ValuePiece& piece : pieces) {
    if (!is_full(piece.value)) return;
  }
}

void Follower::operator()(const SquareSum& sum) {
  for (const ParameterSquares& row : RowsOf(position(), sum)) {
    CheckGradient(row.parameter, SpanOf(row.gradient));
    Fill(SpanOf(row.partials), OfParameter(ValueKind::kPartials, row.parameter));
  }
}

// Every block of every parameter, once and in order.
void Follower::operator()(const ClipFactor& clip) {
  const std::vector<ValuePiece> partials = Read(SpanOf(clip.partials));
  Fill(SpanOf(clip.target), Value(ValueKind::kClipFactor));
  const std::vector<NormBlocks>& order = plan().norm_order;
  constexpr const char* kMore = "adds more to the norm than there is";
  const auto name = [&](int64_t block, size_t parameter) {
    return "block " + std::to_string(block) + " of `" + plan().parameters[parameter].name + "`";
  };
  auto piece = partials.begin();
  for (size_t p = 0; p < plan().parameters.size(); ++p) {
    const int64_t elements = plan().parameters[p].type.shape.Elements();
    const int64_t count = (elements + kNormBlockElements - 1) / kNormBlockElements;
    const int64_t listed = p < order.size() ? order[p].count : 0;
    if (listed < count) {
      return Fail(context_.completeness, "leaves " + name(listed, p) + " out of the norm");
    }
    if (listed > count) return Fail(context_.completeness, kMore);
    const int64_t begin = int64_t{8} * order[p].first;
    const int64_t end = begin + 8 * count;
    // Where the last parameter's sums end, as a rule.
    const bool goes_on = piece != partials.end() && piece->begin <= begin && begin < piece->end;
    if (!goes_on) piece = std::ranges::upper_bound(partials, begin, {}, &ValuePiece::end);
    for (int64_t at = begin; at < end; at = piece->end, ++piece) {
      const bool sound =
          piece->value == OfParameter(ValueKind::kPartials, ParameterId(static_cast<int64_t>(p))) &&
          piece->offset + (at - piece->begin) == at - begin;
      if (sound && order[p].parameter.index() == p) continue;
      return Fail(context_.completeness,
                  "adds something else to the norm in the place of " + name((at - begin) / 8, p));
    }
  }
  if (order.size() > plan().parameters.size()) Fail(context_.completeness, kMore);
}

void Follower::operator()(const Update& update) {
  if (update.clip.valid()) {
    Expect(SpanOf(update.clip), Value(ValueKind::kClipFactor), "the clip factor");
  }
  for (const ParameterUpdate& row : RowsOf(position(), update)) UpdateOne(row);
}

void Follower::UpdateOne(const ParameterUpdate& row) {
  const int32_t number = static_cast<int32_t>(&row - position().updates.data());
  done_.updated.push_back({site_.position, row.parameter, site_, number});
  CheckGradient(row.parameter, SpanOf(row.gradient));
  Expect(SpanOf(row.value), OfParameter(ValueKind::kParameter, row.parameter), "the value");
  Fill(SpanOf(row.value), OfParameter(ValueKind::kUpdatedParameter, row.parameter));
  const auto moment = [&](BufferId buffer, ValueKind kind, const char* what) {
    if (!buffer.valid()) return;
    const Value wanted = OfParameter(kind, row.parameter);
    const Span span = SpanOf(buffer);
    if (!memory().Holds(span, Value(ValueKind::kZero))) Expect(span, wanted, what);
    Fill(span, wanted);
  };
  moment(row.first_moment, ValueKind::kFirstMoment, "the first moment");
  moment(row.second_moment, ValueKind::kSecondMoment, "the second moment");
  if (row.rounded.valid()) {
    Fill(SpanOf(row.rounded), OfParameter(ValueKind::kUpdatedRounded, row.parameter));
  }
}

}  // namespace pprun
