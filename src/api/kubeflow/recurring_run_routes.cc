#include <charconv>

#include "api/kubeflow/wire.h"
#include "types/timestamp.h"

namespace slipway::api::kubeflow {
namespace {

using http::Method;
using http::Request;
using http::Response;

constexpr std::int64_t kIntervalSecondsMax = 3660ll * 24 * 3600;

JsonObject trigger_of(const kfp::DueTimes& due) {
  JsonObject schedule;
  if (due.start) schedule["start_time"] = to_text(*due.start);
  if (due.end) schedule["end_time"] = to_text(*due.end);
  if (due.every) {
    schedule["interval_second"] = std::to_string(due.every->micros / 1'000'000);
    return {{"periodic_schedule", std::move(schedule)}};
  }
  schedule["cron"] = due.cron;
  return {{"cron_schedule", std::move(schedule)}};
}

Result<JsonObject> to_json(const Services& services, const kfp::RecurringRun& run) {
  JsonObject object{{"recurring_run_id", run.id},
                    {"experiment_id", run.experiment},
                    {"display_name", run.name},
                    {"max_concurrency", std::to_string(run.due.parallel_max)},
                    {"no_catchup", !run.due.catch_up},
                    {"trigger", trigger_of(run.due)},
                    {"mode", run.is_enabled ? "ENABLE" : "DISABLE"},
                    {"status", run.is_enabled ? "ENABLED" : "DISABLED"},
                    {"created_at", to_text(run.created)},
                    {"updated_at", to_text(run.updated)}};
  if (!run.description.empty()) object["description"] = run.description;
  if (!run.service_account.empty()) object["service_account"] = run.service_account;
  TRY(tell_target(services, run.plan, run.pipeline, run.version, run.config, object));
  return object;
}

Result<std::optional<base::Timestamp>> find_time(const JsonObject& schedule, std::string_view snake,
                                                 std::string_view camel) {
  const std::string text = TRY(text_of(schedule, snake, camel));
  if (text.empty()) return std::optional<base::Timestamp>();
  auto time = types::parse_rfc3339(text);
  if (!time) return std::move(time).error().with_context(snake);
  return std::optional(*time);
}

// Numbers of 64 bits come as text, too.
Result<std::optional<std::int64_t>> find_number(const JsonObject& body, std::string_view snake,
                                                std::string_view camel) {
  const Json* const value = member_of(body, snake, camel);
  if (value == nullptr) return std::optional<std::int64_t>();
  if (value->is_int64()) return std::optional(value->get_int64());
  std::int64_t number = 0;
  if (value->is_string()) {
    const std::string_view text = value->get_string();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) return std::optional(number);
  }
  return base::error(Code::kInvalidArgument, "{} must be a whole number: got={}", snake,
                     base::to_text(*value));
}

Result<kfp::DueTimes> read_due(const JsonObject& body) {
  kfp::DueTimes due;
  due.parallel_max = TRY(find_number(body, "max_concurrency", "maxConcurrency")).value_or(1);
  if (const Json* const flag = member_of(body, "no_catchup", "noCatchup"))
    due.catch_up = !(flag->is_bool() && flag->get_bool());
  const Json* const trigger = member_of(body, "trigger", "trigger");
  if (trigger == nullptr) return due;
  if (!trigger->is_object())
    return base::error(Code::kInvalidArgument, "trigger must be a mapping");
  const JsonObject& triggers = trigger->get_object();
  const Json* const cron = member_of(triggers, "cron_schedule", "cronSchedule");
  const Json* const periodic = member_of(triggers, "periodic_schedule", "periodicSchedule");
  for (const Json* const schedule : {cron, periodic}) {
    if (schedule == nullptr) continue;
    if (!schedule->is_object())
      return base::error(Code::kInvalidArgument, "a schedule must be a mapping");
    due.start = TRY(find_time(schedule->get_object(), "start_time", "startTime"));
    due.end = TRY(find_time(schedule->get_object(), "end_time", "endTime"));
  }
  if (cron != nullptr) due.cron = TRY(text_of(cron->get_object(), "cron", "cron"));
  if (periodic == nullptr) return due;
  const auto seconds =
      TRY(find_number(periodic->get_object(), "interval_second", "intervalSecond"));
  if (!seconds || *seconds < 1 || *seconds > kIntervalSecondsMax)
    return base::error(Code::kInvalidArgument, "interval_second must be from 1 to {}",
                       kIntervalSecondsMax);
  due.every = base::Duration::seconds(*seconds);
  return due;
}

Result<Response> list(const Services& services, const Request& request) {
  auto page = TRY(services.recurring_runs.list(text_of(request, "experiment_id"),
                                               TRY(read_list_query(request))));
  JsonArray told;
  for (const kfp::RecurringRun& run : page.runs) told.push_back(TRY(to_json(services, run)));
  return reply(page_of("recurringRuns", std::move(told), page.next_page_token, page.total));
}

Result<Response> create(const Services& services, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  kfp::RecurringRunDraft draft;
  draft.target = TRY(read_target(body));
  draft.experiment = TRY(text_of(body, "experiment_id", "experimentId"));
  draft.name = TRY(text_of(body, "display_name", "displayName"));
  draft.description = TRY(text_of(body, "description", "description"));
  draft.service_account = TRY(text_of(body, "service_account", "serviceAccount"));
  draft.due = TRY(read_due(body));
  draft.is_enabled = TRY(text_of(body, "mode", "mode")) != "DISABLE";
  const auto run = TRY(services.recurring_runs.create(std::move(draft), actor_of(request)));
  return reply(TRY(to_json(services, run)));
}

Result<Response> get(const Services& services, const Request& request) {
  const auto run = TRY(services.recurring_runs.find(request.param("id")));
  return reply(TRY(to_json(services, run)));
}

Result<Response> remove(const Services& services, const Request& request) {
  TRY(services.recurring_runs.remove(request.param("id"), actor_of(request)));
  return reply({});
}

Result<Response> enable(const Services& services, const Request& request) {
  TRY(services.recurring_runs.set_enabled(request.param("id"), true, actor_of(request)));
  return reply({});
}

Result<Response> disable(const Services& services, const Request& request) {
  TRY(services.recurring_runs.set_enabled(request.param("id"), false, actor_of(request)));
  return reply({});
}

}  // namespace

std::vector<http::Route> recurring_run_routes(const Services& services) {
  return {
      route(services, Method::kGet, "/recurringruns", "recurring runs, in pages.", list),
      route(services, Method::kPost, "/recurringruns", "starts runs when they are due.", create),
      route(services, Method::kGet, "/recurringruns/{id}", "a recurring run.", get),
      route(services, Method::kDelete, "/recurringruns/{id}", "deletes it.", remove),
      route(services, Method::kPost, "/recurringruns/{id}:enable", "goes on with it.", enable),
      route(services, Method::kPost, "/recurringruns/{id}:disable", "pauses it.", disable),
  };
}

}  // namespace slipway::api::kubeflow
