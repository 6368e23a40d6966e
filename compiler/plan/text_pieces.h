// Pieces that the parts of the text form share. Tests: text_test.cc.
#pragma once

#include <string>
#include <vector>

#include "compiler/plan/ids.h"

namespace pprun {

// The name of a table's entry, or "buffer 17?" where there is no such entry.
template <typename Entry, typename Tag>
std::string NameOr(const std::vector<Entry>& table, Id<Tag> id, const char* what) {
  if (id.valid() && id.index() < table.size()) return table[id.index()].name;
  return std::string(what) + " " + std::to_string(id.value) + "?";
}

inline std::string Padded(std::string text, size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

// The shortest text that reads back as the same number: "0.02", "1e-05".
std::string NumberText(double number);
std::string NumberText(float number);

}  // namespace pprun
