#include "compiler/report/rank_rows.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <set>

#include "compiler/report/caption.h"
#include "compiler/simulate/simulate.h"

namespace pprun {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Halves the height of pieces that overlap one of another stream.
void ShareHeight(RankRow& row) {
  std::set<StreamId> streams;
  for (const Piece& piece : row.pieces) streams.insert(piece.stream);
  if (streams.size() < 2) return;
  const int lanes = static_cast<int>(streams.size());
  // The piece that reaches furthest, of each stream.
  std::map<StreamId, size_t> furthest;
  for (size_t i = 0; i < row.pieces.size(); ++i) {
    Piece& piece = row.pieces[i];
    piece.lane = 0;
    for (const auto& [stream, other] : furthest) {
      Piece& earlier = row.pieces[other];
      if (stream == piece.stream || earlier.box.end <= piece.box.begin) continue;
      earlier.lanes = lanes;
      piece.lanes = lanes;
    }
    const auto [known, fresh] = furthest.try_emplace(piece.stream, i);
    if (!fresh && row.pieces[known->second].box.end < piece.box.end) known->second = i;
  }
  for (Piece& piece : row.pieces) {
    if (piece.lanes == 1) continue;
    piece.lane = static_cast<int>(std::distance(streams.begin(), streams.find(piece.stream)));
  }
}

double TypicalDuration(const std::vector<Piece>& pieces) {
  std::vector<double> durations;
  for (const Piece& piece : pieces) durations.push_back(piece.box.end - piece.box.begin);
  const auto middle = durations.begin() + static_cast<std::ptrdiff_t>(durations.size() / 2);
  std::nth_element(durations.begin(), middle, durations.end());
  return *middle;
}

// What the tasks of one pixel take of it, by kind.
struct Pixel {
  std::array<double, kTaskKindCount> shares{};
  std::array<const Piece*, kTaskKindCount> examples{};
};

}  // namespace

RankRows RankRowsOf(const Plan& plan, const Trace& trace, std::optional<int64_t> repeat) {
  RankRows result;
  result.repeats = RepeatsOf(trace);
  if (repeat) std::erase_if(result.repeats, [&](int64_t other) { return other != *repeat; });
  result.begin = kInfinity;
  result.end = -kInfinity;
  std::map<int64_t, RankRow> rows;
  for (size_t step = 0; step < result.repeats.size(); ++step) {
    for (const Row& row : RowsOf(plan, trace, result.repeats[step])) {
      RankRow& target = rows[row.rank];
      target.rank = row.rank;
      target.begins.resize(result.repeats.size(), kInfinity);
      for (const Box& box : row.boxes) {
        target.pieces.push_back({.box = box, .repeat = result.repeats[step], .stream = row.stream});
        target.begins[step] = std::min(target.begins[step], box.begin);
        result.begin = std::min(result.begin, box.begin);
        result.end = std::max(result.end, box.end);
      }
    }
  }
  std::vector<Row> named;
  for (auto& [rank, row] : rows) {
    row.position = CoordinatesOf(plan, rank).position;
    std::ranges::stable_sort(row.pieces, {}, [](const Piece& piece) { return piece.box.begin; });
    ShareHeight(row);
    named.push_back({.rank = rank, .stream = {}, .boxes = {}});
    result.rows.push_back(std::move(row));
  }
  if (result.rows.empty() || result.end <= result.begin) {
    return {.rows = {}, .repeats = result.repeats};
  }
  const std::vector<std::string> labels = LabelsOf(plan, trace, named);
  for (size_t i = 0; i < labels.size(); ++i) result.rows[i].label = labels[i];
  result.bubble = Summarise(plan, trace, repeat.value_or(kAllRepeats)).bubble_of_makespan;
  return result;
}

std::vector<Piece> Condensed(const RankRow& row, double scale) {
  if (row.pieces.empty() || TypicalDuration(row.pieces) * scale >= 1) return row.pieces;
  const double origin = row.pieces.front().box.begin;
  std::map<int64_t, Pixel> pixels;
  for (const Piece& piece : row.pieces) {
    const double begin = (piece.box.begin - origin) * scale;
    const double end = (piece.box.end - origin) * scale;
    const size_t kind = static_cast<size_t>(piece.box.kind);
    for (double left = std::floor(begin); left < end; ++left) {
      Pixel& pixel = pixels[static_cast<int64_t>(left)];
      pixel.shares[kind] += std::min(end, left + 1) - std::max(begin, left);
      pixel.examples[kind] = &piece;
    }
  }
  std::vector<Piece> condensed;
  // What a kind is denied in one pixel it has good in the next, so that pixels are in proportion to
  // the times; idle is one more kind.
  std::array<double, kTaskKindCount + 1> credit{};
  for (const auto& [at, pixel] : pixels) {
    double idle = 1;
    for (size_t kind = 0; kind < kTaskKindCount; ++kind) {
      credit[kind] += pixel.shares[kind];
      idle -= pixel.shares[kind];
    }
    credit[kTaskKindCount] += std::max(0.0, idle);
    size_t chosen = kTaskKindCount;
    for (size_t kind = 0; kind < kTaskKindCount; ++kind) {
      if (pixel.examples[kind] != nullptr && credit[kind] > credit[chosen]) chosen = kind;
    }
    credit[chosen] -= 1;
    if (chosen == kTaskKindCount) continue;
    Piece piece = *pixel.examples[chosen];
    piece.box.begin = origin + static_cast<double>(at) / scale;
    piece.box.end = origin + static_cast<double>(at + 1) / scale;
    piece.tasks = 2;  // or more: it has no number of its own
    piece.lane = 0;
    piece.lanes = 1;
    condensed.push_back(piece);
  }
  return condensed;
}

}  // namespace pprun
