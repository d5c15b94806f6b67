// Incidents through their public face.
#include "incidents/incidents.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "incidents/tables.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"
#include "types/timestamp.h"

namespace slipway::incidents {
namespace {

base::Timestamp at(const char* text) { return MUST(types::parse_rfc3339(text)); }

class FakeNeighbourhood final : public Neighbourhood {
 public:
  bool open_alert = true, rehearsal = false;
  std::function<void()> while_asked;  // called once, before it's said whether an alert is open
  std::vector<MovedInput> moved;
  std::optional<FirstBadWindow> window;

  Result<Surroundings> around(const std::string& endpoint) override {
    if (endpoint != "e") return base::error(Code::kNotFound, "no such endpoint: name={}", endpoint);
    return Surroundings{.model = "m", .monitors = {"health"}, .datasets = {"visits"}};
  }
  Result<std::vector<MovedInput>> moved_inputs(const std::string&, base::Timestamp,
                                               base::Timestamp) override {
    return moved;
  }
  Result<bool> has_open_alert(const std::string&) override {
    if (auto call = std::exchange(while_asked, nullptr)) call();
    return open_alert;
  }
  Result<std::optional<FirstBadWindow>> first_bad_window(const std::string&,
                                                         base::Timestamp) override {
    return window;
  }
  bool rehearses() const override { return rehearsal; }
};

class IncidentsTest : public ::testing::Test {
 protected:
  IncidentsTest() { MUST(db_->migrate({migrations()})); }
  void happens(const char* kind, const char* subject, const char* time, JsonObject payload = {}) {
    MUST(db_->write([&](store::Tx& tx) {
      store::EventDraft event{.kind = kind, .subject = subject, .payload = payload};
      if (*time != '\0') event.event_time = at(time);
      return tx.append_event(event);
    }));
  }
  Result<Opened> by_alert(const char* cause) {
    return incidents_.open_for_alert({.cause = cause,
                                      .endpoint = "e",
                                      .title = "e: auc",
                                      .severity = "critical",
                                      .monitor = "health",
                                      .reason = "alert auc",
                                      .bad_since = at("2024-02-05T00:00:00Z")});
  }

  store::testing::TempFolder folder_;
  base::ManualClock wall_{{1'700'000'000'000'000}}, clock_{at("2024-02-06T02:00:00Z")};
  base::SeededRandom random_{3};
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "i.db"}, wall_, random_).value();
  FakeNeighbourhood neighbourhood_;
  Incidents incidents_{*db_, clock_, neighbourhood_, base::Duration::days(7)};
};

TEST_F(IncidentsTest, AnActionOpensOneAndOthersJoinIt) {
  const Opened first = MUST(by_alert("a/1"));
  EXPECT_TRUE(first.is_new);
  EXPECT_EQ(MUST(by_alert("a/1")).id, first.id) << "handed over again after a crash";
  EXPECT_FALSE(MUST(by_alert("a/2")).is_new);
  ASSERT_EQ(MUST(incidents_.list({})).size(), 1u);
  EXPECT_EQ(MUST(incidents_.find_open("e"))->id, first.id);
  const Incident incident = MUST(incidents_.get(first.id));
  EXPECT_EQ(incident.opened_by, "monitor:health");
  EXPECT_EQ(incident.severity, "critical");
  EXPECT_EQ(MUST(incidents_.follow_up()), 0u);
  // Users are well again: it is mitigated, and the next alert opens it again.
  neighbourhood_.open_alert = false;
  clock_.set(at("2024-02-07T00:00:00Z"));
  EXPECT_EQ(MUST(incidents_.follow_up()), 1u);
  EXPECT_EQ(MUST(incidents_.get(first.id)).mitigated_at, at("2024-02-07T00:00:00Z"));
  EXPECT_FALSE(MUST(incidents_.find_open("e")).has_value());
  EXPECT_EQ(MUST(by_alert("a/3")).id, first.id);
  EXPECT_EQ(MUST(incidents_.get(first.id)).state, State::kOpen);
  MUST(incidents_.set_state(first.id, State::kResolved, "the feed is back", "ann"));
  EXPECT_TRUE(MUST(by_alert("a/4")).is_new);
}

TEST_F(IncidentsTest, WhatPeopleOpenAgainPeopleEndAndWhatTheyWriteLaterIsKept) {
  const std::int64_t id = MUST(by_alert("a/1")).id;
  neighbourhood_.open_alert = false;
  MUST(incidents_.set_state(id, State::kResolved, "", "ann"));
  clock_.set(at("2024-02-08T00:00:00Z"));
  MUST(incidents_.note(id, "root cause: a renamed column", "ann"));
  const Report report = MUST(incidents_.report(id));
  EXPECT_TRUE(std::ranges::any_of(report.entries, [](const Entry& entry) {
    return entry.words.find("root cause") != std::string::npos;
  }));
  MUST(incidents_.set_state(id, State::kOpen, "not over", "ann"));
  EXPECT_EQ(MUST(incidents_.follow_up()), 0u);
  EXPECT_EQ(MUST(incidents_.get(id)).state, State::kOpen);
}

TEST_F(IncidentsTest, WhatAPersonDecidesMeanwhileStays) {
  const std::int64_t id = MUST(by_alert("a/1")).id;
  neighbourhood_.open_alert = false;
  neighbourhood_.while_asked = [&] {
    MUST(incidents_.set_state(id, State::kResolved, "it was the feed", "ann"));
  };
  EXPECT_EQ(MUST(incidents_.follow_up()), 0u);
  EXPECT_EQ(MUST(incidents_.get(id)).state, State::kResolved);
  EXPECT_TRUE(MUST(incidents_.get(id)).resolved_at);
}

TEST_F(IncidentsTest, ThePeoplesPart) {
  const Incident made = MUST(incidents_.open(
      {.endpoint = "e", .title = "wrong prices", .bad_since = at("2024-02-06T00:00:00Z")}, "ann"));
  neighbourhood_.open_alert = false;
  EXPECT_EQ(MUST(incidents_.follow_up()), 0u) << "a person says when it is over";
  MUST(incidents_.assign(made.id, "bob", "ann"));
  MUST(incidents_.note(made.id, "the feed is late", "bob"));
  MUST(incidents_.date(made.id, at("2024-02-05T12:00:00Z"), "bob"));
  clock_.set(at("2024-02-06T04:00:00Z"));
  MUST(incidents_.set_state(made.id, State::kResolved, "", "bob"));
  const Report report = MUST(incidents_.report(made.id));
  EXPECT_EQ(report.incident.owner, "bob");
  EXPECT_EQ(report.durations.to_detect, base::Duration::seconds(14 * 3600));
  EXPECT_EQ(report.durations.to_recover, base::Duration::hours(16));
  std::vector<std::string> words;
  for (const Entry& entry : report.entries) words.push_back(entry.words);
  EXPECT_EQ(words, (std::vector<std::string>{"the incident was opened", "bob owns it",
                                             "the feed is late", "bad since 2024-02-05T12:00:00Z",
                                             "the incident is resolved"}));
  EXPECT_EQ(incidents_.set_state(made.id, State::kResolved, "", "bob").error().code,
            Code::kFailedPrecondition);
  EXPECT_EQ(incidents_.note(9, "x", "bob").error().code, Code::kNotFound);
  EXPECT_EQ(incidents_.note(made.id, "", "bob").error().code, Code::kInvalidArgument);
  EXPECT_EQ(incidents_.open({.endpoint = "x", .title = "t"}, "a").error().code, Code::kNotFound);
  EXPECT_EQ(incidents_.open({.endpoint = "e"}, "a").error().code, Code::kInvalidArgument);
  EXPECT_EQ(
      incidents_.open({.endpoint = "e", .title = "t", .bad_since = at("2030-01-01T00:00:00Z")}, "a")
          .error()
          .code,
      Code::kInvalidArgument);
}

TEST_F(IncidentsTest, TheTimeLineIsWhatTheEventsSay) {
  const char* opened = R"([{"role":"live","model":"m","version":2,"weight":10000}])";
  happens("endpoint.deployed", "endpoints/e", "2024-02-04T20:00:00Z",
          {{"revision", 2}, {"reason", "new"}, {"variants", MUST(base::parse_json(opened))}});
  happens("endpoint.deployed", "endpoints/other", "2024-02-04T21:00:00Z", {{"revision", 9}});
  happens("dataset.ingested", "datasets/visits/4", "2024-02-04T22:00:00Z", {{"rows", 5}});
  happens("dataset.ingested", "datasets/else/1", "2024-02-04T22:30:00Z", {{"rows", 5}});
  happens("alert.opened", "monitors/health/alerts/auc", "2024-02-06T02:00:00Z",
          {{"endpoint", "e"}});
  neighbourhood_.moved = {{.input = "pages", .how = "ks 0.4", .since = at("2024-02-05T00:00:00Z")}};
  neighbourhood_.window = FirstBadWindow{at("2024-02-05T00:00:00Z"), at("2024-02-06T00:00:00Z")};
  const Opened made = MUST(by_alert("a/1"));
  const Report report = MUST(incidents_.report(made.id));
  std::vector<std::string> events;
  for (const Entry& entry : report.entries) events.push_back(entry.event);
  EXPECT_EQ(events, (std::vector<std::string>{"endpoint.deployed", "dataset.ingested",
                                              "input.moved", "alert.opened", "incident.opened"}));
  ASSERT_EQ(report.suspects.size(), 3u);
  EXPECT_EQ(report.suspects[0].entry.event, "endpoint.deployed");
  EXPECT_EQ(report.suspects[1].entry.event, "dataset.ingested");
  EXPECT_EQ(report.suspects[2].why, "inside the first bad window");
}

// Data that arrives tells no event time: in a rehearsal it was told of while the event clock stood
// where the event before it says.
TEST_F(IncidentsTest, InARehearsalEventsStandWhereTheClockStood) {
  happens("endpoint.deployed", "endpoints/e", "2024-02-04T20:00:00Z", {{"revision", 2}});
  happens("dataset.ingested", "datasets/visits/4", "", {{"rows", 5}});
  neighbourhood_.rehearsal = true;
  const Report report = MUST(incidents_.report(MUST(by_alert("a/1")).id));
  ASSERT_EQ(report.entries.size(), 3u);
  EXPECT_EQ(report.entries[1].event, "dataset.ingested");
  EXPECT_EQ(report.entries[1].time, at("2024-02-04T20:00:00Z"));
}

}  // namespace
}  // namespace slipway::incidents
