#include "pipelines/places.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/check.h"

namespace slipway::pipelines {

bool Rank::operator<(const Rank& other) const {
  if (priority != other.priority) return priority > other.priority;
  if (created != other.created) return created < other.created;
  return run < other.run;
}

std::string Places::impossible(const Place& place) const {
  if (place.pool.empty()) return {};
  const auto pool = pools_.find(place.pool);
  if (pool == pools_.end()) return fmt::format("there is no pool {}", place.pool);
  if (place.slots <= pool->second) return {};
  return fmt::format("it needs {} slots of pool {}, which has {}", place.slots, place.pool,
                     pool->second);
}

void Places::ask(const Rank& run, std::vector<Place> places) {
  expected_.erase(run);
  if (places.empty()) {
    waiting_.erase(run);
  } else {
    waiting_[run] = std::move(places);
  }
}

void Places::forget(const std::string& run) {
  std::erase_if(expected_, [&](const Rank& rank) { return rank.run == run; });
  std::erase_if(waiting_, [&](const auto& entry) { return entry.first.run == run; });
}

std::int64_t Places::taken_of(const std::string& pool) const {
  std::int64_t taken = 0;
  for (const auto& [key, place] : taken_) taken += place.pool == pool ? place.slots : 0;
  return taken;
}

std::vector<std::string> Places::holders_of(const std::string& pool) const {
  std::vector<std::string> holders;
  for (const auto& [key, place] : taken_) {
    if (place.pool == pool) holders.push_back(fmt::format("{} of run {}", place.step, key.first));
  }
  return holders;
}

std::vector<Places::Key> Places::grants() const {
  std::vector<Key> granted;
  std::map<std::string, std::int64_t> free;
  for (const auto& [name, slots] : pools_) free[name] = slots - taken_of(name);
  std::set<std::string> closed;  // pools in which somebody waits who goes first
  for (const auto& [rank, places] : waiting_) {
    if (!expected_.empty() && *expected_.begin() < rank) break;
    for (const Place& place : places) {
      if (taken_.size() + granted.size() >= limit_) return granted;
      if (!place.pool.empty()) {
        if (closed.contains(place.pool)) continue;
        const auto slots = free.find(place.pool);
        if (slots == free.end() || slots->second < place.slots) {
          closed.insert(place.pool);
          continue;
        }
        slots->second -= place.slots;
      }
      granted.emplace_back(rank.run, place.position);
    }
  }
  return granted;
}

std::vector<std::size_t> Places::granted(const std::string& run) const {
  std::vector<std::size_t> positions;
  for (const auto& [name, position] : grants()) {
    if (name == run) positions.push_back(position);
  }
  return positions;
}

std::set<std::string> Places::granted_runs() const {
  std::set<std::string> runs;
  for (const auto& [name, position] : grants()) runs.insert(name);
  return runs;
}

void Places::take(const std::string& run, std::size_t position) {
  const auto waits = std::find_if(waiting_.begin(), waiting_.end(),
                                  [&](const auto& entry) { return entry.first.run == run; });
  CHECK(waits != waiting_.end());
  std::vector<Place>& places = waits->second;
  const auto place = std::find_if(places.begin(), places.end(),
                                  [&](const Place& each) { return each.position == position; });
  CHECK(place != places.end());
  taken_.emplace(Key(run, position), std::move(*place));
  places.erase(place);
  if (places.empty()) waiting_.erase(waits);
}

void Places::give_back(const std::string& run, std::size_t position) {
  CHECK(taken_.erase({run, position}) == 1);
}

std::string Places::why_waiting(const std::string& run, std::size_t position) const {
  for (const auto& [rank, places] : waiting_) {
    if (rank.run != run) continue;
    for (const Place& place : places) {
      if (place.position != position) continue;
      if (place.pool.empty())
        return fmt::format("waits for a place: {} of {} steps run", taken_.size(), limit_);
      const auto pool = pools_.find(place.pool);
      return fmt::format("waits for pool {}: {} of {} slots taken by {}{}", place.pool,
                         taken_of(place.pool), pool == pools_.end() ? 0 : pool->second,
                         taken_of(place.pool) == 0
                             ? "nobody, and others are before it"
                             : fmt::format("{}", fmt::join(holders_of(place.pool), ", ")),
                         place.slots == 1 ? "" : fmt::format("; it needs {}", place.slots));
    }
  }
  return {};
}

std::vector<Places::PoolState> Places::pools() const {
  std::vector<PoolState> states;
  for (const auto& [name, slots] : pools_) {
    PoolState state{.name = name,
                    .slots = slots,
                    .taken = taken_of(name),
                    .holders = holders_of(name),
                    .waiting = 0};
    for (const auto& [rank, places] : waiting_) {
      state.waiting += static_cast<std::size_t>(std::count_if(
          places.begin(), places.end(), [&](const Place& place) { return place.pool == name; }));
    }
    states.push_back(std::move(state));
  }
  return states;
}

}  // namespace slipway::pipelines
