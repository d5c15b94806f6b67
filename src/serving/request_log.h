// The log of what was asked and answered: one row per request and variant that scored it, as
// Parquet files per endpoint and day of event time. docs/formats/request_log.md.
#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/json.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/result.h"
#include "base/timestamp.h"
#include "serving/log_rows.h"
#include "types/frame.h"

namespace slipway::store {
struct ParquetInfo;
}

namespace slipway::serving {

// Safe to use from several threads. Rows are packed into one of a few buffers, by thread, and
// written behind, about once a second: a kill may lose what
// came after the last write (a durable endpoint calls flush() before it answers). A full buffer
// drops rows and counts them.
class RequestLog {
 public:
  struct Options {
    std::filesystem::path folder;
    std::int64_t flush_ms = 1000;
    std::size_t rows_buffered_max = 200'000;
    std::size_t rows_per_file = 50'000;
    std::int64_t rows_at_once_max = 20'000'000;
  };
  RequestLog(Options options, base::Metrics& metrics);
  ~RequestLog();  // stop()

  void start();
  // Writes what is buffered and ends the thread. Idempotent.
  void stop();

  // False: the buffer is full and nothing was taken.
  bool append(const std::string& endpoint, const std::shared_ptr<const LogSchema>& schema,
              std::span<const LogRow> rows);

  // Everything appended before is in a synced file on return. kStorageFull: the disk is full; the
  // first error comes back when all that can be written is. What can't be stays buffered.
  Result<void> flush();

  // Calls `each` with the rows of a part after the other, what is buffered included, in no order;
  // its error ends it. `columns`: only those that the part has; none: all. Parts that hold no row
  // of the interval are not read.
  enum class TimeOf { kEvent, kArrival };
  struct Interval {
    TimeOf time = TimeOf::kEvent;
    base::Timestamp from, to;  // from <= time < to
  };
  using EachPart = std::function<Result<void>(types::Frame& part)>;
  Result<void> each_part(const std::string& endpoint, const Interval& interval,
                         const std::vector<std::string>& columns, const EachPart& each);
  // Rows with from <= event_time < to, what is buffered included, in no order. `columns`: only
  // those; a column no row has is left out. No rows: a frame with the fixed columns and none.
  Result<types::Frame> read(const std::string& endpoint, base::Timestamp from, base::Timestamp to,
                            const std::vector<std::string>& columns);
  // Before read(), by who may be asked for any time: kResourceExhausted when files of more than
  // rows_at_once_max rows would be read. Reads their ends only.
  Result<void> check_rows(const std::string& endpoint, base::Timestamp from, base::Timestamp to);
  // Features, the request's kept columns, and per variant its prediction, latency and error.
  // kNotFound.
  Result<JsonObject> find(const std::string& endpoint, const std::string& request_id);
  // Takes rows out of the log for good: those that `is_gone` names by their positions, ascending,
  // of a frame with the given columns that a part has (features, and the request's without their
  // prefix). Returns how many; kOnlyCount changes nothing. Nothing is written meanwhile. Broken
  // off, each part is whole, with its rows or without them.
  using AreGone = std::function<std::vector<std::size_t>(const types::Frame& frame)>;
  enum class Erase { kRemove, kOnlyCount };
  Result<std::int64_t> erase(const std::string& endpoint, const std::vector<std::string>& columns,
                             const AreGone& is_gone, Erase how);
  // Endpoints that have rows.
  Result<std::vector<std::string>> endpoints();
  // Takes away days of event time that ended before `before`. Returns the bytes.
  Result<std::int64_t> remove_days(const std::string& endpoint, base::Timestamp before);
  std::int64_t bytes_on_disk() const;

 private:
  // Rows of one endpoint, day and shape.
  struct Chunk {
    std::string endpoint;
    std::int64_t day = 0;  // of event time, since 1970
    LogRows rows;
  };
  struct alignas(64) Buffer {
    base::Mutex mutex;
    std::vector<Chunk> chunks GUARDED_BY(mutex);
  };
  // A day's newest file: grows by being rewritten until it is a good part of a full one.
  struct Tail {
    std::filesystem::path file;
    types::Frame frame;
    bool dirty = false;
  };

  std::filesystem::path folder_of(const std::string& endpoint) const;
  // Calls `each` with the parts that may hold rows of the interval; its error ends it.
  Result<void> each_file(const std::string& endpoint, const Interval& interval,
                         const std::function<Result<void>(const std::filesystem::path&,
                                                          const store::ParquetInfo&)>& each);
  static Result<void> write_tail(Tail& tail);
  Result<void> write_buffered() REQUIRES(flush_mutex_);
  Result<void> write_tails() REQUIRES(flush_mutex_);
  // Takes what it has added out of `chunk`.
  Result<void> add_to_tail(Chunk& chunk) REQUIRES(flush_mutex_);
  Result<void> start_file(Tail& tail, const Chunk& chunk) REQUIRES(flush_mutex_);
  void forget_tails(const std::string& endpoint) REQUIRES(flush_mutex_);
  void run();

  const Options options_;
  base::Counter& rows_logged_;
  base::Counter& rows_dropped_;
  base::Counter& write_failures_;
  LogBlocks blocks_;
  std::array<Buffer, 8> buffers_;
  std::atomic<std::size_t> buffered_ = 0;
  base::Mutex flush_mutex_;                              // before the buffers' mutexes
  std::vector<Chunk> waiting_ GUARDED_BY(flush_mutex_);  // for a tail that can't be written
  std::map<std::pair<std::string, std::string>, Tail> tails_
      GUARDED_BY(flush_mutex_);  // by endpoint and date
  base::Mutex mutex_;
  base::CondVar wake_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace slipway::serving
