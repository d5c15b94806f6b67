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
  const auto reply = send(id, random_.hex(), {.text = body_of(example, clock_.now())});
  if (!reply) return TestResult{.error = "Failed to test webhook: " + reply.error().message};
  return TestResult{.success = reply->status < 400, .status = reply->status, .body = reply->body};
}

bool is_route_id(std::string_view id) { return id.starts_with(kRouteIds); }

Result<void> Webhooks::check_routes(const std::vector<Route>& routes) const {
  UrlPolicy mail_policy = policy_;
  mail_policy.schemes = {"smtp", "smtps"};
  for (const Route& route : routes) {
    TRY(resolve_reference(route.secret));
    const auto place = check_place(TRY(resolve_reference(route.url)),
                                   route.format == Format::kEmail ? mail_policy : policy_);
    if (place) continue;
    const bool is_variable = route.url.starts_with("${");
    return base::error(Code::kInvalidArgument, "route {}: {}", route.name,
                       is_variable ? "what its variable holds is no address that may be reached"
                                   : place.error().message);
  }
  return {};
}

Result<std::vector<RouteChange>> Webhooks::plan_routes(const std::vector<Route>& routes) {
  std::map<std::string, StoredRoute> known;
  for (StoredRoute& stored : TRY(stored_routes())) {
    const std::string name = stored.route.name;
    known[name] = std::move(stored);
  }
  std::vector<RouteChange> changes;
  for (const Route& route : routes) {
    RouteChange change{.name = route.name, .change = "created"};
    if (const auto before = known.find(route.name); before != known.end()) {
      const bool is_same = before->second.route == route && !before->second.is_secret_lost;
      change.change = is_same ? "unchanged" : "updated";
      known.erase(before);
    }
    changes.push_back(std::move(change));
  }
  for (const auto& [name, stored] : known) changes.push_back({.name = name, .change = "deleted"});
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
      const std::string options =
          route.format == Format::kEmail ? base::to_text(route.mail.to_json()) : "";
      const std::int64_t seen = TRY(newest_event(tx));
      TRY(tx.execute(
          "INSERT INTO webhooks(id, name, description, url, secret, active, seen, created, "
          "updated, format, options) VALUES(?, ?, '', ?, ?, 1, ?, ?, ?, ?, ?) ON CONFLICT(id) DO "
          "UPDATE SET url = excluded.url, secret = excluded.secret, format = excluded.format, "
          "options = excluded.options, updated = excluded.updated",
          {id, route.name, route.url, secret, seen, now, now, format_name(route.format), options}));
      // What only Alertmanager needs to hear again is nothing for another kind of place.
      TRY(tx.execute("DELETE FROM webhook_deliveries WHERE webhook = ? AND event = ?",
                     {id, kAlertRepeated}));
    }
    return {};
  }));
  return changes;
}

Result<std::vector<RouteState>> Webhooks::routes() {
  std::vector<RouteState> found;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT w.name, w.format, w.secret, (SELECT COUNT(*) FROM webhook_deliveries d "
        "WHERE d.webhook = w.id) FROM webhooks w WHERE w.format NOT IN ('mlflow', 'openlineage') "
        "ORDER BY w.name",
        {}, [&](const store::Row& row) {
          found.push_back({.name = row.string(0),
                           .format = parse_format(row.string(1)),
                           .is_signed = !row.text(2).empty(),
                           .waiting = row.int64(3)});
        });
  }));
  return found;
}

Result<std::vector<Webhooks::StoredRoute>> Webhooks::stored_routes() {
  std::vector<StoredRoute> found;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT name, format, url, secret, options FROM webhooks WHERE format NOT IN ('mlflow', "
        "'openlineage')",
        {}, [&](const store::Row& row) {
          StoredRoute stored{.route = {.name = row.string(0),
                                       .format = parse_format(row.string(1)),
                                       .url = row.string(2),
                                       .mail = MailOptions::from_text(row.text(4))}};
          if (!row.text(3).empty()) {
            auto secret = box_.open(row.string(3), route_id(stored.route.name));
            stored.is_secret_lost = !secret;
            if (secret) stored.route.secret = std::move(*secret);
          }
          found.push_back(std::move(stored));
        });
  }));
  return found;
}

Result<TestResult> Webhooks::test_route(const std::string& name) {
  for (const RouteState& route : TRY(routes())) {
    if (route.name != name) continue;
    const Content content{.form = Content::Form::kNews,
                          .text = RouteNews::to_text({example_alert(name, clock_.now())})};
    const auto reply = send(route_id(name), random_.hex(), content);
    if (!reply) return TestResult{.error = why_not(reply.error())};
    // Nobody follows a redirect: whoever is there hasn't got it.
    return TestResult{.success = reply->status < 300, .status = reply->status};
  }
  return base::error(Code::kNotFound, "no such route: route={}", name);
}

struct Webhooks::Target {
  std::string url, secret;
  Format format = Format::kMlflow;
  MailOptions mail;
};

Result<base::HttpReply> Webhooks::send(const std::string& webhook_id,
                                       const std::string& delivery_id, const Content& content) {
  auto target = TRY(db_.read([&](store::Reader& reader) {
    return reader.find("SELECT url, secret, format, options FROM webhooks WHERE id = ?",
                       {webhook_id}, [](const store::Row& row) {
                         return Target{.url = row.string(0),
                                       .secret = row.string(1),
                                       .format = parse_format(row.string(2)),
                                       .mail = MailOptions::from_text(row.text(3))};
                       });
  }));
  if (!target) return no_webhook(webhook_id);
  const bool is_route = webhooks::is_route(target->format);
  std::string secret;
  if (!target->secret.empty()) {
    auto opened = box_.open(target->secret, webhook_id);
    if (!opened) {
      return base::error(Code::kFailedPrecondition,
                         "its secret cannot be opened: webhook-key is another than when it was "
                         "declared; apply slipway.yaml again, or set the webhook's secret");
    }
    secret = std::move(*opened);
    if (is_route) secret = TRY(resolve_reference(secret));
  }
  if (is_route) target->url = address_of(target->format, TRY(resolve_reference(target->url)));
  if (target->format == Format::kOpenLineage)
    return post_lineage(*target, delivery_id, content.text, secret);
  if (content.form == Content::Form::kReady)
    return post(*target, delivery_id, content.text, secret);
  const auto news = RouteNews::from_text(content.text);
  if (!news) return base::error(Code::kCorruption, "what waits for a route cannot be read");
  if (target->format == Format::kEmail) return mail(*target, delivery_id, news->front(), secret);
  const Moment moment{.now = clock_.now(), .stays = alerts_stay_};
  return post(*target, delivery_id, route_body(target->format, *news, moment), secret);
}

Result<base::HttpReply> Webhooks::post(const Target& target, const std::string& delivery_id,
                                       const std::string& body, const std::string& secret) {
  const std::string seconds = std::to_string(clock_.now().micros / 1'000'000);
  const std::string prefix = target.format == Format::kMlflow ? "X-MLflow-" : "X-Slipway-";
  base::HttpClient::Headers headers{{"Content-Type", "application/json"},
                                    {prefix + "Delivery-Id", delivery_id},
                                    {prefix + "Timestamp", seconds}};
  if (!secret.empty()) {
    const auto digest =
        base::hmac_sha256(secret, fmt::format("{}.{}.{}", delivery_id, seconds, body));
    headers.emplace_back(
        prefix + "Signature",
        "v1," + base::to_base64({reinterpret_cast<const char*>(digest.data()), digest.size()}));
  }
  return sender_.post(target.url, body, headers);
}

Result<void> Webhooks::set_lineage_receiver(const LineageReceiver& receiver, Sender& sender) {
  lineage_sender_ = &sender;
  const std::string id(kLineageId);
  if (receiver.url.empty()) {
    return db_.write([&](store::Tx& tx) -> Result<void> {
      // What waits for it waits until there is one again.
      if (TRY(tx.execute("UPDATE webhooks SET active = 0 WHERE id = ? AND active = 1", {id})) == 0)
        return {};
      return tx.append_event({.kind = "lineage.receiver_removed", .subject = subject_of(id)});
    });
  }
  const auto known = TRY(db_.read([&](store::Reader& reader) {
    return reader.find("SELECT url, secret FROM webhooks WHERE id = ? AND active = 1", {id},
                       [](const store::Row& row) {
                         return LineageReceiver{.url = row.string(0), .api_key = row.string(1)};
                       });
  }));
  std::string known_key;
  if (known && !known->api_key.empty()) {
    if (auto opened = box_.open(known->api_key, id)) known_key = std::move(*opened);
  }
  if (known && known->url == receiver.url && known_key == receiver.api_key) return {};
  const std::string secret = receiver.api_key.empty() ? "" : box_.seal(receiver.api_key, id);
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<void> {
    const std::int64_t seen = TRY(newest_event(tx));
    TRY(tx.execute(
        "INSERT INTO webhooks(id, name, description, url, secret, active, seen, created, updated, "
        "format) VALUES(?, ?, '', ?, ?, 1, ?, ?, ?, 'openlineage') ON CONFLICT(id) DO UPDATE SET "
        "seen = CASE webhooks.active WHEN 1 THEN webhooks.seen ELSE excluded.seen END, active = 1, "
        "url = excluded.url, secret = excluded.secret, updated = excluded.updated",
        {id, id, receiver.url, secret, seen, now, now}));
    TRY(write_events(tx, id, {std::string(kLineageEvent)}));
    return tx.append_event({.kind = "lineage.receiver_set", .subject = subject_of(id)});
  });
}

// One after the other: a later one says more of the same run.
Result<base::HttpReply> Webhooks::post_lineage(const Target& target, const std::string& delivery_id,
                                               const std::string& events,
                                               const std::string& api_key) {
  CHECK(lineage_sender_ != nullptr);
  base::HttpClient::Headers headers{{"Content-Type", "application/json"},
                                    {"X-Slipway-Delivery-Id", delivery_id}};
  if (!api_key.empty()) headers.emplace_back("Authorization", "Bearer " + api_key);
  const Json list = TRY(base::parse_json(events));
  base::HttpReply reply{.status = 200};
  for (const Json& event : list.as_array()) {
    reply = TRY(lineage_sender_->post(target.url, base::to_text(event), headers));
    if (reply.status >= 300) break;
  }
  return reply;
}

Result<base::HttpReply> Webhooks::mail(const Target& target, const std::string& delivery_id,
                                       const RouteNews& news, const std::string& secret) {
  const RouteMail words = route_mail(news);
  const std::string host = target.mail.from.substr(target.mail.from.find('@') + 1);
  base::Mail mail{.from = target.mail.from,
                  .to = target.mail.to,
                  .subject = words.subject,
                  .text = words.text,
                  .date = clock_.now(),
                  .message_id = fmt::format("{}@{}", delivery_id, host),
                  .thread_id = fmt::format("{}@{}", words.thread, host)};
  mail.headers = {{"X-Slipway-Delivery-Id", delivery_id}, {"Auto-Submitted", "auto-generated"}};
  TRY(sender_.mail({.url = target.url,
                    .user = target.mail.user,
                    .password = secret,
                    .needs_tls = target.mail.needs_tls},
                   mail));
  return base::HttpReply{.status = 200};
}

}  // namespace slipway::webhooks
