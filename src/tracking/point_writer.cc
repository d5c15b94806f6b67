#include "tracking/point_writer.h"

#include <map>
#include <unordered_map>

#include "tracking/limits.h"
#include "tracking/run_changes.h"

namespace slipway::tracking {

struct PointWriter::Item : store::JointItem {
  const std::string& run;
  const std::vector<Metric>& metrics;
  std::vector<Point> points;
  std::vector<std::size_t> unseen;  // of them, whose keys had no number
};

Result<std::vector<Point>> to_points(const MetricKeys& keys, const std::vector<Metric>& metrics) {
  const std::vector<std::uint32_t> seen = keys.seen(metrics);
  std::vector<Point> points(metrics.size());
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    const Metric& metric = metrics[i];
    if (seen[i] == 0) TRY(check_key("metric", metric.key));
    points[i] = {seen[i], storable(metric.value), metric.timestamp_ms, metric.step};
  }
  return points;
}

Result<void> PointWriter::append(const std::string& run, const std::vector<Metric>& metrics) {
  std::vector<Point> points = TRY(to_points(keys_, metrics));
  Item item{{}, run, metrics, std::move(points), {}};
  for (std::size_t i = 0; i < item.points.size(); ++i) {
    if (item.points[i].key == 0) item.unseen.push_back(i);
  }
  TRY(db_.write_jointly(*this, item));
  for (const std::size_t i : item.unseen) keys_.remember(metrics[i].key, item.points[i].key);
  return {};
}

Result<void> PointWriter::run(store::Tx& tx, std::span<store::JointItem* const> items) {
  struct OfRun {
    std::vector<Item*> items;
    std::optional<Tail> tail;
  };
  std::map<std::string_view, OfRun> runs;
  for (store::JointItem* item : items) {
    auto* logged = static_cast<Item*>(item);
    runs[logged->run].items.push_back(logged);
  }
  std::vector<std::string_view> ids;
  for (const auto& [id, of] : runs) ids.push_back(id);
  std::int64_t last_change = 0;
  TRY(next_changes(tx, runs.size(), last_change));
  TRY(ask_tails(tx, ids, [&runs](Tail tail) {
    OfRun& of = runs.at(tail.run_id);
    of.tail = std::move(tail);
  }));
  TRY(tx.settle());

  std::vector<Item*> good;
  for (auto& [id, of] : runs) {
    const bool writable = of.tail && !of.tail->run_deleted;
    for (Item* item : of.items) {
      if (writable) {
        good.push_back(item);
      } else {
        item->outcome = of.tail ? run_is_deleted(item->run) : no_such_run(item->run);
      }
    }
  }
  TRY(number_keys(tx, good));

  TailRows rows;
  std::vector<std::int64_t> changed;
  std::vector<Point> points;
  for (auto& [id, of] : runs) {
    if (!of.tail || of.tail->run_deleted) continue;
    points.clear();
    for (const Item* item : of.items)
      points.insert(points.end(), item->points.begin(), item->points.end());
    changed.push_back(of.tail->run);
    TRY(append_points(tx, std::move(*of.tail), points, rows));
  }
  TRY(rows.send(tx));
  return note_changes(tx, last_change - std::ssize(runs) + 1, changed, kChangedMetrics);
}

Result<void> PointWriter::number_keys(store::Tx& tx, std::span<Item* const> items) {
  std::unordered_map<std::string_view, std::uint32_t> numbers;
  std::vector<std::string_view> keys;
  for (const Item* item : items) {
    for (const std::size_t i : item->unseen) {
      if (numbers.emplace(item->metrics[i].key, 0).second) keys.push_back(item->metrics[i].key);
    }
  }
  if (keys.empty()) return {};
  const std::vector<std::uint32_t> found = TRY(MetricKeys::ensure(tx, keys));
  for (std::size_t i = 0; i < keys.size(); ++i) numbers[keys[i]] = found[i];
  for (Item* item : items) {
    for (const std::size_t i : item->unseen) item->points[i].key = numbers[item->metrics[i].key];
  }
  return {};
}

}  // namespace slipway::tracking
