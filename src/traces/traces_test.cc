#include "traces/traces.h"

#include <gtest/gtest.h>

#include <map>

#include "base/hash.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"
#include "traces/assessments.h"
#include "traces/issues.h"
#include "traces/packing.h"
#include "traces/span_summary.h"
#include "traces/tables.h"
#include "traces/testing/fake_experiments.h"
#include "traces/trace_removal.h"
#include "traces/trace_search.h"

namespace slipway::traces {
namespace {

// Every trace that is asked about has two files.
class FakeFiles final : public TraceFiles {
 public:
  Result<store::Removed> remove(const std::string& location, const std::string& id) override {
    EXPECT_EQ(location, fmt::format("mlflow-artifacts:/1/traces/{}/artifacts", id));
    removed.push_back(id);
    return measure(location, id);
  }
  Result<store::Removed> measure(const std::string&, const std::string&) override {
    return store::Removed{.files = 2, .bytes = 10};
  }
  std::vector<std::string> removed;
};

class FakeFollowers final : public TraceFollowers {
 public:
  Result<void> removed(store::Tx&, const std::string& id) override {
    ids.push_back(id);
    return {};
  }
  std::vector<std::string> ids;
};

std::string bytes(char c, std::size_t count) { return std::string(count, c); }

Span span(char trace, char id, char parent = '\0', std::int64_t start_ms = 1000,
          std::int64_t end_ms = 1500) {
  Span span;
  span.trace_id = bytes(trace, 16);
  span.span_id = bytes(id, 8);
  if (parent != '\0') span.parent_id = bytes(parent, 8);
  span.name = std::string("span ") + id;
  span.start_ns = start_ms * 1'000'000;
  span.end_ns = end_ms * 1'000'000;
  span.status = SpanStatus::kOk;
  return span;
}

std::string id_of(char trace) {
  const std::string id = bytes(trace, 16);
  return "tr-" + base::to_hex(std::as_bytes(std::span(id)));
}

class TracesTest : public ::testing::Test {
 protected:
  TracesTest() { MUST(db_->migrate({migrations()})); }

  void log(std::vector<Span> spans, const std::string& experiment = "1") {
    MUST(traces_.log_spans(experiment, {{.spans = std::move(spans)}}));
  }
  // "abc": the traces found, in order, by the character of their id; their ids when they have none.
  std::string find(const std::string& filter, std::vector<std::string> order = {}) {
    const auto page =
        search_.search({.experiments = {"1"}, .filter = filter, .order_by = std::move(order)});
    if (!page) return page.error().message;
    std::string found;
    for (const TraceInfo& info : page->items) {
      const Result<std::string> id = base::from_hex(info.id.substr(3));
      found += id ? id->substr(0, 1) : info.id;
    }
    return found;
  }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{1'000'000}};
  base::SeededRandom random_{1};
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "t.db"}, clock_, random_).value();
  testing::FakeExperiments experiments_;
  FakeFiles files_;
  Traces traces_{*db_, experiments_, clock_, random_};
  FakeFollowers followers_;
  TraceRemover remover_{*db_, experiments_, files_, followers_, 2};
  TraceSearch search_{*db_, experiments_};
  Assessments assessments_{*db_, clock_, random_};
};

TEST_F(TracesTest, SpansThatArriveApartMakeOneTrace) {
  log({span('a', '2', '1', 900, 1200)});
  TraceInfo info = MUST(traces_.get_info(id_of('a')));
  EXPECT_EQ(info.state, TraceState::kInProgress);
  EXPECT_EQ(info.start_ms, 900);
  EXPECT_EQ(info.duration_ms, 300);

  Span root = span('a', '1', '\0', 800, 2000);
  root.set("mlflow.spanInputs", R"({"q": "why"})");
  root.set("mlflow.traceTag.env", "\"prod\"");
  log({root});
  const Trace trace = MUST(traces_.get(id_of('a')));
  EXPECT_EQ(trace.info.state, TraceState::kOk);
  EXPECT_EQ(trace.info.start_ms, 800);
  EXPECT_EQ(trace.info.duration_ms, 1200);
  EXPECT_EQ(trace.info.request_preview, R"({"q": "why"})");
  EXPECT_EQ(*trace.info.tags.find("env"), "prod");
  EXPECT_EQ(*trace.info.tags.find(kSpansLocationTag), "TRACKING_STORE");
  ASSERT_EQ(trace.spans.size(), 2U);
  EXPECT_EQ(trace.spans[0].name, "span 1") << "the root is first";
}

TEST_F(TracesTest, ASpanThatComesTwiceCountsOnceAsItCameLast) {
  log({span('a', '1')});
  Span again = span('a', '1');
  again.name = "renamed";
  log({again});
  const Trace trace = MUST(traces_.get(id_of('a')));
  ASSERT_EQ(trace.spans.size(), 1U);
  EXPECT_EQ(trace.spans[0].name, "renamed");
}

TEST_F(TracesTest, WhatTheClientSaysOfATraceCountsMoreThanItsSpans) {
  TraceInfo said;
  said.id = id_of('a');
  said.start_ms = 5;
  said.duration_ms = 7;
  said.state = TraceState::kError;
  said.tags.set("team", "x");
  MUST(traces_.start("1", said));
  log({span('a', '1')});
  TraceInfo info = MUST(traces_.get_info(id_of('a')));
  EXPECT_EQ(info.start_ms, 5);
  EXPECT_EQ(info.duration_ms, 7);
  EXPECT_EQ(info.state, TraceState::kError);

  log({span('b', '1')});  // the other way round
  said.id = id_of('b');
  MUST(traces_.start("1", said));
  info = MUST(traces_.get_info(id_of('b')));
  EXPECT_EQ(info.start_ms, 5);
  EXPECT_EQ(info.state, TraceState::kError);
  EXPECT_EQ(*info.tags.find("team"), "x");
  EXPECT_EQ(MUST(traces_.get(id_of('b'))).spans.size(), 1U);
}

TEST_F(TracesTest, TokensOfAParentHoldThoseOfItsChildrenAlsoWhenTheyComeLater) {
  Span child = span('a', '2', '1');
  child.set("gen_ai.usage.input_tokens", "10");
  child.set("gen_ai.usage.output_tokens", "5");
  log({child});
  EXPECT_EQ(*MUST(traces_.get_info(id_of('a'))).metadata.find(kTokenUsageMetadata),
            R"({"input_tokens": 10, "output_tokens": 5, "total_tokens": 15})");
  Span root = span('a', '1');
  root.set("mlflow.chat.tokenUsage",
           R"({"input_tokens": 12, "output_tokens": 5, "total_tokens": 17})");
  log({root});
  EXPECT_EQ(*MUST(traces_.get_info(id_of('a'))).metadata.find(kTokenUsageMetadata),
            R"({"input_tokens": 12, "output_tokens": 5, "total_tokens": 17})");
}

TEST_F(TracesTest, ABatchIsKeptWholeOrNotAtAll) {
  log({span('b', '1')}, "0");
  const auto mixed = traces_.log_spans("1", {{.spans = {span('a', '1'), span('b', '2', '1')}}});
  ASSERT_FALSE(mixed) << "a trace does not belong to two experiments";
  EXPECT_EQ(mixed.error().code, Code::kFailedPrecondition);
  EXPECT_EQ(traces_.get_info(id_of('a')).error().code, Code::kNotFound);
  EXPECT_EQ(traces_.log_spans("3", {{.spans = {span('c', '1')}}}).error().code,
            Code::kFailedPrecondition);
  EXPECT_EQ(traces_.log_spans("4", {{.spans = {span('c', '1')}}}).error().code, Code::kNotFound);
}

TEST_F(TracesTest, IdsThatCouldLeaveTheirFolderAreRefused) {
  for (const char* id : {"", "..", "../x", "a/b", "a b", ".a"}) {
    TraceInfo info;
    info.id = id;
    EXPECT_EQ(traces_.start("1", info).error().code, Code::kInvalidArgument) << id;
  }
}

TEST_F(TracesTest, RemovesTheOldestOrTheNamed) {
  for (const char c : {'a', 'b', 'c'}) log({span(c, '1', '\0', 1000 + c, 2000)});
  log({span('d', '1')}, "0");
  MUST(traces_.link_to_run({id_of('a')}, "r"));
  EXPECT_EQ(
      MUST(remover_.remove({.experiment_id = "1", .started_until_ms = 9999, .traces_max = 1})), 1);
  EXPECT_EQ(find(""), "cb");
  EXPECT_EQ(find("run_id = 'r'"), "");
  EXPECT_EQ(MUST(remover_.remove({.experiment_id = "1", .ids = {id_of('b'), id_of('d')}})), 1)
      << "not one of another experiment";
  EXPECT_EQ(find(""), "c");
}

TEST_F(TracesTest, FiltersFindWhatTheySay) {
  const auto add = [&](char id, std::int64_t start_ms, std::int64_t millis, TraceState state,
                       const std::string& env, const std::string& model) {
    TraceInfo info;
    info.id = id_of(id);
    info.start_ms = start_ms;
    info.duration_ms = millis;
    info.state = state;
    info.tags.set("env", env);
    info.tags.set(kNameTag, std::string("chat ") + id);
    info.metadata.set(kSessionMetadata, id == 'c' ? "s2" : "s1");
    MUST(traces_.start("1", info));
    Span root = span(id, '1', '\0', start_ms, start_ms + millis);
    root.set("mlflow.spanType", "\"LLM\"");
    root.set("model", "\"" + model + "\"");
    Span tool = span(id, '2', '1', start_ms, start_ms + millis);
    tool.name = "search";
    tool.set("mlflow.spanType", "\"TOOL\"");
    log({root, tool});
  };
  add('a', 1000, 10, TraceState::kOk, "prod", "gpt-4");
  add('b', 2000, 200, TraceState::kOk, "dev", "gpt-5");
  add('c', 3000, 3000, TraceState::kError, "prod", "claude");
  Assessment good{.trace_id = id_of('a'), .name = "quality", .value = "0.9"};
  MUST(assessments_.create(good));
  Assessment yes{.trace_id = id_of('b'), .name = "correct", .value = "\"yes\""};
  MUST(assessments_.create(yes));
  Assessment expected{.trace_id = id_of('c'),
                      .kind = AssessmentKind::kExpectation,
                      .name = "answer",
                      .value = "\"Paris\""};
  MUST(assessments_.create(expected));
  Assessment of_session{.trace_id = id_of('a'), .name = "whole", .value = "true"};
  of_session.metadata.set(kSessionMetadata, "s1");
  MUST(assessments_.create(of_session));
  MUST(traces_.link_to_run({id_of('a'), id_of('c'), "tr-none"}, "r"));
  MUST(traces_.link_prompts(id_of('b'), {{"qa", "3"}}));

  const std::pair<const char*, const char*> cases[] = {
      {"", "cba"},
      {"status = 'OK'", "ba"},
      {"trace.status != 'OK'", "c"},
      {"status IN ('ERROR', 'IN_PROGRESS')", "c"},
      {"timestamp > 1000", "cb"},
      {"timestamp_ms >= 1000 AND attributes.timestamp < 2000.5", "ba"},
      {"execution_time_ms <= 200", "ba"},
      {"end_time = 6000", "c"},
      {"tags.env = 'prod'", "ca"},
      {"tag.env != 'prod' AND tag.env IS NOT NULL", "b"},
      {"tags.nothing IS NULL", "cba"},
      {"tags.env RLIKE '^p.*d$'", "ca"},
      {"tags.env ILIKE 'PR%'", "ca"},
      {"metadata.`mlflow.trace.session` = 's1'", "ba"},
      {"name = 'chat b'", "b"},
      {"name LIKE 'chat %'", "cba"},
      {"tags.`mlflow.traceName` = 'chat c'", "c"},
      {"run_id = 'r'", "ca"},
      {"prompt = 'qa/3'", "b"},
      {"span.type = 'TOOL' AND span.name = 'search'", "cba"},
      {"span.type = 'LLM' AND span.name = 'search'", ""},  // no one span is both
      {"span.attributes.model LIKE 'gpt%'", "ba"},
      {"span.attributes.model = 'claude'", "c"},
      {"span.attributes.model RLIKE 'gpt-[45]$'", "ba"},
      {"span.status = 'OK' AND tags.env = 'dev'", "b"},
      {"trace.text LIKE '%claude%'", "c"},
      {"span.content ILIKE '%GPT-4%'", "a"},
      {"feedback.quality > 0.8", "a"},
      {"feedback.quality > 0.95", ""},
      {"feedback.correct = 'yes'", "b"},
      {"feedback.correct IS NULL", "ca"},
      {"expectation.answer LIKE 'Par%'", "c"},
      {"feedback.answer = 'Paris'", ""},
      {"feedback.whole = 'true'", "ba"},  // of the session
      {"status = 'OK' AND tags.env = 'prod' AND feedback.quality >= 0.9", "a"},
  };
  for (const auto& [filter, expected_traces] : cases)
    EXPECT_EQ(find(filter), expected_traces) << filter;

  for (const char* filter :
       {"nothing = 'x'", "invalid.filter = 'x'", "status = 1", "timestamp = 'x'",
        "span.color = 'x'", "span.content = 'x'", "prompt = 'x'", "tags.env RLIKE '('",
        "feedback.quality > 'x'", "status = 'OK' OR status = 'ERROR'", "span.attributes. = 'x'"}) {
    const auto page = search_.search({.experiments = {"1"}, .filter = filter});
    ASSERT_FALSE(page) << filter;
    EXPECT_EQ(page.error().code, Code::kInvalidArgument) << filter;
  }

  EXPECT_EQ(find("", {"timestamp ASC"}), "abc");
  EXPECT_EQ(find("", {"execution_time DESC"}), "cba");
  EXPECT_EQ(find("", {"tags.env", "timestamp DESC"}), "bca");
  EXPECT_EQ(find("", {"status DESC", "name ASC"}), "abc");
}

TEST_F(TracesTest, PagesCoverAllOnceInEveryOrder) {
  std::string expected;
  for (int i = 0; i < 25; ++i) {
    const char id = static_cast<char>('a' + i);
    log({span(id, '1', '\0', 1000 + i / 3, 2000)});  // several at the same time
  }
  for (const std::vector<std::string>& order :
       {std::vector<std::string>{}, {"timestamp ASC"}, {"status"}}) {
    std::map<std::string, int> seen;
    TraceQuery query{.experiments = {"1"}, .order_by = order, .max_results = 4};
    int pages = 0;
    do {
      const TracePage page = MUST(search_.search(query));
      EXPECT_LE(page.items.size(), 4U);
      for (const TraceInfo& info : page.items) ++seen[info.id];
      query.page_token = page.next;
      ++pages;
    } while (!query.page_token.empty());
    EXPECT_EQ(pages, 7);
    EXPECT_EQ(seen.size(), 25U);
    for (const auto& [id, times] : seen) EXPECT_EQ(times, 1) << id;
  }
  EXPECT_EQ(search_.search({.experiments = {"1", "abc"}}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(search_.correlation({"abc"}, "", "", "").error().code, Code::kInvalidArgument);
  EXPECT_EQ(search_.search({.experiments = {"1"}, .page_token = "x"}).error().code,
            Code::kInvalidArgument);
  for (const std::int64_t count : {0, 501})
    EXPECT_EQ(search_.search({.experiments = {"1"}, .max_results = count}).error().code,
              Code::kInvalidArgument);
}

TEST_F(TracesTest, AnOverridingAssessmentReplacesAnotherAsLongAsItIsThere) {
  log({span('a', '1')});
  const Assessment first =
      MUST(assessments_.create({.trace_id = id_of('a'), .name = "correct", .value = "\"no\""}));
  Assessment correction{.trace_id = id_of('a'), .name = "correct", .value = "\"yes\""};
  correction.overrides = first.id;
  const Assessment second = MUST(assessments_.create(correction));
  EXPECT_FALSE(MUST(assessments_.get(id_of('a'), first.id)).is_valid);
  EXPECT_EQ(find("feedback.correct = 'no'"), "");

  const Assessment updated = MUST(assessments_.update(
      id_of('a'), second.id, {.feedback = FeedbackValue{"\"maybe\"", ""}, .rationale = "hm"}));
  EXPECT_EQ(updated.value, "\"maybe\"");
  EXPECT_EQ(updated.rationale, "hm");
  EXPECT_EQ(assessments_.update(id_of('a'), second.id, {.expectation = "1"}).error().code,
            Code::kInvalidArgument);

  MUST(assessments_.remove(id_of('a'), second.id));
  MUST(assessments_.remove(id_of('a'), second.id));
  EXPECT_TRUE(MUST(assessments_.get(id_of('a'), first.id)).is_valid);
  EXPECT_EQ(assessments_.get(id_of('a'), second.id).error().code, Code::kNotFound);
  correction.overrides = "a-none";
  EXPECT_EQ(assessments_.create(correction).error().code, Code::kNotFound);
  EXPECT_EQ(assessments_.create({.trace_id = "tr-none", .name = "x"}).error().code,
            Code::kNotFound);
}

TEST_F(TracesTest, IssuesAreFoundByStatusAndKnowTheirTraces) {
  Issues issues(*db_, experiments_, clock_, random_);
  const Issue slow = MUST(issues.create(
      {.experiment_id = "1", .name = "slow", .description = "d", .root_causes = {"a", "b"}}));
  clock_.advance(base::Duration::seconds(1));
  const Issue wrong =
      MUST(issues.create({.experiment_id = "1", .name = "wrong", .description = "d"}));
  EXPECT_EQ(issues.create({.experiment_id = "3", .name = "x"}).error().code,
            Code::kFailedPrecondition);
  EXPECT_EQ(issues.create({.experiment_id = "1", .status = "x"}).error().code,
            Code::kInvalidArgument);
  EXPECT_EQ(issues.get("iss-none").error().code, Code::kNotFound);
  EXPECT_EQ(MUST(issues.update(slow.id, {.status = "resolved", .severity = "high"})).status,
            "resolved");
  EXPECT_EQ(MUST(issues.get(slow.id)).root_causes, (std::vector<std::string>{"a", "b"}));

  log({span('a', '1')});
  MUST(assessments_.create(
      {.trace_id = id_of('a'), .kind = AssessmentKind::kIssue, .name = slow.id, .value = "\"\""}));
  EXPECT_EQ(find(fmt::format("issue.id = '{}'", slow.id)), "a");
  const IssuePage all = MUST(issues.search({.experiment_id = "1", .counts_traces = true}));
  ASSERT_EQ(all.items.size(), 2U);
  EXPECT_EQ(all.items[0].id, wrong.id) << "newest first";
  EXPECT_EQ(all.items[0].traces, 0);
  EXPECT_EQ(all.items[1].traces, 1);
  EXPECT_EQ(MUST(issues.search({.experiment_id = "1", .filter = "status != 'resolved'"}))
                .items.front()
                .id,
            wrong.id);
  EXPECT_TRUE(MUST(issues.search({.max_results = 1})).has_more);
  EXPECT_FALSE(MUST(issues.search({.max_results = 1, .offset = 1})).has_more);
}

TEST_F(TracesTest, AnExperimentGoesInPortions) {
  for (const char c : {'a', 'b', 'c'}) log({span(c, '1')});
  EXPECT_FALSE(MUST(remover_.remove_some_of_experiment(1)).is_last);
  EXPECT_EQ(find(""), "c");
  EXPECT_TRUE(MUST(remover_.remove_some_of_experiment(1)).is_last);
  EXPECT_EQ(find(""), "");
  EXPECT_EQ(files_.removed, (std::vector<std::string>{id_of('a'), id_of('b'), id_of('c')}));
}

TEST_F(TracesTest, FilesOfATraceGoWithIt) {
  for (const char c : {'a', 'b', 'c'}) log({span(c, '1')});
  EXPECT_EQ(MUST(remover_.measure_experiment(1)).bytes, 30);
  EXPECT_EQ(MUST(remover_.remove({.experiment_id = "1", .started_until_ms = 9999})), 3);
  EXPECT_EQ(files_.removed, (std::vector<std::string>{id_of('a'), id_of('b'), id_of('c')}));
  EXPECT_EQ(followers_.ids, files_.removed);
  EXPECT_EQ(MUST(db_->read([](store::Reader& reader) {
              return reader.find("SELECT COUNT(*) FROM events WHERE kind = 'traces.deleted'", {},
                                 [](const store::Row& row) { return row.int64(0); });
            })),
            2)
      << "two at a time";
}

TEST(Packing, WhatIsPackedComesBackAndDamageIsNoticed) {
  Span full = span('a', '1', '2');
  full.kind = 3;
  full.status = SpanStatus::kError;
  full.status_message = "broke";
  full.set("k", "[1, \"x\"]");
  full.events.push_back({.name = "e", .time_ns = 7, .attributes = {{"a", "1"}}});
  full.links.push_back({.trace_id = bytes('z', 16), .span_id = bytes('y', 8), .attributes = {}});
  const std::vector<Span> spans = {full, span('a', '3')};
  const std::string packed = pack_spans(spans);
  std::vector<Span> unpacked;
  MUST(unpack_spans(packed, full.trace_id, unpacked));
  EXPECT_EQ(pack_spans(unpacked), packed);
  EXPECT_EQ(unpacked[0].events[0].name, "e");
  for (std::size_t size = 0; size < packed.size(); ++size) {
    std::vector<Span> some;
    const Result<void> cut = unpack_spans(std::string_view(packed).substr(0, size), "", some);
    ASSERT_FALSE(cut) << size;
    EXPECT_EQ(cut.error().code, Code::kCorruption);
  }
}

TEST(SpanSummary, APreviewIsTheLastMessageOfTheRole) {
  EXPECT_EQ(preview(R"({"messages": [{"role": "user", "content": "hi"},
                        {"role": "assistant", "content": "yes?"}]})",
                    "user"),
            "hi");
  EXPECT_EQ(preview(R"({"choices": [{"message": {"role": "assistant",
                        "content": [{"type": "text", "text": "so"}]}}]})",
                    "assistant"),
            "so");
  EXPECT_EQ(preview("[1, 2]", "user"), "[1, 2]");
  std::string umlauts;
  for (int i = 0; i < 1001; ++i) umlauts += "ü";
  const std::string cut = preview(umlauts, "user");
  EXPECT_EQ(cut.size(), 997 * 2 + 3U);
  EXPECT_TRUE(cut.ends_with("ü..."));
}

TEST(Correlation, IsThatOfTheCounts) {
  EXPECT_NEAR(correlate(6, 7, 6, 10).npmi, 0.698, 0.001);
  EXPECT_EQ(correlate(4, 3, 0, 10).npmi, -1);
  EXPECT_TRUE(std::isnan(correlate(0, 3, 0, 10).npmi));
  EXPECT_NEAR(correlate(5, 4, 2, 10).npmi, 0, 1e-9) << "as chance has it";
}

}  // namespace
}  // namespace slipway::traces
