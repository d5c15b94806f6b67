#include <gtest/gtest.h>

#include <algorithm>

#include "api/feast/cells.h"
#include "api/feast/feast_routes.h"
#include "base/json.h"
#include "features/testing/trips.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::api::feast {
namespace {

using features::Value;
using features::ValueType;

class FeastTest : public ::testing::Test {
 protected:
  FeastTest() {
    MUST(db_->migrate({features::migrations()}));
    MUST(features_.set_definitions(
        MUST(features::parse_definitions(features::testing::kTripsYaml))));
  }
  http::Response post(const std::string& pattern, const std::string& body) {
    const auto route =
        std::ranges::find_if(routes_, [&](const http::Route& r) { return r.pattern == pattern; });
    http::Request request;
    request.method = http::Method::kPost;
    request.body = body;
    request.target = request.path = pattern;
    return route->handler(request);
  }
  // "NAME=values statuses event_timestamps" of a column, or the error's text.
  std::string column(const std::string& body, std::string_view name) {
    const http::Response response = post("/get-online-features", body);
    const Json answer = base::parse_json(response.body).value();
    if (response.status != 200) return response.body;
    const JsonArray& names = answer.at("metadata").at("feature_names").get_array();
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i].get_string() != name) continue;
      const Json& result = answer.at("results").at(i);
      return base::to_text(result.at("values")) + base::to_text(result.at("statuses")) +
             base::to_text(result.at("event_timestamps"));
    }
    return "no such column: " + response.body;
  }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{200 * 60'000'000ll}};
  base::SeededRandom random_{1};
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "f.db"}, clock_, random_).value();
  features::testing::MemoryTables tables_ = features::testing::random_trips(1, 0);
  features::FeatureStore features_{*db_, tables_, clock_};
  std::vector<http::Route> routes_ = feast_routes(features_, {.values_max = 100});
};

constexpr const char* kPushed =
    R"({"push_source_name":"landings","to":"online","df":{"id":[1,2],"carrier":["A","A"],"place":["X","Y"],
        "landed_at":["1970-01-01T01:00:00","1970-01-01 01:40:00"],"known_at":["1970-01-01T01:00:00Z","1970-01-01T01:40:00+00:00"],
        "delay":[10,null],"nobody_reads_this":[1,2]}})";

TEST_F(FeastTest, WhatIsPushedIsReadWithWhatWasSeen) {
  ASSERT_EQ(post("/push", kPushed).status, 200);
  const std::string body =
      R"({"features":["newest:delay","carrier:landed_1h","carrier:landed_24h"],"entities":{"carrier":["A","B"]}})";
  EXPECT_EQ(column(body, "carrier"),
            R"(["A","B"]["PRESENT","PRESENT"]["1970-01-01T00:00:00Z","1970-01-01T00:00:00Z"])");
  EXPECT_EQ(
      column(body, "delay"),
      R"([null,null]["NULL_VALUE","NOT_FOUND"]["1970-01-01T01:40:00Z","1970-01-01T00:00:00Z"])");
  EXPECT_EQ(column(body, "landed_24h"),
            R"([2,0]["PRESENT","NOT_FOUND"]["1970-01-01T01:40:00Z","1970-01-01T00:00:00Z"])");
  clock_.set({1000 * 60'000'000ll});  // past the ttl of six hours
  EXPECT_EQ(
      column(body, "delay"),
      R"([null,null]["OUTSIDE_MAX_AGE","NOT_FOUND"]["1970-01-01T01:40:00Z","1970-01-01T00:00:00Z"])");
  EXPECT_EQ(column(body, "landed_1h").substr(0, 5), "[0,0]");
}

TEST_F(FeastTest, AServiceIsAskedAtItsOwnTimeOrNow) {
  ASSERT_EQ(post("/push", kPushed).status, 200);
  const std::string keys = R"("carrier":["A"],"place":["X"])";
  const std::string begin = R"({"feature_service":"trips","full_feature_names":true,"entities":{)";
  EXPECT_EQ(column(begin + keys + "}}", "newest__delay").substr(0, 20), R"([null]["NULL_VALUE"])");
  EXPECT_EQ(column(begin + keys + "}}", "calendar__hour").substr(0, 6), "[2.2E1");
  const std::string then = keys + R"(,"asked_at":["1970-01-01T01:30:00Z"])";
  EXPECT_EQ(column(begin + then + "}}", "newest__delay").substr(0, 16), R"([1E1]["PRESENT"])");
  EXPECT_EQ(column(begin + then + "}}", "calendar__hour").substr(0, 6), "[2E1][");
}

TEST_F(FeastTest, ErrorsAreFeasts) {
  struct Case {
    const char* name;
    const char* route;
    const char* body;
    int status;
    const char* words;
  };
  for (
      const Case& c : std::vector<Case>{
          {"no JSON", "/get-online-features", "{", 422, "{\"detail\":[{"},
          {"no entities", "/get-online-features", R"({"features":["a:b"]})", 422, "entities"},
          {"ragged", "/get-online-features", R"({"entities":{"a":[1],"b":[]}})", 422,
           "All entity rows must have the same columns"},
          {"nothing asked", "/get-online-features", R"({"entities":{"carrier":["A"]}})", 422,
           "No features specified"},
          {"no view", "/get-online-features",
           R"({"features":["nope:x"],"entities":{"carrier":["A"]}})", 404,
           R"(\"class\":\"FeatureViewNotFoundException\")"},
          {"no service", "/get-online-features",
           R"({"feature_service":"nope","entities":{"carrier":["A"]}})", 404,
           R"(\"class\":\"FeatureServiceNotFoundException\")"},
          {"no feature", "/get-online-features",
           R"({"features":["newest:nope"],"entities":{"carrier":["A"]}})", 422,
           "Feature nope not found in view newest"},
          {"no reference", "/get-online-features",
           R"({"features":["newest"],"entities":{"carrier":["A"]}})", 422,
           "Invalid feature reference 'newest'"},
          {"a version", "/get-online-features",
           R"({"features":["newest@v2:delay"],"entities":{"carrier":["A"]}})", 422, "versions"},
          {"twice", "/get-online-features",
           R"({"features":["newest:delay","newest:delay"],"entities":{"carrier":["A"]}})", 422,
           "FeatureNameCollisionError"},
          {"no key", "/get-online-features",
           R"({"features":["newest:delay"],"entities":{"x":[1]}})", 422,
           "Missing join key values for keys: ['carrier']"},
          {"null key", "/get-online-features",
           R"({"features":["newest:delay"],"entities":{"carrier":[null]}})", 422,
           "carrier is null in row 0"},
          {"ill-typed key", "/get-online-features",
           R"({"features":["newest:delay"],"entities":{"carrier":[{"a":1}]}})", 422,
           "carrier must be a text"},
          {"no rows", "/get-online-features",
           R"({"features":["newest:delay"],"entities":{"carrier":[]}})", 422, "no rows"},
          {"too many", "/get-online-features",
           R"({"features":["spread:first_1h"],"entities":{"carrier":["A","A","A","A","A","A","A"]}})",
           429, "feast-values-max"},
          {"no source", "/push", R"({"push_source_name":"nope","df":{}})", 422,
           R"(\"class\":\"PushSourceNotFoundException\")"},
          {"offline", "/push", R"({"push_source_name":"landings","df":{},"to":"offline"})", 422,
           "datasets"},
          {"bad mode", "/push", R"({"push_source_name":"landings","df":{},"to":"up"})", 422,
           "up is not a supported push format"},
          {"missing column", "/push", R"({"push_source_name":"landings","df":{"carrier":["A"]}})",
           422, "df has no column place"},
          {"ragged frame", "/push",
           R"({"push_source_name":"landings","df":{"carrier":["A"],"delay":[]}})", 422,
           "same length"},
          {"unit of a time", "/push",
           R"({"push_source_name":"landings","df":{"carrier":["A"],"place":["X"],"delay":[1],"landed_at":[5]}})",
           422, "does not say its unit"},
          {"no df", "/push", R"({"push_source_name":"landings"})", 422, "{\"detail\":[{"},
          {"no view to write", "/write-to-online-store", R"({"feature_view_name":"nope","df":{}})",
           404, "FeastObjectNotFoundException"},
          {"computed from requests", "/write-to-online-store",
           R"({"feature_view_name":"calendar","df":{}})", 422, "has no rows"},
          {"no event time", "/write-to-online-store", R"({"feature_view_name":"place","df":{}})",
           422, "no event time"},
          {"an aggregate", "/write-to-online-store",
           R"({"feature_view_name":"carrier","df":{"mean_delay_1h":[1]}})", 422,
           "fed with the rows it aggregates"},
          {"bad time", "/materialize", R"({"start_ts":"x","end_ts":"2024-01-01T00:00:00"})", 422,
           "start_ts"},
          {"no view to load", "/materialize-incremental",
           R"({"end_ts":"2024-01-01T00:00:00","feature_views":["nope"]})", 404,
           "FeatureViewNotFoundException"},
          {"no end", "/materialize-incremental", "{}", 422, "end_ts"}}) {
    SCOPED_TRACE(c.name);
    const http::Response response = post(c.route, c.body);
    EXPECT_EQ(response.status, c.status);
    EXPECT_NE(response.body.find(c.words), std::string::npos) << response.body;
  }
}

TEST_F(FeastTest, AViewIsWrittenByItsOwnNames) {
  const http::Response written =
      post("/write-to-online-store", R"({"feature_view_name":"newest","df":{
      "carrier":["A","B"],"place":["X","X"],"delay":[1.5,2],"event_timestamp":["1970-01-01T03:00:00","1970-01-01T03:00:00"],"created":[null,null]}})");
  EXPECT_EQ(written.status, 200) << written.body;
  EXPECT_EQ(written.body, "null");
  clock_.set({201 * 60'000'000ll});
  EXPECT_EQ(column(R"({"features":["newest:delay"],"entities":{"carrier":["A","B"]}})", "delay"),
            R"([1.5E0,2E0]["PRESENT","PRESENT"]["1970-01-01T03:00:00Z","1970-01-01T03:00:00Z"])");
}

TEST_F(FeastTest, LoadingAnOlderTimeTakesNothingAway) {
  const auto materialize = [&](const char* end) {
    return post("/materialize-incremental",
                fmt::format(R"({{"end_ts":"{}","feature_views":["place"]}})", end))
        .status;
  };
  EXPECT_EQ(materialize("1970-01-01T02:00:00"), 200);
  EXPECT_EQ(materialize("1970-01-01T01:00:00"), 200);
  EXPECT_EQ(features_.materialized().value(), types::Timestamp{120 * 60'000'000ll});
  EXPECT_EQ(materialize("2100-01-01T01:00:00"), 200);  // until now
  EXPECT_EQ(features_.materialized().value(), clock_.now());
  EXPECT_EQ(
      column(R"({"features":["place:size"],"entities":{"place":["X","Z"]}})", "size"),
      R"([8.8E1,null]["PRESENT","NOT_FOUND"]["1970-01-01T00:00:00Z","1970-01-01T00:00:00Z"])");
}

TEST(Cells, AreReadAndWrittenAsFeastDoes) {
  struct Case {
    const char* json;
    ValueType type;
    bool is_whole;
    const char* written;
  };
  for (const Case& c :
       std::vector<Case>{{"5", ValueType::kNumber, false, "5.0"},
                         {"5", ValueType::kNumber, true, "5"},
                         {"\"1001\"", ValueType::kNumber, true, "1001"},
                         {"1e300", ValueType::kNumber, false, "1e+300"},
                         {"\"inf\"", ValueType::kNumber, false, "\"Infinity\""},
                         {"\"x\"", ValueType::kNumber, false, "refused"},
                         {"\"\"", ValueType::kNumber, false, "refused"},
                         {"true", ValueType::kBool, false, "true"},
                         {"null", ValueType::kText, false, "null"},
                         {"\"a\\\"b\"", ValueType::kText, false, "\"a\\\"b\""},
                         {"7", ValueType::kText, false, "refused"},
                         {"-1", ValueType::kTime, false, "-1"},
                         {"9223372036854775807", ValueType::kTime, false, "refused"},
                         {"-9223372036854775808", ValueType::kTime, false, "refused"},
                         {"\"1969-12-31T23:59:59.5\"", ValueType::kTime, false, "-1"},
                         {"\"1970-01-02 00:00:00\"", ValueType::kTime, false, "86400"},
                         {"\"1970-01-02T00:00:00+01:00\"", ValueType::kTime, false, "82800"},
                         {"\"soon\"", ValueType::kTime, false, "refused"}}) {
    SCOPED_TRACE(c.json);
    const auto value = read_cell(base::parse_json(c.json).value(), c.type, "x");
    std::string out;
    if (value) write_cell(out, *value, c.type, c.is_whole);
    EXPECT_EQ(value ? out : "refused", c.written);
  }
}

}  // namespace
}  // namespace slipway::api::feast
