// Data in: snapshots by content, rules, quarantine with reasons, and files that are none.
#include "datasets/datasets.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <cmath>
#include <fstream>
#include <thread>

#include "base/random.h"
#include "datasets/profile.h"
#include "store/file_system.h"
#include "store/object_store.h"
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

TEST_F(DatasetsTest, TextsAreLikeAPattern) {
  apply("in: [EWR, JFK]", "pattern: '^[JL]'");
  write(weather({3, 5, 8}, {"EWR", "JFK", "LGA"}));
  const auto report = datasets_.ingest("weather", "", "ann");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->snapshot.rows, 2);
  const auto aside = datasets_.quarantine(report->snapshot);
  ASSERT_TRUE(aside);
  EXPECT_EQ(aside->find("_reason")->strings, (std::vector<std::string>{"origin pattern: EWR"}));
  apply("wind_speed: {", "wind_speed: {pattern: x, ");
  const auto refused = datasets_.ingest("weather", "", "ann");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("a pattern is a rule of texts"), std::string::npos);
}

// Once a version was kept whose record nobody could read again.
TEST_F(DatasetsTest, NumbersAtTheirLimitsHaveAProfile) {
  apply("  weather:", "  far: {path: far.csv}\n  weather:");
  MUST(store::write_file(folder_.path() / "far.csv", "x\n1e308\n-1e308\n"));
  MUST(datasets_.ingest("far", "", "ann"));
  const auto kept = datasets_.snapshot("far");
  ASSERT_TRUE(kept) << kept.error().message;
  const JsonObject& x = kept->profile.at(0).as_object();
  EXPECT_EQ(x.at("mean"), Json(0.0));
  EXPECT_NEAR(x.at("stddev").as_double() / 1e308, std::sqrt(2.0), 1e-9);
}

TEST_F(DatasetsTest, ARecordThatCannotBeReadAgainIsNotKept) {
  Snapshot odd{.dataset = "weather", .version = 1};
  EXPECT_TRUE(odd.document());
  odd.notes.push_back(Json("caf\xe9"));
  ASSERT_FALSE(odd.document());
  EXPECT_EQ(odd.document().error().code, Code::kInternal);
}

TEST_F(DatasetsTest, ADamagedVersionIsOneDatasetsMatter) {
  const auto both = [&] {
    std::string yaml = kYaml;
    yaml += "  other: {path: weather.parquet, key: [nowhere]}\n";
    return MUST(parse_datasets(yaml));
  };
  MUST(datasets_.apply(both(), folder_.path(), "ann"));
  write(weather({3, 5}, {"EWR"}));
  const std::string digest = MUST(datasets_.ingest("weather", "", "ann")).snapshot.digest;
  MUST(db_->write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("UPDATE dataset_snapshots SET document = '{\"profile\": [nan'", {}));
    return {};
  }));
  const auto damaged = datasets_.snapshot("weather");
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, Code::kCorruption);
  EXPECT_NE(damaged.error().message.find("dataset=weather version=1"), std::string::npos);

  EXPECT_TRUE(datasets_.apply(both(), folder_.path(), "ann"));
  EXPECT_EQ(MUST(datasets_.unknown_columns(both())),
            (std::vector<std::string>{damaged.error().message}));
  const auto listed = MUST(datasets_.snapshots("weather"));
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].notes, JsonArray{Json(damaged.error().message)});
  EXPECT_EQ(listed[0].digest, digest);

  EXPECT_EQ(datasets_.ingest("weather", "", "ann").error().code, Code::kCorruption);
  const auto again = MUST(
      datasets_.ingest("weather", "", "ann", Datasets::Reach::kAnywhere, Datasets::Columns::kAnew));
  EXPECT_TRUE(again.is_new);
  EXPECT_EQ(MUST(datasets_.snapshot("weather")).version, 2);
  EXPECT_EQ(MUST(datasets_.ingest("weather", "", "ann")).is_new, false);
}

// Once they were never checked, without a word.
TEST_F(DatasetsTest, RulesThatCannotApplyAreRefused) {
  const auto rows = [&](std::string_view columns) {
    MUST(datasets_.apply(MUST(parse_datasets(fmt::format(
                             "datasets:\n  kinds: {{path: kinds.csv, columns: {}}}", columns))),
                         folder_.path(), "ann"));
    return datasets_.ingest("kinds", "", "ann", Datasets::Reach::kAnywhere,
                            Datasets::Columns::kAnew);
  };
  MUST(store::write_file(folder_.path() / "kinds.csv",
                         "at,s,b,n\n2024-01-10,a,true,1\n2024-01-11,b,false,2\n"));
  for (const auto& [columns, says] : std::map<std::string, std::string>{
           {"{at: {type: timestamp, in: ['2024-01-10']}}", "(`in`) is a rule of texts and numbers"},
           {"{at: {min: 99999999999}}", "min and max are rules of numbers"},
           {"{s: {min: 5}}", "min and max are rules of numbers"},
           {"{s: {max: 5}}", "min and max are rules of numbers"},
           {"{n: {type: int64, in: [a, '1']}}", "(`in`) has texts"}}) {
    const auto refused = rows(columns);
    ASSERT_FALSE(refused) << columns;
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
    EXPECT_NE(refused.error().message.find(says), std::string::npos) << refused.error().message;
  }
  EXPECT_EQ(MUST(rows("{b: {in: ['true']}}")).snapshot.violations, (JsonObject{{"b in", 1}}));
  EXPECT_EQ(MUST(rows("{b: {in: ['true', 'false']}}")).snapshot.rows, 2);
  EXPECT_EQ(MUST(rows("{b: {min: 1}, n: {in: [1]}, s: {in: [a, b, c]}}")).snapshot.violations,
            (JsonObject{{"b min", 1}, {"n in", 1}}));
}

// What had no value was a number for good.
TEST_F(DatasetsTest, ColumnsWithoutAValueBindNoType) {
  apply("  weather:", "  notes: {path: notes.csv}\n  lake: {path: lake.parquet}\n  weather:");
  const auto ingest = [&](std::string_view text) {
    MUST(store::write_file(folder_.path() / "notes.csv", text));
    return datasets_.ingest("notes", "", "ann");
  };
  const auto type_of = [](const IngestReport& report, std::size_t column) {
    return std::string(types::type_name(report.snapshot.schema.columns.at(column).second));
  };
  EXPECT_EQ(type_of(MUST(ingest("id,note\n")), 1), "double");
  EXPECT_EQ(type_of(MUST(ingest("id,note\n1,\n")), 0), "int64");
  const auto report = MUST(ingest("id,note\n1,hello\n"));
  EXPECT_EQ(type_of(report, 1), "string");
  EXPECT_EQ(report.snapshot.notes, JsonArray{"note is string, and had no values before"});
  const auto refused = ingest("id,note\nx,hello\n");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "csv: a cell is no int64: file=" + (folder_.path() / "notes.csv").string() +
                " line=2 column=id cell=x (as in the last version: declare its type, or ingest it "
                "anew)");
  EXPECT_EQ(ingest("id\n1\n").error().code, Code::kFailedPrecondition) << "it is still a column";
  const auto anew = MUST(
      datasets_.ingest("notes", "", "ann", Datasets::Reach::kAnywhere, Datasets::Columns::kAnew));
  EXPECT_EQ(anew.snapshot.notes, JsonArray{"column note (string) is gone"});
  MUST(store::write_file(folder_.path() / "notes.csv", "id,more\n1.5,a\n"));
  EXPECT_EQ(MUST(datasets_.ingest("notes", "", "ann", Datasets::Reach::kAnywhere,
                                  Datasets::Columns::kAnew))
                .snapshot.notes,
            (JsonArray{"id is double, and was int64", "new column more (string)"}));

  Frame lake = weather({1}, {"EWR"});
  Column code = Column::of_type("code", ColumnType::kDouble);
  code.append_null();
  MUST(lake.add(std::move(code)));
  MUST(store::write_parquet(lake, folder_.path() / "lake.parquet"));
  MUST(datasets_.ingest("lake", "", "ann"));
  *lake.find("code") = Column::of_type("code", ColumnType::kString);
  lake.find("code")->append_string("x");
  MUST(store::write_parquet(lake, folder_.path() / "lake.parquet"));
  EXPECT_EQ(type_of(MUST(datasets_.ingest("lake", "", "ann")), 3), "string");
}

// Once a delivery without rows freed all types.
TEST_F(DatasetsTest, AnEmptyDeliveryFreesNoType) {
  apply("  weather:", "  trips: {path: trips.csv, columns: {id: {max: 9}}}\n  weather:");
  const auto ingest = [&](std::string_view rows) {
    MUST(store::write_file(folder_.path() / "trips.csv", fmt::format("id,delay,note\n{}", rows)));
    return datasets_.ingest("trips", "", "ann");
  };
  MUST(ingest("1,5,\n"));
  // A header alone, rows that are all put aside, a column that is missing throughout.
  std::int64_t version = 1;
  for (const std::string_view rows : {"", "10,7,\n", "2,,\n"}) {
    EXPECT_EQ(MUST(ingest(rows)).snapshot.version, ++version);
    for (const bool is_of_before : {false, true}) {
      MUST(db_->write([&](store::Tx& tx) -> Result<void> {
        if (!is_of_before) return {};
        TRY(tx.execute("UPDATE dataset_snapshots SET document = json_remove(document, '$.untyped')",
                       {}));
        return {};
      }));
      const auto refused = ingest("3,12min,\n");
      ASSERT_FALSE(refused) << rows;
      EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
      EXPECT_NE(refused.error().message.find("column=delay cell=12min"), std::string::npos)
          << refused.error().message;
    }
  }
  const auto note = MUST(ingest("3,12,late\n")).snapshot;
  EXPECT_EQ(note.notes, JsonArray{"note is string, and had no values before"});
  EXPECT_EQ(note.schema.columns.at(1).second, ColumnType::kInt64);
}

// A first version was refused, or bound the next to numbers.
TEST_F(DatasetsTest, TextsMayLookLikeNumbersOrBeMissing) {
  const auto declare = [&](std::string_view columns) {
    MUST(datasets_.apply(MUST(parse_datasets(fmt::format(R"(
datasets:
  shops: {{path: shops.csv, columns: {0}}}
  lake: {{path: lake.parquet, columns: {0}}}
)",
                                                         columns))),
                         folder_.path(), "ann"));
  };
  const auto types = [](const IngestReport& report) {
    std::string names;
    for (const auto& [name, type] : report.snapshot.schema.columns)
      names += fmt::format("{} {}, ", name, types::type_name(type));
    return names;
  };
  const std::filesystem::path shops = folder_.path() / "shops.csv";
  MUST(store::write_file(shops, "zip,note,kind,open\n94103,,1,true\n9410,,1,false\n"));
  declare("{}");
  EXPECT_EQ(types(MUST(datasets_.ingest("shops", "", "ann"))),
            "zip int64, note double, kind int64, open bool, ");
  declare(
      "{zip: {pattern: '^[0-9]{5}$'}, note: {pattern: '^x'}, kind: {in: [a, '1']}, "
      "open: {in: ['true', 'false']}}");
  auto report = MUST(datasets_.ingest("shops", "", "ann"));
  EXPECT_EQ(types(report), "zip string, note string, kind string, open bool, ");
  EXPECT_EQ(report.snapshot.violations.at("zip pattern"), Json(1));
  EXPECT_EQ(report.snapshot.rows, 1);
  MUST(store::write_file(shops, "zip,note,kind,open\n02139,xy,a,true\n"));
  EXPECT_EQ(MUST(datasets_.ingest("shops", "", "ann")).snapshot.rows, 1);

  // What has no values in Parquet has no type to speak of.
  Frame lake = weather({std::nan("")}, {"EWR"});
  Column code = Column::of_type("code", ColumnType::kDouble);
  code.append_double(std::nan(""));
  MUST(lake.add(std::move(code)));
  const auto ingest_lake = [&] {
    MUST(store::write_parquet(lake, folder_.path() / "lake.parquet"));
    return MUST(datasets_.ingest("lake", "", "ann"));
  };
  declare("{wind_speed: {pattern: x}, code: {type: string}}");
  EXPECT_EQ(types(ingest_lake()), "id int64, wind_speed string, origin string, code string, ");
  *lake.find("wind_speed") = Column::of_type("wind_speed", ColumnType::kString);
  lake.find("wind_speed")->append_string("x");
  EXPECT_EQ(ingest_lake().snapshot.rows, 1);
  *lake.find("wind_speed") = Column::of_type("wind_speed", ColumnType::kInt64);
  lake.find("wind_speed")->append_null();
  EXPECT_EQ(ingest_lake().snapshot.version, 3) << "as they were";
}

// A condition of rows as an expression would be: which of them has speeds of less than ten.
Result<RowAnswers> slow(const std::string& condition, const Frame& frame) {
  if (condition != "slow") return base::error(Code::kInvalidArgument, "none: {}", condition);
  RowAnswers answers{.holds = Column::of_type("", ColumnType::kBool),
                     .columns = {"id", "wind_speed"}};
  const Column& speed = *TRY(frame.column("wind_speed"));
  for (std::size_t row = 0; row < frame.rows(); ++row)
    speed.is_valid(row) ? answers.holds.append_int(speed.number(row) < 10 ? 1 : 0)
                        : answers.holds.append_null();
  return answers;
}

TEST_F(DatasetsTest, RulesOfRowsLookAtSeveralColumns) {
  Datasets datasets(*db_, *blobs_, clock_, folder_.path() / "scratch", {.condition = slow});
  const auto declare = [&](std::string_view rules) {
    MUST(datasets.apply(MUST(parse_datasets(fmt::format(
                            "datasets: {{weather: {{path: weather.parquet, rules: {}}}}}", rules))),
                        folder_.path(), "ann"));
  };
  declare("{calm: slow}");
  write(weather({3, 11, std::nan("")}, {"EWR"}));
  const auto report = MUST(datasets.ingest("weather", "", "ann"));
  EXPECT_EQ(report.snapshot.rows, 2);
  EXPECT_EQ(base::to_text(report.snapshot.violations), R"({"id, wind_speed calm":1})");
  EXPECT_EQ(MUST(datasets.quarantine(report.snapshot)).find("_reason")->strings[0],
            "id, wind_speed calm: id=1, wind_speed=11");
  declare("{calm: 'speed <'}");
  const auto refused = datasets.ingest("weather", "", "ann");
  EXPECT_EQ(refused.error().message, "dataset weather: rule calm: none: speed <");
}

TEST_F(DatasetsTest, AVersionPassesItsChecksOrIsNone) {
  const auto declare = [&](std::string_view on_failed) {
    MUST(datasets_.apply(
        MUST(parse_datasets(
            fmt::format("datasets: {{weather: {{path: weather.parquet, checks: {{rows: {{min: 2, "
                        "change_max: 0.5}}, drift_max: {{origin: 0.3}}, on_failed: {}}}}}}}",
                        on_failed))),
        folder_.path(), "ann"));
  };
  declare("reject");
  write(weather({3}, {"EWR"}));
  auto refused = datasets_.ingest("weather", "", "ann");
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_EQ(
      refused.error().message,
      "dataset weather: the version doesn't pass the dataset's checks: rows_min: 1 is less than 2");
  EXPECT_TRUE(MUST(datasets_.snapshots("weather")).empty());

  write(weather({3, 4, 5, 6}, {"EWR"}));
  EXPECT_EQ(MUST(datasets_.ingest("weather", "", "ann")).snapshot.checks.size(), 1u);
  write(weather({3, 4}, {"JFK"}));
  refused = datasets_.ingest("weather", "", "bob");
  EXPECT_EQ(
      refused.error().message,
      "dataset weather: the version doesn't pass the dataset's checks: drift_max of origin: 1 "
      "is more than "
      "0.3 (--accept, or "
      "accept: true, if the change is meant)");
  const auto told = MUST(db_->read([](store::Reader& reader) {
    return reader.find(
        "SELECT actor, payload FROM events WHERE kind = 'dataset.refused' ORDER BY sequence DESC "
        "LIMIT "
        "1",
        {}, [](const store::Row& row) { return row.string(0) + " " + row.string(1); });
  }));
  EXPECT_NE(told.value_or("").find("drift_max of origin"), std::string::npos) << told.value_or("");
  EXPECT_EQ(told.value_or("").substr(0, 4), "bob ");

  declare("flag");
  const auto flagged = MUST(datasets_.ingest("weather", "", "ann")).snapshot;
  EXPECT_EQ(flagged.version, 2);
  EXPECT_EQ(flagged.checks.size(), 3u);
  EXPECT_EQ(flagged.checks, MUST(datasets_.snapshot("weather")).checks);
  declare("reject");
  write(weather({3, 4, 5, 6, 7, 8}, {"EWR"}));
  EXPECT_FALSE(datasets_.ingest("weather", "", "ann"));
  EXPECT_EQ(MUST(datasets_.ingest("weather", "", "ann", Datasets::Reach::kAnywhere,
                                  Datasets::Columns::kAnew))
                .snapshot.version,
            3);
}

TEST_F(DatasetsTest, WhatComesAgainIsCheckedAgain) {
  MUST(datasets_.apply(
      MUST(parse_datasets(
          "datasets: {weather: {path: weather.parquet, checks: {on_failed: flag}}}")),
      folder_.path(), "ann"));
  EXPECT_EQ(MUST(datasets_.plan(MUST(
                parse_datasets("datasets: {weather: {path: weather.parquet, checks: {on_failed: "
                               "flag}}}"))))[0]
                .change,
            "unchanged");
  write(weather({3, 4}, {"EWR"}));
  MUST(datasets_.ingest("weather", "", "ann"));
  MUST(datasets_.apply(
      MUST(parse_datasets("datasets: {weather: {path: weather.parquet, checks: {rows: {min: 3}, "
                          "on_failed: flag}}}")),
      folder_.path(), "ann"));
  const auto again = MUST(datasets_.ingest("weather", "", "ann"));
  EXPECT_FALSE(again.is_new);
  ASSERT_EQ(again.snapshot.checks.size(), 1u);
  EXPECT_EQ(again.snapshot.checks[0].at("holds"), Json(false));
  EXPECT_EQ(MUST(db_->read([](store::Reader& reader) {
              return reader.find("SELECT COUNT(*) FROM events WHERE kind = 'dataset.flagged'", {},
                                 [](const store::Row& row) { return row.int64(0); });
            })),
            1);
}

TEST_F(DatasetsTest, AChangeIsAcceptedOnEveryWay) {
  MUST(datasets_.apply(MUST(parse_datasets("datasets: {weather: {path: weather.parquet, key: [id], "
                                           "checks: {rows: {change_max: 0}}}}")),
                       folder_.path(), "ann"));
  write(weather({3, 4}, {"EWR"}));
  MUST(datasets_.ingest("weather", "", "ann"));
  write(weather({3, 4, 5}, {"EWR"}));
  EXPECT_FALSE(datasets_.ingest("weather", "", "ann"));
  EXPECT_FALSE(datasets_.ingest_sent("weather", folder_.path() / "weather.parquet", "ann"));
  EXPECT_TRUE(datasets_.ingest_sent("weather", folder_.path() / "weather.parquet", "ann",
                                    Datasets::Columns::kAccept));
  const Frame more = weather({3, 4, 5, 6}, {"EWR"});
  EXPECT_FALSE(datasets_.ingest_more("weather", more, "ann"));
  EXPECT_EQ(
      MUST(datasets_.ingest_more("weather", more, "ann", Datasets::Columns::kAccept)).snapshot.rows,
      4);
}

TEST_F(DatasetsTest, LongCellsAreNotTold) {
  apply("in: [EWR, JFK]", "in: [EWR]");
  apply("required: true}", "required: true}\n    on_violation: reject");
  write(weather({3}, {std::string(100'000, 'x')}));
  const auto refused = datasets_.ingest("weather", "", "ann");
  ASSERT_FALSE(refused);
  EXPECT_LT(refused.error().message.size(), 400u);
  const auto told = MUST(db_->read([](store::Reader& reader) {
    return reader.find("SELECT payload FROM events WHERE kind = 'dataset.refused'", {},
                       [](const store::Row& row) { return row.string(0); });
  }));
  EXPECT_EQ(told.value_or("").find("xxx"), std::string::npos) << "values are for who sent them";
  EXPECT_NE(told.value_or("").find("\"origin in\":1"), std::string::npos) << told.value_or("");
}

TEST_F(DatasetsTest, TellsHowFarItGoes) {
  MUST(datasets_.apply(
      MUST(parse_datasets("datasets: {timed: {path: timed.parquet, event_time: at}}")),
      folder_.path(), "ann"));
  const auto write_until = [&](std::int64_t micros, std::int64_t before = 0) {
    Frame frame;
    Column times = Column::of_type("at", ColumnType::kTimestamp);
    if (before != 0) times.append_int(before);
    times.append_int(micros);
    times.append_null();
    MUST(frame.add(std::move(times)));
    MUST(store::write_parquet(frame, folder_.path() / "timed.parquet"));
    return MUST(datasets_.ingest("timed", "", "ann")).snapshot.arrival_time;
  };
  EXPECT_EQ(datasets_.newest_row("timed", clock_.now()).error().code, Code::kNotFound)
      << "nothing came";
  clock_.advance(base::Duration::days(1));
  const base::Timestamp first = write_until(5'000'000);
  EXPECT_EQ(MUST(datasets_.newest_row("timed", first)), base::Timestamp{5'000'000});
  EXPECT_EQ(MUST(datasets_.newest_row("timed", first - base::Duration::seconds(1))), std::nullopt);
  const base::Timestamp ahead = write_until(std::numeric_limits<std::int64_t>::max() / 2);
  EXPECT_EQ(MUST(datasets_.newest_row("timed", ahead)), ahead) << "no row of it has been";
  const std::int64_t year_2099 = 4'070'908'800'000'000;
  for (const std::int64_t future : {year_2099, std::numeric_limits<std::int64_t>::max() / 2}) {
    const base::Timestamp later = write_until(future, 6'000'000);
    EXPECT_EQ(MUST(datasets_.newest_row("timed", later + base::Duration::days(400))),
              base::Timestamp{6'000'000})
        << "one row of the future makes nothing fresh";
  }
  MUST(datasets_.apply(
      MUST(parse_datasets("datasets: {weather: {path: weather.parquet, event_time: id}}")),
      folder_.path(), "ann"));
  write(weather({3}, {"EWR"}));
  EXPECT_FALSE(datasets_.ingest("weather", "", "ann")) << "ids are no times";
  MUST(datasets_.apply(MUST(parse_datasets("datasets: {weather: {path: weather.parquet}}")),
                       folder_.path(), "ann"));
  const base::Timestamp came = MUST(datasets_.ingest("weather", "", "ann")).snapshot.arrival_time;
  EXPECT_EQ(MUST(datasets_.newest_row("weather", came)), came) << "it has no times";
  MUST(datasets_.apply(
      MUST(parse_datasets("datasets: {weather: {path: weather.parquet, event_time: id}}")),
      folder_.path(), "ann"));
  EXPECT_EQ(MUST(datasets_.newest_row("weather", came)), came)
      << "what was declared since says nothing of it";
  EXPECT_EQ(datasets_.newest_row("nowhere", came).error().code, Code::kNotFound);
}

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

TEST_F(DatasetsTest, NaNIsMissing) {
  apply("max: 120}", "max: 120, required: true}");
  write(weather({3, std::nan("")}, {"EWR"}));
  const auto report = MUST(datasets_.ingest("weather", "", "ann"));
  EXPECT_EQ(report.snapshot.violations.at("wind_speed required"), Json(1));
  EXPECT_EQ(report.snapshot.rows, 1);
}

// Others know data by where it is: relative paths are made whole, queries have no place.
TEST_F(DatasetsTest, PlacesAreWhole) {
  MUST(datasets_.apply(MUST(parse_datasets(R"(
datasets:
  lake: {path: "s3://bucket/a/b.parquet"}
  table: {postgres: {url: "postgresql://db/shop", table: sales.orders}}
  asked: {postgres: {url: "postgresql://db/shop", query: SELECT 1 AS id}}
)")),
                       folder_.path(), "ann"));
  std::map<std::string, std::string> places;
  for (const auto& place : MUST(datasets_.places()))
    places[place.dataset] = place.address + place.url + " " + place.table;
  EXPECT_EQ(places, (std::map<std::string, std::string>{
                        {"weather", (folder_.path() / "weather.parquet").string() + " "},
                        {"lake", "s3://bucket/a/b.parquet "},
                        {"table", "postgresql://db/shop sales.orders"}}));
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

// Cells ran together, and the second of two missing keys was a duplicate of the first.
TEST(Validation, KeysAreToldApartWhateverIsInThem) {
  Column first = Column::of_type("first", ColumnType::kString);
  Column second = Column::of_type("second", ColumnType::kString);
  Column number = Column::of_type("number", ColumnType::kDouble);
  for (const auto& [a, b, c] : {std::tuple{"a\x1f", "b", 1.0},
                                {"a",
                                 "\x1f"
                                 "b",
                                 1.0},
                                {"a",
                                 "\x1f"
                                 "b",
                                 1.0},
                                {"c", "d", NAN},
                                {"c", "d", NAN}}) {
    first.append_string(a);
    second.append_string(b);
    number.append_double(c);
  }
  Frame frame;
  for (Column* column : {&first, &second, &number}) MUST(frame.add(std::move(*column)));
  const auto definitions =
      MUST(parse_datasets("datasets: {d: {path: d.parquet, key: [first, second, number]}}"));
  const Validation found = MUST(validate(frame, definitions.at(0), nullptr, {}));
  ASSERT_EQ(found.violations.size(), 3u);
  EXPECT_EQ(found.violations[0].row, 2u);
  EXPECT_NE(found.violations[0].value, "missing");
  EXPECT_EQ(found.violations[1].row, 3u);
  EXPECT_EQ(found.violations[1].value, "missing");
  EXPECT_EQ(found.violations[2].value, "missing");
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
  const Snapshot flagged = MUST(datasets_.ingest("weather", "", "ann")).snapshot;
  EXPECT_EQ(flagged.rows, 2);
  EXPECT_EQ(flagged.quarantined, 0);
  EXPECT_EQ(flagged.flagged, 1);
  EXPECT_EQ(MUST(datasets_.snapshot("weather")).flagged, 1);
  const Frame examples = MUST(datasets_.quarantine(flagged));
  EXPECT_EQ(examples.find("_reason")->strings, (std::vector<std::string>{"wind_speed max: 500"}));
  EXPECT_EQ(examples.find("_row")->ints, (std::vector<std::int64_t>{1}));
  EXPECT_FALSE(MUST(datasets_.ingest("weather", "", "ann")).is_new);
  // They were not put aside.
  EXPECT_EQ(datasets_.replay("weather", {}, "ann").error().code, Code::kFailedPrecondition);
}

// The examples are others, and the rows are the same.
TEST_F(DatasetsTest, WhatIsFlaggedMakesNoVersion) {
  const auto ingest_with = [&](std::string_view max) {
    MUST(datasets_.apply(MUST(parse_datasets(fmt::format(
                             "datasets: {{weather: {{path: weather.parquet, on_violation: "
                             "flag, columns: {{wind_speed: {{max: {}}}}}}}}}",
                             max))),
                         folder_.path(), "ann"));
    return MUST(datasets_.ingest("weather", "", "ann"));
  };
  write(weather({3, 500}, {"EWR"}));
  EXPECT_EQ(ingest_with("120").snapshot.flagged, 1);
  const IngestReport again = ingest_with("2");
  EXPECT_FALSE(again.is_new);
  EXPECT_EQ(again.snapshot.version, 1);
  EXPECT_EQ(again.snapshot.flagged, 2);
  EXPECT_EQ(again.snapshot.violations, (JsonObject{{"wind_speed max", 2}}));
}

// Who may have rows read may not see all of them; messages go into logs of steps, too.
TEST_F(DatasetsTest, ValuesOfColumnsWithTagsAreInNoMessage) {
  write(weather({3, 500}, {"EWR", "JFK"}));
  MUST(datasets_.apply(MUST(parse_datasets(R"(datasets: {weather: {path: weather.parquet,
      on_violation: reject, columns: {wind_speed: {type: double, max: 120, tags: [pii]}}}})")),
                       folder_.path(), "ann"));
  const auto rejected = datasets_.ingest("weather", "", "ann");
  ASSERT_FALSE(rejected);
  EXPECT_NE(rejected.error().message.find("dataset weather: 1 rows break a rule"),
            std::string::npos);
  EXPECT_NE(rejected.error().message.find("row=1 column=wind_speed rule=max"), std::string::npos);
  EXPECT_EQ(rejected.error().message.find("500"), std::string::npos) << rejected.error().message;
  const auto file = folder_.path() / "upload-1";
  MUST(store::write_file(file, "id,wind_speed,origin\n1,secret,EWR\n"));
  const auto sent = datasets_.ingest_sent("weather", file, "ann");
  ASSERT_FALSE(sent);
  EXPECT_NE(sent.error().message.find("column=wind_speed"), std::string::npos);
  EXPECT_EQ(sent.error().message.find("secret"), std::string::npos) << sent.error().message;
}

TEST_F(DatasetsTest, WhatWasPutAsideComesInWhenTheRulesAllowIt) {
  write(weather({3, 130, 500, 7}, {"EWR"}));
  EXPECT_EQ(MUST(datasets_.ingest("weather", "", "ann")).snapshot.quarantined, 2);
  // By the same rules nothing comes in, and nothing is lost.
  const IngestReport same = MUST(datasets_.replay("weather", {}, "ann"));
  EXPECT_FALSE(same.is_new);
  EXPECT_EQ(MUST(datasets_.snapshots("weather")).size(), 1u);
  apply("max: 120", "max: 200");
  const IngestReport replayed = MUST(datasets_.replay("weather", {}, "ann"));
  ASSERT_TRUE(replayed.is_new);
  EXPECT_EQ(replayed.snapshot.version, 2);
  EXPECT_EQ(replayed.snapshot.quarantined, 1);
  EXPECT_EQ(MUST(datasets_.rows(replayed.snapshot)).find("wind_speed")->doubles,
            (std::vector<double>{3, 7, 130}));
  EXPECT_EQ(MUST(datasets_.quarantine(replayed.snapshot)).find("_reason")->strings,
            (std::vector<std::string>{"wind_speed max: 500"}));
  EXPECT_EQ(MUST(datasets_.snapshot("weather", 1)).replayed_as, 2);
  // Once: those of version 1 don't come again, and what is left is with version 2.
  const auto again = datasets_.replay("weather", 1, "ann");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kFailedPrecondition);
  EXPECT_NE(again.error().message.find("came in as version 2"), std::string::npos);
  apply("max: 120", "max: 900");
  EXPECT_EQ(MUST(datasets_.replay("weather", {}, "ann")).snapshot.rows, 4);
  EXPECT_EQ(datasets_.replay("weather", {}, "ann").error().code, Code::kFailedPrecondition);
  const auto events = MUST(db_->read([](store::Reader& reader) {
    return reader.find("SELECT COUNT(*) FROM events WHERE kind = 'dataset.replayed'", {},
                       [](const store::Row& row) { return row.int64(0); });
  }));
  EXPECT_EQ(*events, 2);
}

TEST_F(DatasetsTest, OfSeveralReplaysAtOnceOneTakesTheRowsIn) {
  write(weather({3, 130, 150}, {"EWR"}));
  MUST(datasets_.ingest("weather", "", "ann"));
  apply("max: 120", "max: 200");
  std::atomic<int> made{0}, late{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        const auto report = datasets_.replay("weather", 1, "ann");
        if (report && report->is_new) ++made;
        if (!report && report.error().message.find("came in as version 2") != std::string::npos)
          ++late;
      });
    }
  }
  EXPECT_EQ(made, 1);
  EXPECT_EQ(late, 3);
  EXPECT_EQ(MUST(datasets_.snapshots("weather")).size(), 2u);
  EXPECT_EQ(MUST(datasets_.snapshot("weather")).rows, 3);
}

// A newer file has one of them, mended or not.
TEST_F(DatasetsTest, RowsThatAreHereAlreadyDontComeTwice) {
  write(weather({3, 130, 150}, {"EWR"}));
  MUST(datasets_.ingest("weather", "", "ann"));
  write(weather({3, 110}, {"EWR"}));
  MUST(datasets_.ingest("weather", "", "ann"));
  apply("max: 120", "max: 200");
  const Snapshot replayed = MUST(datasets_.replay("weather", 1, "ann")).snapshot;
  EXPECT_EQ(replayed.version, 3);
  EXPECT_EQ(MUST(datasets_.rows(replayed)).find("wind_speed")->doubles,
            (std::vector<double>{3, 110, 150}));
  EXPECT_EQ(replayed.quarantined, 0);
  EXPECT_EQ(replayed.notes, (JsonArray{"1 rows put aside of version 1 are here already"}));
}

// A text may be a key, and the empty text is one.
TEST_F(DatasetsTest, AMissingCellIsNoEmptyText) {
  MUST(datasets_.apply(MUST(parse_datasets("datasets: {weather: {path: weather.parquet, columns: "
                                           "{wind_speed: {max: 120}}}}")),
                       folder_.path(), "ann"));
  const auto one = [&](double speed, bool is_missing) {
    Frame frame = weather({speed}, {""});
    if (is_missing) frame.columns()[2].set_null(0);
    return frame;
  };
  write(one(130, true));
  MUST(datasets_.ingest("weather", "", "ann"));
  write(one(130, false));
  MUST(datasets_.apply(MUST(parse_datasets("datasets: {weather: {path: weather.parquet}}")),
                       folder_.path(), "ann"));
  MUST(datasets_.ingest("weather", "", "ann"));
  const Snapshot replayed = MUST(datasets_.replay("weather", 1, "ann")).snapshot;
  EXPECT_EQ(replayed.rows, 2);
  EXPECT_TRUE(replayed.notes.empty());
}

TEST_F(DatasetsTest, RulesOfColumnsThatAreNotThereAreTold) {
  const auto unknown = [&](const char* more) {
    return MUST(datasets_.unknown_columns(MUST(parse_datasets(std::string(kYaml) + more))));
  };
  EXPECT_TRUE(unknown("      speed: {min: 0}\n").empty());  // no version yet
  write(weather({3}, {"EWR"}));
  MUST(datasets_.ingest("weather", "", "ann"));
  EXPECT_TRUE(unknown("").empty());
  const auto told = unknown("      speed: {min: 0}\n    checks: {unique: [plate]}\n");
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[1],
            "version 1 of dataset weather has no column speed, which rules or checks name: a file "
            "without it is refused");
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
  const auto anew =
      datasets_.ingest("weather", "", "ann", Datasets::Reach::kAnywhere, Datasets::Columns::kAnew);
  ASSERT_TRUE(anew) << anew.error().message;
  EXPECT_EQ(anew->snapshot.version, 2);
  EXPECT_FALSE(MUST(datasets_.ingest("weather", "", "ann")).is_new);  // it is the last one now
}

// The first file has whole numbers only; the columns of CSV have no types of their own.
TEST_F(DatasetsTest, ADeclaredTypeMayBeAnotherThanTheLastVersions) {
  const auto take = [&](const char* yaml, const char* rows) {
    MUST(datasets_.apply(MUST(parse_datasets(yaml)), folder_.path(), "ann"));
    MUST(store::write_file(folder_.path() / "rides.csv", rows));
    return datasets_.ingest("rides", "", "ann");
  };
  ASSERT_TRUE(take("datasets: {rides: {path: rides.csv}}", "km\n1\n"));
  const auto refused = take("datasets: {rides: {path: rides.csv}}", "km\n1.5\n");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("column=km"), std::string::npos);
  const auto taken =
      take("datasets: {rides: {path: rides.csv, columns: {km: {type: double}}}}", "km\n1.5\n");
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_EQ(taken->snapshot.version, 2);
  EXPECT_EQ(taken->snapshot.notes.at(0), Json("km is double as declared, and was int64"));
}

TEST_F(DatasetsTest, WhatIsSentIsParquetOrCsvAndItsPlaceIsNotTold) {
  const auto file = folder_.path() / "upload-1";
  MUST(store::write_file(file, "id,wind_speed,origin\n1,2.5,EWR\n"));
  const auto sent = datasets_.ingest_sent("weather", file, "ann");
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(sent->snapshot.rows, 1);
  EXPECT_EQ(sent->snapshot.source, "sent");
  for (const char* broken : {"PAR1 and no more", "id,wind_speed,origin\n1\n", ""}) {
    MUST(store::write_file(file, broken));
    const auto refused = datasets_.ingest_sent("weather", file, "ann");
    ASSERT_FALSE(refused) << broken;
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument) << broken;
    EXPECT_EQ(refused.error().message.find(folder_.path().string()), std::string::npos)
        << refused.error().message;
  }
}

TEST_F(DatasetsTest, RowsAreAddedToTheNewestVersionOnce) {
  const auto added = [&](Frame more) { return datasets_.ingest_more("weather", more, "ann"); };
  EXPECT_EQ(added(weather({1, 2}, {"EWR"}))->snapshot.rows, 2);  // the first version
  Frame more = weather({7, 8, 9, 500}, {"JFK"});
  Column unknown = Column::of_type("unknown", ColumnType::kDouble);
  for (int i = 0; i < 4; ++i) unknown.append_null();
  MUST(more.add(std::move(unknown)));
  const auto second = added(more);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->snapshot.rows, 3);  // two keys were there, one breaks a rule
  EXPECT_EQ(second->snapshot.quarantined, 1);
  const Frame rows = datasets_.rows(second->snapshot).value();
  EXPECT_EQ(rows.find("wind_speed")->doubles, (std::vector<double>{1, 2, 9}));
  EXPECT_EQ(rows.find("unknown"), nullptr);
  EXPECT_FALSE(added(more)->is_new);  // nothing is new in it
}

TEST_F(DatasetsTest, PasswordsAreNotDeclared) {
  for (const char* url :
       {"postgresql://ann:secret@db/rides", "postgresql://db/r?password=secret"}) {
    const auto declared = MUST(
        parse_datasets(fmt::format("datasets: {{a: {{postgres: {{url: '{}', table: t}}}}}}", url)));
    const auto refused = datasets_.apply(declared, folder_.path(), "ann");
    ASSERT_FALSE(refused) << url;
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
    EXPECT_EQ(refused.error().message.find("secret"), std::string::npos);
    // Of a build that took it.
    EXPECT_EQ(base::to_text(declared[0].shown()).find("secret"), std::string::npos);
  }
  EXPECT_EQ(datasets_.definition("a").error().code, Code::kNotFound);
}

TEST_F(DatasetsTest, WhoMayNotManageReadsNoOtherPlaces) {
  namespace fs = std::filesystem;
  const fs::path project = folder_.path() / "project", outside = folder_.path() / "outside";
  fs::create_directories(project / "more");
  fs::create_directories(project / "data");
  fs::create_directories(outside);
  for (const fs::path& at : {project / "a.csv", project / "more" / "a.csv", outside / "a.csv",
                             outside / "declared.csv", project / "data" / "a.csv"})
    MUST(store::write_file(at, "x\n1\n"));
  fs::create_symlink(outside / "a.csv", project / "link.csv");
  fs::create_symlink(project, outside / "back");
  MUST(datasets_.apply(MUST(parse_datasets("datasets: {rides: {path: ../outside/declared.csv}, "
                                           "lake: {path: 's3://bucket/lake/'}}")),
                       project, "ann"));
  Datasets datasets{
      *db_, *blobs_, clock_, folder_.path() / "scratch", {.own_folder = project / "data"}};
  const auto reads = [&](const fs::path& path) {
    const auto found = datasets.ingest("rides", path.string(), "ann", Datasets::Reach::kProject);
    EXPECT_TRUE(datasets.ingest("rides", path.string(), "ann", Datasets::Reach::kAnywhere)) << path;
    if (!found) {
      EXPECT_EQ(found.error().code, Code::kPermissionDenied) << found.error().message;
    }
    return found.has_value();
  };
  EXPECT_TRUE(reads("a.csv"));
  EXPECT_TRUE(reads("more"));
  EXPECT_TRUE(reads("more/../a.csv"));
  EXPECT_TRUE(reads(project / "a.csv"));
  EXPECT_TRUE(reads(outside / "back" / "a.csv"));
  EXPECT_TRUE(reads("../outside/declared.csv"));
  EXPECT_FALSE(reads("../outside/a.csv"));
  EXPECT_FALSE(reads(outside / "a.csv"));
  EXPECT_FALSE(reads("link.csv"));
  EXPECT_FALSE(reads("data/a.csv"));  // the server's own
  for (const char* place : {"s3://bucket/lakes", "s3://bucket", "s3://other/lake/a.csv",
                            "s3://bucket/lake/../a.csv", "/proc/self/environ", "/etc/passwd"}) {
    const auto refused = datasets.ingest("lake", place, "ann", Datasets::Reach::kProject);
    ASSERT_FALSE(refused) << place;
    EXPECT_EQ(refused.error().code, Code::kPermissionDenied) << refused.error().message;
  }
  for (const char* place : {"/dev/zero", "pipe"}) {
    ASSERT_TRUE(*place == '/' || ::mkfifo((project / place).c_str(), 0600) == 0);
    EXPECT_EQ(datasets.ingest("rides", place, "ann").error().code, Code::kInvalidArgument);
  }
}

// A server that was killed while it copied from a storage has left some of the objects.
TEST_F(DatasetsTest, NothingIsReadOfAnIngestThatWasKilled) {
  const auto bucket = folder_.path() / "bucket", scratch = folder_.path() / "scratch";
  for (const auto& place : {bucket, scratch / "ingest", scratch / "ingest-1"}) {
    std::filesystem::create_directories(place);
    const std::string name = place == bucket ? "a.csv" : "b.csv";
    MUST(store::write_file(place / name, place == bucket ? "x\n1\n" : "x\n2\n"));
  }
  MUST(datasets_.apply(MUST(parse_datasets("datasets: {lake: {path: 's3://bucket'}}")),
                       folder_.path(), "ann"));
  const auto open = [&](const std::string&) -> Result<std::unique_ptr<store::ObjectStore>> {
    return store::open_folder_objects(bucket);
  };
  Datasets datasets{*db_, *blobs_, clock_, scratch, {.open_storage = open}};
  const auto report = datasets.ingest("lake", "", "ann");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(datasets.rows(report->snapshot)->find("x")->ints, (std::vector<std::int64_t>{1}));
  EXPECT_FALSE(std::filesystem::exists(scratch / "ingest-1"));
}

TEST_F(DatasetsTest, MoreThanTheLimitIsNotRead) {
  write(weather({3, 8}, {"EWR"}));
  Datasets datasets{*db_, *blobs_, clock_, folder_.path() / "scratch", {.bytes_max = 100}};
  EXPECT_EQ(datasets.ingest("weather", "", "ann").error().code, Code::kResourceExhausted);
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

Datasets::AreGone whose_origin_is(const std::string& origin) {
  return [origin](const Frame& frame) {
    std::vector<std::size_t> rows;
    const Column& column = *frame.find("origin");
    for (std::size_t row = 0; row < column.size(); ++row) {
      if (column.strings[row] == origin) rows.push_back(row);
    }
    return rows;
  };
}

TEST_F(DatasetsTest, ErasedRowsAreInNoVersionAndInNoFile) {
  write(weather({3, 5}, {"EWR", "JFK"}));
  const auto first = MUST(datasets_.ingest("weather", "", "ann")).snapshot;
  write(weather({3, 5, 900, 7}, {"EWR", "JFK"}));  // the third breaks a rule
  const auto second = MUST(datasets_.ingest("weather", "", "ann")).snapshot;
  write(weather({3, 5, 6}, {"JFK"}));
  const auto third = MUST(datasets_.ingest("weather", "", "ann")).snapshot;

  const auto counted = MUST(datasets_.erase("weather", {"origin"}, whose_origin_is("EWR"),
                                            Datasets::Erase::kOnlyCount, "ann"));
  ASSERT_EQ(counted.size(), 2U);
  EXPECT_EQ(counted[0].version, 2);
  EXPECT_EQ(counted[0].rows, 1);
  EXPECT_EQ(counted[0].quarantined, 1);
  EXPECT_EQ(MUST(datasets_.snapshot("weather", 1)).digest, first.digest);

  MUST(datasets_.erase("weather", {"origin"}, whose_origin_is("EWR"), Datasets::Erase::kRemove,
                       "ann"));
  const auto now = MUST(datasets_.snapshot("weather", 2));
  EXPECT_EQ(now.rows, second.rows - 1);
  EXPECT_EQ(now.quarantined, 0);
  EXPECT_EQ(now.digests_before, std::vector{second.digest});
  EXPECT_EQ(base::to_text(now.profile).find("EWR"), std::string::npos);
  EXPECT_EQ(MUST(datasets_.quarantine(now)).rows(), 0U);
  EXPECT_EQ(MUST(datasets_.snapshot("weather")).digest, third.digest);
  // The two files of rows, and what was put aside before and after (nothing).
  EXPECT_EQ(MUST(datasets_.reclaim(Datasets::Reclaim::kRemove)).blobs, 4);
  for (const std::int64_t version : {1, 2, 3}) {
    const Frame rows = MUST(datasets_.rows(MUST(datasets_.snapshot("weather", version))));
    EXPECT_TRUE(whose_origin_is("EWR")(rows).empty());
    EXPECT_GT(rows.rows(), 0U);
  }
  // Again there is nothing to do.
  EXPECT_TRUE(MUST(datasets_.erase("weather", {"origin"}, whose_origin_is("EWR"),
                                   Datasets::Erase::kRemove, "ann"))
                  .empty());
}

TEST_F(DatasetsTest, ErasedRowsAreNoExamplesOfWhatIsFlagged) {
  apply("key: [id]", "key: [id]\n    on_violation: flag");
  write(weather({3, 900, 950, 7}, {"EWR", "JFK"}));
  MUST(datasets_.ingest("weather", "", "ann"));
  const auto erased = MUST(datasets_.erase("weather", {"origin"}, whose_origin_is("EWR"),
                                           Datasets::Erase::kRemove, "ann"));
  ASSERT_EQ(erased.size(), 1U);
  EXPECT_EQ(erased[0].rows, 2);
  EXPECT_EQ(erased[0].quarantined, 0);
  const auto now = MUST(datasets_.snapshot("weather"));
  EXPECT_EQ(now.rows, 2);
  EXPECT_EQ(now.flagged, 1);
  EXPECT_EQ(now.quarantined, 0);
  EXPECT_EQ(MUST(datasets_.quarantine(now)).find("wind_speed")->doubles,
            (std::vector<double>{900}));
}

// Once it was left without columns, and nobody was told that it was damaged.
TEST_F(DatasetsTest, ADamagedVersionIsMadeAnewFromTheRowsThatStay) {
  write(weather({3, 5}, {"EWR", "JFK"}));
  const Schema schema = MUST(datasets_.ingest("weather", "", "ann")).snapshot.schema;
  write(weather({3, 900}, {"JFK", "EWR"}));  // the second breaks a rule
  MUST(datasets_.ingest("weather", "", "ann"));
  MUST(db_->write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("UPDATE dataset_snapshots SET document = '{\"profile\": [\"EWR\", nan'", {}));
    return {};
  }));
  EXPECT_EQ(MUST(datasets_.erase("weather", {"origin"}, whose_origin_is("EWR"),
                                 Datasets::Erase::kRemove, "ann"))
                .size(),
            2U);
  for (const std::int64_t version : {1, 2}) {
    const auto now = datasets_.snapshot("weather", version);
    ASSERT_TRUE(now) << now.error().message;
    EXPECT_EQ(now->schema, schema);
    EXPECT_EQ(now->rows, 1);
    EXPECT_EQ(now->quarantined, 0);
    EXPECT_EQ(now->profile, profile(MUST(datasets_.rows(*now))));
    const std::string said = base::to_text(now->to_json());
    EXPECT_NE(said.find("is damaged"), std::string::npos);
    EXPECT_EQ(said.find("EWR"), std::string::npos);
  }
  write(weather({3, 5, 7}, {"JFK"}));
  EXPECT_TRUE(MUST(datasets_.ingest("weather", "", "ann")).is_new);
}

TEST_F(DatasetsTest, ErasedRowsDontComeBackWithTheirFile) {
  Datasets careful(*db_, *blobs_, clock_, folder_.path() / "scratch",
                   {.erased = [](const Frame& frame, const DatasetDefinition& definition) {
                     EXPECT_EQ(definition.name, "weather");
                     return whose_origin_is("EWR")(frame);
                   }});
  write(weather({3, 5, 900, 950}, {"EWR", "JFK"}));
  const auto taken = MUST(careful.ingest("weather", "", "ann")).snapshot;
  EXPECT_EQ(taken.rows, 1);
  EXPECT_EQ(taken.quarantined, 1);
  EXPECT_NE(base::to_text(taken.notes).find("2 rows of people who were erased"), std::string::npos);
  // A message tells of the row of the file.
  apply("key: [id]", "key: [id]\n    on_violation: reject");
  const auto refused = careful.ingest("weather", "", "ann");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("row=3"), std::string::npos) << refused.error().message;
}

TEST_F(DatasetsTest, OldVersionsLetGoOfTheirRowsButTheNewestDoesNot) {
  write(weather({3, 5, 900}, {"EWR", "JFK"}));
  MUST(datasets_.ingest("weather", "", "ann"));
  write(weather({3, 5, 7}, {"EWR", "JFK"}));
  MUST(datasets_.ingest("weather", "", "ann"));
  EXPECT_EQ(MUST(datasets_.let_go("weather", {5}, "policy")), 0);
  EXPECT_EQ(MUST(datasets_.let_go("weather", {6}, "policy")), 1);
  EXPECT_EQ(MUST(datasets_.let_go("weather", {6}, "policy")), 0);
  EXPECT_EQ(MUST(datasets_.reclaim(Datasets::Reclaim::kRemove)).blobs, 2);
  const auto old = MUST(datasets_.snapshot("weather", 1));
  EXPECT_EQ(old.rows_removed_at, base::Timestamp{5});
  const auto rows = datasets_.rows(old);
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, Code::kFailedPrecondition);
  const auto replayed = datasets_.replay("weather", 1, "ann");
  ASSERT_FALSE(replayed);
  EXPECT_NE(replayed.error().message.find("were removed"), std::string::npos);
  EXPECT_EQ(MUST(datasets_.rows(MUST(datasets_.snapshot("weather")))).rows(), 3U);
}

}  // namespace
}  // namespace slipway::datasets
