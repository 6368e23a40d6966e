// The archive that turns a plan into the sections of a plan file. Tests: file_test.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "compiler/plan/base/check.h"
#include "compiler/plan/file_records.h"
#include "compiler/plan/file_sections.h"

namespace pprun::file_detail {

class Writer {
 public:
  template <typename T>
  using Value = const T;

  template <typename T>
  void Number(T number) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&number);
    current().insert(current().end(), bytes, bytes + sizeof(number));
  }
  void Rank(int8_t rank) { Number(rank); }
  template <typename Enumeration>
  void Enum(Enumeration value, int /*count*/) {
    Number(static_cast<uint8_t>(value));
  }
  template <typename Tag>
  void Id(pprun::Id<Tag> id) {
    Number(id.value);
  }
  void String(const std::string& text) {
    Length(text.size());
    auto& strings = sections_[static_cast<size_t>(Section::kStrings)];
    const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
    strings.insert(strings.end(), bytes, bytes + text.size());
  }
  template <typename T>
  void List(const std::vector<T>& list) {
    Length(list.size());
    const Section outer = std::exchange(section_, kSectionOf<T>);
    for (const T& element : list) WriteRecord(element);
    section_ = outer;
  }
  template <typename T>
  void Integers(const std::vector<T>& list) {
    Length(list.size());
    const Section outer = std::exchange(section_, Section::kInteger);
    for (const T& element : list) {
      if constexpr (std::is_same_v<T, int32_t>) {
        Number(element);
      } else {
        Number(element.value);
      }
    }
    section_ = outer;
  }
  void Strings(const std::vector<std::string>& list) {
    Length(list.size());
    const Section outer = std::exchange(section_, Section::kText);
    for (const std::string& element : list) String(element);
    section_ = outer;
  }

  void BeginOperands(const Operands& operands) {
    Number(static_cast<uint8_t>(operands.index()));
    small_ = 0;
    numbers_ = {};
    count_ = 0;
  }
  template <typename Enumeration>
  void OperandEnum(Enumeration value, int /*count*/) {
    small_ = static_cast<uint8_t>(value);
  }
  void Operand(int32_t number) { numbers_[count_++] = number; }
  template <typename... Ids>
  void OperandIds(const Ids&... ids) {
    (Operand(ids.value), ...);
  }
  void EndOperands() {
    Number(small_);
    for (const int32_t number : numbers_) Number(number);
  }

  template <typename T>
  void WriteRecord(const T& record) {
    const size_t begin = current().size();
    Describe(*this, record);
    CHECK(current().size() - begin == kSections[static_cast<size_t>(section_)].record_bytes);
  }

  std::vector<std::byte> Assemble() const {
    size_t size = kHeaderBytes + kTableBytes;
    for (const auto& section : sections_) size += section.size();
    std::vector<std::byte> file(size);
    std::memcpy(file.data(), kMagic.data(), kMagic.size());
    StoreNumber(std::span(file), kVersionAt, kVersion);
    StoreNumber(std::span(file), kSectionsAt, static_cast<uint32_t>(kSectionCount));
    StoreNumber(std::span(file), kSizeAt, static_cast<uint64_t>(size));
    size_t at = kHeaderBytes + kTableBytes;
    for (size_t i = 0; i < kSectionCount; ++i) {
      const auto& section = sections_[i];
      StoreNumber(std::span(file), kHeaderBytes + i * kTableEntryBytes, static_cast<uint64_t>(at));
      StoreNumber(std::span(file), kHeaderBytes + i * kTableEntryBytes + 8,
                  static_cast<uint64_t>(section.size()));
      if (!section.empty()) std::memcpy(file.data() + at, section.data(), section.size());
      at += section.size();
    }
    return file;
  }

 private:
  std::vector<std::byte>& current() { return sections_[static_cast<size_t>(section_)]; }
  void Length(size_t length) {
    CHECK(length <= std::numeric_limits<uint32_t>::max());
    Number(static_cast<uint32_t>(length));
  }

  std::array<std::vector<std::byte>, kSectionCount> sections_;
  Section section_ = Section::kPlan;
  uint8_t small_ = 0;
  std::array<int32_t, kOperandNumbers> numbers_{};
  size_t count_ = 0;
};

}  // namespace pprun::file_detail
