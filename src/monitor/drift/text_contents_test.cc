#include "monitor/drift/text_contents.h"

#include <gtest/gtest.h>

#include "monitor/drift/linear_classifier.h"
#include "monitor/drift/numpy_draws.h"
#include "monitor/drift/units.h"
#include "monitor/drift/words.h"
#include "monitor/testdata/noise.h"

namespace slipway::monitor {
namespace {

TEST(NumpyDraws, are_those_of_numpy) {
  NumpyDraws draws(42);
  EXPECT_EQ(draws.uniform(), 0.3745401188473625);
  EXPECT_EQ(draws.uniform(), 0.9507143064099162);
  EXPECT_EQ(draws.uniform(), 0.7319939418114051);
  EXPECT_EQ(draws.integer(1, 2147483647), 423734973);
  EXPECT_EQ(draws.integer(0, 2147483647), 415968276);
  EXPECT_EQ(draws.permutation(10), (std::vector<std::uint32_t>{0, 1, 5, 3, 4, 7, 8, 9, 2, 6}));
  EXPECT_TRUE(draws.permutation(0).empty());
  EXPECT_EQ(draws.integer(5, 6), 5);
}

TEST(Words, are_letters_digits_and_underscores_in_small_letters) {
  EXPECT_EQ(words_of("The Gate_7, a Zürich-ÉTAGE x 42! ΑΘΗΝΑ Москва ŁÓDŹ 東京。café…"),
            (std::vector<std::string>{"the", "gate_7", "zürich", "étage", "42", "αθηνα", "москва",
                                      "łódź", "東京", "café"}));
  EXPECT_EQ(words_of("ab\xff\xc3\x28yz \xe2\x82"), (std::vector<std::string>{"ab", "yz"}));
  EXPECT_TRUE(words_of("").empty());
  EXPECT_TRUE(words_of("a b - ? 👍").empty());
}

TEST(WordWeights, leave_out_what_says_nothing) {
  const WordWeights weights = WordWeights::of({"the cat sat", "the dog sat", "cat cat", "fish"});
  EXPECT_EQ(weights.words(), (std::vector<std::string>{"cat", "dog", "fish", "sat"}));
  // scikit-learn 1.7: TfidfVectorizer(sublinear_tf=True, max_df=0.5, stop_words="english")
  const WordWeights::Row row = weights.weigh("dog cat cat bird");
  EXPECT_EQ(row.features, (std::vector<std::uint32_t>{0, 1}));
  EXPECT_NEAR(row.values[0], 0.8003373041538421, 1e-12);
  EXPECT_NEAR(row.values[1], 0.5995499975646404, 1e-12);
  EXPECT_TRUE(weights.weigh("bird").values.empty());
}

const char* const kVocabulary[] = {"delay",   "flight", "Gate_7", "crew",   "weather", "storm",
                                   "Zürich",  "engine", "fuel",   "late",   "again",   "night",
                                   "baggage", "lost",   "seat",   "window", "cancel",  "rebook",
                                   "refund",  "the",    "of"};

std::vector<std::string> complaints(std::size_t from, std::size_t count, bool now) {
  std::vector<std::string> texts;
  for (std::size_t i = from; i < from + count; ++i) {
    std::string text;
    for (std::size_t word = 0; word < 6; ++word) {
      const auto pick = static_cast<std::size_t>((noise(i, 100 + word) + 0.5) * 21);
      const bool strikes = now && word == 0 && noise(i, 201) > 0.2;
      text += (word > 0 ? " " : "") + std::string(strikes ? "strike, strike" : kVocabulary[pick]);
    }
    if (now && noise(i, 200) > 0.1) text += " Refund";
    texts.push_back(text + ".");
  }
  return texts;
}

TextContents told_apart(const std::vector<std::string>& reference,
                        const std::vector<std::string>& current) {
  TextPair pair{.reference = {reference.begin(), reference.end()},
                .current = {current.begin(), current.end()}};
  return tell_texts_apart(pair).value();
}

// Evidently 0.7.23 with scikit-learn 1.9.1: calculate_text_drift_score,
// roc_auc_random_classifier_percentile and get_typical_words.
TEST(TextContents, are_told_apart_as_evidently_does) {
  const TextContents drifted = told_apart(complaints(0, 300, false), complaints(9000, 200, true));
  EXPECT_NEAR(drifted.auc, 0.6911499096929561, 1e-12);
  EXPECT_NEAR(drifted.random_auc(0.95), 0.5608535688005886, 1e-12);
  ASSERT_GE(drifted.current_words.size(), 5u);
  EXPECT_EQ(
      std::vector<std::string>(drifted.current_words.begin(), drifted.current_words.begin() + 5),
      (std::vector<std::string>{"strike", "refund", "cancel", "engine", "storm"}));
  EXPECT_TRUE(drifted.reference_words.empty());
  const TextContents same = told_apart(complaints(0, 300, false), complaints(9000, 200, false));
  EXPECT_NEAR(same.auc, 0.5017057997190448, 1e-12);
  EXPECT_EQ(same.reference_words, std::vector<std::string>{"lost"});
  const TextContents more = told_apart(complaints(0, 1500, false), complaints(9000, 900, true));
  EXPECT_NEAR(more.auc, 0.7283800878041522, 1e-12);
  EXPECT_NEAR(more.random_auc(0.95), 0.5265068829526006, 1e-12);
  EXPECT_NEAR(told_apart(complaints(0, 1500, false), complaints(9000, 900, false)).auc,
              0.49944489917404566, 1e-12);
}

TEST(TextContents, need_words_and_both_sides) {
  const std::vector<std::string_view> some(40, "delay of the flight"), none(40, "?");
  EXPECT_FALSE(tell_texts_apart({.reference = some, .current = {}}));
  EXPECT_FALSE(tell_texts_apart({.reference = {}, .current = {}}));
  EXPECT_FALSE(tell_texts_apart({.reference = none, .current = none}));
  // Words of every text are of more than half of them.
  EXPECT_FALSE(tell_texts_apart({.reference = some, .current = some}));
}

TEST(RandomAuc, is_normal_where_draws_would_take_long) {
  std::vector<double> labels(kDrawnRows + 1, 0.0);
  for (std::size_t i = 0; i < 8000; ++i) labels[i] = 1;
  const double many = random_auc_quantile(labels, {}, 0.95);
  labels.pop_back();
  std::vector<std::int64_t> seeds(300);
  for (std::size_t i = 0; i < seeds.size(); ++i) seeds[i] = static_cast<std::int64_t>(i);
  EXPECT_NEAR(many, random_auc_quantile(labels, seeds, 0.95), 0.002);
}

TEST(Units, a_change_is_named) {
  std::vector<double> before, again;
  for (std::size_t i = 0; i < 2000; ++i) {
    before.push_back(20 + 30 * (noise(i, 1) + noise(i, 2) + noise(i, 3)));
    again.push_back(20 + 30 * (noise(i, 4) + noise(i, 5) + noise(i, 6)));
  }
  std::sort(before.begin(), before.end());
  const auto now = [&](double factor, double offset) {
    std::vector<double> values = again;
    for (double& value : values) value = value * factor + offset;
    std::sort(values.begin(), values.end());
    return unit_change(before, values);
  };
  EXPECT_EQ(now(1, 0), "");
  EXPECT_EQ(now(1.3, 0), "");
  EXPECT_EQ(now(0.001, 0), "the values are 0.001 times what they were: another unit?");
  EXPECT_EQ(
      now(2.54, 0),
      "the values are 2.54 times what they were, as from inches to centimetres: another unit?");
  EXPECT_EQ(
      now(1 / 1.609344, 0),
      "the values are 0.6214 times what they were, as from kilometres to miles: another unit?");
  EXPECT_EQ(now(1.8, 32), "the values moved as from degrees Celsius to Fahrenheit: another unit?");
  EXPECT_EQ(now(60, 3000), "");
  EXPECT_EQ(unit_change(std::vector<double>(100, 1.0), std::vector<double>(100, 1000.0)), "");
  EXPECT_EQ(unit_change({}, before), "");
}

// "about inf times what it was", of every column of zeros above all.
TEST(Units, a_median_of_zero_has_no_other_unit) {
  std::vector<double> zeros(60, 0.0), mostly_fives(100, 5.0);
  zeros.resize(100, 7.0);
  EXPECT_EQ(unit_words(zeros, mostly_fives, false), "");
  EXPECT_EQ(unit_words(mostly_fives, zeros, false), "");
  EXPECT_EQ(unit_words(mostly_fives, std::vector<double>(100, 5000.0), false),
            "the median is about 1000 times what it was: another unit?");
}

}  // namespace
}  // namespace slipway::monitor
