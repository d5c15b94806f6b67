#include "incidents/time_line.h"

#include <gtest/gtest.h>

#include "incidents/post_mortem.h"
#include "types/timestamp.h"

namespace slipway::incidents {
namespace {

base::Timestamp at(const char* text) { return MUST(types::parse_rfc3339(text)); }

store::Event event(const char* kind, const char* subject, const char* payload) {
  store::Event made;
  made.kind = kind;
  made.subject = subject;
  made.payload = payload;
  made.actor = "ann";
  return made;
}

TEST(TimeLine, EventsInWords) {
  struct Case {
    store::Event event;
    const char* words;  // empty: no entry
    EntryKind kind = EntryKind::kChange;
  };
  const Case cases[] = {
      {event("endpoint.canary_step", "endpoints/e",
             R"({"revision":7,"reason":"step 1","variants":[
                {"role":"live","model":"m","version":1,"weight":8000},
                {"role":"live","model":"m","version":2,"weight":2000},
                {"role":"shadow","model":"m","version":3,"weight":0}]})"),
       "revision 7 (canary): m 1 answers 80 %, m 2 answers 20 %; step 1"},
      {event("endpoint.rolled_back", "endpoints/e",
             R"({"revision":8,"reason":"","variants":[{"role":"live","model":"m","version":1,
                "weight":10000}]})"),
       "revision 8 (rollback): m 1 answers"},
      {event("alias.moved", "models/m", R"({"alias":"champion","from":1,"to":2})"),
       "alias champion of m moved from 1 to 2"},
      {event("dataset.ingested", "datasets/visits/3", R"({"rows":100,"quarantined":2})"),
       "data arrived: visits/3, 100 rows, 2 in quarantine"},
      {event("project.applied", "projects/shop", R"({"yaml":"..."})"),
       "slipway.yaml of shop was applied"},
      {event("alert.opened", "monitors/m/alerts/auc",
             R"({"endpoint":"e","metric":"auc","value":0.61234,"threshold":0.7,"window":"day",
                "window_start":"2024-02-05T00:00:00Z"})"),
       "alert auc opened: auc is 0.6123 (threshold 0.7) in the day from 2024-02-05T00:00:00Z",
       EntryKind::kSignal},
      {event("alert.opened", "monitors/m/alerts/auc", R"({"endpoint":"other"})"), ""},
      {event("action.skipped", "monitors/m/alerts/auc",
             R"({"endpoint":"e","action":"back","reason":"cooling down","run_id":""})"),
       "action back was held back: cooling down", EntryKind::kAction},
      {event("incident.noted", "incidents/1", R"({"text":"the feed is late"})"), "the feed is late",
       EntryKind::kPeople},
      {event("incident.assigned", "incidents/1", R"({"owner":"bob"})"), "bob owns it",
       EntryKind::kPeople},
      {event("silence.created", "silences/1",
             R"({"match":["endpoint=e"],"ends":"2024-02-05T00:00:00Z","comment":"we move"})"),
       "silenced until 2024-02-05T00:00:00Z: we move", EntryKind::kPeople},
      {event("silence.created", "silences/2", R"({"match":["endpoint=other"]})"), ""},
      {event("monitor.window_judged", "monitors/m", "{}"), ""},
      {event("monitor.updated", "monitors/m", "{}"), "monitor m was updated"},
      {event("run.created", "runs/1", "{}"), ""},
      {event("endpoint.deployed", "endpoints/e", ""), ""},  // erased
  };
  for (const Case& c : cases) {
    const auto entry = entry_of(c.event, "e");
    ASSERT_EQ(entry.has_value(), *c.words != '\0') << c.event.kind;
    if (!entry) continue;
    EXPECT_EQ(entry->words, c.words);
    EXPECT_EQ(entry->kind, c.kind) << c.event.kind;
  }
}

Entry change(const char* time, double weight, const char* words) {
  return {.time = at(time), .event = "x", .words = words, .weight = weight};
}

TEST(Suspects, WhatKindAndHowCloseDecides) {
  const std::vector<Entry> entries = {
      change("2024-01-20T00:00:00Z", 1, "too old"),
      change("2024-02-03T00:00:00Z", 1, "two days before"),
      change("2024-02-04T00:00:00Z", 0, "no change at all"),
      change("2024-02-04T12:00:00Z", 0.6, "data half a day before"),
      change("2024-02-04T23:00:00Z", 0.3, "an alias an hour before"),
      change("2024-02-05T06:00:00Z", 0.7, "inside the first bad window"),
      change("2024-02-06T00:00:00Z", 1, "after it"),
  };
  const auto suspects = rank_suspects(entries, {.bad_since = at("2024-02-05T00:00:00Z"),
                                                .bad_until = at("2024-02-06T00:00:00Z"),
                                                .look_back = base::Duration::days(7)});
  std::vector<std::string> words;
  for (const Suspect& suspect : suspects) words.push_back(suspect.entry.words);
  EXPECT_EQ(words,
            (std::vector<std::string>{"inside the first bad window", "data half a day before",
                                      "an alias an hour before", "two days before"}));
  EXPECT_DOUBLE_EQ(suspects[0].score, 0.7);
  EXPECT_NEAR(suspects[1].score, 0.6 / std::sqrt(2), 1e-12);
  EXPECT_DOUBLE_EQ(suspects[3].score, 0.25);
  EXPECT_EQ(suspects[1].why, "12 hours before the first bad window");
}

TEST(Suspects, DurationsForPeople) {
  EXPECT_EQ(roughly(base::Duration::seconds(0)), "0 seconds");
  EXPECT_EQ(roughly(base::Duration::seconds(1)), "1 second");
  EXPECT_EQ(roughly(base::Duration::seconds(119)), "119 seconds");
  EXPECT_EQ(roughly(base::Duration::seconds(150)), "3 minutes");
  EXPECT_EQ(roughly(base::Duration::hours(47)), "47 hours");
  EXPECT_EQ(roughly(base::Duration::days(3)), "3 days");
}

TEST(Durations, FromTheFirstBadWindow) {
  Incident incident{.opened_at = at("2024-02-06T02:00:00Z"),
                    .bad_since = at("2024-02-05T00:00:00Z")};
  std::vector<Entry> entries = {
      {.time = at("2024-02-04T00:00:00Z"), .event = "endpoint.deployed", .is_remedy = true},
      {.time = at("2024-02-06T01:00:00Z"), .event = "alert.opened"}};
  Durations durations = measure(incident, entries);
  EXPECT_EQ(durations.to_detect, base::Duration::hours(25));
  EXPECT_FALSE(durations.to_act);
  EXPECT_FALSE(durations.to_recover);
  entries.push_back(
      {.time = at("2024-02-06T01:30:00Z"), .event = "action.decided", .is_remedy = true});
  incident.mitigated_at = at("2024-02-07T00:00:00Z");
  durations = measure(incident, entries);
  EXPECT_EQ(durations.to_act, base::Duration::seconds(1800));
  EXPECT_EQ(durations.to_recover, base::Duration::days(2));
  EXPECT_EQ(durations.to_json().at("to_act_seconds"), Json(1800.0));
}

TEST(PostMortem, NothingOfATextIsMarkup) {
  Report report;
  report.incident = {.id = 3,
                     .endpoint = "sale",
                     .title = "a | b\nc",
                     .opened_by = "ann",
                     .opened_at = at("2024-02-06T02:00:00Z"),
                     .bad_since = at("2024-02-05T00:00:00Z")};
  report.entries.push_back(
      {.time = at("2024-02-05T00:00:00Z"), .actor = "eve_", .words = "<script>*x*</script> | y"});
  report.suspects = {{.entry = report.entries[0], .score = 0.5, .why = "now"}};
  const std::string text = post_mortem(report);
  EXPECT_TRUE(text.starts_with("# Incident 3: a \\| b c\n")) << text;
  EXPECT_NE(text.find("| 2024-02-05T00:00:00Z | &lt;script>\\*x\\*&lt;/script> \\| y | eve\\_ |"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("## Root cause"), std::string::npos);
  EXPECT_NE(text.find("| time to recover | not yet |"), std::string::npos);
}

}  // namespace
}  // namespace slipway::incidents
