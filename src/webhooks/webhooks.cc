#include "webhooks/webhooks.h"

#include <algorithm>
#include <cctype>

#include "base/hash.h"
#include "webhooks/message.h"

namespace slipway::webhooks {
namespace {

constexpr std::size_t kNameLengthMax = 63;
constexpr std::size_t kUrlBytesMax = 2048;
constexpr std::size_t kSecretBytesMax = 1024;
constexpr std::int64_t kPageMax = 1000;

Error no_webhook(const std::string& id) {
  return base::error(Code::kNotFound, "Webhook with ID {} not found.", id);
}

Result<void> check_name(const std::string& name) {
  const auto is_plain = [](unsigned char c) { return std::isalnum(c) != 0; };
  const auto is_good = [&](unsigned char c) {
    return is_plain(c) || c == '.' || c == '_' || c == '-';
  };
  const bool good = !name.empty() && name.size() <= kNameLengthMax &&
                    is_plain(static_cast<unsigned char>(name.front())) &&
                    is_plain(static_cast<unsigned char>(name.back())) &&
                    std::all_of(name.begin(), name.end(), is_good);
  if (good) return {};
  return base::error(Code::kInvalidArgument,
                     "Webhook name '{}' is invalid. It must start and end with a letter or digit, "
                     "be less than 63 characters long, and contain only letters, digits, dots (.), "
                     "underscores (_), and hyphens (-).",
                     name);
}

Result<void> check_events(const std::vector<std::string>& events) {
  if (events.empty())
    return base::error(Code::kInvalidArgument,
                       "Webhook events must be a non-empty list of WebhookEvent objects: [].");
  for (const std::string& event : events) TRY(check_event_name(event));
  return {};
}

Result<void> check_secret(const std::string& secret) {
  if (secret.size() <= kSecretBytesMax) return {};
  return base::error(Code::kInvalidArgument, "'secret' exceeds the maximum length of {} characters",
                     kSecretBytesMax);
}

Result<void> check_place(const std::string& url, const UrlPolicy& policy) {
  if (url.size() > kUrlBytesMax)
    return base::error(Code::kInvalidArgument, "'url' exceeds the maximum length of {} characters",
                       kUrlBytesMax);
  return check_url(url, policy);
}

Result<Webhook> find_webhook(store::Reader& reader, const std::string& id) {
  std::optional<Webhook> found = TRY(reader.find(
      "SELECT id, name, description, url, active, created, updated FROM webhooks WHERE id = ?",
      {id}, [](const store::Row& row) {
        return Webhook{.id = row.string(0),
                       .name = row.string(1),
                       .description = row.string(2),
                       .url = row.string(3),
                       .active = row.int64(4) != 0,
                       .created = row.time(5),
                       .updated = row.time(6)};
      }));
  if (!found) return no_webhook(id);
  TRY(reader.query("SELECT event FROM webhook_events WHERE webhook = ? ORDER BY position", {id},
                   [&](const store::Row& row) { found->events.push_back(row.string(0)); }));
  return std::move(*found);
}

Result<void> write_events(store::Tx& tx, const std::string& id,
                          const std::vector<std::string>& events) {
  TRY(tx.execute("DELETE FROM webhook_events WHERE webhook = ?", {id}));
  std::int64_t position = 0;
  for (const std::string& event : events) {
    TRY(
        tx.execute("INSERT INTO webhook_events(webhook, event, position) VALUES(?, ?, ?) ON "
                   "CONFLICT DO NOTHING",
                   {id, event, position++}));
  }
  return {};
}

// Sequence of the newest event: what comes after it is news.
Result<std::int64_t> newest_event(store::Reader& reader) {
  return TRY(reader.find("SELECT MAX(sequence) FROM events", {},
                         [](const store::Row& row) { return row.int64(0); }))
      .value_or(0);
}

// What may be told of a webhook in an event: a URL may hold a key, a secret is one.
JsonObject public_part(const Webhook& webhook) {
  JsonArray events;
  for (const std::string& event : webhook.events) events.emplace_back(event);
  return {{"name", webhook.name}, {"active", webhook.active}, {"events", std::move(events)}};
}

std::string subject_of(const std::string& id) { return "webhooks/" + id; }

}  // namespace

Result<Webhook> Webhooks::create(const WebhookDraft& draft) {
  TRY(check_name(draft.name));
  TRY(check_place(draft.url, policy_));
  TRY(check_events(draft.events));
  TRY(check_secret(draft.secret));
  const std::string id = random_.hex();
  const std::string secret = draft.secret.empty() ? "" : box_.seal(draft.secret, id);
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<Webhook> {
    const std::int64_t seen = TRY(newest_event(tx));
    TRY(tx.execute(
        "INSERT INTO webhooks(id, name, description, url, secret, active, seen, created, "
        "updated) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
        {id, draft.name, draft.description, draft.url, secret, draft.active, seen, now, now}));
    TRY(write_events(tx, id, draft.events));
    Webhook made = TRY(find_webhook(tx, id));
    TRY(tx.append_event(
        {.kind = "webhook.created", .subject = subject_of(id), .payload = public_part(made)}));
    return made;
  });
}

Result<Webhook> Webhooks::get(const std::string& id) {
  return db_.read([&](store::Reader& reader) { return find_webhook(reader, id); });
}

Result<Page> Webhooks::list(std::int64_t max_results, std::int64_t offset) {
  if (max_results < 1 || max_results > kPageMax)
    return base::error(Code::kInvalidArgument, "max_results must be between 1 and {}.", kPageMax);
  return db_.read([&](store::Reader& reader) -> Result<Page> {
    std::vector<std::string> ids;
    TRY(reader.query("SELECT id FROM webhooks ORDER BY created DESC, id LIMIT ? OFFSET ?",
                     {max_results + 1, offset},
                     [&](const store::Row& row) { ids.push_back(row.string(0)); }));
    Page page;
    if (ids.size() > static_cast<std::size_t>(max_results)) {
      ids.pop_back();
      page.next_offset = offset + max_results;
    }
    for (const std::string& id : ids) page.items.push_back(TRY(find_webhook(reader, id)));
    return page;
  });
}

Result<Webhook> Webhooks::update(const std::string& id, const WebhookPatch& patch) {
  if (patch.name) TRY(check_name(*patch.name));
  if (patch.url) TRY(check_place(*patch.url, policy_));
  if (patch.events) TRY(check_events(*patch.events));
  if (patch.secret) TRY(check_secret(*patch.secret));
  std::optional<std::string> secret;
  if (patch.secret) secret = patch.secret->empty() ? "" : box_.seal(*patch.secret, id);
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<Webhook> {
    const Webhook before = TRY(find_webhook(tx, id));
    const bool active = patch.active.value_or(before.active);
    TRY(tx.execute(
        "UPDATE webhooks SET name = ?, description = ?, url = ?, active = ?, updated = ? "
        "WHERE id = ?",
        {patch.name.value_or(before.name), patch.description.value_or(before.description),
         patch.url.value_or(before.url), active, now, id}));
    if (secret) TRY(tx.execute("UPDATE webhooks SET secret = ? WHERE id = ?", {*secret, id}));
    if (patch.events) TRY(write_events(tx, id, *patch.events));
    if (active && !before.active) {
      const std::int64_t seen = TRY(newest_event(tx));
      TRY(tx.execute("UPDATE webhooks SET seen = ? WHERE id = ?", {seen, id}));
    }
    if (!active) TRY(tx.execute("DELETE FROM webhook_deliveries WHERE webhook = ?", {id}));
    Webhook after = TRY(find_webhook(tx, id));
    TRY(tx.append_event(
        {.kind = "webhook.updated", .subject = subject_of(id), .payload = public_part(after)}));
    return after;
  });
}

Result<void> Webhooks::remove(const std::string& id) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    if (TRY(tx.execute("DELETE FROM webhooks WHERE id = ?", {id})) == 0) return no_webhook(id);
    return tx.append_event({.kind = "webhook.deleted", .subject = subject_of(id)});
  });
}

Result<TestResult> Webhooks::test(const std::string& id, const std::string& event) {
  const Webhook webhook = TRY(get(id));
  if (!event.empty()) TRY(check_event_name(event));
  const Message example = example_of(event.empty() ? webhook.events.front() : event);
  const auto reply = send(id, random_.hex(), body_of(example, clock_.now()));
  if (!reply) return TestResult{.error = "Failed to test webhook: " + reply.error().message};
  return TestResult{.success = reply->status < 400, .status = reply->status, .body = reply->body};
}

Result<base::HttpReply> Webhooks::send(const std::string& webhook_id,
                                       const std::string& delivery_id, const std::string& body) {
  struct Target {
    std::string url, secret;
  };
  const auto target = TRY(db_.read([&](store::Reader& reader) {
    return reader.find("SELECT url, secret FROM webhooks WHERE id = ?", {webhook_id},
                       [](const store::Row& row) {
                         return Target{.url = row.string(0), .secret = row.string(1)};
                       });
  }));
  if (!target) return no_webhook(webhook_id);
  const std::string seconds = std::to_string(clock_.now().micros / 1'000'000);
  base::HttpClient::Headers headers{{"Content-Type", "application/json"},
                                    {"X-MLflow-Delivery-Id", delivery_id},
                                    {"X-MLflow-Timestamp", seconds}};
  if (!target->secret.empty()) {
    const std::string secret = TRY(box_.open(target->secret, webhook_id));
    const auto digest =
        base::hmac_sha256(secret, fmt::format("{}.{}.{}", delivery_id, seconds, body));
    headers.emplace_back(
        "X-MLflow-Signature",
        "v1," + base::to_base64({reinterpret_cast<const char*>(digest.data()), digest.size()}));
  }
  return sender_.post(target->url, body, headers);
}

}  // namespace slipway::webhooks
