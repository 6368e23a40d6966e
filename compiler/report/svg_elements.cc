#include "compiler/report/svg_elements.h"

#include <cmath>
#include <cstdint>
#include <ostream>

#include "compiler/report/caption.h"

namespace pprun {

std::string Pixels(double value) {
  const int64_t hundredths = std::llround(value * 100);
  std::string text = std::to_string(hundredths / 100);
  if (hundredths < 0 && hundredths > -100) text = "-0";
  const int64_t rest = std::abs(hundredths % 100);
  if (rest == 0) return text;
  text += '.' + std::to_string(rest / 10);
  if (rest % 10 != 0) text += std::to_string(rest % 10);
  return text;
}

double WidthOf(std::string_view text) {
  constexpr double kNarrow = 4.2;
  double width = 0;
  for (const char letter : text) {
    width += std::string_view("fijlrt ").find(letter) != std::string_view::npos ? kNarrow : 7.4;
  }
  return width;
}

void SvgElements::Open(const SvgPage& page) {
  const std::string size = Pixels(page.width) + "\" height=\"" + Pixels(page.height);
  const std::string view = "0 0 " + Pixels(page.width) + " " + Pixels(page.height);
  out_ << R"(<?xml version="1.0" encoding="UTF-8"?>)"
       << "\n"
       << R"(<svg xmlns="http://www.w3.org/2000/svg" width=")" << size << R"(" viewBox=")" << view
       << R"(" font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif" font-size="12">)"
       << "\n<title>" << MarkupText(page.title) << "</title>\n"
       << R"(<style>
.box { stroke: #ffffff; stroke-width: 0.8; }
.number { text-anchor: middle; }
.label { text-anchor: end; fill: #222222; }
.quiet { fill: #555555; }
.tick { text-anchor: middle; fill: #555555; font-size: 11px; }
.grid { stroke: #e4e6ea; stroke-width: 1; }
.axis { stroke: #999999; stroke-width: 1; }
.step { stroke: #222222; stroke-width: 1.4; stroke-dasharray: 3 2; }
.frame { fill: none; stroke: #c9ccd2; stroke-width: 1; }
</style>
)";
  if (page.hatch == SvgPage::Hatch::kDefined) {
    out_ << R"(<defs><pattern id="second-pipe" width="6" height="6" patternUnits="userSpaceOnUse")"
         << R"svg( patternTransform="rotate(45)"><rect width="2" height="6" fill="#ffffff")svg"
         << R"( fill-opacity="0.45"/></pattern></defs>)"
         << "\n";
  }
  Rect(0, 0, page.width, page.height, R"(fill="#ffffff")");
}

void SvgElements::Rect(double x, double y, double width, double height,
                       std::string_view attributes) {
  out_ << "<rect x=\"" << Pixels(x) << "\" y=\"" << Pixels(y) << "\" width=\"" << Pixels(width)
       << "\" height=\"" << Pixels(height) << "\" " << attributes << "/>\n";
}

void SvgElements::Line(double x1, double y1, double x2, double y2, std::string_view css_class) {
  out_ << "<line x1=\"" << Pixels(x1) << "\" y1=\"" << Pixels(y1) << "\" x2=\"" << Pixels(x2)
       << "\" y2=\"" << Pixels(y2) << "\" class=\"" << css_class << "\"/>\n";
}

void SvgElements::Text(double x, double y, std::string_view attributes, std::string_view text) {
  out_ << "<text x=\"" << Pixels(x) << "\" y=\"" << Pixels(y) << "\""
       << (attributes.empty() ? "" : " ") << attributes << ">" << MarkupText(text) << "</text>\n";
}

void SvgElements::Heading(double x, double y, std::string_view name, std::string_view words) {
  out_ << "<text x=\"" << Pixels(x) << "\" y=\"" << Pixels(y) << "\" font-size=\"13\"><tspan"
       << kBold << ">" << MarkupText(name) << "</tspan><tspan dx=\"10\" class=\"quiet\">"
       << MarkupText(words) << "</tspan></text>\n";
}

void SvgElements::Close() { out_ << "</svg>\n"; }

}  // namespace pprun
