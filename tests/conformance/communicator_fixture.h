// What the communicators' conformance suite works with: a world of ranks that a backend makes,
// arrays on their devices, and collectives over all of them.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/communicator.h"
#include "runtime/device.h"

namespace pprun {

// Ranks that can meet. Owns what its devices and communicators need.
class World {
 public:
  virtual ~World() = default;
  virtual Device& device(int64_t rank) = 0;
  virtual Communicator& communicator(int64_t rank) = 0;
};

// Whether participants of a meeting may be issued with anything between them, or stand together.
enum class MeetingOrder : uint8_t { kAny, kTogether };

struct WorldCase {
  std::string name;
  std::function<std::unique_ptr<World>(int64_t ranks)> make;
  MeetingOrder order = MeetingOrder::kAny;
};

class CommunicatorConformance : public testing::TestWithParam<WorldCase> {
 protected:
  // A tensor of one rank's device, made of 32-bit elements.
  template <class Element>
  struct Array {
    Device* device = nullptr;
    std::unique_ptr<DeviceMemory> memory;
    kernels::Tensor tensor;

    std::vector<Element> Get() const {
      std::vector<Element> values(static_cast<size_t>(tensor.shape.Elements()));
      device->Download(std::as_writable_bytes(std::span(values)), memory->data());
      return values;
    }
    void Set(const std::vector<Element>& values) {
      device->Upload(memory->data(), std::as_bytes(std::span(values)));
    }
  };

  std::unique_ptr<World> MakeWorld(int64_t ranks) { return GetParam().make(ranks); }
  static bool InAnyOrder() { return GetParam().order == MeetingOrder::kAny; }

  template <class Element>
  static constexpr DType TypeOf() {
    if constexpr (std::is_same_v<Element, float>) return DType::kF32;
    if constexpr (std::is_same_v<Element, double>) return DType::kF64;
    if constexpr (std::is_same_v<Element, int32_t>) return DType::kI32;
    if constexpr (std::is_same_v<Element, uint16_t>) return DType::kBF16;
  }

  template <class Element>
  static Array<Element> Make(World& world, int64_t rank, const std::vector<Element>& values) {
    Device& device = world.device(rank);
    Array<Element> array = {
        &device, device.Allocate(static_cast<int64_t>(values.size() * sizeof(Element))), {}};
    array.tensor = {array.memory->data(), TypeOf<Element>(), {static_cast<int64_t>(values.size())}};
    array.Set(values);
    return array;
  }

  // One collective over all ranks of a world, `times` in a row on fresh values; returns every
  // rank's target.
  struct CollectiveCase {
    CollectiveKind kind = CollectiveKind::kAllReduce;
    enum class Place : uint8_t { kInPlace, kApart } place = Place::kInPlace;
    int32_t root = 0;
    size_t target_elements = 0;
  };
  template <class Element>
  std::vector<std::vector<Element>> RunCollective(const CollectiveCase& what,
                                                  const std::vector<std::vector<Element>>& sources,
                                                  int times = 1) {
    const auto ranks = static_cast<int64_t>(sources.size());
    const auto world = MakeWorld(ranks);
    std::vector<int64_t> members(sources.size());
    std::iota(members.begin(), members.end(), 0);
    std::vector<Array<Element>> source, target;
    std::vector<std::unique_ptr<PreparedMeeting>> meetings;
    std::vector<std::unique_ptr<DeviceStream>> streams;
    for (int64_t rank = 0; rank < ranks; ++rank) {
      source.push_back(Make(*world, rank, sources[static_cast<size_t>(rank)]));
      target.push_back(Make(*world, rank, std::vector<Element>(what.target_elements)));
      const bool in_place = what.place == CollectiveCase::Place::kInPlace;
      meetings.push_back(world->communicator(rank).PrepareCollective(
          what.kind, GroupId(0), members, source.back().tensor,
          in_place ? source.back().tensor : target.back().tensor, what.root));
      streams.push_back(world->device(rank).CreateStream("r" + std::to_string(rank)));
    }
    std::vector<std::vector<Element>> results;
    for (int time = 0; time < times; ++time) {
      for (size_t rank = 0; rank < sources.size(); ++rank) {
        source[rank].Set(sources[rank]);
      }
      for (size_t rank = 0; rank < sources.size(); ++rank) meetings[rank]->Issue(*streams[rank]);
      for (const auto& stream : streams) stream->Synchronise();
      std::vector<std::vector<Element>> now;
      for (size_t rank = 0; rank < sources.size(); ++rank) {
        const bool in_place = what.place == CollectiveCase::Place::kInPlace;
        now.push_back(in_place ? source[rank].Get() : target[rank].Get());
      }
      if (time == 0) results = now;
      EXPECT_EQ(now, results) << "time " << time;
    }
    // Streams are done before what they worked on goes.
    streams.clear();
    return results;
  }

  // Values that tell rank and place apart and whose sums round, so that an order shows.
  static std::vector<std::vector<float>> Values(size_t ranks, size_t elements) {
    std::mt19937 random(static_cast<uint32_t>(ranks * 1000 + elements));
    std::uniform_real_distribution<float> uniform(-1, 1);
    std::vector<std::vector<float>> values(ranks, std::vector<float>(elements));
    for (auto& one : values) {
      for (float& value : one) value = uniform(random) * static_cast<float>(1 << (random() % 20));
    }
    return values;
  }
};

}  // namespace pprun
