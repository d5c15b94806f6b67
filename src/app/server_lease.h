// That this server is there, for the others on its database: a row that it keeps fresh.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "base/clock.h"
#include "pipelines/server_table.h"

namespace slipway::app {

// A server that has not been heard of for the lease is removed by the one that leads, as that one's
// own steady clock has it: clocks of servers aren't compared. One thread at a time.
class ServerLease {
 public:
  struct Options {
    std::chrono::seconds lease{120};
  };
  ServerLease(store::Db& db, const base::Clock& clock, Options options)
      : table_(db), clock_(clock), options_(options) {}

  // `server` is complete but for its times.
  Result<void> begin(pipelines::ServerRecord server);
  // Some times a second: says that it lives, when it is time to, and, leading, removes who doesn't.
  Result<void> look();
  // Others need not wait for the lease.
  void end();

  const pipelines::ServerRecord& own() const { return own_; }

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  Result<void> remove_silent(SteadyTime now);

  pipelines::ServerTable table_;
  const base::Clock& clock_;
  const Options options_;
  pipelines::ServerRecord own_;
  SteadyTime next_beat_;
  struct Heard {
    std::int64_t beat = 0;
    SteadyTime at;
  };
  std::map<std::string, Heard> heard_;  // by id
};

}  // namespace slipway::app
