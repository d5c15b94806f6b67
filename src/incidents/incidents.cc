#include "incidents/incidents.h"

#include <algorithm>

#include "store/events.h"
#include "types/timestamp.h"

namespace slipway::incidents {
namespace {

constexpr std::size_t kEventsMax = 2000, kPiecesMax = 20;  // of one subject; at a time
constexpr std::size_t kTextBytesMax = 64 << 10;
constexpr std::string_view kColumns =
    "id, endpoint, title, severity, state, owner, opened_by, opened_at, bad_since, by_alert, "
    "mitigated_at, resolved_at";

std::string subject_of(std::int64_t id) { return fmt::format("incidents/{}", id); }

Result<Incident> read_incident(const store::Row& row) {
  Incident incident{.id = row.int64(0),
                    .endpoint = row.string(1),
                    .title = row.string(2),
                    .severity = row.string(3),
                    .owner = row.string(5),
                    .opened_by = row.string(6),
                    .opened_at = row.time(7),
                    .bad_since = row.time(8),
                    .by_alert = row.int64(9) != 0};
  incident.state = TRY(parse_state(row.text(4)));
  if (!row.is_null(10)) incident.mitigated_at = row.time(10);
  if (!row.is_null(11)) incident.resolved_at = row.time(11);
  return incident;
}

Result<std::vector<Incident>> read_incidents(store::Reader& reader, const std::string& where,
                                             store::Params params) {
  std::vector<Incident> found;
  Result<void> parsed;
  TRY(reader.query(fmt::format("SELECT {} FROM incidents WHERE {}", kColumns, where), params,
                   [&](const store::Row& row) {
                     Result<Incident> incident = read_incident(row);
                     if (incident) {
                       found.push_back(std::move(*incident));
                     } else {
                       parsed = std::move(incident).error();
                     }
                   }));
  TRY(std::move(parsed));
  return found;
}

Result<Incident> find_incident(store::Reader& reader, const std::string& workspace,
                               std::int64_t id) {
  auto found = TRY(read_incidents(reader, "workspace = ? AND id = ?", {workspace, id}));
  if (found.empty()) return base::error(Code::kNotFound, "no such incident: id={}", id);
  return std::move(found.front());
}

Result<std::int64_t> insert_incident(store::Tx& tx, const std::string& workspace,
                                     const Incident& incident) {
  std::int64_t id = 1;
  TRY(tx.query("SELECT COALESCE(MAX(id), 0) + 1 FROM incidents WHERE workspace = ?", {workspace},
               [&](const store::Row& row) { id = row.int64(0); }));
  TRY(
      tx.execute("INSERT INTO incidents(workspace, id, endpoint, title, severity, state, owner, "
                 "opened_by, opened_at, bad_since, by_alert) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
                 "?)",
                 {workspace, id, incident.endpoint, incident.title, incident.severity,
                  state_name(incident.state), incident.owner, incident.opened_by,
                  incident.opened_at, incident.bad_since, incident.by_alert}));
  return id;
}

Result<void> update_incident(store::Tx& tx, const std::string& workspace,
                             const Incident& incident) {
  TRY(tx.execute(
      "UPDATE incidents SET state = ?, owner = ?, bad_since = ?, mitigated_at = ?, "
      "resolved_at = ?, by_alert = ? WHERE workspace = ? AND id = ?",
      {state_name(incident.state), incident.owner, incident.bad_since, incident.mitigated_at,
       incident.resolved_at, incident.by_alert, workspace, incident.id}));
  return {};
}

void move_to(Incident& incident, State state, base::Timestamp now) {
  incident.state = state;
  if (state == State::kOpen) {
    incident.mitigated_at.reset();
    incident.resolved_at.reset();
  }
  if (state == State::kMitigated) incident.resolved_at.reset();
  if (state != State::kOpen && !incident.mitigated_at) incident.mitigated_at = now;
  if (state == State::kResolved) incident.resolved_at = now;
}

}  // namespace

JsonObject Report::to_json() const {
  JsonObject object = incident.to_json();
  object["detected"] = types::to_rfc3339(detected_at(incident, entries));
  object["durations"] = durations.to_json();
  JsonArray happened, changed;
  for (const Entry& entry : entries) happened.push_back(entry.to_json());
  for (const Suspect& suspect : suspects) changed.push_back(suspect.to_json());
  object["time_line"] = std::move(happened);
  object["suspects"] = std::move(changed);
  return object;
}

Result<Incident> Incidents::open(const Draft& draft, const std::string& actor) {
  const base::Timestamp now = clock_.now();
  const auto wrong = [](std::string_view why) {
    return base::error(Code::kInvalidArgument, "{}", why);
  };
  if (draft.title.empty() || draft.title.size() > kTextBytesMax)
    return wrong("an incident needs a title");
  if (draft.severity != "critical" && draft.severity != "warning" && draft.severity != "info")
    return wrong("severity must be critical, warning or info");
  if (draft.bad_since && *draft.bad_since > now) return wrong("bad_since lies in the future");
  TRY(neighbourhood_.around(draft.endpoint));
  const Incident made{.endpoint = draft.endpoint,
                      .title = draft.title,
                      .severity = draft.severity,
                      .opened_by = actor,
                      .opened_at = now,
                      .bad_since = draft.bad_since.value_or(now)};
  return db_.write([&](store::Tx& tx) -> Result<Incident> {
    Incident incident = made;
    incident.id = TRY(insert_incident(tx, workspace_, made));
    TRY(tx.append_event({.kind = "incident.opened",
                         .subject = subject_of(incident.id),
                         .actor = actor,
                         .payload = {{"endpoint", incident.endpoint}, {"title", incident.title}},
                         .event_time = now,
                         .workspace = workspace_}));
    return incident;
  });
}

Result<Opened> Incidents::open_for_alert(const AlertDraft& draft) {
  const base::Timestamp now = clock_.now();
  const std::string actor = "monitor:" + draft.monitor;
  return db_.write([&](store::Tx& tx) -> Result<Opened> {
    const auto known =
        TRY(tx.find("SELECT incident FROM incident_causes WHERE workspace = ? AND cause = ?",
                    {workspace_, draft.cause}, [](const store::Row& row) { return row.int64(0); }));
    if (known) return Opened{.id = *known};
    auto there = TRY(read_incidents(
        tx, "workspace = ? AND endpoint = ? AND state <> 'resolved' ORDER BY id DESC LIMIT 1",
        {workspace_, draft.endpoint}));
    Opened opened{.is_new = there.empty()};
    if (there.empty()) {
      opened.id = TRY(insert_incident(tx, workspace_,
                                      {.endpoint = draft.endpoint,
                                       .title = draft.title,
                                       .severity = draft.severity,
                                       .opened_by = actor,
                                       .opened_at = now,
                                       .bad_since = draft.bad_since,
                                       .by_alert = true}));
    } else {
      Incident& incident = there.front();
      opened.id = incident.id;
      if (incident.state == State::kMitigated) {
        move_to(incident, State::kOpen, now);
        TRY(update_incident(tx, workspace_, incident));
      }
    }
    TRY(tx.execute("INSERT INTO incident_causes(workspace, cause, incident) VALUES(?, ?, ?)",
                   {workspace_, draft.cause, opened.id}));
    TRY(tx.append_event({.kind = opened.is_new ? "incident.opened" : "incident.joined",
                         .subject = subject_of(opened.id),
                         .actor = actor,
                         .payload = {{"endpoint", draft.endpoint},
                                     {"title", draft.title},
                                     {"reason", draft.reason}},
                         .event_time = now,
                         .workspace = workspace_}));
    return opened;
  });
}

Result<std::vector<Incident>> Incidents::list(const IncidentFilter& filter) {
  const std::string state(filter.state ? state_name(*filter.state) : "");
  return db_.read([&](store::Reader& reader) {
    return read_incidents(
        reader,
        "workspace = ? AND (? = '' OR endpoint = ?) AND (? = '' OR state = ?) "
        "ORDER BY id DESC LIMIT ?",
        {workspace_, filter.endpoint, filter.endpoint, state, state, filter.limit});
  });
}

Result<Incident> Incidents::get(std::int64_t id) {
  return db_.read([&](store::Reader& reader) { return find_incident(reader, workspace_, id); });
}

Result<std::optional<Incident>> Incidents::find_open(const std::string& endpoint) {
  auto open = TRY(list({.endpoint = endpoint, .state = State::kOpen, .limit = 1}));
  return open.empty() ? std::optional<Incident>() : std::optional(std::move(open.front()));
}

Result<Incident> Incidents::change(std::int64_t id, store::EventDraft event,
                                   const std::function<Result<void>(Incident&)>& edit) {
  event.subject = subject_of(id);
  event.event_time = clock_.now();
  event.workspace = workspace_;
  return db_.write([&](store::Tx& tx) -> Result<Incident> {
    Incident incident = TRY(find_incident(tx, workspace_, id));
    TRY(edit(incident));
    TRY(update_incident(tx, workspace_, incident));
    TRY(tx.append_event(event));
    return incident;
  });
}

Result<Incident> Incidents::note(std::int64_t id, const std::string& text,
                                 const std::string& actor) {
  if (text.empty() || text.size() > kTextBytesMax) {
    return base::error(Code::kInvalidArgument, "a note needs a text of at most {} bytes",
                       kTextBytesMax);
  }
  return change(id, {.kind = "incident.noted", .actor = actor, .payload = {{"text", text}}},
                [](Incident&) -> Result<void> { return {}; });
}

Result<Incident> Incidents::assign(std::int64_t id, const std::string& owner,
                                   const std::string& actor) {
  return change(id, {.kind = "incident.assigned", .actor = actor, .payload = {{"owner", owner}}},
                [&](Incident& incident) -> Result<void> {
                  incident.owner = owner;
                  return {};
                });
}

Result<Incident> Incidents::date(std::int64_t id, base::Timestamp bad_since,
                                 const std::string& actor) {
  return change(id,
                {.kind = "incident.dated",
                 .actor = actor,
                 .payload = {{"bad_since", types::to_rfc3339(bad_since)}}},
                [&](Incident& incident) -> Result<void> {
                  if (bad_since > incident.opened_at) {
                    return base::error(Code::kInvalidArgument,
                                       "bad_since lies after the incident was opened");
                  }
                  incident.bad_since = bad_since;
                  return {};
                });
}

Result<Incident> Incidents::set_state(std::int64_t id, State state, const std::string& reason,
                                      const std::string& actor) {
  const std::string name(state == State::kOpen ? "reopened" : state_name(state));
  return change(id, {.kind = "incident." + name, .actor = actor, .payload = {{"reason", reason}}},
                [&](Incident& incident) -> Result<void> {
                  if (incident.state == state) {
                    return base::error(Code::kFailedPrecondition,
                                       "the incident is {} already: id={}", state_name(state), id);
                  }
                  move_to(incident, state, clock_.now());
                  // Whoever opens it again ends it, too.
                  if (state == State::kOpen) incident.by_alert = false;
                  return {};
                });
}

Result<std::size_t> Incidents::follow_up() {
  std::size_t mitigated = 0;
  for (const Incident& incident : TRY(list({.state = State::kOpen, .limit = 1000}))) {
    if (!incident.by_alert || TRY(neighbourhood_.has_open_alert(incident.endpoint))) continue;
    auto done =
        change(incident.id,
               {.kind = "incident.mitigated",
                .actor = "system",
                .payload = {{"reason", "no alert of the endpoint is open"}}},
               [&](Incident& now) -> Result<void> {
                 if (now.state != State::kOpen || !now.by_alert)
                   return base::error(Code::kFailedPrecondition, "somebody decided: id={}", now.id);
                 move_to(now, State::kMitigated, clock_.now());
                 return {};
               });
    if (!done && done.error().code == Code::kFailedPrecondition) continue;  // by a person meanwhile
    TRY(std::move(done));
    ++mitigated;
  }
  return mitigated;
}

// Newest first, as far back as `from`, in pieces.
Result<std::vector<store::Event>> Incidents::events_of(const std::string& subject,
                                                       base::Timestamp from) {
  std::vector<store::Event> events;
  store::EventFilter filter{.subject = subject, .limit = kEventsMax, .newest_first = true};
  for (std::size_t piece = 0; piece < kPiecesMax; ++piece) {
    std::vector<store::Event> some = TRY(store::list_events(db_, filter));
    const bool is_all = some.size() < kEventsMax;
    // In a rehearsal events of any event time come now.
    const bool is_enough =
        is_all || (!neighbourhood_.rehearses() && some.back().arrival_time < from);
    if (!some.empty()) filter.before = some.back().sequence;
    std::move(some.begin(), some.end(), std::back_inserter(events));
    if (is_enough) break;
  }
  return events;
}

Result<std::vector<Entry>> Incidents::entries(const Incident& incident, base::Timestamp from,
                                              base::Timestamp to) {
  const auto around = neighbourhood_.around(incident.endpoint);
  if (!around && around.error().code != Code::kNotFound) return around.error();
  std::vector<std::string> subjects{"endpoints/" + incident.endpoint, subject_of(incident.id),
                                    "projects/", "features", "silences/"};
  if (around) {
    if (!around->model.empty()) {
      subjects.push_back("models/" + around->model);
      subjects.push_back("models/" + around->model + "/");
    }
    for (const std::string& monitor : around->monitors) {
      subjects.push_back("monitors/" + monitor);
      subjects.push_back("monitors/" + monitor + "/alerts/");
    }
    for (const std::string& dataset : around->datasets) {
      subjects.push_back("datasets/" + dataset);
      subjects.push_back("datasets/" + dataset + "/");
    }
  }
  std::vector<std::pair<std::int64_t, Entry>> found;
  for (const std::string& subject : subjects) {
    for (store::Event& event : TRY(events_of(subject, from))) {
      // It tells no event time: in a rehearsal, what was told before it says where the clock stood.
      if (neighbourhood_.rehearses() && event.event_time == event.arrival_time) {
        event.event_time =
            TRY(db_.read([&](store::Reader& reader) {
              return reader.find(
                  "SELECT event_time FROM events WHERE sequence < ? AND event_time <> arrival_time "
                  "ORDER BY sequence DESC LIMIT 1",
                  {event.sequence}, [](const store::Row& row) { return row.time(0); });
            })).value_or(event.event_time);
      }
      // What people write about it later belongs to it.
      const bool is_own = subject == subject_of(incident.id);
      if (event.event_time < from || (event.event_time > to && !is_own)) continue;
      if (auto entry = entry_of(event, incident.endpoint))
        found.emplace_back(event.sequence, std::move(*entry));
    }
  }
  std::int64_t order = 0;
  for (const MovedInput& moved : TRY(neighbourhood_.moved_inputs(incident.endpoint, from, to))) {
    found.emplace_back(order++,
                       Entry{.time = moved.since,
                             .kind = EntryKind::kSignal,
                             .event = "input.moved",
                             .subject = "endpoints/" + incident.endpoint,
                             .actor = "system",
                             .words = fmt::format("input {} moved: {}", moved.input, moved.how),
                             .weight = 0.5});
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    if (a.second.time != b.second.time) return a.second.time < b.second.time;
    return a.first < b.first;
  });
  std::vector<Entry> entries;
  for (auto& [sequence, entry] : found) entries.push_back(std::move(entry));
  return entries;
}

Result<Report> Incidents::report(std::int64_t id) {
  Report report;
  report.incident = TRY(get(id));
  const Incident& incident = report.incident;
  const base::Timestamp until = incident.resolved_at.value_or(clock_.now());
  report.entries = TRY(entries(incident, incident.bad_since - look_back_, until));
  Onset onset{
      .bad_since = incident.bad_since, .bad_until = incident.bad_since, .look_back = look_back_};
  const auto window = TRY(neighbourhood_.first_bad_window(incident.endpoint, incident.bad_since));
  if (window && window->start <= incident.opened_at) onset.bad_until = window->end;
  report.suspects = rank_suspects(report.entries, onset);
  report.durations = measure(incident, report.entries);
  return report;
}

}  // namespace slipway::incidents
