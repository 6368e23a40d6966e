// Ids as types, so that mixing a rank with a stage does not compile. An id is an index into the
// table of its kind; a negative value means none.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace pprun {

template <typename Tag>
struct Id {
  int32_t value = -1;

  constexpr Id() = default;
  constexpr explicit Id(int64_t index) : value(static_cast<int32_t>(index)) {}
  constexpr bool valid() const { return value >= 0; }
  constexpr size_t index() const { return static_cast<size_t>(value); }
  auto operator<=>(const Id&) const = default;
};

using PositionId = Id<struct PositionTag>;    // a place in the pipeline; Plan::positions
using AxisId = Id<struct AxisTag>;            // Plan::mesh
using GroupId = Id<struct GroupTag>;          // Plan::groups
using ChannelId = Id<struct ChannelTag>;      // Plan::channels
using FunctionId = Id<struct FunctionTag>;    // Plan::functions
using ParameterId = Id<struct ParameterTag>;  // Plan::parameters
using LayerId = Id<struct LayerTag>;          // Plan::layers
using SourceId = Id<struct SourceTag>;        // Plan::sources
using StreamId = Id<struct StreamTag>;        // Position::streams
using BufferId = Id<struct BufferTag>;        // Position::buffers
using EventId = Id<struct EventTag>;          // within one program
using ViewId = Id<struct ViewTag>;            // Function::views
using MicrobatchId = Id<struct MicrobatchTag>;
using StageId = Id<struct StageTag>;
using ChunkId = Id<struct ChunkTag>;

}  // namespace pprun
