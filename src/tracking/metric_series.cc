#include "tracking/metric_series.h"

#include <algorithm>
#include <deque>
#include <optional>

#include "store/row_batch.h"

namespace slipway::tracking {
namespace {

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
  std::deque<std::string> packed;  // nothing in it moves
  store::RowBatch rows(
      "INSERT INTO metric_series(run, key, block, points, first_ms, first_step, last_ms, "
      "last_step, data)");
  for (auto from = all.begin(); from != all.end();) {
    const auto to =
        std::find_if(from, all.end(), [&](const Point& p) { return p.key != from->key; });
    const Point &first = *from, &last = *(to - 1);
    std::string& bytes = packed.emplace_back();
    pack_points({from, to}, bytes);
    rows.add({run, std::int64_t{first.key}, number, static_cast<std::int64_t>(to - from),
              first.timestamp_ms, first.step, last.timestamp_ms, last.step, store::Bytes{bytes}});
    from = to;
  }
  TRY(rows.send(tx));
  TRY(tx.send("DELETE FROM metric_tail WHERE run = ?", {run}));
  return {};
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

Result<void> ask_tails(store::Tx& tx, std::span<const std::string_view> run_ids,
                       const std::function<void(Tail)>& each) {
  static const std::string kSelect = fmt::format(
      "SELECT r.number, r.id, r.deleted, t.number, t.points, t.unfolded, CASE WHEN LENGTH(t.data) "
      "< {} THEN t.data END, l.through, l.keys FROM runs r LEFT JOIN metric_tail t ON t.run = "
      "r.number AND t.number = (SELECT MAX(m.number) FROM metric_tail m WHERE m.run = r.number) "
      "LEFT JOIN run_latest l ON l.run = r.number WHERE r.id IN ",
      kTailRowBytes);
  return store::ask_in(tx, kSelect, run_ids, [each](const store::Row& row) {
    each({.run = row.int64(0),
          .run_id = row.string(1),
          .run_deleted = row.int64(2) != 0,
          .number = row.int64(3),
          .points = row.int64(4),
          .unfolded = row.int64(5),
          .bytes = row.string(6),
          .through = row.int64(7),
          .keys = row.int64(8)});
  });
}

Result<void> TailRows::send(store::Tx& tx) {
  store::RowBatch rows("INSERT INTO metric_tail(run, number, points, unfolded, data)",
                       " ON CONFLICT(run, number) DO UPDATE SET points = excluded.points, "
                       "unfolded = excluded.unfolded, data = excluded.data");
  for (const Tail& row : rows_)
    rows.add({row.run, row.number, row.points, row.unfolded, store::Bytes{row.bytes}});
  TRY(rows.send(tx));
  rows_.clear();
  return {};
}

Result<void> append_points(store::Tx& tx, std::int64_t run, std::span<const Point> points) {
  Tail tail{.run = run};
  TRY(
      tx.ask("SELECT number, points, unfolded, data FROM metric_tail WHERE run = ? ORDER BY number "
             "DESC LIMIT 1",
             {run}, [&tail](const store::Row& row) {
               tail.number = row.int64(0);
               tail.points = row.int64(1);
               tail.unfolded = row.int64(2);
               tail.bytes = row.string(3);
             }));
  TRY(tx.ask("SELECT through, keys FROM run_latest WHERE run = ?", {run},
             [&tail](const store::Row& row) {
               tail.through = row.int64(0);
               tail.keys = row.int64(1);
             }));
  TRY(tx.settle());
  TailRows rows;
  TRY(append_points(tx, std::move(tail), points, rows));
  return rows.send(tx);
}

Result<void> append_points(store::Tx& tx, Tail row, std::span<const Point> points, TailRows& rows) {
  if (points.empty()) return {};
  if (row.number == 0) row.number = row.through;
  row.points += std::ssize(points);
  const bool open = row.unfolded > 0 && !row.bytes.empty();
  row.unfolded += std::ssize(points);
  std::string frame;
  pack_points(points, frame);
  if (open && row.bytes.size() + frame.size() <= kTailRowBytes) {
    row.bytes += frame;
  } else {
    ++row.number;
    row.bytes = std::move(frame);
  }
  if (row.unfolded >= kFoldPointsMin) {
    const bool seals =
        row.points >= kSealPointsMax ||
        (row.points >= kSealPointsMin && row.points >= 64 * row.keys && row.keys > 0);
    if (seals || row.unfolded >= 4 * row.keys) {
      TRY(fold(tx, row.run, row.number, points));
      row.unfolded = 0;
    }
    if (seals) return seal(tx, row.run, row.number, points);
  }
  rows.add(std::move(row));
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
