#include "runtime/progress.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ostream>

namespace pprun {
namespace {

// Plain lines of a run, about.
constexpr int64_t kPlainLines = 20;

template <typename... Values>
std::string Formatted(const char* format, Values... values) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, values...);
  return text.data();
}

}  // namespace

Console ConsoleOf(int descriptor) {
  const char* const kind = std::getenv("TERM");
  const bool dumb = kind == nullptr || std::string_view(kind) == "dumb";
  return ::isatty(descriptor) != 0 && !dumb ? Console::kTerminal : Console::kPlain;
}

std::string ShortCount(double number) {
  if (!std::isfinite(number)) return "?";
  if (number < 999.5) return Formatted("%.0f", number);
  if (number < 999'950) return Formatted("%.1fk", number / 1e3);
  return Formatted("%.2fM", number / 1e6);
}

std::string ShortDuration(double seconds) {
  if (!std::isfinite(seconds) || seconds > 1e9) return "?";
  const int64_t whole = std::max<int64_t>(0, std::llround(seconds));
  if (whole < 60) return std::to_string(whole) + " s";
  if (whole < 3600) {
    return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
  }
  return std::to_string(whole / 3600) + " h " + std::to_string(whole % 3600 / 60) + " min";
}

Progress::Progress(std::ostream& out, Console console, int64_t steps)
    : out_(out), console_(console), steps_(steps) {}

void Progress::Step(const StepMetrics& metrics) {
  if (first_step_ == 0) {
    first_step_ = metrics.step;
    first_seconds_ = metrics.seconds;
  }
  if (!Due(metrics)) return;
  const std::string line = Line(metrics);
  if (console_ == Console::kPlain) {
    out_ << line << std::endl;
    return;
  }
  Clear();
  standing_ = line;
  out_ << line << std::flush;
  // The value of a validation stays on the screen.
  if (metrics.validation_loss) Finish();
}

void Progress::Say(std::string_view line) {
  const std::string standing = standing_;
  Clear();
  out_ << line << '\n' << standing << std::flush;
  standing_ = standing;
}

void Progress::Finish() {
  if (standing_.empty()) return;
  out_ << std::endl;
  standing_.clear();
}

std::string Progress::Line(const StepMetrics& metrics) const {
  const std::string total = std::to_string(steps_);
  std::string step = std::to_string(metrics.step);
  step.insert(0, total.size() - std::min(total.size(), step.size()), ' ');
  std::string line = "step " + step + " of " + total + "   loss " +
                     Formatted("%.4f", metrics.loss) + "   " +
                     ShortCount(metrics.tokens_per_second) + " tokens/s";
  if (metrics.validation_loss) {
    line += "   held-out loss " + Formatted("%.4f", *metrics.validation_loss);
  }
  const int64_t measured = metrics.step - first_step_;
  if (measured > 0 && metrics.step < steps_) {
    const double each = (metrics.seconds - first_seconds_) / static_cast<double>(measured);
    line += "   " + ShortDuration(each * static_cast<double>(steps_ - metrics.step)) + " left";
  }
  return line;
}

bool Progress::Due(const StepMetrics& metrics) const {
  if (console_ == Console::kTerminal) return true;
  const int64_t every = std::max<int64_t>(1, steps_ / kPlainLines);
  return metrics.step == 1 || metrics.step == steps_ || metrics.step % every == 0 ||
         metrics.validation_loss.has_value() || !std::isfinite(metrics.loss);
}

void Progress::Clear() {
  if (standing_.empty()) return;
  // Back to the line's beginning, and erase it.
  out_ << "\r\x1b[K";
  standing_.clear();
}

}  // namespace pprun
