// The metrics of runs in the Db: every point, and the latest of each key.
//
// Points arrive in a *tail* of rows, mixed as they come: a small addition grows the newest row, a
// batch is a row. When the tail has enough points, they are sorted into *series*, blocks of one key
// each. So a batch costs one row, however many keys it has, and a history reads the blocks of its
// key. The *latest* points of a run are one row, which trails the tail and is folded forward now
// and then: whoever reads it adds the rows of the tail that came after. Functions are stateless.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "store/db.h"
#include "tracking/metric_points.h"

namespace slipway::tracking {

// Rows of the tail are filled up to this, so that they stay on a page of the database.
inline constexpr std::size_t kTailRowBytes = 900;
// The latest row is folded forward when so many points came after it, and four per key.
inline constexpr std::int64_t kFoldPointsMin = 512;
// The tail is sorted into series at so many points, and 64 per key: a row of one key should be
// worth it. But at so many at the latest, whatever the number of keys.
inline constexpr std::int64_t kSealPointsMin = 1024;
inline constexpr std::int64_t kSealPointsMax = 1 << 17;

// What appending to a run has to know of it.
struct Tail {
  std::int64_t run = 0;
  std::string run_id;
  bool run_deleted = false;
  // The newest row. `unfolded` counts the points up to it that are not in the latest row; with none
  // it is closed.
  std::int64_t number = 0;  // 0: the tail is empty
  std::int64_t points = 0;  // of the whole tail
  std::int64_t unfolded = 0;
  std::string bytes;  // empty when it is full
  // The latest row: it holds the tail up to row `through`.
  std::int64_t through = 0, keys = 0;
};
// Asks for those of many runs by id. `each` gets them by the next settle(); one that doesn't exist
// is left out, one may come twice.
Result<void> ask_tails(store::Tx& tx, std::span<const std::string_view> run_ids,
                       const std::function<void(Tail)>& each);

// Rows of tails, of several runs, to be written together.
class TailRows {
 public:
  void add(Tail row) { rows_.push_back(std::move(row)); }
  Result<void> send(store::Tx& tx);

 private:
  std::vector<Tail> rows_;
};

// Adds points to a run, in this transaction; what is left to write is in `rows`.
Result<void> append_points(store::Tx& tx, Tail tail, std::span<const Point> points, TailRows& rows);
Result<void> append_points(store::Tx& tx, std::int64_t run, std::span<const Point> points);

// The latest point of each key, by key.
Result<std::vector<Point>> latest_points(store::Reader& reader, std::int64_t run);

// The same for all runs numbered from `first` to `last`, in order; runs without metrics are left
// out.
Result<void> for_latest_points(
    store::Reader& reader, std::int64_t first, std::int64_t last,
    const std::function<void(std::int64_t run, const std::vector<Point>& points)>& each);

struct History {
  std::vector<Point> points;
  bool more = false;
};
// `count` points (0: all) from the `offset`th on, in the order of a history. Reads the blocks that
// hold them, not the whole series, as far as its blocks follow each other in time.
Result<History> read_history(store::Reader& reader, std::int64_t run, std::uint32_t key,
                             std::int64_t offset, std::int64_t count);

}  // namespace slipway::tracking
