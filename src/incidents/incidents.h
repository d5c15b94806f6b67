// Keeps incidents: what went wrong at an endpoint, who works on it, and what is known of it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "incidents/ports.h"
#include "incidents/suspects.h"
#include "incidents/time_line.h"
#include "store/db.h"

namespace slipway::incidents {

// By a person.
struct Draft {
  std::string endpoint, title, severity = "warning";
  std::optional<base::Timestamp> bad_since;  // nothing: now
};

// By an alert's action.
struct AlertDraft {
  std::string cause;  // the same again opens nothing again
  std::string endpoint, title, severity, monitor, reason;
  base::Timestamp bad_since;
};
struct Opened {
  std::int64_t id = 0;
  bool is_new = false;  // else it was there, and the alert belongs to it
};

struct IncidentFilter {
  std::string endpoint;        // empty: all
  std::optional<State> state;  // nothing: all
  std::size_t limit = 100;
};

// Everything that is known of one, as of now.
struct Report {
  Incident incident;
  std::vector<Entry> entries;  // oldest first
  std::vector<Suspect> suspects;
  Durations durations;

  JsonObject to_json() const;
};

// Safe to use from several threads. Everything given to the constructor must outlive it. Times are
// those of the event clock.
class Incidents {
 public:
  // `look_back`: changes from before it are no suspects.
  Incidents(store::Db& db, const base::Clock& clock, Neighbourhood& neighbourhood,
            base::Duration look_back, std::string workspace = "default")
      : db_(db),
        clock_(clock),
        neighbourhood_(neighbourhood),
        look_back_(look_back),
        workspace_(std::move(workspace)) {}

  // kInvalidArgument: no title, another severity, bad since the future; kNotFound: no such
  // endpoint.
  Result<Incident> open(const Draft& draft, const std::string& actor);
  Result<Opened> open_for_alert(const AlertDraft& draft);

  // Newest first.
  Result<std::vector<Incident>> list(const IncidentFilter& filter);
  Result<Incident> get(std::int64_t id);  // kNotFound
  Result<Report> report(std::int64_t id);
  // Of the endpoint, that is open (not mitigated, not resolved).
  Result<std::optional<Incident>> find_open(const std::string& endpoint);

  // kNotFound; kInvalidArgument: an empty text.
  Result<Incident> note(std::int64_t id, const std::string& text, const std::string& actor);
  Result<Incident> assign(std::int64_t id, const std::string& owner, const std::string& actor);
  // Since when it was bad. kInvalidArgument: after it was opened.
  Result<Incident> date(std::int64_t id, base::Timestamp bad_since, const std::string& actor);
  // kFailedPrecondition: it is so already.
  Result<Incident> set_state(std::int64_t id, State state, const std::string& reason,
                             const std::string& actor);

  // Mitigates what alerts have opened and whose endpoints have no open alert. Gives how many.
  Result<std::size_t> follow_up();

 private:
  Result<Incident> change(std::int64_t id, store::EventDraft event,
                          const std::function<Result<void>(Incident&)>& edit);
  Result<std::vector<store::Event>> events_of(const std::string& subject, base::Timestamp from);
  Result<std::vector<Entry>> entries(const Incident& incident, base::Timestamp from,
                                     base::Timestamp to);

  store::Db& db_;
  const base::Clock& clock_;
  Neighbourhood& neighbourhood_;
  const base::Duration look_back_;
  const std::string workspace_;
};

}  // namespace slipway::incidents
