// The elements of a figure as SVG text: what is drawn is for svg_timeline.cc to say. Lengths are in
// pixels, y goes down; texts may hold anything. Tests: svg_timeline_test.cc.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

namespace pprun {

struct SvgPage {
  double width = 0;
  double height = 0;
  std::string title;
  enum class Hatch : uint8_t { kNone, kDefined } hatch = Hatch::kNone;  // for kHatchedFill
};

inline constexpr std::string_view kHatchedFill = "fill=\"url(#second-pipe)\"";

// At most two digits after the point: a hundredth of a pixel.
std::string Pixels(double value);

// About what a sans-serif of the labels' size takes.
double WidthOf(std::string_view text);

class SvgElements {
 public:
  explicit SvgElements(std::ostream& out) : out_(out) {}

  // Classes are those of the page's style: box, number, label, quiet, tick, grid, axis, step,
  // frame.
  void Open(const SvgPage& page);
  void Rect(double x, double y, double width, double height, std::string_view attributes);
  void Line(double x1, double y1, double x2, double y2, std::string_view css_class);
  void Text(double x, double y, std::string_view attributes, std::string_view text);
  // A name in bold, and quiet words behind it.
  void Heading(double x, double y, std::string_view name, std::string_view words);
  void Close();

 private:
  std::ostream& out_;
};

// Attributes of what stands out.
inline constexpr std::string_view kBold = R"( font-weight="bold" fill="#111111")";

}  // namespace pprun
