// Keeps webhooks: who wants to hear of which changes.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "base/secret_box.h"
#include "store/db.h"
#include "webhooks/route.h"
#include "webhooks/route_news.h"
#include "webhooks/sender.h"
#include "webhooks/values.h"

namespace slipway::webhooks {

struct RouteChange {
  std::string kind = "route";
  std::string name;
  std::string change;  // created | updated | unchanged | deleted
};

struct RouteState {
  std::string name;
  Format format = Format::kWebhook;
  bool is_signed = false;    // or logs in, a mail
  std::int64_t waiting = 0;  // deliveries
};

// What a delivery says: a body that is ready, or news of alerts, which become a body of the kind
// that the route is by then.
struct Content {
  enum class Form { kReady, kNews };
  Form form = Form::kReady;
  std::string text;
};

// Who hears of lineage: the operator's choice, so any address will do.
struct LineageReceiver {
  std::string url;      // of its API for events; empty: nobody
  std::string api_key;  // sent as a bearer token; empty: none
};

// Safe to use from several threads. Everything given to the constructor must outlive it. Secrets
// are kept sealed and never given out.
class Webhooks {
 public:
  // `alerts_stay`: for so long after it was told of an open alert, Alertmanager keeps it.
  Webhooks(store::Db& db, const base::Clock& clock, base::Random& random,
           const base::SecretBox& box, Sender& sender, UrlPolicy policy,
           base::Duration alerts_stay = base::Duration::seconds(600))
      : db_(db),
        clock_(clock),
        random_(random),
        box_(box),
        sender_(sender),
        policy_(std::move(policy)),
        alerts_stay_(alerts_stay) {}

  // kInvalidArgument: name, URL or an event. It hears of what happens from now on.
  Result<Webhook> create(const WebhookDraft& draft);
  Result<Webhook> get(const std::string& id);  // kNotFound
  // Newest first. kInvalidArgument: max_results is not 1 to 1000.
  Result<Page> list(std::int64_t max_results, std::int64_t offset);
  // One that is activated hears of what happens from now on.
  Result<Webhook> update(const std::string& id, const WebhookPatch& patch);
  Result<void> remove(const std::string& id);  // with what waits for it
  // Sends an example of `event` (empty: of its first one) now, once. Whatever the other side does
  // is a result, not an error.
  Result<TestResult> test(const std::string& id, const std::string& event);

  // kInvalidArgument, kFailedPrecondition: an address that must not be reached, a variable that is
  // not set. Says nothing of what a variable holds.
  Result<void> check_routes(const std::vector<Route>& routes) const;
  // What apply would change of the places that hear of alerts; changes nothing.
  Result<std::vector<RouteChange>> plan_routes(const std::vector<Route>& routes);
  // Routes that aren't named go, with what waits for them. A new one hears of what happens from now
  // on. As check_routes().
  Result<std::vector<RouteChange>> apply_routes(const std::vector<Route>& routes);
  // By name.
  Result<std::vector<RouteState>> routes();
  // Sends an example now, once. kNotFound.
  Result<TestResult> test_route(const std::string& name);

  // It hears of what happens from now on, or, when it was set before, of what it hasn't heard yet.
  // What waited for one that is no longer set goes. Before anything is sent; through `sender`.
  Result<void> set_lineage_receiver(const LineageReceiver& receiver, Sender& sender);

  // Sends one delivery: a signed POST, or a mail (whose reply has no status of HTTP's, but 200 once
  // it was taken). kFailedPrecondition: the secret cannot be opened (webhook-key is another than
  // when it was declared), or a variable is not set.
  Result<base::HttpReply> send(const std::string& webhook_id, const std::string& delivery_id,
                               const Content& content);

 private:
  struct Target;
  // As they were declared. A secret that cannot be opened is nothing.
  struct StoredRoute {
    Route route;
    bool is_secret_lost = false;
  };
  Result<std::vector<StoredRoute>> stored_routes();
  Result<base::HttpReply> post(const Target& target, const std::string& delivery_id,
                               const std::string& body, const std::string& secret);
  Result<base::HttpReply> post_lineage(const Target& target, const std::string& delivery_id,
                                       const std::string& events, const std::string& api_key);
  Result<base::HttpReply> mail(const Target& target, const std::string& delivery_id,
                               const RouteNews& news, const std::string& secret);

  store::Db& db_;
  const base::Clock& clock_;
  base::Random& random_;
  const base::SecretBox& box_;
  Sender& sender_;
  const UrlPolicy policy_;
  const base::Duration alerts_stay_;
  Sender* lineage_sender_ = nullptr;
};

// The webhook that hears of lineage, and what it hears.
inline constexpr std::string_view kLineageId = "openlineage", kLineageEvent = "lineage";

// The event of a delivery that only says again which alerts are open.
inline constexpr std::string_view kAlertRepeated = "alert.repeated";

// Whether the webhook of this id is a route's.
bool is_route_id(std::string_view id);

store::RoomMigrations migrations();

}  // namespace slipway::webhooks
