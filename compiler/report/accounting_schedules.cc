#include "compiler/report/accounting_schedules.h"

#include <algorithm>
#include <cmath>

namespace pprun {
namespace {

using Holds = ScheduleFormula::Holds;
using Against = ScheduleFormula::Against;

bool Equal(double a, double b) { return std::abs(a - b) <= 1e-9 * std::max(a, b); }

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
  ScheduleFormula Synchronous(std::string peak_formula, int64_t peak, std::string source) const {
    return {.bubble_formula = "(p-1)(F+B)",
            .bubble = edges_ * (shape_.forward + backward_),
            .peak_formula = std::move(peak_formula),
            .peak = peak,
            .source = std::move(source),
            .domain = "m >= p",
            .holds = In(m_ >= p_)};
  }
  ScheduleFormula ZeroBubble(std::string peak_formula, int64_t peak, std::string source) const {
    return {.bubble_formula = "(p-1)(F+I-W)",
            .bubble = edges_ * (shape_.forward + shape_.input_grad - shape_.weight_grad),
            .peak_formula = std::move(peak_formula),
            .peak = peak,
            .source = std::move(source),
            .domain = "m >= p, W <= min(F, I)",
            .holds = In(m_ >= p_ && WeightIsLeast())};
  }
  // Published for F = I = W, in chunk operations.
  ScheduleFormula Unit(std::string formula, double units, std::string peak_formula, int64_t peak,
                       std::string domain, Holds holds) const {
    return {.bubble_formula = std::move(formula),
            .bubble = units * shape_.forward,
            .peak_formula = std::move(peak_formula),
            .peak = peak,
            .source = "Qi et al. 2024",
            .domain = "F = I = W, " + std::move(domain),
            .holds = Uniform() ? holds : Holds::kNo};
  }
  ScheduleFormula Dual(std::string formula, double edges, std::string peak_formula, int64_t peak,
                       std::string source) const {
    return {.bubble_formula = std::move(formula),
            .bubble = edges * (shape_.pair + backward_ - 3 * shape_.weight_grad),
            .peak_formula = std::move(peak_formula),
            .peak = peak,
            .source = std::move(source),
            .domain = "m >= 2p, F = I",
            .holds = In(m_ >= 2 * p_ && Equal(shape_.forward, shape_.input_grad))};
  }

  static Holds In(bool inside) { return inside ? Holds::kYes : Holds::kNo; }
  bool WeightIsLeast() const {
    return shape_.weight_grad <= std::min(shape_.forward, shape_.input_grad) * (1 + 1e-9);
  }
  bool Uniform() const {
    return Equal(shape_.forward, shape_.input_grad) && Equal(shape_.forward, shape_.weight_grad);
  }

  const ScheduleShape& shape_;
  const int64_t p_, m_, v_;
  const double edges_;  // p - 1
  const double backward_;
};

std::optional<ScheduleFormula> Textbook::Of(std::string_view name) const {
  if (name == "gpipe") return Synchronous("m", m_, "Huang et al. 2019");
  if (name == "one_f_one_b") {
    return Synchronous("min(m, p-r)", std::min(m_, p_), "Narayanan et al. 2021");
  }
  if (name == "eager_one_f_one_b") {
    return Synchronous("min(m, 2(p-1-r)+1)", std::min(m_, 2 * p_ - 1), "Zhuang et al. 2023");
  }
  if (name == "interleaved_one_f_one_b") {
    ScheduleFormula formula =
        Synchronous("(v-1)p + 2(p-1-r) + 1, at most mv",
                    std::min(m_ * v_, (v_ - 1) * p_ + 2 * (p_ - 1) + 1), "Narayanan et al. 2021");
    formula.domain = "m a multiple of p";
    formula.holds = In(m_ >= p_ && m_ % p_ == 0);
    return formula;
  }
  if (name == "breadth_first") return Synchronous("mv", m_ * v_, "Lamy-Poirier 2022");
  if (name == "zero_bubble_h1") return ZeroBubble("min(m, p)", std::min(m_, p_), "Qi et al. 2024");
  if (name == "interleaved_zero_bubble") {
    return ZeroBubble("pv, at most mv", std::min(m_, p_) * v_, "Qi et al. 2024");
  }
  if (name == "zero_bubble_h2") {
    ScheduleFormula formula =
        ZeroBubble("min(m, 2p-1)", std::min(m_, 2 * p_ - 1), "Qi et al. 2024");
    formula.bubble_formula = "(p-1)(F+I-2W) within the span";
    formula.bubble = edges_ * (shape_.forward + shape_.input_grad - 2 * shape_.weight_grad);
    formula.against = Against::kSpan;
    formula.domain = "m >= 2p-1, W <= min(F, I)";
    formula.holds = In(m_ >= 2 * p_ - 1 && WeightIsLeast());
    return formula;
  }
  const double p = static_cast<double>(p_);
  if (name == "zero_bubble_v") {
    return Unit("p-1 chunks", p - 1, "2p", 2 * p_, "m >= 2p-1", In(m_ >= 2 * p_ - 1));
  }
  if (name == "v_half") {
    const bool even = p_ % 2 == 0;
    return Unit(even ? "(7p-4)/2 chunks" : "(7p-7)/2 chunks",
                even ? (7 * p - 4) / 2 : (7 * p - 7) / 2, "2 floor((p+2)/2)", 2 * ((p_ + 2) / 2),
                "m >= p", In(m_ >= p_));
  }
  if (name == "v_min") {
    const bool thirds = p_ % 3 == 0;
    return Unit(thirds ? "4p-3 chunks" : "4p-5 chunks", thirds ? 4 * p - 3 : 4 * p - 5,
                "2 floor((p+4)/3)", 2 * ((p_ + 4) / 3), "m >= p", In(m_ >= p_));
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
