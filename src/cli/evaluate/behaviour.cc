#include "cli/evaluate/behaviour.h"

#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <cmath>

#include "types/yaml_reader.h"

namespace slipway::cli {
namespace {

using types::Column;
using types::ColumnType;
using types::YamlMap;
using types::YamlNode;
using Expect = BehaviourTest::Expect;

constexpr std::array<std::pair<std::string_view, Expect>, 5> kExpectations = {
    {{"same", Expect::kSame},
     {"higher", Expect::kHigher},
     {"lower", Expect::kLower},
     {"not_higher", Expect::kNotHigher},
     {"not_lower", Expect::kNotLower}}};
constexpr std::size_t kFailuresTold = 3;

Result<void> read_expectation(const YamlNode& node, monitor::Problem problem, BehaviourTest& test) {
  if (node.is_map()) {
    YamlMap map = TRY(node.map("expect"));
    if (const auto min = map.find("min")) test.min = TRY(min->number());
    if (const auto max = map.find("max")) test.max = TRY(max->number());
    TRY(map.finish());
    if (problem == monitor::Problem::kMulticlass)
      return node.error("a class has no min and max: name the class that is expected");
    if (!test.min && !test.max) return node.error("say min, max or both");
    if (test.min && test.max && *test.min > *test.max)
      return node.error("min is above max, so nothing is between them");
    test.expect = Expect::kBetween;
    return {};
  }
  const std::string word = TRY(node.text());
  for (const auto& [name, expect] : kExpectations) {
    if (name != word) continue;
    test.expect = expect;
    if (test.is_given)
      return node.error("of a given row a number between min and max is expected, or a class");
    if (problem == monitor::Problem::kMulticlass && expect != Expect::kSame)
      return node.error("classes have no order: expect same, or a class");
    return {};
  }
  if (problem != monitor::Problem::kMulticlass) {
    std::vector<std::string_view> names;
    for (const auto& [name, expect] : kExpectations) names.push_back(name);
    return node.error("expect is one of {}, or {{min: N, max: N}}: got={}", fmt::join(names, ", "),
                      word);
  }
  test.expect = Expect::kClass;
  test.class_name = word;
  return {};
}

Result<BehaviourTest> read_test(const YamlNode& node, monitor::Problem problem) {
  BehaviourTest test;
  YamlMap map = TRY(node.map("a test"));
  test.name = TRY(TRY(map.get("name")).text());
  if (test.name.empty() || test.name.find_first_of(".*#") != std::string::npos)
    return node.error("a test has a name without '.', '*' and '#', by which a check finds it");
  const auto change = map.find("change"), given = map.find("given");
  if (change.has_value() == given.has_value())
    return node.error("a test needs either `change` or `given`: test={}", test.name);
  test.is_given = given.has_value();
  const YamlNode& values = given ? *given : *change;
  for (const auto& [column, value] : TRY(values.entries())) test.values[column] = TRY(value.text());
  if (test.values.empty()) return values.error("it names no column: test={}", test.name);
  TRY(read_expectation(TRY(map.get("expect")), problem, test));
  if (const auto tolerance = map.find("tolerance")) {
    test.tolerance = TRY(tolerance->number());
    if (test.tolerance < 0) return tolerance->error("a tolerance is 0 or more");
    if (test.expect == Expect::kHigher || test.expect == Expect::kLower)
      return tolerance->error("higher and lower have no tolerance: say not_lower or not_higher");
    if (problem == monitor::Problem::kMulticlass)
      return tolerance->error("a class has no tolerance");
  }
  TRY(map.finish());
  return test;
}

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

// What a number becomes: "5" is 5, "+5" is 5 more, "*2" twice as much. -5 is a number: 5 less is
// "+-5".
struct NumberChange {
  char how = '=';
  double by = 0;
  double of(double value) const { return how == '+' ? value + by : how == '*' ? value * by : by; }
  static std::optional<NumberChange> parse(std::string_view text) {
    NumberChange change;
    if (text == "true" || text == "false") return NumberChange{.by = text == "true" ? 1.0 : 0.0};
    if (!text.empty() && (text[0] == '+' || text[0] == '*')) {
      change.how = text[0];
      text.remove_prefix(1);
    }
    const auto number = parse_number(text);
    if (!number) return std::nullopt;
    change.by = *number;
    return change;
  }
};

Result<Column> changed_column(const serving::InputSpec& input, const Column* column,
                              const std::string& text, std::size_t rows) {
  Column changed =
      Column::of_type(input.name, input.is_text() ? ColumnType::kString : ColumnType::kDouble);
  changed.reserve(rows);
  if (input.is_text()) {
    for (std::size_t row = 0; row < rows; ++row) changed.append_string(text);
    return changed;
  }
  const auto change = NumberChange::parse(text);
  if (!change) {
    return base::error(Code::kInvalidArgument,
                       "a number, \"+N\" or \"*N\" is needed: column={} got={}", input.name, text);
  }
  if (column == nullptr && change->how != '=') {
    return base::error(Code::kInvalidArgument,
                       "there is no value to change, write the value itself: column={} got={}",
                       input.name, text);
  }
  for (std::size_t row = 0; row < rows; ++row) {
    const double before = column == nullptr ? std::nan("") : column->number(row);
    const double after = change->of(before);
    if (std::isnan(after))
      changed.append_null();
    else
      changed.append_double(after);
  }
  return changed;
}

// The rows that a test asks the model.
Result<types::Frame> asked_rows(const JudgedModel& model, const BehaviourTest& test,
                                const types::Frame& rows) {
  const serving::ModelShape& shape = model.shape();
  std::vector<std::string> names;
  for (const serving::InputSpec& input : shape.inputs) names.push_back(input.name);
  for (const auto& [column, value] : test.values) {
    if (std::find(names.begin(), names.end(), column) == names.end()) {
      return base::error(Code::kInvalidArgument,
                         "the model reads no such column: column={} inputs={}", column,
                         fmt::join(names, ", "));
    }
  }
  const std::vector<std::string>& classes = model.rules().problem.classes;
  if (test.expect == Expect::kClass && !classes.empty() &&
      std::find(classes.begin(), classes.end(), test.class_name) == classes.end()) {
    return base::error(Code::kInvalidArgument, "no such class is declared: expect={} classes={}",
                       test.class_name, fmt::join(classes, ","));
  }
  types::Frame asked;
  const std::size_t count = test.is_given ? 1 : rows.rows();
  for (const serving::InputSpec& input : shape.inputs) {
    const Column* column = test.is_given ? nullptr : rows.find(input.name);
    const auto value = test.values.find(input.name);
    if (value != test.values.end())
      TRY(asked.add(TRY(changed_column(input, column, value->second, count))));
    else if (column != nullptr)
      TRY(asked.add(*column));
  }
  return asked;
}

bool holds(const BehaviourTest& test, double before, double after) {
  switch (test.expect) {
    case Expect::kSame:
      return std::fabs(after - before) <= test.tolerance;
    case Expect::kHigher:
      return after > before;
    case Expect::kLower:
      return after < before;
    case Expect::kNotHigher:
      return after <= before + test.tolerance;
    case Expect::kNotLower:
      return after >= before - test.tolerance;
    case Expect::kBetween:
      return (!test.min || after >= *test.min - test.tolerance) &&
             (!test.max || after <= *test.max + test.tolerance);
    case Expect::kClass:
      break;
  }
  return false;
}

}  // namespace

Result<std::vector<BehaviourTest>> parse_behaviour(std::string_view yaml,
                                                   monitor::Problem problem) {
  std::vector<BehaviourTest> tests;
  const YamlNode root = TRY(YamlNode::parse(yaml));
  YamlMap top = TRY(root.map("the file of tests"));
  const YamlNode list = TRY(top.get("tests"));
  TRY(top.finish());
  for (const YamlNode& node : TRY(list.list())) {
    tests.push_back(TRY(read_test(node, problem)));
    for (std::size_t i = 0; i + 1 < tests.size(); ++i) {
      if (tests[i].name == tests.back().name)
        return node.error("two tests have the same name: {}", tests[i].name);
    }
  }
  if (tests.empty()) return list.error("there are no tests");
  return tests;
}

Result<JsonObject> run_behaviour(JudgedModel& model, const BehaviourTest& test,
                                 const types::Frame& rows, const Answers& answers) {
  const types::Frame asked = TRY(asked_rows(model, test, rows));
  const std::size_t count = test.is_given ? 1 : rows.rows();
  const Answers after = TRY(model.answer(asked));
  const bool has_classes = model.problem() == monitor::Problem::kMulticlass;
  std::size_t failed = 0;
  JsonArray first;
  for (std::size_t row = 0; row < count; ++row) {
    bool is_good = false;
    JsonObject told;
    if (!test.is_given) told["row"] = row;
    if (has_classes) {
      const std::string before = test.is_given ? "" : answers.classes[row];
      is_good = after.classes[row] == (test.expect == Expect::kClass ? test.class_name : before);
      if (!test.is_given) told["before"] = before;
      told["after"] = after.classes[row];
    } else {
      const double before = test.is_given ? std::nan("") : answers.numbers[row];
      is_good = holds(test, before, after.numbers[row]);
      if (!test.is_given) told["before"] = base::number_or_null(before);
      told["after"] = base::number_or_null(after.numbers[row]);
    }
    if (is_good) continue;
    if (++failed <= kFailuresTold) first.push_back(std::move(told));
  }
  return JsonObject{{"rows", count},
                    {"failed", failed},
                    {"failed_share", static_cast<double>(failed) / static_cast<double>(count)},
                    {"first", std::move(first)}};
}

}  // namespace slipway::cli
