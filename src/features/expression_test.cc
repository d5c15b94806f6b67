#include "features/expression.h"

#include <gtest/gtest.h>

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

TEST(Expression, ErrorsPointAtTheCharacter) {
  struct Case {
    const char* text;
    const char* message;
  };
  for (const Case& c :
       std::vector<Case>{{"", "expected a value at character 1"},
                         {"a +", "expected a value at character 4"},
                         {"a b", "expected the end at character 3"},
                         {"x", "unknown column 'x' (there are: a, b, s, t) at character 1"},
                         {"a + s", "expected a number, got a text at character 5"},
                         {"a = s", "a number is compared with a text at character 3"},
                         {"a and a > 1", "expected a condition, got a number at character 1"},
                         {"foo(a)", "unknown function 'foo' at character 1"},
                         {"hour(t, 'Mars')", "unknown time zone 'Mars' at character 9"},
                         {"hour(a, 'UTC')", "expected a timestamp, got a number at character 6"},
                         {"abs(a, b)", "abs takes 1 arguments, got 2 at character 1"},
                         {"'x", "the text is not closed at character 1"},
                         {"(a", "expected ) at character 3"}}) {
    const auto parsed = Expression::parse(c.text, kColumns);
    ASSERT_FALSE(parsed) << c.text;
    EXPECT_NE(parsed.error().message.find(c.message), std::string::npos) << parsed.error().message;
  }
  EXPECT_FALSE(Expression::parse(std::string(500, '('), kColumns));
  EXPECT_FALSE(Expression::parse(std::string(500, '-'), kColumns));
}

}  // namespace
}  // namespace slipway::features
