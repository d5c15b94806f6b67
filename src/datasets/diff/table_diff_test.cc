// Two versions of a table, case by case.
#include "datasets/diff/table_diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "store/file_system.h"
#include "store/parquet.h"
#include "store/testing/temp_folder.h"

namespace slipway::datasets {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using types::Column;
using types::ColumnType;
using types::Frame;

class TableDiffTest : public ::testing::Test {
 protected:
  TableVersion csv(const std::string& name, std::string_view text) {
    MUST(store::make_folders((folder_.path() / name).parent_path()));
    MUST(store::write_file(folder_.path() / name, text));
    return version(name);
  }
  TableVersion parquet(const std::string& name, const std::vector<Column>& columns) {
    Frame frame;
    for (const Column& column : columns) MUST(frame.add(column));
    MUST(store::make_folders((folder_.path() / name).parent_path()));
    MUST(store::write_parquet(frame, folder_.path() / name));
    return version(name);
  }
  TableVersion version(const std::string& name) {
    return {.name = name, .files = MUST(find_row_files(folder_.path() / name, std::nullopt))};
  }
  Result<TableDiff> diff(TableVersion before, TableVersion after, std::vector<std::string> key) {
    return diff_tables(std::move(before), std::move(after),
                       {.key = std::move(key), .scratch = folder_.path()});
  }

  store::testing::TempFolder folder_;
};

// "+added -removed ~changed =unchanged".
std::string counts(const TableDiff& diff) {
  const RowCounts& rows = diff.rows;
  EXPECT_EQ(diff.rows_before, rows.removed + rows.changed + rows.unchanged);
  EXPECT_EQ(diff.rows_after, rows.added + rows.changed + rows.unchanged);
  std::string text =
      fmt::format("+{} -{} ~{} ={}", rows.added, rows.removed, rows.changed, rows.unchanged);
  if (rows.duplicate_keys > 0) {
    text += fmt::format(" twice:{} {}/{}", rows.duplicate_keys, rows.duplicate_rows_before,
                        rows.duplicate_rows_after);
  }
  for (const auto& [name, type] : diff.columns_added) text += " +" + name;
  for (const auto& [name, type] : diff.columns_removed) text += " -" + name;
  for (const TypeChange& change : diff.types_changed) {
    text += fmt::format(" {}:{}->{}", change.column, types::type_name(change.before),
                        types::type_name(change.after));
  }
  for (const ColumnDifference& column : diff.columns) {
    if (column.changed_cells > 0) text += fmt::format(" {}~{}", column.name, column.changed_cells);
  }
  return text;
}

Column ints(const std::string& name, const std::vector<std::optional<std::int64_t>>& values,
            ColumnType type = ColumnType::kInt64) {
  Column column = Column::of_type(name, type);
  for (const auto& value : values) value ? column.append_int(*value) : column.append_null();
  return column;
}

Column doubles(const std::string& name, const std::vector<std::optional<double>>& values) {
  Column column = Column::of_type(name, ColumnType::kDouble);
  for (const auto& value : values) value ? column.append_double(*value) : column.append_null();
  return column;
}

Column texts(const std::string& name, const std::vector<std::optional<std::string>>& values) {
  Column column = Column::of_type(name, ColumnType::kString);
  for (const auto& value : values) value ? column.append_string(*value) : column.append_null();
  return column;
}

TEST_F(TableDiffTest, CsvByCsv) {
  struct Case {
    std::string_view name, before, after;
    std::vector<std::string> key;
    std::string_view expected;
  };
  const std::vector<Case> cases = {
      {"the same", "id,x\n1,2\n2,3\n", "id,x\n1,2\n2,3\n", {"id"}, "+0 -0 ~0 =2"},
      {"in another order", "id,x\n1,2\n2,3\n", "x,id\n3,2\n2,1\n", {"id"}, "+0 -0 ~0 =2"},
      {"a cell", "id,x,y\n1,2,a\n2,3,b\n", "id,x,y\n1,2,a\n2,4,b\n", {"id"}, "+0 -0 ~1 =1 x~1"},
      {"two cells of a row", "id,x,y\n1,2,a\n", "id,x,y\n1,3,b\n", {"id"}, "+0 -0 ~1 =0 x~1 y~1"},
      {"added", "id,x\n1,2\n", "id,x\n1,2\n7,8\n", {"id"}, "+1 -0 ~0 =1"},
      {"removed", "id,x\n1,2\n7,8\n", "id,x\n7,8\n", {"id"}, "+0 -1 ~0 =1"},
      {"of none", "id,x\n", "id,x\n1,a\n", {"id"}, "+1 -0 ~0 =0"},
      {"to none", "id,x\n1,a\n", "id,x\n", {"id"}, "+0 -1 ~0 =0"},
      {"none", "id,x\n", "id,x\n", {"id"}, "+0 -0 ~0 =0"},
      {"a missing value comes", "id,x\n1,2\n2,0\n", "id,x\n1,2\n2,\n", {"id"}, "+0 -0 ~1 =1 x~1"},
      {"a missing value stays", "id,x\n1,2\n2,\n", "id,x\n1,2\n2,\n", {"id"}, "+0 -0 ~0 =2"},
      {"an empty text is not missing",
       "id,x\n1,a\n2,\"\"\n",
       "id,x\n1,a\n2,\n",
       {"id"},
       "+0 -0 ~1 =1 x~1"},
      {"a column comes", "id,x\n1,2\n", "id,x,y\n1,2,3\n", {"id"}, "+0 -0 ~0 =1 +y"},
      {"a column goes", "id,x,y\n1,2,3\n", "id,y\n1,3\n", {"id"}, "+0 -0 ~0 =1 -x"},
      {"whole numbers become others",
       "id,x\n1,2\n2,3\n",
       "id,x\n1,2.0\n2,3.5\n",
       {"id"},
       "+0 -0 ~1 =1 x:int64->double x~1"},
      {"numbers become texts",
       "id,x\n1,2.50\n2,3\n",
       "id,x\n1,2.50\n2,three\n",
       {"id"},
       "+0 -0 ~1 =1 x:double->string x~1"},
      {"a key becomes a text",
       "id,x\n1,2\n2,3\n",
       "id,x\n1,2\nB,3\n",
       {"id"},
       "+1 -1 ~0 =1 id:int64->string"},
      {"two columns are the key",
       "a,b,x\n1,1,p\n1,2,q\n2,1,r\n",
       "a,b,x\n1,2,q\n2,1,s\n2,2,t\n",
       {"a", "b"},
       "+1 -1 ~1 =1 x~1"},
      {"keys are not run together", "a,b\nx,yz\n", "a,b\nxy,z\n", {"a", "b"}, "+1 -1 ~0 =0"},
      {"a missing key is one", "id,x\n,1\n2,2\n", "id,x\n,3\n2,2\n", {"id"}, "+0 -0 ~1 =1 x~1"},
      {"a key twice, the same",
       "id,x\n1,a\n1,b\n2,c\n",
       "id,x\n1,b\n1,a\n2,c\n",
       {"id"},
       "+0 -0 ~0 =3 twice:1 2/2"},
      {"a key twice, one other",
       "id,x\n1,a\n1,b\n2,c\n",
       "id,x\n1,b\n1,d\n2,c\n",
       {"id"},
       "+1 -1 ~0 =2 twice:1 2/2"},
      {"a key is doubled", "id,x\n1,a\n", "id,x\n1,a\n1,a\n", {"id"}, "+1 -0 ~0 =1 twice:1 1/2"},
      {"a key twice goes", "id,x\n1,a\n1,b\n", "id,x\n2,a\n", {"id"}, "+1 -2 ~0 =0 twice:1 2/0"},
      {"without a key", "x,y\n1,a\n1,a\n2,b\n", "y,x\na,1\nb,2\nc,3\n", {}, "+1 -1 ~0 =2"},
      {"without a key, other columns", "x,y\n1,a\n", "x,z\n1,b\n", {}, "+0 -0 ~0 =1 +z -y"},
      {"nothing but a key", "id\n1\n2\n", "id\n2\n3\n", {"id"}, "+1 -1 ~0 =1"},
      {"conditions and numbers",
       "id,x\n1,true\n2,false\n",
       "id,x\n1,1\n2,1\n",
       {"id"},
       "+0 -0 ~1 =1 x:bool->int64 x~1"},
      {"a time in another zone",
       "id,x\n1,2024-01-10T12:00:00Z\n",
       "id,x\n1,2024-01-10T13:00:00+01:00\n",
       {"id"},
       "+0 -0 ~0 =1"},
  };
  for (const Case& c : cases) {
    const auto found = diff(csv("a.csv", c.before), csv("b.csv", c.after), c.key);
    ASSERT_TRUE(found) << c.name << ": " << found.error().message;
    EXPECT_EQ(counts(*found), c.expected) << c.name;
    const std::string_view columns = c.expected.substr(c.expected.find('='));
    const bool same = c.expected.starts_with("+0 -0 ~0") &&
                      columns.find_first_of("+->") == std::string_view::npos;
    EXPECT_EQ(found->is_same(), same) << c.name;
  }
}

TEST_F(TableDiffTest, ValuesOfParquet) {
  const double nan = std::nan("");
  struct Case {
    std::string_view name;
    Column before, after;
    std::string_view expected;
  };
  const std::int64_t big = (1ll << 53) + 1;
  const std::vector<Case> cases = {
      {"NaN stays", doubles("x", {nan, 1}), doubles("x", {nan, 1}), "+0 -0 ~0 =2"},
      {"NaN is no missing value", doubles("x", {nan, 1}), doubles("x", {{}, 1}), "+0 -0 ~1 =1 x~1"},
      {"zeros", doubles("x", {0.0, 1}), doubles("x", {-0.0, 1}), "+0 -0 ~0 =2"},
      {"infinities", doubles("x", {INFINITY, 1}), doubles("x", {-INFINITY, 1}), "+0 -0 ~1 =1 x~1"},
      {"the next number", doubles("x", {0.1, 1}), doubles("x", {std::nextafter(0.1, 1), 1}),
       "+0 -0 ~1 =1 x~1"},
      {"whole numbers as doubles", ints("x", {7, -3}), doubles("x", {7, -3.5}),
       "+0 -0 ~1 =1 x:int64->double x~1"},
      {"whole numbers that no double is", ints("x", {big, 1}),
       doubles("x", {static_cast<double>(big - 1), 1}), "+0 -0 ~1 =1 x:int64->double x~1"},
      {"missing", ints("x", {{}, 1}), ints("x", {0, 1}), "+0 -0 ~1 =1 x~1"},
      {"missing in both", texts("x", {{}, "a"}), texts("x", {{}, "a"}), "+0 -0 ~0 =2"},
      {"an empty text", texts("x", {{}, "a"}), texts("x", {"", "a"}), "+0 -0 ~1 =1 x~1"},
      {"a number as a text", ints("x", {12, 13}), texts("x", {"12", "thirteen"}),
       "+0 -0 ~1 =1 x:int64->string x~1"},
      {"a time is no number", ints("x", {5, 6}, ColumnType::kTimestamp), ints("x", {5, 6}),
       "+0 -0 ~2 =0 x:timestamp->int64 x~2"},
  };
  const Column id = ints("id", {1, 2});
  for (const Case& c : cases) {
    const auto found =
        diff(parquet("a.parquet", {id, c.before}), parquet("b.parquet", {c.after, id}), {"id"});
    ASSERT_TRUE(found) << c.name << ": " << found.error().message;
    EXPECT_EQ(counts(*found), c.expected) << c.name;
  }
}

TEST_F(TableDiffTest, CsvBesideParquetHasTheTypesOfParquet) {
  const TableVersion old_version =
      parquet("a.parquet",
              {ints("id", {1, 2, 3}), texts("code", {"007", "8", "9"}), doubles("x", {1, 2.5, {}}),
               ints("at", {0, 1'000'000, 2'000'000}, ColumnType::kTimestamp)});
  const auto found = diff(old_version,
                          csv("b.csv",
                              "at,id,code,x\n1970-01-01T00:00:00Z,1,007,1\n"
                              "1970-01-01 00:00:01,2,8,2.5\n1970-01-01T00:00:02Z,3,10,\n"),
                          {"id"});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(counts(*found), "+0 -0 ~1 =2 code~1");
  EXPECT_EQ(Json(found->changed_examples[0].cells[0].before), Json("9"));
}

TEST_F(TableDiffTest, ExamplesAreTheRowsThemselves) {
  const auto found = diff(csv("a.csv", "id,x,y\n1,1.5,a\n2,2.5,b\n3,3.5,c\n5,1,z\n5,2,z\n"),
                          csv("b.csv", "id,x,y\n4,4.5,d\n2,,b\n1,1.5,A\n5,1,z\n5,2,z\n"), {"id"})
                         .value();
  EXPECT_EQ(counts(found), "+1 -1 ~2 =2 twice:1 2/2 x~1 y~1");
  const JsonObject json = found.to_json();
  EXPECT_EQ(base::to_text(json.at("examples")),
            R"({"changed":[{"key":{"id":1},"cells":[{"column":"y","before":"a","after":"A"}]},)"
            R"({"key":{"id":2},"cells":[{"column":"x","before":2.5E0,"after":null}]}],)"
            R"("added":[{"id":4,"x":4.5E0,"y":"d"}],"removed":[{"id":3,"x":3.5E0,"y":"c"}],)"
            R"("duplicate_keys":[{"id":5}]})");
}

TEST_F(TableDiffTest, DistributionsBeforeAndAfter) {
  std::vector<std::optional<double>> olds, news;
  std::vector<std::optional<std::int64_t>> ids;
  for (int i = 0; i < 50'000; ++i) {
    ids.push_back(i);
    olds.push_back(i % 1000);
    news.push_back(i % 10 == 0 ? std::optional<double>() : i % 1000 + 500);
  }
  const auto found = diff(parquet("a.parquet", {ints("id", ids), doubles("x", olds)}),
                          parquet("b.parquet", {ints("id", ids), doubles("x", news)}), {"id"})
                         .value();
  const ColumnDifference& id = found.columns[0];
  EXPECT_EQ(id.drift->value, 0);  // the same rows are the sample
  EXPECT_NEAR(static_cast<double>(id.before->at("distinct").as_int64()), 50'000, 2'500);
  const ColumnDifference& x = found.columns[1];
  EXPECT_EQ(x.changed_cells, 50'000);
  EXPECT_NEAR(static_cast<double>(x.before->at("distinct").as_int64()), 1'000, 50);
  EXPECT_EQ(x.before->at("mean").as_double(), 499.5);
  EXPECT_EQ(x.after->at("min").as_double(), 501);
  EXPECT_EQ(x.after->at("max").as_double(), 1'499);
  EXPECT_EQ(x.after->at("missing").as_int64(), 5'000);
  EXPECT_EQ(x.drift->measure, "kolmogorov_smirnov");
  EXPECT_NEAR(x.drift->value, 0.5, 0.02);
}

TEST_F(TableDiffTest, FoldersOfFiles) {
  csv("a/day=1/x.csv", "id,x\n1,1\n2,2\n");
  csv("a/day=2/x.csv", "id,x\n3,1.5\n");
  csv("b/day=1/x.csv", "id,x\n1,1\n");
  csv("b/day=2/x.csv", "id,x\n3,1.5\n2,2\n");
  const auto found = diff(version("a"), version("b"), {"id"}).value();
  EXPECT_EQ(counts(found), "+0 -0 ~1 =2 day~1");
  parquet("c/1.parquet", {ints("id", {1, 2}), ints("x", {1, 2})});
  parquet("c/2.parquet", {doubles("x", {1.5}), ints("id", {3})});
  parquet("d.parquet", {ints("id", {1, 2, 3}), doubles("x", {1, 2, 1.25})});
  const auto numbers = diff(version("c"), version("d.parquet"), {"id"}).value();
  EXPECT_EQ(counts(numbers), "+0 -0 ~1 =2 x~1");
  EXPECT_EQ(numbers.changed_examples[0].cells[0].before.as_double(), 1.5);
}

TEST_F(TableDiffTest, SaysWhatIsWrong) {
  struct Case {
    std::string_view name, before, after;
    std::vector<std::string> key;
    Code code;
    std::string_view says;
  };
  const std::vector<Case> cases = {
      {"no such key",
       "id,x\n1,2\n",
       "ID,x\n1,2\n",
       {"id"},
       Code::kInvalidArgument,
       "the key's column is missing: column=id table=b.csv columns=ID,x"},
      {"a key twice", "id\n1\n", "id\n1\n", {"id", "id"}, Code::kInvalidArgument, "named twice"},
      {"nothing in common", "a\n1\n", "b\n1\n", {}, Code::kInvalidArgument, "no column in common"},
      {"no rows at all", "", "b\n1\n", {}, Code::kInvalidArgument, "there is no header"},
      {"a short row", "a,b\n1,2\n", "a,b\n1,2\n3\n", {}, Code::kInvalidArgument, "line=3"},
  };
  for (const Case& c : cases) {
    const auto found = diff(csv("a.csv", c.before), csv("b.csv", c.after), c.key);
    ASSERT_FALSE(found.has_value()) << c.name;
    EXPECT_EQ(found.error().code, c.code) << c.name;
    EXPECT_THAT(found.error().message, HasSubstr(c.says)) << c.name;
  }
  MUST(store::write_file(folder_.path() / "cut.parquet", "PAR1cut"));
  EXPECT_EQ(diff(version("cut.parquet"), csv("b.csv", "a\n1\n"), {}).error().code,
            Code::kCorruption);
}

// All rows have one key: they can't be in parts, and must not take all memory.
TEST_F(TableDiffTest, RowsOfOneKeyThatAreTooManyAreRefused) {
  constexpr std::size_t kRows = 300'000;
  const std::vector<std::optional<std::int64_t>> same(kRows, 1);
  const TableVersion table = parquet("a.parquet", {ints("id", same), ints("x", same)});
  const auto found =
      diff_tables(table, table, {.key = {"id"}, .memory_max = 1 << 20, .scratch = folder_.path()});
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().code, Code::kResourceExhausted);
  EXPECT_THAT(found.error().message, HasSubstr("rows=600000"));
  const auto with_more = diff(table, table, {"id"}).value();
  EXPECT_EQ(counts(with_more), "+0 -0 ~0 =300000 twice:1 300000/300000");
}

}  // namespace
}  // namespace slipway::datasets
