#include "monitor/slices/slice_finder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

namespace slipway::monitor {
namespace {

using types::Column;
using types::ColumnType;

// What a model was asked, and which chances it gave.
struct World {
  types::Frame frame;
  std::vector<std::size_t> rows;
  std::vector<double> chances;
};

// Numbers, texts, a column of few values, and missing ones.
World make_world(std::mt19937_64& random, std::size_t count, std::size_t numbers = 6,
                 std::size_t texts = 3) {
  std::uniform_real_distribution<double> uniform;
  World world;
  for (std::size_t c = 0; c < numbers; ++c) {
    Column column = Column::of_type(fmt::format("x{}", c), ColumnType::kDouble);
    for (std::size_t r = 0; r < count; ++r)
      column.append_double(c == 0 && uniform(random) < 0.05 ? std::nan("") : uniform(random) * 100);
    MUST(world.frame.add(std::move(column)));
  }
  for (std::size_t c = 0; c < texts; ++c) {
    Column column = Column::of_type(fmt::format("t{}", c), ColumnType::kString);
    for (std::size_t r = 0; r < count; ++r)
      column.append_string(fmt::format("v{}", static_cast<int>(uniform(random) * 8)));
    MUST(world.frame.add(std::move(column)));
  }
  Column days = Column::of_type("day", ColumnType::kInt64);
  for (std::size_t r = 0; r < count; ++r)
    days.append_int(static_cast<std::int64_t>(uniform(random) * 7));
  MUST(world.frame.add(std::move(days)));
  world.rows.resize(count);
  std::iota(world.rows.begin(), world.rows.end(), std::size_t{0});
  for (std::size_t r = 0; r < count; ++r) world.chances.push_back(0.1 + 0.5 * uniform(random));
  return world;
}

double log_loss(double chance, bool label) { return -std::log(label ? chance : 1 - chance); }

TEST(SliceFinder, NoiseYieldsNothing) {
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> uniform;
  int with_any = 0;
  constexpr int kWindows = 150;
  for (int window = 0; window < kWindows; ++window) {
    const World world = make_world(random, 1500 + 500 * static_cast<std::size_t>(window % 5));
    std::vector<double> losses;
    for (std::size_t r = 0; r < world.rows.size(); ++r) {
      switch (window % 3) {
        case 0:  // a calibrated classifier
          losses.push_back(log_loss(world.chances[r], uniform(random) < world.chances[r]));
          break;
        case 1:  // heavy tails
          losses.push_back(std::exp(3 * std::sqrt(-2 * std::log(1 - uniform(random))) *
                                    std::cos(6.283185307179586 * uniform(random)) / 2));
          break;
        default:  // rare errors
          losses.push_back(uniform(random) < 0.03 ? 1 : 0);
          break;
      }
    }
    const SliceReport report = find_slices(world.frame, world.rows, losses, {});
    EXPECT_GT(report.examined, 1000);
    with_any += !report.slices.empty();
  }
  EXPECT_LE(with_any, kWindows * 8 / 100);  // 5 % are allowed for, three deviations above none too
}

TEST(SliceFinder, APlantedSliceIsFoundAndNamed) {
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> uniform;
  for (int round = 0; round < 10; ++round) {
    const World world = make_world(random, 20'000);
    const Column &text = *world.frame.find("t1"), &number = *world.frame.find("x2");
    std::vector<double> losses, expected;
    for (std::size_t r = 0; r < world.rows.size(); ++r) {
      const bool is_bad = text.strings[r] == "v3" && number.doubles[r] > 70;
      const double chance = is_bad ? 1 - world.chances[r] : world.chances[r],
                   said = world.chances[r];
      losses.push_back(log_loss(said, uniform(random) < chance));
      expected.push_back(-said * std::log(said) - (1 - said) * std::log(1 - said));
    }
    const SliceReport report = find_slices(world.frame, world.rows, losses, expected);
    ASSERT_EQ(report.slices.size(), 1u) << base::to_text(report.to_json());
    const Slice& slice = report.slices.front();
    ASSERT_EQ(slice.predicates.size(), 2u) << slice.words();
    for (const Predicate& predicate : slice.predicates) {
      if (predicate.input == "t1") {
        EXPECT_EQ(predicate.words(), "t1 is v3");
      } else {
        EXPECT_EQ(predicate.input, "x2");
        EXPECT_NEAR(predicate.low, 70, 1.5);
        EXPECT_TRUE(std::isinf(predicate.high)) << slice.words();
      }
    }
    EXPECT_GT(slice.low, 0);
    EXPECT_GT(slice.inside, slice.expected + 0.1) << "the model doesn't know that it is bad there";
    EXPECT_NEAR(slice.share, 0.3 / 8, 0.01);
  }
}

TEST(SliceFinder, MissingValuesAndSeveralSlicesAreFoundEachOnce) {
  std::mt19937_64 random(6);
  std::uniform_real_distribution<double> uniform;
  const World world = make_world(random, 30'000);
  const Column &first = *world.frame.find("x0"), &day = *world.frame.find("day");
  std::vector<double> losses;
  for (std::size_t r = 0; r < world.rows.size(); ++r) {
    double loss = uniform(random);
    if (std::isnan(first.doubles[r])) loss += 2;
    if (day.ints[r] == 6) loss += 1;
    losses.push_back(loss);
  }
  const SliceReport report = find_slices(world.frame, world.rows, losses, {});
  std::vector<std::string> words;
  for (const Slice& slice : report.slices) words.push_back(slice.words());
  EXPECT_EQ(words, (std::vector<std::string>{"x0 is missing", "day > 5"}));

  const auto before = measure_slices(report.slices, world.frame, world.rows, losses);
  for (std::size_t i = 0; i < before.size(); ++i) {
    ASSERT_TRUE(before[i]);
    EXPECT_EQ(before[i]->rows, report.slices[i].rows);
    EXPECT_NEAR(before[i]->inside, report.slices[i].inside, 1e-9);
  }
  const SliceReport again = MUST(SliceReport::from_json(report.to_json()));
  EXPECT_EQ(base::to_text(again.to_json()), base::to_text(report.to_json()));
}

TEST(SliceFinder, NothingToLookAtIsNoError) {
  const World world = [] {
    std::mt19937_64 random(1);
    return make_world(random, 30);
  }();
  EXPECT_TRUE(find_slices(world.frame, {}, {}, {}).slices.empty());
  EXPECT_TRUE(find_slices(world.frame, world.rows, std::vector<double>(30, 1), {}).slices.empty());
  EXPECT_TRUE(find_slices({}, {0, 1}, {1, 2}, {}).slices.empty());
}

}  // namespace
}  // namespace slipway::monitor
