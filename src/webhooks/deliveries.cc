#include "webhooks/deliveries.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "base/log.h"
#include "store/events.h"
#include "webhooks/message.h"

namespace slipway::webhooks {
namespace {

constexpr std::size_t kEventsPerRound = 500;
// What a webhook has seen is written down at the latest after so many events that it didn't want.
constexpr std::int64_t kUnwrittenEventsMax = 1000;
constexpr long kPollMs = 200;
constexpr long kIdlePollMs = 1000;  // no webhook: one may be made, here or by another server
constexpr std::int64_t kWaitSecondsMax = 60;
constexpr std::int64_t kRetryAfterSecondsMax = 3600;
// How much longer than a try may take another server leaves it alone.
constexpr std::int64_t kClaimMarginSeconds = 5;

constexpr base::Duration seconds(std::int64_t count) { return {count * 1'000'000}; }

std::string_view form_name(Content::Form form) {
  return form == Content::Form::kNews ? "news" : "ready";
}
Content::Form parse_form(std::string_view name) {
  return name == "news" ? Content::Form::kNews : Content::Form::kReady;
}

bool is_temporary(int status) {
  return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

// Of a receiver of lineage: what says nothing of the event, but that the receiver is another than
// it should be.
bool may_come_back(int status) {
  return (status >= 300 && status < 400) || status == 401 || status == 403 || status == 404 ||
         status == 405 || status == 408 || status >= 500;
}

}  // namespace

Verdict judge(const Result<base::HttpReply>& reply, std::int64_t tries, std::int64_t retries_max) {
  using What = Verdict::What;
  if (reply && reply->status < 400) return {.what = What::kDelivered};
  const bool temporary = reply ? is_temporary(reply->status)
                               : reply.error().code == Code::kUnavailable ||
                                     reply.error().code == Code::kDeadlineExceeded ||
                                     reply.error().code == Code::kFailedPrecondition ||
                                     reply.error().code == Code::kUnauthenticated;
  if (!temporary || tries > retries_max) return {.what = What::kGiveUp};
  std::int64_t wait = std::int64_t{1} << std::min<std::int64_t>(tries - 1, 6);
  wait = std::min(wait, kWaitSecondsMax);
  if (reply) {
    const std::string_view text = reply->header("retry-after");
    std::int64_t asked = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), asked);
    if (!text.empty() && ec == std::errc() && end == text.data() + text.size() && asked >= 0)
      wait = std::min(asked, kRetryAfterSecondsMax);
  }
  return {.what = What::kRetry, .wait = seconds(wait)};
}

Deliveries::Deliveries(store::Db& db, const base::Clock& clock, base::Random& random,
                       Webhooks& webhooks, OpenAlerts& open_alerts, DeliveryOptions options,
                       base::Metrics& metrics)
    : db_(db),
      clock_(clock),
      random_(random),
      webhooks_(webhooks),
      open_alerts_(open_alerts),
      options_(options),
      delivered_(metrics.counter("slipway_webhook_tries_total", "Tries to deliver, by outcome.",
                                 {{"outcome", "delivered"}})),
      retried_(metrics.counter("slipway_webhook_tries_total", "Tries to deliver, by outcome.",
                               {{"outcome", "retried"}})),
      given_up_(metrics.counter("slipway_webhook_tries_total", "Tries to deliver, by outcome.",
                                {{"outcome", "given_up"}})),
      seconds_(metrics.histogram("slipway_webhook_request_seconds",
                                 "Time until the other side has answered.")),
      pool_(std::make_unique<base::ThreadPool>(base::ThreadPool::Options{
          .name = "webhooks",
          .threads = options.workers,
          .queue_length_max = std::max<std::size_t>(options.workers, 1)})) {
  metrics.gauge("slipway_webhook_deliveries_waiting", "Deliveries that are not done yet.",
                [this] { return static_cast<double>(waiting_.load()); });
}

Deliveries::~Deliveries() { stop(); }

void Deliveries::start() {
  thread_ = std::thread([this] { run(); });
}

void Deliveries::stop() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  pool_->stop();
}

void Deliveries::run() {
  while (true) {
    const Result<bool> busy = step();
    if (!busy) base::log_error("webhooks", "a round failed: why={}", busy.error().message);
    if (!wait_for_work(!busy || *busy)) return;
  }
}

bool Deliveries::wait_for_work(bool is_busy) {
  base::MutexLock lock(mutex_);
  // What was sent may have held up what comes after it.
  if (!stopping_ && !settled_) wake_.wait_for_ms(mutex_, is_busy ? kPollMs : kIdlePollMs);
  settled_ = false;
  return !stopping_;
}

Result<bool> Deliveries::step() {
  const Intake intake = TRY(take_events());
  TRY(repeat_alerts());
  const std::size_t workers = std::max<std::size_t>(options_.workers, 1);
  const std::size_t free = workers - std::min(workers, sending_.load());
  for (Due& due : TRY(claim(free))) {
    ++sending_;
    const auto submitted = pool_->submit([this, due = std::move(due)] {
      deliver(due);
      --sending_;
      base::MutexLock lock(mutex_);
      settled_ = true;
      wake_.notify_all();
    });
    // Stopping: the claim runs out, and it is sent after the next start.
    if (!submitted) --sending_;
  }
  return intake.subscribers != 0 || waiting_ != 0;
}

Result<std::vector<Deliveries::Subscriber>> Deliveries::read_subscribers(store::Reader& reader) {
  std::vector<Subscriber> found;
  TRY(reader.query("SELECT id, seen, name, format FROM webhooks WHERE active = 1 ORDER BY id", {},
                   [&](const store::Row& row) {
                     const Format format = parse_format(row.string(3));
                     found.push_back({.id = row.string(0),
                                      .seen = row.int64(1),
                                      .route = is_route(format) ? row.string(2) : "",
                                      .format = format});
                   }));
  for (Subscriber& subscriber : found) {
    TRY(reader.query("SELECT event FROM webhook_events WHERE webhook = ?", {subscriber.id},
                     [&](const store::Row& row) { subscriber.events.insert(row.string(0)); }));
    TRY(reader.query("SELECT COUNT(*) FROM webhook_deliveries WHERE webhook = ?", {subscriber.id},
                     [&](const store::Row& row) { subscriber.waiting = row.int64(0); }));
  }
  return found;
}

Result<Deliveries::Intake> Deliveries::take_events() {
  const auto subscribers =
      TRY(db_.read([](store::Reader& reader) { return read_subscribers(reader); }));
  Intake intake{.subscribers = subscribers.size()};
  std::map<std::string, std::int64_t> examined;
  std::int64_t waiting = 0;
  std::optional<std::int64_t> after;
  for (const Subscriber& subscriber : subscribers) {
    waiting += subscriber.waiting;
    std::int64_t& mark = examined[subscriber.id];
    mark = std::max(subscriber.seen, examined_[subscriber.id]);
    if (subscriber.waiting < options_.deliveries_max) after = std::min(after.value_or(mark), mark);
  }
  examined_ = std::move(examined);
  waiting_ = waiting;
  if (!after) return intake;
  const auto events = TRY(store::list_events(db_, {.after = *after, .limit = kEventsPerRound}));
  const bool for_lineage =
      std::any_of(subscribers.begin(), subscribers.end(),
                  [](const Subscriber& s) { return s.format == Format::kOpenLineage; });
  std::vector<News> news;
  for (const store::Event& event : events) {
    if (std::optional<News> one = TRY(news_of(event, for_lineage))) news.push_back(std::move(*one));
  }
  if (events.empty()) return intake;
  for (const Subscriber& subscriber : subscribers) {
    if (subscriber.waiting < options_.deliveries_max)
      TRY(take_for(subscriber, news, events.back().sequence));
  }
  return intake;
}

Result<std::optional<Deliveries::News>> Deliveries::news_of(const store::Event& event,
                                                            bool for_lineage) {
  std::optional<News> news;
  if (const auto alert = alert_news_of(event)) {
    news = News{.sequence = event.sequence,
                .event = alert->event,
                .content = {.form = Content::Form::kNews, .text = AlertNews::to_text({*alert})},
                .routes = alert->routes,
                .about = event.subject};
  } else if (const std::optional<Message> message = message_of(event)) {
    news = News{.sequence = event.sequence,
                .event = message->event,
                .content = {.text = body_of(*message, event.arrival_time)}};
  } else if (for_lineage && lineage_news_ != nullptr) {
    auto told = lineage_news_->told_of(event);
    if (!told && told.error().code == Code::kUnavailable) return std::move(told).error();
    if (!told) {
      // It must not keep others from hearing of what comes after it.
      base::log_error("webhooks", "lineage is not told: event={} why={}", event.sequence,
                      told.error().message);
    } else if (*told) {
      news = News{.sequence = event.sequence,
                  .event = std::string(kLineageEvent),
                  .content = {.text = std::move((*told)->events)},
                  .about = std::move((*told)->about)};
    }
  }
  return news;
}

bool Deliveries::News::is_for(const Subscriber& subscriber) const {
  if (!subscriber.events.contains(event)) return false;
  if (content.form == Content::Form::kReady) return subscriber.route.empty();
  return std::find(routes.begin(), routes.end(), subscriber.route) != routes.end();
}

Result<void> Deliveries::take_for(const Subscriber& subscriber, const std::vector<News>& news,
                                  std::int64_t last) {
  std::int64_t& mark = examined_[subscriber.id];
  if (mark >= last) return {};
  std::vector<const News*> taken;
  const auto room = static_cast<std::size_t>(options_.deliveries_max - subscriber.waiting);
  std::int64_t until = last;
  for (const News& item : news) {
    if (item.sequence <= mark || !item.is_for(subscriber)) continue;
    if (taken.size() == room) {  // the rest stays in the log
      until = item.sequence - 1;
      break;
    }
    taken.push_back(&item);
  }
  if (taken.empty() && until - subscriber.seen < kUnwrittenEventsMax) {
    mark = until;
    return {};
  }
  const base::Timestamp now = clock_.now();
  std::vector<std::string> ids(taken.size());
  for (std::string& id : ids) id = random_.hex();
  const bool done = TRY(db_.write([&](store::Tx& tx) -> Result<bool> {
    // Another server on this database may have taken them meanwhile.
    if (TRY(tx.execute("UPDATE webhooks SET seen = ? WHERE id = ? AND seen = ? AND active = 1",
                       {until, subscriber.id, subscriber.seen})) == 0)
      return false;
    for (std::size_t i = 0; i < taken.size(); ++i) {
      TRY(tx.execute(
          "INSERT INTO webhook_deliveries(id, webhook, event, sequence, about, form, body, tries, "
          "next_time, created) VALUES(?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
          {ids[i], subscriber.id, taken[i]->event, taken[i]->sequence, taken[i]->about,
           form_name(taken[i]->content.form), taken[i]->content.text, now, now}));
    }
    return true;
  }));
  if (done) mark = until;
  return {};
}

Result<void> Deliveries::repeat_alerts() {
  const base::Timestamp now = clock_.now();
  if (now < repeated_at_ + seconds(options_.alert_repeat_seconds)) return {};
  repeated_at_ = now;
  std::vector<Subscriber> places =
      TRY(db_.read([](store::Reader& reader) { return read_subscribers(reader); }));
  std::erase_if(places, [](const Subscriber& place) {
    return place.format != Format::kAlertmanager || place.waiting != 0;
  });
  if (places.empty()) return {};
  const std::vector<AlertNews> open = TRY(open_alerts_.open_alerts());
  for (const Subscriber& place : places) {
    std::vector<AlertNews> told;
    std::copy_if(open.begin(), open.end(), std::back_inserter(told), [&](const AlertNews& news) {
      return std::find(news.routes.begin(), news.routes.end(), place.route) != news.routes.end();
    });
    if (told.empty()) continue;
    const std::string id = random_.hex();
    const std::string text = AlertNews::to_text(told);
    // Behind what it has taken, before what comes: an alert that was resolved meanwhile is resolved
    // for it, too.
    TRY(db_.write([&](store::Tx& tx) -> Result<void> {
      if (TRY(tx.execute("UPDATE webhooks SET seen = seen WHERE id = ? AND seen = ?",
                         {place.id, place.seen})) == 0)
        return {};
      TRY(tx.execute(
          "INSERT INTO webhook_deliveries(id, webhook, event, sequence, form, body, tries, "
          "next_time, created) VALUES(?, ?, ?, ?, ?, ?, 0, ?, ?)",
          {id, place.id, kAlertRepeated, place.seen, form_name(Content::Form::kNews), text, now,
           now}));
      return {};
    }));
  }
  return {};
}

// Oldest first, so that no other server sends it as long as a try may last.
Result<std::vector<Deliveries::Due>> Deliveries::claim(std::size_t limit) {
  std::vector<Due> claimed;
  if (limit == 0) return claimed;
  const base::Timestamp now = clock_.now();
  std::vector<std::pair<Due, base::Timestamp>> due;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT d.id, d.webhook, d.event, d.form, d.body, d.tries, d.next_time FROM "
        "webhook_deliveries d JOIN webhooks w ON w.id = d.webhook WHERE w.active = 1 AND "
        "d.next_time <= ? AND "
        "(w.format = 'mlflow' OR NOT EXISTS (SELECT 1 FROM webhook_deliveries e WHERE e.webhook = "
        "d.webhook AND e.sequence < d.sequence AND (e.about = d.about OR e.about = '' OR d.about = "
        "''))) ORDER BY d.next_time, d.sequence, d.id LIMIT ?",
        {now, limit}, [&](const store::Row& row) {
          due.emplace_back(Due{.id = row.string(0),
                               .webhook = row.string(1),
                               .event = row.string(2),
                               .content = {.form = parse_form(row.text(3)), .text = row.string(4)},
                               .tries = row.int64(5)},
                           row.time(6));
        });
  }));
  if (due.empty()) return claimed;
  const base::Timestamp until = now + seconds(options_.timeout_seconds + kClaimMarginSeconds);
  const auto mine = TRY(db_.write([&](store::Tx& tx) -> Result<std::vector<bool>> {
    std::vector<bool> got;
    for (const auto& [item, seen] : due) {
      got.push_back(TRY(tx.execute("UPDATE webhook_deliveries SET next_time = ? WHERE id = ? AND "
                                   "next_time = ?",
                                   {until, item.id, seen})) != 0);
    }
    return got;
  }));
  for (std::size_t i = 0; i < due.size(); ++i) {
    if (mine[i]) claimed.push_back(std::move(due[i].first));
  }
  return claimed;
}

void Deliveries::deliver(const Due& due) {
  const auto start = std::chrono::steady_clock::now();
  const auto reply = webhooks_.send(due.webhook, due.id, due.content);
  seconds_.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  if (const auto settled = settle(due, reply); !settled) {
    // The claim runs out, and it is sent again.
    base::log_error("webhooks", "an outcome is not written: delivery={} why={}", due.id,
                    settled.error().message);
  }
}

Result<void> Deliveries::settle(const Due& due, const Result<base::HttpReply>& reply) {
  const bool is_lineage = due.webhook == kLineageId;
  const std::int64_t retries_max = is_lineage                 ? options_.lineage_retries_max
                                   : is_route_id(due.webhook) ? options_.route_retries_max
                                                              : options_.retries_max;
  const bool is_away = is_lineage && reply && may_come_back(reply->status);
  Verdict verdict = judge(is_away ? base::error(Code::kUnavailable, "not now") : reply,
                          due.tries + 1, retries_max);
  const int status = reply ? reply->status : 0;
  const std::string_view why = reply ? "" : base::code_name(reply.error().code);
  switch (verdict.what) {
    case Verdict::What::kDelivered:
      delivered_.add();
      break;
    case Verdict::What::kRetry:
      retried_.add();
      verdict.wait.micros += static_cast<std::int64_t>(random_.next_u64() % 1'000'000);
      break;
    case Verdict::What::kGiveUp:
      given_up_.add();
      base::log_warning("webhooks", "a delivery is given up: webhook={} tries={} status={} why={}",
                        due.webhook, due.tries + 1, status, why);
      break;
  }
  const base::Timestamp next = clock_.now() + verdict.wait;
  return db_.write([&](store::Tx& tx) -> Result<void> {
    if (verdict.what == Verdict::What::kRetry) {
      TRY(tx.execute("UPDATE webhook_deliveries SET tries = tries + 1, next_time = ? WHERE id = ?",
                     {next, due.id}));
      return {};
    }
    if (TRY(tx.execute("DELETE FROM webhook_deliveries WHERE id = ?", {due.id})) == 0) return {};
    if (verdict.what == Verdict::What::kDelivered || due.event == kAlertRepeated) return {};
    return tx.append_event(
        {.kind = "webhook.delivery_failed",
         .subject = "webhooks/" + due.webhook,
         .payload = {
             {"delivery", due.id}, {"tries", due.tries + 1}, {"status", status}, {"why", why}}});
  });
}

}  // namespace slipway::webhooks
