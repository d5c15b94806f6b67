#include <cmath>

#include "api/mlflow/services.h"
#include "api/mlflow/wire.h"
#include "tracking/run_search.h"

namespace slipway::api::mlflow {
namespace {

using http::Method;
using http::Request;
using http::Response;

// The history of one metric in one call: MLflow's own cap on a page.
constexpr std::int64_t kBulkRunsMax = 100;
constexpr std::int64_t kBulkPointsMax = 2500;

std::string member(const JsonObject& object, std::string_view name) {
  const Json* found = object.if_contains(name);
  return found != nullptr && found->is_string() ? std::string(std::string_view(found->get_string()))
                                                : std::string();
}

Result<Response> create(Services& services, const Request& request) {
  const Fields fields(request);
  const auto start_ms = TRY(fields.integer("start_time"));
  tracking::Runs::Draft draft{.experiment_id = fields.text("experiment_id"),
                              .user = fields.text("user_id"),
                              .name = fields.text("run_name"),
                              .start_ms = start_ms,
                              .tags = read_pairs(fields.objects("tags"))};
  if (draft.experiment_id.empty()) draft.experiment_id.push_back('0');  // the default experiment
  return reply({{"run", to_json(TRY(services.runs.create(draft)))}});
}

Result<Response> get(Services& services, const Request& request) {
  return reply({{"run", to_json(TRY(services.runs.get(TRY(Fields(request).run_id()))))}});
}

Result<Response> update(Services& services, const Request& request) {
  const Fields fields(request);
  tracking::Runs::Update update{.status = tracking::parse_status(fields.text("status")),
                                .end_ms = TRY(fields.integer("end_time"))};
  if (fields.has("run_name")) update.name = fields.text("run_name");
  return reply({{"run_info", info_json(TRY(services.runs.update(TRY(fields.run_id()), update)))}});
}

Result<Response> remove(Services& services, const Request& request) {
  TRY(services.runs.remove(TRY(Fields(request).run_id())));
  return reply({});
}

Result<Response> restore(Services& services, const Request& request) {
  TRY(services.runs.restore(TRY(Fields(request).run_id())));
  return reply({});
}

Result<Response> search(Services& services, const Request& request) {
  const Fields fields(request);
  const std::string view = fields.text("run_view_type");
  const std::int64_t max_results = TRY(fields.integer("max_results")).value_or(1000);
  const tracking::RunQuery query{.experiment_ids = fields.texts("experiment_ids"),
                                 .filter = fields.text("filter"),
                                 .view = view == "DELETED_ONLY" ? tracking::View::kDeleted
                                         : view == "ALL"        ? tracking::View::kAll
                                                                : tracking::View::kActive,
                                 .order_by = fields.texts("order_by"),
                                 .max_results = max_results,
                                 .page_token = fields.text("page_token")};
  const auto page = TRY(tracking::search_runs(services.db, services.runs, query));
  JsonObject body;
  JsonArray runs;
  for (const tracking::Run& run : page.items) runs.push_back(to_json(run));
  if (!runs.empty()) body["runs"] = std::move(runs);
  if (!page.next.empty()) body["next_page_token"] = page.next;
  return reply(body);
}

Result<Response> log_metric(Services& services, const Request& request) {
  const Fields fields(request);
  const std::string id = TRY(fields.run_id());
  TRY(fields.required("key"));
  TRY(services.runs.log_batch(id, {TRY(read_metric(fields.body()))}, {}, {}));
  return reply({});
}

Result<Response> log_parameter(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(services.runs.log_batch(TRY(fields.run_id()), {},
                              {{TRY(fields.required("key")), fields.text("value")}}, {}));
  return reply({});
}

Result<Response> set_tag(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(services.runs.log_batch(TRY(fields.run_id()), {}, {},
                              {{TRY(fields.required("key")), fields.text("value")}}));
  return reply({});
}

Result<Response> delete_tag(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(services.runs.delete_tag(TRY(fields.run_id()), TRY(fields.required("key"))));
  return reply({});
}

Result<Response> log_batch(Services& services, const Request& request) {
  const Fields fields(request);
  std::vector<tracking::Metric> metrics;
  for (const JsonObject& object : fields.objects("metrics"))
    metrics.push_back(TRY(read_metric(object)));
  TRY(services.runs.log_batch(TRY(fields.run_id()), metrics, read_pairs(fields.objects("params")),
                              read_pairs(fields.objects("tags"))));
  return reply({});
}

Result<Response> log_inputs(Services& services, const Request& request) {
  const Fields fields(request);
  std::vector<tracking::DatasetInput> datasets;
  for (const JsonObject& input : fields.objects("datasets")) {
    const Json* dataset = input.if_contains("dataset");
    if (dataset == nullptr || !dataset->is_object()) {
      return base::error(Code::kInvalidArgument,
                         "Missing value for required parameter 'dataset' in a dataset input");
    }
    const JsonObject& object = dataset->get_object();
    tracking::DatasetInput entry{member(object, "name"),
                                 member(object, "digest"),
                                 member(object, "source_type"),
                                 member(object, "source"),
                                 member(object, "schema"),
                                 member(object, "profile"),
                                 {}};
    if (entry.name.empty() || entry.digest.empty())
      return base::error(Code::kInvalidArgument, "Dataset name and digest cannot be empty");
    if (const Json* tags = input.if_contains("tags"); tags != nullptr && tags->is_array()) {
      for (const Json& tag : tags->get_array()) {
        if (tag.is_object())
          entry.tags.push_back(
              {member(tag.get_object(), "key"), member(tag.get_object(), "value")});
      }
    }
    datasets.push_back(std::move(entry));
  }
  std::vector<std::string> models;
  for (const JsonObject& model : fields.objects("models"))
    models.push_back(member(model, "model_id"));
  TRY(services.runs.log_inputs(TRY(fields.run_id()), datasets, models));
  return reply({});
}

Result<Response> log_outputs(Services& services, const Request& request) {
  const Fields fields(request);
  std::vector<tracking::ModelOutput> models;
  for (const JsonObject& model : fields.objects("models"))
    models.push_back({member(model, "model_id"), base::get_int(model, "step").value_or(0)});
  TRY(services.runs.log_outputs(TRY(fields.run_id()), models));
  return reply({});
}

// What MLflow 2 clients send beside the artifacts: kept as the tag they expect to find.
Result<Response> log_model(Services& services, const Request& request) {
  const Fields fields(request);
  const std::string id = TRY(fields.run_id());
  const Json model = TRY(base::parse_json(TRY(fields.required("model_json"))));
  const tracking::Run run = TRY(services.runs.get(id));
  JsonArray history;
  for (const tracking::KeyValue& tag : run.tags) {
    if (tag.key != "mlflow.log-model.history") continue;
    if (const Result<Json> before = base::parse_json(tag.value); before && before->is_array())
      history = before->get_array();
  }
  history.push_back(model);
  TRY(services.runs.log_batch(
      id, {}, {}, {{"mlflow.log-model.history", base::to_text(Json(std::move(history)))}}));
  return reply({});
}

Result<Response> history(Services& services, const Request& request) {
  const Fields fields(request);
  const auto page = TRY(services.runs.metric_history(
      TRY(fields.run_id()), TRY(fields.required("metric_key")),
      TRY(fields.integer("max_results")).value_or(0), fields.text("page_token")));
  JsonObject body;
  JsonArray metrics;
  for (const tracking::Metric& metric : page.items) metrics.push_back(to_json(metric));
  if (!metrics.empty()) body["metrics"] = std::move(metrics);
  if (!page.next.empty()) body["next_page_token"] = page.next;
  return reply(body);
}

// The web page's charts: at most max_results points a run, one from each of as many even buckets,
// and always the very last.
std::vector<tracking::Metric> thin_out(const std::vector<tracking::Metric>& points,
                                       std::size_t wanted) {
  if (points.size() <= wanted) return points;
  std::vector<tracking::Metric> kept;
  const std::size_t base = points.size() / wanted, longer = points.size() % wanted;
  std::size_t at = 0;
  for (std::size_t bucket = 0; bucket < wanted; ++bucket) {
    kept.push_back(points[at]);
    at += base + (bucket < longer ? 1 : 0);
  }
  kept.back() = points.back();
  return kept;
}

Result<Response> history_bulk_interval(Services& services, const Request& request) {
  const Fields fields(request);
  const std::vector<std::string> ids = fields.texts("run_ids");
  const std::string key = TRY(fields.required("metric_key"));
  const std::int64_t wanted = TRY(fields.integer("max_results")).value_or(kBulkPointsMax);
  const std::optional<std::int64_t> start = TRY(fields.integer("start_step")),
                                    end = TRY(fields.integer("end_step"));
  if (ids.empty()) return fields.required("run_ids").error();
  if (std::ssize(ids) > kBulkRunsMax) {
    return base::error(Code::kInvalidArgument,
                       "GetMetricHistoryBulkInterval request must specify at most {} run_ids. "
                       "Received {} run_ids.",
                       kBulkRunsMax, ids.size());
  }
  if (wanted < 1 || wanted > kBulkPointsMax)
    return base::error(Code::kInvalidArgument, "max_results must be between 1 and {}. Received: {}",
                       kBulkPointsMax, wanted);
  if (start.has_value() != end.has_value()) {
    return base::error(Code::kInvalidArgument,
                       "If either start step or end step are specified, both must be specified.");
  }
  if (start && *start > *end)
    return base::error(
        Code::kInvalidArgument,
        "end_step must be greater than start_step. Found start_step={} and end_step={}.", *start,
        *end);
  JsonArray metrics;
  for (const std::string& id : ids) {
    std::vector<tracking::Metric> points = TRY(services.runs.metric_history(id, key, 0, "")).items;
    if (start)
      std::erase_if(points,
                    [&](const tracking::Metric& m) { return m.step < *start || m.step > *end; });
    for (const tracking::Metric& point : thin_out(points, static_cast<std::size_t>(wanted))) {
      JsonObject object = to_json(point);
      object["run_id"] = id;
      metrics.push_back(std::move(object));
    }
  }
  JsonObject body;
  if (!metrics.empty()) body["metrics"] = std::move(metrics);
  return reply(body);
}

}  // namespace

void add_run_routes(std::vector<http::Route>& routes, Services& services) {
  add(routes, services, Method::kPost, "/mlflow/runs/create", create);
  add(routes, services, Method::kGet, "/mlflow/runs/get", get);
  add(routes, services, Method::kPost, "/mlflow/runs/update", update);
  add(routes, services, Method::kPost, "/mlflow/runs/delete", remove);
  add(routes, services, Method::kPost, "/mlflow/runs/restore", restore);
  add(routes, services, Method::kPost, "/mlflow/runs/search", search);
  add(routes, services, Method::kPost, "/mlflow/runs/log-metric", log_metric);
  add(routes, services, Method::kPost, "/mlflow/runs/log-parameter", log_parameter);
  add(routes, services, Method::kPost, "/mlflow/runs/set-tag", set_tag);
  add(routes, services, Method::kPost, "/mlflow/runs/delete-tag", delete_tag);
  add(routes, services, Method::kPost, "/mlflow/runs/log-batch", log_batch);
  add(routes, services, Method::kPost, "/mlflow/runs/log-inputs", log_inputs);
  add(routes, services, Method::kPost, "/mlflow/runs/outputs", log_outputs);
  add(routes, services, Method::kPost, "/mlflow/runs/log-model", log_model);
  add(routes, services, Method::kGet, "/mlflow/metrics/get-history", history);
  add(routes, services, Method::kGet, "/mlflow/metrics/get-history-bulk-interval",
      history_bulk_interval);
}

}  // namespace slipway::api::mlflow
