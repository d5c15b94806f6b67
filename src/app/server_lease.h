// That this server is there, for the others on its database: a row that it keeps fresh.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "pipelines/server_table.h"
#include "pipelines/step_guard.h"

namespace slipway::app {

// A server that has not been heard of for the lease is removed by the one that leads, as that one's
// own steady clock has it: clocks of servers aren't compared. One thread at a time.
class ServerLease {
 public:
  struct Options {
    std::chrono::seconds lease{120};
  };
  using OnServers = std::function<void(const std::vector<pipelines::ServerRecord>& heard_of)>;
  ServerLease(store::Db& db, const base::Clock& clock, base::Random& random, Options options)
      : table_(db), clock_(clock), random_(random), options_(options) {}

  // `server` is complete but for its id and its times. One with a folder gets a guard, which ends
  // what the server has started when it can't say any more that it lives. `on_servers`, where it
  // leads, gets those that were heard of lately, itself included. kFailedPrecondition: the others
  // have another folder.
  Result<void> begin(pipelines::ServerRecord server, OnServers on_servers);
  // Some times a second: says that it lives, when it is time to, and, leading, looks who else does.
  Result<void> look();
  // Another server has led since this one began to: what this one knows of runs may be old, so that
  // it may lead again only after it has begun anew. For the thread of look().
  bool was_replaced() const { return was_replaced_; }
  // Others need not wait for the lease.
  void end();

  const pipelines::ServerRecord& own() const { return own_; }
  // Nobody takes this server for lost yet, nor will the next moment. Safe to use from several
  // threads.
  bool is_fresh() const;

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  Result<void> come_back();
  Result<void> look_at_others(SteadyTime now);
  std::chrono::seconds guard_limit() const { return options_.lease * 2 / 3; }

  pipelines::ServerTable table_;
  const base::Clock& clock_;
  base::Random& random_;
  const Options options_;
  OnServers on_servers_;
  std::unique_ptr<pipelines::StepGuard> guard_;
  std::atomic<std::int64_t> heard_ms_{0};  // when this server was, by the steady clock
  pipelines::ServerRecord own_;
  SteadyTime next_beat_;
  bool was_replaced_ = false;
  struct Heard {
    std::int64_t beat = 0;
    SteadyTime at;
  };
  std::map<std::string, Heard> heard_;  // by id
};

}  // namespace slipway::app
