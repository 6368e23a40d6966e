// The colours of pictures, one set for all of them: forward blue, backward orange, input gradient
// teal, weight gradient green. They stay apart for the colour-blind too, since their lightness
// differs as well; palette_test.cc proves it for the three kinds of colour blindness.
#pragma once

#include <string>
#include <string_view>

#include "compiler/plan/task_kind.h"

namespace pprun {

// In sRGB, 0 to 255.
struct Rgb {
  int red = 0;
  int green = 0;
  int blue = 0;
};

Rgb ColourOf(TaskKind kind);
// Of what a compute stream does beside tasks: updates, loads, sums.
inline constexpr Rgb kOtherWork{150, 156, 166};

// The colour of chunk `chunk` of `chunks`: the first as it is, each further one lighter.
Rgb ForChunk(Rgb colour, int chunk, int chunks);
// Black or white, whichever is read more easily on `background`.
Rgb TextOn(Rgb background);
// "#1f77b4".
std::string Hex(Rgb colour);

// "forward", "input gradient".
std::string_view TaskName(TaskKind kind);

}  // namespace pprun
