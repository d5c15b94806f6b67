#include "api/own/shapes.h"

#include <iterator>

#include "api/own/shapes_of.h"

namespace slipway::api::own {
namespace {

Json clock_word() { return word({"wall", "rehearsal"}); }
Json incident_state() { return word({"open", "mitigated", "resolved"}); }
Json file_change() { return word({"added", "removed", "changed", "moved"}); }

std::vector<NamedSchema> project() {
  const Members token{{"id", text()},
                      {"user", text()},
                      {"name", text()},
                      {"created", integer()},
                      {"expires", maybe(integer())}};
  return {
      {"Clock", object({{"clock", clock_word()},
                        {"now", time()},
                        {"state", word({"ready", "waiting"})},
                        {"runs", list(text())}})},
      {"ModelOverview", object({{"name", text()},
                                {"endpoint", text()},
                                {"owner", text()},
                                {"phase", phase_word()},
                                {"health", health_word()},
                                {"health_reason", text()},
                                {"traffic_per_day", list(integer())},
                                {"open_alerts", integer()},
                                {"version", maybe(integer())},
                                {"last_release", maybe(time())}})},
      {"Overview",
       object({{"now", time()}, {"clock", clock_word()}, {"models", list(ref("ModelOverview"))}})},
      {"Event", object({{"sequence", integer()},
                        {"event_time", time()},
                        {"arrival_time", time()},
                        {"actor", text()},
                        {"kind", text()},
                        {"subject", text()},
                        {"payload", any()}})},
      {"Events", listed("events", "Event")},
      {"Verified", object({{"intact", flag()},
                           {"events", integer()},
                           {"sealed", integer()},
                           {"seals", integer()},
                           {"head", text()}})},
      {"Version", object({{"version", text()}})},
      {"Server", object({{"name", text()},
                         {"url", text()},
                         {"leads", flag()},
                         {"steps_max", maybe(integer())},
                         {"started", time()}})},
      {"Servers", listed("servers", "Server")},
      {"Reply", object({{"status", integer()}, {"body", any()}})},
      {"Replies", listed("replies", "Reply")},
      {"Me", object({{"user", text()}, {"is_admin", flag()}, {"is_service", flag()}})},
      {"Token", object(token)},
      {"Tokens", listed("tokens", "Token")},
      {"TokenDraft",
       object({{"name", text()}, {"user?", text()}, {"expires_in_seconds?", integer()}})},
      {"NewToken",
       object(plus(token,
                   {{"token", text()},
                    {"s3?", object({{"access_key_id", text()}, {"secret_access_key", text()}})}}))},
  };
}

std::vector<NamedSchema> incidents() {
  const Members incident{{"id", integer()},           {"endpoint", text()},
                         {"title", text()},           {"severity", text()},
                         {"state", incident_state()}, {"owner", text()},
                         {"opened_by", text()},       {"opened", time()},
                         {"bad_since", time()},       {"mitigated", maybe(time())},
                         {"resolved", maybe(time())}};
  const Members entry{{"time", time()},  {"kind", word({"change", "signal", "action", "people"})},
                      {"event", text()}, {"subject", text()},
                      {"actor", text()}, {"words", text()}};
  return {
      {"Incident", object(incident)},
      {"Incidents", listed("incidents", "Incident")},
      {"IncidentEntry", object(entry)},
      {"Suspect", object(plus(entry, {{"score", number()}, {"why", text()}}))},
      {"IncidentReport",
       object(plus(incident, {{"detected", time()},
                              {"durations", object({{"to_detect_seconds", maybe(number())},
                                                    {"to_act_seconds", maybe(number())},
                                                    {"to_recover_seconds", maybe(number())}})},
                              {"time_line", list(ref("IncidentEntry"))},
                              {"suspects", list(ref("Suspect"))}}))},
      {"IncidentDraft", object({{"endpoint", text()},
                                {"title", text()},
                                {"severity?", text()},
                                {"bad_since?", time()},
                                {"actor?", text()}})},
      {"IncidentNote", object({{"text", text()}, {"actor?", text()}})},
      {"IncidentOwner", object({{"owner", text()}, {"actor?", text()}})},
      {"IncidentMove",
       object({{"state", incident_state()}, {"reason?", text()}, {"actor?", text()}})},
  };
}

std::vector<NamedSchema> costs() {
  return {
      {"VersionCost", object({{"endpoint?", text()},
                              {"version", integer()},
                              {"predictions", integer()},
                              {"cpu_seconds_per_1000", maybe(number())},
                              {"cost_per_1000", maybe(number())},
                              {"currency", maybe(text())}})},
      {"AllCosts", listed("versions", "VersionCost")},
      {"EndpointCosts", object({{"endpoint", text()}, {"versions", list(ref("VersionCost"))}})},
      {"ServingOption", object({{"mode", word({"real-time", "stream", "batch"})},
                                {"max_rows", integer()},
                                {"max_wait_ms", number()},
                                {"replicas", integer()},
                                {"requests_per_call", number()},
                                {"load", number()},
                                {"cores_busy", number()},
                                {"latency_ms", maybe(number())},
                                {"cost_per_1000", maybe(number())},
                                {"meets_target", flag()}})},
      {"Advice", object({{"endpoint", text()},
                         {"words", text()},
                         {"target", object({{"latency_ms", number()}, {"percentile", number()}})},
                         {"traffic", object({{"rate", number()},
                                             {"rows_per_request", number()},
                                             {"gap_variation", number()},
                                             {"requests?", integer()},
                                             {"rate_mean?", number()},
                                             {"rate_peak?", number()},
                                             {"peak_seconds?", number()}})},
                         {"cost", object({{"fixed_us", number()},
                                          {"row_us", number()},
                                          {"variation", number()},
                                          {"measured", list(object({{"rows", integer()},
                                                                    {"microseconds", number()}}))},
                                          {"core_hour", maybe(number())},
                                          {"currency", text()}})},
                         {"options", list(ref("ServingOption"))}})},
  };
}

std::vector<NamedSchema> versions() {
  const Members repository{{"name", text()}, {"created", time()}, {"refs", list(ref("DataRef"))}};
  return {
      {"DataRef", object({{"kind", word({"branch", "tag"})},
                          {"name", text()},
                          {"commit", text()},
                          {"moved", time()},
                          {"by", text()}})},
      {"DataRepository", object(repository)},
      {"DataRepositories", listed("repositories", "DataRepository")},
      {"StoredRepository",
       object(plus(repository, {{"objects", integer()}, {"bytes", integer()}}))},
      {"DataCommit", object({{"commit", text()},
                             {"parents", list(text())},
                             {"author", text()},
                             {"message", text()},
                             {"time", time()},
                             {"files", integer()},
                             {"bytes", integer()}})},
      {"DataCommits", listed("commits", "DataCommit")},
      {"DataFolder",
       object({{"commit", text()},
               {"path", text()},
               {"total", integer()},
               {"entries", list(object({{"name", text()},
                                        {"kind", word({"file", "program", "link", "folder"})},
                                        {"bytes?", integer()}}))}})},
      {"FileChange", object({{"path", text()},
                             {"change", file_change()},
                             {"bytes_before?", integer()},
                             {"bytes_after?", integer()},
                             {"moved_from?", text()}})},
      {"DataChanges", object({{"from", text()},
                              {"to", text()},
                              {"changed", integer()},
                              {"counts", object({{"added", integer()},
                                                 {"removed", integer()},
                                                 {"changed", integer()},
                                                 {"moved", integer()}})},
                              {"bytes_before", integer()},
                              {"bytes_after", integer()},
                              {"changes", list(ref("FileChange"))}})},
  };
}

std::vector<NamedSchema> quiet() {
  return {
      {"AlertRoute",
       object({{"name", text()}, {"kind", text()}, {"signed", flag()}, {"waiting", integer()}})},
      {"AlertRoutes", listed("routes", "AlertRoute")},
      {"Silence", object({{"id", integer()},
                          {"state", text()},
                          {"match", list(text())},
                          {"starts", time()},
                          {"ends", time()},
                          {"by", text()},
                          {"comment", text()},
                          {"created", time()}})},
      {"Maintenance", object({{"name", text()},
                              {"match", list(text())},
                              {"why", text()},
                              {"start?", text()},
                              {"end?", text()},
                              {"days?", list(text())},
                              {"days_of_month?", list(integer())},
                              {"from?", text()},
                              {"for?", text()},
                              {"time_zone?", text()},
                              {"until", maybe(time())}})},
      {"Quiet",
       object({{"silences", list(ref("Silence"))}, {"maintenance", list(ref("Maintenance"))}})},
      {"SilenceDraft", object({{"match", list(text())},
                               {"starts?", time()},
                               {"ends?", time()},
                               {"for?", text()},
                               {"comment?", text()},
                               {"actor?", text()}})},
  };
}

std::vector<NamedSchema> drills() {
  return {
      {"DrillSummary", object({{"id", integer()},
                               {"endpoint", text()},
                               {"time", time()},
                               {"actor", text()},
                               {"grade", text()},
                               {"caught", integer()},
                               {"faults_played", integer()},
                               {"false_pages", integer()}})},
      {"Drills", listed("drills", "DrillSummary")},
  };
}

std::vector<NamedSchema> models() {
  return {
      {"Approval",
       object(
           {{"version", integer()}, {"approver", text()}, {"reason", text()}, {"time", time()}})},
      {"ModelAlias", object({{"alias", text()},
                             {"version", maybe(integer())},
                             {"gated?", flag()},
                             {"approvers?", list(text())},
                             {"approvals?", list(ref("Approval"))}})},
      {"ModelAliases", object({{"model", text()}, {"aliases", list(ref("ModelAlias"))}})},
      {"AliasMove", object({{"alias", text()},
                            {"from", maybe(integer())},
                            {"to", maybe(integer())},
                            {"time", time()},
                            {"actor", text()},
                            {"reason", text()}})},
      {"AliasMoves", listed("moves", "AliasMove")},
      {"AliasProtection",
       object({{"approvers?", list(text())}, {"reason?", text()}, {"actor?", text()}})},
      {"AliasApproval", object({{"version", integer()}, {"reason?", text()}, {"actor?", text()}})},
  };
}

constexpr Shape kShapes[] = {
    {kGet, "/slipway/v1/version", "Version"},
    {kGet, "/slipway/v1/servers", "Servers"},
    {kGet, "/slipway/v1/batch", "Replies"},
    {kGet, "/slipway/v1/clock", "Clock"},
    {kGet, "/slipway/v1/overview", "Overview"},
    {kGet, "/slipway/v1/events", "Events"},
    {kGet, "/slipway/v1/events/verify", "Verified"},
    {kGet, "/slipway/v1/me", "Me"},
    {kGet, "/slipway/v1/tokens", "Tokens"},
    {kPost, "/slipway/v1/tokens", "NewToken", "TokenDraft"},
    {kGet, "/slipway/v1/incidents", "Incidents"},
    {kPost, "/slipway/v1/incidents", "Incident", "IncidentDraft"},
    {kGet, "/slipway/v1/incidents/{id}", "IncidentReport"},
    {kPost, "/slipway/v1/incidents/{id}/notes", "Incident", "IncidentNote"},
    {kPost, "/slipway/v1/incidents/{id}/assign", "Incident", "IncidentOwner"},
    {kPost, "/slipway/v1/incidents/{id}/state", "Incident", "IncidentMove"},
    {kGet, "/slipway/v1/costs", "AllCosts"},
    {kGet, "/slipway/v1/endpoints/{name}/cost", "EndpointCosts"},
    {kGet, "/slipway/v1/endpoints/{name}/advice", "Advice"},
    {kGet, "/slipway/v1/endpoints/{name}/drills", "Drills"},
    {kGet, "/slipway/v1/data", "DataRepositories"},
    {kGet, "/slipway/v1/data/{name}", "StoredRepository"},
    {kGet, "/slipway/v1/data/{name}/log", "DataCommits"},
    {kGet, "/slipway/v1/data/{name}/files", "DataFolder"},
    {kGet, "/slipway/v1/data/{name}/diff", "DataChanges"},
    {kGet, "/slipway/v1/routes", "AlertRoutes"},
    {kGet, "/slipway/v1/silences", "Quiet"},
    {kPost, "/slipway/v1/silences", "Silence", "SilenceDraft"},
    {kGet, "/slipway/v1/models/{name}/aliases", "ModelAliases"},
    {kGet, "/slipway/v1/models/{name}/alias-moves", "AliasMoves"},
    {kPost, "/slipway/v1/models/{name}/aliases/{alias}/protect", "ModelAliases", "AliasProtection"},
    {kPost, "/slipway/v1/models/{name}/aliases/{alias}/approve", "ModelAliases", "AliasApproval"},
};

}  // namespace

http::Shapes shapes() {
  http::Shapes all{together({project, incidents, costs, versions, quiet, drills, models}),
                   {std::begin(kShapes), std::end(kShapes)}};
  for (const ShapesOf& of : {shapes_of_endpoints(), shapes_of_monitors(), shapes_of_data(),
                             shapes_of_pipelines(), shapes_of_runs()}) {
    for (NamedSchema& one : of.schemas()) all.schemas.push_back(std::move(one));
    all.routes.insert(all.routes.end(), of.routes.begin(), of.routes.end());
  }
  return all;
}

}  // namespace slipway::api::own
