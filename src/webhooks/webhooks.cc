#include "webhooks/webhooks.h"

#include <algorithm>
#include <cctype>
#include <map>

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
      "SELECT id, name, description, url, active, created, updated FROM webhooks WHERE id = "
      "? AND format = 'mlflow'",
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

constexpr std::string_view kRouteIds = "route-";
std::string route_id(const std::string& name) { return std::string(kRouteIds) + name; }

// Why there was no reply, without the address: it may hold a key.
std::string why_not(const Error& error) {
  switch (error.code) {
    case Code::kUnavailable:
      return "nobody answered at its address";
    case Code::kDeadlineExceeded:
      return "the other side did not answer in time";
    case Code::kPermissionDenied:
      return "its address is no public one (the setting webhook-allow-private)";
    default:
      return error.message;
  }
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
    TRY(reader.query(
        "SELECT id FROM webhooks WHERE format = 'mlflow' ORDER BY created DESC, id "
        "LIMIT ? OFFSET ?",
        {max_results + 1, offset}, [&](const store::Row& row) { ids.push_back(row.string(0)); }));
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
    if (TRY(tx.execute("DELETE FROM webhooks WHERE id = ? AND format = 'mlflow'", {id})) == 0)
      return no_webhook(id);
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

bool is_route_id(std::string_view id) { return id.starts_with(kRouteIds); }

Result<void> Webhooks::check_routes(const std::vector<Route>& routes) const {
  for (const Route& route : routes) {
    TRY(resolve_reference(route.secret));
    const auto place = check_place(TRY(resolve_reference(route.url)), policy_);
    if (place) continue;
    const bool is_variable = route.url.starts_with("${");
    return base::error(Code::kInvalidArgument, "route {}: {}", route.name,
                       is_variable ? "what its variable holds is no address that may be reached"
                                   : place.error().message);
  }
  return {};
}

Result<std::vector<RouteChange>> Webhooks::plan_routes(const std::vector<Route>& routes) {
  std::map<std::string, Route> known;
  for (auto& [route, waiting] : TRY(this->routes())) known[route.name] = route;
  std::vector<RouteChange> changes;
  for (const Route& route : routes) {
    const auto before = known.find(route.name);
    changes.push_back({.name = route.name,
                       .change = before == known.end()     ? "created"
                                 : before->second == route ? "unchanged"
                                                           : "updated"});
    if (before != known.end()) known.erase(before);
  }
  for (const auto& [name, route] : known) changes.push_back({.name = name, .change = "deleted"});
  return changes;
}

Result<std::vector<RouteChange>> Webhooks::apply_routes(const std::vector<Route>& routes) {
  TRY(check_routes(routes));
  const std::vector<RouteChange> changes = TRY(plan_routes(routes));
  const base::Timestamp now = clock_.now();
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    for (const RouteChange& change : changes) {
      const std::string id = route_id(change.name);
      if (change.change == "unchanged") continue;
      TRY(tx.append_event({.kind = "route." + change.change, .subject = subject_of(id)}));
      if (change.change == "deleted") {
        TRY(tx.execute("DELETE FROM webhooks WHERE id = ?", {id}));
        continue;
      }
      const Route& route = *std::find_if(routes.begin(), routes.end(),
                                         [&](const Route& r) { return r.name == change.name; });
      const std::string secret = route.secret.empty() ? "" : box_.seal(route.secret, id);
      const std::int64_t seen = TRY(newest_event(tx));
      TRY(tx.execute(
          "INSERT INTO webhooks(id, name, description, url, secret, active, seen, created, "
          "updated, format) VALUES(?, ?, '', ?, ?, 1, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET "
          "url = excluded.url, secret = excluded.secret, format = excluded.format, updated = "
          "excluded.updated",
          {id, route.name, route.url, secret, seen, now, now,
           std::string(format_name(route.format))}));
      TRY(write_events(tx, id, {"alert.opened", "alert.resolved"}));
    }
    return {};
  }));
  return changes;
}

Result<std::vector<std::pair<Route, std::int64_t>>> Webhooks::routes() {
  std::vector<std::pair<Route, std::int64_t>> found;
  std::vector<std::string> sealed;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT w.name, w.format, w.url, w.secret, (SELECT COUNT(*) FROM webhook_deliveries d "
        "WHERE d.webhook = w.id) FROM webhooks w WHERE w.format <> 'mlflow' ORDER BY w.name",
        {}, [&](const store::Row& row) {
          found.emplace_back(Route{.name = row.string(0),
                                   .format = parse_format(row.string(1)),
                                   .url = row.string(2)},
                             row.int64(4));
          sealed.push_back(row.string(3));
        });
  }));
  for (std::size_t i = 0; i < found.size(); ++i) {
    Route& route = found[i].first;
    if (!sealed[i].empty()) route.secret = TRY(box_.open(sealed[i], route_id(route.name)));
  }
  return found;
}

Result<TestResult> Webhooks::test_route(const std::string& name) {
  for (const auto& [route, waiting] : TRY(routes())) {
    if (route.name != name) continue;
    const auto reply = send(route_id(name), random_.hex(),
                            alert_body(route.format, example_alert(name, clock_.now())));
    if (!reply) return TestResult{.error = why_not(reply.error())};
    return TestResult{.success = reply->status < 400, .status = reply->status};
  }
  return base::error(Code::kNotFound, "no such route: route={}", name);
}

Result<base::HttpReply> Webhooks::send(const std::string& webhook_id,
                                       const std::string& delivery_id, const std::string& body) {
  struct Target {
    std::string url, secret;
    Format format = Format::kMlflow;
  };
  const auto target = TRY(db_.read([&](store::Reader& reader) {
    return reader.find("SELECT url, secret, format FROM webhooks WHERE id = ?", {webhook_id},
                       [](const store::Row& row) {
                         return Target{.url = row.string(0),
                                       .secret = row.string(1),
                                       .format = parse_format(row.string(2))};
                       });
  }));
  if (!target) return no_webhook(webhook_id);
  const bool is_route = target->format != Format::kMlflow;
  const std::string seconds = std::to_string(clock_.now().micros / 1'000'000);
  const std::string prefix = is_route ? "X-Slipway-" : "X-MLflow-";
  base::HttpClient::Headers headers{{"Content-Type", "application/json"},
                                    {prefix + "Delivery-Id", delivery_id},
                                    {prefix + "Timestamp", seconds}};
  if (!target->secret.empty()) {
    std::string secret = TRY(box_.open(target->secret, webhook_id));
    if (is_route) secret = TRY(resolve_reference(secret));
    const auto digest =
        base::hmac_sha256(secret, fmt::format("{}.{}.{}", delivery_id, seconds, body));
    headers.emplace_back(
        prefix + "Signature",
        "v1," + base::to_base64({reinterpret_cast<const char*>(digest.data()), digest.size()}));
  }
  std::string url = target->url;
  if (is_route) url = address_of(target->format, TRY(resolve_reference(url)));
  return sender_.post(url, body, headers);
}

}  // namespace slipway::webhooks
