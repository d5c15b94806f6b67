#include <gtest/gtest.h>

#include "api/openlineage/event_reader.h"
#include "api/openlineage/naming.h"
#include "api/openlineage/openlineage_routes.h"
#include "api/openlineage/rules.h"
#include "api/openlineage/run_event.h"
#include "lineage/tables.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::api::openlineage {
namespace {

using http::Method;
using http::Request;
using http::Response;

constexpr const char* kId = "01938a1e-7a3e-7cc0-8000-00000000000a";

// An event with members of its own.
std::string event(std::string_view members) {
  return fmt::format(
      R"({{"eventTime":"2026-01-02T03:04:05.678Z","producer":"https://x","schemaURL":"https://y",{}}})",
      members);
}
std::string run_event(std::string_view more = "") {
  return event(fmt::format(
      R"("eventType":"START","run":{{"runId":"{}"}},"job":{{"namespace":"n","name":"j"}}{})", kId,
      more));
}

Result<lineage::Event> read(std::string_view text, std::size_t datasets_max = 3) {
  return read_event(MUST(base::parse_json(text)), {.datasets_max = datasets_max, .facets_max = 8});
}

TEST(EventReader, ARunEvent) {
  const auto told = MUST(read(run_event(
      R"(,"inputs":[{"namespace":"s","name":"a","facets":{"version":{"datasetVersion":"7"},
      "symlinks":{"identifiers":[{"namespace":"t","name":"b","type":"TABLE"}]},"mine":{"x":[1]},
      "gone":{"_deleted":true}},"inputFacets":{"rows":{"n":1}}}])")));
  EXPECT_EQ(told.run->id, kId);
  EXPECT_EQ(told.run->state, lineage::RunState::kStarted);
  EXPECT_EQ(told.time.micros % 1'000'000, 678'000);
  const lineage::DatasetTold& input = told.job->inputs.at(0);
  EXPECT_EQ(input.version, "7");
  EXPECT_EQ(input.other_names, (std::vector<lineage::Name>{{"t", "b"}}));
  EXPECT_EQ(input.facets.at("mine"), R"({"x":[1]})") << "kept as it is";
  EXPECT_EQ(input.facets.at("gone"), "") << "taken away";
  EXPECT_EQ(input.use_facets.at("rows"), R"({"n":1})");
}

TEST(EventReader, ASymlinkOfNothingIsNone) {
  const auto told = MUST(read(run_event(
      R"(,"inputs":[{"namespace":"s","name":"a","facets":{"symlinks":{"identifiers":[
      {"namespace":"","name":"b","type":"TABLE"},{"namespace":"t","name":"b","type":"TABLE"}]}}}])")));
  EXPECT_EQ(told.job->inputs.at(0).other_names, (std::vector<lineage::Name>{{"t", "b"}}));
}

TEST(EventReader, FacetsHaveALimit) {
  std::string facets = R"("f0":{})";
  for (int i = 1; i < 9; ++i) facets += fmt::format(R"(,"f{}":{{}})", i);
  const auto refused = read(run_event(
      fmt::format(R"(,"inputs":[{{"namespace":"s","name":"a","facets":{{{}}}}}])", facets)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  EXPECT_NE(refused.error().message.find("facets=9 max=8"), std::string::npos);
}

TEST(EventReader, WhatIsWrongIsSaidWithWhereItIs) {
  const struct {
    const char* name;
    std::string text, words;
  } cases[] = {
      {"no object", "[]", "an event is an object"},
      {"nothing in it", event(R"("x":1)"), "this one has none"},
      {"no time", R"({"producer":"x"})", "eventTime: is missing"},
      {"a time without a zone",
       R"({"eventTime":"2026-01-02T03:04:05","producer":"x","schemaURL":"y"})", "eventTime: "},
      {"no producer", R"({"eventTime":"2026-01-02T03:04:05Z"})", "producer: is missing"},
      {"a run without a job", event(fmt::format(R"("run":{{"runId":"{}"}})", kId)),
       "job: is missing"},
      {"a run's id", event(R"("run":{"runId":"7"},"job":{"namespace":"n","name":"j"})"),
       "run.runId: a UUID is expected: got=7"},
      {"a type",
       event(fmt::format(
           R"("eventType":"END","run":{{"runId":"{}"}},"job":{{"namespace":"n","name":"j"}})",
           kId)),
       "eventType: is START"},
      {"a job's name", event(R"("job":{"namespace":"n","name":""})"), "job.name: is empty"},
      {"a job's namespace", event(R"("job":{"namespace":7,"name":"x"})"),
       "job.namespace: a text is expected"},
      {"inputs", run_event(R"(,"inputs":{})"), "inputs: a list"},
      {"an output", run_event(R"(,"outputs":[{"namespace":"s","name":"a"},{"name":"b"}])"),
       "outputs[1].namespace: is missing"},
      {"a facet", run_event(R"(,"outputs":[{"namespace":"s","name":"a","facets":{"schema":[]}}])"),
       "outputs[0].facets.schema: a facet is an object"},
      {"a version",
       run_event(R"(,"inputs":[{"namespace":"s","name":"a","facets":{"version":{}}}])"),
       "inputs[0].facets.version.datasetVersion: is missing"},
      {"a symlink",
       run_event(
           R"(,"inputs":[{"namespace":"s","name":"a","facets":{"symlinks":{"identifiers":[3]}}}])"),
       "inputs[0].facets.symlinks.identifiers[0]: "},
      {"a name that is too long",
       event(fmt::format(R"("dataset":{{"namespace":"n","name":"{}"}})", std::string(1001, 'x'))),
       "dataset.name: is too long: bytes=1001 max=1000"},
      {"a NUL", event(R"("dataset":{"namespace":"n","name":"a\u0000"})"), "has a NUL"},
  };
  for (const auto& c : cases) {
    const auto told = read(c.text);
    ASSERT_FALSE(told) << c.name;
    EXPECT_EQ(told.error().code, Code::kInvalidArgument) << c.name;
    EXPECT_NE(told.error().message.find(c.words), std::string::npos) << told.error().message;
  }
}

TEST(EventReader, Limits) {
  const auto with = [](int count) {
    std::string list;
    for (int i = 0; i < count; ++i)
      list += fmt::format(R"({}{{"namespace":"s","name":"d{}"}})", i == 0 ? "" : ",", i);
    return run_event(fmt::format(R"(,"outputs":[{}])", list));
  };
  EXPECT_TRUE(read(with(3)));
  EXPECT_EQ(read(with(4)).error().code, Code::kResourceExhausted);
  EXPECT_TRUE(read(
      event(fmt::format(R"("dataset":{{"namespace":"n","name":"{}"}})", std::string(1000, 'x')))));
}

TEST(EventReader, Uuids) {
  EXPECT_EQ(parse_uuid("01938A1E-7A3E-7CC0-8000-00000000000A"), kId);
  for (const char* text :
       {"", "01938a1e7a3e7cc0800000000000000a", "01938a1e-7a3e-7cc0-8000-00000000000g",
        "01938a1e-7a3e-7cc0-8000-00000000000a0"})
    EXPECT_FALSE(parse_uuid(text)) << text;
}

TEST(Naming, PlacesHaveNames) {
  using lineage::Name;
  const struct {
    const char* address;
    std::optional<Name> name;
  } cases[] = {
      {"/data/flights/", Name{"file", "/data/flights"}},
      {"s3://bucket/a/b.parquet", Name{"s3://bucket", "a/b.parquet"}},
      {"s3://bucket", Name{"s3://bucket", "/"}},
      {"s3://", std::nullopt},
      {"gs://bucket/x", std::nullopt},
  };
  for (const auto& c : cases) EXPECT_EQ(name_of_address(c.address), c.name) << c.address;
  EXPECT_EQ(name_of_table("postgresql://u:p@db:5433/shop?sslmode=x", "sales.orders"),
            (Name{"postgres://db:5433", "shop.sales.orders"}));
  EXPECT_EQ(name_of_table("postgresql://db/shop", "orders"),
            (Name{"postgres://db:5432", "shop.public.orders"}));
  EXPECT_EQ(name_of_table("mysql://db/shop", "orders"), std::nullopt);
  EXPECT_EQ(name_of_table("postgresql://db", "orders"), std::nullopt);
  EXPECT_EQ(canonical({"s3a://b/", "/x/"}), (Name{"s3://b", "x"}));
  EXPECT_EQ(canonical({"file://", "/x"}), (Name{"file", "/x"}));
  EXPECT_EQ(canonical({"postgresql://db:1", "a.b.c"}), (Name{"postgres://db:1", "a.b.c"}));
  for (const Name& name : {Name{"s3://b", "x"}, Name{"file", "/x"}, Name{"postgres://d:1", "a"}}) {
    const auto all = spellings(name);
    EXPECT_GT(all.size(), 1u);
    for (const Name& one : all) EXPECT_EQ(canonical(one), name) << one.space;
  }
}

TEST(RunEvent, WhatIsSaidIsRead) {
  RunSaid said{.time = {1'700'000'000'000'000},
               .state = lineage::RunState::kFailed,
               .id = uuid_of("a run"),
               .job = {"n", "p.s"},
               .job_type = "STEP",
               .parent = RunSaid::Parent{.id = uuid_of("its parent"), .job = {"n", "p"}},
               .nominal_time = base::Timestamp{1'700'000'000'000'000},
               .error = "exit code 7",
               .version = "1"};
  said.inputs = {{.name = {"n", "visits"}, .version = "3", .place = lineage::Name{"file", "/v"}}};
  said.outputs = {{.name = {"n", "p/s"}, .version = "x", .files = 2}};
  const auto told = MUST(read_event(to_event(said), {.datasets_max = 10}));
  EXPECT_EQ(told.time, said.time);
  EXPECT_EQ(told.run->state, said.state);
  EXPECT_EQ(told.run->id, said.id);
  EXPECT_EQ(told.run->parent, said.parent->id);
  EXPECT_EQ(told.run->parent_job, said.parent->job);
  EXPECT_NE(told.run->facets.at("errorMessage").find("exit code 7"), std::string::npos);
  EXPECT_NE(told.run->facets.at("nominalTime").find("2023-11-14T22:13:20Z"), std::string::npos);
  EXPECT_EQ(told.job->name, said.job);
  EXPECT_EQ(told.job->inputs.at(0).version, "3");
  EXPECT_EQ(told.job->inputs.at(0).other_names, (std::vector<lineage::Name>{{"file", "/v"}}));
  EXPECT_NE(told.job->outputs.at(0).use_facets.at("outputStatistics").find("\"fileCount\":2"),
            std::string::npos);
  for (const auto state :
       {lineage::RunState::kStarted, lineage::RunState::kRunning, lineage::RunState::kCompleted,
        lineage::RunState::kAborted, lineage::RunState::kUnknown}) {
    said.state = state;
    EXPECT_EQ(MUST(read_event(to_event(said), {.datasets_max = 10})).run->state, state);
  }
}

TEST(RunEvent, Uuids) {
  EXPECT_EQ(uuid_of("a"), uuid_of("a"));
  for (int i = 0; i < 100; ++i) {
    const std::string uuid = uuid_of(std::to_string(i));
    EXPECT_EQ(parse_uuid(uuid), uuid);
    EXPECT_EQ(uuid[14], '8');
    EXPECT_NE(std::string("89ab").find(uuid[19]), std::string::npos) << uuid;
  }
}

class Nothing final : public lineage::OwnDatasets {
 public:
  Result<std::map<lineage::Name, std::string>> find(const std::vector<lineage::Name>&) override {
    return std::map<lineage::Name, std::string>();
  }
  Result<std::vector<lineage::Name>> names_of(const std::string&) override {
    return std::vector<lineage::Name>();
  }
};

class OpenLineageTest : public ::testing::Test {
 protected:
  OpenLineageTest() {
    MUST(db_->migrate({lineage::migrations()}));
    router_.add_all(openlineage_routes(
        lineage_, {.event_bytes_max = 4000, .events_max = 3, .event = {.datasets_max = 2}}));
    router_.set_fallback("/api/v1/", no_route);
  }
  Response send(std::string_view path, std::string_view body, std::string_view encoding = "",
                Method method = Method::kPost) {
    Request request;
    request.method = method;
    request.target = request.path = path;
    request.body = body;
    if (!encoding.empty()) request.headers.emplace_back("Content-Encoding", encoding);
    std::vector<Method> allowed;
    const http::Route* route = router_.match(request, allowed);
    return route == nullptr ? router_.no_route(request, allowed) : route->handler(request);
  }
  static JsonObject json(const Response& response) {
    return MUST(base::parse_json_object(response.body));
  }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{1'700'000'000'000'000}};
  base::SystemRandom random_;
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "t.db"}, clock_, random_).value();
  Nothing nothing_;
  lineage::Lineage lineage_{*db_, clock_, nothing_, {}};
  http::Router router_;
};

TEST_F(OpenLineageTest, AnEventIsKept) {
  EXPECT_EQ(send("/api/v1/lineage", run_event()).status, 200);
  EXPECT_EQ(send("/api/v1/lineage", run_event()).status, 200) << "again";
  EXPECT_EQ(MUST(lineage_.events_of_run(kId, {})).at("events").as_array().size(), 1u);
}

TEST_F(OpenLineageTest, RefusalsHaveACodeAndAMessage) {
  const struct {
    const char* name;
    Response response;
    int status;
    const char* words;
  } cases[] = {
      {"no JSON", send("/api/v1/lineage", "{"), 400, ""},
      {"no event", send("/api/v1/lineage", "{}"), 400, "eventTime: is missing"},
      {"no gzip", send("/api/v1/lineage", "x", "gzip"), 400, "decompress"},
      {"an encoding", send("/api/v1/lineage", "x", "br"), 400, "br"},
      {"too large", send("/api/v1/lineage", std::string(4001, ' ')), 413, "max=4000"},
      {"a batch that is none", send("/api/v1/lineage/batch", "{}"), 400, "a list of events"},
      {"too long a batch", send("/api/v1/lineage/batch", "[1,2,3,4]"), 413, "events=4 max=3"},
      {"another path", send("/api/v1/namespaces", "", "", Method::kGet), 404,
       "POST /api/v1/lineage"},
      {"another method", send("/api/v1/lineage", "", "", Method::kGet), 405,
       "POST /api/v1/lineage"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(c.response.status, c.status) << c.name << ": " << c.response.body;
    EXPECT_EQ(json(c.response)["code"].as_int64(), c.status) << c.name;
    EXPECT_NE(json(c.response)["message"].as_string().find(c.words), std::string::npos)
        << c.response.body;
  }
}

TEST_F(OpenLineageTest, ABatchSaysWhichEventsWereBad) {
  const std::string body = fmt::format("[{},{},{}]", run_event(), event(R"("x":1)"),
                                       event(R"("dataset":{"namespace":"n","name":"d"})"));
  const Response response = send("/api/v1/lineage/batch", body);
  EXPECT_EQ(response.status, 200);
  JsonObject told = json(response);
  EXPECT_EQ(told["status"].as_string(), "partial_success");
  EXPECT_EQ(told["summary"].at("successful"), 2);
  EXPECT_EQ(told["failed_events"].as_array().at(0).at("index"), 1);
  EXPECT_FALSE(told["failed_events"].as_array().at(0).at("retriable").as_bool());
  EXPECT_TRUE(lineage_.run(kId));
  EXPECT_TRUE(lineage_.dataset({.space = "n", .name = "d"}, 1));
  EXPECT_EQ(json(send("/api/v1/lineage/batch", "[]"))["status"].as_string(), "success");
}

// The client tries again after 503, and gives up after 429.
TEST_F(OpenLineageTest, AFullServerAsksToTryAgain) {
  Request request;
  request.method = Method::kPost;
  request.path = request.target = "/api/v1/lineage";
  std::vector<Method> allowed;
  const http::Route* route = router_.match(request, allowed);
  const Error full = base::error(Code::kResourceExhausted, "the queue is full");
  EXPECT_EQ(route->refuse(request, full).status, 503);
  request.headers = {{"Content-Length", "4001"}};
  EXPECT_EQ(route->refuse(request, full).status, 413);
}

TEST_F(OpenLineageTest, EveryRouteHasARule) {
  for (const http::Route& one : router_.routes())
    EXPECT_NE(access::find_rule(rules(), one), nullptr) << one.pattern;
}

}  // namespace
}  // namespace slipway::api::openlineage
