#include <gtest/gtest.h>

#include <cmath>

#include "cli/evaluate/behaviour.h"
#include "cli/evaluate/fairness.h"
#include "cli/evaluate/robustness.h"

namespace slipway::cli {
namespace {

using types::Column;
using types::ColumnType;

Column texts(const char* name, const std::vector<std::string>& values) {
  Column column = Column::of_type(name, ColumnType::kString);
  for (const std::string& value : values) {
    if (value.empty())
      column.append_null();
    else
      column.append_string(value);
  }
  return column;
}

std::vector<monitor::KnownLabel> labels(const std::vector<double>& values) {
  std::vector<monitor::KnownLabel> known;
  for (const double value : values)
    known.push_back(std::isnan(value) ? monitor::KnownLabel() : monitor::KnownLabel(value));
  return known;
}

double at(const JsonObject& object, const char* name) {
  return object.at(name).to_number<double>();
}

TEST(Fairness, IsFairlearns) {
  // fairlearn 0.12 of the first eight rows.
  Answers answers;
  answers.numbers = {0.9, 0.4, 0.5, 0.1, 0.6, 0.7, 0.2, 0.3, 0.9, 0.9, 0.9};
  const auto known = labels({1, 0, 0, 1, 1, 1, 0, 0, 1, 0, NAN});
  const Column group = texts("g", {"a", "a", "a", "a", "b", "b", "b", "b", "c", "", "a"});
  const JsonObject fair = measure_fairness({}, answers, known, group, 2);
  EXPECT_EQ(at(fair, "left_out"), 3) << "a small group, a missing value, a missing label";
  const JsonObject& a = fair.at("groups").as_object().at("a").as_object();
  EXPECT_EQ(at(a, "rows"), 4);
  EXPECT_EQ(at(a, "selection_rate"), 0.5);
  EXPECT_EQ(at(a, "true_positive_rate"), 0.5);
  EXPECT_EQ(at(a, "false_positive_rate"), 0.5);
  EXPECT_EQ(at(fair, "demographic_parity_difference"), 0);
  EXPECT_EQ(at(fair, "demographic_parity_ratio"), 1);
  EXPECT_EQ(at(fair, "equal_opportunity_difference"), 0.5);
  EXPECT_EQ(at(fair, "equalized_odds_difference"), 0.5);
  EXPECT_EQ(at(fair, "equalized_odds_ratio"), 0);
  EXPECT_EQ(at(fair, "accuracy_difference"), 0.5);
}

TEST(Fairness, OfOneGroupNothingIsKnown) {
  Answers answers;
  answers.numbers = {0.9, 0.4};
  const JsonObject fair = measure_fairness({}, answers, labels({1, 0}), texts("g", {"a", "a"}), 1);
  EXPECT_TRUE(fair.at("demographic_parity_difference").is_null());
  EXPECT_TRUE(fair.at("equalized_odds_ratio").is_null());
}

TEST(Robustness, TheSameSeedDisturbsTheSame) {
  types::Frame rows;
  Column number = Column::of_type("x", ColumnType::kDouble),
         whole = Column::of_type("n", ColumnType::kInt64);
  for (int i = 0; i < 1000; ++i) {
    number.append_double(i % 10);
    whole.append_int(i % 10);
  }
  number.set_null(3);
  ASSERT_TRUE(rows.add(number));
  ASSERT_TRUE(rows.add(whole));
  serving::ModelShape shape;
  shape.inputs = {{.name = "x"}, {.name = "n", .type = serving::DataType::kInt64}};
  const auto noisy = disturb(rows, shape, "noise", 0.5, 1);
  EXPECT_EQ(noisy.find("n")->ints, disturb(rows, shape, "noise", 0.5, 1).find("n")->ints);
  EXPECT_NE(noisy.find("n")->ints, disturb(rows, shape, "noise", 0.5, 2).find("n")->ints);
  EXPECT_FALSE(noisy.find("x")->is_valid(3));
  double squares = 0;
  for (std::size_t i = 0; i < 1000; ++i) {
    if (i != 3) squares += std::pow(noisy.find("x")->doubles[i] - number.doubles[i], 2);
  }
  EXPECT_NEAR(std::sqrt(squares / 999), 0.5 * 2.87, 0.1);  // half of 0..9's deviation
  const auto gone = disturb(rows, shape, "missing", 0.25, 1);
  EXPECT_NEAR(static_cast<double>(gone.find("x")->null_count()), 250, 45);
  const auto scaled = disturb(rows, shape, "scaled", 0.5, 1);
  EXPECT_EQ(scaled.find("x")->doubles[8], 12);
  EXPECT_EQ(scaled.find("n")->ints[8], 12);
}

TEST(Behaviour, MistakesCarryLineAndColumn) {
  const std::pair<const char*, const char*> cases[] = {
      {"tests: [{name: a, expect: same}]", "either `change` or `given`"},
      {"tests: [{name: a, change: {x: 1}, given: {x: 1}, expect: same}]",
       "either `change` or `given`"},
      {"tests: [{name: a.b, change: {x: 1}, expect: same}]", "a name without"},
      {"tests: [{name: a, change: {}, expect: same}]", "names no column"},
      {"tests: [{name: a, change: {x: 1}, expect: up}]", "expect is one of same, higher"},
      {"tests: [{name: a, given: {x: 1}, expect: same}]", "of a given row"},
      {"tests: [{name: a, given: {x: 1}, expect: {}}]", "say min, max or both"},
      {"tests: [{name: a, change: {x: 1}, expect: same, tolerance: -1}]", "0 or more"},
      {"tests: [{name: a, change: {x: 1}, expect: same}, {name: a, change: {x: 1}, expect: same}]",
       "the same name"},
      {"tests: [{name: a, change: {x: 1}, expect: same, until: 3}]", "until"},
      {"tests: [{name: a, given: {x: 1}, expect: {min: 2, max: 1}}]", "min is above max"},
      {"tests: [{name: a, change: {x: 1}, expect: higher, tolerance: 1}]", "have no tolerance"},
      {"tests: []", "there are no tests"},
      {"checks: []", "tests"}};
  for (const auto& [yaml, says] : cases) {
    const auto parsed = parse_behaviour(yaml, monitor::Problem::kBinary);
    ASSERT_FALSE(parsed) << yaml;
    EXPECT_NE(parsed.error().message.find(says), std::string::npos) << parsed.error().message;
    EXPECT_NE(parsed.error().message.find("line 1"), std::string::npos) << parsed.error().message;
  }
  const auto classes = parse_behaviour("tests: [{name: a, given: {x: 1}, expect: cat}]",
                                       monitor::Problem::kMulticlass);
  ASSERT_TRUE(classes);
  EXPECT_EQ(classes->front().class_name, "cat");
  EXPECT_FALSE(parse_behaviour("tests: [{name: a, change: {x: 1}, expect: higher}]",
                               monitor::Problem::kMulticlass));
}

// Answers x, where it is there.
class Identity final : public serving::Model {
 public:
  Identity() {
    shape_.inputs = {{.name = "x"}, {.name = "word", .type = serving::DataType::kBytes}};
    shape_.outputs = {{.name = "y", .type = serving::DataType::kFp64}};
  }
  const serving::ModelShape& shape() const override { return shape_; }
  std::string_view platform() const override { return "identity"; }
  std::size_t memory_bytes() const override { return 0; }
  Result<void> predict(const serving::ModelCall& call,
                       std::vector<serving::Output>& outputs) const override {
    std::vector<double> values;
    for (std::size_t row = 0; row < call.rows; ++row) {
      if (call.inputs[1].texts[row] == "refuse")
        return base::error(Code::kInvalidArgument, "refused: row={}", row);
      values.push_back(call.inputs[0].numbers[row]);
    }
    outputs = {{.name = "y", .type = serving::DataType::kFp64, .values = std::move(values)}};
    return {};
  }

 private:
  serving::ModelShape shape_;
};

TEST(Behaviour, ExpectationsAreHeldOrCounted) {
  const Identity identity;
  JudgedModel model(identity, {.problem = {.kind = monitor::Problem::kRegression}});
  types::Frame rows;
  Column x = Column::of_type("x", ColumnType::kDouble);
  for (const double value : {-1.0, 0.0, 1.0, 2.0}) x.append_double(value);
  ASSERT_TRUE(rows.add(x));
  const Answers answers = MUST(model.answer(rows));
  const std::pair<const char*, int> cases[] = {
      {"change: {x: '+1'}, expect: higher", 0},
      {"change: {x: '+-1'}, expect: lower", 0},
      {"change: {x: '*2'}, expect: higher", 2},
      {"change: {x: '*2'}, expect: not_lower", 1},
      {"change: {x: '*2'}, expect: not_lower, tolerance: 1", 0},
      {"change: {x: 1}, expect: same", 3},
      {"change: {x: 1}, expect: same, tolerance: 1", 1},
      {"change: {x: -5}, expect: {max: -5}", 0},
      {"change: {word: hello}, expect: same", 0},
      {"given: {x: 3}, expect: {min: 2, max: 4}", 0},
      {"given: {x: 3}, expect: {max: 2}", 1}};
  for (const auto& [text, failed] : cases) {
    const auto tests =
        MUST(parse_behaviour(fmt::format("tests: [{{name: t, {}}}]", text), model.problem()));
    const JsonObject result = MUST(run_behaviour(model, tests.front(), rows, answers));
    EXPECT_EQ(at(result, "failed"), failed) << text;
  }
  const auto told = [&](const char* text) {
    const auto tests =
        MUST(parse_behaviour(fmt::format("tests: [{{name: t, {}}}]", text), model.problem()));
    const auto result = run_behaviour(model, tests.front(), rows, answers);
    return result ? "" : result.error().message;
  };
  EXPECT_NE(told("change: {z: 1}, expect: same").find("column=z inputs=x, word"),
            std::string::npos);
  EXPECT_NE(told("given: {x: '+1'}, expect: {min: 0}").find("no value to change"),
            std::string::npos);
  EXPECT_NE(told("change: {x: much}, expect: same").find("column=x got=much"), std::string::npos);
  EXPECT_EQ(told("change: {word: refuse}, expect: same"), "refused: row=0");
}

}  // namespace
}  // namespace slipway::cli
