#include "runtime/comm/nccl_world.h"

#include <poll.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "compiler/plan/base/check.h"
#include "runtime/start_thread.h"

namespace pprun {
namespace {

using std::chrono::milliseconds;

// NCCL starts a thread for whatever is issued, which takes microseconds unless it connects ranks.
constexpr std::chrono::microseconds kFirstPoll{5};
constexpr std::chrono::microseconds kLastPoll{1000};
constexpr milliseconds kLook{100};
constexpr std::chrono::microseconds kTurn{20};
// NCCL does not block, so a turn is over soon; one that hangs all the same holds up no abort.
constexpr milliseconds kLongestTurn{5000};

bool IsMember(const Plan& plan, const Group& group, int64_t rank) {
  const PositionId position = CoordinatesOf(plan, rank).position;
  return group.positions.empty() ||
         std::ranges::find(group.positions, position) != group.positions.end();
}

// Into the first split in which none of its ranks takes part yet; returns which. A color is the
// lowest rank that has it, so no two communicators of a split have the same.
size_t Place(const std::vector<int>& colors, std::vector<std::vector<int>>& splits) {
  const auto fits = [&](const std::vector<int>& split) {
    for (size_t rank = 0; rank < colors.size(); ++rank) {
      if (colors[rank] != kNcclNoColor && split[rank] != kNcclNoColor) return false;
    }
    return true;
  };
  const auto found = std::ranges::find_if(splits, fits);
  const auto place = static_cast<size_t>(found - splits.begin());
  if (found == splits.end()) splits.emplace_back(colors.size(), kNcclNoColor);
  for (size_t rank = 0; rank < colors.size(); ++rank) {
    if (colors[rank] != kNcclNoColor) splits[place][rank] = colors[rank];
  }
  return place;
}

}  // namespace

NcclSplits NcclSplitsOf(const Plan& plan) {
  const auto ranks = static_cast<size_t>(plan.Ranks());
  NcclSplits splits;
  for (const Channel& channel : plan.channels) {
    std::vector<int> colors(ranks, kNcclNoColor);
    for (size_t rank = 0; rank < ranks; ++rank) {
      const auto number = static_cast<int64_t>(rank);
      const PositionId position = CoordinatesOf(plan, number).position;
      if (position != channel.from && position != channel.to) continue;
      // One communicator a pair.
      colors[rank] = static_cast<int>(std::min(number, PeerOf(plan, channel, number)));
    }
    splits.of_channels.push_back(Place(colors, splits.colors));
  }
  for (const Group& group : plan.groups) {
    std::vector<int> colors(ranks, kNcclNoColor);
    for (size_t rank = 0; rank < ranks; ++rank) {
      const auto number = static_cast<int64_t>(rank);
      if (!IsMember(plan, group, number)) continue;
      colors[rank] = static_cast<int>(MembersOf(plan, group, number).front());
    }
    splits.of_groups.push_back(Place(colors, splits.colors));
  }
  return splits;
}

NcclWorld::NcclWorld(const Plan& plan, NcclApi& api, AbortSignal& abort, Options options)
    : api_(api), abort_(abort), options_(std::move(options)), splits_(NcclSplitsOf(plan)) {
  try {
    Make(plan);
  } catch (...) {
    BeginAbort();
    aborter_.join();
    throw;
  }
  stage_ = Stage::kMade;
  watcher_ = StartThread([this] { Watch(); });
}

void NcclWorld::Make(const Plan& plan) {
  std::optional<NcclId> own;
  if (options_.rank == 0) {
    own.emplace();
    Check(api_.GetUniqueId(&*own), "ncclGetUniqueId", nullptr);
  }
  const NcclId id = options_.share_id(own);
  const auto rank = static_cast<int>(options_.rank);
  NcclStatus status = api_.CommInitRankConfig(&world_, static_cast<int>(plan.Ranks()), id, rank);
  Check(status, "ncclCommInitRankConfig", world_);
  made_.resize(splits_.colors.size());
  for (size_t i = 0; i < made_.size(); ++i) {
    const int color = splits_.colors[i][static_cast<size_t>(rank)];
    status = api_.CommSplit(world_, color, rank, &made_[i]);
    // The new one is there when the old one is done with the split.
    Check(status, "ncclCommSplit", world_);
    if (made_[i] != nullptr) Check(NcclStatus::kInProgress, "ncclCommSplit", made_[i]);
  }
}

NcclWorld::~NcclWorld() {
  ended_.Raise();
  if (watcher_.joinable()) watcher_.join();
  if (abort_.raised()) BeginAbort();
  if (aborter_.joinable()) {
    // A job's own watch ends the process if NCCL never comes back.
    aborter_.join();
    return;
  }
  Destroy();
}

// The split ones before the one of all.
void NcclWorld::Destroy() {
  std::vector<NcclHandle> all = made_;
  std::ranges::reverse(all);
  all.push_back(world_);
  try {
    for (const NcclHandle comm : all) {
      if (comm == nullptr) continue;
      Check(api_.CommFinalize(comm), "ncclCommFinalize", comm);
      // From here on it is not to be asked for its state.
      const NcclStatus status = api_.CommDestroy(comm);
      if (status != NcclStatus::kInProgress) Check(status, "ncclCommDestroy", nullptr);
    }
  } catch (const std::runtime_error& error) {
    // The run is over and its results are safe; what is left goes with the process.
    if (options_.on_failure) options_.on_failure(error.what());
  }
}

NcclHandle NcclWorld::OfChannel(ChannelId channel) const {
  const NcclHandle comm = made_[splits_.of_channels[channel.index()]];
  CHECK(comm != nullptr);
  return comm;
}

NcclHandle NcclWorld::OfGroup(GroupId group) const {
  const NcclHandle comm = made_[splits_.of_groups[group.index()]];
  CHECK(comm != nullptr);
  return comm;
}

std::unique_lock<std::mutex> NcclWorld::Turn() {
  std::unique_lock turn(turn_, std::defer_lock);
  while (!turn.try_lock()) {
    // The abort keeps the turn until the graphs are gone, which whoever waits here may hold.
    abort_.ThrowIfRaised();
    std::this_thread::sleep_for(kTurn);
  }
  // What is aborted is gone.
  abort_.ThrowIfRaised();
  return turn;
}

void NcclWorld::Check(NcclStatus status, const char* call, NcclHandle comm) {
  const Deadline deadline = After(options_.patience);
  auto pause = kFirstPoll;
  while (status == NcclStatus::kInProgress) {
    CHECK(comm != nullptr);
    abort_.ThrowIfRaised();
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error("`" + std::string(call) + "` has not finished within " +
                               std::to_string(options_.patience.count() / 1000) + " s");
    }
    const NcclStatus asked = api_.CommGetAsyncError(comm, &status);
    if (asked != NcclStatus::kSuccess) status = asked;
    if (status != NcclStatus::kInProgress) break;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, kLastPoll);
  }
  if (status == NcclStatus::kSuccess) return;
  std::string why = "`" + std::string(call) + "` failed: " + api_.GetErrorString(status);
  const std::string last = api_.GetLastError(comm);
  if (!last.empty()) why += " (" + last + ")";
  throw std::runtime_error(why);
}

void NcclWorld::Watch() {
  std::vector<NcclHandle> all = made_;
  all.push_back(world_);
  while (true) {
    pollfd ended = {ended_.descriptor(), POLLIN, 0};
    poll(&ended, 1, static_cast<int>(kLook.count()));
    if (ended_.raised()) return;
    std::string why;
    {
      // Whoever has the turn sees failures too.
      const std::unique_lock turn(turn_, std::try_to_lock);
      // An aborted communicator is gone.
      if (Aborted()) return;
      if (!turn.owns_lock()) continue;
      for (const NcclHandle comm : all) {
        NcclStatus status = NcclStatus::kSuccess;
        if (comm == nullptr || !why.empty()) continue;
        const NcclStatus asked = api_.CommGetAsyncError(comm, &status);
        if (asked != NcclStatus::kSuccess) status = asked;
        if (status == NcclStatus::kSuccess || status == NcclStatus::kInProgress) continue;
        why = "NCCL failed: " + api_.GetErrorString(status);
      }
    }
    if (why.empty()) continue;
    if (options_.on_failure) {
      options_.on_failure("rank " + std::to_string(options_.rank) + ": " + why);
    }
    return;
  }
}

void NcclWorld::BeginAbort() {
  const std::lock_guard lock(mutex_);
  if (state_ == State::kAborted) return;
  state_ = State::kAborted;
  aborter_ = StartThread([this] { AbortAll(); });
}

bool NcclWorld::Aborted() {
  const std::lock_guard lock(mutex_);
  return state_ == State::kAborted;
}

// What the calls return changes nothing: the run has failed, with a reason of its own.
void NcclWorld::AbortAll() {
  std::unique_lock turn(turn_, std::defer_lock);
  const Deadline deadline = After(kLongestTurn);
  while (!turn.try_lock() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kTurn);
  }
  NcclHandle world = world_;
  if (stage_ == Stage::kMaking && world != nullptr) {
    // Ends a split that is under way, which only then gives what it has made. Nothing runs yet.
    api_.CommAbort(std::exchange(world, nullptr));
  }
  // Together, since each waits: for the GPU, where kernels of another may spin, and for its graphs
  // to go, which may be at the work of another.
  api_.GroupStart();
  if (world != nullptr) api_.CommAbort(world);
  for (const NcclHandle comm : made_) {
    if (comm != nullptr) api_.CommAbort(comm);
  }
  api_.GroupEnd();
}

}  // namespace pprun
