// Holds the texts in LLVM's source manager and prints diagnostics. Tests: source_files_test.cc.
#include "dsl/source_files.h"

#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/SourceMgr.h>

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>
#include <vector>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

// Longer lines are shown in part.
constexpr size_t kExcerptBytes = 160;
constexpr int kGutterDigits = 5;

bool IsContinuation(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }

// One byte as it may be printed: control characters would move the cursor.
char Printable(char c) {
  const auto byte = static_cast<uint8_t>(c);
  return byte < 0x20 || byte == 0x7F ? ' ' : c;
}

// The part of a line around [begin, end), moved to whole characters.
struct Excerpt {
  std::string_view text;
  size_t begin = 0;
  size_t end = 0;
};

Excerpt Around(std::string_view line, size_t begin, size_t end) {
  begin = std::min(begin, line.size());
  end = std::clamp(end, begin, line.size());
  if (line.size() <= kExcerptBytes) return {line, begin, end};
  size_t first = begin > kExcerptBytes / 2 ? begin - kExcerptBytes / 2 : 0;
  while (first < begin && IsContinuation(line[first])) ++first;
  size_t last = std::min(line.size(), first + kExcerptBytes);
  while (last > first && last < line.size() && IsContinuation(line[last])) --last;
  end = std::min(end, last);
  return {line.substr(first, last - first), begin - first, std::max(end, begin) - first};
}

std::string_view Word(Diagnostic::Severity severity) {
  return severity == Diagnostic::Severity::kError ? "error" : "warning";
}

}  // namespace

struct SourceFiles::Manager {
  llvm::SourceMgr sources;
  std::vector<std::string> paths;

  const llvm::MemoryBuffer& Buffer(uint32_t file) const {
    CHECK(file < paths.size());
    return *sources.getMemoryBuffer(file + 1);  // LLVM counts from 1
  }
  std::string_view Text(uint32_t file) const {
    const llvm::StringRef text = Buffer(file).getBuffer();
    return {text.data(), text.size()};
  }
  LineColumn Position(ast::Location location) const {
    const std::string_view text = Text(location.file);
    const size_t at = std::min<size_t>(location.begin, text.size());
    const auto place = llvm::SMLoc::getFromPointer(text.data() + at);
    const auto [line, column] = sources.getLineAndColumn(place, location.file + 1);
    return {line, column};
  }

  // "plan.sched:4:23: "
  std::string Prefix(ast::Location location) const {
    if (location.file >= paths.size()) return "command line: ";
    const LineColumn position = Position(location);
    return paths[location.file] + ":" + std::to_string(position.line) + ":" +
           std::to_string(position.column) + ": ";
  }

  // The line with its number, and the caret under it.
  std::string Lines(ast::Location location) const {
    if (location.file >= paths.size()) return "";
    const std::string_view text = Text(location.file);
    const size_t at = std::min<size_t>(location.begin, text.size());
    const size_t before = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
    const size_t line_begin = before == std::string_view::npos ? 0 : before + 1;
    std::string_view line = text.substr(line_begin, text.find('\n', at) - line_begin);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    const Excerpt excerpt = Around(line, at - line_begin, location.end - line_begin);

    const std::string number = std::to_string(Position(location).line);
    const size_t indent = kGutterDigits > number.size() ? kGutterDigits - number.size() : 0;
    std::string shown = std::string(indent, ' ') + number + " | ";
    std::string marks = std::string(indent + number.size(), ' ') + " | ";
    for (size_t i = 0; i < excerpt.text.size(); ++i) {
      const char c = excerpt.text[i];
      shown += c == '\t' ? '\t' : Printable(c);
      if (IsContinuation(c) || (i >= excerpt.end && i > excerpt.begin)) continue;
      if (i < excerpt.begin) marks += c == '\t' ? '\t' : ' ';
      if (i == excerpt.begin) marks += '^';
      if (i > excerpt.begin && i < excerpt.end) marks += '~';
    }
    if (excerpt.begin >= excerpt.text.size()) marks += '^';
    return shown + "\n" + marks + "\n";
  }

  std::string One(const Diagnostic& diagnostic) const {
    std::string text = Prefix(diagnostic.location) + std::string(Word(diagnostic.severity)) + ": " +
                       diagnostic.message + "\n" + Lines(diagnostic.location);
    for (const DiagnosticNote& note : diagnostic.notes) {
      text += Prefix(note.location) + "note: " + note.message + "\n";
    }
    return text;
  }
};

SourceFiles::SourceFiles() : manager_(std::make_unique<Manager>()) {}
SourceFiles::~SourceFiles() = default;
SourceFiles::SourceFiles(SourceFiles&&) noexcept = default;
SourceFiles& SourceFiles::operator=(SourceFiles&&) noexcept = default;

uint32_t SourceFiles::Add(std::string path, std::string text) {
  manager_->sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(text, path),
                                       llvm::SMLoc());
  manager_->paths.push_back(std::move(path));
  return Count() - 1;
}

uint32_t SourceFiles::Count() const { return static_cast<uint32_t>(manager_->paths.size()); }

const std::string& SourceFiles::Path(uint32_t file) const {
  CHECK(file < Count());
  return manager_->paths[file];
}

std::string_view SourceFiles::Text(uint32_t file) const { return manager_->Text(file); }

LineColumn SourceFiles::Position(ast::Location location) const {
  if (location.file >= Count()) return {};
  return manager_->Position(location);
}

std::string SourceFiles::Render(const Diagnostics& diagnostics) const {
  // By place; several at one place as they were reported.
  std::vector<size_t> ordered(diagnostics.all().size());
  std::iota(ordered.begin(), ordered.end(), size_t{0});
  const auto key = [&](size_t index) {
    const ast::Location& location = diagnostics.all()[index].location;
    return std::tuple(location.file, location.begin, index);
  };
  std::sort(ordered.begin(), ordered.end(), [&](size_t a, size_t b) { return key(a) < key(b); });
  std::string text;
  for (const size_t index : ordered) text += manager_->One(diagnostics.all()[index]);
  if (diagnostics.Full()) text += "too many errors: only the first are shown\n";
  return text;
}

}  // namespace pprun
