// The log keeps every row, finds it again, and goes on after a restart.
#include "serving/request_log.h"

#include <gtest/gtest.h>

#include <fstream>

#include "store/testing/temp_folder.h"

namespace slipway::serving {
namespace {

using base::Timestamp;
constexpr std::int64_t kDay = 86'400'000'000;
const Timestamp kStart{1'370'044'800'000'000};  // 2013-06-01

// The views of one row: a speed and where it was.
const std::vector<InputView>& features_of(double speed) {
  static const std::string_view origin = "EWR";
  static std::map<double, std::vector<InputView>> all;
  const auto [entry, is_new] = all.try_emplace(speed);
  if (is_new) entry->second = {{.numbers = &entry->first}, {.texts = &origin}};
  return entry->second;
}

LogRow row_at(std::string_view id, Timestamp time, double feature) {
  return {.request_id = id,
          .variant = "live",
          .role = "live",
          .revision = 1,
          .model_version = 2,
          .latency_us = 7,
          .event_time = time,
          .arrival_time = time,
          .prediction = 0.25,
          .features = features_of(feature)};
}

class RequestLogTest : public ::testing::Test {
 protected:
  std::unique_ptr<RequestLog> open(std::size_t buffered = 1000, std::size_t per_file = 3) {
    return std::make_unique<RequestLog>(
        RequestLog::Options{
            .folder = folder_.path(), .rows_buffered_max = buffered, .rows_per_file = per_file},
        metrics_);
  }
  static bool append(RequestLog& log, const std::shared_ptr<const LogSchema>& schema,
                     const std::vector<LogRow>& rows) {
    return log.append("flights", schema, rows);
  }
  std::shared_ptr<const LogSchema> schema_ =
      std::make_shared<const LogSchema>(LogSchema{{"speed", false}, {"origin", true}});
  store::testing::TempFolder folder_;
  base::Metrics metrics_;
};

TEST_F(RequestLogTest, ReadsByEventTimeAcrossDaysFilesAndRestarts) {
  auto log = open();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(append(*log, schema_,
                       {row_at("r" + std::to_string(i), {kStart.micros + i * kDay / 4}, i)}));
  }
  const auto inside = log->read("flights", {kStart.micros + kDay}, {kStart.micros + 3 * kDay}, {});
  ASSERT_TRUE(inside) << inside.error().message;
  ASSERT_EQ(inside->rows(), 8u);
  EXPECT_EQ(inside->find("speed")->doubles.front(), 4);
  EXPECT_EQ(inside->find("origin")->strings.front(), "EWR");
  log.reset();
  log = open();
  ASSERT_TRUE(append(*log, schema_, {row_at("later", kStart, 99)}));
  EXPECT_EQ(log->read("flights", {}, {kStart.micros + 10 * kDay}, {"request_id"})->rows(), 21u);
  EXPECT_EQ(log->read("flights", {}, {kStart.micros + 10 * kDay}, {"request_id"})->columns().size(),
            1u);
  EXPECT_EQ(log->read("nobody", {}, {kStart.micros + 10 * kDay}, {})->rows(), 0u);
}

TEST_F(RequestLogTest, AFullFileThatCannotBeWrittenIsToldAndKept) {
  auto log = open(1000, 8);
  ASSERT_TRUE(append(*log, schema_, {row_at("r0", kStart, 0)}));
  MUST(log->flush());
  const auto file = folder_.path() / "flights" / "date=2013-06-01" / "part-000000.parquet";
  ASSERT_TRUE(std::filesystem::remove(file));
  std::filesystem::create_directories(file / "in the way");
  for (int i = 1; i < 10; ++i)
    ASSERT_TRUE(append(*log, schema_, {row_at("r" + std::to_string(i), kStart, i)}));
  EXPECT_FALSE(log->flush()) << "what a durable answer waits for isn't there";
  std::filesystem::remove_all(file);
  MUST(log->flush());
  EXPECT_EQ(MUST(log->read("flights", {}, {kStart.micros + kDay}, {"request_id"})).rows(), 10u);
}

TEST_F(RequestLogTest, RefusesToReadMoreThanMayBeReadAtOnce) {
  RequestLog log({.folder = folder_.path(), .rows_per_file = 3, .rows_at_once_max = 10}, metrics_);
  for (int i = 0; i < 12; ++i) {
    ASSERT_TRUE(
        append(log, schema_, {row_at("r" + std::to_string(i), {kStart.micros + i * kDay / 6}, i)}));
  }
  const Timestamp day{kStart.micros + kDay}, end{kStart.micros + 9 * kDay};
  EXPECT_TRUE(log.check_rows("flights", kStart, day));
  EXPECT_TRUE(log.check_rows("nobody", kStart, end));
  const auto refused = log.check_rows("flights", kStart, end);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  EXPECT_NE(refused.error().message.find("rows=12"), std::string::npos) << refused.error().message;
}

// Of a class's name, or of several chances, nothing was kept.
TEST_F(RequestLogTest, KeepsAnswersThatAreNoNumber) {
  auto log = open();
  LogRow row = row_at("a", kStart, 1);
  row.prediction = std::nan("");
  row.values = R"({"label":"cat","odds":[0.5,0.5]})";
  ASSERT_TRUE(append(*log, schema_, {row, row_at("b", kStart, 2)}));
  log.reset();
  log = open();
  const types::Frame rows = MUST(log->read("flights", {}, {kStart.micros + kDay}, {}));
  const types::Column* values = rows.find("prediction_values");
  ASSERT_NE(values, nullptr);
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    const bool has_values = rows.find("request_id")->strings[i] == "a";
    EXPECT_EQ(values->is_valid(i), has_values);
    EXPECT_EQ(values->strings[i], has_values ? row.values : "");
    EXPECT_EQ(rows.find("prediction")->is_valid(i), !has_values);
  }
  const JsonObject found = MUST(log->find("flights", "a"));
  EXPECT_EQ(found.at("variants").as_array()[0].as_object().at("prediction_values"),
            Json(std::string(row.values)));
  EXPECT_FALSE(found.at("features").as_object().contains("prediction_values"));
}

TEST_F(RequestLogTest, ReadsByArrivalWhateverTheEventTimesAre) {
  auto log = open();
  const Timestamp now{kStart.micros + 400 * kDay};
  for (const int days : {400, 30, 0}) {
    LogRow row = row_at("r", now - base::Duration::days(days), days);
    row.arrival_time = now;
    ASSERT_TRUE(append(*log, schema_, {row, row_at("then", row.event_time, -1)}));
  }
  std::vector<double> speeds;
  int parts = 0;
  MUST(log->each_part("flights",
                      {.time = RequestLog::TimeOf::kArrival,
                       .from = now - base::Duration::seconds(1),
                       .to = now + base::Duration::seconds(1)},
                      {"speed", "nobody's"}, [&](const types::Frame& part) {
                        ++parts;
                        EXPECT_EQ(part.columns().size(), 1u);
                        for (const double speed : part.find("speed")->doubles)
                          if (speed >= 0) speeds.push_back(speed);
                        return Result<void>();
                      }));
  EXPECT_EQ(parts, 3);
  EXPECT_EQ(speeds, (std::vector<double>{400, 30, 0}));
  const auto broken = log->each_part("flights", {.from = {}, .to = now}, {}, [](const auto&) {
    return Result<void>(base::error(Code::kUnavailable, "enough"));
  });
  EXPECT_EQ(broken.error().code, Code::kUnavailable);
}

TEST_F(RequestLogTest, PartsOutsideTheIntervalAreNotRead) {
  auto log = open(1000, 1);  // a part a row
  for (int hour = 0; hour < 3; ++hour)
    ASSERT_TRUE(append(*log, schema_, {row_at("r", {kStart.micros + hour * kDay / 24}, hour)}));
  int parts = 0;
  MUST(log->each_part("flights", {.from = {kStart.micros + 1}, .to = {kStart.micros + kDay / 12}},
                      {}, [&](const types::Frame& part) {
                        ++parts;
                        EXPECT_EQ(part.find("speed")->doubles, std::vector<double>{1});
                        return Result<void>();
                      }));
  EXPECT_EQ(parts, 1);
}

TEST_F(RequestLogTest, FindsOneRequestWithItsFeatures) {
  auto log = open();
  LogRow shadow = row_at("r1", kStart, 5);
  shadow.variant = shadow.role = "shadow";
  ASSERT_TRUE(append(*log, schema_, {row_at("r1", kStart, 5), shadow, row_at("r2", kStart, 6)}));
  const auto found = log->find("flights", "r1");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->at("variants").as_array().size(), 2u);
  EXPECT_EQ(found->at("features").as_object().at("speed"), Json(5.0));
  EXPECT_EQ(found->at("event_time"), Json("2013-06-01T00:00:00Z"));
  EXPECT_EQ(log->find("flights", "r3").error().code, Code::kNotFound);
}

TEST_F(RequestLogTest, RowsOfAnotherShapeStandBesideTheOld) {
  auto log = open();
  ASSERT_TRUE(append(*log, schema_, {row_at("old", kStart, 5)}));
  ASSERT_TRUE(log->flush());
  const auto wider = std::make_shared<const LogSchema>(
      LogSchema{{"speed", false}, {"origin", true}, {"gust", false}});
  ASSERT_TRUE(append(*log, wider, {row_at("new", kStart, 6)}));
  const auto both = log->read("flights", kStart, {kStart.micros + kDay}, {});
  ASSERT_TRUE(both);
  EXPECT_EQ(both->rows(), 2u);
  EXPECT_EQ(both->find("gust")->null_count(), 2u);
}

TEST_F(RequestLogTest, AFullBufferTakesNothingAndSaysSo) {
  auto log = open(2);
  EXPECT_TRUE(append(*log, schema_, {row_at("a", kStart, 1), row_at("b", kStart, 1)}));
  EXPECT_FALSE(append(*log, schema_, {row_at("c", kStart, 1)}));
  ASSERT_TRUE(log->flush());
  EXPECT_TRUE(append(*log, schema_, {row_at("d", kStart, 1)}));
  EXPECT_NE(metrics_.prometheus_text().find("slipway_request_log_dropped_total 1"),
            std::string::npos);
}

TEST_F(RequestLogTest, ADamagedFileIsAnErrorWithItsName) {
  auto log = open();
  ASSERT_TRUE(append(*log, schema_, {row_at("a", kStart, 1)}));
  ASSERT_TRUE(log->flush());
  std::ofstream(folder_.path() / "flights/date=2013-06-01/part-000000.parquet") << "PAR1 cut";
  const auto read = log->read("flights", kStart, {kStart.micros + kDay}, {});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kCorruption);
  EXPECT_NE(read.error().message.find("part-000000"), std::string::npos) << read.error().message;
}

TEST_F(RequestLogTest, WritesBehindByItself) {
  auto log = std::make_unique<RequestLog>(
      RequestLog::Options{.folder = folder_.path(), .flush_ms = 1}, metrics_);
  log->start();
  ASSERT_TRUE(append(*log, schema_, {row_at("a", kStart, 1)}));
  while (!std::filesystem::exists(folder_.path() / "flights/date=2013-06-01/part-000000.parquet"))
    std::this_thread::yield();
  log->stop();
}

TEST_F(RequestLogTest, ErasedRowsAreInNoPart) {
  auto log = open();
  const auto fast = [](const types::Frame& frame) {
    std::vector<std::size_t> rows;
    const types::Column& speed = *frame.find("speed");
    for (std::size_t row = 0; row < speed.size(); ++row) {
      if (speed.doubles[row] >= 7) rows.push_back(row);
    }
    return rows;
  };
  for (int i = 0; i < 10; ++i)
    append(*log, schema_, {row_at("r" + std::to_string(i), {kStart.micros + i * kDay / 4}, i)});
  using Erase = RequestLog::Erase;
  EXPECT_EQ(MUST(log->erase("flights", {"speed", "no such"}, fast, Erase::kOnlyCount)), 3);
  EXPECT_EQ(MUST(log->erase("flights", {"speed"}, fast, Erase::kRemove)), 3);
  EXPECT_EQ(MUST(log->erase("flights", {"speed"}, fast, Erase::kRemove)), 0);
  EXPECT_EQ(MUST(log->erase("flights", {"no such"}, fast, Erase::kRemove)), 0);
  append(*log, schema_, {row_at("later", {kStart.micros + 2 * kDay}, 1)});
  for (int pass = 0; pass < 2; ++pass) {
    const auto left =
        MUST(log->read("flights", kStart, {kStart.micros + 9 * kDay}, {"request_id"}));
    EXPECT_EQ(left.rows(), 8U);
    EXPECT_FALSE(log->find("flights", "r8"));
    EXPECT_TRUE(log->find("flights", "later"));
    log.reset();
    log = open();
  }
}

TEST_F(RequestLogTest, OldDaysGo) {
  auto log = open();
  for (int day = 0; day < 4; ++day)
    append(*log, schema_, {row_at("r" + std::to_string(day), {kStart.micros + day * kDay}, day)});
  EXPECT_GT(MUST(log->remove_days("flights", {kStart.micros + 2 * kDay + kDay / 2})), 0);
  EXPECT_EQ(MUST(log->remove_days("flights", {kStart.micros + 2 * kDay + kDay / 2})), 0);
  append(*log, schema_, {row_at("again", kStart, 1)});
  EXPECT_FALSE(log->find("flights", "r1"));
  EXPECT_TRUE(log->find("flights", "r2"));
  EXPECT_TRUE(log->find("flights", "again"));
  EXPECT_EQ(MUST(log->endpoints()), std::vector<std::string>{"flights"});
}

}  // namespace
}  // namespace slipway::serving
