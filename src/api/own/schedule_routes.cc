#include "api/own/schedule_routes.h"

#include "api/own/loop_wire.h"

namespace slipway::api::own {
namespace {

using http::Method;
using http::Request;
using http::Response;
using pipelines::Schedules;

Result<Response> list(Schedules& schedules) {
  JsonArray found;
  for (const auto& schedule : TRY(schedules.list())) found.push_back(schedule.to_json());
  return reply({{"schedules", std::move(found)}});
}

Result<Response> turns(Schedules& schedules, const Request& request) {
  const std::string& name = request.param("name");
  TRY(schedules.get(name));
  JsonArray found;
  for (const auto& turn : TRY(schedules.turns(name, TRY(query_limit(request, 50, 1000)))))
    found.push_back(turn.to_json());
  return reply({{"turns", std::move(found)}});
}

Result<Response> set_paused(Schedules& schedules, const Request& request, bool paused) {
  const JsonObject body = TRY(read_body(request));
  const std::string actor = TRY(read_actor(request, body));
  return reply(TRY(schedules.set_paused(request.param("name"), paused, actor)).to_json());
}

Result<Response> backfill(Schedules& schedules, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  pipelines::BackfillRequest wanted;
  wanted.pipeline = request.param("name");
  wanted.schedule = TRY(base::find_string(body, "schedule")).value_or("");
  wanted.from = TRY(base::find_string(body, "from")).value_or("");
  wanted.to = TRY(base::find_string(body, "to")).value_or("");
  if (wanted.from.empty() || wanted.to.empty())
    return base::error(Code::kInvalidArgument,
                       "a backfill needs `from` and `to`, both times or days");
  if (const Json* const parallel = body.if_contains("parallel");
      parallel != nullptr && !parallel->is_null()) {
    if (!parallel->is_int64() || parallel->as_int64() < 1)
      return base::error(Code::kInvalidArgument, "parallel must be a whole number from 1");
    wanted.parallel = static_cast<std::size_t>(parallel->as_int64());
  }
  wanted.dry_run = TRY(read_flag(body, "dry_run")).value_or(false);
  wanted.rerun_failed = TRY(read_flag(body, "rerun_failed")).value_or(false);
  wanted.rerun_all = TRY(read_flag(body, "rerun_all")).value_or(false);
  const std::string actor = TRY(read_actor(request, body));
  return reply(TRY(schedules.backfill(wanted, actor)).to_json());
}

Result<Response> list_backfills(Schedules& schedules, const Request& request) {
  JsonArray found;
  for (const auto& each : TRY(schedules.backfills(TRY(query_limit(request, 50, 1000)))))
    found.push_back(each.to_json());
  return reply({{"backfills", std::move(found)}});
}

Result<Response> cancel(Schedules& schedules, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  const std::string actor = TRY(read_actor(request, body));
  const std::string& id = request.param("id");
  const std::size_t cancelled = TRY(schedules.cancel_backfill(id, actor));
  return reply({{"id", id}, {"cancelled", cancelled}});
}

}  // namespace

std::vector<http::Route> schedule_routes(Schedules& schedules) {
  return {
      {.method = Method::kGet,
       .pattern = "/slipway/v1/schedules",
       .summary = "Every schedule with its next due times and what became of the last.",
       .handler = answering([&schedules](const Request&) { return list(schedules); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/schedules/{name}",
       .summary = "One schedule.",
       .handler = answering([&schedules](const Request& request) -> Result<Response> {
         return reply(TRY(schedules.get(request.param("name"))).to_json());
       }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/schedules/{name}/turns",
       .summary = "The times it was due, newest first, each with its run or why there is none.",
       .handler = answering([&schedules](const Request& r) { return turns(schedules, r); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/schedules/{name}/pause",
       .summary = "Starts nothing more until it is resumed.",
       .handler =
           answering([&schedules](const Request& r) { return set_paused(schedules, r, true); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/schedules/{name}/resume",
       .summary = "Goes on with the next due time; what was due meanwhile is not made up for.",
       .handler =
           answering([&schedules](const Request& r) { return set_paused(schedules, r, false); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/pipelines/{name}/backfills",
       .summary =
           "Runs the due times of a range that were not run; with dry_run only tells them. `from` "
           "and `to` are times, or days on the schedule's clock, the last one whole.",
       .handler = answering([&schedules](const Request& r) { return backfill(schedules, r); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/backfills",
       .summary = "Backfills, newest first, with how many of their runs ended how.",
       .handler =
           answering([&schedules](const Request& r) { return list_backfills(schedules, r); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/backfills/{id}",
       .summary = "One backfill with its times, oldest first, and how the run of each ended.",
       .handler = answering([&schedules](const Request& request) -> Result<Response> {
         return reply(TRY(schedules.find_backfill(request.param("id"))).to_json());
       }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/backfills/{id}/cancel",
       .summary = "Starts no more runs of a backfill; those that run go on.",
       .handler = answering([&schedules](const Request& r) { return cancel(schedules, r); }),
       .tag = "slipway"},
  };
}

}  // namespace slipway::api::own
