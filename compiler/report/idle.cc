#include "compiler/report/idle.h"

#include <algorithm>
#include <limits>
#include <ranges>
#include <utility>
#include <variant>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Interval {
  double begin = 0;
  double end = 0;
};

bool IsTask(const LinkedEvent& linked) {
  return std::holds_alternative<Run>(linked.instruction->operands);
}

// When what a meeting's participants wait for on their streams had happened: what it moves was
// computed then. Before any time, if they wait for nothing.
double ReadyTime(const LinkedRun& run, const LinkedMeeting& meeting) {
  double ready = -kInfinity;
  for (const int32_t participant : meeting.participants) {
    const LinkedEvent& event = run.events[static_cast<size_t>(participant)];
    // A receive waits for its target to be free, which is no matter of computing.
    if (std::holds_alternative<Recv>(event.instruction->operands)) continue;
    for (int32_t at = event.previous; at >= 0;) {
      const LinkedEvent& before = run.events[static_cast<size_t>(at)];
      if (!std::holds_alternative<Wait>(before.instruction->operands)) break;
      if (before.record >= 0) {
        ready = std::max(ready, run.events[static_cast<size_t>(before.record)].event.end);
      }
      at = before.previous;
    }
  }
  return ready;
}

// Cuts the idle time of one rank into pieces, each with its cause.
class IdleAccount {
 public:
  // `idle` ascending and disjoint.
  IdleAccount(const LinkedRun& run, std::vector<Interval> idle, RankTime& time)
      : run_(run), idle_(std::move(idle)), time_(time) {}

  // What of [begin, end) is idle. Calls come by ascending time.
  void Add(IdleCause cause, double begin, double end) {
    // Times that were measured on several clocks may run backwards.
    begin = std::max(begin, reached_);
    if (end <= begin) return;
    reached_ = end;
    while (next_ < idle_.size() && idle_[next_].end <= begin) ++next_;
    for (size_t i = next_; i < idle_.size() && idle_[i].begin < end; ++i) {
      const double piece = std::min(end, idle_[i].end) - std::max(begin, idle_[i].begin);
      time_.idle[static_cast<size_t>(cause)] += std::max(0.0, piece);
    }
  }

  // What the event itself took, if it is no task.
  void AddEvent(const LinkedEvent& linked) {
    if (std::holds_alternative<Wait>(linked.instruction->operands)) {
      AddWait(linked);
    } else if (linked.meeting >= 0) {
      AddMeeting(linked, linked.event.end);
    } else if (std::holds_alternative<Record>(linked.instruction->operands)) {
      // It does nothing; what it takes is the thread's being elsewhere.
      Add(IdleCause::kLaunch, linked.event.begin, linked.event.end);
    } else if (!IsTask(linked)) {
      Add(IdleCause::kOther, linked.event.begin, linked.event.end);
    }
  }

  // From here to where both tasks of a pair began: what held up the other one.
  void AddPartner(const LinkedEvent& partner) {
    std::vector<int32_t> before;
    for (int32_t at = partner.previous; at >= 0 && !IsTask(At(at)) && At(at).event.end > reached_;
         at = At(at).previous) {
      before.push_back(at);
    }
    for (const int32_t at : std::views::reverse(before)) AddEvent(At(at));
  }

  void Reach(double time) { reached_ = std::max(reached_, time); }

 private:
  void AddWait(const LinkedEvent& wait) {
    const double begin = wait.event.begin, end = wait.event.end;
    if (wait.record < 0) {
      Add(IdleCause::kDependency, begin, end);
      return;
    }
    const LinkedEvent& record = run_.events[static_cast<size_t>(wait.record)];
    int32_t cause = record.previous;
    while (cause >= 0 && std::holds_alternative<Record>(At(cause).instruction->operands)) {
      cause = At(cause).previous;
    }
    if (cause >= 0 && At(cause).meeting >= 0) {
      AddMeeting(At(cause), end);
    } else {
      Add(IdleCause::kDependency, begin, std::min(end, record.event.end));
    }
    Add(IdleCause::kLaunch, begin, end);
  }

  // From here to where the meeting is over, or `until`.
  void AddMeeting(const LinkedEvent& event, double until) {
    const LinkedMeeting& meeting = run_.meetings[static_cast<size_t>(event.meeting)];
    const double ready = std::min(ReadyTime(run_, meeting), meeting.met);
    Add(IdleCause::kDependency, reached_, std::min(until, ready));
    Add(IdleCause::kQueue, reached_, std::min(until, meeting.met));
    Add(IdleCause::kTransfer, reached_, std::min(until, event.event.end));
  }

  const LinkedEvent& At(int32_t index) const { return run_.events[static_cast<size_t>(index)]; }

  const LinkedRun& run_;
  const std::vector<Interval> idle_;
  size_t next_ = 0;  // the first that is not over
  double reached_ = -kInfinity;
  RankTime& time_;
};

// The part of [begin, end) in which no task of the rank runs; `tasks` by begin.
std::vector<Interval> IdleOf(const std::vector<Interval>& tasks, double begin, double end) {
  std::vector<Interval> idle;
  for (const Interval& task : tasks) {
    if (task.begin > begin) idle.push_back({begin, std::min(task.begin, end)});
    begin = std::max(begin, task.end);
  }
  if (begin < end) idle.push_back({begin, end});
  return idle;
}

// The events of a rank's first stream that runs tasks: [first, last).
std::pair<size_t, size_t> FirstTaskStream(const LinkedRun& run, size_t first, size_t last) {
  size_t task = first;
  while (task < last && !IsTask(run.events[task])) ++task;
  CHECK(task < last);
  const StreamId stream = run.events[task].instruction->stream;
  while (first < task && run.events[first].instruction->stream != stream) ++first;
  size_t end = task;
  while (end < last && run.events[end].instruction->stream == stream) ++end;
  return {first, end};
}

RankTime TimeOf(const LinkedRun& run, size_t first, size_t last, const RunTimes& times) {
  RankTime time = {.rank = run.events[first].event.rank};
  std::vector<Interval> tasks;
  for (size_t i = first; i < last; ++i) {
    const LinkedEvent& linked = run.events[i];
    if (IsTask(linked)) tasks.push_back({linked.event.begin, linked.event.end});
  }
  std::ranges::sort(tasks, {}, &Interval::begin);
  const std::vector<Interval> idle = IdleOf(tasks, times.begin, times.end);
  time.busy = times.end - times.begin;
  for (const Interval& gap : idle) time.busy -= gap.end - gap.begin;

  IdleAccount account(run, idle, time);
  const auto [begin, end] = FirstTaskStream(run, first, last);
  account.Add(IdleCause::kOutside, times.begin, run.events[begin].event.begin);
  account.Reach(run.events[begin].event.begin);
  double done = run.events[begin].event.begin;
  for (size_t i = begin; i < end; ++i) {
    const LinkedEvent& linked = run.events[i];
    if (linked.partner >= 0) {
      account.Reach(done);
      account.AddPartner(run.events[static_cast<size_t>(linked.partner)]);
    }
    account.Add(IdleCause::kLaunch, done, linked.event.begin);
    account.Reach(linked.event.begin);
    account.AddEvent(linked);
    // Idle here means that two tasks of one stream overlap as measured: none of it is.
    if (IsTask(linked)) account.Reach(linked.event.end);
    done = std::max(done, linked.event.end);
  }
  account.Add(IdleCause::kOutside, done, times.end);
  return time;
}

}  // namespace

std::string_view Name(IdleCause cause) {
  switch (cause) {
    case IdleCause::kDependency:
      return "dependency";
    case IdleCause::kQueue:
      return "queue";
    case IdleCause::kTransfer:
      return "transfer";
    case IdleCause::kLaunch:
      return "launch";
    case IdleCause::kOther:
      return "other work";
    case IdleCause::kOutside:
      return "outside";
  }
  CHECK(false);
}

std::string_view Meaning(IdleCause cause) {
  switch (cause) {
    case IdleCause::kDependency:
      return "what it needs was not computed yet";
    case IdleCause::kQueue:
      return "computed, but its transfer stood behind others";
    case IdleCause::kTransfer:
      return "on its way";
    case IdleCause::kLaunch:
      return "nothing was missing: gaps between instructions";
    case IdleCause::kOther:
      return "loads, sums and updates";
    case IdleCause::kOutside:
      return "before the rank's first instruction or after its last";
  }
  CHECK(false);
}

RunTimes TimesOf(const LinkedRun& run) {
  RunTimes times = {.begin = kInfinity, .end = -kInfinity, .ranks = {}};
  for (const LinkedEvent& linked : run.events) {
    if (!IsTask(linked)) continue;
    times.begin = std::min(times.begin, linked.event.begin);
    times.end = std::max(times.end, linked.event.end);
  }
  if (times.end <= times.begin) return {};
  for (size_t first = 0; first < run.events.size();) {
    size_t last = first;
    bool tasks = false;
    for (; last < run.events.size() && run.events[last].event.rank == run.events[first].event.rank;
         ++last) {
      tasks = tasks || IsTask(run.events[last]);
    }
    if (tasks) times.ranks.push_back(TimeOf(run, first, last, times));
    first = last;
  }
  return times;
}

}  // namespace pprun
