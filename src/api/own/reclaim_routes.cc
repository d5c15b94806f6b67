#include "api/own/reclaim_routes.h"

#include "api/own/loop_wire.h"

namespace slipway::api::own {
namespace {

Result<std::vector<std::string>> read_ids(const JsonObject& body, std::string_view key) {
  std::vector<std::string> ids;
  const auto* found = body.if_contains(key);
  if (found == nullptr) return ids;
  if (!found->is_array())
    return base::error(Code::kInvalidArgument, "{} must be a list of ids", key);
  for (const Json& id : found->get_array()) {
    if (!id.is_string())
      return base::error(Code::kInvalidArgument, "{} must be a list of ids", key);
    ids.emplace_back(std::string_view(id.get_string()));
  }
  return ids;
}

Result<tracking::ReclaimRequest> read_request(const http::Request& request) {
  const JsonObject body = TRY(read_body(request));
  tracking::ReclaimRequest read;
  if (const auto age = TRY(base::find_string(body, "older_than")))
    read.older_than = TRY(tracking::parse_age(*age));
  read.run_ids = TRY(read_ids(body, "run_ids"));
  read.logged_model_ids = TRY(read_ids(body, "logged_model_ids"));
  read.experiment_ids = TRY(read_ids(body, "experiment_ids"));
  read.dry_run = TRY(base::find_bool(body, "dry_run")).value_or(false);
  read.after = TRY(base::find_string(body, "after")).value_or("");
  return read;
}

JsonObject to_json(const tracking::ReclaimReport& report) {
  JsonArray things;
  for (const tracking::ReclaimedThing& thing : report.things) {
    JsonObject one{{"kind", tracking::kind_name(thing.kind)},
                   {"id", thing.id},
                   {"files", thing.freed.files},
                   {"bytes", thing.freed.bytes}};
    if (!thing.kept.empty()) one["kept"] = thing.kept;
    if (!thing.left.empty()) one["artifacts_left"] = thing.left;
    things.push_back(std::move(one));
  }
  JsonObject body{{"things", std::move(things)},
                  {"database_bytes_given_back", report.space.given_back_bytes},
                  {"database_bytes_free", report.space.free_bytes}};
  if (!report.next.empty()) body["next"] = report.next;
  return body;
}

JsonObject remove_environments(serving::python::Runtime& python,
                               const tracking::ReclaimRequest& request) {
  using DryRun = serving::python::Environments::DryRun;
  const base::Duration age = request.older_than.value_or(base::Duration());
  const auto removed = python.remove_unused(std::chrono::seconds(age.micros / 1'000'000),
                                            request.dry_run ? DryRun::kYes : DryRun::kNo);
  return {{"environments", removed.environments}, {"bytes", removed.bytes}};
}

}  // namespace

std::vector<http::Route> reclaim_routes(tracking::Reclaimer& reclaimer,
                                        serving::python::Runtime& python) {
  return {{.method = http::Method::kPost,
           .pattern = "/slipway/v1/gc",
           .summary = "Takes deleted runs, logged models and experiments away for good, some at a "
                      "time: call again with `after` until there is no `next`.",
           .handler = answering([&reclaimer](const http::Request& r) -> Result<http::Response> {
             return reply(to_json(TRY(reclaimer.reclaim(TRY(read_request(r))))));
           }),
           .tag = "slipway"},
          {.method = http::Method::kPost,
           .pattern = "/slipway/v1/gc/python-environments",
           .summary = "Takes Python environments away that no loaded model uses, nor used for "
                      "`older_than`.",
           .handler = answering([&python](const http::Request& r) -> Result<http::Response> {
             return reply(remove_environments(python, TRY(read_request(r))));
           }),
           .tag = "slipway"}};
}

}  // namespace slipway::api::own
