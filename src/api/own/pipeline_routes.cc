#include "api/own/pipeline_routes.h"

#include <algorithm>

#include "api/http/object_body.h"
#include "api/own/loop_wire.h"

namespace slipway::api::own {
namespace {

using http::Method;
using http::Request;
using http::Response;
using pipelines::Pipelines;

constexpr std::int64_t kRunsOfEachMax = 100;

// With the newest ?runs= of each.
Result<Response> list(Pipelines& pipelines, const Request& request) {
  const std::int64_t most = TRY(query_integer(request, "runs")).value_or(0);
  if (most < 0 || most > kRunsOfEachMax) {
    return base::error(Code::kInvalidArgument, "runs must be a whole number from 0 to {}: {}",
                       kRunsOfEachMax, most);
  }
  JsonArray found;
  for (const auto& definition : TRY(pipelines.definitions())) {
    JsonObject params;
    for (const auto& [name, value] : definition.params) params[name] = value;
    JsonArray steps;
    for (const auto& step : definition.steps) {
      JsonArray inputs;
      for (const std::string& input : step.inputs) inputs.emplace_back(input);
      JsonObject told{{"name", step.name}, {"run", step.run}, {"inputs", std::move(inputs)}};
      if (step.wait_for) told["wait_for"] = pipelines::words_of(*step.wait_for);
      if (step.nested) told["pipeline"] = step.nested->pipeline;
      steps.push_back(std::move(told));
    }
    const auto newest =
        TRY(pipelines.runs({.pipeline = definition.name,
                            .limit = static_cast<std::size_t>(std::max<std::int64_t>(most, 1))}));
    JsonObject object{
        {"name", definition.name}, {"params", std::move(params)}, {"steps", std::move(steps)}};
    object["last_run"] = newest.empty() ? Json(nullptr) : Json(newest.front().summary());
    if (most > 0) {
      JsonArray runs;
      for (const auto& run : newest) runs.push_back(run.summary());
      object["runs"] = std::move(runs);
    }
    found.push_back(std::move(object));
  }
  return reply({{"pipelines", std::move(found)}});
}

// Other parts of the project stay as they are.
Result<Response> declare(Pipelines& pipelines, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  const std::string folder = TRY(base::get_string(body, "dir"));
  const pipelines::Offers offers = pipelines.offers(folder);
  const auto parsed = TRY(pipelines::parse_pipelines(TRY(base::get_string(body, "yaml")), &offers));
  JsonArray changes;
  for (const auto& change : TRY(pipelines.apply(parsed, folder, TRY(read_actor(request, body)))))
    changes.push_back(
        JsonObject{{"kind", change.kind}, {"name", change.name}, {"change", change.change}});
  return reply({{"changes", std::move(changes)}});
}

Result<Response> list_pools(Pipelines& pipelines) {
  JsonArray found;
  for (const auto& pool : pipelines.pools()) {
    JsonArray holders;
    for (const std::string& holder : pool.holders) holders.push_back(Json(holder));
    found.push_back(JsonObject{{"name", pool.name},
                               {"slots", pool.slots},
                               {"taken", pool.taken},
                               {"taken_by", std::move(holders)},
                               {"waiting", pool.waiting}});
  }
  return reply({{"pools", std::move(found)}});
}

Result<std::map<std::string, std::string>> read_params(const JsonObject& body) {
  std::map<std::string, std::string> params;
  if (const Json* given = body.if_contains("params"); given != nullptr && !given->is_null()) {
    if (!given->is_object()) return base::error(Code::kInvalidArgument, "params must be an object");
    for (const auto& [name, value] : given->get_object()) {
      params[name] = value.is_string() ? std::string(std::string_view(value.get_string()))
                                       : base::to_text(value);
    }
  }
  return params;
}

Result<Response> start(Pipelines& pipelines, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  pipelines::Trigger trigger;
  trigger.id = TRY(base::find_string(body, "trigger_id")).value_or("");
  trigger.actor = TRY(read_actor(request, body));
  trigger.reason = TRY(base::find_string(body, "reason")).value_or("");
  trigger.priority = TRY(base::find_int(body, "priority"));
  trigger.no_cache = TRY(read_flag(body, "no_cache")).value_or(false);
  return reply(
      TRY(pipelines.start_run(request.param("name"), TRY(read_params(body)), trigger)).to_json());
}

Result<Response> explain(Pipelines& pipelines, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  JsonArray steps;
  const bool no_cache = TRY(read_flag(body, "no_cache")).value_or(false);
  for (const auto& step :
       TRY(pipelines.explain_run(request.param("name"), TRY(read_params(body)), no_cache)))
    steps.push_back(step.to_json());
  return reply({{"steps", std::move(steps)}});
}

Result<Response> answer(Pipelines& pipelines, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  const auto approved = TRY(read_flag(body, "approved"));
  if (!approved) return base::error(Code::kInvalidArgument, "an answer needs `approved`");
  return reply(TRY(pipelines.answer(request.param("id"), request.param("step"), *approved,
                                    TRY(read_actor(request, body)),
                                    TRY(base::find_string(body, "reason")).value_or("")))
                   .to_json());
}

Result<Response> runs(Pipelines& pipelines, const std::string& pipeline, const Request& request) {
  const bool with_steps = request.query("steps").value_or("") == "true";
  const std::size_t limit = TRY(query_limit(request, 50, 1000));
  pipelines::RunFilter filter;
  filter.pipeline = pipeline;
  filter.state = request.query("state").value_or("");
  filter.actor = request.query("actor").value_or("");
  filter.from = TRY(query_time(request, "from"));
  filter.until = TRY(query_time(request, "until"));
  filter.after = request.query("after").value_or("");
  filter.limit = limit + 1;
  auto listed = TRY(
      pipelines.runs(filter, with_steps ? Pipelines::Steps::kSummaries : Pipelines::Steps::kNone));
  Json next;
  if (listed.size() > limit) {
    listed.pop_back();
    next = listed.back().id;
  }
  JsonArray found;
  for (const auto& run : listed) {
    JsonObject object = run.summary();
    if (with_steps) {
      JsonArray steps;
      for (const auto& step : run.steps) steps.push_back(step.summary());
      object["steps"] = std::move(steps);
    }
    found.push_back(std::move(object));
  }
  return reply({{"runs", std::move(found)}, {"next", std::move(next)}});
}

Result<Response> list_searches(Pipelines& pipelines, const Request& request) {
  JsonArray found;
  for (const auto& search :
       TRY(pipelines.searches(std::string(request.query("pipeline").value_or("")),
                              TRY(query_limit(request, 50, 1000))))) {
    JsonObject object = search.step.summary();
    object["run"] = search.run;
    object["pipeline"] = search.pipeline;
    object["search"] = base::parse_json(search.step.value).value_or(nullptr);
    object["trials"] = search.trials;
    object["score"] = search.step.score ? Json(*search.step.score) : Json(nullptr);
    object["tracked_run"] = search.step.tracked_run;
    found.push_back(std::move(object));
  }
  return reply({{"searches", std::move(found)}});
}

Result<Response> log(Pipelines& pipelines, const Request& request) {
  Response response = Response::text("");
  TRY(http::send_file(TRY(pipelines.log(request.param("id"), request.param("step"))), request,
                      response));
  return response;
}

Result<Response> search_logs(Pipelines& pipelines, const Request& request) {
  const auto text = [&](std::string_view name) {
    return std::string(request.query(name).value_or(""));
  };
  const auto runs = TRY(query_integer(request, "runs")).value_or(20);
  if (runs < 1 || runs > 1000)
    return base::error(Code::kInvalidArgument, "runs must be 1 to 1000: got={}", runs);
  auto pattern = types::TextPattern::compile(text("pattern"));
  if (!pattern) return std::move(pattern).error().with_context("pattern");
  const auto found =
      TRY(pipelines.search_logs({.pattern = std::move(*pattern),
                                 .pipeline = text("pipeline"),
                                 .state = text("state"),
                                 .step = text("step"),
                                 .runs_max = static_cast<std::size_t>(runs),
                                 .lines_max = TRY(query_limit(request, 100, 1000))}));
  JsonArray lines;
  for (const pipelines::LogLine& line : found.lines) {
    lines.push_back(JsonObject{{"pipeline", line.pipeline},
                               {"run", line.run},
                               {"step", line.step},
                               {"line", line.line},
                               {"text", line.text}});
  }
  return reply({{"lines", std::move(lines)},
                {"runs", found.runs},
                {"bytes", found.bytes},
                {"stopped", found.stopped.empty() ? Json(nullptr) : Json(found.stopped)}});
}

}  // namespace

std::vector<http::Route> pipeline_routes(Pipelines& pipelines) {
  return {
      {.method = Method::kGet,
       .pattern = "/slipway/v1/pipelines",
       .summary = "Every pipeline with its last run, and with the newest ?runs= of each.",
       .handler = answering([&pipelines](const Request& r) { return list(pipelines, r); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/pipelines",
       .summary =
           "Declares the pipelines of a slipway.yaml whose steps run in the folder `dir`; all "
           "else stays.",
       .handler = answering([&pipelines](const Request& r) { return declare(pipelines, r); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/pools",
       .summary = "Every pool: its slots, which steps have taken them, how many wait.",
       .handler = answering([&pipelines](const Request&) { return list_pools(pipelines); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/pipelines/{name}/runs",
       .summary = "Queues a run; the same trigger_id again gives the same run.",
       .handler = answering([&pipelines](const Request& r) { return start(pipelines, r); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/pipelines/{name}/explain",
       .summary = "What a run with these params would do, step by step, and why; nothing is run.",
       .handler = answering([&pipelines](const Request& r) { return explain(pipelines, r); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/pipelines/{name}/runs",
       .summary =
           "The pipeline's runs, newest first, of ?state=, ?actor=, begun ?from= and before "
           "?until= alone; ?steps=true: with how each of their steps went. There are ?limit= (50); "
           "`next` is ?after= of the older ones.",
       .handler = answering(
           [&pipelines](const Request& r) { return runs(pipelines, r.param("name"), r); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/pipeline-runs",
       .summary = "Runs of all pipelines, or of ?pipeline=, as of one of them.",
       .handler = answering([&pipelines](const Request& r) {
         return runs(pipelines, std::string(r.query("pipeline").value_or("")), r);
       }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/searches",
       .summary =
           "Steps with `search`, newest first, with their best value; ?pipeline=NAME: of that "
           "alone. Their trials are the items of the step in its run.",
       .handler = answering([&pipelines](const Request& r) { return list_searches(pipelines, r); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/pipeline-logs",
       .summary =
           "Lines that ?pattern= (a regular expression) is found in, of what steps of the newest "
           "?runs= wrote; ?pipeline=, ?step=, ?state=: of those alone.",
       .handler = answering([&pipelines](const Request& r) { return search_logs(pipelines, r); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/pipeline-runs/{id}",
       .summary = "One run with its steps; ?steps=false: without them.",
       .handler = answering([&pipelines](const Request& request) -> Result<Response> {
         if (request.query("steps").value_or("") == "false")
           return reply(TRY(pipelines.find_summary(request.param("id"))).summary());
         return reply(TRY(pipelines.find_run(request.param("id"))).to_json());
       }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/pipeline-runs/{id}/steps/{step}/log",
       .summary =
           "What a step has written so far, or the part that a Range header asks for; of one from "
           "cache, what was written when it ran.",
       .handler =
           answering([&pipelines](const Request& request) { return log(pipelines, request); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/pipeline-runs/{id}/steps/{step}/why",
       .summary = "Why a step ran, was answered from cache, or did not run.",
       .handler = answering([&pipelines](const Request& request) -> Result<Response> {
         return reply({{"why", TRY(pipelines.why(request.param("id"), request.param("step")))}});
       }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/pipeline-runs/{id}/cancel",
       .summary = "Ends a run.",
       .handler = answering([&pipelines](const Request& request) -> Result<Response> {
         return reply(TRY(pipelines.cancel(request.param("id"))).to_json());
       }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/pipeline-runs/{id}/steps/{step}/answer",
       .summary = "Approves or refuses a step that waits for a person.",
       .handler = answering([&pipelines](const Request& r) { return answer(pipelines, r); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/pipeline-runs/{id}/retry",
       .summary =
           "Runs again what did not succeed in a run that is over, as its pipeline was then; "
           "`warnings` say so when it was changed.",
       .handler = answering([&pipelines](const Request& request) -> Result<Response> {
         const JsonObject body = TRY(read_body(request));
         const std::string id(request.param("id"));
         const bool was_changed = TRY(pipelines.was_changed_since(id));
         const auto run = TRY(pipelines.try_again(id, TRY(read_actor(request, body))));
         JsonObject told = run.to_json();
         if (was_changed) {
           told["warnings"] = JsonArray{Json(fmt::format(
               "pipeline {} was changed since: this runs it as it was; `slipway run {}` takes the "
               "new one",
               run.pipeline, run.pipeline))};
         }
         return reply(std::move(told));
       }),
       .tag = "slipway"},
  };
}

}  // namespace slipway::api::own
