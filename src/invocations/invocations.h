// Requests that are answered later: a durable queue for each endpoint, and the threads that work it
// off. No thread waits for what is out of reach: the request rests meanwhile, with what was done so
// far, and keeps its place among those under way.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "invocations/ports.h"
#include "store/db.h"

namespace slipway::invocations {

// What somebody wants to have answered.
struct Draft {
  std::string endpoint;
  std::string id;            // of the prediction; empty: one is made
  std::string input;         // the location of the question; empty: it is `body`
  std::string body;          // not empty when there is no `input`
  std::string content_type;  // of the question
  std::string folder;        // below the endpoint's output; empty: the output itself
  std::string file;          // of the answer; empty: one that nothing else has
  base::Duration queue_limit = base::Duration::hours(6);  // then it is not scored any more
  base::Duration call_limit = base::Duration::seconds(900);
};

struct Receipt {
  std::string id;
  std::string output, failure;  // locations: one of the two will be there
};

// Safe to use from several threads. All that is given must outlive it; `wall_clock` the metrics
// too.
class Invocations {
 public:
  struct Options {
    std::size_t threads_max = 16;           // of all endpoints; started when they are needed
    std::size_t in_flight = 4;              // of an endpoint that doesn't say
    std::size_t queue_length_max = 10'000;  // waiting, of each endpoint
    std::chrono::milliseconds retry_first{200}, retry_last{30'000};  // doubling, less up to half
  };
  Invocations(store::Db& db, const base::Clock& event_clock, const base::Clock& wall_clock,
              base::Random& random, Destinations& destinations, Scorer& scorer, Files& files,
              base::Metrics& metrics, Options options);
  ~Invocations();  // stop()

  // Lines up what was accepted and not answered before. The tables are migrated (tables.h).
  Result<void> open();
  // From now on the queues are worked off.
  void start();
  // Waits for what is being scored; the rest goes on after the next start. Idempotent.
  void stop();

  // Durable on return. kNotFound: no such endpoint. kFailedPrecondition: it declares no
  // destination. kInvalidArgument: a location that this server may not use. kResourceExhausted:
  // the endpoint's queue is full.
  Result<Receipt> accept(const Draft& draft);

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Invocation;
  struct Job;
  struct Lane;
  struct Patience;
  struct Waiting {
    std::int64_t number = 0;
    base::Timestamp received_at;
  };

  Lane& lane(const std::string& endpoint) REQUIRES(mutex_);
  void line_up(Lane& lane, Waiting waiting) REQUIRES(mutex_);
  void employ() REQUIRES(mutex_);  // sees to it that a thread is there for what is to be done
  void hire() REQUIRES(mutex_);
  Lane* find_work() REQUIRES(mutex_);
  Time next_work() const REQUIRES(mutex_);  // max(): nothing is to be done
  void run();
  // From where it was left. False: it has to rest, and goes on there.
  bool go_on(Job& job);
  Result<std::optional<Invocation>> find(std::int64_t number);
  // Nothing: it has to rest.
  std::optional<Result<std::string>> answer(Job& job);
  // Writes the answer, or why there is none. False: it has to rest.
  bool write(Job& job);
  // What `call` gives, unless it is to be made again later.
  template <typename Call>
  auto attempt(Job& job, const Patience& patience, Call call) -> std::optional<decltype(call())>;
  std::chrono::milliseconds pause(const Job& job);

  store::Db& db_;
  const base::Clock& event_clock_;
  const base::Clock& wall_clock_;
  base::Random& random_;
  Destinations& destinations_;
  Scorer& scorer_;
  Files& files_;
  base::Metrics& metrics_;
  const Options options_;
  base::Counter& answered_;
  base::Counter& failed_;
  base::Counter& expired_;
  base::Counter& lost_;
  base::Counter& retries_;

  base::Mutex mutex_;
  base::CondVar wake_;  // there is work, or the server stops
  std::map<std::string, std::unique_ptr<Lane>, std::less<>> lanes_ GUARDED_BY(mutex_);
  std::string last_served_ GUARDED_BY(mutex_);  // the endpoint whose turn it was
  std::size_t idle_ GUARDED_BY(mutex_) = 0;
  bool started_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;  // changed under mutex_ until stop()
};

}  // namespace slipway::invocations
