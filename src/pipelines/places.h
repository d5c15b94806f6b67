// Which steps may begin when not all can: the limit over all runs, pools with slots, the machine's
// CPU and memory, priorities.
// Pure: no clock, no lock.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/timestamp.h"
#include "pipelines/resources.h"

namespace slipway::pipelines {

// Which run goes before which: the one that matters more, then the older one.
struct Rank {
  std::int64_t priority = 0;
  base::Timestamp created;
  std::string run;

  bool operator==(const Rank&) const = default;
  bool operator<(const Rank& other) const;
};

// What a step takes while it runs.
struct Place {
  std::size_t position = 0;  // in its run
  std::string step, pool;    // no pool: one of all places alone
  std::int64_t slots = 1;    // of the pool
  Resources resources;       // of the machine
  bool is_job = false;       // it runs in a cluster, and takes nothing of the machine
  std::string server;        // that it is taken on; empty: this one

  bool operator==(const Place&) const = default;
};

// Another server that runs steps.
struct OtherServer {
  std::string server;  // id
  std::size_t places = 0;
  Resources capacity;

  bool operator==(const OtherServer&) const = default;
};

// A step that asks for a place gets it when it is its turn: steps of one pool begin strictly by the
// rank of their runs, so that one that needs many slots isn't passed by others for ever; steps of
// different pools don't wait for each other. CPU and memory of a server are two more such pools.
// Of servers that have room for a step, it gets the one of which the smallest part is taken.
class Places {
 public:
  // Of processes on this server, over all runs and pools.
  void set_limit(std::size_t places) { limits_[""] = places; }
  void set_jobs(std::size_t jobs) { stores_[kJobs] = static_cast<std::int64_t>(jobs); }
  void set_pools(const std::map<std::string, std::int64_t>& slots);
  // What the machine has for steps that say what they need. Without: nobody is kept waiting.
  void set_capacity(const Resources& capacity);

  // Servers come and go from now on: a step that none has room for waits for one that has.
  void share() { is_shared_ = true; }

  // The most that any server has.
  Resources largest() const;
  // Servers beside this one. What is taken on one that is left out stays taken until it is given
  // back.
  void set_others(const std::vector<OtherServer>& others);

  // Why a step could never begin; empty: it could.
  std::string impossible(const Place& place) const;

  // The run is about to ask for the first time: until it does, nobody behind it gets a place. For
  // runs that a server takes up when it starts, which ask in any order.
  void expect(const Rank& run) { expected_.insert(run); }
  // What a run waits for, instead of what it waited for before, in its steps' order.
  void ask(const Rank& run, std::vector<Place> places);
  void forget(const std::string& run);  // it waits for nothing
  // Of what it waits for, the positions whose turn it is, each with its server. All of them may be
  // taken.
  std::map<std::size_t, std::string> granted(const std::string& run) const;
  // The runs that have such.
  std::set<std::string> granted_runs() const;
  // Takes what is granted, on that server.
  void take(const std::string& run, std::size_t position, const std::string& server);
  void give_back(const std::string& run, std::size_t position);
  // Takes it whatever is free: of a step that runs already.
  void occupy(const std::string& run, Place place);

  // What a step waits for, as a sentence; empty: for nothing.
  std::string why_waiting(const std::string& run, std::size_t position) const;

  struct PoolState {
    std::string name;
    std::int64_t slots = 0, taken = 0;
    std::vector<std::string> holders;  // "train of run 1a2b"
    std::size_t waiting = 0;           // steps
  };
  std::vector<PoolState> pools() const;

 private:
  using Key = std::pair<std::string, std::size_t>;  // run and position
  struct Demand {
    std::string store;
    std::int64_t amount = 0;
  };
  // No pool can be called so.
  static constexpr const char* kCpu = "resources.cpu";
  static constexpr const char* kMemory = "resources.memory";
  static constexpr const char* kJobs = "resources.jobs";

  struct Grant {
    Key key;
    std::string server;
  };

  static bool is_pool(const std::string& store) { return !store.starts_with("resources."); }
  std::size_t processes() const;  // that run
  std::size_t limit() const;      // of them
  // Servers with room for a process, those of which the smallest part is taken first.
  std::vector<std::string> open_servers(const std::map<std::string, std::size_t>& running) const;
  std::vector<Demand> demands_of(const Place& place) const;
  std::vector<Grant> grants() const;
  std::int64_t taken_of(const std::string& store) const;
  std::vector<std::string> holders_of(const std::string& store) const;
  std::string words_for(const Demand& demand) const;

  bool is_shared_ = false;
  std::map<std::string, std::size_t> limits_{{"", 1}};  // by server
  std::map<std::string, std::int64_t> stores_;          // pools, and what the machine has
  std::set<Rank> expected_;
  std::map<Rank, std::vector<Place>> waiting_;
  std::map<Key, Place> taken_;
};

}  // namespace slipway::pipelines
