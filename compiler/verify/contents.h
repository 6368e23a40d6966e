// What each segment of a position's memory holds. Where values meet inside a segment, which only
// what another position sends can bring about, the pieces are kept aside. Tests: contents_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "compiler/verify/segments.h"
#include "compiler/verify/values.h"

namespace pprun {

// Bytes [begin, end) of a range hold `value` from its byte `offset` on.
struct ValuePiece {
  int64_t begin = 0;
  int64_t end = 0;
  Value value;
  int64_t offset = 0;  // 0 where the value has no beginning
};

class Contents {
 public:
  // The segments outlive the contents.
  explicit Contents(const Segments& segments)
      : segments_(&segments),
        held_(segments.count()),
        parameters_end_(segments.Of(ArenaKind::kGatheredParameters).end) {}

  // Whether the span holds that one value, from its beginning on.
  bool Holds(Span span, Value value) const {
    const Held wanted = From(span, value);
    for (int32_t i = span.begin; i < span.end; ++i) {
      if (held_[static_cast<size_t>(i)] != wanted) return false;
    }
    return true;
  }
  // The one value that the span holds from its beginning on; kNothing if it holds no such.
  Value Whole(Span span) const {
    const Value value = held_[static_cast<size_t>(span.begin)].value;
    return value.kind() != ValueKind::kPieces && Holds(span, value) ? value : Value();
  }
  void Fill(Span span, Value value) {
    CountWrite(span);
    const Held held = From(span, value);
    for (int32_t i = span.begin; i < span.end; ++i) held_[static_cast<size_t>(i)] = held;
  }

  // Fills the span with another value if it holds that one, both with a beginning or both without;
  // says whether it did.
  bool Replace(Span span, Value held, Value value) {
    if (!Holds(span, held)) return false;
    CountWrite(span);
    for (int32_t i = span.begin; i < span.end; ++i) held_[static_cast<size_t>(i)].value = value;
    return true;
  }

  // The pieces of the span, relative to it, in order; neighbours that continue each other joined.
  std::vector<ValuePiece> Read(Span span) const;
  void Write(Span span, const std::vector<ValuePiece>& pieces);

  // Whether a span is in the arenas of parameters, and how often such were written.
  bool IsOfParameters(Span span) const { return span.begin < parameters_end_; }
  int64_t ParameterWrites() const { return parameter_writes_; }

  // What outlives a program.
  Contents OnlyPersistent() const;

 private:
  struct Held {
    Value value;         // kPieces: `index` is in pieces_
    int64_t origin = 0;  // where the value's byte 0 would be in the arena, if it has a beginning

    bool operator==(const Held&) const = default;
  };

  Held From(Span span, Value value) const {
    return {value, HasBeginning(value) ? segments_->Offset(span.begin) : 0};
  }
  void CountWrite(Span span) { parameter_writes_ += IsOfParameters(span) ? 1 : 0; }
  int64_t End(int32_t segment) const { return segments_->Offset(segment + 1); }

  const Segments* segments_;
  std::vector<Held> held_;                       // by segment
  std::vector<std::vector<ValuePiece>> pieces_;  // relative to their segment
  int32_t parameters_end_;                       // the segment after those arenas, the first ones
  int64_t parameter_writes_ = 0;
};

}  // namespace pprun
