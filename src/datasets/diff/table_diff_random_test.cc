// Random tables, with so little memory that records go to a file, against the definition carried
// out literally.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

#include "datasets/diff/table_diff.h"
#include "datasets/validation.h"
#include "store/parquet.h"
#include "store/testing/temp_folder.h"

namespace slipway::datasets {
namespace {

using types::Column;
using types::ColumnType;
using types::Frame;

// A cell as a text that no other value has.
std::string exact(const Column& column, std::size_t row) {
  if (!column.is_valid(row)) return "missing";
  if (column.type == ColumnType::kString) return "text " + column.strings[row];
  if (column.type != ColumnType::kDouble) return fmt::format("{}", column.ints[row]);
  if (std::isnan(column.doubles[row])) return "NaN";
  return fmt::format("{}", column.doubles[row] == 0 ? 0.0 : column.doubles[row]);
}

using Cells = std::vector<std::string>;
using Rows = std::map<Cells, std::vector<Cells>>;  // of each key

Rows rows_of(const Frame& frame, const std::vector<std::string>& key) {
  Rows rows;
  for (std::size_t row = 0; row < frame.rows(); ++row) {
    Cells of_key, others;
    for (const Column& column : frame.columns()) {
      const bool is_key =
          key.empty() || std::find(key.begin(), key.end(), column.name) != key.end();
      (is_key ? of_key : others).push_back(exact(column, row));
    }
    rows[of_key].push_back(others);
  }
  return rows;
}

RowCounts expected(const Frame& before, const Frame& after, const std::vector<std::string>& key) {
  const Rows olds = rows_of(before, key), news = rows_of(after, key);
  RowCounts counts;
  counts.changed_cells.resize(key.empty() ? 0 : before.columns().size() - key.size());
  std::map<Cells, std::pair<std::vector<Cells>, std::vector<Cells>>> both;
  for (const auto& [one, rows] : olds) both[one].first = rows;
  for (const auto& [one, rows] : news) both[one].second = rows;
  for (auto& [one, rows] : both) {
    auto& [from, to] = rows;
    if (!key.empty() && (from.size() > 1 || to.size() > 1)) {
      ++counts.duplicate_keys;
      counts.duplicate_rows_before += std::ssize(from);
      counts.duplicate_rows_after += std::ssize(to);
    }
    if (!key.empty() && from.size() == 1 && to.size() == 1) {
      ++(from == to ? counts.unchanged : counts.changed);
      for (std::size_t i = 0; i < from[0].size(); ++i)
        counts.changed_cells[i] += from[0][i] != to[0][i];
      continue;
    }
    for (const Cells& row : from) {
      const auto twin = std::find(to.begin(), to.end(), row);
      ++(twin == to.end() ? counts.removed : counts.unchanged);
      if (twin != to.end()) to.erase(twin);
    }
    counts.added += std::ssize(to);
  }
  return counts;
}

class RandomTables {
 public:
  explicit RandomTables(unsigned seed) : random_(seed) {}

  Frame table(std::size_t rows, int keys) {
    Column id = Column::of_type("id", ColumnType::kInt64), part = text("part"),
           label = text("label"), x = Column::of_type("x", ColumnType::kDouble),
           flag = Column::of_type("flag", ColumnType::kBool);
    for (std::size_t row = 0; row < rows; ++row) {
      below(50) == 0 ? id.append_null() : id.append_int(below(keys) - keys / 2);
      part.append_string(below(2) == 0 ? "a" : "b");
      add_values(label, x, flag);
    }
    return of({id, label, part, x, flag});
  }

  // Some rows of it in another order, some of them changed, and some new ones.
  Frame next(const Frame& before, int keys) {
    std::vector<std::size_t> kept;
    for (std::size_t row = 0; row < before.rows(); ++row) {
      if (below(10) != 0) kept.push_back(row);
    }
    std::shuffle(kept.begin(), kept.end(), random_);
    Frame after = before.take(kept);
    for (std::size_t row = 0; row < after.rows(); ++row) {
      if (below(20) == 0) after.find("x")->set_null(row);
      if (below(20) == 0) after.find("label")->strings[row] += "!";
    }
    const Frame more = table(1 + kept.size() / 10, keys);
    for (std::size_t row = 0; row < more.rows(); ++row) {
      for (const Column& column : more.columns()) after.find(column.name)->append_from(column, row);
    }
    return after;
  }

  int below(int end) { return static_cast<int>(random_() % static_cast<unsigned>(end)); }

 private:
  static Column text(const std::string& name) { return Column::of_type(name, ColumnType::kString); }
  static Frame of(const std::vector<Column>& columns) {
    Frame frame;
    for (const Column& column : columns) MUST(frame.add(column));
    return frame;
  }
  void add_values(Column& label, Column& x, Column& flag) {
    below(9) == 0 ? label.append_null() : label.append_string(std::string(below(12), 'l'));
    switch (below(6)) {
      case 0:
        x.append_null();
        break;
      case 1:
        x.append_double(std::nan(""));
        break;
      case 2:
        x.append_double(below(2) == 0 ? 0.0 : -0.0);
        break;
      default:
        x.append_double(below(100) / 8.0);
    }
    below(9) == 0 ? flag.append_null() : flag.append_int(below(2));
  }

  std::mt19937 random_;
};

TEST(TableDiffRandom, IsWhatTheDefinitionSays) {
  const store::testing::TempFolder folder;
  std::int64_t bytes_in_files = 0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    RandomTables random(seed);
    const auto rows = static_cast<std::size_t>(random.below(3'000));
    const int keys = 1 + random.below(6'000);
    const Frame before = random.table(rows, keys), after = random.next(before, keys);
    MUST(store::write_parquet(before, folder.path() / "a.parquet"));
    MUST(store::write_parquet(after, folder.path() / "b.parquet"));
    for (const std::vector<std::string>& key :
         std::vector<std::vector<std::string>>{{"id"}, {"part", "id"}, {}}) {
      const auto version = [&](const char* name) {
        return TableVersion{.name = name,
                            .files = MUST(find_row_files(folder.path() / name, std::nullopt))};
      };
      const TableDiff diff =
          MUST(diff_tables(version("a.parquet"), version("b.parquet"),
                           {.key = key,
                            .examples_max = 5,
                            .memory_max = 1 << random.below(18),
                            .scratch = folder.path(),
                            .threads = static_cast<std::size_t>(1 + random.below(4))}));
      const RowCounts right = expected(before, after, key);
      const std::string where = fmt::format("seed={} key columns={}", seed, key.size());
      EXPECT_EQ(diff.rows.added, right.added) << where;
      EXPECT_EQ(diff.rows.removed, right.removed) << where;
      EXPECT_EQ(diff.rows.changed, right.changed) << where;
      EXPECT_EQ(diff.rows.unchanged, right.unchanged) << where;
      EXPECT_EQ(diff.rows.duplicate_keys, right.duplicate_keys) << where;
      EXPECT_EQ(diff.rows.duplicate_rows_before, right.duplicate_rows_before) << where;
      EXPECT_EQ(diff.rows.duplicate_rows_after, right.duplicate_rows_after) << where;
      EXPECT_EQ(diff.rows.changed_cells, right.changed_cells) << where;
      EXPECT_EQ(std::ssize(diff.changed_examples), std::min<std::int64_t>(5, right.changed));
      EXPECT_EQ(std::ssize(diff.added_examples), std::min<std::int64_t>(5, right.added));
      for (const RowChange& change : diff.changed_examples) EXPECT_FALSE(change.cells.empty());
      bytes_in_files += diff.bytes_in_files;
    }
  }
  EXPECT_GT(bytes_in_files, 1'000'000);
}

}  // namespace
}  // namespace slipway::datasets
