// The executor through its public face: what is picked, which edges are followed, what is refused.
#include <gtest/gtest.h>

#include "api/graphql/executor.h"

namespace slipway::api::graphql {
namespace {

class GraphqlTest : public ::testing::Test {
 protected:
  GraphqlTest() {
    schema_.queries["run"] = [](const JsonObject& arguments) -> Result<Json> {
      const std::string id = base::get_string(arguments, "id").value_or("none");
      if (id == "missing") return base::error(Code::kNotFound, "no such run");
      return Json(JsonObject{{"__typename", "Run"},
                             {"id", id},
                             {"metrics", JsonArray{JsonObject{{"key", "a"}, {"value", 1.5}},
                                                   JsonObject{{"key", "b"}, {"value", 2.5}}}}});
    };
    schema_.queries["echo"] = [](const JsonObject& arguments) -> Result<Json> {
      return Json(arguments);
    };
    schema_.mutations["run"] = schema_.queries["run"];
    schema_.edges[{"Run", "experiment"}] = [this](const JsonObject& run, const JsonObject&) {
      ++followed_;
      return Result<Json>(Json(JsonObject{
          {"__typename", "Experiment"}, {"name", "of " + std::string(run.at("id").as_string())}}));
    };
  }
  std::string ask(std::string_view text, const std::string& variables = "{}",
                  std::string_view operation = "") {
    const Outcome outcome =
        execute(schema_, Limits(), {text, operation, MUST(base::parse_json_object(variables))});
    std::string reply = base::to_text(outcome.data);
    for (const std::string& error : outcome.errors) reply += " | " + error;
    return reply;
  }

  Schema schema_;
  int followed_ = 0;
};

TEST_F(GraphqlTest, PicksWhatIsSelected) {
  const struct {
    std::string_view query;
    std::string variables, expected;
  } cases[] = {
      {R"({run(id: "7") {id}})", "{}", R"({"run":{"id":"7"}})"},
      {R"(query q($i: String!) {run(id: $i) {id}})", R"({"i":"8"})", R"({"run":{"id":"8"}})"},
      {R"(query q($i: String = "9") {run(id: $i) {id}})", "{}", R"({"run":{"id":"9"}})"},
      {R"(query q($i: [String!]!) {run {id}})", "{}",
       "null | Variable '$i' of required type was not provided."},
      {R"({a: run(id: "1") {key: id} b: run(id: "2") {id, __typename}})", "{}",
       R"({"a":{"key":"1"},"b":{"id":"2","__typename":"Run"}})"},
      {R"({run {metrics {value key}}})", "{}",
       R"({"run":{"metrics":[{"value":1.5E0,"key":"a"},{"value":2.5E0,"key":"b"}]}})"},
      {R"({run {nothing {deeper} id}})", "{}", R"({"run":{"nothing":null,"id":"none"}})"},
      {R"(query a {run {...head}} fragment head on Run {id ... on Run {again: id} ... on Other {no}})",
       "{}", R"({"run":{"id":"none","again":"none"}})"},
      {R"({run {id} run {metrics {key}}})", "{}",
       R"({"run":{"id":"none","metrics":[{"key":"a"},{"key":"b"}]}})"},
      {R"(query q($no: Boolean!) {run {id @include(if: $no) kept: id @skip(if: $no)}})",
       R"({"no":false})", R"({"run":{"kept":"none"}})"},
      {R"(query q @component(name: "x") {run {id}})", "{}", R"({"run":{"id":"none"}})"},
      {R"(mutation {run {id}})", "{}", R"({"run":{"id":"none"}})"},
      {R"({run(id: "missing") {id} b: run {id}})", "{}",
       R"({"run":null,"b":{"id":"none"}} | no such run)"},
      {R"({what})", "{}", R"({"what":null} | Cannot query field 'what' on type 'Query'.)"},
      {"{echo(a: 1 b: -2.5 c: \"x\\u00e9\\n\" d: [RED, null] e: \"\"\"a \"b\" \\\"\"\" \"\"\") "
       "{a b c d e}} # done",
       "{}", R"({"echo":{"a":1,"b":-2.5E0,"c":"xé\n","d":["RED",null],"e":"a \"b\" \"\"\" "}})"},
  };
  for (const auto& c : cases) EXPECT_EQ(ask(c.query, c.variables), c.expected) << c.query;
}

TEST_F(GraphqlTest, FollowsAnEdgeOnlyWhenAsked) {
  ask("{run {id}}");
  EXPECT_EQ(followed_, 0);
  EXPECT_EQ(ask(R"({run(id: "7") {experiment {name}}})"),
            R"({"run":{"experiment":{"name":"of 7"}}})");
  EXPECT_EQ(followed_, 1);
}

TEST_F(GraphqlTest, ChoosesTheOperation) {
  const std::string_view two = R"(query a {run {id}} query b {run {key: id}})";
  EXPECT_EQ(ask(two, "{}", "b"), R"({"run":{"key":"none"}})");
  EXPECT_TRUE(ask(two).starts_with("null | Must provide operation name"));
  EXPECT_TRUE(ask(two, "{}", "c").starts_with("null | Unknown operation"));
}

TEST_F(GraphqlTest, RefusesWhatIsTooMuch) {
  const auto repeated = [](std::string_view before, auto each, int count, std::string_view after) {
    std::string text(before);
    for (int i = 0; i < count; ++i) text += each(i);
    return text + std::string(after);
  };
  const struct {
    std::string query, message;
  } cases[] = {
      {repeated(
           "{", [](int i) { return fmt::format("k{}: run {{id}} ", i); }, 11, "}"),
       "GraphQL queries should have at most 10 root fields"},
      {repeated(
           "{run {", [](int i) { return fmt::format("k{}: id ", i); }, 11, "}}"),
       "GraphQL queries should have at most 10 aliases"},
      {repeated(
           "{", [](int) { return "run {"; }, 11, "id") +
           std::string(12, '}'),
       "Query exceeds maximum depth of 10"},
      {repeated(
           "{run {", [](int i) { return fmt::format("f{} ", i); }, 1000, "}}"),
       "Query exceeds maximum total selections of 1000"},
      {"{run {...a}} fragment a on Run {x {...a}}", "Query exceeds maximum depth of 10"},
      {"{run {...none}}", "Unknown fragment 'none'."},
      {repeated(
           "{run", [](int) { return "{a"; }, 100, ""),
       "Syntax Error: nested deeper than 64"},
      {repeated(
           "{run(a: ", [](int) { return "["; }, 100, ""),
       "Syntax Error: nested deeper"},
  };
  for (const auto& c : cases)
    EXPECT_TRUE(ask(c.query).starts_with("null | " + c.message)) << ask(c.query);
  EXPECT_EQ(ask(repeated(
                    "{run {", [](int i) { return fmt::format("f{} ", i); }, 999, "}}"))
                .find("exceeds"),
            std::string::npos);
  // A fragment may stand twice in one place without being followed forever.
  EXPECT_EQ(ask("{run {...a ...a}} fragment a on Run {id ...a}"), R"({"run":{"id":"none"}})");
}

TEST_F(GraphqlTest, SaysWhereTheTextIsBroken) {
  for (const char* bad : {"",
                          "{",
                          "}",
                          "{}",
                          "{run",
                          "{run(}",
                          "{run(id:)}",
                          "query",
                          "{a b",
                          "{\"a\"}",
                          "{run(a: \"x)}",
                          "{run(a: 1.2.3)}",
                          "{run(a: 99999999999999999999)}",
                          "{run(a: \"\\q\")}",
                          "fragment a on B {c}",
                          "query q($a) {run}",
                          "{run(a: \"\"\"x)}",
                          "{a: }",
                          "{...}",
                          "?",
                          "{run(a: -)}"}) {
    EXPECT_TRUE(ask(bad).starts_with("null | Syntax Error: expected ")) << bad << ": " << ask(bad);
  }
  EXPECT_NE(ask("{\n  run(id: )\n}").find("(line 2, column 11)"), std::string::npos);
}

}  // namespace
}  // namespace slipway::api::graphql
