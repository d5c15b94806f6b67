#include "api/mlflow/artifact_wire.h"
#include "api/mlflow/services.h"
#include "api/mlflow/trace_wire.h"
#include "api/mlflow/wire.h"
#include "traces/trace_metrics.h"
#include "traces/trace_search.h"
#include "traces/traces.h"

namespace slipway::api::mlflow {
namespace {

using http::Method;
using http::Request;
using http::Response;
using enum Parameter::Kind;

const JsonObject* object_member(const JsonObject& object, std::string_view name) {
  const Json* member = object.if_contains(name);
  return member != nullptr && member->is_object() ? &member->get_object() : nullptr;
}

Error missing(std::string_view name) {
  return base::error(Code::kInvalidArgument,
                     "Missing value for required parameter '{}'. See the API docs for more "
                     "information about request parameters.",
                     name);
}

// Making and ending.

Result<Response> start(Services& services, const Request& request) {
  const Fields fields(request);
  const JsonObject* trace = object_member(fields.body(), "trace");
  const JsonObject* info = trace == nullptr ? nullptr : object_member(*trace, "trace_info");
  if (info == nullptr) return missing("trace");
  ReadTraceInfo read = TRY(read_trace_info(*info));
  const traces::TraceInfo made =
      TRY(services.traces.start(read.experiment_id, std::move(read.info)));
  return reply({{"trace", {{"trace_info", to_json(made)}}}});
}

Result<Response> start_v2(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({optional("experiment_id"), optional("timestamp_ms", kInteger),
                    optional("request_metadata", kArray), optional("tags", kArray)}));
  traces::TraceDraft draft;
  draft.experiment_id = fields.text("experiment_id");
  draft.start_ms = TRY(fields.integer("timestamp_ms")).value_or(0);
  draft.metadata = read_label_list(fields.objects("request_metadata"));
  draft.tags = read_label_list(fields.objects("tags"));
  return reply({{"trace_info", to_json_v2(TRY(services.traces.start_running(draft)))}});
}

Result<Response> end_v2(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({optional("timestamp_ms", kInteger), optional("status"),
                    optional("request_metadata", kArray), optional("tags", kArray)}));
  traces::TraceEnd end;
  end.end_ms = TRY(fields.integer("timestamp_ms")).value_or(0);
  end.state = traces::parse_state(fields.text("status"));
  end.metadata = read_label_list(fields.objects("request_metadata"));
  end.tags = read_label_list(fields.objects("tags"));
  return reply({{"trace_info", to_json_v2(TRY(services.traces.end(request.param("id"), end)))}});
}

// Reading.

Result<Response> get_info(Services& services, const Request& request) {
  const traces::TraceInfo info = TRY(services.traces.get_info(request.param("id")));
  return reply({{"trace", {{"trace_info", to_json(info)}}}});
}

Result<Response> get_info_v2(Services& services, const Request& request) {
  const traces::TraceInfo info = TRY(services.traces.get_info(request.param("id")));
  return reply({{"trace_info", to_json_v2(info)}});
}

Result<Response> get(Services& services, const Request& request) {
  const Fields fields(request);
  const std::string id = TRY(fields.required("trace_id"));
  const traces::Trace trace = TRY(services.traces.get(id));
  if (!fields.boolean("allow_partial") && !traces::is_complete(trace)) {
    return base::error(Code::kNotFound,
                       "Trace with ID {} is not fully exported yet, please try again later.", id);
  }
  return reply({{"trace", to_json(trace)}});
}

// Nothing: of any experiment.
std::optional<std::vector<std::string>> only_experiments(const Fields& fields) {
  if (!fields.has("experiment_ids")) return std::nullopt;
  return fields.texts("experiment_ids");
}

Result<Response> batch_get(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("trace_ids", kTexts), optional("experiment_ids", kTexts)}));
  JsonArray found;
  for (const traces::Trace& trace :
       TRY(services.traces.get_many(fields.texts("trace_ids"), only_experiments(fields)))) {
    if (traces::is_complete(trace)) found.push_back(to_json(trace));
  }
  JsonObject body;
  if (!found.empty()) body["traces"] = std::move(found);
  return reply(body);
}

Result<Response> batch_get_infos(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("trace_ids", kTexts), optional("experiment_ids", kTexts)}));
  JsonArray found;
  for (const traces::TraceInfo& info :
       TRY(services.traces.get_infos(fields.texts("trace_ids"), only_experiments(fields))))
    found.push_back(to_json(info));
  JsonObject body;
  if (!found.empty()) body["trace_infos"] = std::move(found);
  return reply(body);
}

Result<traces::TracePage> find(Services& services, const Fields& fields,
                               std::vector<std::string> experiments) {
  traces::TraceQuery query;
  query.experiments = std::move(experiments);
  query.filter = fields.text("filter");
  query.order_by = fields.texts("order_by");
  query.page_token = fields.text("page_token");
  query.max_results = TRY(fields.integer("max_results")).value_or(query.max_results);
  return services.trace_search.search(query);
}

JsonObject page_json(const traces::TracePage& page, JsonObject (*item)(const traces::TraceInfo&)) {
  JsonArray traces;
  for (const traces::TraceInfo& info : page.items) traces.push_back(item(info));
  JsonObject body;
  if (!traces.empty()) body["traces"] = std::move(traces);
  if (!page.next.empty()) body["next_page_token"] = page.next;
  return body;
}

Result<Response> search(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("locations", kArray), optional("filter"),
                    optional("max_results", kInteger), optional("order_by", kTexts),
                    optional("page_token")}));
  std::vector<std::string> experiments;
  for (const JsonObject& location : fields.objects("locations")) {
    if (const JsonObject* experiment = object_member(location, "mlflow_experiment"))
      experiments.push_back(
          base::find_string(*experiment, "experiment_id").value_or(std::nullopt).value_or(""));
  }
  return reply(page_json(TRY(find(services, fields, std::move(experiments))), to_json));
}

Result<Response> search_v2(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("experiment_ids", kTexts), optional("filter"),
                    optional("max_results", kInteger), optional("order_by", kTexts),
                    optional("page_token")}));
  return reply(page_json(TRY(find(services, fields, fields.texts("experiment_ids"))), to_json_v2));
}

Result<Response> correlation(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("experiment_ids", kTexts), required("filter_string1"),
                    required("filter_string2"), optional("base_filter")}));
  const traces::FilterCorrelation found = TRY(services.trace_search.correlation(
      fields.texts("experiment_ids"), fields.text("filter_string1"), fields.text("filter_string2"),
      fields.text("base_filter")));
  const auto number = [](double value) { return std::isnan(value) ? Json("NaN") : Json(value); };
  return reply({{"npmi", number(found.npmi)},
                {"npmi_smoothed", number(found.npmi_smoothed)},
                {"filter1_count", found.first},
                {"filter2_count", found.second},
                {"joint_count", found.joint},
                {"total_count", found.total}});
}

Result<std::vector<traces::Aggregation>> read_aggregations(const Fields& fields) {
  std::vector<traces::Aggregation> aggregations;
  for (const JsonObject& object : fields.objects("aggregations")) {
    const Fields given(object);
    const auto kind = traces::parse_aggregation(given.text("aggregation_type"));
    if (!kind) {
      return base::error(Code::kInvalidArgument,
                         "Invalid value '{}' for parameter 'aggregation_type' supplied",
                         given.text("aggregation_type"));
    }
    traces::Aggregation aggregation{.kind = *kind};
    const bool has_percentile = given.has("percentile_value");
    if (has_percentile != (*kind == traces::AggregationKind::kPercentile)) {
      return base::error(Code::kInvalidArgument,
                         "A percentile_value belongs to aggregation_type PERCENTILE, and only "
                         "there: {}",
                         given.text("aggregation_type"));
    }
    if (has_percentile) aggregation.percentile = TRY(given.number("percentile_value"));
    if (!(aggregation.percentile >= 0 && aggregation.percentile <= 100)) {
      return base::error(Code::kInvalidArgument,
                         "Percentile value must be between 0 and 100, got {}",
                         aggregation.percentile);
    }
    aggregations.push_back(aggregation);
  }
  if (aggregations.empty()) return missing("aggregations");
  return aggregations;
}

Result<Response> metrics(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("experiment_ids", kTexts), required("view_type"),
                    required("metric_name"), required("aggregations", kArray),
                    optional("dimensions", kTexts), optional("filters", kTexts),
                    optional("time_interval_seconds", kInteger),
                    optional("start_time_ms", kInteger), optional("end_time_ms", kInteger),
                    optional("max_results", kInteger), optional("page_token")}));
  const auto view = traces::parse_metric_view(fields.text("view_type"));
  if (!view) {
    return base::error(Code::kInvalidArgument,
                       "view_type must be one of ['TRACES', 'SPANS', 'ASSESSMENTS'], got '{}'",
                       fields.text("view_type"));
  }
  traces::MetricQuery query;
  query.view = *view;
  query.experiments = fields.texts("experiment_ids");
  query.metric = fields.text("metric_name");
  query.aggregations = TRY(read_aggregations(fields));
  query.dimensions = fields.texts("dimensions");
  query.filters = fields.texts("filters");
  query.interval_seconds = TRY(fields.integer("time_interval_seconds"));
  if (query.interval_seconds == 0) query.interval_seconds.reset();
  query.start_ms = TRY(fields.integer("start_time_ms"));
  query.end_ms = TRY(fields.integer("end_time_ms"));
  query.max_results = TRY(fields.integer("max_results")).value_or(query.max_results);
  JsonArray points;
  for (const traces::MetricDataPoint& point : TRY(services.trace_metrics.query(query))) {
    JsonObject dimensions, values;
    for (const auto& [name, value] : point.dimensions) dimensions[name] = value;
    for (const auto& [name, value] : point.values) values[name] = value;
    points.push_back(JsonObject{{"metric_name", query.metric},
                                {"dimensions", std::move(dimensions)},
                                {"values", std::move(values)}});
  }
  JsonObject body;
  if (!points.empty()) body["data_points"] = std::move(points);
  return reply(body);
}

// Changing.

Result<Response> remove(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("experiment_id"), optional("max_timestamp_millis", kInteger),
                    optional("max_traces", kInteger), optional("request_ids", kTexts)}));
  traces::TraceRemoval removal;
  removal.experiment_id = fields.text("experiment_id");
  removal.started_until_ms = TRY(fields.integer("max_timestamp_millis"));
  removal.traces_max = TRY(fields.integer("max_traces"));
  removal.ids = fields.texts("request_ids");
  if (removal.started_until_ms.has_value() != removal.ids.empty())
    return base::error(
        Code::kInvalidArgument,
        "Exactly one of `max_timestamp_millis` and `request_ids` must be specified.");
  if (removal.traces_max && (!removal.ids.empty() || *removal.traces_max <= 0))
    return base::error(Code::kInvalidArgument,
                       "`max_traces` must be a positive integer, and not beside `request_ids`: {}",
                       *removal.traces_max);
  return reply({{"traces_deleted", TRY(services.trace_remover.remove(removal))}});
}

// Tags by which the server knows where spans are.
Result<void> check_mutable(const std::string& key, std::string_view done) {
  if (key != traces::kSpansLocationTag && key != "mlflow.trace.archiveLocation") return {};
  return base::error(Code::kInvalidArgument, "Tag '{}' is immutable and cannot be {} on a trace.",
                     key, done);
}

Result<Response> set_tag(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("key"), optional("value")}));
  TRY(check_mutable(fields.text("key"), "set"));
  TRY(services.traces.set_tag(request.param("id"), fields.text("key"), fields.text("value")));
  return reply({});
}

// The key stands in the body or in the query.
Result<Response> delete_tag(Services& services, const Request& request) {
  std::string key = Fields(request).text("key");
  if (key.empty()) key = request.query("key").value_or("");
  if (key.empty()) return missing("key");
  TRY(check_mutable(key, "deleted"));
  TRY(services.traces.delete_tag(request.param("id"), key));
  return reply({});
}

Result<Response> link_to_run(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("trace_ids", kTexts), required("run_id")}));
  TRY(services.traces.link_to_run(fields.texts("trace_ids"), fields.text("run_id")));
  return reply({});
}

Result<Response> link_prompts(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("trace_id"), required("prompt_versions", kArray)}));
  std::vector<traces::PromptReference> prompts;
  for (const JsonObject& prompt : fields.objects("prompt_versions")) {
    const Fields of(prompt);
    prompts.push_back({TRY(of.required("name")), TRY(of.required("version"))});
  }
  TRY(services.traces.link_prompts(fields.text("trace_id"), prompts));
  return reply({});
}

// Assessments.

Result<const JsonObject*> assessment_in(const Fields& fields) {
  const JsonObject* assessment = object_member(fields.body(), "assessment");
  if (assessment == nullptr) return missing("assessment");
  return assessment;
}

Result<Response> create_assessment(Services& services, const Request& request) {
  const Fields fields(request);
  traces::Assessment assessment = TRY(read_assessment(*TRY(assessment_in(fields))));
  assessment.trace_id = request.param("id");
  return reply({{"assessment", to_json(TRY(services.assessments.create(std::move(assessment))))}});
}

Result<Response> get_assessment(Services& services, const Request& request) {
  return reply({{"assessment", to_json(TRY(services.assessments.get(
                                   request.param("id"), request.param("assessment_id"))))}});
}

Result<Response> update_assessment(Services& services, const Request& request) {
  const Fields fields(request);
  const std::string mask = TRY(fields.required("update_mask"));
  const traces::AssessmentPatch patch = TRY(read_patch(*TRY(assessment_in(fields)), mask));
  return reply({{"assessment", to_json(TRY(services.assessments.update(
                                   request.param("id"), request.param("assessment_id"), patch)))}});
}

Result<Response> delete_assessment(Services& services, const Request& request) {
  TRY(services.assessments.remove(request.param("id"), request.param("assessment_id")));
  return reply({});
}

}  // namespace

void add_trace_routes(std::vector<http::Route>& routes, Services& services) {
  const auto older = [&](Method method, const std::string& path, const Handle& handle) {
    for (const char* prefix : {"/api/2.0/mlflow", "/ajax-api/2.0/mlflow"})
      add_one(routes, services, method, prefix + path, handle);
  };
  const auto newer = [&](Method method, const std::string& path, const Handle& handle) {
    for (const char* prefix : {"/api/3.0/mlflow", "/ajax-api/3.0/mlflow"})
      add_one(routes, services, method, prefix + path, handle);
  };
  const auto both = [&](Method method, const std::string& path, const Handle& handle) {
    older(method, path, handle);
    newer(method, path, handle);
  };
  older(Method::kPost, "/traces", start_v2);
  older(Method::kPatch, "/traces/{id}", end_v2);
  older(Method::kGet, "/traces", search_v2);
  older(Method::kGet, "/traces/{id}/info", get_info_v2);
  newer(Method::kPost, "/traces", start);
  newer(Method::kGet, "/traces/get", get);
  newer(Method::kGet, "/traces/batchGet", batch_get);
  newer(Method::kGet, "/traces/{id}", get_info);  // after the words that could be ids
  newer(Method::kPost, "/traces/batchGetInfos", batch_get_infos);
  newer(Method::kPost, "/traces/search", search);
  newer(Method::kPost, "/traces/calculate-filter-correlation", correlation);
  newer(Method::kPost, "/traces/metrics", metrics);
  both(Method::kPost, "/traces/delete-traces", remove);
  both(Method::kPatch, "/traces/{id}/tags", set_tag);
  both(Method::kDelete, "/traces/{id}/tags", delete_tag);
  both(Method::kPost, "/traces/link-to-run", link_to_run);
  both(Method::kPost, "/traces/link-prompts", link_prompts);
  newer(Method::kPost, "/traces/{id}/assessments", create_assessment);
  newer(Method::kGet, "/traces/{id}/assessments/{assessment_id}", get_assessment);
  newer(Method::kPatch, "/traces/{id}/assessments/{assessment_id}", update_assessment);
  newer(Method::kDelete, "/traces/{id}/assessments/{assessment_id}", delete_assessment);
}

}  // namespace slipway::api::mlflow
