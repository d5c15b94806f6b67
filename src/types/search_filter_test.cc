#include "types/search_filter.h"

#include <gtest/gtest.h>

#include <cmath>

namespace slipway::types {
namespace {

// A small grammar with everything that a real one may have.
constexpr std::string_view kMetricWords[] = {"metric", "metrics"};
constexpr std::string_view kTagWords[] = {"tag", "tags"};
constexpr std::string_view kAttributeWords[] = {"attribute", "attr"};
constexpr SearchKey kAttributes[] = {
    {.word = "status",
     .name = "status",
     .comparisons = kTextComparisons,
     .sortable = Sortable::kYes},
    {.word = "run_id", .name = "run_id", .comparisons = kTextComparisons | kListComparisons},
    {.word = "created",
     .name = "start_time",
     .kind = ValueKind::kNumber,
     .comparisons = kNumberComparisons},
    {.word = "version",
     .name = "version",
     .kind = ValueKind::kWholeNumber,
     .comparisons = kNumberComparisons},
    {.word = "updated", .name = "updated", .sortable = Sortable::kYes}};
constexpr SearchEntity kEntities[] = {
    {.entity = Entity::kMetric,
     .words = kMetricWords,
     .any = {.kind = ValueKind::kNumber,
             .comparisons = kNumberComparisons,
             .sortable = Sortable::kYes}},
    {.entity = Entity::kTag,
     .words = kTagWords,
     .any = {.comparisons = kTextComparisons | kNullComparisons}},
    {.entity = Entity::kAttribute, .words = kAttributeWords, .keys = kAttributes}};
constexpr SearchGrammar kGrammar{kEntities};

SearchClause one(std::string_view text) {
  const auto clauses = parse_search_filter(text, kGrammar);
  EXPECT_TRUE(clauses) << text << ": " << (clauses ? "" : clauses.error().message);
  if (!clauses || clauses->size() != 1) return {};
  return clauses->front();
}

TEST(SearchFilter, ReadsEveryForm) {
  const auto clauses =
      parse_search_filter(
          "metrics.auc >= -1e3 AND tags.\"max depth\" != '6' and tag.`a.b c` IS NOT NULL AND "
          "status = \"FINISHED\" AND run_id NOT IN ('a','b') AND tag.x ILIKE '%y%' AND created < "
          ".5 AND `tags`.`z` is null AND version = '7' AND metric.x>1. AND ",
          kGrammar)
          .value();
  ASSERT_EQ(clauses.size(), 10u);
  EXPECT_EQ(clauses[0].entity, Entity::kMetric);
  EXPECT_EQ(std::get<double>(clauses[0].value), -1000);
  EXPECT_EQ(clauses[1].key, "max depth");
  EXPECT_EQ(clauses[2].key, "a.b c");
  EXPECT_EQ(clauses[2].comparison, Comparison::kIsNotNull);
  EXPECT_EQ(clauses[3].entity, Entity::kAttribute);
  EXPECT_EQ(std::get<std::vector<std::string>>(clauses[4].value).size(), 2u);
  EXPECT_EQ(clauses[5].comparison, Comparison::kILike);
  EXPECT_EQ(clauses[6].key, "start_time");
  EXPECT_EQ(std::get<double>(clauses[6].value), 0.5);
  EXPECT_EQ(clauses[7].comparison, Comparison::kIsNull);
  EXPECT_EQ(std::get<double>(clauses[8].value), 7);
  EXPECT_EQ(std::get<double>(clauses[9].value), 1);
  EXPECT_TRUE(parse_search_filter("", kGrammar)->empty());
  EXPECT_TRUE(parse_search_filter("  ", kGrammar)->empty());
}

// As sqlparse, MLflow's reader, cuts texts: doubled and escaped quotes stay inside and stay as they
// are, unless nothing else closes the text.
TEST(SearchFilter, QuotesInsideTexts) {
  EXPECT_EQ(std::get<std::string>(one("tags.a = 'it''s'").value), "it''s");
  EXPECT_EQ(std::get<std::string>(one(R"(tags.a = 'it\'s')").value), R"(it\'s)");
  EXPECT_EQ(std::get<std::string>(one(R"(tags.a = 'C:\')").value), R"(C:\)");
  EXPECT_EQ(std::get<std::string>(one("tags.a = ''").value), "");
  EXPECT_EQ(std::get<std::string>(one("tags.a = \"it's\"").value), "it's");
}

TEST(SearchFilter, RefusesTheRestAndSaysWhy) {
  struct Case {
    std::string_view text, message;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"metrics.a", "Invalid clause(s) in filter string"},
           {"metrics.a >", "Expected numeric value type for metric"},
           {"metrics.a > 1 OR metrics.b > 1", "Invalid clause(s) in filter string"},
           {"(metrics.a > 1)", "Invalid clause(s) in filter string"},
           {"NOT metrics.a > 1", "Invalid clause(s) in filter string: expected a comparison"},
           {"nonsense here", "Invalid clause(s) in filter string: expected a comparison"},
           {"tags.a = 'x", "Invalid clause(s) in filter string: a quote is not closed"},
           {"color.x = '1'", "Invalid entity type 'color'"},
           {"METRICS.x = 1", "Invalid entity type 'METRICS'"},
           {"metrics.a >> 1", "Expected numeric value type for metric. Found >"},
           {"metrics.a > 1E+2", "Expected numeric value type for metric. Found 1E+2"},
           {"metrics.a > nan", "Expected numeric value type for metric. Found nan"},
           {"metrics.a > '1'", "Expected numeric value type for metric"},
           {"metrics.a > 1x", "Expected numeric value type for metric"},
           {"metrics.a LIKE 'x'", "Invalid comparator 'LIKE' not one of"},
           {"created > '5'", "Expected numeric value type for numeric attribute: start_time"},
           {"version > '5x'", "Invalid value for numeric attribute 'version'"},
           {"version > 5.5", "Invalid value for numeric attribute 'version'"},
           {"tags.a = x", "Parameter value is either not quoted"},
           {"tags.a = 5", "Expected a quoted string value for tag 'a'"},
           {"tags.a < '5'", "Invalid comparator '<' not one of"},
           {"tags.a IN ('x')", "Invalid comparator 'IN' not one of"},
           {"tags. = '1'", "Invalid clause(s) in filter string: expected a key"},
           {"status IN ('x')", "Only the 'run_id' attribute supports comparison with a list"},
           {"status IS NULL", "IS NULL / IS NOT NULL is not supported for attribute 'status'"},
           {"run_id IN ()", "While parsing a list in the query, expected a non-empty list"},
           {"run_id IN (1)", "While parsing a list in the query, expected a non-empty list"},
           {"run_id IN ('a'", "While parsing a list in the query, expected a non-empty list"},
           {"updated = '1'", "Invalid attribute key 'updated' specified. Valid keys are"},
           {"= 1", "Invalid clause(s) in filter string: expected a key"}}) {
    const auto parsed = parse_search_filter(c.text, kGrammar);
    ASSERT_FALSE(parsed) << c.text;
    EXPECT_EQ(parsed.error().code, Code::kInvalidArgument) << c.text;
    EXPECT_TRUE(parsed.error().message.starts_with(c.message))
        << c.text << ": " << parsed.error().message;
  }
}

TEST(SearchOrder, DirectionAndKey) {
  EXPECT_FALSE(parse_search_order("metrics.`a b` DESC", kGrammar)->ascending);
  EXPECT_EQ(parse_search_order("metrics.`a b` DESC", kGrammar)->key, "a b");
  EXPECT_TRUE(parse_search_order(" updated ", kGrammar)->ascending);
  EXPECT_TRUE(parse_search_order("status asc", kGrammar)->ascending);
  for (const char* text :
       {"status DOWN", "", "status DESC x", "run_id", "tags.a", "color.a", "status, updated"})
    EXPECT_FALSE(parse_search_order(text, kGrammar)) << text;
}

TEST(SearchMatches, Text) {
  struct Case {
    std::string_view clause, value;
    bool expected;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"status = 'a'", "a", true},
           {"status = 'a'", "A", false},
           {"status != 'a'", "b", true},
           {"status LIKE 'a%'", "abc", true},
           {"status LIKE 'a%'", "Abc", false},
           {"status ILIKE 'a%'", "Abc", true},
           {"status LIKE '%b%d'", "abcbxd", true},
           {"status LIKE '%b_d'", "abcbxd", true},
           {"status LIKE '%b_d'", "abcbxxd", false},
           {"status LIKE '_'", "\xc3\xa9", true},  // one character of two bytes
           {"status LIKE '%'", "", true},
           {"status LIKE 'a%\xa8'", "a%\xa8", true},  // no character at all
           {"status LIKE ''", "", true},
           {"status LIKE ''", "a", false},
           {"status LIKE 'a*[?'", "a*[?", true},
           {"status LIKE '%a%a%a%b'", "aaaaaaaaaaaaaaaaaaaaaa", false},
           {"run_id IN ('a', 'b')", "b", true},
           {"run_id NOT IN ('a', 'b')", "b", false},
           {"run_id NOT IN ('a', 'b')", "c", true},
           {"tags.x IS NOT NULL", "", true},
           {"tags.x IS NULL", "", false}}) {
    EXPECT_EQ(matches(one(c.clause), c.value), c.expected) << c.clause << " on " << c.value;
  }
  const std::optional<std::string_view> absent;
  EXPECT_TRUE(matches(one("tags.x IS NULL"), absent));
  EXPECT_FALSE(matches(one("tags.x != 'a'"), absent));
  EXPECT_FALSE(matches(one("run_id NOT IN ('a')"), absent));
}

TEST(SearchMatches, Numbers) {
  EXPECT_TRUE(matches(one("metrics.a >= 1"), 1.0));
  EXPECT_FALSE(matches(one("metrics.a < 1"), 1.0));
  EXPECT_TRUE(matches(one("metrics.a != 1"), std::nan("")));
  EXPECT_FALSE(matches(one("metrics.a >= 1"), std::nan("")));
  EXPECT_FALSE(matches(one("metrics.a != 1"), std::optional<double>()));
}

TEST(SearchMatches, RequiredText) {
  const auto clauses = parse_search_filter("status LIKE 'a' AND run_id = 'x'", kGrammar).value();
  EXPECT_EQ(required_text(clauses, "run_id"), "x");
  EXPECT_FALSE(required_text(clauses, "status"));
}

TEST(TextPattern, FindsAndRefuses) {
  EXPECT_TRUE(MUST(TextPattern::compile("^a.*z$")).finds("abcz"));
  EXPECT_FALSE(MUST(TextPattern::compile("^a.*z$")).finds("abczy"));
  EXPECT_TRUE(MUST(TextPattern::compile("b")).finds("abc")) << "anywhere";
  const std::string too_long(1001, 'a');
  for (const std::string_view wrong :
       {std::string_view("("), std::string_view("[z-a]"), std::string_view(too_long)})
    EXPECT_EQ(TextPattern::compile(wrong).error().code, Code::kInvalidArgument) << wrong;
  // Takes exponentially long where nobody stops it.
  std::string text(40, 'a');
  text.push_back('b');
  EXPECT_FALSE(MUST(TextPattern::compile("(a+)+$")).finds(text));
}

}  // namespace
}  // namespace slipway::types
