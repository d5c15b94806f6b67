// Messages of a topic as rows: each counts once, what can't be a row stops no other.
#include "features/row_messages.h"

#include <gtest/gtest.h>

#include "features/testing/trips.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::features {
namespace {

constexpr std::int64_t kMinute = 60'000'000;

class RowMessagesTest : public ::testing::Test {
 protected:
  RowMessagesTest() {
    MUST(db_->migrate({migrations()}));
    MUST(store_.set_definitions(MUST(parse_definitions(testing::kTripsYaml))));
  }
  double landed(std::int64_t minute) {
    return std::get<double>(
        MUST(store_.lookup("trips",
                           {{"carrier", std::string("A")},
                            {"place", std::string("X")},
                            {"asked_at", types::Timestamp{minute * kMinute}}},
                           std::nullopt, std::vector{std::string("carrier__landed_1h")}))
            .front());
  }
  std::vector<Result<void>> push(std::span<const RowMessage> messages) {
    return push_messages(store_, "landings", "kafka://b:9092/landings", 0, messages).value();
  }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{100 * kMinute}};
  base::SeededRandom random_{1};
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "f.db"}, clock_, random_).value();
  testing::MemoryTables tables_ = testing::random_trips(1, 0);
  FeatureStore store_{*db_, tables_, clock_};
};

TEST_F(RowMessagesTest, AreRowsOnceEachAtTheirOwnTimeIfTheySayNone) {
  const std::vector<RowMessage> messages = {
      {.value = R"({"carrier": "A", "delay": 5, "nested": {"of no use": 1}})",
       .time = {90 * kMinute},
       .offset = 7},
      {.value = R"({"carrier": "A", "delay": 5})", .time = {90 * kMinute}, .offset = 8},
  };
  for (const auto& result : push(messages)) EXPECT_TRUE(result) << result.error().message;
  EXPECT_EQ(landed(100), 2);    // alike, and two messages
  clock_.set({101 * kMinute});  // given again they would arrive at another time
  push(messages);
  EXPECT_EQ(landed(101), 2);
  EXPECT_EQ(landed(151), 0);  // an hour after their event time
  // The dataset's key is a number, which no place can be.
  EXPECT_EQ(store_.pushed_rows("trips", 1 << 20).value().without_key, 2);
}

TEST_F(RowMessagesTest, WhatCantBeARowIsToldAndStopsNoOther) {
  std::vector<RowMessage> messages;
  const std::string good =
      R"({"carrier": "A", "landed_at": "1970-01-01T01:30:00Z", "delay": 5, "other": 1})";
  for (std::int64_t offset = 0; offset < 9; ++offset)
    messages.push_back({.value = good, .offset = offset});
  messages[0].value = "";
  messages[2].value = R"({"carrier": "A", "delay": "late"})";
  messages[5].value = "[1]";
  messages[8].value = R"({"other": 1})";
  const auto results = push(messages);
  const auto message = [&](std::size_t i) { return results[i] ? "" : results[i].error().message; };
  EXPECT_EQ(results[0].error().code, Code::kInvalidArgument);
  EXPECT_NE(message(2).find("delay"), std::string::npos) << message(2);
  EXPECT_NE(message(5).find("expected a JSON object"), std::string::npos) << message(5);
  EXPECT_NE(message(8).find("none of the source's columns"), std::string::npos) << message(8);
  EXPECT_EQ(std::ranges::count_if(results, [](const auto& each) { return bool(each); }), 5);
  EXPECT_EQ(landed(100), 5);
}

TEST_F(RowMessagesTest, ATopicMadeAnewUnderItsOldNameIsReadFromItsStart) {
  const std::string stream = "kafka://b:9092/landings";
  const RowMessage first{
      .value = R"({"carrier": "A", "delay": 1})", .time = {90 * kMinute}, .offset = 40};
  push(std::span(&first, 1));
  ASSERT_TRUE(store_.begin_stream("landings", stream, 0, 41));  // as it was
  EXPECT_EQ(store_.next_offsets("landings", stream).value().at(0), 41);
  ASSERT_TRUE(store_.begin_stream("landings", stream, 0, 3));
  const RowMessage anew{
      .value = R"({"carrier": "A", "delay": 2})", .time = {95 * kMinute}, .offset = 0};
  push(std::span(&anew, 1));
  EXPECT_EQ(landed(100), 2);
}

TEST_F(RowMessagesTest, ASourceThatIsNotDeclaredIsNoMessagesFault) {
  const RowMessage message{.value = "{}"};
  const auto refused = push_messages(store_, "nobody", "s", 0, std::span(&message, 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kNotFound);
}

}  // namespace
}  // namespace slipway::features
