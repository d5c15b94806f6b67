// Points in the Db against plain vectors: whatever is appended, however it falls into tails, latest
// rows and series, comes back as a history and as the latest point.
#include "tracking/metric_series.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

#include "store/sqlite.h"
#include "store/testing/temp_folder.h"
#include "tracking/metric_keys.h"
#include "tracking/metric_upgrade.h"
#include "tracking/tables.h"

namespace slipway::tracking {
namespace {

bool same(const Point& a, const Point& b) {
  return a.key == b.key && a.timestamp_ms == b.timestamp_ms && a.step == b.step &&
         (a.value == b.value || (std::isnan(a.value) && std::isnan(b.value)));
}

bool same(const std::vector<Point>& a, const std::vector<Point>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Point& x, const Point& y) { return same(x, y); });
}

TEST(MetricPoints, PackAndUnpackAnyNumbers) {
  const std::vector<Point> points = {{1, 0.1, 0, 0},
                                     {0xffffffff, -0.0, INT64_MAX, INT64_MIN},
                                     {0, INFINITY, INT64_MIN, INT64_MAX},
                                     {7, std::nan(""), -1, 1}};
  std::string bytes;
  pack_points(points, bytes);
  pack_points({}, bytes);
  pack_points(points, bytes);
  std::vector<Point> back;
  ASSERT_TRUE(unpack_points(bytes, back));
  ASSERT_EQ(back.size(), 8u);
  for (std::size_t i = 0; i < back.size(); ++i) EXPECT_TRUE(same(back[i], points[i % 4])) << i;
  // Cut off anywhere but between the frames, they are broken, and say so.
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    if (cut == bytes.size() / 2) continue;
    EXPECT_EQ(unpack_points(bytes.substr(0, cut), back).error().code, Code::kCorruption) << cut;
  }
}

class MetricSeriesTest : public ::testing::Test {
 protected:
  MetricSeriesTest() { MUST(db_->migrate({migrations()})); }

  void append(std::int64_t run, const std::vector<std::vector<Point>>& batches) {
    MUST(db_->write([&](store::Tx& tx) -> Result<void> {
      for (const auto& batch : batches) TRY(append_points(tx, run, batch));
      return {};
    }));
    for (const auto& batch : batches) {
      for (const Point& point : batch) all_[run].push_back(point);
    }
  }

  std::vector<Point> history(std::int64_t run, std::uint32_t key, std::int64_t page) {
    std::vector<Point> points;
    for (bool more = true; more;) {
      const History part = MUST(db_->read([&](store::Reader& reader) {
        return read_history(reader, run, key, std::ssize(points), page);
      }));
      EXPECT_TRUE(page == 0 || std::ssize(part.points) <= page);
      points.insert(points.end(), part.points.begin(), part.points.end());
      more = part.more;
    }
    return points;
  }

  void check_all() {
    std::map<std::int64_t, std::vector<Point>> latest;
    MUST(db_->read([&](store::Reader& reader) {
      return for_latest_points(reader, 0, 1'000'000,
                               [&](std::int64_t run, const std::vector<Point>& points) {
                                 EXPECT_TRUE(latest.emplace(run, points).second);
                               });
    }));
    EXPECT_EQ(latest.size(), all_.size());
    for (const auto& [run, points] : all_) {
      std::vector<Point> wanted = points;
      keep_latest(wanted);
      EXPECT_TRUE(same(latest[run], wanted)) << run;
      EXPECT_TRUE(same(MUST(db_->read([&, run = run](store::Reader& reader) {
                         return latest_points(reader, run);
                       })),
                       wanted))
          << run;
      std::vector<Point> sorted = points;
      sort_history(sorted);
      for (auto from = sorted.begin(); from != sorted.end();) {
        const auto to =
            std::find_if(from, sorted.end(), [&](const Point& p) { return p.key != from->key; });
        const std::vector<Point> of_key(from, to);
        for (const std::int64_t page : {0, 1000, 7}) {
          if (page == 7 && of_key.size() > 300) continue;
          EXPECT_TRUE(same(history(run, from->key, page), of_key))
              << "run " << run << " key " << from->key << " page " << page;
        }
        from = to;
      }
    }
  }

  std::int64_t count(const char* sql) {
    return MUST(db_->read([&](store::Reader& reader) {
             return reader.find(sql, {}, [](const store::Row& row) { return row.int64(0); });
           }))
        .value();
  }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{1'000'000}};
  base::SeededRandom random_{1};
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "t.db"}, clock_, random_).value();
  std::map<std::int64_t, std::vector<Point>> all_;  // by run, as appended
};

TEST_F(MetricSeriesTest, OnePointAtATime) {
  std::vector<std::vector<Point>> batches;
  for (int i = 0; i < 3000; ++i) batches.push_back({{1, i * 0.5, 1'700'000'000'000 + i, i}});
  append(1, batches);
  check_all();
  EXPECT_EQ(count("SELECT COUNT(*) FROM metric_series"), 2);  // of 1024 points each
}

TEST_F(MetricSeriesTest, BatchesOfFewKeysAndOfManyKeys) {
  for (int b = 0; b < 6; ++b) {
    std::vector<Point> few, many;
    for (int i = 0; i < 1000; ++i) {
      few.push_back({static_cast<std::uint32_t>(i % 5), i * 1.0, b * 1000 + i, b * 1000 + i});
      many.push_back({static_cast<std::uint32_t>(i), i * 1.0, b, b});
    }
    append(1, {few});
    append(2, {many});
  }
  check_all();
  EXPECT_GT(count("SELECT COUNT(*) FROM metric_series WHERE run = 1"), 0);
  EXPECT_EQ(count("SELECT COUNT(*) FROM metric_series WHERE run = 2"), 0);  // not worth rows yet
}

// Times that jump, retries, NaN, runs that come in turn: nothing may get lost or come twice.
TEST_F(MetricSeriesTest, RandomPoints) {
  std::mt19937_64 random(7);
  const auto below = [&](std::uint64_t n) { return static_cast<std::int64_t>(random() % n); };
  for (int round = 0; round < 60; ++round) {
    const std::int64_t run = 1 + below(4);
    std::vector<std::vector<Point>> batches;
    for (std::int64_t b = below(30); b >= 0; --b) {
      std::vector<Point> batch;
      for (std::int64_t i = below(3) == 0 ? 1 + below(900) : 1; i > 0; --i) {
        batch.push_back({static_cast<std::uint32_t>(1 + below(run == 4 ? 300 : 3)),
                         below(50) == 0 ? std::nan("") : static_cast<double>(below(4)),
                         below(6) == 0 ? below(100'000) : round * 1000 + below(1000), below(20)});
      }
      batches.push_back(batch);
      if (below(5) == 0) batches.push_back(batch);
    }
    append(run, batches);
  }
  check_all();
}

// A page near the end of a long series reads the blocks it needs.
TEST_F(MetricSeriesTest, APageDoesNotReadTheWholeSeries) {
  std::vector<std::vector<Point>> batches;
  for (int b = 0; b < 64; ++b) {
    std::vector<Point> batch;
    for (int i = 0; i < 1024; ++i) batch.push_back({1, 1.0 * i, b * 1024 + i, b * 1024 + i});
    batches.push_back(batch);
  }
  append(1, batches);
  ASSERT_GE(count("SELECT COUNT(*) FROM metric_series"), 30);
  // All blocks but the last two become unreadable, and nobody notices.
  MUST(db_->write([](store::Tx& tx) {
    return tx.execute("UPDATE metric_series SET data = ? WHERE last_step < ?",
                      {store::Bytes{"\xff"}, 60'000});
  }));
  const History page = MUST(db_->read(
      [](store::Reader& reader) { return read_history(reader, 1, 1, 64 * 1024 - 100, 50); }));
  ASSERT_EQ(page.points.size(), 50u);
  EXPECT_EQ(page.points[0].step, 64 * 1024 - 100);
  EXPECT_TRUE(page.more);
}

// Metrics that a build of the first layout wrote are there after the upgrade.
TEST_F(MetricSeriesTest, UpgradesTheFirstLayout) {
  MUST(db_->write([](store::Tx& tx) -> Result<void> {
    for (std::int64_t run = 1; run <= 250; ++run) {
      std::string block;
      for (std::int64_t i = 0; i < 3; ++i) {
        const std::int64_t timestamp_ms = 1000 + i;
        const double value = static_cast<double>(run) + 0.5 * static_cast<double>(i);
        block.append(reinterpret_cast<const char*>(&timestamp_ms), 8);
        block.append(reinterpret_cast<const char*>(&i), 8);
        block.append(reinterpret_cast<const char*>(&value), 8);
      }
      TRY(tx.execute("INSERT INTO metric_blocks(run, key, block, points) VALUES(?, 'm', 0, ?)",
                     {run, store::Bytes{block}}));
      TRY(
          tx.execute("INSERT INTO run_metrics(run, key, value, timestamp_ms, step) VALUES(?, 'm', "
                     "0, 0, 0)",
                     {run}));
    }
    return {};
  }));
  MUST(upgrade_metrics(*db_));
  MUST(upgrade_metrics(*db_));
  EXPECT_EQ(count("SELECT COUNT(*) FROM metric_blocks"), 0);
  MetricKeys keys;
  const auto key = MUST(db_->read([&](store::Reader& reader) { return keys.find(reader, "m"); }));
  for (std::int64_t run = 1; run <= 250; ++run) {
    const double base = static_cast<double>(run);
    all_[run] = {{key, base, 1000, 0}, {key, base + 0.5, 1001, 1}, {key, base + 1, 1002, 2}};
  }
  check_all();
}

}  // namespace
}  // namespace slipway::tracking
