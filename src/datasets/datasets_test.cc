// Data in: snapshots by content, rules, quarantine with reasons, and files that are none.
#include "datasets/datasets.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "base/random.h"
#include "datasets/profile.h"
#include "store/parquet.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::datasets {
namespace {

using types::Column;
using types::ColumnType;
using types::Frame;

Frame weather(std::vector<double> speeds, std::vector<std::string> origins) {
  Column id = Column::of_type("id", ColumnType::kInt64);
  Column speed = Column::of_type("wind_speed", ColumnType::kDouble);
  Column origin = Column::of_type("origin", ColumnType::kString);
  for (std::size_t i = 0; i < speeds.size(); ++i) {
    id.append_int(static_cast<std::int64_t>(i));
    std::isnan(speeds[i]) ? speed.append_null() : speed.append_double(speeds[i]);
    origin.append_string(origins[i % origins.size()]);
  }
  Frame frame;
  MUST(frame.add(id));
  MUST(frame.add(speed));
  MUST(frame.add(origin));
  return frame;
}

constexpr const char* kYaml = R"(
project: p
datasets:
  weather:
    path: weather.parquet
    key: [id]
    columns:
      wind_speed: {type: double, min: 0, max: 120}
      origin: {type: string, in: [EWR, JFK], required: true}
)";

std::unique_ptr<store::Db> open_db(const std::filesystem::path& folder, const base::Clock& clock,
                                   base::Random& random) {
  return MUST(store::open_sqlite({.file = folder / "db"}, clock, random));
}

std::unique_ptr<store::BlobStore> open_blobs(const std::filesystem::path& folder,
                                             base::Random& random) {
  return MUST(store::open_folder_blobs(folder / "blobs", random));
}

class DatasetsTest : public ::testing::Test {
 protected:
  DatasetsTest() {
    MUST(db_->migrate({migrations()}));
    MUST(datasets_.apply(MUST(parse_datasets(kYaml)), folder_.path(), "ann"));
  }
  void write(const Frame& frame) {
    MUST(store::write_parquet(frame, folder_.path() / "weather.parquet"));
  }
  void apply(std::string_view from, std::string_view to) {
    std::string yaml = kYaml;
    yaml.replace(yaml.find(from), from.size(), to);
    MUST(datasets_.apply(MUST(parse_datasets(yaml)), folder_.path(), "ann"));
  }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{5}};
  base::SeededRandom random_{3};
  std::unique_ptr<store::Db> db_ = open_db(folder_.path(), clock_, random_);
  std::unique_ptr<store::BlobStore> blobs_ = open_blobs(folder_.path(), random_);
  Datasets datasets_{*db_, *blobs_, clock_, folder_.path() / "scratch", {}};
};

TEST_F(DatasetsTest, ImpossibleValuesAreKeptAsideWithAReason) {
  write(weather({3, 1048.36, std::nan(""), -1, 8}, {"EWR", "JFK"}));
  const auto report = datasets_.ingest("weather", "", "ann");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->is_new);
  EXPECT_EQ(report->snapshot.rows, 3);
  EXPECT_EQ(report->snapshot.quarantined, 2);
  EXPECT_EQ(report->snapshot.violations.at("wind_speed max"), Json(1));
  const auto aside = datasets_.quarantine(report->snapshot);
  ASSERT_TRUE(aside);
  EXPECT_EQ(aside->find("_reason")->strings,
            (std::vector<std::string>{"wind_speed max: 1048.36", "wind_speed min: -1"}));
  EXPECT_EQ(aside->find("_row")->ints, (std::vector<std::int64_t>{1, 3}));
  EXPECT_EQ(datasets_.rows(report->snapshot)->rows(), 3u);
}

TEST_F(DatasetsTest, SameContentIsTheSameVersionAndOtherContentANewOne) {
  write(weather({3, 8}, {"EWR"}));
  const auto first = datasets_.ingest("weather", "", "ann");
  const auto again = datasets_.ingest("weather", "", "ann");
  ASSERT_TRUE(first && again);
  EXPECT_FALSE(again->is_new);
  EXPECT_EQ(again->snapshot.digest, first->snapshot.digest);
  write(weather({3, 9}, {"EWR"}));
  EXPECT_EQ(datasets_.ingest("weather", "", "ann")->snapshot.version, 2);
  EXPECT_EQ(datasets_.snapshots("weather")->size(), 2u);
  EXPECT_EQ(datasets_.snapshot("weather", 1)->digest, first->snapshot.digest);
  EXPECT_EQ(datasets_.snapshot("weather", 7).error().code, Code::kNotFound);
}

TEST_F(DatasetsTest, BlobsOfNoVersionAreReclaimedAndNoOthers) {
  write(weather({3, 1048.36}, {"EWR"}));  // rows, and rows put aside
  const auto report = datasets_.ingest("weather", "", "ann");
  ASSERT_TRUE(report);
  const auto orphan = MUST(blobs_->put("what an ingest left that was killed before its version"));
  const auto counted = MUST(datasets_.reclaim(Datasets::Reclaim::kOnlyCount));
  EXPECT_EQ(counted.blobs, 1);
  EXPECT_EQ(counted.bytes, orphan.bytes);
  EXPECT_TRUE(MUST(blobs_->contains(orphan.digest)));
  EXPECT_EQ(MUST(datasets_.reclaim(Datasets::Reclaim::kRemove)).bytes, orphan.bytes);
  EXPECT_FALSE(MUST(blobs_->contains(orphan.digest)));
  EXPECT_EQ(MUST(datasets_.reclaim(Datasets::Reclaim::kRemove)).blobs, 0);
  EXPECT_EQ(datasets_.quarantine(report->snapshot)->rows(), 1u);
  EXPECT_TRUE(MUST(blobs_->contains(report->snapshot.digest)));
}

TEST_F(DatasetsTest, DuplicateKeysAndMissingOnesAreAside) {
  Frame frame = weather({1, 2, 3}, {"EWR"});
  frame.find("id")->ints = {1, 1, 2};
  frame.find("id")->valid = {1, 1, 0};
  write(frame);
  const auto report = datasets_.ingest("weather", "", "ann");
  ASSERT_TRUE(report);
  EXPECT_EQ(report->snapshot.rows, 1);
  EXPECT_EQ(report->snapshot.violations.at("id key"), Json(2));
}

TEST_F(DatasetsTest, RejectTakesNothingAndFlagTakesAll) {
  write(weather({3, 500}, {"EWR"}));
  apply("key: [id]", "on_violation: reject");
  const auto rejected = datasets_.ingest("weather", "", "ann");
  ASSERT_FALSE(rejected);
  EXPECT_EQ(rejected.error().code, Code::kFailedPrecondition);
  EXPECT_NE(rejected.error().message.find("row=1 column=wind_speed rule=max value=500"),
            std::string::npos);
  EXPECT_EQ(datasets_.snapshots("weather")->size(), 0u);
  apply("key: [id]", "on_violation: flag");
  EXPECT_EQ(datasets_.ingest("weather", "", "ann")->snapshot.rows, 2);
}

TEST_F(DatasetsTest, TheLastSchemaBindsTheNext) {
  write(weather({3}, {"EWR"}));
  ASSERT_TRUE(datasets_.ingest("weather", "", "ann"));
  Frame other = weather({3}, {"EWR"});
  other.columns()[0].name = "number";
  apply("key: [id]", "key: [number]");
  write(other);
  const auto refused = datasets_.ingest("weather", "", "ann");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("column=id"), std::string::npos);
}

TEST_F(DatasetsTest, UnreadableFilesAreRefusedWithTheReason) {
  EXPECT_EQ(datasets_.ingest("weather", "", "ann").error().code, Code::kNotFound);
  EXPECT_EQ(datasets_.ingest("nothing", "", "ann").error().code, Code::kNotFound);
  std::ofstream(folder_.path() / "weather.parquet") << "not parquet at all";
  EXPECT_EQ(datasets_.ingest("weather", "", "ann").error().code, Code::kCorruption);
  write(weather({1, 2, 3}, {"EWR"}));
  std::filesystem::resize_file(folder_.path() / "weather.parquet", 200);
  EXPECT_EQ(datasets_.ingest("weather", "", "ann").error().code, Code::kCorruption);
  EXPECT_EQ(datasets_.snapshots("weather")->size(), 0u);
}

TEST(Definition, MistakesCarryLineAndColumn) {
  const std::pair<const char*, const char*> cases[] = {
      {"datasets:\n  a:\n    pth: x\n", "line 3"},
      {"datasets:\n  a: {path: x, on_violation: drop}\n", "quarantine, reject or flag"},
      {"datasets:\n  a:\n    path: x\n    columns:\n      c: {type: flot}\n", "line 5"},
      {"datasets:\n  a:\n    path: x\n    columns:\n      c: {min: 3, max: 1}\n", "less than min"},
  };
  for (const auto& [yaml, says] : cases) {
    const auto parsed = parse_datasets(yaml);
    ASSERT_FALSE(parsed) << yaml;
    EXPECT_NE(parsed.error().message.find(says), std::string::npos) << parsed.error().message;
  }
  const auto parsed = MUST(parse_datasets(kYaml));
  EXPECT_EQ(MUST(parse_dataset("weather", base::to_text(parsed[0].to_json()))), parsed[0]);
}

TEST(Profile, CountsAndQuantiles) {
  const JsonArray columns = profile(weather({1, 2, 3, 4, std::nan("")}, {"EWR", "JFK"}));
  const JsonObject& speed = columns[1].as_object();
  EXPECT_EQ(speed.at("missing"), Json(1u));
  EXPECT_EQ(speed.at("mean"), Json(2.5));
  EXPECT_EQ(speed.at("p50"), Json(2.0));
  EXPECT_EQ(columns[2].as_object().at("top").as_array()[0].as_object().at("rows"), Json(3));
}

}  // namespace
}  // namespace slipway::datasets
