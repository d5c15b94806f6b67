#include "datasets/csv_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "datasets/csv_pieces.h"
#include "store/file_system.h"
#include "store/testing/temp_folder.h"

namespace slipway::datasets {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using types::ColumnType;
using types::Frame;

Result<Frame> read(std::string text, const std::map<std::string, ColumnType>& types = {},
                   const CsvOptions& options = {}) {
  std::vector<CsvFile> files;
  files.push_back(TRY(CsvFile::parse("a.csv", std::move(text), options.delimiter)));
  return read_csv(files, types, options.missing);
}

TEST(CsvTable, TypesAreTheNarrowestThatHoldAllCells) {
  const Frame frame = read(
                          "whole,part,flag,day,zip,word,nothing\n"
                          "1,1,true,2024-01-10,01234,x,\n"
                          "-7,2.5,FALSE,2024-01-10T12:00:00+01:00,99999,\"a,\"\"b\"\"\n\",\n"
                          ",NaN,,2024-01-10 12:00,,\"\",\n")
                          .value();
  std::vector<std::string> types;
  for (const auto& column : frame.columns()) types.emplace_back(types::type_name(column.type));
  EXPECT_THAT(types,
              ElementsAre("int64", "double", "bool", "timestamp", "string", "string", "double"));
  EXPECT_EQ(frame.rows(), 3u);
  EXPECT_EQ(frame.find("whole")->ints[1], -7);
  EXPECT_FALSE(frame.find("whole")->is_valid(2));
  EXPECT_FALSE(frame.find("part")->is_valid(2));
  EXPECT_EQ(frame.find("word")->strings[1], "a,\"b\"\n");
  EXPECT_TRUE(frame.find("word")->is_valid(2));  // "" is an empty text
  EXPECT_FALSE(frame.find("zip")->is_valid(2));  // nothing is missing
  EXPECT_EQ(frame.find("nothing")->null_count(), 3u);
  const auto& day = frame.find("day")->ints;
  EXPECT_EQ(day[1] - day[0], 11LL * 3'600'000'000);
  EXPECT_EQ(day[2] - day[0], 12LL * 3'600'000'000);
}

TEST(CsvTable, KnownTypesAndMissingTextsAreTold) {
  const Frame frame =
      read("zip;x\n123;NA\n;-\n", {{"zip", ColumnType::kString}, {"x", ColumnType::kInt64}},
           {.delimiter = ';', .missing = {"NA", "-"}})
          .value();
  EXPECT_EQ(frame.find("zip")->strings[0], "123");
  EXPECT_EQ(frame.find("x")->null_count(), 2u);
}

TEST(CsvTable, LineEndsMarksAndEmptyLines) {
  const Frame frame = read(
                          "\xEF\xBB\xBF"
                          "a,b\r\n1,2\r\n\r\n3,4")
                          .value();
  EXPECT_EQ(frame.columns()[0].name, "a");
  EXPECT_THAT(frame.find("b")->ints, ElementsAre(2, 4));
  EXPECT_EQ(read("a\n").value().rows(), 0u);
  EXPECT_EQ(read("a\n1\n\n2\n").value().rows(), 2u);
}

TEST(CsvTable, MistakesAreToldWithFileLineAndColumn) {
  struct Case {
    std::string_view text;
    std::string_view says;
  };
  const Case cases[] = {
      {"", "no header: file=a.csv line=1"},
      {"a,a\n", "two columns are called a: file=a.csv line=1"},
      {"a,\n", "a column has no name"},
      {"a,b\n1,2\n3\n", "a row of 1 cells, where the header has 2: file=a.csv line=3"},
      {"a,b\n\"x\ny\",2\n1,2,3\n", "a row of 3 cells, where the header has 2: file=a.csv line=4"},
      {"a,b\n1,\"2\n", "a quote has no end in the row that begins here: file=a.csv line=2"},
      {"a\n\"1\"2\n", "closing quote: file=a.csv line=2"},
      {"a\n\xff\n", "no UTF-8: file=a.csv line=2"},
      {"n\n1\n1.5\n", "a cell is no int64: file=a.csv line=3 column=n cell=1.5"},
      {"t\nyesterday\n", "a cell is no timestamp: file=a.csv line=2 column=t cell=yesterday"},
      {"b\n2\n", "a cell is no bool"},
      {"d\n1,5\n", "a row of 2 cells"},
      {"d\nfar\n", "a cell is no double"},
  };
  const std::map<std::string, ColumnType> types = {{"n", ColumnType::kInt64},
                                                   {"t", ColumnType::kTimestamp},
                                                   {"b", ColumnType::kBool},
                                                   {"d", ColumnType::kDouble}};
  for (const Case& c : cases) {
    const auto frame = read(std::string(c.text), types);
    ASSERT_FALSE(frame.has_value()) << c.text;
    EXPECT_EQ(frame.error().code, Code::kInvalidArgument);
    EXPECT_THAT(frame.error().message, HasSubstr(c.says));
  }
}

TEST(CsvTable, CellsOfHiddenColumnsAreInNoMessage) {
  std::vector<CsvFile> files;
  files.push_back(CsvFile::parse("a.csv", "n\nsecret\n", ',').value());
  const auto frame = read_csv(files, {{"n", ColumnType::kInt64}}, {}, {"n"});
  ASSERT_FALSE(frame.has_value());
  EXPECT_EQ(frame.error().message, "csv: a cell is no int64: file=a.csv line=2 column=n");
}

// Whatever the size of the pieces, they are the rows and lines that the whole file has.
TEST(CsvTable, PiecesAreTheWholeFile) {
  const store::testing::TempFolder folder;
  const std::vector<std::string> texts = {
      "a,b\n1,2\n3,4\n",
      "\xEF\xBB\xBF"
      "a,b\r\n1,\"two\r\nlines\"\r\n\r\n3,\"a \"\"quote\"\"\"\r\n5,",
      "a\n\n\n1\n\"\"\n2",
      "a,b\n",
      "a,b",
      "a\r1\r2",
      "gr\xC3\xB6\xC3\x9F"
      "e,b\n\xC3\xA4\xC3\xB6,\xE2\x82\xAC\n",
      "a,b\n\"" + std::string(300, 'x') + "\",1\n2,3\n",
  };
  for (const std::string& text : texts) {
    const auto whole = CsvFile::parse("f", text, ',');
    ASSERT_TRUE(whole) << text;
    MUST(store::write_file(folder.path() / "f.csv", text));
    for (const std::size_t bytes : {1, 2, 3, 5, 7, 16, 1000}) {
      CsvPieces pieces = MUST(CsvPieces::open(folder.path() / "f.csv", "f", ',', bytes));
      std::size_t row = 0;
      for (;;) {
        const auto piece = MUST(pieces.next());
        if (!piece) break;
        EXPECT_EQ(piece->columns(), whole->columns()) << text;
        for (std::size_t i = 0; i < piece->rows(); ++i, ++row) {
          ASSERT_LT(row, whole->rows()) << text << " in pieces of " << bytes;
          EXPECT_EQ(piece->line(i), whole->line(row)) << text << " in pieces of " << bytes;
          for (std::size_t c = 0; c < whole->columns().size(); ++c) {
            EXPECT_EQ(piece->cell(i, c).text, whole->cell(row, c).text) << text;
            EXPECT_EQ(piece->cell(i, c).is_quoted, whole->cell(row, c).is_quoted) << text;
          }
        }
      }
      EXPECT_EQ(row, whole->rows()) << text << " in pieces of " << bytes;
    }
  }
}

TEST(CsvTable, PiecesSayTheLineOfAMistake) {
  const store::testing::TempFolder folder;
  MUST(store::write_file(folder.path() / "f.csv", "a,b\n1,2\n\"x\ny\",3\n4\n"));
  CsvPieces pieces = MUST(CsvPieces::open(folder.path() / "f.csv", "f.csv", ',', 4));
  Result<std::optional<CsvFile>> piece = pieces.next();
  while (piece && *piece) piece = pieces.next();
  ASSERT_FALSE(piece.has_value());
  EXPECT_THAT(piece.error().message, HasSubstr("file=f.csv line=5"));
}

TEST(CsvTable, FilesShareColumnsInAnyOrder) {
  std::vector<CsvFile> files;
  files.push_back(CsvFile::parse("a.csv", "x,y\n1,2\n", ',').value());
  files.push_back(CsvFile::parse("b.csv", "y,x\n2.5,3\n", ',').value());
  const Frame frame = read_csv(files, {}, {}).value();
  EXPECT_THAT(frame.find("x")->ints, ElementsAre(1, 3));
  EXPECT_THAT(frame.find("y")->doubles, ElementsAre(2, 2.5));
  files.push_back(CsvFile::parse("c.csv", "x\n1\n", ',').value());
  EXPECT_THAT(read_csv(files, {}, {}).error().message,
              HasSubstr("a column of a.csv is missing: file=c.csv column=y"));
  files.back() = CsvFile::parse("c.csv", "x,y,z\n1,1,1\n", ',').value();
  EXPECT_THAT(read_csv(files, {}, {}).error().message, HasSubstr("file=c.csv column=z"));
}

}  // namespace
}  // namespace slipway::datasets
