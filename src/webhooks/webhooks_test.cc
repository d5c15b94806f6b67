#include "webhooks/webhooks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "base/hash.h"
#include "store/events.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"
#include "webhooks/deliveries.h"

namespace slipway::webhooks {
namespace {

// Answers what it is told to, then 200.
class FakeSender final : public Sender {
 public:
  struct Post {
    std::string url, body;
    base::HttpClient::Headers headers;
    std::string header(std::string_view name) const {
      for (const auto& [known, value] : headers) {
        if (known == name) return value;
      }
      return "";
    }
  };
  Result<base::HttpReply> post(const std::string& url, const std::string& body,
                               const base::HttpClient::Headers& headers) override {
    posts.push_back({url, body, headers});
    if (next.empty()) return base::HttpReply{.status = 200, .body = "ok"};
    const auto reply = next.front();
    next.erase(next.begin());
    return reply;
  }
  Result<void> mail(base::MailServer server, const base::Mail& mail) override {
    mails.emplace_back(std::move(server), mail);
    return {};
  }
  std::vector<Post> posts;
  std::vector<std::pair<base::MailServer, base::Mail>> mails;
  std::vector<Result<base::HttpReply>> next;
};

class FakeOpenAlerts final : public OpenAlerts {
 public:
  Result<std::vector<RouteNews>> open_alerts() override { return open; }
  std::vector<RouteNews> open;
};

// "run.NAME" is told of, in two events.
class FakeLineageNews final : public LineageNews {
 public:
  Result<std::optional<Told>> told_of(const store::Event& event) override {
    if (event.kind == "run.away") return base::error(Code::kUnavailable, "not now");
    if (event.kind == "run.broken") return base::error(Code::kCorruption, "it can't be read");
    if (!event.kind.starts_with("run.")) return std::optional<Told>();
    return std::optional(
        Told{.about = event.subject,
             .events = fmt::format(R"([{{"is":"{}"}},{{"is":"behind"}}])", event.kind.substr(4))});
  }
};

class WebhooksTest : public ::testing::Test {
 protected:
  WebhooksTest() {
    MUST(db_->migrate({migrations()}));
    restart();
  }
  // As after a crash: only the database is left.
  void restart(std::int64_t deliveries_max = 100) {
    deliveries_.reset();
    deliveries_ = std::make_unique<Deliveries>(
        *db_, clock_, random_, webhooks_, open_,
        DeliveryOptions{.workers = 0, .deliveries_max = deliveries_max}, metrics_);
  }
  Webhook add(std::vector<std::string> events = {"registered_model.created"}) {
    return MUST(webhooks_.create({.name = "hook",
                                  .url = "https://93.184.216.34/hook",
                                  .secret = "geheim",
                                  .events = std::move(events)}));
  }
  void happens(const std::string& kind, const std::string& subject, JsonObject payload = {}) {
    MUST(db_->write([&](store::Tx& tx) {
      return tx.append_event({.kind = kind, .subject = subject, .payload = payload});
    }));
  }
  static JsonObject alert_payload(const char* alert, std::vector<std::string> routes) {
    JsonArray list;
    for (const std::string& route : routes) list.emplace_back(route);
    return {{"alert", alert}, {"opened_at", "2023-11-14T22:13:20Z"}, {"routes", std::move(list)}};
  }
  void apply(const std::string& routes) {
    MUST(webhooks_.apply_routes(MUST(parse_routes("routes:\n" + routes))));
  }
  // "a opened", "a resolved", as Slack or Alertmanager hears of it.
  std::vector<std::string> told() {
    std::vector<std::string> all;
    for (const auto& post : sender_.posts) {
      const auto is = [&](const char* text) { return post.body.find(text) != std::string::npos; };
      all.push_back(is("resolved") ? "resolved" : "opened");
    }
    return all;
  }
  void wait(std::int64_t seconds) { clock_.advance({seconds * 1'000'000}); }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{1'700'000'000'000'000}};
  base::SeededRandom random_{1};
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "w.db"}, clock_, random_).value();
  base::Metrics metrics_;
  base::SecretBox box_{"key", random_};
  FakeSender sender_;
  FakeOpenAlerts open_;
  Webhooks webhooks_{*db_, clock_, random_, box_, sender_, {}};
  std::unique_ptr<Deliveries> deliveries_;
};

TEST_F(WebhooksTest, KeepsAndChanges) {
  const Webhook made = add();
  EXPECT_EQ(webhooks_.get(made.id)->name, "hook");
  const Webhook changed =
      webhooks_.update(made.id, {.name = "other", .events = {{"prompt.created"}}, .active = false})
          .value();
  EXPECT_EQ(changed.name, "other");
  EXPECT_EQ(changed.url, made.url);
  EXPECT_EQ(changed.events, std::vector<std::string>{"prompt.created"});
  EXPECT_FALSE(changed.active);
  wait(1);
  add();
  add();
  EXPECT_EQ(webhooks_.list(2, 0)->next_offset, 2);
  EXPECT_EQ(webhooks_.list(2, 2)->items.at(0).id, made.id);
  ASSERT_TRUE(webhooks_.remove(made.id));
  EXPECT_EQ(webhooks_.get(made.id).error().message, "Webhook with ID " + made.id + " not found.");
  EXPECT_EQ(webhooks_.update(made.id, {}).error().code, Code::kNotFound);
  EXPECT_EQ(webhooks_.remove(made.id).error().code, Code::kNotFound);
  EXPECT_EQ(webhooks_.list(0, 0).error().code, Code::kInvalidArgument);
}

TEST_F(WebhooksTest, RefusesWhatItMustNotKeep) {
  const std::string url = "https://93.184.216.34/";
  for (const WebhookDraft& draft : std::initializer_list<WebhookDraft>{
           {.name = "", .url = url, .events = {"prompt.created"}},
           {.name = "-a", .url = url, .events = {"prompt.created"}},
           {.name = "a b", .url = url, .events = {"prompt.created"}},
           {.name = std::string(64, 'a'), .url = url, .events = {"prompt.created"}},
           {.name = "a", .url = "http://x", .events = {"prompt.created"}},
           {.name = "a", .url = url, .events = {}},
           {.name = "a", .url = url, .events = {"prompt.eaten"}},
           {.name = "a",
           .url = url,
           .secret = std::string(1025, 's'),
           .events = {"prompt.created"}}})
    EXPECT_EQ(webhooks_.create(draft).error().code, Code::kInvalidArgument) << draft.name;
}

TEST_F(WebhooksTest, TheSecretIsNeitherReadableNorInEvents) {
  add();
  std::string kept;
  MUST(db_->read([&](store::Reader& reader) {
    return reader.query("SELECT secret FROM webhooks", {},
                        [&](const store::Row& row) { kept = row.string(0); });
  }));
  EXPECT_TRUE(kept.starts_with("v1:"));
  EXPECT_EQ(kept.find("geheim"), std::string::npos);
  const auto events = store::list_events(*db_, {}).value();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].payload.find("geheim"), std::string::npos);
  EXPECT_EQ(events[0].payload.find("93.184"), std::string::npos);
}

TEST_F(WebhooksTest, TellsWhatHappenedAfterItWasMade) {
  happens("model.created", "models/before");
  const Webhook hook = add();
  happens("model.created", "models/after", {{"description", "d"}});
  happens("model_version.created", "models/after/1");  // not subscribed to
  ASSERT_TRUE(deliveries_->step().value());
  ASSERT_EQ(sender_.posts.size(), 1u);
  const FakeSender::Post& post = sender_.posts[0];
  EXPECT_EQ(post.url, hook.url);
  EXPECT_NE(post.body.find(R"("name":"after")"), std::string::npos) << post.body;
  const auto digest =
      base::hmac_sha256("geheim", post.header("X-MLflow-Delivery-Id") + "." +
                                      post.header("X-MLflow-Timestamp") + "." + post.body);
  EXPECT_EQ(post.header("X-MLflow-Signature"),
            "v1," + base::to_base64({reinterpret_cast<const char*>(digest.data()), digest.size()}));
  EXPECT_EQ(post.header("X-MLflow-Timestamp"), "1700000000");
  wait(3600);
  restart();
  ASSERT_TRUE(deliveries_->step());
  EXPECT_EQ(sender_.posts.size(), 1u);  // once, restarts included
}

TEST_F(WebhooksTest, TriesAgainAfterARestartWithTheSameId) {
  add();
  sender_.next = {base::HttpReply{.status = 500}, base::error(Code::kUnavailable, "nobody there")};
  happens("model.created", "models/m");
  ASSERT_TRUE(deliveries_->step());
  ASSERT_TRUE(deliveries_->step());  // too early
  EXPECT_EQ(sender_.posts.size(), 1u);
  restart();
  wait(2);
  ASSERT_TRUE(deliveries_->step());
  EXPECT_EQ(sender_.posts.size(), 2u);
  wait(3);
  ASSERT_TRUE(deliveries_->step());
  ASSERT_EQ(sender_.posts.size(), 3u);
  EXPECT_EQ(sender_.posts[0].header("X-MLflow-Delivery-Id"),
            sender_.posts[2].header("X-MLflow-Delivery-Id"));
  EXPECT_EQ(sender_.posts[0].body, sender_.posts[2].body);
  wait(100);
  ASSERT_TRUE(deliveries_->step());
  EXPECT_EQ(sender_.posts.size(), 3u);
}

TEST_F(WebhooksTest, GivesUpAndSaysSo) {
  const Webhook hook = add();
  sender_.next = {base::HttpReply{.status = 404}};
  happens("model.created", "models/m");
  ASSERT_TRUE(deliveries_->step());
  wait(1000);
  ASSERT_TRUE(deliveries_->step());
  EXPECT_EQ(sender_.posts.size(), 1u);
  const auto events =
      store::list_events(*db_, {.subject = "webhooks/" + hook.id, .newest_first = true}).value();
  EXPECT_EQ(events.at(0).kind, "webhook.delivery_failed");
  EXPECT_NE(events.at(0).payload.find(R"("status":404)"), std::string::npos);
}

TEST_F(WebhooksTest, AFullQueueLeavesTheRestInTheLog) {
  restart(2);
  add();
  for (int i = 0; i < 5; ++i) {
    sender_.next.emplace_back(base::HttpReply{.status = 503});
    happens("model.created", fmt::format("models/m{}", i));
  }
  ASSERT_TRUE(deliveries_->step());
  std::int64_t waiting = 0;
  MUST(db_->read([&](store::Reader& reader) {
    return reader.query("SELECT COUNT(*) FROM webhook_deliveries", {},
                        [&](const store::Row& row) { waiting = row.int64(0); });
  }));
  EXPECT_EQ(waiting, 2);
  sender_.next.clear();
  sender_.posts.clear();
  for (int i = 0; i < 20; ++i) {
    wait(5);
    ASSERT_TRUE(deliveries_->step());
  }
  std::set<std::string> bodies;
  for (const auto& post : sender_.posts) bodies.insert(post.body);
  EXPECT_EQ(bodies.size(), 5u);
  EXPECT_EQ(sender_.posts.size(), 5u);
}

TEST_F(WebhooksTest, ADisabledWebhookHearsNothing) {
  const Webhook hook = add();
  sender_.next = {base::HttpReply{.status = 503}};
  happens("model.created", "models/waiting");
  ASSERT_TRUE(deliveries_->step());
  ASSERT_TRUE(webhooks_.update(hook.id, {.active = false}));
  happens("model.created", "models/meanwhile");
  wait(100);
  ASSERT_FALSE(deliveries_->step().value());
  ASSERT_TRUE(webhooks_.update(hook.id, {.active = true}));
  happens("model.created", "models/again");
  ASSERT_TRUE(deliveries_->step().value());
  ASSERT_EQ(sender_.posts.size(), 2u);
  EXPECT_NE(sender_.posts[1].body.find("again"), std::string::npos);
}

TEST_F(WebhooksTest, TwoServersShareTheWork) {
  add();
  Deliveries other(*db_, clock_, random_, webhooks_, open_, {.workers = 0}, metrics_);
  for (int i = 0; i < 4; ++i) {
    happens("model.created", fmt::format("models/m{}", i));
    ASSERT_TRUE(deliveries_->step());
    ASSERT_TRUE(other.step());
  }
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(deliveries_->step());
    ASSERT_TRUE(other.step());
  }
  EXPECT_EQ(sender_.posts.size(), 4u);
}

TEST_F(WebhooksTest, TestsOnRequest) {
  const Webhook hook = add({"registered_model.created", "model_version_tag.set"});
  const auto tested = webhooks_.test(hook.id, "").value();
  EXPECT_TRUE(tested.success);
  EXPECT_EQ(tested.status, 200);
  EXPECT_NE(sender_.posts.at(0).body.find("example_model"), std::string::npos);
  sender_.next = {base::HttpReply{.status = 401, .body = "no"},
                  base::error(Code::kPermissionDenied, "the host is at no public address")};
  const auto refused = webhooks_.test(hook.id, "model_version_tag.set").value();
  EXPECT_FALSE(refused.success);
  EXPECT_EQ(refused.body, "no");
  EXPECT_EQ(webhooks_.test(hook.id, "")->error,
            "Failed to test webhook: the host is at no public address");
  EXPECT_EQ(webhooks_.test(hook.id, "prompt.eaten").error().code, Code::kInvalidArgument);
  EXPECT_EQ(webhooks_.test("nope", "").error().code, Code::kNotFound);
}

// An alert stayed open in Alertmanager: "opened" was tried again after "resolved" had arrived.
TEST_F(WebhooksTest, ResolvedNeverComesBeforeOpened) {
  apply("  chat: {slack: \"https://93.184.216.34/\"}");
  sender_.next = {base::HttpReply{.status = 503}};
  happens("alert.opened", "monitors/m/alerts/a", alert_payload("a", {"chat"}));
  ASSERT_TRUE(deliveries_->step());
  happens("alert.resolved", "monitors/m/alerts/a", alert_payload("a", {"chat"}));
  ASSERT_TRUE(deliveries_->step());
  EXPECT_EQ(told(), (std::vector<std::string>{"opened"})) << "it waits for what failed";
  wait(5);
  ASSERT_TRUE(deliveries_->step());
  ASSERT_TRUE(deliveries_->step());
  EXPECT_EQ(told(), (std::vector<std::string>{"opened", "opened", "resolved"}));
}

// A redirect to a login counted as told, and a chat whose address had been revoked lost the page at
// the first try.
TEST_F(WebhooksTest, WhoIsNotThereNowIsToldOfAlertsLater) {
  apply("  chat: {slack: \"https://93.184.216.34/\"}");
  sender_.next = {base::HttpReply{.status = 302}, base::HttpReply{.status = 404},
                  base::HttpReply{.status = 403}};
  happens("alert.opened", "monitors/m/alerts/a", alert_payload("a", {"chat"}));
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(deliveries_->step());
    wait(60);
  }
  EXPECT_EQ(sender_.posts.size(), 4u);
  sender_.next = {base::HttpReply{.status = 302}};
  EXPECT_FALSE(MUST(webhooks_.test_route("chat")).success);
}

TEST_F(WebhooksTest, ARouteThatWaitsHoldsUpNoOther) {
  apply(
      "  chat: {slack: \"https://93.184.216.34/\"}\n  hook: {webhook: \"https://93.184.216.35/\"}");
  sender_.next = {base::HttpReply{.status = 503}};
  happens("alert.opened", "monitors/m/alerts/a", alert_payload("a", {"chat", "hook"}));
  ASSERT_TRUE(deliveries_->step());
  ASSERT_TRUE(deliveries_->step());
  EXPECT_EQ(sender_.posts.size(), 2u);
}

// One whose queue was full for a while kept the others waiting for the stretch that it had to catch
// up with.
TEST_F(WebhooksTest, OneThatIsBehindHoldsUpNoOther) {
  restart(1);
  add({"registered_model.created"});
  const Webhook other = add({"model_version.created"});
  for (int i = 0; i < 20; ++i) happens("model.created", fmt::format("models/m{}", i));
  for (int i = 0; i < 1500; ++i) happens("something.else", "things/1");
  happens("model_version.created", "models/last/1");
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(deliveries_->step());
  std::int64_t taken = 0;
  MUST(db_->read([&](store::Reader& reader) {
    return reader.query("SELECT COUNT(*) FROM webhook_deliveries WHERE webhook = ?", {other.id},
                        [&](const store::Row& row) { taken = row.int64(0); });
  }));
  EXPECT_EQ(taken, 1);
}

// Answers "slow" when it is let go, and everybody else at once.
class HangingSender final : public Sender {
 public:
  Result<base::HttpReply> post(const std::string& url, const std::string&,
                               const base::HttpClient::Headers&) override {
    base::MutexLock lock(mutex_);
    ++posts_[url];
    while (url.find("slow") != url.npos && !let_go_) changed_.wait(mutex_);
    return base::HttpReply{.status = 200};
  }
  Result<void> mail(base::MailServer, const base::Mail&) override { return {}; }
  int posts(const std::string& url) {
    base::MutexLock lock(mutex_);
    return posts_[url];
  }
  void let_go() {
    base::MutexLock lock(mutex_);
    let_go_ = true;
    changed_.notify_all();
  }

 private:
  base::Mutex mutex_;
  base::CondVar changed_;
  std::map<std::string, int> posts_ GUARDED_BY(mutex_);
  bool let_go_ GUARDED_BY(mutex_) = false;
};

TEST_F(WebhooksTest, OneThatHangsLeavesWorkersToOthers) {
  HangingSender sender;
  Webhooks webhooks(*db_, clock_, random_, box_, sender, {});
  for (const char* name : {"slow", "quick"}) {
    MUST(webhooks.create({.name = name,
                          .url = fmt::format("https://93.184.216.34/{}", name),
                          .events = {"registered_model.created"}}));
  }
  Deliveries deliveries(*db_, clock_, random_, webhooks, open_, {.workers = 4}, metrics_);
  for (int i = 0; i < 10; ++i) happens("model.created", fmt::format("models/m{}", i));
  const std::string slow = "https://93.184.216.34/slow", quick = "https://93.184.216.34/quick";
  for (int i = 0; i < 10'000 && sender.posts(quick) < 10; ++i) {
    ASSERT_TRUE(deliveries.step());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(sender.posts(quick), 10);
  EXPECT_EQ(sender.posts(slow), 2);
  sender.let_go();
}

// plan and apply failed for good once the key was another one.
TEST_F(WebhooksTest, ALostKeyIsMendedByApply) {
  const std::string routes = "  hook: {webhook: \"https://93.184.216.34/\", secret: s}";
  apply(routes);
  const base::SecretBox box{"another key", random_};
  Webhooks rotated(*db_, clock_, random_, box, sender_, {});
  Deliveries deliveries(*db_, clock_, random_, rotated, open_, {.workers = 0}, metrics_);
  ASSERT_EQ(MUST(rotated.routes()).size(), 1u);
  EXPECT_TRUE(MUST(rotated.routes())[0].is_signed);
  happens("alert.opened", "monitors/m/alerts/a", alert_payload("a", {"hook"}));
  ASSERT_TRUE(deliveries.step());
  EXPECT_TRUE(sender_.posts.empty());
  const auto parsed = MUST(parse_routes("routes:\n" + routes));
  EXPECT_EQ(MUST(rotated.plan_routes(parsed)).at(0).change, "updated");
  MUST(rotated.apply_routes(parsed));
  EXPECT_EQ(MUST(rotated.plan_routes(parsed)).at(0).change, "unchanged");
  wait(5);
  ASSERT_TRUE(deliveries.step());
  EXPECT_EQ(sender_.posts.size(), 1u) << "what waited was not lost";
}

class LineageOutTest : public WebhooksTest {
 protected:
  LineageOutTest() { hear("http://127.0.0.1:5000/api/v1/lineage", "key"); }
  void hear(const std::string& url, const std::string& key) {
    MUST(webhooks_.set_lineage_receiver({.url = url, .api_key = key}, sender_));
    deliveries_->tell_of_lineage(news_);
  }
  std::vector<std::string> bodies() {
    std::vector<std::string> all;
    for (const auto& post : sender_.posts) all.push_back(post.body);
    return all;
  }
  FakeLineageNews news_;
};

constexpr const char* kBehind = R"({"is":"behind"})";

TEST_F(LineageOutTest, EventsAreSentOneByOneInOrder) {
  happens("run.a", "runs/1");
  happens("something.else", "runs/1");
  happens("run.b", "runs/1");
  for (int i = 0; i < 3; ++i) MUST(deliveries_->step());
  EXPECT_EQ(bodies(),
            (std::vector<std::string>{R"({"is":"a"})", kBehind, R"({"is":"b"})", kBehind}));
  EXPECT_EQ(sender_.posts[0].url, "http://127.0.0.1:5000/api/v1/lineage");
  EXPECT_EQ(sender_.posts[0].header("Authorization"), "Bearer key");
}

TEST_F(LineageOutTest, AReceiverThatIsAwayHearsLaterAndInOrder) {
  sender_.next = {base::error(Code::kUnavailable, "away"), base::HttpReply{.status = 404},
                  base::HttpReply{.status = 401}, base::HttpReply{.status = 302}};
  happens("run.a", "runs/1");
  happens("run.b", "runs/1");
  for (int i = 0; i < 4; ++i) {
    MUST(deliveries_->step());
    restart();
    hear("http://127.0.0.1:5000/api/v1/lineage", "key");
    wait(120);
  }
  sender_.posts.clear();
  for (int i = 0; i < 3; ++i) MUST(deliveries_->step());
  EXPECT_EQ(bodies(),
            (std::vector<std::string>{R"({"is":"a"})", kBehind, R"({"is":"b"})", kBehind}));
}

TEST_F(LineageOutTest, RunsDoNotWaitForEachOther) {
  sender_.next = {base::HttpReply{.status = 503}};
  happens("run.a", "runs/1");
  happens("run.b", "runs/2");
  for (int i = 0; i < 2; ++i) MUST(deliveries_->step());
  EXPECT_EQ(bodies(), (std::vector<std::string>{R"({"is":"a"})", R"({"is":"b"})", kBehind}));
}

TEST_F(LineageOutTest, WhatIsWrongWithAnEventHoldsUpNothing) {
  happens("run.broken", "runs/1");  // can't be said
  sender_.next = {base::HttpReply{.status = 400}};
  happens("run.a", "runs/1");  // is refused
  happens("run.b", "runs/1");
  for (int i = 0; i < 3; ++i) MUST(deliveries_->step());
  EXPECT_EQ(bodies(), (std::vector<std::string>{R"({"is":"a"})", R"({"is":"b"})", kBehind}));
}

TEST_F(LineageOutTest, WhatCannotBeToldNowHoldsUpNoOther) {
  apply("  chat: {slack: \"https://93.184.216.34/\"}");
  happens("run.away", "runs/1");
  happens("alert.opened", "monitors/m/alerts/a", alert_payload("a", {"chat"}));
  ASSERT_TRUE(deliveries_->step());
  EXPECT_EQ(told(), (std::vector<std::string>{"opened"}));
}

TEST_F(LineageOutTest, ItIsNoRouteAndNoWebhookOfAnybodys) {
  EXPECT_TRUE(MUST(webhooks_.list(10, 0)).items.empty());
  EXPECT_TRUE(MUST(webhooks_.routes()).empty());
  apply("  chat: {slack: \"https://93.184.216.34/\"}");
  happens("run.a", "runs/1");
  MUST(deliveries_->step());
  EXPECT_EQ(sender_.posts.size(), 2u) << "apply has not taken it away";
  EXPECT_FALSE(parse_routes("routes:\n  r: {openlineage: \"https://93.184.216.34/\"}"));
}

TEST_F(LineageOutTest, AnotherReceiverHearsWhatWaits) {
  sender_.next = {base::HttpReply{.status = 503}};
  happens("run.a", "runs/1");
  MUST(deliveries_->step());
  hear("http://127.0.0.1:6000/x", "");
  wait(10);
  MUST(deliveries_->step());
  EXPECT_EQ(sender_.posts.back().url, "http://127.0.0.1:6000/x");
  EXPECT_EQ(sender_.posts.back().header("Authorization"), "");
  hear("", "");
  sender_.posts.clear();
  happens("run.b", "runs/1");
  EXPECT_FALSE(MUST(deliveries_->step())) << "nobody hears any more";
  EXPECT_TRUE(sender_.posts.empty());
}

// One start without the setting threw away what waited.
TEST_F(LineageOutTest, WhatWaitsWaitsUntilThereIsAReceiverAgain) {
  sender_.next = {base::HttpReply{.status = 503}};
  happens("run.a", "runs/1");
  MUST(deliveries_->step());
  hear("", "");
  happens("run.meanwhile", "runs/1");
  wait(10);
  EXPECT_FALSE(MUST(deliveries_->step()));
  sender_.posts.clear();
  hear("http://127.0.0.1:5000/api/v1/lineage", "key");
  happens("run.b", "runs/1");
  for (int i = 0; i < 3; ++i) MUST(deliveries_->step());
  EXPECT_EQ(bodies(),
            (std::vector<std::string>{R"({"is":"a"})", kBehind, R"({"is":"b"})", kBehind}));
}

// What waited went to the new place in the words of the old one.
TEST_F(WebhooksTest, WhatWaitsIsToldAsTheRouteIsByThen) {
  apply("  r: {slack: \"https://93.184.216.34/\"}");
  sender_.next = {base::HttpReply{.status = 503}};
  happens("alert.opened", "monitors/m/alerts/a", alert_payload("a", {"r"}));
  ASSERT_TRUE(deliveries_->step());
  apply("  r: {alertmanager: \"https://93.184.216.35\"}");
  wait(5);
  ASSERT_TRUE(deliveries_->step());
  ASSERT_EQ(sender_.posts.size(), 2u);
  EXPECT_EQ(sender_.posts[1].url, "https://93.184.216.35/api/v2/alerts");
  EXPECT_TRUE(sender_.posts[1].body.starts_with("[{\"labels\"")) << sender_.posts[1].body;
  apply("  r: {email: a@x.org, from: s@x.org, smtp: \"smtp://93.184.216.34\"}");
  happens("alert.resolved", "monitors/m/alerts/a", alert_payload("a", {"r"}));
  ASSERT_TRUE(deliveries_->step());
  ASSERT_EQ(sender_.mails.size(), 1u);
  EXPECT_TRUE(sender_.mails[0].first.needs_tls);
  EXPECT_EQ(sender_.mails[0].second.to, std::vector<std::string>{"a@x.org"});
}

// Alertmanager keeps alerts in memory: after its restart nothing was firing.
TEST_F(WebhooksTest, AlertmanagerHearsAgainOfWhatIsOpen) {
  apply(
      "  am: {alertmanager: \"https://93.184.216.34\"}\n  chat: {slack: "
      "\"https://93.184.216.34/\"}");
  open_.open = {open_alert(clock_.now(), alert_payload("a", {"am", "chat"})),
                open_alert(clock_.now(), alert_payload("b", {"am"})),
                open_alert(clock_.now(), alert_payload("c", {"chat"}))};
  ASSERT_TRUE(deliveries_->step());
  ASSERT_EQ(sender_.posts.size(), 1u);
  EXPECT_EQ(MUST(base::parse_json(sender_.posts[0].body)).as_array().size(), 2u);
  ASSERT_TRUE(deliveries_->step());
  EXPECT_EQ(sender_.posts.size(), 1u) << "not before its time";
  wait(61);
  sender_.next = {base::HttpReply{.status = 503}};
  ASSERT_TRUE(deliveries_->step());
  open_.open.clear();
  happens("alert.resolved", "monitors/m/alerts/a", alert_payload("a", {"am"}));
  ASSERT_TRUE(deliveries_->step());
  EXPECT_EQ(sender_.posts.size(), 2u) << "it comes after what was said before it";
  wait(5);
  ASSERT_TRUE(deliveries_->step());
  ASSERT_TRUE(deliveries_->step());
  ASSERT_EQ(sender_.posts.size(), 4u);
  const Json last = MUST(base::parse_json(sender_.posts[3].body));
  ASSERT_EQ(last.as_array().size(), 1u);
  EXPECT_EQ(last.as_array()[0].as_object().at("endsAt"), Json("2023-11-14T22:14:21Z"));
}

TEST(Judge, EveryOutcome) {
  using What = Verdict::What;
  const auto status = [](int code) {
    return Result<base::HttpReply>(base::HttpReply{.status = code});
  };
  for (const int code : {200, 204, 302})
    EXPECT_EQ(judge(status(code), 1, 3).what, What::kDelivered);
  for (const int code : {400, 401, 404, 410, 501})
    EXPECT_EQ(judge(status(code), 1, 3).what, What::kGiveUp);
  for (const int code : {429, 500, 502, 503, 504})
    EXPECT_EQ(judge(status(code), 3, 3).what, What::kRetry);
  EXPECT_EQ(judge(status(500), 4, 3).what, What::kGiveUp);
  EXPECT_EQ(judge(base::error(Code::kDeadlineExceeded, "late"), 1, 3).what, What::kRetry);
  EXPECT_EQ(judge(base::error(Code::kPermissionDenied, "inside"), 1, 3).what, What::kGiveUp);
  EXPECT_EQ(judge(status(500), 1, 99).wait.micros, 1'000'000);
  EXPECT_EQ(judge(status(500), 3, 99).wait.micros, 4'000'000);
  EXPECT_EQ(judge(status(500), 50, 99).wait.micros, 60'000'000);
  Result<base::HttpReply> limited =
      base::HttpReply{.status = 429, .headers = {{"retry-after", "7"}}};
  EXPECT_EQ(judge(limited, 1, 3).wait.micros, 7'000'000);
  limited->headers = {{"retry-after", "99999999"}};
  EXPECT_EQ(judge(limited, 1, 3).wait.micros, 3'600'000'000);
  limited->headers = {{"retry-after", "soon"}};
  EXPECT_EQ(judge(limited, 1, 3).wait.micros, 1'000'000);
}

}  // namespace
}  // namespace slipway::webhooks
