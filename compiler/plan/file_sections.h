// The layout of a plan file, said once for the writer and the reader.
//
// - Header: magic, version, number of sections, content hash, size of the file.
// - Table: for each section, in order, where it begins and how many bytes it has.
// - Sections: arrays of records of one kind and size, little-endian. The last holds characters.
//
// A record holds numbers, and for a string or a list its length. The characters of all strings
// stand one after the other in the order in which they are mentioned, the elements of all lists of
// one kind in that kind's section: a reader keeps one cursor a section, nothing is shared, and what
// a plan takes in memory is proportional to its file. file_records.h describes each record.
// Tests: file_test.cc.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "compiler/plan/plan.h"

namespace pprun::file_detail {

inline constexpr std::string_view kMagic = "PPRUNPLN";
inline constexpr uint32_t kVersion = 5;

static_assert(std::endian::native == std::endian::little, "plan files are little-endian");

inline constexpr size_t kOperandNumbers = 6;
inline constexpr size_t kVersionAt = 8;
inline constexpr size_t kSectionsAt = 12;
inline constexpr size_t kHashAt = 16;
inline constexpr size_t kSizeAt = 24;
inline constexpr size_t kHeaderBytes = 32;

template <typename Number>
Number LoadNumber(std::span<const std::byte> bytes, size_t at) {
  Number number;
  std::memcpy(&number, bytes.data() + at, sizeof(number));
  return number;
}
template <typename Number>
void StoreNumber(std::span<std::byte> bytes, size_t at, Number number) {
  std::memcpy(bytes.data() + at, &number, sizeof(number));
}

struct SectionSpec {
  std::string_view name;
  size_t record_bytes;
};

enum class Section : uint8_t {
  kPlan,
  kAxis,
  kParameter,
  kExportPart,
  kSplit,
  kLayer,
  kFunction,
  kArgument,
  kView,
  kOperation,
  kSegment,
  kGroup,
  kChannel,
  kPosition,
  kStream,
  kBuffer,
  kParameterSquares,
  kParameterUpdate,
  kInstruction,
  kNormBlocks,
  kSourceFile,
  kSource,
  kInteger,  // elements of lists of ids and numbers
  kText,     // elements of lists of strings
  kStrings,
};
inline constexpr size_t kSectionCount = 25;
inline constexpr size_t kTableEntryBytes = 16;
inline constexpr size_t kTableBytes = kSectionCount * kTableEntryBytes;

// In the order of Section.
inline constexpr std::array<SectionSpec, kSectionCount> kSections = {{
    {"plan", 220},       {"axes", 8},        {"parameters", 72},   {"exports", 21},
    {"splits", 12},      {"layers", 16},     {"functions", 29},    {"arguments", 14},
    {"views", 46},       {"operations", 41}, {"segments", 12},     {"groups", 12},
    {"channels", 46},    {"positions", 132}, {"streams", 9},       {"buffers", 47},
    {"square sums", 12}, {"updates", 24},    {"instructions", 34}, {"norm blocks", 12},
    {"files", 8},        {"sources", 16},    {"integers", 4},      {"texts", 4},
    {"strings", 1},
}};

// The section of each type of record.
template <typename T>
inline constexpr Section kSectionOf = Section::kStrings;
template <>
inline constexpr Section kSectionOf<Plan> = Section::kPlan;
template <>
inline constexpr Section kSectionOf<Axis> = Section::kAxis;
template <>
inline constexpr Section kSectionOf<Parameter> = Section::kParameter;
template <>
inline constexpr Section kSectionOf<ExportPart> = Section::kExportPart;
template <>
inline constexpr Section kSectionOf<Split> = Section::kSplit;
template <>
inline constexpr Section kSectionOf<Layer> = Section::kLayer;
template <>
inline constexpr Section kSectionOf<Function> = Section::kFunction;
template <>
inline constexpr Section kSectionOf<Argument> = Section::kArgument;
template <>
inline constexpr Section kSectionOf<View> = Section::kView;
template <>
inline constexpr Section kSectionOf<Operation> = Section::kOperation;
template <>
inline constexpr Section kSectionOf<Segment> = Section::kSegment;
template <>
inline constexpr Section kSectionOf<Group> = Section::kGroup;
template <>
inline constexpr Section kSectionOf<Channel> = Section::kChannel;
template <>
inline constexpr Section kSectionOf<Position> = Section::kPosition;
template <>
inline constexpr Section kSectionOf<Stream> = Section::kStream;
template <>
inline constexpr Section kSectionOf<Buffer> = Section::kBuffer;
template <>
inline constexpr Section kSectionOf<ParameterSquares> = Section::kParameterSquares;
template <>
inline constexpr Section kSectionOf<ParameterUpdate> = Section::kParameterUpdate;
template <>
inline constexpr Section kSectionOf<Instruction> = Section::kInstruction;
template <>
inline constexpr Section kSectionOf<NormBlocks> = Section::kNormBlocks;
template <>
inline constexpr Section kSectionOf<SourceFile> = Section::kSourceFile;
template <>
inline constexpr Section kSectionOf<Source> = Section::kSource;

}  // namespace pprun::file_detail
