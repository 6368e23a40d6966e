// Reads the cells of a CSV, one cursor over the text. Tests: csv_test.cc.
#include "compiler/schedule/csv_cells.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>

namespace pprun {
namespace {

// A task takes fewer bytes than this in any file worth reading, its share of idle cells included.
constexpr int64_t kBytesOfATask = 32;

constexpr std::array<std::string_view, 7> kCommunication = {
    "SEND_F", "RECV_F", "SEND_B", "RECV_B", "UNSHARD", "RESHARD", "REDUCE_GRAD"};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// A task as it is written: a `B` is not decided yet.
enum class Written : uint8_t { kF, kI, kW, kB, kBW };

TaskKind KindOf(Written written) {
  switch (written) {
    case Written::kF:
      return TaskKind::kForward;
    case Written::kI:
      return TaskKind::kInputGrad;
    case Written::kW:
      return TaskKind::kWeightGrad;
    case Written::kB:
    case Written::kBW:
      break;
  }
  return TaskKind::kBackward;
}

class CellReader {
 public:
  CellReader(std::string_view text, uint32_t file, Diagnostics& diagnostics)
      : text_(text), file_(file), diagnostics_(diagnostics) {}

  std::vector<CsvRow> Rows() {
    std::vector<CsvRow> rows;
    // Empty lines at the end are no ranks.
    size_t end = text_.size();
    while (end > 0 && (IsSpace(text_[end - 1]) || text_[end - 1] == '\n')) --end;
    while (begin_ < end && !diagnostics_.Full() && !communicates_) {
      end_ = std::min(text_.find('\n', begin_), end);
      rows.push_back(Row(rows.size()));
      begin_ = end_ + 1;
    }
    return rows;
  }

 private:
  ast::Location Place(size_t begin, size_t end) const {
    return {file_, static_cast<uint32_t>(begin), static_cast<uint32_t>(end)};
  }

  // The line from begin_ to end_.
  CsvRow Row(size_t rank) {
    CsvRow row{.location = Place(begin_, end_)};
    written_.clear();
    pairs_ = 0;
    bool empty = true;
    for (size_t at = begin_; at <= end_;) {
      const size_t comma = std::min(text_.find(',', at), end_);
      size_t cell = at, cell_end = comma;
      while (cell < cell_end && IsSpace(text_[cell])) ++cell;
      while (cell_end > cell && IsSpace(text_[cell_end - 1])) --cell_end;
      if (cell < cell_end) {
        empty = false;
        Cell(cell, cell_end, row.tasks);
        if (communicates_ || diagnostics_.Full()) return row;
      }
      at = comma + 1;
    }
    if (empty) {
      diagnostics_
          .Error(row.location, "rank " + std::to_string(rank) + " runs nothing: its row is empty")
          .Note(row.location, "a row is a rank, the first is rank 0");
    }
    Decide(row.tasks);
    return row;
  }

  // One task, or two in brackets.
  void Cell(size_t begin, size_t end, std::vector<OrderedTask>& tasks) {
    if (text_[begin] != '(') {
      Task(begin, end, -1, tasks);
      return;
    }
    constexpr std::string_view kTail = ")OVERLAP_F_B";
    const std::string_view cell = text_.substr(begin, end - begin);
    const size_t semicolon = cell.find(';');
    if (!cell.ends_with(kTail) || semicolon == std::string_view::npos) {
      diagnostics_.Error(Place(begin, end),
                         "this is no overlapped pair, which is written `(0F7;7B3)OVERLAP_F_B`");
      return;
    }
    const size_t before = tasks.size();
    const bool first = Task(begin + 1, begin + semicolon, pairs_, tasks);
    const bool second = Task(begin + semicolon + 1, end - kTail.size(), pairs_, tasks);
    ++pairs_;
    if (!first || !second) return;
    const OrderedTask& a = tasks[before];
    const OrderedTask& b = tasks[before + 1];
    // What it needs of other stages shows when the order is timed.
    if (a.stage == b.stage && a.microbatch == b.microbatch) {
      diagnostics_.Error(Place(begin, end),
                         "the two tasks of a pair run side by side, and one needs the other");
    }
  }

  bool Task(size_t begin, size_t end, int32_t pair, std::vector<OrderedTask>& tasks) {
    const ast::Location place = Place(begin, end);
    const std::string_view cell = text_.substr(begin, end - begin);
    const auto digits = [&cell](size_t from) {
      const auto other =
          std::find_if_not(cell.begin() + static_cast<ptrdiff_t>(from), cell.end(), IsDigit);
      return static_cast<size_t>(other - cell.begin());
    };
    const size_t letters = digits(0);
    size_t number = letters;
    while (number < cell.size() && !IsDigit(cell[number])) ++number;
    const std::string_view name = cell.substr(letters, number - letters);
    if (letters > 0 &&
        std::find(kCommunication.begin(), kCommunication.end(), name) != kCommunication.end()) {
      communicates_ = true;
      diagnostics_
          .Error(place,
                 "this is communication: only the form of the file with compute alone is "
                 "read, whose tasks are F, I, W and B")
          .Note(place, "who sends what to whom follows from the order of the tasks");
      return false;
    }
    const std::optional<Written> written = WrittenAs(name);
    if (!written || letters == 0 || number == cell.size() || digits(number) != cell.size()) {
      diagnostics_.Error(place,
                         "this is no task: a cell is `<stage><F|I|W|B><microbatch>`, as in "
                         "`0F3`");
      return false;
    }
    const std::optional<int32_t> stage = Number(cell.substr(0, letters));
    const std::optional<int32_t> microbatch = Number(cell.substr(number));
    if (!stage || !microbatch) {
      diagnostics_.Error(place, stage ? "the number of the microbatch is too large"
                                      : "the number of the stage is too large");
      return false;
    }
    tasks.push_back({.kind = KindOf(*written),
                     .microbatch = *microbatch,
                     .stage = *stage,
                     .overlap_pair = pair,
                     .location = place});
    written_.push_back(*written);
    return true;
  }

  static std::optional<Written> WrittenAs(std::string_view name) {
    if (name == "F") return Written::kF;
    if (name == "I") return Written::kI;
    if (name == "W") return Written::kW;
    if (name == "B") return Written::kB;
    if (name == "BW") return Written::kBW;
    return std::nullopt;
  }

  // Far below the largest int32_t, so that sums of a few never overflow.
  static std::optional<int32_t> Number(std::string_view digits) {
    int32_t value = 0;
    for (char digit : digits) {
      value = 10 * value + (digit - '0');
      if (value > 100'000'000) return std::nullopt;
    }
    return value;
  }

  // A `B` beside a `W`, and no `I`, is an input gradient.
  void Decide(std::vector<OrderedTask>& tasks) const {
    std::map<std::pair<int32_t, int32_t>, std::pair<bool, bool>> halves;  // I, W
    for (const OrderedTask& task : tasks) {
      if (task.kind == TaskKind::kInputGrad) halves[{task.stage, task.microbatch}].first = true;
      if (task.kind == TaskKind::kWeightGrad) halves[{task.stage, task.microbatch}].second = true;
    }
    if (halves.empty()) return;
    for (size_t i = 0; i < tasks.size(); ++i) {
      if (written_[i] != Written::kB) continue;
      const auto found = halves.find({tasks[i].stage, tasks[i].microbatch});
      if (found == halves.end()) continue;
      const auto [input, weight] = found->second;
      if (weight && !input) tasks[i].kind = TaskKind::kInputGrad;
    }
  }

  std::string_view text_;
  uint32_t file_;
  Diagnostics& diagnostics_;
  size_t begin_ = 0, end_ = 0;    // of the line
  std::vector<Written> written_;  // of the row's tasks
  int32_t pairs_ = 0;             // of the row
  bool communicates_ = false;     // a file is of one form: told once
};

}  // namespace

std::optional<std::vector<CsvRow>> ReadCells(std::string_view text, uint32_t file,
                                             const Limits& limits, Diagnostics& diagnostics) {
  if (text.size() > UINT32_MAX ||
      static_cast<int64_t>(text.size()) / kBytesOfATask > limits.unrolled_tasks) {
    diagnostics.Error({.file = file}, "this file has " + std::to_string(text.size()) +
                                          " bytes, too many for the limit of " +
                                          std::to_string(limits.unrolled_tasks) +
                                          " tasks (`unrolled_tasks`)");
    return std::nullopt;
  }
  const int before = diagnostics.errors();
  std::vector<CsvRow> rows = CellReader(text, file, diagnostics).Rows();
  if (diagnostics.errors() > before) return std::nullopt;
  if (rows.empty()) {
    diagnostics.Error({.file = file}, "this file has no tasks: a row is a rank, a cell a task");
    return std::nullopt;
  }
  if (static_cast<int64_t>(rows.size()) > limits.ranks) {
    diagnostics.Error(rows.back().location, std::to_string(rows.size()) +
                                                " rows are more than the limit of " +
                                                std::to_string(limits.ranks) + " ranks (`ranks`)");
    return std::nullopt;
  }
  return rows;
}

}  // namespace pprun
