#include "compiler/report/palette.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace pprun {
namespace {

using Vector = std::array<double, 3>;
using Matrix = std::array<Vector, 3>;

// Full protanopia, deuteranopia and tritanopia on linear RGB: Machado, Oliveira and Fernandes 2009,
// severity 1.0. The first is unimpaired sight.
const std::vector<std::pair<std::string, Matrix>> kSights = {
    {"unimpaired", {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}},
    {"protanopia",
     {{{0.152286, 1.052583, -0.204868},
       {0.114503, 0.786281, 0.099216},
       {-0.003882, -0.048116, 1.051998}}}},
    {"deuteranopia",
     {{{0.367322, 0.860646, -0.227968},
       {0.280085, 0.672501, 0.047413},
       {-0.011820, 0.042940, 0.968881}}}},
    {"tritanopia",
     {{{1.255528, -0.076749, -0.178779},
       {-0.078411, 0.930809, 0.147602},
       {0.004733, 0.691367, 0.303900}}}}};

Vector Apply(const Matrix& matrix, const Vector& vector) {
  Vector result{};
  for (size_t i = 0; i < 3; ++i) {
    for (size_t j = 0; j < 3; ++j) result[i] += matrix[i][j] * vector[j];
  }
  return result;
}

Vector Linear(Rgb colour) {
  Vector linear = {colour.red / 255.0, colour.green / 255.0, colour.blue / 255.0};
  for (double& value : linear) {
    value = value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
  }
  return linear;
}

// CIE 1976 L*a*b*, white D65, of linear sRGB.
Vector Lab(const Vector& linear) {
  const Vector xyz = Apply({{{0.4124564, 0.3575761, 0.1804375},
                             {0.2126729, 0.7151522, 0.0721750},
                             {0.0193339, 0.1191920, 0.9503041}}},
                           linear);
  const Vector white = {0.95047, 1, 1.08883};
  Vector f{};
  for (size_t i = 0; i < 3; ++i) {
    const double t = std::max(0.0, xyz[i] / white[i]);
    f[i] = t > 216.0 / 24389 ? std::cbrt(t) : (24389.0 / 27 * t + 16) / 116;
  }
  return {116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])};
}

double Distance(const Vector& a, const Vector& b) {
  return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

// 2.3 is just noticeable side by side; boxes are read far apart.
TEST(Palette, KeepsTasksApartForEveryKindOfSight) {
  constexpr double kLeast = 20;
  std::vector<std::pair<std::string, Rgb>> colours = {{"idle", {255, 255, 255}}};
  for (int kind = 0; kind < kTaskKindCount; ++kind) {
    const TaskKind task = static_cast<TaskKind>(kind);
    colours.emplace_back(TaskName(task), ColourOf(task));
  }
  for (const auto& [sight, matrix] : kSights) {
    for (size_t i = 0; i < colours.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        const double distance = Distance(Lab(Apply(matrix, Linear(colours[i].second))),
                                         Lab(Apply(matrix, Linear(colours[j].second))));
        EXPECT_GE(distance, kLeast)
            << sight << ": " << colours[i].first << " and " << colours[j].first;
      }
    }
  }
}

TEST(Palette, MakesFurtherChunksLighterButNeverWhite) {
  const Rgb colour{20, 120, 70};
  EXPECT_EQ(Hex(ForChunk(colour, 0, 4)), "#147846");
  EXPECT_EQ(Hex(ForChunk(colour, 5, 1)), "#147846");
  double last = Lab(Linear(colour))[0];
  for (int chunk = 1; chunk < 4; ++chunk) {
    const double lightness = Lab(Linear(ForChunk(colour, chunk, 4)))[0];
    EXPECT_GT(lightness, last + 5);
    EXPECT_LT(lightness, 90);
    last = lightness;
  }
}

TEST(Palette, ChoosesReadableText) {
  EXPECT_EQ(Hex(TextOn({0, 0, 0})), "#ffffff");
  EXPECT_EQ(Hex(TextOn({255, 255, 255})), "#000000");
  EXPECT_EQ(Hex(TextOn(ColourOf(TaskKind::kWeightGrad))), "#ffffff");
  EXPECT_EQ(Hex(TextOn(ColourOf(TaskKind::kBackward))), "#000000");
}

}  // namespace
}  // namespace pprun
