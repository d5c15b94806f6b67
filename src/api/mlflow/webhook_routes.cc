#include <algorithm>

#include "api/mlflow/services.h"
#include "api/mlflow/wire.h"
#include "tracking/experiments.h"

namespace slipway::api::mlflow {
namespace {

using http::Method;
using http::Request;
using http::Response;

std::string change_case(std::string text, int (*to)(int)) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [to](unsigned char c) { return static_cast<char>(to(c)); });
  return text;
}

// {"entity": "MODEL_VERSION", "action": "CREATED"} is "model_version.created".
std::string read_event(const JsonObject& event) {
  const auto word = [&](std::string_view name) {
    const Json* member = event.if_contains(name);
    return member != nullptr && member->is_string()
               ? change_case(std::string(std::string_view(member->get_string())), std::tolower)
               : std::string();
  };
  return word("entity") + "." + word("action");
}

std::vector<std::string> read_events(const Fields& fields) {
  std::vector<std::string> events;
  for (const JsonObject& event : fields.objects("events")) events.push_back(read_event(event));
  return events;
}

Result<bool> read_status(const Fields& fields) {
  const std::string status = fields.text("status");
  if (status.empty() || status == "ACTIVE") return true;
  if (status == "DISABLED") return false;
  return base::error(Code::kInvalidArgument,
                     "Invalid value \"{}\" for parameter 'status' supplied: ACTIVE or DISABLED is "
                     "expected",
                     status);
}

JsonObject to_json(const webhooks::Webhook& webhook) {
  JsonArray events;
  for (const std::string& event : webhook.events) {
    const std::size_t dot = event.find('.');
    events.push_back({{"entity", change_case(event.substr(0, dot), std::toupper)},
                      {"action", change_case(event.substr(dot + 1), std::toupper)}});
  }
  JsonObject object{{"webhook_id", webhook.id},
                    {"name", webhook.name},
                    {"url", webhook.url},
                    {"events", std::move(events)},
                    {"status", webhook.active ? "ACTIVE" : "DISABLED"},
                    {"creation_timestamp", webhook.created.millis()},
                    {"last_updated_timestamp", webhook.updated.millis()}};
  if (!webhook.description.empty()) object["description"] = webhook.description;
  return object;
}

Result<Response> create(Services& services, const Request& request) {
  const Fields fields(request);
  webhooks::WebhookDraft draft;
  draft.name = TRY(fields.required("name"));
  draft.url = TRY(fields.required("url"));
  draft.events = read_events(fields);
  if (draft.events.empty()) return fields.required("events").error();
  draft.description = fields.text("description");
  draft.secret = fields.text("secret");
  draft.active = TRY(read_status(fields));
  return reply({{"webhook", to_json(TRY(services.webhooks.create(draft)))}});
}

Result<Response> list(Services& services, const Request& request) {
  const Fields fields(request);
  const std::int64_t most = TRY(fields.integer("max_results")).value_or(0);
  const auto page = TRY(services.webhooks.list(
      most == 0 ? 100 : most, TRY(tracking::parse_page_token(fields.text("page_token")))));
  JsonObject body;
  JsonArray found;
  for (const webhooks::Webhook& webhook : page.items) found.push_back(to_json(webhook));
  if (!found.empty()) body["webhooks"] = std::move(found);
  if (page.next_offset >= 0) body["next_page_token"] = tracking::page_token(page.next_offset);
  return reply(body);
}

Result<Response> get(Services& services, const Request& request) {
  return reply({{"webhook", to_json(TRY(services.webhooks.get(request.param("id"))))}});
}

// An empty name or URL counts as none, an empty description or secret takes it away.
Result<Response> update(Services& services, const Request& request) {
  const Fields fields(request);
  webhooks::WebhookPatch patch;
  if (!fields.text("name").empty()) patch.name = fields.text("name");
  if (!fields.text("url").empty()) patch.url = fields.text("url");
  if (fields.has("description")) patch.description = fields.text("description");
  if (fields.has("secret")) patch.secret = fields.text("secret");
  if (auto events = read_events(fields); !events.empty()) patch.events = std::move(events);
  if (fields.has("status")) patch.active = TRY(read_status(fields));
  return reply({{"webhook", to_json(TRY(services.webhooks.update(request.param("id"), patch)))}});
}

Result<Response> remove(Services& services, const Request& request) {
  TRY(services.webhooks.remove(request.param("id")));
  return reply({});
}

Result<Response> test(Services& services, const Request& request) {
  const Fields fields(request);
  std::string event;
  if (const Json* member = fields.body().if_contains("event");
      member != nullptr && member->is_object())
    event = read_event(member->get_object());
  const webhooks::TestResult result = TRY(services.webhooks.test(request.param("id"), event));
  JsonObject object{{"success", result.success}};
  if (result.status != 0) object["response_status"] = result.status;
  if (!result.body.empty()) object["response_body"] = result.body;
  if (!result.error.empty()) object["error_message"] = result.error;
  return reply({{"result", std::move(object)}});
}

}  // namespace

void add_webhook_routes(std::vector<http::Route>& routes, Services& services) {
  add(routes, services, Method::kPost, "/mlflow/webhooks", create);
  add(routes, services, Method::kGet, "/mlflow/webhooks", list);
  add(routes, services, Method::kGet, "/mlflow/webhooks/{id}", get);
  add(routes, services, Method::kPatch, "/mlflow/webhooks/{id}", update);
  add(routes, services, Method::kDelete, "/mlflow/webhooks/{id}", remove);
  add(routes, services, Method::kPost, "/mlflow/webhooks/{id}/test", test);
}

}  // namespace slipway::api::mlflow
