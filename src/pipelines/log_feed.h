// Tells those who follow a step's log what it writes, as it writes.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipelines/pipelines.h"
#include "store/feed_loop.h"

namespace slipway::pipelines {

// Where a follower's text goes. Safe to use from several threads; never blocks.
class LogSink {
 public:
  virtual ~LogSink() = default;
  // What stands in the log from byte `from` up to byte `end`. `from` is 0 at its beginning, also
  // when the log was begun anew. False: not taken, it is told again. Nothing is told to a follower
  // before it has what it was told before.
  virtual bool tell(std::int64_t from, std::int64_t end, std::string_view text) = 0;
  virtual bool over(std::int64_t end) = 0;  // the step is, and everything was told
  virtual void stay_alive() = 0;            // nothing happened for a while
  virtual bool is_open() const = 0;
  virtual bool is_drained() const = 0;  // everything that was taken is on its way
  virtual void end() = 0;
};

// Safe to use from several threads. One thread looks at the logs while somebody follows one, also
// those of steps that run elsewhere and write into the same folder. `pipelines` must outlive it.
class LogFeed {
 public:
  struct Options {
    std::size_t followers_max = 1000;
    std::size_t piece_bytes_max = 64 << 10;  // that are told at once
    std::chrono::milliseconds look{200};
    std::chrono::seconds silence_max{15};
  };
  LogFeed(Pipelines& pipelines, Options options)
      : pipelines_(pipelines),
        options_(options),
        loop_({"log-feed", options.followers_max, options.look}) {}

  void start();
  void stop() { loop_.stop(); }  // ends every follower. Idempotent.

  // From byte `after` on; a step that has not begun is waited for. kNotFound: no such run or step.
  // kResourceExhausted: too many followers. kUnavailable: the server stops.
  Result<void> follow(const std::string& run, const std::string& step, std::int64_t after,
                      std::shared_ptr<LogSink> sink);

 private:
  using Clock = std::chrono::steady_clock;
  struct Follower {
    std::string run, step;
    std::int64_t after = 0;
    std::shared_ptr<LogSink> sink;
    std::filesystem::path file;  // empty: it has written nothing yet
    bool is_over = false;        // the step was when it was last asked about
    Clock::time_point asked;     // about the step
    Clock::time_point heard = Clock::now();
  };

  // Both: for the loop's thread alone.
  void look(Follower& follower);
  Result<void> ask_about(Follower& follower);

  Pipelines& pipelines_;
  const Options options_;

  store::FeedLoop<Follower> loop_;
};

}  // namespace slipway::pipelines
