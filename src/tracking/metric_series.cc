#include "tracking/metric_series.h"

#include <algorithm>
#include <optional>

namespace slipway::tracking {
namespace {

// What the latest row says beside its points: it holds the tail up to row `through`.
struct LatestMark {
  std::int64_t through = 0;
  std::int64_t keys = 0;
};

Result<LatestMark> read_mark(store::Reader& reader, std::int64_t run) {
  const std::optional<LatestMark> mark = TRY(reader.find(
      "SELECT through, keys FROM run_latest WHERE run = ?", {run}, [](const store::Row& row) {
        return LatestMark{row.int64(0), row.int64(1)};
      }));
  return mark.value_or(LatestMark());
}

// Packed rows into points; remembers the first that is broken.
class Rows {
 public:
  void add(std::string_view bytes) {
    if (good_) good_ = unpack_points(bytes, points_);
  }
  Result<std::vector<Point>> take() {
    TRY(std::move(good_));
    return std::move(points_);
  }

 private:
  Result<void> good_;
  std::vector<Point> points_;
};

// All points of the tail after row `after`.
Result<std::vector<Point>> read_tail(store::Reader& reader, std::int64_t run, std::int64_t after) {
  Rows rows;
  TRY(reader.query("SELECT data FROM metric_tail WHERE run = ? AND number > ? ORDER BY number",
                   {run, after}, [&](const store::Row& row) { rows.add(row.text(0)); }));
  return rows.take();
}

Result<void> write_latest(store::Tx& tx, std::int64_t run, std::int64_t through,
                          std::span<const Point> points) {
  std::string bytes;
  pack_points(points, bytes);
  TRY(
      tx.send("INSERT INTO run_latest(run, through, keys, data) VALUES(?, ?, ?, ?) "
              "ON CONFLICT(run) DO UPDATE SET through = excluded.through, keys = excluded.keys, "
              "data = excluded.data",
              {run, through, points.size(), store::Bytes{bytes}}));
  return {};
}

// Brings the latest row up to row `number` of the tail, whose own points are `points`.
Result<void> fold(store::Tx& tx, std::int64_t run, std::int64_t number,
                  std::span<const Point> points) {
  std::vector<Point> latest = TRY(latest_points(tx, run));
  latest.insert(latest.end(), points.begin(), points.end());
  keep_latest(latest);
  return write_latest(tx, run, number, latest);
}

// Moves the tail and `points` into series.
Result<void> seal(store::Tx& tx, std::int64_t run, std::int64_t number,
                  std::span<const Point> points) {
  std::vector<Point> all = TRY(read_tail(tx, run, 0));
  all.insert(all.end(), points.begin(), points.end());
  sort_history(all);
  std::string bytes;
  for (auto from = all.begin(); from != all.end();) {
    const auto to =
        std::find_if(from, all.end(), [&](const Point& p) { return p.key != from->key; });
    const Point &first = *from, &last = *(to - 1);
    bytes.clear();
    pack_points({from, to}, bytes);
    TRY(tx.send(
        "INSERT INTO metric_series(run, key, block, points, first_ms, first_step, "
        "last_ms, last_step, data) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
        {run, std::int64_t{first.key}, number, static_cast<std::int64_t>(to - from),
         first.timestamp_ms, first.step, last.timestamp_ms, last.step, store::Bytes{bytes}}));
    from = to;
  }
  TRY(tx.send("DELETE FROM metric_tail WHERE run = ?", {run}));
  return {};
}

Tail read_tail_row(const store::Row& row) {
  return {row.int64(0), row.int64(1), row.int64(2), row.string(3)};
}

// Where the points of one stretch of a series are: blocks that overlap in time belong together.
struct Stretch {
  std::int64_t points = 0;  // with points that several blocks hold counted by each
  std::vector<std::int64_t> blocks;
  std::pair<std::int64_t, std::int64_t> last;  // timestamp, step
};

Result<std::vector<Stretch>> find_stretches(
    store::Reader& reader, std::int64_t run, std::uint32_t key,
    std::optional<std::pair<std::int64_t, std::int64_t>> tail_first) {
  std::vector<Stretch> stretches;
  bool overlaps_tail = false;
  TRY(reader.query(
      "SELECT block, points, first_ms, first_step, last_ms, last_step FROM metric_series WHERE run "
      "= ? AND key = ? ORDER BY first_ms, first_step, block",
      {run, std::int64_t{key}}, [&](const store::Row& row) {
        const std::pair first(row.int64(2), row.int64(3)), last(row.int64(4), row.int64(5));
        overlaps_tail = overlaps_tail || (tail_first && last >= *tail_first);
        if (stretches.empty() || (stretches.back().last < first && !overlaps_tail))
          stretches.emplace_back();
        Stretch& stretch = stretches.back();
        stretch.points += row.int64(1);
        stretch.blocks.push_back(row.int64(0));
        stretch.last = std::max(stretch.blocks.size() == 1 ? last : stretch.last, last);
      }));
  return stretches;
}

}  // namespace

Result<void> ask_tail(store::Tx& tx, const std::string& run_id, Tail& tail) {
  return tx.ask(
      "SELECT number, points, unfolded, data FROM metric_tail WHERE run = (SELECT number FROM runs "
      "WHERE id = ?) ORDER BY number DESC LIMIT 1",
      {run_id}, [&tail](const store::Row& row) { tail = read_tail_row(row); });
}

Result<void> append_points(store::Tx& tx, std::int64_t run, std::span<const Point> points) {
  const std::optional<Tail> newest =
      TRY(tx.find("SELECT number, points, unfolded, data FROM metric_tail WHERE run = ? ORDER BY "
                  "number DESC LIMIT 1",
                  {run}, read_tail_row));
  return append_points(tx, run, newest.value_or(Tail()), points);
}

Result<void> append_points(store::Tx& tx, std::int64_t run, Tail row,
                           std::span<const Point> points) {
  if (points.empty()) return {};
  if (row.number == 0) row.number = TRY(read_mark(tx, run)).through;
  row.points += std::ssize(points);
  const bool open = row.unfolded > 0;
  row.unfolded += std::ssize(points);
  std::string frame;
  pack_points(points, frame);
  const bool grows = open && row.bytes.size() + frame.size() <= kTailRowBytes;

  if (row.unfolded >= kFoldPointsMin) {
    const std::int64_t keys = TRY(read_mark(tx, run)).keys;
    const std::int64_t number = grows ? row.number : row.number + 1;
    const bool seals = row.points >= kSealPointsMax ||
                       (row.points >= kSealPointsMin && row.points >= 64 * keys && keys > 0);
    if (seals || row.unfolded >= 4 * keys) {
      TRY(fold(tx, run, number, points));
      row.unfolded = 0;
    }
    if (seals) return seal(tx, run, number, points);
  }
  if (grows) {
    row.bytes += frame;
    TRY(
        tx.send("UPDATE metric_tail SET points = ?, unfolded = ?, data = ? WHERE run = ? AND "
                "number = ?",
                {row.points, row.unfolded, store::Bytes{row.bytes}, run, row.number}));
  } else {
    TRY(
        tx.send("INSERT INTO metric_tail(run, number, points, unfolded, data) VALUES(?, ?, ?, "
                "?, ?)",
                {run, row.number + 1, row.points, row.unfolded, store::Bytes{frame}}));
  }
  return {};
}

Result<std::vector<Point>> latest_points(store::Reader& reader, std::int64_t run) {
  std::vector<Point> points;
  TRY(for_latest_points(reader, run, run,
                        [&](std::int64_t, const std::vector<Point>& latest) { points = latest; }));
  return points;
}

Result<void> for_latest_points(
    store::Reader& reader, std::int64_t first, std::int64_t last,
    const std::function<void(std::int64_t run, const std::vector<Point>& points)>& each) {
  // Two walks in the order of runs, joined here: latest rows, and what the tails have beyond them.
  struct Latest {
    std::int64_t run, through;
    std::size_t end;  // of its points in `points`
  };
  std::vector<Latest> latest;
  std::vector<Point> points;
  Result<void> good;
  TRY(reader.query(
      "SELECT run, through, data FROM run_latest WHERE run >= ? AND run <= ? ORDER BY run",
      {first, last}, [&](const store::Row& row) {
        if (good) good = unpack_points(row.text(2), points);
        latest.push_back({row.int64(0), row.int64(1), points.size()});
      }));
  TRY(std::move(good));

  std::size_t next = 0;
  std::optional<std::int64_t> current;
  std::int64_t through = 0;
  std::vector<Point> of_run;
  const auto finish = [&] {
    if (!current) return;
    keep_latest(of_run);
    if (!of_run.empty()) each(*current, of_run);
    current.reset();
  };
  const auto start_latest = [&] {  // takes the next latest row
    const Latest& row = latest[next];
    const std::size_t from = next == 0 ? 0 : latest[next - 1].end;
    of_run.assign(points.begin() + static_cast<std::ptrdiff_t>(from),
                  points.begin() + static_cast<std::ptrdiff_t>(row.end));
    current = row.run;
    through = row.through;
    ++next;
  };
  TRY(reader.query(
      "SELECT run, number, data FROM metric_tail WHERE run >= ? AND run <= ? ORDER BY run, number",
      {first, last}, [&](const store::Row& row) {
        const std::int64_t run = row.int64(0);
        if (current != run) {
          finish();
          while (next < latest.size() && latest[next].run <= run) {
            start_latest();
            if (current != run) finish();
          }
          if (current != run) {
            current = run;
            through = 0;
            of_run.clear();
          }
        }
        if (row.int64(1) > through && good) good = unpack_points(row.text(2), of_run);
      }));
  finish();
  while (next < latest.size()) {
    start_latest();
    finish();
  }
  return good;
}

Result<History> read_history(store::Reader& reader, std::int64_t run, std::uint32_t key,
                             std::int64_t offset, std::int64_t count) {
  std::vector<Point> tail = TRY(read_tail(reader, run, 0));
  std::erase_if(tail, [&](const Point& p) { return p.key != key; });
  sort_history(tail);
  std::optional<std::pair<std::int64_t, std::int64_t>> tail_first;
  if (!tail.empty()) tail_first.emplace(tail.front().timestamp_ms, tail.front().step);
  const std::vector<Stretch> stretches = TRY(find_stretches(reader, run, key, tail_first));

  History history;
  // Gives out what lies in the wanted part of `points`, the next ones of the series.
  std::int64_t at = 0;
  const auto give = [&](std::span<const Point> points) {
    for (const Point& point : points) {
      if (at++ < offset) continue;
      if (count > 0 && std::ssize(history.points) == count) {
        history.more = true;
        return;
      }
      history.points.push_back(point);
    }
  };
  bool tail_given = tail.empty();
  for (const Stretch& stretch : stretches) {
    if (history.more) break;
    const bool with_tail = tail_first && !tail_given && stretch.last >= *tail_first;
    if (stretch.blocks.size() == 1 && !with_tail && at + stretch.points <= offset) {
      at += stretch.points;  // a block counts its points exactly
      continue;
    }
    Rows rows;
    for (const std::int64_t block : stretch.blocks) {
      TRY(reader.query("SELECT data FROM metric_series WHERE run = ? AND key = ? AND block = ?",
                       {run, std::int64_t{key}, block},
                       [&](const store::Row& row) { rows.add(row.text(0)); }));
    }
    std::vector<Point> points = TRY(rows.take());
    if (with_tail) points.insert(points.end(), tail.begin(), tail.end());
    tail_given = tail_given || with_tail;
    if (with_tail || stretch.blocks.size() > 1) sort_history(points);
    give(points);
  }
  if (!tail_given && !history.more) give(tail);
  return history;
}

}  // namespace slipway::tracking
