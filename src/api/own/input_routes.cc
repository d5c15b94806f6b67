#include "api/own/input_routes.h"

#include "api/own/loop_wire.h"

namespace slipway::api::own {
namespace {

using http::Method;
using http::Request;
using http::Response;
using releases::Releases;

Result<Response> show(Releases& releases, serving::Endpoints& endpoints, Masking& masking,
                      const Request& request) {
  const std::string& name = request.param("name");
  const releases::EndpointStatus status = TRY(releases.status(name));
  JsonObject object =
      (status.current ? status.current->running : status.endpoint.definition.running)
          .inputs.to_json();
  object["endpoint"] = name;
  // Nothing has answered yet: nothing was broken.
  const auto found = endpoints.violations(name);
  const serving::InputTally::Counts counts = found ? *found : serving::InputTally::Counts();
  object["rows"] = {{"rejected", counts.rejected},
                    {"quarantined", counts.quarantined},
                    {"flagged", counts.flagged}};
  const governance::Masks masks = TRY(masking.of_names(request));
  JsonArray violations;
  for (const serving::ViolationCount& of : counts.violations) {
    JsonArray last;
    for (auto example = of.last.rbegin(); example != of.last.rend(); ++example) {
      last.push_back({{"request_id", example->request_id},
                      {"time", types::to_rfc3339(example->event_time)},
                      {"value", masks.contains(of.column) ? "(masked)" : example->value}});
    }
    violations.push_back({{"column", of.column},
                          {"rule", of.rule},
                          {"on_violation", on_violation_name(of.on_violation)},
                          {"values", of.values},
                          {"last", std::move(last)}});
  }
  object["violations"] = std::move(violations);
  return reply(object);
}

Result<Response> infer(Releases& releases, serving::Endpoints& endpoints, TrainedInputs& trained,
                       Masking& masking, const Request& request) {
  const std::string& name = request.param("name");
  TRY(releases.require(name));
  const types::InferenceOptions options = TRY(query_inference(request));
  const auto inputs = TRY(endpoints.inputs(name));
  std::vector<std::string> columns;
  for (const serving::InputSpec& input : *inputs) {
    if (input.is_column()) columns.push_back(input.name);
  }
  TrainedInputs::Rows rows =
      TRY(trained.rows(name, std::string(request.query("dataset").value_or("")), columns));
  const governance::Masks masks = TRY(masking.of_names(request));
  types::InputRules rules;
  JsonArray not_found;
  for (const serving::InputSpec& input : *inputs) {
    const types::Column* column = input.is_column() ? rows.frame.find(input.name) : nullptr;
    if (column == nullptr || (column->type == types::ColumnType::kString) != input.is_text()) {
      not_found.push_back(Json(input.name));
      continue;
    }
    types::ColumnRule rule = types::infer_rule(*column, options);
    if (masks.contains(column->name)) {  // a pseudonym is no value that may be asked with, either
      rule.in.clear();
      rule.min = rule.max = std::nullopt;
    }
    rules.columns.push_back({.rule = std::move(rule), .on_violation = {}});
  }
  return reply({{"endpoint", name},
                {"from", rows.from},
                {"rows", rows.frame.rows()},
                {"inputs", rules.to_json()},
                {"yaml", rules.to_yaml()},
                {"not_found", std::move(not_found)}});
}

}  // namespace

std::vector<http::Route> input_routes(Releases& releases, serving::Endpoints& endpoints,
                                      TrainedInputs& trained, Masking& masking) {
  const std::string base = "/slipway/v1/endpoints/{name}/inputs";
  return {
      {.method = Method::kGet,
       .pattern = base,
       .summary =
           "The rules of an endpoint's inputs, and what broke them since the server started: "
           "counts by column and rule, with the last values.",
       .handler = answering([&releases, &endpoints, &masking](const Request& r) {
         return show(releases, endpoints, masking, r);
       }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = base + "/inferred",
       .summary =
           "Rules that all rows hold that the endpoint's model was trained on, or those of "
           "?dataset=: ranges widened by ?margin=, texts of at most ?categories_max= values.",
       .handler = answering([&releases, &endpoints, &trained, &masking](const Request& r) {
         return infer(releases, endpoints, trained, masking, r);
       }),
       .tag = "slipway"},
  };
}

}  // namespace slipway::api::own
