// Sketches keep what their headers promise, whatever the data and however they are merged; beside
// Apache DataSketches in tests/system/test_profiles.py.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "base/random.h"
#include "monitor/profile/input_profile.h"

namespace slipway::monitor {
namespace {

class Draws {
 public:
  explicit Draws(std::uint64_t seed) : random_(seed) {}
  double uniform() { return static_cast<double>(random_.next_u64() >> 11) * 0x1p-53; }
  std::size_t below(std::size_t limit) { return random_.next_u64() % limit; }

 private:
  base::SeededRandom random_;
};

struct Shape {
  const char* name;
  std::function<double(Draws&, std::size_t)> value;
};
const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all = {
      {"uniform", [](Draws& d, std::size_t) { return d.uniform(); }},
      {"heavy tail", [](Draws& d, std::size_t) { return std::pow(1 - d.uniform(), -2); }},
      {"rising", [](Draws&, std::size_t i) { return static_cast<double>(i); }},
      {"falling", [](Draws&, std::size_t i) { return -static_cast<double>(i); }},
      {"few values", [](Draws& d, std::size_t) { return std::floor(d.uniform() * 5); }},
      {"zigzag", [](Draws&, std::size_t i) { return i % 2 ? 1.0 / static_cast<double>(i) : 1e9; }},
  };
  return all;
}

// Parts merged pairwise in an order drawn at random.
template <typename Sketch>
Sketch merged(std::vector<Sketch> parts, Draws& draws) {
  while (parts.size() > 1) {
    const std::size_t a = draws.below(parts.size());
    std::swap(parts[a], parts.back());
    Sketch taken = std::move(parts.back());
    parts.pop_back();
    parts[draws.below(parts.size())].merge(taken);
  }
  return std::move(parts.front());
}

template <typename Sketch>
Sketch reopened(const Sketch& sketch) {
  ByteWriter out;
  sketch.write(out);
  const std::string bytes = out.take();
  ByteReader in(bytes);
  Sketch again = MUST(Sketch::read(in));
  EXPECT_EQ(in.left(), 0u);
  ByteWriter second;
  again.write(second);
  EXPECT_EQ(second.take(), bytes);
  return again;
}

// How far off the worst rank of a sketch is.
double worst_rank(const KllSketch& sketch, std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  std::vector<double> asked;
  for (std::size_t i = 0; i < values.size(); i += std::max<std::size_t>(1, values.size() / 997))
    asked.push_back(values[i]);
  const std::vector<double> told = sketch.ranks(asked);
  double worst = 0;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto below = std::upper_bound(values.begin(), values.end(), asked[i]) - values.begin();
    worst = std::max(worst, std::abs(told[i] - static_cast<double>(below) / n));
  }
  return worst;
}

TEST(KllSketch, IsExactWhileItIsSmall) {
  KllSketch sketch;
  EXPECT_TRUE(std::isnan(sketch.min()));
  EXPECT_TRUE(std::isnan(sketch.quantiles(std::vector{0.5})[0]));
  EXPECT_TRUE(std::isnan(sketch.ranks(std::vector{0.5})[0]));
  std::vector<double> values;
  for (int i = 1; i < KllSketch::kSize; ++i) values.push_back(i);
  sketch.add(values);
  EXPECT_EQ(sketch.rank_error(), 0);
  EXPECT_EQ(sketch.quantiles(std::vector{0.0, 0.5, 1.0}), (std::vector<double>{1, 100, 199}));
  EXPECT_DOUBLE_EQ(sketch.ranks(std::vector{50.0})[0], 50.0 / 199);
}

TEST(KllSketch, HoldsItsErrorForEveryShapeAndOrderOfMerges) {
  int bad = 0, sketches = 0;
  for (const Shape& shape : shapes()) {
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
      Draws draws(seed);
      std::vector<double> all;
      std::vector<KllSketch> parts(1 + draws.below(60));
      for (KllSketch& part : parts) {
        std::vector<double> values(draws.below(4000));
        for (double& value : values)
          value = shape.value(draws, all.size() + 1 + (&value - &values[0]));
        part.add(values);
        all.insert(all.end(), values.begin(), values.end());
      }
      KllSketch sketch = reopened(merged(std::move(parts), draws));
      ASSERT_EQ(sketch.count(), all.size());
      if (all.empty()) continue;
      EXPECT_EQ(sketch.min(), *std::min_element(all.begin(), all.end()));
      EXPECT_EQ(sketch.max(), *std::max_element(all.begin(), all.end()));
      EXPECT_LT(sketch.retained(), 700u);
      const double worst = worst_rank(sketch, all);
      EXPECT_LT(worst, 2 * sketch.rank_error_everywhere() + 1e-12) << shape.name << " " << seed;
      bad += worst > sketch.rank_error_everywhere();
      ++sketches;
    }
  }
  // The error holds everywhere at once in 99 of 100 sketches.
  EXPECT_LE(bad, 3) << "of " << sketches;
}

TEST(KllSketch, AValueAtATimeIsAsGood) {
  Draws draws(5);
  KllSketch sketch;
  std::vector<double> all;
  for (int i = 0; i < 100'000; ++i) {
    all.push_back(draws.uniform());
    sketch.add(std::span(&all.back(), 1));
  }
  EXPECT_LT(worst_rank(sketch, all), sketch.rank_error_everywhere());
}

TEST(HllSketch, HoldsItsErrorAndForgetsTheOrder) {
  double squares = 0;
  int counted = 0;
  for (const std::size_t wanted : {1u, 10u, 100u, 1000u, 5000u, 20'000u, 300'000u}) {
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
      Draws draws(seed * 1000 + wanted);
      std::vector<HllSketch> parts(5);
      HllSketch whole;
      for (std::size_t i = 0; i < wanted; ++i) {
        const double value = static_cast<double>(i) + static_cast<double>(seed) * 1e7;
        for (int again = 0; again < 2; ++again)
          parts[draws.below(parts.size())].add_hash(HllSketch::hash_of(value));
        whole.add_hash(HllSketch::hash_of(value));
      }
      const HllSketch sketch = reopened(merged(std::move(parts), draws));
      EXPECT_EQ(sketch, whole);
      const double off = sketch.estimate() / static_cast<double>(wanted) - 1;
      EXPECT_LT(std::abs(off), 4 * HllSketch::kRelativeError) << wanted;
      squares += off * off;
      ++counted;
    }
  }
  EXPECT_LT(std::sqrt(squares / counted), 1.2 * HllSketch::kRelativeError);
  EXPECT_EQ(HllSketch().estimate(), 0);
  EXPECT_EQ(HllSketch::hash_of(-0.0), HllSketch::hash_of(0.0));
  EXPECT_NE(HllSketch::hash_of("a"), HllSketch::hash_of("b"));
}

TEST(FrequentItems, BoundsHoldInAnyOrderOfMerges) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Draws draws(seed);
    std::map<std::string, std::uint64_t> truth;
    std::uint64_t total = 0;
    std::vector<FrequentItems> parts(1 + draws.below(10));
    for (FrequentItems& part : parts) {
      for (std::size_t i = 0; i < 5000; ++i) {
        // Some texts are frequent, most come once.
        const double draw = draws.uniform();
        const std::string text = fmt::format("v{}", std::floor(std::pow(1 - draw, -1.2)));
        part.add(text);
        ++truth[text];
        ++total;
      }
    }
    const FrequentItems items = reopened(merged(std::move(parts), draws));
    EXPECT_EQ(items.total(), total);
    EXPECT_LE(items.error(), total / (FrequentItems::kCounters + 1));
    std::set<std::string> found;
    for (const FrequentItems::Item& item : items.top(1000)) {
      EXPECT_LE(item.count_min, truth[item.text]) << item.text;
      EXPECT_GE(item.count_max, truth[item.text]) << item.text;
      found.insert(item.text);
    }
    for (const auto& [text, count] : truth) {
      if (count > items.error()) {
        EXPECT_TRUE(found.contains(text)) << text << " " << count;
      }
    }
  }
}

TEST(FrequentItems, FewTextsAreCountedExactlyAndLongOnesCutAtACharacter) {
  FrequentItems items;
  const std::string umlauts(101, 'a');
  std::string longer = umlauts + "äöüäöüäöüäöüäöüäöüäöü";
  for (int i = 0; i < 3; ++i) items.add(longer);
  items.add("b");
  const auto top = items.top(10);
  ASSERT_EQ(top.size(), 2u);
  EXPECT_EQ(top[0].text, umlauts + "äöüäöüäöüäöüä");
  EXPECT_EQ(top[0].count_min, 3u);
  EXPECT_EQ(items.error(), 0u);
}

TEST(RunningMoments, AgreeWithTwoPassesWhereverTheValuesLie) {
  for (const double offset : {0.0, 1e9, -1e12}) {
    Draws draws(3);
    std::vector<RunningMoments> parts(17);
    std::vector<double> all;
    for (RunningMoments& part : parts) {
      std::vector<double> values(draws.below(9000));
      for (double& value : values) value = offset + std::floor(draws.uniform() * 1024) / 8;
      part.add(values);
      all.insert(all.end(), values.begin(), values.end());
    }
    const RunningMoments moments = reopened(merged(std::move(parts), draws));
    long double mean = 0, m2 = 0, m3 = 0, m4 = 0;
    const auto n = static_cast<long double>(all.size());
    for (const double value : all) mean += (static_cast<long double>(value) - offset) / n;
    for (const double value : all) {
      const long double d = static_cast<long double>(value) - offset - mean;
      m2 += d * d / n;
      m3 += d * d * d / n;
      m4 += d * d * d * d / n;
    }
    EXPECT_NEAR(moments.mean(), static_cast<double>(offset + mean),
                std::abs(offset) * 1e-15 + 1e-12);
    EXPECT_NEAR(moments.deviation() / static_cast<double>(std::sqrt(m2)), 1, 1e-9);
    EXPECT_NEAR(moments.skewness(), static_cast<double>(m3 / std::pow(m2, 1.5L)), 1e-4);
    EXPECT_NEAR(moments.kurtosis(), static_cast<double>(m4 / (m2 * m2) - 3), 1e-4);
  }
  RunningMoments one;
  EXPECT_TRUE(std::isnan(one.mean()));
  one.add(std::vector{5.0, 5.0});
  EXPECT_EQ(one.deviation(), 0);
  EXPECT_TRUE(std::isnan(one.skewness()));
  RunningMoments large;
  large.add(std::vector{1.7e308, 1.7e308, 1.7e308});
  EXPECT_EQ(large.mean(), 1.7e308);
}

TEST(InputProfile, CountsWhatIsMissingAndTellsTheRest) {
  types::Column column = types::Column::of_type("x", types::ColumnType::kDouble);
  for (int i = 0; i < 100; ++i) column.append_double(i);
  column.append_null();
  column.append_double(std::nan(""));
  column.append_double(INFINITY);
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < column.size(); ++i) rows.push_back(i);
  InputProfile profile;
  profile.add(column, rows);
  types::Column texts = types::Column::of_type("x", types::ColumnType::kString);
  texts.append_string("a");
  texts.append_null();
  profile.add(texts, {0, 1});
  EXPECT_EQ(profile.rows(), 105u);
  EXPECT_EQ(profile.missing(), 3u);
  EXPECT_EQ(profile.infinite(), 1u);
  const InputProfile again = MUST(InputProfile::from_bytes(profile.to_bytes()));
  EXPECT_EQ(again.to_bytes(), profile.to_bytes());
  const JsonObject json = again.to_json();
  EXPECT_EQ(json.at("numbers").at("quantiles").at("0.5"), Json(49.0));
  EXPECT_EQ(json.at("numbers").at("count"), Json(100));
  EXPECT_EQ(json.at("texts").at("frequent").at(0).at("text"), Json("a"));
  EXPECT_NEAR(json.at("distinct").at("estimate").as_double(), 101, 4);
  const std::string bytes = profile.to_bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(InputProfile::from_bytes(bytes.substr(0, size))) << size;
  EXPECT_FALSE(InputProfile::from_bytes(bytes + "x"));
}

}  // namespace
}  // namespace slipway::monitor
