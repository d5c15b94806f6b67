// Label schemas and review queues: how people judge traces on MLflow's page.
#include <array>

#include "access/access.h"
#include "api/mlflow/services.h"
#include "api/mlflow/wire.h"
#include "evaluations/label_schemas.h"
#include "evaluations/review_queues.h"
#include "tracking/experiments.h"

namespace slipway::api::mlflow {
namespace {

using evaluations::InputKind;
using evaluations::LabelInput;
using evaluations::LabelKind;
using evaluations::LabelSchema;
using evaluations::QueueKind;
using evaluations::ReviewItem;
using evaluations::ReviewQueue;
using evaluations::ReviewStatus;
using http::Method;
using http::Request;
using http::Response;
using enum Parameter::Kind;

constexpr std::int64_t kResultsMax = 50'000;

// A word of an enumeration: its place in `words`.
template <typename Enum, std::size_t count>
Result<Enum> read_word(const Fields& fields, std::string_view name,
                       const std::array<std::string_view, count>& words) {
  const std::string word = fields.text(name);
  for (std::size_t i = 0; i < count; ++i) {
    if (words[i] == word) return static_cast<Enum>(i);
  }
  return base::error(Code::kInvalidArgument, "`{}` must be one of {}; got '{}'.", name,
                     fmt::join(words, ", "), word);
}

constexpr std::array<std::string_view, 2> kLabelKinds = {"FEEDBACK", "EXPECTATION"};
constexpr std::array<std::string_view, 4> kInputs = {"pass_fail", "categorical", "numeric", "text"};
constexpr std::array<std::string_view, 2> kQueueKinds = {"USER", "CUSTOM"};
constexpr std::array<std::string_view, 3> kStatuses = {"PENDING", "COMPLETE", "DECLINED"};

Result<std::int64_t> page_size(const Fields& fields, std::int64_t size) {
  size = TRY(fields.integer("max_results")).value_or(size);
  if (size >= 1 && size <= kResultsMax) return size;
  return base::error(Code::kInvalidArgument, "max_results must be between 1 and {}.", kResultsMax);
}

// Label schemas.

Result<LabelInput> read_input(const JsonObject& object) {
  LabelInput input;
  const JsonObject* given = nullptr;
  std::size_t found = 0;
  for (std::size_t i = 0; i < kInputs.size(); ++i) {
    const Json* member = object.if_contains(kInputs[i]);
    if (member == nullptr || !member->is_object()) continue;
    input.kind = static_cast<InputKind>(i);
    given = &member->get_object();
    ++found;
  }
  if (found != 1) {
    return base::error(Code::kInvalidArgument,
                       "Label schema `input` must have exactly one of `pass_fail`, `categorical`, "
                       "`numeric`, or `text` set.");
  }
  const Fields fields(*given);
  input.positive = fields.text("positive_label");
  input.negative = fields.text("negative_label");
  input.options = fields.texts("options");
  input.is_multiple = fields.boolean("multi_select");
  if (fields.has("min_value")) input.least = TRY(fields.number("min_value"));
  if (fields.has("max_value")) input.greatest = TRY(fields.number("max_value"));
  input.length_max = TRY(fields.integer("max_length"));
  return input;
}

JsonObject to_json(const LabelInput& input) {
  JsonObject value;
  switch (input.kind) {
    case InputKind::kPassFail:
      value = {{"positive_label", input.positive}, {"negative_label", input.negative}};
      break;
    case InputKind::kCategorical: {
      JsonArray options;
      for (const std::string& option : input.options) options.emplace_back(option);
      value = {{"options", std::move(options)}, {"multi_select", input.is_multiple}};
      break;
    }
    case InputKind::kNumeric:
      if (input.least) value["min_value"] = *input.least;
      if (input.greatest) value["max_value"] = *input.greatest;
      break;
    case InputKind::kText:
      if (input.length_max) value["max_length"] = *input.length_max;
      break;
  }
  JsonObject object;
  object[kInputs[static_cast<std::size_t>(input.kind)]] = std::move(value);
  return object;
}

JsonObject to_json(const LabelSchema& schema) {
  JsonObject object{{"schema_id", schema.id},
                    {"experiment_id", schema.experiment_id},
                    {"name", schema.name},
                    {"type", kLabelKinds[static_cast<std::size_t>(schema.kind)]},
                    {"enable_comment", schema.has_comment},
                    {"input", to_json(schema.input)},
                    {"created_at", schema.created.millis()},
                    {"last_updated_at", schema.updated.millis()},
                    {"is_default", schema.is_default}};
  if (schema.instruction) object["instruction"] = *schema.instruction;
  return object;
}

Response schema_reply(const LabelSchema& schema) {
  return reply({{"label_schema", to_json(schema)}});
}

Result<Response> create_schema(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("experiment_id"), required("name"), optional("instruction")}));
  LabelSchema schema;
  schema.experiment_id = fields.text("experiment_id");
  schema.name = fields.text("name");
  schema.kind = TRY(read_word<LabelKind>(fields, "type", kLabelKinds));
  const Json* input = fields.body().if_contains("input");
  schema.input =
      TRY(read_input(input != nullptr && input->is_object() ? input->get_object() : JsonObject()));
  if (fields.has("instruction")) schema.instruction = fields.text("instruction");
  schema.has_comment = fields.boolean("enable_comment");
  return schema_reply(TRY(services.label_schemas.create(std::move(schema))));
}

Result<Response> get_schema(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("schema_id")}));
  return schema_reply(TRY(services.label_schemas.get(fields.text("schema_id"))));
}

Result<Response> get_schema_by_name(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("experiment_id"), required("name")}));
  return schema_reply(
      TRY(services.label_schemas.get_by_name(fields.text("experiment_id"), fields.text("name"))));
}

Result<Response> list_schemas(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check(
      {required("experiment_id"), optional("max_results", kInteger), optional("page_token")}));
  const std::int64_t size = TRY(page_size(fields, 100));
  const std::int64_t offset = TRY(tracking::parse_page_token(fields.text("page_token")));
  const evaluations::LabelSchemaPage page =
      TRY(services.label_schemas.list(fields.text("experiment_id"), size, offset));
  JsonArray schemas;
  for (const LabelSchema& schema : page.items) schemas.push_back(to_json(schema));
  return reply({{"label_schemas", std::move(schemas)},
                {"next_page_token", page.has_more ? tracking::page_token(offset + size) : ""}});
}

Result<Response> update_schema(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("schema_id"), optional("name"), optional("instruction")}));
  evaluations::LabelSchemaPatch patch;
  if (fields.has("name")) patch.name = fields.text("name");
  if (fields.has("instruction")) patch.instruction = fields.text("instruction");
  if (fields.has("enable_comment")) patch.has_comment = fields.boolean("enable_comment");
  if (const Json* input = fields.body().if_contains("input");
      input != nullptr && input->is_object())
    patch.input = TRY(read_input(input->get_object()));
  return schema_reply(TRY(services.label_schemas.update(fields.text("schema_id"), patch)));
}

Result<Response> delete_schema(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("schema_id")}));
  TRY(services.label_schemas.remove(fields.text("schema_id")));
  return reply({});
}

// Review queues. Who has logged in is the owner, and who completes an item; a client's word for
// either counts only where nobody logs in.

JsonArray list_json(const std::vector<std::string>& items) {
  JsonArray list;
  for (const std::string& item : items) list.emplace_back(item);
  return list;
}

JsonObject to_json(const ReviewQueue& queue) {
  JsonObject object{{"queue_id", queue.id},
                    {"experiment_id", queue.experiment_id},
                    {"name", queue.name},
                    {"queue_type", kQueueKinds[static_cast<std::size_t>(queue.kind)]},
                    {"creation_time_ms", queue.created.millis()},
                    {"last_update_time_ms", queue.updated.millis()},
                    {"users", list_json(queue.users)},
                    {"schema_ids", list_json(queue.schema_ids)}};
  if (!queue.owner.empty()) object["created_by"] = queue.owner;
  return object;
}

JsonObject to_json(const ReviewItem& item) {
  JsonObject object{{"queue_id", item.queue_id},
                    {"item_type", "TRACE"},
                    {"item_id", item.trace_id},
                    {"status", kStatuses[static_cast<std::size_t>(item.status)]},
                    {"creation_time_ms", item.created.millis()},
                    {"last_update_time_ms", item.updated.millis()}};
  if (!item.completed_by.empty()) object["completed_by"] = item.completed_by;
  if (item.completed) object["completed_time_ms"] = item.completed->millis();
  return object;
}

Response queue_reply(const ReviewQueue& queue) { return reply({{"review_queue", to_json(queue)}}); }

// A custom queue named like a user would stand where that user's own queue is made.
Result<void> check_not_a_user(Services& services, const std::string& name,
                              std::string_view not_so) {
  if (services.access == nullptr) return {};
  const std::string wanted = evaluations::folded_user(name);
  for (const access::User& user : services.access->list_users()) {
    if (evaluations::folded_user(user.name) == wanted) {
      return base::error(Code::kInvalidArgument,
                         "'{}' is a registered user. A custom review queue cannot {}; assign that "
                         "user to a queue instead.",
                         user.name, not_so);
    }
  }
  return {};
}

Result<Response> create_queue(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("experiment_id"), required("name"), optional("users", kTexts),
                    optional("schema_ids", kTexts)}));
  ReviewQueue queue;
  queue.experiment_id = fields.text("experiment_id");
  queue.name = fields.text("name");
  queue.kind = TRY(read_word<QueueKind>(fields, "queue_type", kQueueKinds));
  if (queue.kind == QueueKind::kCustom)
    TRY(check_not_a_user(services, queue.name, "use a username as its name"));
  queue.users = fields.texts("users");
  queue.schema_ids = fields.texts("schema_ids");
  queue.owner = request.user;
  return queue_reply(TRY(services.review_queues.create(std::move(queue))));
}

Result<Response> ensure_user_queue(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("experiment_id"), required("user")}));
  return queue_reply(TRY(
      services.review_queues.ensure_of_user(fields.text("experiment_id"), fields.text("user"))));
}

Result<Response> get_queue(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("queue_id")}));
  return queue_reply(TRY(services.review_queues.get(fields.text("queue_id"))));
}

Result<Response> get_queue_by_name(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("experiment_id"), required("name")}));
  return queue_reply(
      TRY(services.review_queues.get_by_name(fields.text("experiment_id"), fields.text("name"))));
}

Result<Response> list_queues(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("experiment_id"), optional("user"), optional("item_id"),
                    optional("max_results", kInteger), optional("page_token")}));
  evaluations::ReviewQueueQuery query;
  query.experiment_id = fields.text("experiment_id");
  if (fields.has("user")) query.user = fields.text("user");
  if (fields.has("item_id")) query.trace_id = fields.text("item_id");
  query.max_results = TRY(page_size(fields, query.max_results));
  query.offset = TRY(tracking::parse_page_token(fields.text("page_token")));
  const evaluations::ReviewQueuePage page = TRY(services.review_queues.list(query));
  JsonArray queues;
  for (const ReviewQueue& queue : page.items) queues.push_back(to_json(queue));
  return reply({{"review_queues", std::move(queues)},
                {"next_page_token",
                 page.has_more ? tracking::page_token(query.offset + query.max_results) : ""}});
}

Result<Response> update_queue(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("queue_id"), optional("users", kTexts), optional("name"),
                    optional("schema_ids", kTexts), optional("new_owner")}));
  evaluations::ReviewQueuePatch patch;
  if (fields.boolean("update_users")) patch.users = fields.texts("users");
  if (fields.boolean("update_schema_ids")) patch.schema_ids = fields.texts("schema_ids");
  if (fields.has("name")) {
    patch.name = fields.text("name");
    TRY(check_not_a_user(services, *patch.name, "be renamed to a username"));
  }
  if (fields.has("new_owner")) patch.owner = fields.text("new_owner");
  return queue_reply(TRY(services.review_queues.update(fields.text("queue_id"), patch)));
}

Result<Response> delete_queue(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("queue_id")}));
  TRY(services.review_queues.remove(fields.text("queue_id")));
  return reply({});
}

Result<Response> add_items(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("queue_id"), required("item_ids", kTexts)}));
  JsonArray items;
  for (const ReviewItem& item :
       TRY(services.review_queues.add_traces(fields.text("queue_id"), fields.texts("item_ids"))))
    items.push_back(to_json(item));
  return reply({{"items", std::move(items)}});
}

Result<Response> remove_items(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("queue_id"), required("item_ids", kTexts)}));
  TRY(services.review_queues.remove_traces(fields.text("queue_id"), fields.texts("item_ids")));
  return reply({});
}

Result<Response> list_items(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("queue_id"), optional("status"), optional("max_results", kInteger),
                    optional("page_token")}));
  std::optional<ReviewStatus> status;
  if (fields.has("status") && fields.text("status") != "REVIEW_STATUS_UNSPECIFIED")
    status = TRY(read_word<ReviewStatus>(fields, "status", kStatuses));
  const std::int64_t size = TRY(page_size(fields, 1000));
  const std::int64_t offset = TRY(tracking::parse_page_token(fields.text("page_token")));
  const evaluations::ReviewItemPage page =
      TRY(services.review_queues.items(fields.text("queue_id"), status, size, offset));
  JsonArray items;
  for (const ReviewItem& item : page.items) items.push_back(to_json(item));
  return reply({{"items", std::move(items)},
                {"next_page_token", page.has_more ? tracking::page_token(offset + size) : ""}});
}

Result<Response> set_item_status(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("queue_id"), required("item_id"), optional("completed_by")}));
  const auto status = TRY(read_word<ReviewStatus>(fields, "status", kStatuses));
  std::string by = request.user.empty() ? fields.text("completed_by") : request.user;
  if (!request.user.empty() && status == ReviewStatus::kPending) by.clear();
  return reply({{"item", to_json(TRY(services.review_queues.set_status(
                             fields.text("queue_id"), fields.text("item_id"), status, by)))}});
}

}  // namespace

void add_review_routes(std::vector<http::Route>& routes, Services& services) {
  for (const std::string prefix : {"/api/3.0/mlflow", "/ajax-api/3.0/mlflow"}) {
    const auto add = [&](Method method, const std::string& path, const Handle& handle) {
      add_one(routes, services, method, prefix + path, handle);
    };
    add(Method::kPost, "/label-schemas/create", create_schema);
    add(Method::kGet, "/label-schemas/get", get_schema);
    add(Method::kGet, "/label-schemas/get-by-name", get_schema_by_name);
    add(Method::kGet, "/label-schemas/list", list_schemas);
    add(Method::kPatch, "/label-schemas/update", update_schema);
    add(Method::kDelete, "/label-schemas/delete", delete_schema);
    add(Method::kPost, "/review-queues/create", create_queue);
    add(Method::kPost, "/review-queues/get-or-create-user", ensure_user_queue);
    add(Method::kGet, "/review-queues/get", get_queue);
    add(Method::kGet, "/review-queues/get-by-name", get_queue_by_name);
    add(Method::kGet, "/review-queues/list", list_queues);
    add(Method::kPost, "/review-queues/update", update_queue);
    add(Method::kPost, "/review-queues/delete", delete_queue);
    add(Method::kPost, "/review-queues/items/add", add_items);
    add(Method::kPost, "/review-queues/items/remove", remove_items);
    add(Method::kGet, "/review-queues/items/list", list_items);
    add(Method::kPost, "/review-queues/items/set-status", set_item_status);
  }
}

}  // namespace slipway::api::mlflow
