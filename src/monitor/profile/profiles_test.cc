// Profiles of what was served: which blocks rows fall into, what answers a window, and that a row
// is in its blocks once whatever happens.
#include "monitor/profile/profiles.h"

#include <gtest/gtest.h>

#include <set>

#include "base/clock.h"
#include "base/random.h"
#include "monitor/slices/declared_slice.h"
#include "monitor/tables.h"
#include "monitor/testing/fakes.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"
#include "types/timestamp.h"

namespace slipway::monitor {
namespace {

base::Timestamp at(const char* text) { return MUST(types::parse_rfc3339(text)); }

// Rows come when they are asked for.
class FakeServed final : public ServedRows {
 public:
  std::vector<testing::LoggedRequest> log;
  std::optional<Error> failure;

  Result<std::vector<std::string>> endpoints() override { return std::vector<std::string>{"e"}; }
  Result<void> each_part(const std::string&, base::Timestamp from, base::Timestamp to,
                         const EachPart& each) override {
    if (failure) return *failure;
    std::vector<testing::LoggedRequest> picked;
    for (const auto& row : log) {
      if (row.event_time >= from && row.event_time < to) picked.push_back(row);
    }
    // Two parts, so that blocks are merged.
    const auto middle = picked.begin() + static_cast<std::ptrdiff_t>(picked.size() / 2);
    TRY(each(testing::to_frame({picked.begin(), middle})));
    return each(testing::to_frame({middle, picked.end()}));
  }
  Result<std::vector<Slice>> slices(const std::string&, const types::Frame& part,
                                    std::set<std::string>& known, std::size_t most) override;
};

// As app's: by the values of a column.
Result<std::vector<ServedRows::Slice>> slices_of_carriers(const types::Frame& part) {
  std::vector<ServedRows::Slice> slices;
  const types::Column* const column = part.find("carrier");
  if (column == nullptr) return slices;
  const std::vector<std::string> values = slice_values(*column);
  for (const std::string& one : std::set<std::string>(values.begin(), values.end())) {
    ServedRows::Slice& slice =
        slices.emplace_back(ServedRows::Slice{.name = "carrier=" + one, .picks = {}});
    for (const std::string& value : values) slice.picks.push_back(value == one);
  }
  return slices;
}

Result<std::vector<ServedRows::Slice>> FakeServed::slices(const std::string&,
                                                          const types::Frame& part,
                                                          std::set<std::string>& known,
                                                          std::size_t most) {
  auto slices = TRY(slices_of_carriers(part));
  std::erase_if(slices, [&](const Slice& slice) {
    if (known.size() < most) known.insert(slice.name);
    return !known.contains(slice.name);
  });
  return slices;
}

class ProfilesTest : public ::testing::Test {
 protected:
  ProfilesTest() { open(); }
  void open() {
    profiles_.reset();
    db_.reset();
    db_ = MUST(store::open_sqlite({.file = folder_.path() / "slipway.db"}, wall_, random_));
    MUST(db_->migrate({migrations()}));
    profiles_ = std::make_unique<Profiles>(*db_, served_, options_);
  }
  // One row an hour, from the start to the end.
  void serve(const char* from, const char* to, std::int64_t version = 1) {
    for (base::Timestamp time = at(from); time < at(to); time = time + base::Duration::hours(1)) {
      served_.log.push_back({.id = fmt::format("r{}", served_.log.size()),
                             .event_time = time,
                             .prediction = 0.25,
                             .model_version = version,
                             .x = static_cast<double>(served_.log.size()),
                             .carrier = "UA"});
    }
  }
  Profiles::Found find(const char* from, const char* to, const std::string& input = "x") {
    return MUST(profiles_->find("e", {.input = input, .from = at(from), .to = at(to)}));
  }

  store::testing::TempFolder folder_;
  base::ManualClock wall_{{1'700'000'000'000'000}};
  base::SeededRandom random_{7};
  FakeServed served_;
  Profiles::Options options_;
  std::unique_ptr<store::Db> db_;
  std::unique_ptr<Profiles> profiles_;
};

TEST_F(ProfilesTest, AWindowIsAnsweredFromTheFewestBlocks) {
  serve("2024-01-30T00:00:00Z", "2024-03-03T00:00:00Z");
  MUST(profiles_->advance(at("2024-01-31T00:00:00Z")));
  MUST(profiles_->advance(at("2024-03-03T00:00:00Z")));
  struct Case {
    const char *from, *to, *covers_from, *covers_to;
    std::uint64_t rows;
    std::int64_t blocks;
  };
  const std::vector<Case> cases = {
      {"2024-03-02T05:00:00Z", "2024-03-02T08:00:00Z", "2024-03-02T05:00:00Z",
       "2024-03-02T08:00:00Z", 3, 3},
      {"2024-03-02T05:10:00Z", "2024-03-02T07:50:00Z", "2024-03-02T05:00:00Z",
       "2024-03-02T08:00:00Z", 3, 3},
      {"2024-03-01T00:00:00Z", "2024-03-03T00:00:00Z", "2024-03-01T00:00:00Z",
       "2024-03-03T00:00:00Z", 48, 2},
      {"2024-02-28T22:00:00Z", "2024-03-01T01:00:00Z", "2024-02-28T22:00:00Z",
       "2024-03-01T01:00:00Z", 27, 4},
      {"2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z", "2024-02-01T00:00:00Z",
       "2024-03-01T00:00:00Z", 29 * 24, 1},
      {"2024-01-31T00:00:00Z", "2024-03-02T01:00:00Z", "2024-01-31T00:00:00Z",
       "2024-03-02T01:00:00Z", 31 * 24 + 1, 4},
      // Hours of that time are no longer kept.
      {"2024-02-03T05:00:00Z", "2024-02-03T07:00:00Z", "2024-02-03T00:00:00Z",
       "2024-02-04T00:00:00Z", 24, 1},
      {"2024-02-03T05:00:00Z", "2024-03-02T07:00:00Z", "2024-02-03T00:00:00Z",
       "2024-03-02T07:00:00Z", 28 * 24 + 7, 35},
  };
  for (const Case& one : cases) {
    const Profiles::Found found = find(one.from, one.to);
    EXPECT_EQ(found.from, at(one.covers_from)) << one.from;
    EXPECT_EQ(found.to, at(one.covers_to)) << one.to;
    ASSERT_TRUE(found.inputs.contains("x")) << one.from;
    EXPECT_EQ(found.inputs.at("x").rows(), one.rows) << one.from;
    EXPECT_EQ(found.blocks, one.blocks) << one.from;
  }
  EXPECT_TRUE(find("2023-01-01T00:00:00Z", "2023-02-01T00:00:00Z").inputs.empty());
  EXPECT_FALSE(
      profiles_->find("e", {.from = at("2024-02-01T00:00:00Z"), .to = at("2024-02-01T00:00:00Z")}));
}

TEST_F(ProfilesTest, MinutesOfTheLastHoursAreApart) {
  for (base::Timestamp time = at("2024-03-01T00:00:00Z"); time < at("2024-03-01T06:00:00Z");
       time = time + base::Duration::seconds(30)) {
    served_.log.push_back(
        {.id = fmt::format("r{}", served_.log.size()), .event_time = time, .x = 1});
  }
  for (base::Timestamp until = at("2024-03-01T00:01:00Z"); until <= at("2024-03-01T06:00:00Z");
       until = until + base::Duration::seconds(60))
    MUST(profiles_->advance(until));
  struct Case {
    const char *from, *to, *covers_from, *covers_to;
    std::uint64_t rows;
    std::int64_t blocks;
  };
  const std::vector<Case> cases = {
      {"2024-03-01T05:10:20Z", "2024-03-01T05:12:10Z", "2024-03-01T05:10:00Z",
       "2024-03-01T05:13:00Z", 6, 3},
      {"2024-03-01T03:58:00Z", "2024-03-01T05:02:00Z", "2024-03-01T03:00:00Z",
       "2024-03-01T05:02:00Z", 244, 4},  // two hours, two minutes
      {"2024-03-01T04:30:00Z", "2024-03-01T05:30:00Z", "2024-03-01T04:30:00Z",
       "2024-03-01T05:30:00Z", 120, 60},
      {"2024-03-01T00:59:00Z", "2024-03-01T01:01:00Z", "2024-03-01T00:00:00Z",
       "2024-03-01T02:00:00Z", 240, 2},  // its minutes are no longer kept
      {"2024-03-01T00:00:00Z", "2024-03-02T00:00:00Z", "2024-03-01T00:00:00Z",
       "2024-03-02T00:00:00Z", 720, 1}};
  for (const Case& one : cases) {
    const Profiles::Found found = find(one.from, one.to);
    EXPECT_EQ(found.from, at(one.covers_from)) << one.from;
    EXPECT_EQ(found.to, at(one.covers_to)) << one.to;
    ASSERT_TRUE(found.inputs.contains("x")) << one.from;
    EXPECT_EQ(found.inputs.at("x").rows(), one.rows) << one.from;
    EXPECT_EQ(found.blocks, one.blocks) << one.from;
  }
  // What comes later than minutes are kept is in its hour all the same.
  served_.log = {{.id = "late", .event_time = at("2024-03-01T06:00:00Z"), .x = 1}};
  MUST(profiles_->advance(at("2024-03-01T12:00:00Z")));
  EXPECT_EQ(find("2024-03-01T06:00:00Z", "2024-03-01T07:00:00Z").inputs.at("x").rows(), 1u);
}

// Windows of such hours and minutes were answered from blocks that aren't there, as if nothing had
// been served.
TEST_F(ProfilesTest, WhatIsKeptLongerFromNowOnIsMissedNowhere) {
  options_.minutes_kept = {};
  options_.hours_kept = base::Duration::days(2);
  open();
  serve("2024-03-01T00:00:00Z", "2024-03-08T12:00:00Z");
  MUST(profiles_->advance(at("2024-03-08T10:00:00Z")));
  options_ = {};
  open();
  const auto rows = [&](const char* from, const char* to) {
    return find(from, to).inputs.at("x").rows();
  };
  for (const char* until : {"2024-03-08T10:00:00Z", "2024-03-08T10:30:00Z"}) {
    MUST(profiles_->advance(at(until)));
    EXPECT_EQ(rows("2024-03-03T05:00:00Z", "2024-03-03T07:00:00Z"), 24u) << "the hours are gone";
    EXPECT_EQ(rows("2024-03-07T05:00:00Z", "2024-03-07T07:00:00Z"), 2u);
    EXPECT_EQ(rows("2024-03-08T09:00:00Z", "2024-03-08T09:10:00Z"), 1u) << "had no minutes";
  }
  MUST(profiles_->advance(at("2024-03-08T12:00:00Z")));
  EXPECT_EQ(find("2024-03-08T11:00:00Z", "2024-03-08T11:10:00Z").to, at("2024-03-08T11:10:00Z"));
  EXPECT_EQ(rows("2024-03-08T11:00:00Z", "2024-03-08T11:10:00Z"), 1u);
}

// Its rows were in their blocks twice, and minutes that nobody had made were answered as empty.
TEST_F(ProfilesTest, AClockThatIsSetRightComesWhereItWas) {
  options_.minutes_kept = {};
  open();
  serve("2024-03-08T00:00:00Z", "2024-03-08T12:00:00Z");
  MUST(profiles_->advance(at("2024-03-08T10:00:00Z")));
  options_ = {};
  open();
  MUST(profiles_->advance(at("2024-03-08T10:30:00Z")));
  for (const char* until : {"2024-03-08T09:50:00Z", "2024-03-08T10:30:00Z"}) {
    open();
    MUST(profiles_->advance(at(until)));
    const auto found = find("2024-03-08T09:00:00Z", "2024-03-08T09:10:00Z");
    EXPECT_EQ(found.to, at("2024-03-08T10:00:00Z")) << "had no minutes";
    EXPECT_EQ(found.inputs.at("x").rows(), 1u);
    EXPECT_EQ(found.until, at("2024-03-08T10:30:00Z"));
  }
  MUST(profiles_->advance(at("2024-03-08T12:00:00Z")));
  EXPECT_EQ(find("2024-03-08T00:00:00Z", "2024-03-08T12:00:00Z").inputs.at("x").rows(), 12u);
}

// It doesn't wait until it is there. Hours that are deleted don't come back.
TEST_F(ProfilesTest, AClockThatWasFarAheadBeginsAnew) {
  options_.hours_kept = base::Duration::days(2);
  open();
  serve("2024-03-01T00:00:00Z", "2024-03-08T12:00:00Z");
  MUST(profiles_->advance(at("2024-03-08T12:00:00Z")));
  served_.log.clear();
  open();
  MUST(profiles_->advance(at("2024-03-05T00:00:00Z")));
  serve("2024-03-05T00:00:00Z", "2024-03-06T00:00:00Z", 2);
  MUST(profiles_->advance(at("2024-03-06T00:00:00Z")));
  const auto before = find("2024-03-04T05:00:00Z", "2024-03-04T07:00:00Z");
  EXPECT_EQ(before.from, at("2024-03-04T00:00:00Z"));
  EXPECT_EQ(before.inputs.at("x").rows(), 24u);
  EXPECT_EQ(before.until, at("2024-03-06T00:00:00Z"));
  const auto version = MUST(profiles_->find("e", {.input = "x",
                                                  .model_version = 2,
                                                  .from = at("2024-03-05T00:00:00Z"),
                                                  .to = at("2024-03-06T00:00:00Z")}));
  EXPECT_EQ(version.inputs.at("x").rows(), 24u);
}

// So it was stored by a server whose profiles had no minutes, or didn't say since when.
TEST_F(ProfilesTest, MinutesBeginWhereAnOlderServerLeftOff) {
  serve("2024-03-08T00:00:00Z", "2024-03-08T12:00:00Z");
  options_.minutes_kept = {};
  open();
  MUST(profiles_->advance(at("2024-03-08T10:00:00Z")));
  MUST(db_->write([](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("DROP INDEX monitor_profiles_by_time", {}));
    for (const char* column : {"minutes_since", "hours_since", "days_since"}) {
      TRY(tx.execute(fmt::format("ALTER TABLE monitor_profile_cursors DROP COLUMN {}", column),
                     {}));
    }
    TRY(tx.execute("DELETE FROM migrations WHERE room = 'monitor' AND number = 14", {}));
    return {};
  }));
  options_ = {};
  open();
  MUST(profiles_->advance(at("2024-03-08T10:30:00Z")));
  EXPECT_EQ(find("2024-03-08T09:00:00Z", "2024-03-08T09:10:00Z").to, at("2024-03-08T10:00:00Z"));
  EXPECT_EQ(find("2024-03-08T09:00:00Z", "2024-03-08T09:10:00Z").inputs.at("x").rows(), 1u);
  EXPECT_EQ(find("2024-03-01T05:00:00Z", "2024-03-08T05:00:00Z").inputs.at("x").rows(), 5u);
}

TEST_F(ProfilesTest, EveryRowIsCountedOnceAcrossFailuresAndRestarts) {
  serve("2024-03-01T00:00:00Z", "2024-03-04T00:00:00Z");
  MUST(profiles_->advance(at("2024-03-01T12:30:00Z")));
  served_.failure = base::error(Code::kUnavailable, "the log rests");
  EXPECT_FALSE(profiles_->advance(at("2024-03-02T00:00:00Z")));
  served_.failure.reset();
  open();
  MUST(profiles_->advance(at("2024-03-02T12:30:00Z")));
  open();
  MUST(profiles_->advance(at("2024-03-04T00:00:00Z")));
  MUST(profiles_->advance(at("2024-03-04T00:00:00Z")));
  const auto found = find("2024-03-01T00:00:00Z", "2024-03-04T00:00:00Z", "");
  for (const char* input : {"x", "carrier", "prediction"}) {
    ASSERT_TRUE(found.inputs.contains(input));
    EXPECT_EQ(found.inputs.at(input).rows(), 72u) << input;
  }
  EXPECT_EQ(found.inputs.size(), 3u);
  EXPECT_EQ(found.until, at("2024-03-04T00:00:00Z"));
  EXPECT_EQ(found.inputs.at("x").quantiles().max(), 71);
  EXPECT_EQ(found.inputs.at("carrier").frequent().top(1)[0].count_min, 72u);
}

TEST_F(ProfilesTest, DeclaredSlicesHaveProfilesOfTheirOwn) {
  serve("2024-03-01T00:00:00Z", "2024-03-03T00:00:00Z");
  for (std::size_t i = 0; i < served_.log.size(); ++i)
    served_.log[i].carrier = i % 4 == 0 ? "DL" : i % 4 == 1 ? "AA" : "UA";
  options_.slices_max = 2;  // the first two by name
  open();
  MUST(profiles_->advance(at("2024-03-02T00:00:00Z")));
  MUST(profiles_->advance(at("2024-03-03T00:00:00Z")));
  const auto rows = [&](const std::string& slice, const char* from, const char* to) {
    const auto found =
        MUST(profiles_->find("e", {.input = "x", .slice = slice, .from = at(from), .to = at(to)}));
    return found.inputs.contains("x") ? found.inputs.at("x").rows() : 0;
  };
  EXPECT_EQ(rows("", "2024-03-01T00:00:00Z", "2024-03-03T00:00:00Z"), 48u);
  EXPECT_EQ(rows("carrier=DL", "2024-03-01T00:00:00Z", "2024-03-03T00:00:00Z"), 12u);
  EXPECT_EQ(rows("carrier=AA", "2024-03-01T00:00:00Z", "2024-03-02T00:00:00Z"), 6u);
  EXPECT_EQ(rows("carrier=UA", "2024-03-01T00:00:00Z", "2024-03-03T00:00:00Z"), 0u);
  // An hour is the shortest window of a slice, also where all rows have minutes.
  const auto found = MUST(profiles_->find("e", {.input = "x",
                                                .slice = "carrier=DL",
                                                .from = at("2024-03-02T20:10:00Z"),
                                                .to = at("2024-03-02T20:20:00Z")}));
  EXPECT_EQ(found.from, at("2024-03-02T20:00:00Z"));
  EXPECT_EQ(found.to, at("2024-03-02T21:00:00Z"));
  EXPECT_EQ(found.inputs.at("x").rows(), 1u);
}

// Each pass took its own first ones: a slice had the rows of some passes and lacked those of
// others.
TEST_F(ProfilesTest, ASliceThatHasAProfileGoesOn) {
  serve("2024-03-01T00:00:00Z", "2024-03-03T00:00:00Z");
  for (std::size_t i = 0; i < served_.log.size(); ++i)
    served_.log[i].carrier = i < 24 ? "UA" : i % 2 == 0 ? "AA" : "UA";
  options_.slices_max = 1;
  open();
  MUST(profiles_->advance(at("2024-03-02T00:00:00Z")));
  open();
  MUST(profiles_->advance(at("2024-03-03T00:00:00Z")));
  const auto rows = [&](const std::string& slice) {
    const auto found = MUST(profiles_->find("e", {.input = "x",
                                                  .slice = slice,
                                                  .from = at("2024-03-01T00:00:00Z"),
                                                  .to = at("2024-03-03T00:00:00Z")}));
    return found.inputs.contains("x") ? found.inputs.at("x").rows() : 0;
  };
  EXPECT_EQ(rows("carrier=UA"), 36u);
  EXPECT_EQ(rows("carrier=AA"), 0u);
}

TEST_F(ProfilesTest, VersionsAreApartAndShadowsOnlyAnswer) {
  serve("2024-03-01T00:00:00Z", "2024-03-01T05:00:00Z", 1);
  serve("2024-03-01T05:00:00Z", "2024-03-01T10:00:00Z", 2);
  served_.log[0].role = served_.log[0].variant = "shadow";
  served_.log[0].model_version = 3;
  served_.log[1].traffic = "load";
  served_.log[2].error = "failed";
  MUST(profiles_->advance(at("2024-03-02T00:00:00Z")));
  const auto all = find("2024-03-01T00:00:00Z", "2024-03-02T00:00:00Z", "");
  EXPECT_EQ(all.model_versions, (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(all.inputs.at("x").rows(), 8u);
  EXPECT_EQ(all.inputs.at("prediction").rows(), 8u);
  const auto one = MUST(profiles_->find(
      "e",
      {.model_version = 1, .from = at("2024-03-01T00:00:00Z"), .to = at("2024-03-02T00:00:00Z")}));
  EXPECT_EQ(one.inputs.at("x").rows(), 3u);
  EXPECT_EQ(one.inputs.at("prediction").rows(), 2u);
}

TEST_F(ProfilesTest, IsDueByTheClock) {
  const base::Timestamp now = at("2024-03-01T00:00:00Z");
  EXPECT_EQ(MUST(profiles_->next_due(now, false)), now);
  MUST(profiles_->advance(now));
  EXPECT_EQ(MUST(profiles_->next_due(now, false)), now + base::Duration::seconds(60));
  EXPECT_EQ(MUST(profiles_->next_due(now, true)), now + base::Duration::days(1));
  const base::Timestamp before = at("2013-03-01T00:00:00Z");
  EXPECT_EQ(MUST(profiles_->next_due(before, true)), before) << "the clock began to rehearse";
  EXPECT_EQ(MUST(profiles_->next_due(before, false)), before) << "the clock was set right";
}

}  // namespace
}  // namespace slipway::monitor
