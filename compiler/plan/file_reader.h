// The archive that turns the sections of a plan file into a plan: takes nothing beyond a section's
// end, accepts no value that an enumeration does not have, and allocates only what the sections
// still hold. Tests: file_test.cc.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "compiler/plan/file.h"
#include "compiler/plan/file_records.h"
#include "compiler/plan/file_sections.h"

namespace pprun::file_detail {

class Reader {
 public:
  template <typename T>
  using Value = T;

  // The header must have been checked.
  explicit Reader(std::span<const std::byte> file) {
    size_t expected = kHeaderBytes + kTableBytes;
    for (size_t i = 0; i < kSectionCount; ++i) {
      const uint64_t at = LoadNumber<uint64_t>(file, kHeaderBytes + i * kTableEntryBytes);
      const uint64_t bytes = LoadNumber<uint64_t>(file, kHeaderBytes + i * kTableEntryBytes + 8);
      if (at != expected || bytes > file.size() - expected) Damaged(kSections[i].name, "place");
      if (bytes % kSections[i].record_bytes != 0) Damaged(kSections[i].name, "size");
      sections_[i] = file.subspan(static_cast<size_t>(at), static_cast<size_t>(bytes));
      expected += static_cast<size_t>(bytes);
    }
    if (expected != file.size()) throw PlanFileError("damaged: bytes after the last section");
  }

  template <typename T>
  void Number(T& number) {
    number = LoadNumber<T>(Take(section_, sizeof(number)), 0);
  }
  void Rank(int8_t& rank) {
    Number(rank);
    if (rank < 0 || rank > Shape::kMaxRank) Damaged(name(), "rank of a shape");
  }
  template <typename Enumeration>
  void Enum(Enumeration& value, int count) {
    uint8_t number = 0;
    Number(number);
    value = Enumerator<Enumeration>(number, count);
  }
  template <typename Tag>
  void Id(pprun::Id<Tag>& id) {
    Number(id.value);
  }
  void String(std::string& text) {
    const std::span<const std::byte> bytes = Take(Section::kStrings, Length());
    text.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  template <typename T>
  void List(std::vector<T>& list) {
    const Section outer = section_;
    Resize(list, kSectionOf<T>);
    section_ = kSectionOf<T>;
    for (T& element : list) Describe(*this, element);
    section_ = outer;
  }
  template <typename T>
  void Integers(std::vector<T>& list) {
    const Section outer = section_;
    Resize(list, Section::kInteger);
    section_ = Section::kInteger;
    for (T& element : list) {
      if constexpr (std::is_same_v<T, int32_t>) {
        Number(element);
      } else {
        Number(element.value);
      }
    }
    section_ = outer;
  }
  void Strings(std::vector<std::string>& list) {
    const Section outer = section_;
    Resize(list, Section::kText);
    section_ = Section::kText;
    for (std::string& element : list) String(element);
    section_ = outer;
  }

  void BeginOperands(Operands& operands) {
    uint8_t kind = 0;
    Number(kind);
    Number(small_);
    for (int32_t& number : numbers_) Number(number);
    count_ = 0;
    if (!Emplace(operands, kind, std::make_index_sequence<std::variant_size_v<Operands>>())) {
      Damaged(name(), "kind of an instruction");
    }
  }
  template <typename Enumeration>
  void OperandEnum(Enumeration& value, int count) {
    value = Enumerator<Enumeration>(std::exchange(small_, uint8_t{0}), count);
  }
  void Operand(int32_t& number) { number = numbers_[count_++]; }
  template <typename... Ids>
  void OperandIds(Ids&... ids) {
    (Operand(ids.value), ...);
  }
  void EndOperands() {
    const auto unused = std::span(numbers_).subspan(count_);
    const bool zero = std::ranges::all_of(unused, [](int32_t number) { return number == 0; });
    if (small_ != 0 || !zero) Damaged(name(), "unused operand");
  }

  Plan ReadPlan() {
    if (sections_[0].size() != kSections[0].record_bytes) Damaged("plan", "size");
    Plan plan;
    Describe(*this, plan);
    for (size_t i = 0; i < kSectionCount; ++i) {
      if (!sections_[i].empty()) Damaged(kSections[i].name, "number of records");
    }
    return plan;
  }

 private:
  [[noreturn]] static void Damaged(std::string_view section, std::string_view what) {
    throw PlanFileError("damaged: section `" + std::string(section) + "`, " + std::string(what));
  }
  std::string_view name() const { return kSections[static_cast<size_t>(section_)].name; }

  // The next bytes of a section.
  std::span<const std::byte> Take(Section section, size_t bytes) {
    std::span<const std::byte>& rest = sections_[static_cast<size_t>(section)];
    if (bytes > rest.size()) Damaged(kSections[static_cast<size_t>(section)].name, "too short");
    const std::span<const std::byte> taken = rest.first(bytes);
    rest = rest.subspan(bytes);
    return taken;
  }
  size_t Length() {
    uint32_t length = 0;
    Number(length);
    return length;
  }
  // Elements are allocated only where their section has records left for all of them.
  template <typename T>
  void Resize(std::vector<T>& list, Section section) {
    const size_t length = Length();
    const SectionSpec& spec = kSections[static_cast<size_t>(section)];
    if (length > sections_[static_cast<size_t>(section)].size() / spec.record_bytes) {
      Damaged(spec.name, "too short");
    }
    list.resize(length);
  }
  template <typename Enumeration>
  Enumeration Enumerator(uint8_t number, int count) const {
    if (number >= count) Damaged(name(), "enumeration");
    return static_cast<Enumeration>(number);
  }
  template <size_t... kIndices>
  static bool Emplace(Operands& operands, uint8_t kind, std::index_sequence<kIndices...>) {
    return ((kind == kIndices ? (operands.emplace<kIndices>(), true) : false) || ...);
  }

  std::array<std::span<const std::byte>, kSectionCount> sections_;
  Section section_ = Section::kPlan;
  uint8_t small_ = 0;
  std::array<int32_t, kOperandNumbers> numbers_{};
  size_t count_ = 0;
};

}  // namespace pprun::file_detail
