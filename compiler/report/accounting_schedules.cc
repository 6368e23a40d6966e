#include "compiler/report/accounting_schedules.h"

#include <algorithm>
#include <cmath>

namespace pprun {
namespace {

using Against = ScheduleFormula::Against;

// Of sums of floating-point numbers that should be the same.
constexpr double kNoise = 1e-9;

bool Equal(double a, double b) { return std::abs(a - b) <= kNoise * std::max(a, b); }

class Textbook {
 public:
  explicit Textbook(const ScheduleShape& shape)
      : shape_(shape),
        p_(shape.ranks),
        m_(shape.microbatches),
        v_(shape.chunks),
        edges_(static_cast<double>(shape.ranks - 1)),
        backward_(shape.input_grad + shape.weight_grad) {}

  std::optional<ScheduleFormula> Of(std::string_view name) const;

 private:
  // Without what all of them need.
  std::optional<ScheduleFormula> OfEqualStages(std::string_view name) const;
  std::optional<ScheduleFormula> OfTwoChunks(std::string_view name) const;

  // A condition of the formula, and whether this shape meets it.
  static void Need(ScheduleFormula& formula, const std::string& condition, bool met) {
    formula.domain.push_back(condition);
    if (!met) formula.failing.push_back(condition);
  }
  void NeedMicrobatches(ScheduleFormula& formula, const std::string& least, int64_t number) const {
    Need(formula, "m >= " + least, m_ >= number);
  }
  void NeedWholeGroups(ScheduleFormula& formula) const {
    Need(formula, "m a multiple of p", m_ % p_ == 0);
  }

  ScheduleFormula Synchronous(std::string peak_formula, int64_t peak, std::string source) const {
    return {.bubble_formula = "(p-1)(F+B)",
            .bubble = edges_ * (shape_.forward + backward_),
            .peak_formula = std::move(peak_formula),
            .peak = peak,
            .source = std::move(source)};
  }
  // That needs nothing but enough microbatches.
  ScheduleFormula Filled(std::string peak_formula, int64_t peak, std::string source) const {
    ScheduleFormula formula = Synchronous(std::move(peak_formula), peak, std::move(source));
    NeedMicrobatches(formula, "p", p_);
    return formula;
  }
  ScheduleFormula ZeroBubble(std::string peak_formula, int64_t peak) const {
    ScheduleFormula formula{
        .bubble_formula = "(p-1)(F+I-W)",
        .bubble = edges_ * (shape_.forward + shape_.input_grad - shape_.weight_grad),
        .peak_formula = std::move(peak_formula),
        .peak = peak,
        .source = "Qi et al. 2024"};
    Need(formula, "W <= min(F, I)",
         shape_.weight_grad <= std::min(shape_.forward, shape_.input_grad) * (1 + kNoise));
    return formula;
  }
  // Published for F = I = W, in chunk operations.
  ScheduleFormula Unit(std::string bubble_formula, double units, std::string peak_formula,
                       int64_t peak) const {
    ScheduleFormula formula{.bubble_formula = std::move(bubble_formula),
                            .bubble = units * shape_.forward,
                            .peak_formula = std::move(peak_formula),
                            .peak = peak,
                            .source = "Qi et al. 2024"};
    Need(formula, "F = I = W",
         Equal(shape_.forward, shape_.input_grad) && Equal(shape_.forward, shape_.weight_grad));
    return formula;
  }
  ScheduleFormula Dual(std::string bubble_formula, double edges, std::string peak_formula,
                       int64_t peak, std::string source) const {
    ScheduleFormula formula{.bubble_formula = std::move(bubble_formula),
                            .bubble = edges * (shape_.pair + backward_ - 3 * shape_.weight_grad),
                            .peak_formula = std::move(peak_formula),
                            .peak = peak,
                            .source = std::move(source)};
    NeedMicrobatches(formula, "2p", 2 * p_);
    Need(formula, "F = I", Equal(shape_.forward, shape_.input_grad));
    Need(formula, "W <= I", shape_.weight_grad <= shape_.input_grad * (1 + kNoise));
    Need(formula, "max(F, B) <= FB <= F+B",
         shape_.pair >= std::max(shape_.forward, backward_) * (1 - kNoise) &&
             shape_.pair <= (shape_.forward + backward_) * (1 + kNoise));
    return formula;
  }

  const ScheduleShape& shape_;
  const int64_t p_, m_, v_;
  const double edges_;  // p - 1
  const double backward_;
};

std::optional<ScheduleFormula> Textbook::Of(std::string_view name) const {
  std::optional<ScheduleFormula> formula = OfEqualStages(name);
  if (formula && p_ > 1) {
    Need(*formula, "equal stages", shape_.stages == ScheduleShape::Stages::kEqual);
    Need(*formula, "C = 0", shape_.transfer <= 0);
  }
  return formula;
}

std::optional<ScheduleFormula> Textbook::OfEqualStages(std::string_view name) const {
  if (name == "gpipe") return Filled("m", m_, "Huang et al. 2019");
  if (name == "one_f_one_b") {
    return Filled("min(m, p-r)", std::min(m_, p_), "Narayanan et al. 2021");
  }
  if (name == "eager_one_f_one_b") {
    return Filled("min(m, 2(p-1-r)+1)", std::min(m_, 2 * p_ - 1), "Zhuang et al. 2023");
  }
  if (name == "breadth_first") return Filled("mv", m_ * v_, "Lamy-Poirier 2023");
  if (name == "interleaved_one_f_one_b") {
    ScheduleFormula formula =
        Synchronous("(v-1)p + 2(p-1-r) + 1, at most mv",
                    std::min(m_ * v_, (v_ - 1) * p_ + 2 * (p_ - 1) + 1), "Narayanan et al. 2021");
    NeedWholeGroups(formula);
    return formula;
  }
  if (name == "zero_bubble_h1") {
    ScheduleFormula formula = ZeroBubble("min(m, p)", std::min(m_, p_));
    NeedMicrobatches(formula, "p", p_);
    return formula;
  }
  if (name == "interleaved_zero_bubble") {
    ScheduleFormula formula = ZeroBubble("pv, at most mv", std::min(m_, p_) * v_);
    NeedWholeGroups(formula);
    return formula;
  }
  if (name == "zero_bubble_h2") {
    ScheduleFormula formula = ZeroBubble("min(m, 2p-1)", std::min(m_, 2 * p_ - 1));
    formula.bubble_formula = "(p-1)(F+I-2W) within the span";
    formula.bubble = edges_ * (shape_.forward + shape_.input_grad - 2 * shape_.weight_grad);
    formula.against = Against::kSpan;
    NeedMicrobatches(formula, "2p-1", 2 * p_ - 1);
    return formula;
  }
  return OfTwoChunks(name);
}

std::optional<ScheduleFormula> Textbook::OfTwoChunks(std::string_view name) const {
  const double p = static_cast<double>(p_);
  if (name == "zero_bubble_v") {
    ScheduleFormula formula = Unit("p-1 chunks", p - 1, "2p", 2 * p_);
    NeedMicrobatches(formula, "2p-1", 2 * p_ - 1);
    return formula;
  }
  if (name == "v_half") {
    const bool even = p_ % 2 == 0;
    ScheduleFormula formula =
        Unit(even ? "(7p-4)/2 chunks" : "(7p-7)/2 chunks", even ? (7 * p - 4) / 2 : (7 * p - 7) / 2,
             "2 floor((p+2)/2)", 2 * ((p_ + 2) / 2));
    NeedMicrobatches(formula, "p", p_);
    return formula;
  }
  if (name == "v_min") {
    const bool thirds = p_ % 3 == 0;
    ScheduleFormula formula =
        Unit(thirds ? "4p-3 chunks" : "4p-5 chunks", thirds ? 4 * p - 3 : 4 * p - 5,
             "2 floor((p+4)/3)", 2 * ((p_ + 4) / 3));
    NeedMicrobatches(formula, "p", p_);
    return formula;
  }
  if (name == "dualpipe_v") {
    return Dual("(p-1)(FB+B-3W)", edges_, "2p+1", 2 * p_ + 1, "DeepSeek-AI 2025");
  }
  if (name == "dualpipe") {
    return Dual("(p/2-1)(FB+B-3W)", p / 2 - 1, "p+1", p_ + 1, "DeepSeek-AI 2024");
  }
  return std::nullopt;
}

}  // namespace

std::optional<ScheduleFormula> FormulaOf(std::string_view schedule, const ScheduleShape& shape) {
  return Textbook(shape).Of(schedule);
}

}  // namespace pprun
