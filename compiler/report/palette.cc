#include "compiler/report/palette.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

// As WCAG 2 defines it.
double RelativeLuminance(Rgb colour) {
  const auto linear = [](int component) {
    const double value = component / 255.0;
    return value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * linear(colour.red) + 0.7152 * linear(colour.green) + 0.0722 * linear(colour.blue);
}

}  // namespace

Rgb ColourOf(TaskKind kind) {
  switch (kind) {
    case TaskKind::kForward:
      return {30, 100, 205};
    case TaskKind::kBackward:
      return {245, 145, 50};
    case TaskKind::kInputGrad:
      return {75, 200, 185};
    case TaskKind::kWeightGrad:
      return {40, 120, 65};
    case TaskKind::kRecompute:
      return {190, 160, 225};
  }
  CHECK(false);
}

Rgb ForChunk(Rgb colour, int chunk, int chunks) {
  if (chunks <= 1 || chunk <= 0) return colour;
  constexpr double kLightest = 0.5;  // part of white in the last chunk
  const double white = kLightest * std::min(chunk, chunks - 1) / (chunks - 1);
  const auto mix = [&](int component) {
    return static_cast<int>(std::lround(component + (255 - component) * white));
  };
  return {mix(colour.red), mix(colour.green), mix(colour.blue)};
}

Rgb TextOn(Rgb background) {
  // Contrast is (l + 0.05) / (l' + 0.05); where black and white are equal, l is the root of 0.0525,
  // less 0.05.
  constexpr double kEven = 0.179;
  return RelativeLuminance(background) > kEven ? Rgb{0, 0, 0} : Rgb{255, 255, 255};
}

std::string Hex(Rgb colour) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "#";
  for (const int component : {colour.red, colour.green, colour.blue}) {
    text += kDigits[static_cast<size_t>(component / 16)];
    text += kDigits[static_cast<size_t>(component % 16)];
  }
  return text;
}

std::string_view TaskName(TaskKind kind) {
  switch (kind) {
    case TaskKind::kForward:
      return "forward";
    case TaskKind::kBackward:
      return "backward";
    case TaskKind::kInputGrad:
      return "input gradient";
    case TaskKind::kWeightGrad:
      return "weight gradient";
    case TaskKind::kRecompute:
      return "recompute";
  }
  CHECK(false);
}

}  // namespace pprun
