#include "webhooks/deliveries.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <tuple>

#include "base/log.h"
#include "store/events.h"
#include "webhooks/message.h"

namespace slipway::webhooks {
namespace {

constexpr std::size_t kEventsPerRound = 500;
// What a webhook has seen is written down at the latest after so many events that it didn't want.
constexpr std::int64_t kUnwrittenEventsMax = 1000;
// Of one webhook, at a time: what waits behind so many for what they are about waits for them, too.
constexpr std::size_t kLookedAt = 500;
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

// Of a receiver of alerts or lineage: what says nothing of the news, but that the receiver is
// another than it should be. (MLflow's webhooks take a redirect for delivered, and give these up.)
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
  const auto subscribers =
      TRY(db_.read([](store::Reader& reader) { return read_subscribers(reader); }));
  TRY(take_events(subscribers));
  TRY(repeat_alerts());
  for (Due& due : TRY(claim(subscribers))) {
    const std::string webhook = due.webhook;
    {
      base::MutexLock lock(mutex_);
      ++sending_[webhook];
    }
    const auto submitted = pool_->submit([this, due = std::move(due)] {
      deliver(due);
      base::MutexLock lock(mutex_);
      --sending_[due.webhook];
      settled_ = true;
      wake_.notify_all();
    });
    if (submitted) continue;
    // Stopping: the claim runs out, and it is sent after the next start.
    base::MutexLock lock(mutex_);
    --sending_[webhook];
  }
  return !subscribers.empty() || waiting_ != 0;
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

Result<void> Deliveries::take_events(const std::vector<Subscriber>& subscribers) {
  std::map<std::string, std::int64_t> examined;
  std::int64_t waiting = 0;
  for (const Subscriber& subscriber : subscribers) {
    waiting += subscriber.waiting;
    examined[subscriber.id] = std::max(subscriber.seen, examined_[subscriber.id]);
  }
  examined_ = std::move(examined);
  waiting_ = waiting;
  // Most have seen as much as the others; one that is behind doesn't hold them up, nor does what
  // can't be told of lineage now.
  std::map<std::pair<std::int64_t, bool>, Result<Stretch>> behind;
  for (const Subscriber& subscriber : subscribers) {
    if (subscriber.waiting >= options_.deliveries_max) continue;
    const std::int64_t mark = examined_[subscriber.id];
    const bool is_lineage = subscriber.format == Format::kOpenLineage;
    const auto [at, is_new] = behind.try_emplace({mark, is_lineage}, Stretch());
    if (is_new) at->second = read_stretch(mark, is_lineage);
    if (at->second) {
      TRY(take_for(subscriber, *at->second));
    } else if (is_lineage) {
      if (is_new) {
        base::log_error("webhooks", "lineage is told later: why={}", at->second.error().message);
      }
    } else {
      return at->second.error();
    }
  }
  return {};
}

Result<Deliveries::Stretch> Deliveries::read_stretch(std::int64_t after, bool for_lineage) {
  Stretch stretch{.last = after};
  for (const store::Event& event :
       TRY(store::list_events(db_, {.after = after, .limit = kEventsPerRound}))) {
    if (std::optional<News> one = TRY(news_of(event, for_lineage)))
      stretch.news.push_back(std::move(*one));
    stretch.last = event.sequence;
  }
  return stretch;
}

Result<std::optional<Deliveries::News>> Deliveries::news_of(const store::Event& event,
                                                            bool for_lineage) {
  std::optional<News> news;
  if (for_lineage) {
    if (lineage_news_ == nullptr) return news;
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
  } else if (const auto heard = route_news_of(event)) {
    news = News{.sequence = event.sequence,
                .event = heard->event,
                .content = {.form = Content::Form::kNews, .text = RouteNews::to_text({*heard})},
                .routes = heard->routes,
                .about = heard->subject(event),
                .is_of_the_past = !heard->is_over() && heard->about.contains("resolved_at")};
  } else if (const std::optional<Message> message = message_of(event)) {
    news = News{.sequence = event.sequence,
                .event = message->event,
                .content = {.text = body_of(*message, event.arrival_time)}};
  }
  return news;
}

bool Deliveries::News::is_for(const Subscriber& subscriber) const {
  if (content.form == Content::Form::kReady)
    return subscriber.route.empty() && subscriber.events.contains(event);
  if (is_of_the_past && subscriber.format == Format::kAlertmanager) return false;
  return std::find(routes.begin(), routes.end(), subscriber.route) != routes.end();
}

Result<void> Deliveries::take_for(const Subscriber& subscriber, const Stretch& stretch) {
  std::int64_t& mark = examined_[subscriber.id];
  if (mark >= stretch.last) return {};
  std::vector<const News*> taken;
  const auto room = static_cast<std::size_t>(options_.deliveries_max - subscriber.waiting);
  std::int64_t until = stretch.last;
  for (const News& item : stretch.news) {
    if (!item.is_for(subscriber)) continue;
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
  const std::vector<RouteNews> open = TRY(open_alerts_.open_alerts());
  for (const Subscriber& place : places) {
    std::vector<RouteNews> told;
    std::copy_if(open.begin(), open.end(), std::back_inserter(told), [&](const RouteNews& news) {
      return std::find(news.routes.begin(), news.routes.end(), place.route) != news.routes.end();
    });
    if (told.empty()) continue;
    const std::string id = random_.hex();
    const std::string text = RouteNews::to_text(told);
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

Result<std::vector<Deliveries::Waiting>> Deliveries::waiting_of(store::Reader& reader,
                                                                const Subscriber& subscriber,
                                                                base::Timestamp now) {
  std::vector<Waiting> due;
  const auto read = [](const store::Row& row) {
    return Waiting{.id = row.string(0), .sequence = row.int64(1), .next_time = row.time(2)};
  };
  if (subscriber.format == Format::kMlflow) {
    TRY(reader.query(
        "SELECT id, sequence, next_time FROM webhook_deliveries WHERE webhook = ? AND next_time <= "
        "? ORDER BY next_time, sequence, id LIMIT ?",
        {subscriber.id, now, kLookedAt}, [&](const store::Row& row) { due.push_back(read(row)); }));
    return due;
  }
  std::set<std::string, std::less<>> before, here;  // what earlier ones, and these, are about
  std::int64_t sequence = 0;
  TRY(reader.query(
      "SELECT id, sequence, next_time, about FROM webhook_deliveries WHERE webhook = ? ORDER BY "
      "sequence, id LIMIT ?",
      {subscriber.id, kLookedAt}, [&](const store::Row& row) {
        if (row.int64(1) != sequence) before.merge(here);
        sequence = row.int64(1);
        const std::string about = row.string(3);
        const bool must_wait =
            before.contains("") || before.contains(about) || (about.empty() && !before.empty());
        if (!must_wait && row.time(2) <= now) due.push_back(read(row));
        here.insert(about);
      }));
  return due;
}

Result<std::vector<Deliveries::Waiting>> Deliveries::next(
    const std::vector<Subscriber>& subscribers) {
  std::map<std::string, std::size_t> sending;
  {
    base::MutexLock lock(mutex_);
    std::erase_if(sending_, [](const auto& one) { return one.second == 0; });
    sending = sending_;
  }
  const std::size_t workers = std::max<std::size_t>(options_.workers, 1);
  // One that hangs leaves room for the others.
  const std::size_t workers_of_one = std::max<std::size_t>(workers / 2, 1);
  std::size_t free = workers;
  for (const auto& [webhook, count] : sending) free -= std::min(free, count);
  std::vector<Waiting> due;
  if (free == 0) return due;
  TRY(db_.read([&](store::Reader& reader) -> Result<void> {
    due.clear();
    for (const Subscriber& subscriber : subscribers) {
      const std::size_t busy = sending[subscriber.id];
      if (busy >= workers_of_one) continue;
      std::vector<Waiting> of_one = TRY(waiting_of(reader, subscriber, clock_.now()));
      of_one.resize(std::min(of_one.size(), workers_of_one - busy));
      due.insert(due.end(), of_one.begin(), of_one.end());
    }
    return {};
  }));
  std::sort(due.begin(), due.end(), [](const Waiting& a, const Waiting& b) {
    return std::tie(a.next_time, a.sequence, a.id) < std::tie(b.next_time, b.sequence, b.id);
  });
  due.resize(std::min(due.size(), free));
  return due;
}

// Oldest first, so that no other server sends it as long as a try may last.
Result<std::vector<Deliveries::Due>> Deliveries::claim(const std::vector<Subscriber>& subscribers) {
  const std::vector<Waiting> due = TRY(next(subscribers));
  if (due.empty()) return std::vector<Due>();
  const base::Timestamp until =
      clock_.now() + seconds(options_.timeout_seconds + kClaimMarginSeconds);
  return db_.write([&](store::Tx& tx) -> Result<std::vector<Due>> {
    std::vector<Due> claimed;
    for (const Waiting& item : due) {
      if (TRY(tx.execute(
              "UPDATE webhook_deliveries SET next_time = ? WHERE id = ? AND next_time = ?",
              {until, item.id, item.next_time})) == 0)
        continue;
      TRY(tx.query("SELECT webhook, event, form, body, tries FROM webhook_deliveries WHERE id = ?",
                   {item.id}, [&](const store::Row& row) {
                     claimed.push_back(
                         {.id = item.id,
                          .webhook = row.string(0),
                          .event = row.string(1),
                          .content = {.form = parse_form(row.text(2)), .text = row.string(3)},
                          .tries = row.int64(4)});
                   }));
    }
    return claimed;
  });
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
  const bool is_away =
      (is_lineage || is_route_id(due.webhook)) && reply && may_come_back(reply->status);
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
