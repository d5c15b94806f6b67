// Columns of two data sets compared: what can't be compared by a method is told all the same.
#include "monitor/drift/report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "monitor/drift/methods.h"
#include "store/parquet.h"

namespace slipway::monitor {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t kRows = 1000;

types::Column numbers(const std::string& name, double (*value_of)(std::size_t row)) {
  types::Column column = types::Column::of_type(name, types::ColumnType::kDouble);
  for (std::size_t row = 0; row < static_cast<std::size_t>(kRows); ++row)
    column.append_double(value_of(row));
  return column;
}

double ordinary(std::size_t row) { return static_cast<double>(row * 7919 % 1000); }

ColumnReport compare(double (*before)(std::size_t), double (*now)(std::size_t),
                     const std::string& method = "slipway") {
  const bool takes_numbers =
      method == "slipway" || find_drift_method(method)->of_numbers != nullptr;
  return MUST(compare_column(numbers("x", before), numbers("x", now),
                             {.numeric_method = takes_numbers ? method : "slipway"}));
}

TEST(DriftReport, TakesTheLargestNumbersThereAre) {
  const auto huge = [](std::size_t row) {
    return row == 0 ? -1e308 : row == 1 ? 1e308 : ordinary(row);
  };
  const auto all_huge = [](std::size_t row) {
    return (row % 2 == 0 ? -1.7e308 : 1.7e308) / (1 + ordinary(row) / 1e4);
  };
  for (const DriftMethod& method : drift_methods()) {
    if (method.of_numbers == nullptr && method.of_categories == nullptr) continue;
    SCOPED_TRACE(method.name);
    for (double (*now)(std::size_t) : {+huge, +all_huge}) {
      const ColumnReport report = compare(ordinary, now, std::string(method.name));
      EXPECT_TRUE(base::parse_json(base::to_text(report.to_json()))) << report.score;
      if (report.is_p_value) {
        EXPECT_TRUE(std::isnan(report.score) || (report.score >= 0 && report.score <= 1));
      }
      const ColumnReport same = compare(now, now, std::string(method.name));
      EXPECT_EQ(verdict_name(same.verdict), "no drift") << same.score;
    }
  }
  // Two outliers in a thousand rows change no distribution.
  EXPECT_EQ(verdict_name(compare(ordinary, huge).verdict), "no drift");
  EXPECT_EQ(verdict_name(compare(ordinary, all_huge).verdict), "drift");
  EXPECT_EQ(verdict_name(compare(ordinary, all_huge, "psi").verdict), "drift");
}

TEST(DriftReport, TellsAColumnThatLostItsNumbers) {
  const auto nan = [](std::size_t) { return kNan; };
  const auto infinite = [](std::size_t) { return kInfinity; };
  const auto half_nan = [](std::size_t row) { return row % 2 == 0 ? kNan : ordinary(row); };

  const ColumnReport lost = compare(ordinary, nan);
  EXPECT_EQ(verdict_name(lost.verdict), "changed");
  EXPECT_EQ(lost.current.missing, kRows);
  EXPECT_EQ(lost.notes, std::vector<std::string>{"no value any more"});

  const ColumnReport beyond = compare(ordinary, infinite);
  EXPECT_EQ(verdict_name(beyond.verdict), "changed");
  EXPECT_EQ(beyond.current.missing, 0);
  EXPECT_EQ(beyond.notes, (std::vector<std::string>{"infinite values: 0 before, 1000 now",
                                                    "no finite value any more"}));
  EXPECT_EQ(verdict_name(compare(infinite, ordinary).verdict), "changed");

  const ColumnReport gaps = compare(ordinary, half_nan);
  EXPECT_EQ(gaps.current.missing, 500);
  EXPECT_EQ(gaps.notes, std::vector<std::string>{"missing values: 0% before, 50% now"});
}

// Parquet files of others hold NaN that are no nulls.
TEST(DriftReport, CountsNanOfParquetAsMissing) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / "drift_report_nan";
  std::filesystem::create_directories(folder);
  std::vector<std::unique_ptr<ColumnSource>> sides;
  for (const bool now : {false, true}) {
    types::Frame frame;
    types::Column column = numbers("x", ordinary);
    if (now) column = numbers("x", [](std::size_t) { return kNan; });
    MUST(frame.add(std::move(column)));
    const auto file = folder / (now ? "now.parquet" : "before.parquet");
    MUST(store::write_parquet(frame, file));
    sides.push_back(MUST(open_columns(file, {})));
  }
  const DriftReport report = MUST(compare_columns(*sides[0], *sides[1], {}));
  ASSERT_EQ(report.columns.size(), 1u);
  EXPECT_EQ(report.columns[0].current.missing, kRows);
  EXPECT_EQ(verdict_name(report.columns[0].verdict), "changed");
  EXPECT_TRUE(report.has_drifted());
  EXPECT_TRUE(base::parse_json(base::to_text(report.to_json())));
  std::filesystem::remove_all(folder);
}

TEST(DriftReport, AColumnMayHaveAMethodOfItsOwn) {
  types::Frame before, now;
  for (const char* name : {"x", "prediction"}) {
    MUST(before.add(numbers(name, ordinary)));
    MUST(now.add(numbers(name, [](std::size_t row) { return ordinary(row) + 100; })));
  }
  const auto reference = columns_of(std::move(before)), current = columns_of(std::move(now));
  DriftReportOptions options;
  options.rules["prediction"] = {.method = "wasserstein", .threshold = 0.5};
  std::map<std::string, ColumnReport> found;
  for (ColumnReport& column : MUST(compare_columns(*reference, *current, options)).columns)
    found[column.name] = column;
  EXPECT_EQ(found["x"].method, "ks_effective");
  EXPECT_EQ(found["x"].verdict, Verdict::kDrift);
  EXPECT_EQ(found["prediction"].method, "wasserstein");
  EXPECT_EQ(found["prediction"].threshold, 0.5);
  EXPECT_EQ(found["prediction"].verdict, Verdict::kNoDrift);
}

}  // namespace
}  // namespace slipway::monitor
