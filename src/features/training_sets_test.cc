// What a kill leaves is used, and nothing of it is seen in the rows.
#include "features/training_sets.h"

#include <gtest/gtest.h>

#include "features/testing/trips.h"
#include "store/arrow_stream.h"
#include "store/parquet.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::features {
namespace {

class TrainingSetsTest : public ::testing::Test {
 protected:
  TrainingSetsTest() {
    MUST(db_->migrate({migrations()}));
    MUST(store_.set_definitions(MUST(parse_definitions(testing::kTripsYaml))));
  }
  TrainingSets sets() {
    return {store_, tables_, {.folder = folder_.path() / "sets", .rows_at_once = 100}};
  }
  std::vector<std::filesystem::path> parts() const {
    std::vector<std::filesystem::path> found;
    std::error_code none;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(folder_.path() / "sets", none)) {
      if (entry.path().extension() == ".parquet") found.push_back(entry.path());
    }
    return found;
  }
  store::testing::TempFolder folder_;
  base::ManualClock clock_;
  base::SeededRandom random_{1};
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "f.db"}, clock_, random_).value();
  testing::MemoryTables tables_ = testing::random_trips(4, 600);
  FeatureStore store_{*db_, tables_, clock_};
  const HistoryRequest request_{
      .service = "trips", .entities = "trips", .as_of = types::Timestamp{4'000 * 60'000'000LL}};
};

void expect_same(const types::Frame& rows, const types::Frame& expected) {
  ASSERT_EQ(rows.rows(), expected.rows());
  ASSERT_EQ(rows.columns().size(), expected.columns().size());
  for (const types::Column& column : rows.columns()) {
    for (std::size_t row = 0; row < rows.rows(); ++row)
      ASSERT_EQ(cell_of(column, row), cell_of(*expected.find(column.name), row)) << column.name;
  }
}

Result<void> all_columns(const types::Frame&) { return {}; }

TEST_F(TrainingSetsTest, GoesOnWhereItEnded) {
  const types::Frame expected = store_.history(request_)->frame;
  TrainingSets sets = this->sets();
  {
    const auto made = sets.make(request_, TrainingSets::Format::kParquet, "").value();
    EXPECT_EQ(made.rows, static_cast<std::int64_t>(expected.rows()));
    EXPECT_EQ(made.rows_found, 0);
    EXPECT_EQ(parts().size(), (expected.rows() + 99) / 100);
    expect_same(store::read_parquet(made.file).value(), expected);
    for (const auto& part : parts()) {  // the first two are there when it is asked for again
      if (part.filename() > "part-00001.parquet") continue;
      std::filesystem::create_directories(folder_.path() / "kept");
      std::filesystem::copy_file(part, folder_.path() / "kept" / part.filename());
    }
    std::filesystem::rename(
        folder_.path() / "kept",
        folder_.path() / ("kept-" + made.file.parent_path().filename().string()));
  }
  EXPECT_TRUE(parts().empty());  // gone with what was made
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    const std::string name = entry.path().filename();
    if (name.starts_with("kept-"))
      std::filesystem::rename(entry.path(), folder_.path() / "sets" / name.substr(5));
  }
  const auto made = sets.make(request_, TrainingSets::Format::kParquet, "").value();
  EXPECT_EQ(made.rows_found, 200);
  EXPECT_EQ(made.rows, static_cast<std::int64_t>(expected.rows()));
  expect_same(store::read_parquet(made.file).value(), expected);
}

TEST_F(TrainingSetsTest, TheSameTwiceAtOnceIsMadeTwice) {
  TrainingSets sets = this->sets();
  auto first = sets.make(request_, TrainingSets::Format::kParquet, "").value();
  const auto second = sets.make(request_, TrainingSets::Format::kParquet, "").value();
  EXPECT_NE(first.file, second.file);
  EXPECT_EQ(second.rows_found, 0);
  EXPECT_TRUE(sets.progress().empty());  // both are made
  first.owner.reset();
  EXPECT_FALSE(std::filesystem::exists(first.file));
  EXPECT_EQ(store::read_parquet(second.file)->rows(), static_cast<std::size_t>(second.rows));
}

// What a kill left is of other definitions or another key than there are now.
TEST_F(TrainingSetsTest, PartsAreNotUsedAfterAChange) {
  std::string yaml(testing::kTripsYaml);
  const std::string ttl = "ttl: 6h";
  yaml.replace(yaml.find(ttl), ttl.size(), "ttl: 2h");
  std::string corrected = testing::with_corrections(yaml);
  corrected.replace(corrected.find("[trip]"), 6, "[place]");
  const std::pair<const char*, std::function<void()>> changes[] = {
      {"the key",
       [&] {
         tables_.tables["trips"].key = {"id", "carrier"};
       }},
      {"the arrival time", [&] { tables_.tables["trips"].arrival = "landed_at"; }},
      {"the definitions", [&] { MUST(store_.set_definitions(MUST(parse_definitions(yaml)))); }},
      {"the deduplication key",
       [&] { MUST(store_.set_definitions(MUST(parse_definitions(corrected)))); }},
  };
  TrainingSets sets = this->sets();
  HistoryRequest request = request_;
  request.label_name = "late";
  request.label = "delay > 15";
  const auto folder_of = [&] {
    return sets.make(request, TrainingSets::Format::kParquet, "")->file.parent_path();
  };
  const auto at_first = folder_of();
  EXPECT_EQ(folder_of(), at_first);
  for (const auto& [what, change] : changes) {
    const auto before = folder_of();
    change();
    EXPECT_NE(folder_of(), before) << what;
  }
}

TEST_F(TrainingSetsTest, AChangeWhileItIsMadeIsAConflict) {
  std::string yaml(testing::kTripsYaml);
  const std::string ttl = "ttl: 6h";
  yaml.replace(yaml.find(ttl), ttl.size(), "ttl: 2h");
  const auto expected = store_.history(request_)->frame;
  const auto declare = [&](std::string_view declared) {
    const auto reader = std::exchange(tables_.on_read, nullptr);  // it reads, too
    MUST(store_.set_definitions(MUST(parse_definitions(declared))));
    tables_.on_read = reader;
  };
  TrainingSets sets = this->sets();
  tables_.on_read = [&] { declare(yaml); };
  const auto changed = sets.make(request_, TrainingSets::Format::kParquet, "");
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, Code::kConflict);
  EXPECT_TRUE(parts().empty());
  EXPECT_TRUE(sets.progress().empty());
  // There and back again changes nothing of what is made.
  declare(testing::kTripsYaml);
  int reads = 0;
  tables_.on_read = [&] { declare(++reads == 1 ? std::string_view(yaml) : testing::kTripsYaml); };
  const auto same = sets.make(request_, TrainingSets::Format::kParquet, "");
  ASSERT_GT(reads, 1);
  ASSERT_TRUE(same) << same.error().message;
  expect_same(store::read_parquet(same->file).value(), expected);
}

TEST_F(TrainingSetsTest, SoManyAreMadeAtOnce) {
  TrainingSets sets{store_, tables_, {.folder = folder_.path() / "sets", .sets_at_once = 1}};
  std::optional<Code> refused;
  tables_.on_read = [&] {
    const auto another = sets.make(request_, TrainingSets::Format::kParquet, "");
    if (!another) refused = another.error().code;
  };
  const auto made = sets.make(request_, TrainingSets::Format::kParquet, "");
  tables_.on_read = nullptr;
  ASSERT_TRUE(made);
  EXPECT_EQ(refused, Code::kResourceExhausted);
  // One that is only being sent is none of them.
  EXPECT_TRUE(sets.make(request_, TrainingSets::Format::kParquet, ""));
}

TEST_F(TrainingSetsTest, LargeRowsEndAPartBeforeItsNumberOfRows) {
  testing::MemoryTables::Table& trips = tables_.tables["trips"];
  types::Column note = types::Column::of_type("note", types::ColumnType::kString);
  for (std::size_t row = 0; row < trips.frame.rows(); ++row)
    note.append_string(std::string(20'000, 'x'));
  ASSERT_TRUE(trips.frame.add(note));
  trips.key = {"id", "note"};
  const auto expected = store_.history(request_)->frame;
  TrainingSets sets{store_, tables_, {.folder = folder_.path() / "sets", .memory_bytes = 4 << 20}};
  const auto made = sets.make(request_, TrainingSets::Format::kParquet, "");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_GT(parts().size(), 2u);
  expect_same(store::read_parquet(made->file).value(), expected);
}

TEST_F(TrainingSetsTest, RowsOfAFileHaveTheirTimesAndNoColumnOfAFeature) {
  types::Frame asked = tables_.tables["trips"].frame.take({3, 5});
  std::erase_if(asked.columns(), [](const types::Column& column) {
    return column.name != "carrier" && column.name != "place" && column.name != "asked_at";
  });
  const auto file = folder_.path() / "asked.parquet";
  TrainingSets sets = this->sets();
  const auto make = [&] {
    EXPECT_TRUE(store::write_parquet(asked, file));
    return sets.make({.service = "trips", .entity_file = file, .as_of = kEndOfTime},
                     TrainingSets::Format::kParquet, "");
  };
  ASSERT_TRUE(make());
  types::Column clash = types::Column::of_type("calendar__hour", types::ColumnType::kDouble);
  for (int row = 0; row < 2; ++row) clash.append_double(row);
  ASSERT_TRUE(asked.add(clash));
  const auto named = make();
  ASSERT_FALSE(named);
  EXPECT_EQ(named.error().code, Code::kInvalidArgument);
  EXPECT_NE(named.error().message.find("column=calendar__hour"), std::string::npos);
  asked.columns().pop_back();
  asked.find("asked_at")->valid = {1, 0};
  const auto timeless = make();
  ASSERT_FALSE(timeless);
  EXPECT_EQ(timeless.error().code, Code::kInvalidArgument);
  EXPECT_NE(timeless.error().message.find("row=1 column=asked_at"), std::string::npos);
}

TEST_F(TrainingSetsTest, AStreamHasTheSameRowsAndIsReadAgain) {
  const types::Frame expected = store_.history(request_)->frame;
  TrainingSets sets = this->sets();
  const auto made = sets.make(request_, TrainingSets::Format::kArrowStream, "").value();
  const auto parquet = folder_.path() / "again.parquet";
  ASSERT_TRUE(store::arrow_stream_to_parquet(made.file, parquet, {}, all_columns));
  expect_same(store::read_parquet(parquet).value(), expected);
  // Cut short anywhere it is refused, not half of it taken.
  const auto size = std::filesystem::file_size(made.file);
  for (const std::uintmax_t left : {size / 2, size / 3, std::uintmax_t{100}, std::uintmax_t{0}}) {
    std::filesystem::resize_file(made.file, left);
    const auto refused =
        store::arrow_stream_to_parquet(made.file, folder_.path() / "cut.parquet", {}, all_columns);
    ASSERT_FALSE(refused) << left;
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / "cut.parquet"));
  }
}

TEST_F(TrainingSetsTest, RowsOfAFileKeepTheirColumnsAndOrder) {
  const types::Frame expected = store_.history(request_)->frame;
  types::Frame asked = expected.take({7, 3, 3, 0});
  std::erase_if(asked.columns(), [](const types::Column& column) {
    return column.name.find("__") != std::string::npos || column.name == "id";
  });
  const types::Frame trips = tables_.tables["trips"].frame;
  types::Column place = types::Column::of_type("place", types::ColumnType::kString), more = place;
  for (const std::size_t row : {7, 3, 3, 0}) {
    place.append_string(
        trips.find("place")->strings[static_cast<std::size_t>(expected.find("id")->ints[row])]);
    more.append_string("of " + std::to_string(row));
  }
  more.name = "more";
  ASSERT_TRUE(asked.add(place));
  ASSERT_TRUE(asked.add(more));
  const auto file = folder_.path() / "asked.parquet";
  ASSERT_TRUE(store::write_parquet(asked, file));
  TrainingSets sets = this->sets();
  const auto made = sets.make({.service = "trips", .entity_file = file, .as_of = kEndOfTime},
                              TrainingSets::Format::kParquet, "")
                        .value();
  const types::Frame rows = store::read_parquet(made.file).value();
  ASSERT_EQ(rows.rows(), 4u);
  EXPECT_EQ(rows.find("more")->strings, more.strings);
  for (const types::Column& column : rows.columns()) {
    if (column.name.find("__") == std::string::npos) continue;
    const types::Column whole = expected.find(column.name)->take({7, 3, 3, 0});
    for (std::size_t row = 0; row < 4; ++row)
      EXPECT_EQ(cell_of(column, row), cell_of(whole, row)) << column.name;
  }
}

}  // namespace
}  // namespace slipway::features
