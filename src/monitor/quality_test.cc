// What answers and labels of every shape are taken for; the measures themselves are held against
// scikit-learn in types/performance_test.cc.
#include "monitor/quality.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "monitor/class_answers.h"
#include "monitor/estimate/expected_performance.h"
#include "types/performance.h"

namespace slipway::monitor {
namespace {

const ProblemRules kFree{.kind = Problem::kMulticlass};
const ProblemRules kDeclared{.kind = Problem::kMulticlass, .classes = {"3", "cat", "dog"}};

TEST(ClassAnswer, OfEveryShape) {
  struct Case {
    const char* name;
    const ProblemRules* rules;
    double prediction;
    const char* answer;
    const char* said;  // empty: none
    std::size_t chances;
  };
  const Case cases[] = {
      {"an id", &kFree, 2, "", "2", 0},
      {"an id that is a name", &kDeclared, 3, "", "3", 0},
      {"an id that is a place", &kDeclared, 1, "", "cat", 0},
      {"an id of no class", &kDeclared, 7, "", "", 0},
      {"no whole number", &kFree, 0.5, "", "", 0},
      {"nothing", &kFree, NAN, "", "", 0},
      {"a name", &kFree, NAN, R"("cow")", "cow", 0},
      {"a name that isn't declared", &kDeclared, NAN, R"("cow")", "", 0},
      {"chances by place", &kFree, NAN, "[0.1,0.7,0.2]", "1", 3},
      {"chances of declared places", &kDeclared, NAN, "[0.1,0.2,0.7]", "dog", 3},
      {"too few chances", &kDeclared, NAN, "[0.1,0.9]", "", 0},
      {"chances by name", &kFree, 0.2, R"({"cat":0.2,"dog":0.8})", "dog", 2},
      {"a class and chances", &kDeclared, 1, R"({"label":1,"odds":[0.5,0.3,0.2]})", "cat", 3},
      {"a name and chances", &kFree, NAN, R"({"odds":[0.5,0.5],"label":"0"})", "0", 2},
      {"a list of one", &kFree, NAN, R"(["cat"])", "cat", 0},
      {"a chance that is none", &kFree, NAN, "[0.1,null]", "", 0},
      {"no JSON", &kFree, NAN, "[0.1,", "", 0},
      {"nothing in it", &kFree, NAN, "{}", "", 0},
      {"the likeliest place", &kFree, NAN, R"({"largest_at":417,"of":1000})", "417", 0},
      {"that of declared ones", &kDeclared, NAN, R"({"largest_at":1,"of":3})", "cat", 0},
      {"that of too many", &kDeclared, NAN, R"({"largest_at":1,"of":4})", "", 0},
      {"a class beside it", &kFree, 5, R"({"label":5,"odds":{"largest_at":4,"of":300}})", "5", 0},
      {"it before a class", &kFree, NAN, R"({"odds":{"largest_at":4,"of":300},"name":"ox"})", "ox",
       0},
      {"it alone of two", &kFree, NAN, R"({"odds":{"largest_at":4,"of":300}})", "4", 0},
  };
  for (const Case& one : cases) {
    const auto read = read_class_answer(*one.rules, one.prediction, one.answer);
    ASSERT_EQ(read.has_value(), *one.said != '\0') << one.name;
    if (!read) continue;
    EXPECT_EQ(read->said, one.said) << one.name;
    EXPECT_EQ(read->chances.size(), one.chances) << one.name;
  }
}

TEST(ClassRows, ClassesThatOccurAreSortedAsWhatTheyAre) {
  const KnownLabel ten(10), two(2);
  KnownLabel cow;
  cow.class_name = "cow";
  const std::vector<LabelledAnswer> numbers = {
      {.request_id = "a", .prediction = 2, .label = &ten},
      {.request_id = "b", .prediction = 10, .label = &two}};
  EXPECT_EQ(class_rows(kFree, numbers).classes, (std::vector<std::string>{"2", "10"}));
  std::vector<LabelledAnswer> mixed = numbers;
  mixed.push_back(
      {.request_id = "c", .prediction = NAN, .answer = R"({"cow":1,"2":0})", .label = &cow});
  const NamedClassRows named = class_rows(kFree, mixed);
  EXPECT_EQ(named.classes, (std::vector<std::string>{"10", "2", "cow"}));
  EXPECT_TRUE(named.rows.chances.empty()) << "not every row has them";
}

TEST(ClassRows, OfManyClassesThatNobodyDeclaredTheRarestAreOne) {
  std::vector<KnownLabel> labels(1'000);
  std::vector<LabelledAnswer> answers;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    labels[i].class_name = fmt::format("c{}", i % 2 == 0 ? 0 : i);
    answers.push_back({.prediction = NAN, .answer = R"("c0")", .label = &labels[i]});
  }
  const NamedClassRows named = class_rows(kFree, answers);
  ASSERT_EQ(named.classes.size(), kClassesMax);
  EXPECT_EQ(named.classes.front(), "c0");
  EXPECT_EQ(named.classes.back(), kOtherClasses);
  EXPECT_EQ(std::ranges::count(named.rows.labels, 0u), 500);
  EXPECT_EQ(std::ranges::count(named.rows.labels, kClassesMax - 1), 500 - (kClassesMax - 2));
}

// An answer of more chances than the log keeps was left out, and nothing said so.
TEST(Quality, OfClassesWhoseChancesWereTooManyForTheLog) {
  std::vector<KnownLabel> labels(8);
  std::vector<std::string> texts;
  for (int i = 0; i < 8; ++i) {
    labels[i].value = 100 * i;
    texts.push_back(fmt::format(R"({{"largest_at":{},"of":1000}})", i < 6 ? 100 * i : 7));
  }
  std::vector<LabelledAnswer> answers;
  for (std::size_t i = 0; i < labels.size(); ++i)
    answers.push_back({.prediction = NAN, .answer = texts[i], .label = &labels[i]});
  const QualityRules rules{.problem = kFree};
  const Quality measured = measure_quality(rules, answers);
  EXPECT_EQ(measured.rows, 8);
  EXPECT_EQ(measured.measures.at("accuracy").value, 0.75);
  EXPECT_TRUE(std::isnan(measured.measures.at("log_loss").value));
  EXPECT_EQ(measured.note,
            "log_loss, roc_auc_ovr and estimates aren't known: of 8 of 8 answers the request log "
            "has only the likeliest class; to have their chances start the server with "
            "request-log-values-max above 1000");
  answers[0].answer = "";
  answers[1].answer = "{}";
  const Quality some = measure_quality(rules, answers);
  EXPECT_EQ(some.rows, 6);
  EXPECT_TRUE(some.note.starts_with(
      "1 of 8 labelled answers aren't measured: the request log has none of their values, as they "
      "are more than request-log-values-max; 1 of 8 labelled answers aren't measured: they say no "
      "class"))
      << some.note;
}

// Where more classes occur than a matrix has room for, answers that took one rare class for
// another counted as right.
TEST(Quality, RareClassesAreNotTakenForEachOther) {
  std::vector<KnownLabel> labels(400);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    labels[i].class_name = fmt::format("c{}", i);
    texts.push_back(fmt::format(R"({{"c{}":0.75,"c{}":0.25}})", (i + 1) % 400, i));
  }
  std::vector<LabelledAnswer> answers;
  for (std::size_t i = 0; i < labels.size(); ++i)
    answers.push_back({.prediction = NAN, .answer = texts[i], .label = &labels[i]});
  const Quality measured = measure_quality({.problem = kFree}, answers);
  EXPECT_EQ(measured.measures.at("accuracy").value, 0);
  EXPECT_EQ(measured.measures.at("f1_macro").value, 0);
  EXPECT_NEAR(measured.measures.at("log_loss").value, std::log(4), 1e-12);
  EXPECT_TRUE(std::isnan(measured.measures.at("roc_auc_ovr").value));
  EXPECT_EQ(measured.confusion.classes.size(), kClassesMax);
  EXPECT_TRUE(measured.note.starts_with("roc_auc_ovr isn't known: there are more than 200 classes"))
      << measured.note;
}

TEST(Quality, EveryMetricOfABinaryProblemHasItsInterval) {
  base::SeededRandom random(1);
  std::vector<KnownLabel> labels;
  std::vector<LabelledAnswer> answers;
  std::vector<std::string> ids;
  for (int i = 0; i < 500; ++i) {
    const double chance = static_cast<double>(random.next_u64() >> 11) * 0x1p-53;
    const double luck = static_cast<double>(random.next_u64() >> 11) * 0x1p-53;
    ids.push_back(fmt::format("{:03}", i));
    labels.emplace_back(luck < chance ? 1.0 : 0.0);
    answers.push_back({.prediction = chance});
  }
  for (std::size_t i = 0; i < answers.size(); ++i) {
    answers[i].request_id = ids[i];
    answers[i].label = &labels[i];
  }
  const Quality quality = measure_quality({}, answers);
  EXPECT_EQ(quality.rows, 500);
  EXPECT_EQ(quality.measures.size(), 13u);
  for (const auto& [name, measured] : quality.measures) {
    EXPECT_LE(measured.interval.low, measured.value) << name;
    EXPECT_GE(measured.interval.high, measured.value) << name;
    EXPECT_LT(measured.interval.high - measured.interval.low, 0.25) << name;
    EXPECT_GT(measured.interval.high - measured.interval.low, 0.01) << name;
  }
  // The bootstrap in one pass scatters as the metrics themselves do, bootstrapped one by one.
  std::vector<double> scores, truths;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    scores.push_back(answers[i].prediction);
    truths.push_back(*labels[i].value);
  }
  const types::Values errors =
      types::bootstrap_errors(scores.size(), [&](std::span<const std::size_t> drawn) {
        std::vector<double> p, y;
        for (const std::size_t i : drawn) {
          p.push_back(scores[i]);
          y.push_back(truths[i]);
        }
        const types::Performance all = types::measure_performance(p, y);
        const auto decided = expected_performance(p, y, 0.5);
        return types::Values{{"ece", all.ece},
                             {"log_loss_ratio", all.log_loss_ratio},
                             {"average_precision", decided.at("average_precision")},
                             {"f1", decided.at("f1")}};
      });
  for (const auto& [name, error] : errors) {
    const types::Measured& measured = quality.measures.at(name);
    EXPECT_NEAR((measured.interval.high - measured.value) / 1.96, error, 0.2 * error) << name;
  }
  // Whatever order the log has them in, the intervals are the same.
  std::reverse(answers.begin(), answers.end());
  const Quality turned = measure_quality({}, answers);
  for (const auto& [name, measured] : quality.measures)
    EXPECT_EQ(turned.measures.at(name).interval.low, measured.interval.low) << name;
  for (const auto& [name, measured] : measure_quality({}, {}).measures)
    EXPECT_TRUE(std::isnan(measured.value)) << name;
}

TEST(Confusion, ComesBackAsItWas) {
  const Confusion confusion{.classes = {"a", "b"}, .counts = {{3, 1}, {0, 2}}};
  const Confusion back = MUST(Confusion::from_json(confusion.to_json()));
  EXPECT_EQ(back.classes, confusion.classes);
  EXPECT_EQ(back.counts, confusion.counts);
  for (const char* text :
       {R"({})", R"({"classes": ["a"], "counts": [[1, 2]]})", R"({"classes": ["a"], "counts": []})",
        R"({"classes": [1], "counts": [[1]]})"}) {
    EXPECT_FALSE(Confusion::from_json(MUST(base::parse_json_object(text)))) << text;
  }
}

}  // namespace
}  // namespace slipway::monitor
