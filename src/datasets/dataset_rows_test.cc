#include "datasets/dataset_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "base/json_document.h"
#include "datasets/row_files.h"
#include "store/file_system.h"
#include "store/parquet.h"
#include "store/testing/temp_folder.h"

namespace slipway::datasets {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using types::Column;
using types::ColumnType;
using types::Frame;

Frame numbers(const std::string& name, std::vector<std::int64_t> values) {
  Column column = Column::of_type(name, ColumnType::kInt64);
  for (const std::int64_t value : values) column.append_int(value);
  Frame frame;
  MUST(frame.add(std::move(column)));
  return frame;
}

class DatasetRowsTest : public ::testing::Test {
 protected:
  void write(const std::string& name, std::string_view text) {
    MUST(store::make_folders((folder_.path() / name).parent_path()));
    MUST(store::write_file(folder_.path() / name, text));
  }
  void write(const std::string& name, const Frame& frame) {
    MUST(store::make_folders((folder_.path() / name).parent_path()));
    MUST(store::write_parquet(frame, folder_.path() / name));
  }
  Result<DatasetRows> read(const std::string& yaml, const std::string& path = "") {
    return read_dataset_rows(TRY(parse_dataset("d", yaml)), path, folder_.path(), {}, outside_,
                             folder_.path() / "scratch");
  }

  store::testing::TempFolder folder_;
  Outside outside_{.environment = [](const std::string& name) {
    return name == "PLACE" ? std::optional<std::string>("nowhere") : std::nullopt;
  }};
};

TEST_F(DatasetRowsTest, AFolderIsAllItsFilesInTheOrderOfTheirNames) {
  write("rows/b.parquet", numbers("x", {3}));
  write("rows/a.parquet", numbers("x", {1, 2}));
  write("rows/_SUCCESS", "");
  write("rows/.a.parquet.crc", "?");
  write("rows/_delta_log/0.parquet", "no rows");
  write("rows/notes.md", "none");
  const DatasetRows rows = read("{path: rows}").value();
  EXPECT_THAT(rows.frame.find("x")->ints, ElementsAre(1, 2, 3));
  EXPECT_EQ(rows.place(0), "file=a.parquet row=0");
  EXPECT_EQ(rows.place(2), "file=b.parquet row=0");
  EXPECT_THAT(rows.notes, ElementsAre("left out: 1 file (notes.md)"));
  for (const char* name : {"z.csv.gz", "c.json", "more/d.csv"})
    write("rows/" + std::string(name), "");
  write("elsewhere/e.parquet", numbers("x", {4}));
  fs::create_directory_symlink(folder_.path() / "elsewhere", folder_.path() / "rows" / "linked");
  EXPECT_THAT(
      read("{path: rows, format: parquet}").value().notes,
      ElementsAre("left out: 4 files (c.json, more/d.csv, notes.md, ...), 1 linked folder"));
  write("zipped/z.csv.gz", "");
  EXPECT_THAT(read("{path: zipped}").error().message, EndsWith("left out: 1 file (z.csv.gz)"));
}

// Once a file that was rewritten in place became a version of neither content.
TEST_F(DatasetRowsTest, AFileThatChangesWhileItIsReadIsNone) {
  write("rows.csv", "x\n1\n");
  const fs::path file = folder_.path() / "rows.csv";
  fs::resize_file(file, 64 << 20);  // takes a while to read
  std::atomic<bool> is_written = false, is_over = false;
  std::thread writer([&] {
    std::fstream out(file, std::ios::in | std::ios::out);
    for (; !is_over; is_written = true) out.seekp(2).put('2').flush();
  });
  while (!is_written) std::this_thread::yield();
  constexpr int kReadsMax = 20;  // the writer may stand still during one
  auto refused = read("{path: rows.csv}");
  const auto is_seen = [&] { return !refused && refused.error().code == Code::kUnavailable; };
  for (int reads = 1; reads < kReadsMax && !is_seen(); ++reads) refused = read("{path: rows.csv}");
  is_over = true;
  writer.join();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable) << refused.error().message;
  EXPECT_THAT(refused.error().message, HasSubstr("changed while it was read, ask again: file="));
  write("rows.csv", "x\n1\n");
  EXPECT_TRUE(read("{path: rows.csv}"));
}

TEST_F(DatasetRowsTest, FoldersNamesAreColumns) {
  write("rows/day=2024-01-10/hub=New%20York/a.parquet", numbers("x", {1, 2}));
  write("rows/day=2024-01-11/hub=__HIVE_DEFAULT_PARTITION__/a.parquet", numbers("x", {3}));
  const DatasetRows rows = read("{path: rows}").value();
  EXPECT_EQ(rows.frame.find("day")->type, ColumnType::kTimestamp);
  EXPECT_THAT(rows.frame.find("hub")->strings, ElementsAre("New York", "New York", ""));
  EXPECT_FALSE(rows.frame.find("hub")->is_valid(2));
  const DatasetRows texts = read("{path: rows, columns: {day: {type: string}}}").value();
  EXPECT_EQ(texts.frame.find("day")->strings[2], "2024-01-11");

  write("rows/day=2024-01-12/b.parquet", numbers("x", {1}));
  EXPECT_THAT(read("{path: rows}").error().message, HasSubstr("same partitions"));
  write("twice/x=1/a.parquet", numbers("x", {1}));
  EXPECT_THAT(read("{path: twice}").error().message,
              HasSubstr("in the file and in the folder's name: file=x=1/a.parquet column=x"));
}

TEST_F(DatasetRowsTest, WhatTheLastVersionSaidIsTold) {
  write("rows/k=a/a.csv", "x,y\n1.5,2\n");
  const auto why = [&](const std::string& columns, std::map<std::string, ColumnType> before) {
    return read_dataset_rows(parse_dataset("d", "{path: rows, columns: " + columns + "}").value(),
                             "", folder_.path(), before, outside_, folder_.path() / "scratch")
        .error()
        .message;
  };
  EXPECT_THAT(why("{}", {{"x", ColumnType::kInt64}}),
              HasSubstr("cell=1.5 (as in the last version: declare its type, or ingest it anew)"));
  EXPECT_THAT(why("{}", {{"k", ColumnType::kInt64}}), HasSubstr("cell=a (as in the last version"));
  EXPECT_THAT(why("{x: {type: int64}}", {{"y", ColumnType::kInt64}}), EndsWith("cell=1.5"));
}

TEST_F(DatasetRowsTest, TextsThatAreNoUtf8AreToldByPlace) {
  Frame frame = numbers("x", {1, 2});
  Column town = Column::of_type("town", ColumnType::kString);
  town.append_string("Nîmes");
  town.append_string("caf\xe9");
  MUST(frame.add(std::move(town)));
  write("towns/a.parquet", frame);
  EXPECT_THAT(read("{path: towns}").error().message,
              HasSubstr("a text is no UTF-8: file=a.parquet row=1 column=town"));
  write("names/a.parquet", numbers("caf\xe9", {1}));
  EXPECT_THAT(read("{path: names}").error().message,
              HasSubstr("a column's name is no UTF-8: file=a.parquet"));
  for (const std::string folder : {"k=\xff", "k=%FF", "\xff=__HIVE_DEFAULT_PARTITION__"}) {
    fs::remove_all(folder_.path() / "rows");
    write("rows/" + folder + "/a.csv", "x\n1\n");
    const auto refused = read("{path: rows}");
    ASSERT_FALSE(refused) << folder;
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
    EXPECT_THAT(refused.error().message, HasSubstr("no UTF-8: file="));
    EXPECT_TRUE(base::is_utf8(refused.error().message));
  }
  // A file may be called anything.
  write("bytes/caf\xe9.csv", "x\n1\n");
  EXPECT_EQ(read("{path: bytes}").value().place(0), "file=caf\\xe9.csv line=2");
}

TEST_F(DatasetRowsTest, PartsWithOtherColumnsAreToldByFileAndColumn) {
  write("rows/a.parquet", numbers("x", {1}));
  write("rows/b.parquet", numbers("y", {1}));
  EXPECT_THAT(read("{path: rows}").error().message, HasSubstr("file=b.parquet column=y"));
  Column text = Column::of_type("x", ColumnType::kString);
  text.append_string("far");
  Frame frame;
  MUST(frame.add(std::move(text)));
  write("rows/b.parquet", frame);
  EXPECT_THAT(read("{path: rows}").error().message,
              HasSubstr("another type than in a.parquet: file=b.parquet column=x type=string "
                        "expected=int64"));
  Column part = Column::of_type("x", ColumnType::kDouble);
  part.append_double(0.5);
  part.append_null();
  Frame parts;
  MUST(parts.add(std::move(part)));
  write("rows/b.parquet", parts);
  const DatasetRows rows = read("{path: rows}").value();
  EXPECT_EQ(rows.frame.find("x")->doubles[0], 1);
  EXPECT_EQ(rows.frame.find("x")->doubles[1], 0.5);
  EXPECT_FALSE(rows.frame.find("x")->is_valid(2));
}

TEST_F(DatasetRowsTest, FormatsAreTheEndingsOrDeclared) {
  write("a.csv", "x\n1\n");
  write("b.data", "x\n2\n");
  write("c.tsv", "x\ty\n3\t4\n");
  write("d.csv", numbers("x", {5}));  // Parquet, whatever it is called
  EXPECT_EQ(read("{path: a.csv}")->frame.find("x")->ints[0], 1);
  EXPECT_EQ(read("{path: b.data, format: csv}")->frame.find("x")->ints[0], 2);
  EXPECT_EQ(read("{path: c.tsv}")->frame.find("y")->ints[0], 4);
  EXPECT_EQ(read("{path: d.csv, format: csv}")->frame.find("x")->ints[0], 5);
  EXPECT_EQ(read("{path: a.csv}", "c.tsv")->frame.find("x")->ints[0], 3);
  EXPECT_EQ(read("{path: b.data}").error().code, Code::kCorruption);
  EXPECT_EQ(read("{path: e.csv}").error().code, Code::kNotFound);
  write("both/a.csv", "x\n1\n");
  write("both/b.parquet", numbers("x", {5}));
  EXPECT_THAT(read("{path: both}").error().message, HasSubstr("say which with `format`"));
  EXPECT_EQ(read("{path: both, format: parquet}")->frame.rows(), 1u);
  MUST(store::make_folders(folder_.path() / "empty"));
  EXPECT_EQ(read("{path: empty}").error().code, Code::kNotFound);
}

TEST_F(DatasetRowsTest, TimesOfCsvAreTimes) {
  write("a.csv", "at\nsoon\n");
  EXPECT_THAT(read("{path: a.csv, event_time: at}").error().message,
              HasSubstr("a cell is no timestamp"));
}

TEST_F(DatasetRowsTest, AddressesComeFromTheEnvironmentOnlyWhole) {
  EXPECT_THAT(read("{postgres: {url: '${PLACE}', table: t}}").error().message,
              HasSubstr("no postgresql:// address in PLACE"));
  EXPECT_THAT(read("{postgres: {url: '${NOBODY}', table: t}}").error().message,
              HasSubstr("NOBODY"));
  for (const auto& [yaml, says] :
       {std::pair("{postgres: {url: 'mysql://x', table: t}}", "postgresql://"),
        std::pair("{postgres: {url: 'postgresql://x'}}", "either a table or a query"),
        std::pair("{path: a, postgres: {url: 'postgresql://x', table: t}}", "either a path"),
        std::pair("{key: [a]}", "either a path"), std::pair("{path: a, format: xml}", "xml"),
        std::pair("{path: a, csv: {delimiter: ';;'}}", "one character")}) {
    EXPECT_THAT(parse_dataset("d", yaml).error().message, HasSubstr(says)) << yaml;
  }
}

TEST(DatasetDefinition, PlacesAreReadBack) {
  for (const std::string yaml :
       {"{path: a.csv, format: csv, csv: {delimiter: '\t', missing: [NA, '-']}}",
        "{path: 's3://b/k', format: parquet}", "{postgres: {url: '${U}', table: a.b}}",
        "{postgres: {url: 'postgresql://h/d', query: 'SELECT 1 AS x'}}"}) {
    const DatasetDefinition definition = parse_dataset("d", yaml).value();
    EXPECT_EQ(parse_dataset("d", base::to_text(definition.to_json())).value(), definition) << yaml;
  }
}

}  // namespace
}  // namespace slipway::datasets
