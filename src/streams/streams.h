// Keeps streams: which there are, which are paused; and has them work.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/result.h"
#include "store/db.h"
#include "streams/definition.h"
#include "streams/ports.h"
#include "streams/worker.h"

namespace slipway::streams {

struct StreamChange {
  std::string kind = "stream", name, change;  // created | updated | unchanged | removed
};

struct Stream {
  StreamDefinition definition;
  StreamStatus status;

  JsonObject to_json() const;
};

// Safe to use from several threads. What is given to the constructor must outlive it.
class Streams {
 public:
  Streams(store::Db& db, const base::Clock& clock, Worker::Ports ports, base::Metrics& metrics,
          Worker::Options options = {})
      : db_(db), clock_(clock), ports_(ports), metrics_(metrics), options_(options) {}
  ~Streams();  // stop()

  static store::RoomMigrations migrations();

  // From now on what is declared works.
  Result<void> start();
  // Ends between two steps; goes on there after the next start. Idempotent.
  void stop();

  // A stream that is not declared any more ends; its group keeps its place.
  Result<std::vector<StreamChange>> plan(const std::vector<StreamDefinition>& definitions);
  Result<std::vector<StreamChange>> apply(const std::vector<StreamDefinition>& definitions,
                                          const std::string& actor);

  Result<std::vector<Stream>> list();           // by name
  Result<Stream> get(const std::string& name);  // kNotFound
  // Stays so over restarts. What was asked for already changes nothing. kNotFound.
  Result<Stream> set_paused(const std::string& name, bool paused, const std::string& actor);

 private:
  struct Stored {
    StreamDefinition definition;
    bool paused = false;
  };
  Result<std::map<std::string, Stored>> stored();
  void run(const Stored& stream) REQUIRES(change_mutex_);
  std::shared_ptr<Worker> worker(const std::string& name);

  store::Db& db_;
  const base::Clock& clock_;
  const Worker::Ports ports_;
  base::Metrics& metrics_;
  const Worker::Options options_;
  base::Mutex change_mutex_;  // one change at a time
  bool started_ GUARDED_BY(change_mutex_) = false;
  base::Mutex mutex_;
  std::map<std::string, std::shared_ptr<Worker>> workers_ GUARDED_BY(mutex_);
};

}  // namespace slipway::streams
