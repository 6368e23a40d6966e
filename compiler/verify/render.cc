// A finding as people read it: place, message, the quoted line with a caret, and notes the same
// way. Tests: deadlock_test.cc.
#include <algorithm>

#include "compiler/plan/text.h"
#include "compiler/verify/verify.h"

namespace pprun {
namespace {

// The line of a text, without its end; empty if there is no such line.
std::string_view LineOf(std::string_view text, uint32_t line) {
  for (uint32_t i = 1; i < line; ++i) {
    const size_t end = text.find('\n');
    if (end == text.npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, std::min(text.find('\n'), text.size()));
}

const Source* PlaceOf(const Plan& plan, SourceId id) {
  if (!id.valid() || id.index() >= plan.sources.size()) return nullptr;
  const Source& source = plan.sources[id.index()];
  if (source.file < 0 || static_cast<size_t>(source.file) >= plan.files.size()) return nullptr;
  return source.line == 0 ? nullptr : &source;
}

void AppendMessage(std::string& out, const Plan& plan, SourceId id, const std::string& text) {
  const Source* place = PlaceOf(plan, id);
  if (place == nullptr) {
    out += (plan.name.empty() ? std::string("plan") : plan.name) + ": " + text + "\n";
    return;
  }
  const SourceFile& file = plan.files[static_cast<size_t>(place->file)];
  out += file.path + ":" + std::to_string(place->line) + ":" + std::to_string(place->column) +
         ": " + text + "\n";
  const std::string_view line = LineOf(file.text, place->line);
  if (line.empty()) return;
  std::string number = std::to_string(place->line);
  if (number.size() < 5) number.insert(0, 5 - number.size(), ' ');
  out += number + " | " + std::string(line) + "\n";
  if (place->column == 0 || place->column > line.size()) return;
  out += "      | ";
  // Tabs stay tabs, so that the caret stands below its column.
  for (size_t i = 0; i + 1 < place->column; ++i) out += line[i] == '\t' ? '\t' : ' ';
  out += "^\n";
}

}  // namespace

std::string Render(const Plan& plan, const Finding& finding) {
  std::string out;
  AppendMessage(out, plan, finding.source, "error: " + finding.message);
  for (const FindingNote& note : finding.notes) {
    AppendMessage(out, plan, note.source, "note: " + note.text);
  }
  return out;
}

}  // namespace pprun
