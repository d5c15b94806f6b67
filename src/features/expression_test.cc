#include "features/expression.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <fstream>
#include <set>

#include "base/random.h"
#include "features/expression_functions.h"
#include "features/written_times.h"

namespace slipway::features {
namespace {

const std::vector<NamedColumn> kColumns = {{"a", ValueType::kNumber},
                                           {"b", ValueType::kNumber},
                                           {"s", ValueType::kText},
                                           {"t", ValueType::kTime}};

Value run(std::string_view text,
          std::vector<Value> row = {2.0, Value(), std::string("JFK"), types::Timestamp{0}}) {
  const auto parsed = Expression::parse(text, kColumns);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().message);
  return parsed ? parsed->evaluate(row) : Value();
}

TEST(Expression, ArithmeticAndPrecedence) {
  EXPECT_EQ(run("1 + 2 * 3 - 4 / 2"), Value(5.0));
  EXPECT_EQ(run("-(1 + a) * 2"), Value(-6.0));
  EXPECT_EQ(run("2013 - a"), Value(2011.0));
  EXPECT_EQ(run("a > 1 and not a = 3 or 1 = 2"), Value(1.0));
  EXPECT_EQ(run("max(a, 5) + min(a, 5) + abs(-1) + floor(2.7)"), Value(10.0));
  EXPECT_EQ(run("concat(s, '-', 'x')"), Value(std::string("JFK-x")));
}

TEST(Expression, NullRules) {
  EXPECT_EQ(run("b + 1"), Value());
  EXPECT_EQ(run("b > 15"), Value());
  EXPECT_EQ(run("is_null(b)"), Value(1.0));
  EXPECT_EQ(run("coalesce(b, a)"), Value(2.0));
  EXPECT_EQ(run("if(b > 1, 1, 2)"), Value(2.0));
  EXPECT_EQ(run("b > 1 and 1 = 2"), Value(0.0));
  EXPECT_EQ(run("b > 1 or 1 = 1"), Value(1.0));
  EXPECT_EQ(run("b > 1 and 1 = 1"), Value());
  EXPECT_EQ(run("1 / 0"), Value());
  EXPECT_EQ(run("log(0)"), Value());
}

TEST(Expression, CalendarKnowsDaylightSaving) {
  const auto at = [](std::string_view text) {
    return std::vector<Value>{2.0, Value(), std::string(), types::parse_rfc3339(text).value()};
  };
  EXPECT_EQ(run("hour(t, 'America/New_York')", at("2013-03-10T06:59:00Z")), Value(1.0));
  EXPECT_EQ(run("hour(t, 'America/New_York')", at("2013-03-10T07:00:00Z")), Value(3.0));
  EXPECT_EQ(run("minute_of_day(t, 'UTC')", at("2013-03-10T06:59:00Z")), Value(419.0));
  EXPECT_EQ(run("weekday(t, 'America/New_York')", at("2013-06-03T03:00:00Z")),
            Value(6.0));  // still Sunday there
  EXPECT_EQ(run("month(t, 'UTC') * 10000 + year(t, 'UTC')", at("2013-12-31T23:00:00Z")),
            Value(122013.0));
  EXPECT_EQ(run("day_of_year(t, 'UTC')", at("2013-12-31T23:00:00Z")), Value(365.0));
}

TEST(Expression, CalendarKeepsTheTwoHoursOfOneNameApart) {
  const auto at = [](std::string_view text) {
    return std::vector<Value>{2.0, Value(), std::string(), types::parse_rfc3339(text).value()};
  };
  const auto begin = [&](const char* unit, const char* time) {
    return run(fmt::format("text(date_trunc('{}', t, 'America/New_York'))", unit), at(time));
  };
  // 1:30 comes twice on that day.
  EXPECT_EQ(begin("hour", "2013-11-03T05:30:00Z"), Value(std::string("2013-11-03T05:00:00Z")));
  EXPECT_EQ(begin("hour", "2013-11-03T06:30:00Z"), Value(std::string("2013-11-03T06:00:00Z")));
  EXPECT_EQ(begin("day", "2013-11-03T23:30:00Z"), Value(std::string("2013-11-03T04:00:00Z")));
  EXPECT_EQ(begin("week", "2013-11-03T23:30:00Z"), Value(std::string("2013-10-28T04:00:00Z")));
  EXPECT_EQ(begin("quarter", "2013-11-03T23:30:00Z"), Value(std::string("2013-10-01T04:00:00Z")));
  // Whatever a column holds: no calendar goes that far.
  for (const std::int64_t micros :
       {std::numeric_limits<std::int64_t>::max(), -(std::int64_t{1} << 62)}) {
    const std::vector<Value> row{2.0, Value(), std::string(), types::Timestamp{micros}};
    EXPECT_EQ(run("year(t, 'UTC')", row), Value());
    EXPECT_EQ(run("text(t)", row), Value());
    EXPECT_EQ(run("date_trunc('year', t, 'UTC')", row), Value());
    EXPECT_EQ(run("t + '5000w'", row), Value());
    EXPECT_EQ(run("seconds_between(t, timestamp(-10000000000))", row).index(),
              micros > 0 ? 0u : 1u);
  }
}

TEST(Expression, EdgesOfTexts) {
  const auto text = [](const char* expression) { return std::get<std::string>(run(expression)); };
  EXPECT_EQ(text("substring('abc', 0, 2)"), "a");
  EXPECT_EQ(text("substring('abc', -5, 2)"), "");
  EXPECT_EQ(text("substring('abc', 4)"), "");
  EXPECT_EQ(text("split_part('a-b', '-', 3)"), "");
  EXPECT_EQ(text("split_part('a-b', '', 1)"), "a-b");
  EXPECT_EQ(text("replace('aaa', 'aa', 'b')"), "ba");
  EXPECT_EQ(text("'it''s'"), "it's");
  EXPECT_EQ(run("trim('')"), Value(std::string()));  // empty is not missing
  EXPECT_EQ(run("length('')"), Value(0.0));
  EXPECT_EQ(run("number('1x')"), Value());
  EXPECT_EQ(run("number('inf')"), Value());
  EXPECT_EQ(run("bool('maybe')"), Value());
  EXPECT_EQ(text("text(1e15)"), "1000000000000000");
  EXPECT_EQ(text("text(0.1)"), "0.1");
  std::string grown = "'aaaaaaaaaa'";
  for (int i = 0; i < 20; ++i) grown = "replace(" + grown + ", 'a', 'aaaaaaaaaa')";
  EXPECT_EQ(run(grown), Value());
}

TEST(Expression, InIsAsInSql) {
  EXPECT_EQ(run("a in (1, b)"), Value());
  EXPECT_EQ(run("a in (b, 2)"), Value(1.0));
  EXPECT_EQ(run("b in (1, 2)"), Value());
  EXPECT_EQ(run("a not in (1, 3)"), Value(1.0));
  EXPECT_EQ(run("a between 3 and b"), Value(0.0));
  EXPECT_EQ(run("a between 1 and b"), Value());
}

TEST(Expression, ErrorsPointAtTheCharacter) {
  struct Case {
    const char* text;
    const char* message;
  };
  for (const Case& c : std::vector<Case>{
           {"", "expected a value at character 1"},
           {"a +", "expected a value at character 4\n  a +\n     ^"},
           {"a b", "expected the end at character 3"},
           {"x", "unknown column 'x' (there are: a, b, s, t) at character 1"},
           {"a + s", "expected a number, got a text at character 5\n  a + s\n      ^"},
           {"1 +\n'\xc3\xbc' + a", "character 5\n  '\xc3\xbc' + a\n  ^"},
           {"concat('\xc3\xbc', a)", "character 14\n  concat('\xc3\xbc', a)\n              ^"},
           {"a = s", "a number is compared with a text at character 3"},
           {"a and a > 1", "expected a condition, got a number at character 1"},
           {"foo(a)", "unknown function 'foo' at character 1"},
           {"hour(t, 'Mars')", "unknown time zone 'Mars' at character 9"},
           {"hour(a, 'UTC')", "expected a timestamp, got a number at character 6"},
           {"abs(a, b)", "abs takes 1 arguments, got 2 at character 1"},
           {"round(a, 1, 2)", "round takes 1 or 2 arguments, got 3 at character 1"},
           {"text(a, 1)", "text takes 1 arguments, got 2 at character 1"},
           {"length(a)", "expected a text, got a number at character 8"},
           {"s - '1h'", "expected a number or a timestamp, got a text at character 1"},
           {"t - 'soon'", "expected a length of time such as '15m', '3h' or '7d' at"},
           {"t + s", "expected a length of time such as '15m', '3h' or '7d' at"},
           {"date_trunc('eon', t, 'UTC')", "'quarter' or 'year' at character 12"},
           {"matches(s, '(')", "Invalid regular expression '(': "},
           {"matches(s, s)", "expected a pattern that is written out at character 12"},
           {"a in ()", "expected a value at character 7"},
           {"a in ('x')", "a number is compared with a text at character 7"},
           {"a not 3", "expected in or between at character 7"},
           {"a between 1 or 2", "expected and at character 13"},
           {"case when a > 1 then 1", "expected end at character 23"},
           {"case when a > 1 then 1 else s end", "expected a number, got a text at character 29"},
           {"concat()", "concat takes at least one argument at character 1"},
           {"'x", "the text is not closed at character 1"},
           {"(a", "expected ) at character 3"}}) {
    const auto parsed = Expression::parse(c.text, kColumns);
    ASSERT_FALSE(parsed) << c.text;
    EXPECT_NE(parsed.error().message.find(c.message), std::string::npos) << parsed.error().message;
  }
  EXPECT_FALSE(Expression::parse(std::string(500, '('), kColumns));
  EXPECT_FALSE(Expression::parse(std::string(500, '-'), kColumns));
  std::string sum = "a";
  for (int i = 0; i < 10'000; ++i) sum += " + a";
  EXPECT_FALSE(Expression::parse(sum, kColumns));
}

// A value as docs/formats/expressions.md writes it.
std::string written(const Value& value, ValueType type) {
  if (is_null(value)) return "missing";
  if (const auto* text = std::get_if<std::string>(&value)) return "'" + *text + "'";
  if (const auto* time = std::get_if<types::Timestamp>(&value)) return types::to_rfc3339(*time);
  const double number = std::get<double>(value);
  if (type == ValueType::kBool) return number == 1 ? "true" : "false";
  return text_of_number(number);
}

TEST(Expression, ExamplesOfTheDocument) {
  const std::vector<NamedColumn> columns = {{"a", ValueType::kNumber}, {"b", ValueType::kNumber},
                                            {"s", ValueType::kText},   {"n", ValueType::kText},
                                            {"t", ValueType::kTime},   {"c", ValueType::kBool}};
  const std::vector<Value> row = {2.0,
                                  Value(),
                                  std::string("JFK"),
                                  Value(),
                                  types::parse_rfc3339("2013-03-10T07:30:45Z").value(),
                                  1.0};
  std::ifstream file(SLIPWAY_EXPRESSIONS_DOCUMENT);
  std::set<std::string> shown;
  int examples = 0;
  for (std::string line; std::getline(file, line);) {
    std::vector<std::string> cells;  // "| `f(x)` | takes | missing | `example` | `gives` |"
    for (std::size_t at = 0, bar; line.starts_with("| ") && at < line.size(); at = bar + 1) {
      bar = std::min(line.find('|', at), line.size());
      std::string cell = line.substr(at, bar - at);
      std::erase(cell, '`');
      const std::size_t first = cell.find_first_not_of(' ');
      cells.push_back(first == std::string::npos
                          ? ""
                          : cell.substr(first, cell.find_last_not_of(' ') - first + 1));
    }
    if (cells.size() < 6 || cells[4] == "example") continue;
    for (std::size_t at = 0; at < cells[1].size();) {
      const std::size_t end = std::min(cells[1].find_first_of(" (", at), cells[1].size());
      shown.insert(cells[1].substr(at, end - at));
      at = cells[1].find('(') != std::string::npos ? cells[1].size() : end + 1;
    }
    const auto parsed = Expression::parse(cells[4], columns);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(written(parsed->evaluate(row), parsed->type()), cells[5]) << cells[4];
    ++examples;
  }
  EXPECT_GT(examples, 50);
  for (const auto& [name, function] : functions()) {
    EXPECT_TRUE(shown.contains(name == "negative" ? "-" : name)) << name << " is not documented";
  }
  for (const std::string_view form : kForms) EXPECT_TRUE(shown.contains(std::string(form))) << form;
}

TEST(Expression, TimesThatAreNoneAreMissingAndTold) {
  EXPECT_EQ(run("t < timestamp('2020-01-01 00:00:00')"), Value());
  EXPECT_EQ(run("coalesce(timestamp('garbage'), t)"), Value(types::Timestamp{0}));
  for (const char* text : {"t < timestamp('2020-01-01 00:00:00')", "x+ (timestamp('garbage'), 1)"})
    EXPECT_TRUE(check_written_times(text).error().message.starts_with(
        "expected a time such as '2013-06-01T04:00:00Z' or '2013-06-01' at character 15\n  "))
        << check_written_times(text).error().message;
  for (const char* text : {"t < timestamp('2020-01-01')", "timestamp(s)", "timestamp(1e99)", "a +"})
    EXPECT_TRUE(check_written_times(text)) << text;
}

TEST(Expression, ConditionsAreCheckedWithoutColumns) {
  for (const char* text :
       {"a > 1", "a > b", "a", "a in ('x', 'y')", "a between 1 and b", "yes and not no",
        "if(a > 1, b, c) = 'x'", "coalesce(a, b) > timestamp('2020-01-01')", "a + '3h' < b",
        "a - b > 1", "hour(a, 'UTC') < 6", "text(a) = b", "case when a then b else 1 end > 0",
        "is_null(a)", "a = b and a < '2'", "not matches(a, 'x+')", "coalesce(a, true)"})
    EXPECT_TRUE(Expression::check_condition(text)) << text;
  for (const char* text : {"end > start", "in in (in, 1) and then between when and else",
                           "between or when", "case when end > 1 then then else else end = case"})
    EXPECT_TRUE(Expression::check_condition(text)) << text;
  const std::pair<const char*, const char*> wrong[] = {
      {"a >", "expected a value at character 4\n  a >\n     ^"},
      {"a > and", "expected a value at character 5"},
      {"a b", "expected the end at character 3"},
      {"", "expected a value"},
      {"c + 1", "a condition is a yes or no, and this is a number: c + 1"},
      {"if(a, 1, b)", "this is a number"},
      {"a + b", "this is a number"},
      {"coalesce(a, 'x')", "this is a text"},
      {"a + 1 > 'x'", "a number is compared with a text"},
      {"foo(a) > 1", "unknown function 'foo'"},
      {"a < timestamp('garbage')", "expected a time such as"},
      {"t + s > t + 'soon'", "expected a length of time"},
      {"a and 1", "expected a condition, got a number"}};
  for (const auto& [text, message] : wrong) {
    const auto checked = Expression::check_condition(text);
    ASSERT_FALSE(checked) << text;
    EXPECT_NE(checked.error().message.find(message), std::string::npos) << checked.error().message;
  }
}

// Random expressions over random rows, the hard values among them: columns and rows give the same
// bits.
class RandomExpressions {
 public:
  explicit RandomExpressions(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t n) { return random_.next_u64() % n; }
  std::string of(ValueType type, int depth) {
    if (depth == 0 || below(8) == 0) return leaf(type);
    const auto inner = [&](ValueType t) { return of(t, depth - 1); };
    if (below(6) == 0)
      return fmt::format("if({}, {}, {})", inner(ValueType::kBool), inner(type), inner(type));
    if (below(6) == 0) return fmt::format("coalesce({}, {})", inner(type), inner(type));
    if (type == ValueType::kBool && below(2) == 0) {
      const ValueType of = kTypes[below(4)];
      if (below(3) == 0) return fmt::format("({} in ({}, {}))", inner(of), inner(of), inner(of));
      if (below(3) == 0) return fmt::format("is_null({})", inner(of));
      return fmt::format("({} {} {})", inner(type), below(2) == 0 ? "and" : "or", inner(type));
    }
    // One of the functions with that result; those that want a written text are left to leaf().
    std::vector<std::pair<std::string, const Function*>> all;
    for (const auto& [name, function] : functions()) {
      const bool is_plain =
          name != "date_trunc" && name != "matches" &&
          !(function.parameters.size() == 2 && function.parameters[0] == ValueType::kTime &&
            function.parameters[1] == ValueType::kText);
      if (function.result == type && is_plain) all.emplace_back(name, &function);
    }
    const auto& [name, function] = all[below(all.size())];
    const auto& parameters = function->parameters;
    if (name == "negative") return "(-" + inner(parameters[0]) + ")";
    if (name == "not") return "(not " + inner(parameters[0]) + ")";
    if (!std::isalpha(static_cast<unsigned char>(name[0])))
      return "(" + inner(parameters[0]) + " " + name + " " + inner(parameters[1]) + ")";
    std::string call = name + "(";
    for (const ValueType parameter : parameters)
      call += (call.ends_with('(') ? "" : ", ") + inner(parameter);
    return call + ")";
  }

  static constexpr ValueType kTypes[] = {ValueType::kNumber, ValueType::kBool, ValueType::kText,
                                         ValueType::kTime};

 private:
  std::string leaf(ValueType type) {
    switch (type) {
      case ValueType::kNumber:
        return std::array{"x", "whole", "yes", "0", "2.5", "hour(t, 'Asia/Kolkata')"}[below(6)];
      case ValueType::kBool:
        return std::array{"yes", "true", "false", "matches(s, 'a+')"}[below(4)];
      case ValueType::kText:
        return std::array{"s", "''", "'a'", "'1'"}[below(4)];
      case ValueType::kTime:
        break;
    }
    return std::array{"t", "date_trunc('week', t, 'Europe/Berlin')", "(t + '3h')"}[below(3)];
  }

  base::SeededRandom random_;
};

TEST(Expression, ColumnsAndRowsGiveTheSameBits) {
  RandomExpressions random(7);
  constexpr std::size_t kRows = Rows::kBlock + 37;
  using types::Column;
  using types::ColumnType;
  const double numbers[] = {NAN, INFINITY, -INFINITY, 0.0, -0.0, 1.5, -7, 1e300, 5e-324};
  const char* texts[] = {"", "a", "aaa", "1", "2013-01-01", "\xc3\xbc", "\xff"};
  const std::int64_t wholes[] = {0, 1, -5, 1LL << 62};
  std::vector<Column> columns = {
      Column::of_type("x", ColumnType::kDouble), Column::of_type("whole", ColumnType::kInt64),
      Column::of_type("yes", ColumnType::kBool), Column::of_type("s", ColumnType::kString),
      Column::of_type("t", ColumnType::kTimestamp)};
  for (std::size_t row = 0; row < kRows; ++row) {
    columns[0].append_double(numbers[random.below(std::size(numbers))]);
    columns[1].append_int(wholes[random.below(std::size(wholes))]);
    columns[2].append_int(static_cast<std::int64_t>(random.below(2)));
    columns[3].append_string(texts[random.below(std::size(texts))]);
    columns[4].append_int(random.below(9) == 0
                              ? std::numeric_limits<std::int64_t>::min() + 5
                              : static_cast<std::int64_t>(random.below(1ull << 52)));
    for (Column& column : columns) {
      if (random.below(7) == 0) column.set_null(row);
    }
  }
  std::vector<NamedColumn> names;
  std::vector<const Column*> cells;
  for (const Column& column : columns) {
    names.push_back({column.name, value_type(column.type)});
    cells.push_back(&column);
  }
  std::vector<std::vector<Value>> rows(kRows);
  for (std::size_t row = 0; row < kRows; ++row) {
    for (const Column* column : cells) rows[row].push_back(cell_of(*column, row));
  }
  std::size_t present = 0;
  for (int round = 0; round < 400; ++round) {
    const std::string text = random.of(RandomExpressions::kTypes[round % 4], 4);
    const auto expression = Expression::parse(text, names);
    ASSERT_TRUE(expression) << expression.error().message;
    const Column whole = expression->evaluate(cells, kRows);
    ASSERT_EQ(whole.size(), kRows);
    for (std::size_t row = 0; row < kRows; ++row) {
      const Value alone = expression->evaluate(rows[row]);
      ASSERT_EQ(whole.is_valid(row), !is_null(alone)) << text << " row " << row;
      present += is_null(alone) ? 0 : 1;
      if (const auto* number = std::get_if<double>(&alone)) {
        ASSERT_EQ(std::bit_cast<std::uint64_t>(whole.doubles[row]),
                  std::bit_cast<std::uint64_t>(*number))
            << text << " row " << row;
      } else if (!is_null(alone)) {
        ASSERT_EQ(cell_of(whole, row), alone) << text << " row " << row;
      }
    }
  }
  EXPECT_GT(present, 400 * kRows / 10);
}

}  // namespace
}  // namespace slipway::features
