#include "pipelines/places.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/check.h"

namespace slipway::pipelines {
namespace {

// What a server has of something.
std::string store_of(const char* what, const std::string& server) {
  return server.empty() ? std::string(what) : fmt::format("{}@{}", what, server);
}

}  // namespace

bool Rank::operator<(const Rank& other) const {
  if (priority != other.priority) return priority > other.priority;
  if (created != other.created) return created < other.created;
  return run < other.run;
}

void Places::set_pools(const std::map<std::string, std::int64_t>& slots) {
  std::erase_if(stores_, [](const auto& store) { return is_pool(store.first); });
  stores_.insert(slots.begin(), slots.end());
}

void Places::set_capacity(const Resources& capacity) {
  stores_[kCpu] = capacity.cpu_millis;
  stores_[kMemory] = capacity.memory_bytes;
}

void Places::set_others(const std::vector<OtherServer>& others) {
  std::erase_if(limits_, [](const auto& entry) { return !entry.first.empty(); });
  std::erase_if(stores_, [](const auto& entry) {
    return entry.first.starts_with(std::string(kCpu) + "@") ||
           entry.first.starts_with(std::string(kMemory) + "@");
  });
  for (const OtherServer& other : others) {
    limits_[other.server] = other.places;
    stores_[store_of(kCpu, other.server)] = other.capacity.cpu_millis;
    stores_[store_of(kMemory, other.server)] = other.capacity.memory_bytes;
  }
}

Resources Places::largest() const {
  Resources most;
  for (const auto& [server, places] : limits_) {
    const auto cpu = stores_.find(store_of(kCpu, server));
    const auto memory = stores_.find(store_of(kMemory, server));
    if (cpu != stores_.end()) most.cpu_millis = std::max(most.cpu_millis, cpu->second);
    if (memory != stores_.end()) most.memory_bytes = std::max(most.memory_bytes, memory->second);
  }
  return most;
}

std::size_t Places::limit() const {
  std::size_t sum = 0;
  for (const auto& [server, places] : limits_) sum += places;
  return sum;
}

std::size_t Places::processes() const {
  return static_cast<std::size_t>(std::count_if(
      taken_.begin(), taken_.end(), [](const auto& entry) { return !entry.second.is_job; }));
}

void Places::occupy(const std::string& run, Place place) {
  const std::size_t position = place.position;
  taken_.emplace(Key(run, position), std::move(place));
}

std::vector<Places::Demand> Places::demands_of(const Place& place) const {
  std::vector<Demand> demands;
  if (!place.pool.empty()) demands.push_back({place.pool, place.slots});
  if (place.is_job) {
    if (stores_.contains(kJobs)) demands.push_back({kJobs, 1});
    return demands;
  }
  const std::string cpu = store_of(kCpu, place.server), memory = store_of(kMemory, place.server);
  if (place.resources.cpu_millis > 0 && stores_.contains(cpu))
    demands.push_back({cpu, place.resources.cpu_millis});
  if (place.resources.memory_bytes > 0 && stores_.contains(memory))
    demands.push_back({memory, place.resources.memory_bytes});
  return demands;
}

std::string Places::impossible(const Place& place) const {
  for (const Demand& demand : demands_of(place)) {
    const auto store = stores_.find(demand.store);
    if (store == stores_.end()) return fmt::format("there is no pool {}", demand.store);
    if (demand.amount <= store->second) continue;
    if (is_pool(demand.store))
      return fmt::format("it needs {} slots of pool {}, which has {}", demand.amount, demand.store,
                         store->second);
    if (!is_shared_) return lack_of(place.resources, largest());
  }
  return {};
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

std::int64_t Places::taken_of(const std::string& store) const {
  std::int64_t taken = 0;
  for (const auto& [key, place] : taken_) {
    for (const Demand& demand : demands_of(place))
      taken += demand.store == store ? demand.amount : 0;
  }
  return taken;
}

std::vector<std::string> Places::holders_of(const std::string& store) const {
  std::vector<std::string> holders;
  for (const auto& [key, place] : taken_) {
    for (const Demand& demand : demands_of(place)) {
      if (demand.store == store)
        holders.push_back(fmt::format("{} of run {}", place.step, key.first));
    }
  }
  return holders;
}

std::vector<std::string> Places::open_servers(
    const std::map<std::string, std::size_t>& running) const {
  std::vector<std::pair<double, std::string>> open;
  for (const auto& [server, places] : limits_) {
    const auto found = running.find(server);
    const std::size_t taken = found == running.end() ? 0 : found->second;
    if (taken < places)
      open.emplace_back(static_cast<double>(taken) / static_cast<double>(places), server);
  }
  std::sort(open.begin(), open.end());  // of equals this one
  std::vector<std::string> servers;
  for (auto& [part, server] : open) servers.push_back(std::move(server));
  return servers;
}

std::vector<Places::Grant> Places::grants() const {
  std::vector<Grant> granted;
  std::map<std::string, std::int64_t> free;
  for (const auto& [name, amount] : stores_) free[name] = amount - taken_of(name);
  std::set<std::string> closed;                // in which somebody waits who goes first
  std::map<std::string, std::size_t> running;  // processes, by server
  for (const auto& [key, place] : taken_) running[place.server] += place.is_job ? 0 : 1;
  for (const auto& [rank, places] : waiting_) {
    if (!expected_.empty() && *expected_.begin() < rank) break;
    for (Place place : places) {
      const auto servers = place.is_job ? std::vector<std::string>{""} : open_servers(running);
      std::set<std::string> lacking;
      if (servers.empty() && !place.pool.empty()) lacking.insert(place.pool);
      bool fits = false;
      for (const std::string& server : servers) {
        place.server = server;
        const std::vector<Demand> demands = demands_of(place);
        fits = true;
        for (const Demand& demand : demands) {
          if (!closed.contains(demand.store) && free[demand.store] >= demand.amount) continue;
          fits = false;
          // A server that never has so much isn't waited for.
          const bool is_waited_for =
              is_pool(demand.store) || demand.amount <= stores_.at(demand.store);
          if (is_waited_for) lacking.insert(demand.store);
        }
        if (!fits) continue;
        for (const Demand& demand : demands) free[demand.store] -= demand.amount;
        running[server] += place.is_job ? 0 : 1;
        granted.push_back({.key = {rank.run, place.position}, .server = server});
        break;
      }
      if (!fits) closed.merge(lacking);
    }
  }
  return granted;
}

std::map<std::size_t, std::string> Places::granted(const std::string& run) const {
  std::map<std::size_t, std::string> servers;
  for (Grant& grant : grants()) {
    if (grant.key.first == run) servers.emplace(grant.key.second, std::move(grant.server));
  }
  return servers;
}

std::set<std::string> Places::granted_runs() const {
  std::set<std::string> runs;
  for (Grant& grant : grants()) runs.insert(std::move(grant.key.first));
  return runs;
}

void Places::take(const std::string& run, std::size_t position, const std::string& server) {
  const auto waits = std::find_if(waiting_.begin(), waiting_.end(),
                                  [&](const auto& entry) { return entry.first.run == run; });
  CHECK(waits != waiting_.end());
  std::vector<Place>& places = waits->second;
  const auto place = std::find_if(places.begin(), places.end(),
                                  [&](const Place& each) { return each.position == position; });
  CHECK(place != places.end());
  place->server = server;
  taken_.emplace(Key(run, position), std::move(*place));
  places.erase(place);
  if (places.empty()) waiting_.erase(waits);
}

void Places::give_back(const std::string& run, std::size_t position) {
  CHECK(taken_.erase({run, position}) == 1);
}

std::string Places::words_for(const Demand& demand) const {
  const auto store = stores_.find(demand.store);
  const std::int64_t all = store == stores_.end() ? 0 : store->second;
  const std::int64_t taken = taken_of(demand.store);
  const std::string holders = taken == 0
                                  ? "nobody, and others are before it"
                                  : fmt::format("{}", fmt::join(holders_of(demand.store), ", "));
  if (is_pool(demand.store))
    return fmt::format("pool {}: {} of {} slots taken by {}{}", demand.store, taken, all, holders,
                       demand.amount == 1 ? "" : fmt::format("; it needs {}", demand.amount));
  if (demand.store == kJobs) return fmt::format("Kubernetes: {} of {} Jobs run", taken, all);
  const auto text = demand.store == kCpu ? cpu_text : memory_text;
  return fmt::format("{}: {} of {} taken by {}; it needs {}",
                     demand.store == kCpu ? "CPU" : "memory", text(taken), text(all), holders,
                     text(demand.amount));
}

std::string Places::why_waiting(const std::string& run, std::size_t position) const {
  for (const auto& [rank, places] : waiting_) {
    if (rank.run != run) continue;
    for (const Place& place : places) {
      if (place.position != position) continue;
      const std::string lack = place.is_job ? "" : lack_of(place.resources, largest());
      if (is_shared_ && !lack.empty()) return "waits for a server with room for it: " + lack;
      const std::vector<Demand> demands = demands_of(place);
      const auto lacks = std::find_if(demands.begin(), demands.end(), [&](const Demand& demand) {
        const auto store = stores_.find(demand.store);
        return store == stores_.end() || store->second - taken_of(demand.store) < demand.amount;
      });
      if (lacks != demands.end()) return "waits for " + words_for(*lacks);
      if (demands.empty() || (!place.is_job && processes() >= limit()))
        return fmt::format("waits for a place: {} of {} steps run", processes(), limit());
      return "waits for " + words_for(demands.front());
    }
  }
  return {};
}

std::vector<Places::PoolState> Places::pools() const {
  std::vector<PoolState> states;
  for (const auto& [name, slots] : stores_) {
    if (!is_pool(name)) continue;
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
