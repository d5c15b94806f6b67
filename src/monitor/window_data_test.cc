// What a window's rows are like beside the reference and on their own: texts, columns that go
// together, hours without any row.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "monitor/testing/fakes.h"
#include "monitor/window_result.h"

namespace slipway::monitor {
namespace {

using testing::LoggedRequest;
using testing::to_frame;
using types::Column;
using types::ColumnType;

const base::Timestamp kStart{1704067200LL * 1'000'000};  // 2024-01-01T00:00:00Z
const base::Timestamp kEnd = kStart + base::Duration::days(1);

VariantResult looked_at(const std::vector<LoggedRequest>& log,
                        std::optional<base::Timestamp> last_asked = {}) {
  const types::Frame frame = to_frame(log);
  const WindowRows rows = MUST(WindowRows::of(frame));
  VariantResult live{.variant = "live"};
  rows.look_at_times(last_asked, kEnd, live);
  return live;
}

TEST(WindowData, TheLongestTimeWithoutARequestIsFromTheOneBeforeToItsEnd) {
  const auto quiet = [](const std::vector<int>& hours,
                        std::optional<base::Timestamp> last_asked = {}) {
    std::vector<LoggedRequest> log;
    for (const int hour : hours) {
      log.push_back(
          {.id = fmt::format("{}", hour), .event_time = kStart + base::Duration::hours(hour)});
    }
    return looked_at(log, last_asked).metrics.at("quiet_hours_max");
  };
  EXPECT_EQ(quiet({0, 6, 12, 18}), 6);
  EXPECT_EQ(quiet({9, 12, 18}), 6);  // nobody has asked before
  EXPECT_EQ(quiet({9, 12, 18}, kStart - base::Duration::hours(2)), 11);
  EXPECT_EQ(quiet({5, 3, 1, 4}), 19);  // to its end, in whatever order they were logged
}

Column numbers(const char* name, const std::vector<double>& values) {
  Column column = Column::of_type(name, ColumnType::kDouble);
  for (const double value : values) column.append_double(value);
  return column;
}

TEST(WindowData, ColumnsThatNoMoreGoTogetherAreNamed) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  const auto frame = [&](double together) {
    std::vector<double> a, b;
    for (int row = 0; row < 2000; ++row) {
      a.push_back(normal(random));
      b.push_back(together * a.back() + normal(random));
    }
    types::Frame made;
    MUST(made.add(numbers("a", a)));
    MUST(made.add(numbers("b", b)));
    return made;
  };
  const types::Frame before = frame(2), same = frame(2), loose = frame(0);
  std::vector<std::size_t> all(before.rows());
  for (std::size_t row = 0; row < all.size(); ++row) all[row] = row;
  EXPECT_FALSE(DriftProfile::of(before).association_changes(same, all));  // nobody asked
  const DriftProfile profile = DriftProfile::of(before, {.associations = true});
  EXPECT_TRUE(profile.association_changes(same, all)->empty());
  const auto changes = *profile.association_changes(loose, all);
  ASSERT_EQ(changes.size(), 2u);  // by Pearson and by Spearman
  EXPECT_EQ(changes[0].first + changes[0].second, "ab");
  EXPECT_NEAR(changes[0].reference, 2 / std::sqrt(5), 0.03);
  EXPECT_NEAR(changes[0].current, 0, 0.08);
}

// Texts as categories are all new every day: no method for categories can say anything of them.
TEST(WindowData, TextsAreComparedByTheirWordsWhereAMethodOfTextsIsNamed) {
  const std::vector<std::string> words = {"delay",   "gate",   "crew", "weather",
                                          "storm",   "engine", "late", "night",
                                          "baggage", "lost",   "seat", "window"};
  std::mt19937_64 random(2);
  const auto texts = [&](double strikes) {
    Column column = Column::of_type("complaint", ColumnType::kString);
    for (int row = 0; row < 1500; ++row) {
      std::string text;
      for (int i = 0; i < 6; ++i) text += words[random() % words.size()] + " ";
      if (static_cast<double>(random() % 100) < 100 * strikes) text += "strike ";
      column.append_string(text + std::to_string(random() % 1'000'000));
    }
    column.append_null();
    types::Frame made;
    MUST(made.add(std::move(column)));
    return made;
  };
  const types::Frame before = texts(0), same = texts(0), now = texts(0.4);
  std::vector<std::size_t> all(before.rows());
  for (std::size_t row = 0; row < all.size(); ++row) all[row] = row;
  const DriftProfile profile =
      DriftProfile::of(before, {.columns = {{"complaint", {.method = "text_content_drift"}}}});
  const FeatureDrift quiet = profile.compare(same, all).at(0);
  EXPECT_TRUE(quiet.text);
  EXPECT_FALSE(quiet.drifted);
  EXPECT_TRUE(quiet.current_words.empty());
  const FeatureDrift drift = profile.compare(now, all).at(0);
  EXPECT_EQ(drift.method, "text_content_drift");
  EXPECT_TRUE(drift.drifted);
  EXPECT_GT(drift.score, drift.threshold);
  EXPECT_NEAR(drift.missing_rate, 1.0 / 1501, 1e-12);
  ASSERT_FALSE(drift.current_words.empty());
  EXPECT_EQ(drift.current_words[0], "strike");
  EXPECT_TRUE(std::isnan(drift.psi));
  const FeatureDrift read = MUST(FeatureDrift::from_json(drift.to_json()));
  EXPECT_TRUE(read.text);
  EXPECT_EQ(read.current_words, drift.current_words);
  EXPECT_EQ(base::to_text(read.to_json()), base::to_text(drift.to_json()));
  // Without it they are categories, as ever.
  EXPECT_TRUE(DriftProfile::of(before).compare(now, all).at(0).categorical);
  // A window without any is missing, not drifted.
  Column none = Column::of_type("complaint", ColumnType::kDouble);
  for (std::size_t row = 0; row < all.size(); ++row) none.append_null();
  types::Frame empty;
  MUST(empty.add(std::move(none)));
  const FeatureDrift gone = profile.compare(empty, all).at(0);
  EXPECT_EQ(gone.missing_rate, 1);
  EXPECT_FALSE(gone.drifted);
}

}  // namespace
}  // namespace slipway::monitor
