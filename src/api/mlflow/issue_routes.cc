#include "api/mlflow/services.h"
#include "api/mlflow/wire.h"
#include "traces/issues.h"
#include "tracking/experiments.h"

namespace slipway::api::mlflow {
namespace {

using http::Method;
using http::Request;
using http::Response;
using enum Parameter::Kind;

JsonObject to_json(const traces::Issue& issue) {
  const auto list = [](const std::vector<std::string>& items) {
    JsonArray json;
    for (const std::string& item : items) json.emplace_back(item);
    return json;
  };
  JsonObject object{{"issue_id", issue.id},
                    {"experiment_id", issue.experiment_id},
                    {"name", issue.name},
                    {"description", issue.description},
                    {"status", issue.status},
                    {"created_timestamp", issue.created.millis()},
                    {"last_updated_timestamp", issue.updated.millis()}};
  if (!issue.severity.empty()) object["severity"] = issue.severity;
  if (!issue.source_run_id.empty()) object["source_run_id"] = issue.source_run_id;
  if (!issue.created_by.empty()) object["created_by"] = issue.created_by;
  if (!issue.root_causes.empty()) object["root_causes"] = list(issue.root_causes);
  if (!issue.categories.empty()) object["categories"] = list(issue.categories);
  if (issue.traces) object["trace_count"] = *issue.traces;
  return object;
}

Result<Response> create(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("experiment_id"), required("name"), required("description"),
                    optional("status"), optional("severity"), optional("root_causes", kTexts),
                    optional("source_run_id"), optional("created_by"),
                    optional("categories", kTexts)}));
  traces::Issue issue;
  issue.experiment_id = fields.text("experiment_id");
  issue.name = fields.text("name");
  issue.description = fields.text("description");
  if (fields.has("status")) issue.status = fields.text("status");
  issue.severity = fields.text("severity");
  issue.root_causes = fields.texts("root_causes");
  issue.categories = fields.texts("categories");
  issue.source_run_id = fields.text("source_run_id");
  issue.created_by = fields.text("created_by");
  return reply({{"issue", to_json(TRY(services.issues.create(std::move(issue))))}});
}

Result<Response> get(Services& services, const Request& request) {
  return reply({{"issue", to_json(TRY(services.issues.get(request.param("issue_id"))))}});
}

Result<Response> update(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check(
      {optional("name"), optional("description"), optional("status"), optional("severity")}));
  const auto given = [&](std::string_view name) {
    return fields.has(name) ? std::optional(fields.text(name)) : std::nullopt;
  };
  traces::IssuePatch patch;
  patch.name = given("name");
  patch.description = given("description");
  patch.status = given("status");
  patch.severity = given("severity");
  return reply({{"issue", to_json(TRY(services.issues.update(request.param("issue_id"), patch)))}});
}

// The token is there on the last page too, empty.
Result<Response> search(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({optional("experiment_id"), optional("filter_string"),
                    optional("max_results", kInteger), optional("page_token")}));
  traces::IssueQuery query;
  query.experiment_id = fields.text("experiment_id");
  query.filter = fields.text("filter_string");
  query.max_results = TRY(fields.integer("max_results")).value_or(query.max_results);
  query.offset = TRY(tracking::parse_page_token(fields.text("page_token")));
  query.counts_traces = fields.boolean("include_trace_count");
  const traces::IssuePage page = TRY(services.issues.search(query));
  JsonArray issues;
  for (const traces::Issue& issue : page.items) issues.push_back(to_json(issue));
  JsonObject body;
  if (!issues.empty()) body["issues"] = std::move(issues);
  body["next_page_token"] =
      page.has_more ? tracking::page_token(query.offset + query.max_results) : "";
  return reply(body);
}

}  // namespace

void add_issue_routes(std::vector<http::Route>& routes, Services& services) {
  for (const std::string prefix : {"/api/3.0/mlflow", "/ajax-api/3.0/mlflow"}) {
    add_one(routes, services, Method::kPost, prefix + "/issues", create);
    add_one(routes, services, Method::kPost, prefix + "/issues/search", search);
    add_one(routes, services, Method::kGet, prefix + "/issues/{issue_id}", get);
    add_one(routes, services, Method::kPatch, prefix + "/issues/{issue_id}", update);
  }
}

}  // namespace slipway::api::mlflow
