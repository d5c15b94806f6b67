// What happened around an incident, in order, and how long things took. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/timestamp.h"
#include "store/db.h"

namespace slipway::incidents {

enum class State { kOpen, kMitigated, kResolved };
std::string_view state_name(State state);          // "open", "mitigated", "resolved"
Result<State> parse_state(std::string_view name);  // kInvalidArgument

struct Incident {
  std::int64_t id = 0;
  std::string endpoint, title;
  std::string severity = "warning";  // critical | warning | info
  State state = State::kOpen;
  std::string owner;      // empty: nobody's
  std::string opened_by;  // a user, or "monitor:NAME"
  base::Timestamp opened_at;
  base::Timestamp bad_since;  // the first bad window's start, or what a person said
  bool by_alert = false;
  std::optional<base::Timestamp> mitigated_at, resolved_at;

  JsonObject to_json() const;
};

enum class EntryKind {
  kChange,  // of what answers, or what it is made from
  kSignal,  // an alert, an input that moved
  kAction,  // what an alert did, or didn't
  kPeople   // who did what about the incident
};
std::string_view entry_kind_name(EntryKind kind);  // "change", "signal", ...

struct Entry {
  base::Timestamp time;
  EntryKind kind = EntryKind::kChange;
  std::string event;    // the event's kind; "input.moved"
  std::string subject;  // "endpoints/sale"
  std::string actor;
  std::string words;       // a sentence's middle: "revision 7 (deploy): sale 2 answers; hotfix"
  double weight = 0;       // as a cause: suspects.h
  bool is_remedy = false;  // something is done about what answers

  JsonObject to_json() const;
};

// An event in words, or nothing when it says nothing about an endpoint's well-being.
std::optional<Entry> entry_of(const store::Event& event, const std::string& endpoint);

// How long it took; nothing: not yet.
struct Durations {
  std::optional<base::Duration> to_detect, to_act, to_recover;
  JsonObject to_json() const;  // seconds
};
// `entries` oldest first.
Durations measure(const Incident& incident, const std::vector<Entry>& entries);
// When it was noticed: the first alert since it was bad, or when it was opened.
base::Timestamp detected_at(const Incident& incident, const std::vector<Entry>& entries);

}  // namespace slipway::incidents
