// Tells webhooks what happened: reads the event log, makes deliveries of what somebody subscribed
// to, and sends them until they arrive or their retries are used up.
//
// A change and its event are one transaction; a delivery is a row until it is done. So a crash
// loses nothing, and repeats at most what was on its way: every delivery has one id, however often
// it is sent.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/thread_pool.h"
#include "store/db.h"
#include "webhooks/webhooks.h"

namespace slipway::webhooks {

struct DeliveryOptions {
  std::size_t workers = 4;                // deliveries at the same time; 0: inside step()
  std::int64_t retries_max = 3;           // after the first try
  std::int64_t route_retries_max = 1440;  // of alerts: a page must not be lost with a short outage
  std::int64_t lineage_retries_max = 10'080;  // a receiver may be away for a week
  std::int64_t deliveries_max = 10'000;       // waiting, of one webhook; more stay in the event log
  std::int64_t timeout_seconds = 30;       // of one try: another server leaves it alone that long
  std::int64_t alert_repeat_seconds = 60;  // Alertmanager hears of open alerts that often
};

// Which alerts are open. Safe to use from several threads.
class OpenAlerts {
 public:
  virtual ~OpenAlerts() = default;
  // Those that their routes were told of and that nobody has silenced since.
  virtual Result<std::vector<RouteNews>> open_alerts() = 0;
};

// What our events mean to who hears of lineage. Safe to use from several threads.
class LineageNews {
 public:
  virtual ~LineageNews() = default;
  struct Told {
    std::string about;   // what is told of one thing stays in order
    std::string events;  // a list of JSON, to be sent one by one
  };
  // Nothing: it means nothing to them.
  virtual Result<std::optional<Told>> told_of(const store::Event& event) = 0;
};

// What to do after a try; a pure function. `tries` counts this one.
struct Verdict {
  enum class What { kDelivered, kRetry, kGiveUp };
  What what = What::kDelivered;
  base::Duration wait;  // before the next try
};
// Delivered: any status below 400. Tried again: 429, 500, 502, 503, 504 and no answer, after 1, 2,
// 4... up to 60 seconds, or what `Retry-After` says (seconds; at most an hour). Anything else won't
// get better.
Verdict judge(const Result<base::HttpReply>& reply, std::int64_t tries, std::int64_t retries_max);

class Deliveries {
 public:
  // What is given must outlive it.
  Deliveries(store::Db& db, const base::Clock& clock, base::Random& random, Webhooks& webhooks,
             OpenAlerts& open_alerts, DeliveryOptions options, base::Metrics& metrics);
  ~Deliveries();  // stop()

  // Before start(). Without, nobody hears of lineage.
  void tell_of_lineage(LineageNews& news) { lineage_news_ = &news; }

  // Looks for work about five times a second as long as there is a webhook.
  void start();
  void stop();  // waits for what is being sent. Idempotent.

  // One round: takes up new events, then starts to send what is due. False: nothing to do, and no
  // webhook either.
  Result<bool> step();

 private:
  struct Subscriber {
    std::string id;
    std::int64_t seen = 0;     // sequence of the last event it has taken, as written down
    std::int64_t waiting = 0;  // deliveries
    std::set<std::string, std::less<>> events;
    std::string route;  // empty: one of MLflow's
    Format format = Format::kMlflow;
  };
  // An event that somebody may have subscribed to.
  struct News {
    std::int64_t sequence = 0;
    std::string event;
    Content content;
    std::vector<std::string> routes;  // that hear of an alert
    std::string about;                // the alert, whose news stay in order; empty: of an event
    bool is_of_the_past = false;      // of an alert that is over: Alertmanager has none of it
    bool is_for(const Subscriber& subscriber) const;
  };
  // Of the log, from one event to another.
  struct Stretch {
    std::vector<News> news;
    std::int64_t last = 0;  // sequence of the last event
  };
  struct Waiting {
    std::string id;
    std::int64_t sequence = 0;
    base::Timestamp next_time;
  };
  struct Due {
    std::string id, webhook, event;
    Content content;
    std::int64_t tries = 0;  // so far
  };

  void run();
  // Waits until there may be work again; false: stop.
  bool wait_for_work(bool is_busy);
  // What `event` means to those who hear of it; nothing: to nobody.
  Result<std::optional<News>> news_of(const store::Event& event, bool for_lineage);
  static Result<std::vector<Subscriber>> read_subscribers(store::Reader& reader);
  // Makes deliveries of the next events. A webhook whose queue is full takes nothing: the log keeps
  // the events for it.
  Result<void> take_events(const std::vector<Subscriber>& subscribers);
  Result<Stretch> read_stretch(std::int64_t after, bool for_lineage);
  Result<void> take_for(const Subscriber& subscriber, const Stretch& stretch);
  // Alertmanager forgets what nobody repeats, and everything when it restarts: it hears again of
  // what is open, unless something waits for it anyway.
  Result<void> repeat_alerts();
  // What may be sent to it now. What a route hears keeps its order: "resolved" never comes before
  // "opened".
  static Result<std::vector<Waiting>> waiting_of(store::Reader& reader,
                                                 const Subscriber& subscriber, base::Timestamp now);
  // As much of what is due as there are workers for it.
  Result<std::vector<Waiting>> next(const std::vector<Subscriber>& subscribers);
  Result<std::vector<Due>> claim(const std::vector<Subscriber>& subscribers);
  void deliver(const Due& due);
  Result<void> settle(const Due& due, const Result<base::HttpReply>& reply);

  store::Db& db_;
  const base::Clock& clock_;
  base::Random& random_;
  Webhooks& webhooks_;
  OpenAlerts& open_alerts_;
  LineageNews* lineage_news_ = nullptr;
  const DeliveryOptions options_;
  base::Counter& delivered_;
  base::Counter& retried_;
  base::Counter& given_up_;
  base::Histogram& seconds_;

  std::atomic<std::int64_t> waiting_{0};  // rows, as of the last round
  // By webhook, the last event looked at; of the thread that calls step().
  std::map<std::string, std::int64_t> examined_;
  base::Timestamp repeated_at_;  // of the thread that calls step()

  base::Mutex mutex_;
  base::CondVar wake_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool settled_ GUARDED_BY(mutex_) = false;  // a delivery was, since the last round
  std::map<std::string, std::size_t> sending_ GUARDED_BY(mutex_);  // deliveries, by webhook
  std::thread thread_;
  std::unique_ptr<base::ThreadPool> pool_;
};

}  // namespace slipway::webhooks
