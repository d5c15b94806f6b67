#include "incidents/time_line.h"

#include <algorithm>

#include "types/timestamp.h"

namespace slipway::incidents {
namespace {

constexpr std::string_view kStates[] = {"open", "mitigated", "resolved"};
constexpr std::string_view kKinds[] = {"change", "signal", "action", "people"};

std::string text_at(const JsonObject& object, std::string_view key) {
  const Json* member = object.if_contains(key);
  return member != nullptr && member->is_string() ? std::string(member->get_string()) : "";
}

std::string value_at(const JsonObject& object, std::string_view key) {
  const Json* member = object.if_contains(key);
  if (member == nullptr || member->is_null()) return "none";
  if (member->is_string()) return std::string(member->get_string());
  if (member->is_double()) return fmt::format("{:.4g}", member->get_double());
  return base::to_text(*member);
}

std::string with(std::string words, std::string_view separator, const std::string& more) {
  if (more.empty()) return words;
  return words.append(separator).append(more);
}

// "sale 2 answers 80 %, sale 3 answers 20 %"
std::string who_answers(const JsonObject& payload) {
  std::string words;
  const Json* variants = payload.if_contains("variants");
  if (variants == nullptr || !variants->is_array()) return words;
  for (const Json& item : variants->get_array()) {
    if (!item.is_object()) continue;
    const JsonObject& variant = item.get_object();
    if (text_at(variant, "role") != "live") continue;
    const Json* weight = variant.if_contains("weight");
    const double share =
        weight != nullptr && weight->is_number() ? weight->to_number<double>() / 100 : 100;
    words =
        with(words, words.empty() ? "" : ", ",
             fmt::format("{} {} answers", text_at(variant, "model"), value_at(variant, "version")));
    if (share < 100) words += fmt::format(" {:g} %", share);
  }
  return words;
}

// Whether a silence may be one of the endpoint's alerts.
bool is_of(const JsonObject& silence, const std::string& endpoint) {
  const Json* match = silence.if_contains("match");
  if (match == nullptr || !match->is_array()) return true;
  for (const Json& item : match->get_array()) {
    const std::string text = item.is_string() ? std::string(item.get_string()) : "";
    if (text.starts_with("endpoint=") && text != "endpoint=" + endpoint) return false;
    if (text == "endpoint!=" + endpoint) return false;
  }
  return true;
}

struct Change {
  std::string_view event, word;
  double weight;
};
constexpr Change kRevisions[] = {{"endpoint.deployed", "deploy", 1},
                                 {"endpoint.promoted", "promotion", 1},
                                 {"endpoint.fell_back", "fallback", 1},
                                 {"endpoint.rolled_back", "rollback", 1},
                                 {"endpoint.canary_step", "canary", 0.8},
                                 {"endpoint.experiment_started", "experiment", 0.8},
                                 {"endpoint.experiment_concluded", "end of an experiment", 0.8},
                                 {"endpoint.changed", "declaration", 0.8},
                                 {"endpoint.followed", "follows its alias", 0.2},
                                 {"endpoint.held", "hold", 0.2}};

bool begins(const store::Event& event, std::string_view with) {
  return event.kind.starts_with(with);
}

std::optional<Entry> change_of(const store::Event& event, const JsonObject& payload, Entry entry) {
  const std::string name = event.subject.substr(event.subject.find('/') + 1);
  for (const Change& known : kRevisions) {
    if (event.kind != known.event) continue;
    entry.weight = known.weight;
    entry.is_remedy = true;
    entry.words = fmt::format("revision {} ({}): {}", value_at(payload, "revision"), known.word,
                              who_answers(payload));
    entry.words = with(entry.words, "; ", text_at(payload, "reason"));
    return entry;
  }
  if (event.kind == "endpoint.release_refused") {
    entry.words =
        fmt::format("{} was refused: {}", text_at(payload, "model"), text_at(payload, "reason"));
  } else if (event.kind == "endpoint.proposed") {
    entry.words = fmt::format("{} is to take over at {}", text_at(payload, "model"),
                              text_at(payload, "takes_over_at"));
  } else if (event.kind == "alias.moved") {
    entry.weight = 0.3;  // what follows from it are revisions
    entry.words = fmt::format("alias {} of {} moved from {} to {}", text_at(payload, "alias"), name,
                              value_at(payload, "from"), value_at(payload, "to"));
  } else if (event.kind == "model_version.created") {
    entry.words = fmt::format("version {} was registered", name);
  } else if (event.kind == "dataset.ingested") {
    entry.weight = 0.6;
    entry.words = fmt::format("data arrived: {}, {} rows, {} in quarantine", name,
                              value_at(payload, "rows"), value_at(payload, "quarantined"));
  } else if (event.kind == "dataset.refused") {
    entry.weight = 0.6;
    entry.words = fmt::format("data of {} was not taken: {}", name, text_at(payload, "reason"));
  } else if (event.kind == "dataset.flagged") {
    entry.weight = 0.6;
    entry.words = fmt::format("data came again and failed checks: {}, {}", name,
                              text_at(payload, "failed_checks"));
  } else if (event.kind == "dataset.replayed") {
    entry.weight = 0.6;
    entry.words =
        fmt::format("rows put aside came in: {} as version {}", name, value_at(payload, "version"));
  } else if (event.kind == "dataset.declared") {
    entry.weight = 0.6;
    entry.words = fmt::format("dataset {} was declared anew", name);
  } else if (event.kind == "features.materialized") {
    entry.weight = 0.5;
    entry.words = fmt::format("features were loaded for online reads, as of {}: {} rows",
                              text_at(payload, "as_of"), value_at(payload, "rows"));
  } else if (event.kind == "project.applied") {
    entry.weight = 0.7;
    entry.words = fmt::format("slipway.yaml of {} was applied", name);
  } else if (begins(event, "monitor.") && event.kind != "monitor.window_judged") {
    entry.words = fmt::format("monitor {} was {}", name, event.kind.substr(8));
  } else {
    return std::nullopt;
  }
  return entry;
}

std::optional<Entry> signal_of(const store::Event& event, const JsonObject& payload, Entry entry) {
  entry.kind = EntryKind::kSignal;
  const std::string alert = event.subject.substr(event.subject.rfind('/') + 1);
  if (event.kind == "alert.opened") {
    entry.words = fmt::format("alert {} opened: {} is {} (threshold {}) in the {} from {}", alert,
                              text_at(payload, "metric"), value_at(payload, "value"),
                              value_at(payload, "threshold"), text_at(payload, "window"),
                              text_at(payload, "window_start"));
    entry.words = with(entry.words, "; ", text_at(payload, "silenced"));
  } else if (event.kind == "alert.resolved") {
    entry.words =
        with(fmt::format("alert {} was resolved", alert), ": ", text_at(payload, "reason"));
  } else if (event.kind == "alert.silence_ended") {
    entry.words = fmt::format("alert {} is quiet no more, and was told of", alert);
  } else if (event.kind == "alert.acknowledged") {
    entry.kind = EntryKind::kPeople;
    entry.words =
        with(fmt::format("alert {} was acknowledged", alert), ": ", text_at(payload, "comment"));
  } else {
    return std::nullopt;
  }
  return entry;
}

std::optional<Entry> action_of(const store::Event& event, const JsonObject& payload, Entry entry) {
  entry.kind = EntryKind::kAction;
  const std::string state = event.kind.substr(event.kind.find('.') + 1);
  const std::string what = state == "decided"   ? "starts"
                           : state == "skipped" ? "was held back"
                           : state == "refused" ? "was refused"
                           : state == "failed"  ? "failed"
                                                : state;
  entry.words = fmt::format("action {} {}", text_at(payload, "action"), what);
  entry.words = with(entry.words, ": ", text_at(payload, "reason"));
  entry.is_remedy = state == "decided" && text_at(payload, "does") != "incident";
  const std::string run = text_at(payload, "run_id");
  if (!run.empty()) entry.words += fmt::format(" (run {})", run);
  return entry;
}

std::optional<Entry> people_of(const store::Event& event, const JsonObject& payload, Entry entry) {
  entry.kind = EntryKind::kPeople;
  const std::string reason = text_at(payload, "reason");
  if (event.kind == "incident.opened") {
    entry.words = with("the incident was opened", ": ", reason);
  } else if (event.kind == "incident.joined") {
    entry.words = with("the alert belongs to the incident", ": ", reason);
  } else if (event.kind == "incident.noted") {
    entry.words = text_at(payload, "text");
  } else if (event.kind == "incident.assigned") {
    const std::string owner = text_at(payload, "owner");
    entry.words = owner.empty() ? "nobody owns it" : owner + " owns it";
  } else if (event.kind == "incident.dated") {
    entry.words = "bad since " + text_at(payload, "bad_since");
  } else if (begins(event, "incident.")) {
    entry.words = with("the incident is " + event.kind.substr(9), ": ", reason);
  } else if (event.kind == "silence.created") {
    entry.words =
        fmt::format("silenced until {}: {}", text_at(payload, "ends"), text_at(payload, "comment"));
  } else {
    return std::nullopt;
  }
  return entry;
}

}  // namespace

std::string_view state_name(State state) { return kStates[static_cast<std::size_t>(state)]; }

Result<State> parse_state(std::string_view name) {
  for (const State state : {State::kOpen, State::kMitigated, State::kResolved}) {
    if (name == state_name(state)) return state;
  }
  return base::error(Code::kInvalidArgument,
                     "no such state of an incident: state={} known=open, mitigated, resolved",
                     name);
}

std::string_view entry_kind_name(EntryKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

JsonObject Incident::to_json() const {
  const auto time_or_null = [](const std::optional<base::Timestamp>& time) {
    return time ? Json(types::to_rfc3339(*time)) : Json(nullptr);
  };
  return {{"id", id},
          {"endpoint", endpoint},
          {"title", title},
          {"severity", severity},
          {"state", state_name(state)},
          {"owner", owner},
          {"opened_by", opened_by},
          {"opened", types::to_rfc3339(opened_at)},
          {"bad_since", types::to_rfc3339(bad_since)},
          {"mitigated", time_or_null(mitigated_at)},
          {"resolved", time_or_null(resolved_at)}};
}

JsonObject Entry::to_json() const {
  return {{"time", types::to_rfc3339(time)},
          {"kind", entry_kind_name(kind)},
          {"event", event},
          {"subject", subject},
          {"actor", actor},
          {"words", words}};
}

std::optional<Entry> entry_of(const store::Event& event, const std::string& endpoint) {
  const auto parsed = base::parse_json_object(event.payload);
  if (!parsed) return std::nullopt;  // it was erased
  const JsonObject& payload = *parsed;
  const Entry entry{.time = event.event_time,
                    .event = event.kind,
                    .subject = event.subject,
                    .actor = event.actor};
  const bool of_alert = begins(event, "alert.") || begins(event, "action.");
  if (of_alert && payload.contains("endpoint") && text_at(payload, "endpoint") != endpoint)
    return std::nullopt;
  if (begins(event, "alert.")) return signal_of(event, payload, entry);
  if (begins(event, "action.")) return action_of(event, payload, entry);
  if (begins(event, "silence.") && !is_of(payload, endpoint)) return std::nullopt;
  if (begins(event, "incident.") || begins(event, "silence."))
    return people_of(event, payload, entry);
  return change_of(event, payload, entry);
}

base::Timestamp detected_at(const Incident& incident, const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    if (entry.event == "alert.opened" && entry.time >= incident.bad_since)
      return std::min(entry.time, incident.opened_at);
  }
  return incident.opened_at;
}

Durations measure(const Incident& incident, const std::vector<Entry>& entries) {
  Durations durations;
  const base::Timestamp detected = detected_at(incident, entries);
  durations.to_detect = detected - incident.bad_since;
  for (const Entry& entry : entries) {
    if (!entry.is_remedy || entry.time < detected) continue;
    durations.to_act = entry.time - detected;
    break;
  }
  const auto over = incident.mitigated_at ? incident.mitigated_at : incident.resolved_at;
  if (over) durations.to_recover = *over - incident.bad_since;
  return durations;
}

JsonObject Durations::to_json() const {
  const auto seconds = [](const std::optional<base::Duration>& duration) {
    return duration ? Json(static_cast<double>(duration->micros) / 1e6) : Json(nullptr);
  };
  return {{"to_detect_seconds", seconds(to_detect)},
          {"to_act_seconds", seconds(to_act)},
          {"to_recover_seconds", seconds(to_recover)}};
}

}  // namespace slipway::incidents
