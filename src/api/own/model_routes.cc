#include "api/own/model_routes.h"

#include <map>

#include "api/own/loop_wire.h"

namespace slipway::api::own {
namespace {

using http::Method;
using http::Request;
using http::Response;
using registry::Registry;

Json version_or_null(const std::optional<std::int64_t>& version) {
  return version ? Json(*version) : Json(nullptr);
}

JsonObject to_json(const registry::AliasMove& move) {
  return {{"alias", move.alias},
          {"from", version_or_null(move.from)},
          {"to", version_or_null(move.to)},
          {"time", types::to_rfc3339(move.time)},
          {"actor", move.actor},
          {"reason", move.reason}};
}

// What protects it goes into the object of its alias.
void add_protection(const registry::Protection& protection, JsonObject& object) {
  JsonArray approvers, approvals;
  for (const std::string& approver : protection.approvers) approvers.emplace_back(approver);
  for (const registry::Approval& approval : protection.approvals) {
    approvals.push_back({{"version", approval.version},
                         {"approver", approval.approver},
                         {"reason", approval.reason},
                         {"time", types::to_rfc3339(approval.time)}});
  }
  object["gated"] = protection.gated;
  object["approvers"] = std::move(approvers);
  object["approvals"] = std::move(approvals);
}

// Every alias that points somewhere or is protected, by name.
Result<JsonObject> aliases_json(Registry& registry, const std::string& model) {
  std::map<std::string, JsonObject> by_name;
  for (const registry::Alias& alias : TRY(registry.get_model(model)).aliases)
    by_name[alias.alias] = {{"alias", alias.alias}, {"version", alias.version}};
  for (const registry::Protection& protection : TRY(registry.protections(model))) {
    JsonObject& object = by_name[protection.alias];
    if (object.empty()) object = {{"alias", protection.alias}, {"version", nullptr}};
    add_protection(protection, object);
  }
  JsonArray aliases;
  for (auto& [name, object] : by_name) aliases.push_back(std::move(object));
  return JsonObject{{"model", model}, {"aliases", std::move(aliases)}};
}

struct Asked {
  JsonObject body;
  registry::Change change;
};

Result<Asked> read_asked(const Request& request) {
  Asked asked;
  asked.body = TRY(read_body(request));
  asked.change.actor = TRY(read_actor(request, asked.body));
  asked.change.reason = TRY(base::find_string(asked.body, "reason")).value_or("");
  return asked;
}

Result<Response> list(Registry& registry, const Request& request) {
  return reply(TRY(aliases_json(registry, request.param("name"))));
}

Result<Response> list_moves(Registry& registry, const Request& request) {
  JsonArray moves;
  for (const registry::AliasMove& move : TRY(registry.alias_history(
           request.param("name"), request.query("alias").value_or(std::string()))))
    moves.push_back(to_json(move));
  return reply({{"moves", std::move(moves)}});
}

Result<Response> move(Registry& registry, const Request& request) {
  const Asked asked = TRY(read_asked(request));
  const std::string& model = request.param("name");
  if (const auto version = TRY(base::find_int(asked.body, "version"))) {
    TRY(registry.set_alias(model, request.param("alias"), *version, asked.change));
  } else {
    TRY(registry.delete_alias(model, request.param("alias"), asked.change));
  }
  return reply(TRY(aliases_json(registry, model)));
}

// With approvers they must agree, without them a gate must.
Result<Response> protect(Registry& registry, const Request& request) {
  const Asked asked = TRY(read_asked(request));
  const std::string& model = request.param("name");
  std::vector<std::string> approvers;
  if (const Json* list = asked.body.if_contains("approvers"); list != nullptr) {
    if (!list->is_array()) return base::error(Code::kInvalidArgument, "approvers must be a list");
    for (const Json& approver : list->get_array()) {
      if (!approver.is_string())
        return base::error(Code::kInvalidArgument, "an approver is the name of a user");
      approvers.emplace_back(std::string_view(approver.get_string()));
    }
  }
  TRY(registry.get_model(model));
  if (approvers.empty()) {
    TRY(registry.protect_alias(model, request.param("alias"), asked.change));
  } else {
    TRY(registry.set_approvers(model, request.param("alias"), approvers, asked.change));
  }
  return reply(TRY(aliases_json(registry, model)));
}

Result<Response> unprotect(Registry& registry, const Request& request) {
  const Asked asked = TRY(read_asked(request));
  TRY(registry.unprotect_alias(request.param("name"), request.param("alias"), asked.change));
  return reply(TRY(aliases_json(registry, request.param("name"))));
}

Result<Response> approve(Registry& registry, const Request& request) {
  const Asked asked = TRY(read_asked(request));
  TRY(registry.approve(request.param("name"), request.param("alias"),
                       TRY(base::get_int(asked.body, "version")), asked.change));
  return reply(TRY(aliases_json(registry, request.param("name"))));
}

}  // namespace

std::vector<http::Route> model_routes(Registry& registry) {
  const auto route = [&registry](Method method, std::string pattern, std::string summary,
                                 Result<Response> (*handle)(Registry&, const Request&)) {
    return http::Route{
        .method = method,
        .pattern = "/slipway/v1/models/{name}/" + std::move(pattern),
        .summary = std::move(summary),
        .handler = answering([&registry, handle](const Request& r) { return handle(registry, r); }),
        .lane = http::Lane::kControl,
        .tag = "slipway"};
  };
  return {
      route(Method::kGet, "aliases",
            "The model's aliases: where they point, and what protects them.", list),
      route(Method::kGet, "alias-moves",
            "Every move of the model's aliases, or of `?alias=`, newest first: who, when, from, "
            "to, why.",
            list_moves),
      route(Method::kPost, "aliases/{alias}/move",
            "Points an alias at a version, or with no version at nothing.", move),
      route(Method::kPost, "aliases/{alias}/protect",
            "From now on the alias moves only with the consent of one of `approvers`, or without "
            "any through a gate.",
            protect),
      route(Method::kPost, "aliases/{alias}/unprotect", "The alias moves freely again.", unprotect),
      route(Method::kPost, "aliases/{alias}/approve",
            "An approver lets the next move of the alias to this version through.", approve),
  };
}

}  // namespace slipway::api::own
