#include "api/kubeflow/wire.h"

namespace slipway::api::kubeflow {
namespace {

using http::Method;
using http::Request;
using http::Response;

constexpr int kUnknown = 2;  // gRPC's code for what went wrong in a task

JsonObject state_at(base::Timestamp time, std::string_view state) {
  return {{"update_time", to_text(time)}, {"state", state}};
}

JsonObject error_of(const std::string& message) {
  return {{"code", kUnknown}, {"message", message}};
}

std::string task_id(const std::string& run, const std::string& step) { return run + "-" + step; }

// The reason, and what the step, or its first item that failed, said last.
std::string why_failed(const Services& services, const kfp::Run& run, const kfp::StepState& step) {
  const kfp::StepState* says = &step;
  for (const kfp::StepState& item : run.state.steps) {
    const bool is_of_step = item.parent && &run.state.steps[*item.parent] == &step;
    if (!is_of_step || kfp::state_name_of(item) != "FAILED") continue;
    says = &item;
    break;
  }
  const std::string line = services.runner.last_line(run.state.id, says->name);
  return line.empty() ? step.reason : step.reason + ": " + line;
}

JsonObject to_json(const Services& services, const kfp::Run& run, const kfp::Plan& plan,
                   const kfp::StepState& step) {
  const std::string_view state = kfp::state_name_of(step);
  const auto task = plan.compiled.tasks.find(step.name);
  JsonArray history{state_at(run.state.created, "PENDING")};
  JsonObject object{{"run_id", run.state.id},
                    {"task_id", task_id(run.state.id, step.name)},
                    {"display_name", task == plan.compiled.tasks.end() ? step.name : task->second},
                    {"create_time", to_text(run.state.created)},
                    {"state", state}};
  if (step.started) {
    object["start_time"] = to_text(*step.started);
    history.push_back(state_at(*step.started, "RUNNING"));
  }
  if (step.finished) {
    object["end_time"] = to_text(*step.finished);
    history.push_back(state_at(*step.finished, state));
  }
  if (state == "FAILED") {
    object["error"] = error_of(why_failed(services, run, step));
  } else if (state == "SKIPPED" && !step.reason.empty()) {
    object["error"] = JsonObject{{"code", 0}, {"message", step.reason}};  // why
  }
  if (step.parent)
    object["parent_task_id"] = task_id(run.state.id, run.state.steps[*step.parent].name);
  object["state_history"] = std::move(history);
  return object;
}

// What failed first.
std::string why_failed(const Services& services, const kfp::Run& run) {
  for (const kfp::StepState& step : run.state.steps) {
    if (!step.parent && kfp::state_name_of(step) == "FAILED")
      return fmt::format("task {}: {}", step.name, why_failed(services, run, step));
  }
  return run.state.reason;
}

JsonObject head_of(const kfp::Run& run) {
  const base::Timestamp never{0};  // as Kubeflow says that it isn't over
  JsonObject object{{"run_id", run.state.id},
                    {"experiment_id", run.experiment},
                    {"display_name", run.name},
                    {"storage_state", run.is_archived ? "ARCHIVED" : "AVAILABLE"},
                    {"state", run.state_name()},
                    {"created_at", to_text(run.state.created)},
                    {"scheduled_at", to_text(run.state.created)},
                    {"finished_at", to_text(run.state.finished.value_or(never))}};
  if (!run.description.empty()) object["description"] = run.description;
  if (!run.service_account.empty()) object["service_account"] = run.service_account;
  if (!run.recurring_run.empty()) object["recurring_run_id"] = run.recurring_run;
  JsonArray history{state_at(run.state.created, "PENDING")};
  if (run.state.finished) history.push_back(state_at(*run.state.finished, run.state_name()));
  object["state_history"] = std::move(history);
  return object;
}

Result<JsonObject> to_json(const Services& services, const kfp::Run& run) {
  JsonObject object = head_of(run);
  TRY(tell_target(services, run.state.plan, run.pipeline, run.version, run.config, object));
  if (run.state_name() == "FAILED") object["error"] = error_of(why_failed(services, run));
  const kfp::Plan plan = TRY(services.plans.find(run.state.plan));
  JsonArray tasks;
  for (const kfp::StepState& step : run.state.steps)
    tasks.push_back(to_json(services, run, plan, step));
  object["run_details"] = JsonObject{{"task_details", std::move(tasks)}};
  return object;
}

Result<Response> list(const Services& services, const Request& request) {
  auto page =
      TRY(services.runs.list(text_of(request, "experiment_id"), TRY(read_list_query(request))));
  JsonArray told;
  for (const kfp::Run& run : page.runs) {
    JsonObject object = head_of(run);
    TRY(tell_target(services, run.state.plan, run.pipeline, run.version, run.config, object));
    if (run.state_name() == "FAILED") object["error"] = error_of(run.state.reason);
    told.push_back(std::move(object));
  }
  return reply(page_of("runs", std::move(told), page.next_page_token, page.total));
}

Result<Response> create(const Services& services, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  kfp::RunDraft draft;
  draft.target = TRY(read_target(body));
  draft.experiment = TRY(text_of(body, "experiment_id", "experimentId"));
  draft.name = TRY(text_of(body, "display_name", "displayName"));
  draft.description = TRY(text_of(body, "description", "description"));
  draft.service_account = TRY(text_of(body, "service_account", "serviceAccount"));
  if (draft.experiment.empty()) draft.experiment = text_of(request, "experiment_id");
  const kfp::Run run = TRY(services.runs.create(std::move(draft), actor_of(request)));
  return reply(TRY(to_json(services, run)));
}

Result<Response> get(const Services& services, const Request& request) {
  const kfp::Run run = TRY(services.runs.find(request.param("id")));
  return reply(TRY(to_json(services, run)));
}

Result<Response> remove(const Services& services, const Request& request) {
  TRY(services.runs.remove(request.param("id")));
  return reply({});
}

Result<Response> terminate(const Services& services, const Request& request) {
  TRY(services.runs.terminate(request.param("id")));
  return reply({});
}

Result<Response> retry(const Services& services, const Request& request) {
  TRY(services.runs.retry(request.param("id"), actor_of(request)));
  return reply({});
}

Result<Response> archive(const Services& services, const Request& request) {
  TRY(services.runs.set_archived(request.param("id"), true));
  return reply({});
}

Result<Response> unarchive(const Services& services, const Request& request) {
  TRY(services.runs.set_archived(request.param("id"), false));
  return reply({});
}

}  // namespace

std::vector<http::Route> run_routes(const Services& services) {
  return {
      route(services, Method::kGet, "/runs", "runs, in pages.", list),
      route(services, Method::kPost, "/runs", "starts a run.", create),
      route(services, Method::kGet, "/runs/{id}", "a run and its tasks.", get),
      route(services, Method::kDelete, "/runs/{id}", "deletes a run.", remove),
      route(services, Method::kPost, "/runs/{id}:terminate", "ends a run.", terminate),
      route(services, Method::kPost, "/runs/{id}:retry", "runs again what failed.", retry),
      route(services, Method::kPost, "/runs/{id}:archive", "archives it.", archive),
      route(services, Method::kPost, "/runs/{id}:unarchive", "brings it back.", unarchive),
  };
}

}  // namespace slipway::api::kubeflow
