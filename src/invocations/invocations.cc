#include "invocations/invocations.h"

#include <algorithm>
#include <atomic>

#include "base/log.h"

namespace slipway::invocations {
namespace {

using std::chrono::milliseconds;

constexpr const char* kAnswerType = "application/json";

// Trying again later may help.
bool is_passing(Code code) {
  switch (code) {
    case Code::kUnavailable:
    case Code::kResourceExhausted:
    case Code::kStorageFull:
      return true;
    case Code::kInvalidArgument:
    case Code::kNotFound:
    case Code::kAlreadyExists:
    case Code::kFailedPrecondition:
    case Code::kConflict:
    case Code::kUnauthenticated:
    case Code::kPermissionDenied:
    case Code::kDeadlineExceeded:
    case Code::kCorruption:
    case Code::kInternal:
      return false;
  }
  return false;
}

// "s3://bucket/a/" and "b" are "s3://bucket/a/b".
std::string below(std::string folder, const std::string& name) {
  while (folder.ends_with('/')) folder.pop_back();
  return name.empty() ? folder : folder + "/" + name;
}

// 32 hex digits the way the world writes ids.
std::string dashed(std::string hex) {
  for (const std::size_t at : {20u, 16u, 12u, 8u}) hex.insert(at, 1, '-');
  return hex;
}

}  // namespace

// A row.
struct Invocations::Invocation {
  std::int64_t number = 0;
  std::string endpoint, id, input, body, content_type, output, failure;
  base::Timestamp event_time, expires_at;
  base::Duration call_limit;
};

struct Invocations::Lane {
  // What gauges read; lives as long as the metrics.
  struct Gauges {
    std::atomic<std::int64_t> waiting{0}, in_flight{0};
    std::atomic<std::int64_t> oldest_us{0};  // when the first of them was received; 0: none waits
  };

  std::deque<Waiting> waiting;
  std::size_t arriving = 0;  // being written
  std::size_t running = 0;
  std::size_t in_flight = 0;  // as many may run
  std::shared_ptr<Gauges> gauges = std::make_shared<Gauges>();

  void tell() const {
    gauges->waiting = static_cast<std::int64_t>(waiting.size());
    gauges->in_flight = static_cast<std::int64_t>(running);
    gauges->oldest_us = waiting.empty() ? 0 : waiting.front().received_at.micros;
  }
};

Invocations::Invocations(store::Db& db, const base::Clock& event_clock,
                         const base::Clock& wall_clock, base::Random& random,
                         Destinations& destinations, Scorer& scorer, Files& files,
                         base::Metrics& metrics, Options options)
    : db_(db),
      event_clock_(event_clock),
      wall_clock_(wall_clock),
      random_(random),
      destinations_(destinations),
      scorer_(scorer),
      files_(files),
      metrics_(metrics),
      options_(options),
      answered_(metrics.counter("slipway_async_answers_total",
                                "Asynchronous invocations whose answer was written.")),
      failed_(metrics.counter("slipway_async_failures_total",
                              "Asynchronous invocations that could not be answered.")),
      expired_(metrics.counter("slipway_async_expired_total",
                               "Of the failures: those whose time in the queue was over.")),
      lost_(metrics.counter("slipway_async_lost_total",
                            "Asynchronous invocations whose end could be written nowhere.")),
      retries_(metrics.counter("slipway_async_retries_total",
                               "Tries of asynchronous invocations that are made again.")) {}

Invocations::~Invocations() { stop(); }

Invocations::Lane& Invocations::lane(const std::string& endpoint) {
  std::unique_ptr<Lane>& lane = lanes_[endpoint];
  if (lane) return *lane;
  lane = std::make_unique<Lane>();
  lane->in_flight = options_.in_flight;
  const base::Metrics::Labels labels = {{"endpoint", endpoint}};
  metrics_.gauge(
      "slipway_async_waiting", "Asynchronous invocations that wait.",
      [gauges = lane->gauges] { return static_cast<double>(gauges->waiting); }, labels);
  metrics_.gauge(
      "slipway_async_in_flight", "Asynchronous invocations under way.",
      [gauges = lane->gauges] { return static_cast<double>(gauges->in_flight); }, labels);
  metrics_.gauge(
      "slipway_async_oldest_seconds", "Age of the asynchronous invocation that waits for longest.",
      [gauges = lane->gauges, &clock = wall_clock_] {
        const std::int64_t oldest_us = gauges->oldest_us;
        return oldest_us == 0 ? 0.0 : static_cast<double>(clock.now().micros - oldest_us) / 1e6;
      },
      labels);
  return *lane;
}

void Invocations::line_up(Lane& lane, Waiting waiting) {
  lane.waiting.push_back(waiting);
  lane.tell();
  employ();
}

void Invocations::employ() {
  if (!started_ || stopping_) return;
  if (idle_ == 0 && threads_.size() < options_.threads_max && find_work() != nullptr) hire();
  wake_.notify_one();
}

void Invocations::hire() {
  threads_.emplace_back([this] { run(); });
  pthread_setname_np(threads_.back().native_handle(), "invocations");
}

// Endpoints take turns: the first one behind the last that has work and may run it.
Invocations::Lane* Invocations::find_work() {
  const auto has_work = [](const auto& entry) {
    return !entry.second->waiting.empty() && entry.second->running < entry.second->in_flight;
  };
  const auto behind = lanes_.upper_bound(last_served_);
  auto found = std::find_if(behind, lanes_.end(), has_work);
  if (found == lanes_.end()) found = std::find_if(lanes_.begin(), behind, has_work);
  return found == lanes_.end() || !has_work(*found) ? nullptr : found->second.get();
}

Result<void> Invocations::open() {
  std::vector<std::pair<std::string, Waiting>> left;
  TRY(db_.read([&](store::Reader& reader) {
    left.clear();
    return reader.query(
        "SELECT endpoint, number, received_at FROM invocations ORDER BY number", {},
        [&](const store::Row& row) {
          left.push_back({row.string(0), {.number = row.int64(1), .received_at = row.time(2)}});
        });
  }));
  std::map<std::string, std::size_t> in_flight;
  for (const auto& [endpoint, waiting] : left) in_flight.try_emplace(endpoint, options_.in_flight);
  for (auto& [endpoint, limit] : in_flight) {
    if (const auto destination = destinations_.find(endpoint); destination)
      limit = destination->in_flight.value_or(options_.in_flight);
  }
  base::MutexLock lock(mutex_);
  for (const auto& [endpoint, waiting] : left) {
    Lane& queue = lane(endpoint);
    queue.in_flight = in_flight[endpoint];
    line_up(queue, waiting);
  }
  return {};
}

void Invocations::start() {
  base::MutexLock lock(mutex_);
  started_ = true;
  std::size_t work = 0;
  for (const auto& [endpoint, lane] : lanes_)
    work += std::min(lane->waiting.size(), lane->in_flight);
  while (threads_.size() < std::min(work, options_.threads_max)) hire();
}

void Invocations::stop() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  ended_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

bool Invocations::sleep(milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  base::MutexLock lock(mutex_);
  while (!stopping_ && std::chrono::steady_clock::now() < until) ended_.wait_until(mutex_, until);
  return !stopping_;
}

Result<Receipt> Invocations::accept(const Draft& draft) {
  const Destination destination = TRY(destinations_.find(draft.endpoint));
  if (!draft.input.empty()) TRY(files_.check(draft.input));
  const std::string unique = dashed(random_.hex(16));
  Receipt receipt;
  receipt.id = draft.id.empty() ? unique : draft.id;
  const std::string file = draft.file.empty() ? unique + ".out" : draft.file;
  receipt.output = below(below(destination.output, draft.folder), file);
  receipt.failure = below(below(destination.failure, draft.folder), unique + "-error.out");
  for (const std::string* location : {&receipt.output, &receipt.failure}) {
    if (Result<void> usable = files_.check(*location); !usable)
      return std::move(usable).error().with_context("where the endpoint's answers go");
  }
  const base::Timestamp now = wall_clock_.now();
  {
    base::MutexLock lock(mutex_);
    Lane& queue = lane(draft.endpoint);
    queue.in_flight = destination.in_flight.value_or(options_.in_flight);
    if (queue.waiting.size() + queue.arriving >= options_.queue_length_max) {
      return base::error(Code::kResourceExhausted,
                         "too many asynchronous invocations wait: endpoint={} waiting={}",
                         draft.endpoint, queue.waiting.size());
    }
    ++queue.arriving;
  }
  const base::Timestamp event_time = event_clock_.now();
  const Result<std::int64_t> number = db_.write([&](store::Tx& tx) -> Result<std::int64_t> {
    const auto given =
        TRY(tx.find("INSERT INTO invocations(endpoint, inference_id, input, body, content_type, "
                    "output, failure, event_time, received_at, expires_at, call_limit_us) "
                    "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number",
                    {draft.endpoint, receipt.id, draft.input, store::Bytes{draft.body},
                     draft.content_type, receipt.output, receipt.failure, event_time, now,
                     now + draft.queue_limit, draft.call_limit.micros},
                    [](const store::Row& row) { return row.int64(0); }));
    if (!given) return base::error(Code::kInternal, "an invocation was given no number");
    return *given;
  });
  base::MutexLock lock(mutex_);
  Lane& queue = lane(draft.endpoint);
  --queue.arriving;
  if (!number) return number.error();
  line_up(queue, {.number = *number, .received_at = now});
  return receipt;
}

void Invocations::run() {
  for (;;) {
    Lane* lane = nullptr;
    std::int64_t number = 0;
    {
      base::MutexLock lock(mutex_);
      ++idle_;
      while (!stopping_ && (lane = find_work()) == nullptr) wake_.wait(mutex_);
      --idle_;
      if (stopping_) return;
      number = lane->waiting.front().number;
      lane->waiting.pop_front();
      ++lane->running;
      lane->tell();
      for (const auto& [endpoint, each] : lanes_) {
        if (each.get() == lane) last_served_ = endpoint;
      }
      employ();  // the next one, if there is more
    }
    const bool goes_on = finish(number);
    base::MutexLock lock(mutex_);
    --lane->running;
    lane->tell();
    if (!goes_on) return;
  }
}

template <typename Call>
auto Invocations::insist(std::optional<base::Timestamp> until, Call call)
    -> std::optional<decltype(call())> {
  for (int tries = 0;; ++tries) {
    auto result = call();
    if (result || !is_passing(result.error().code)) return result;
    if (until && wall_clock_.now() >= *until) {
      return base::error(Code::kDeadlineExceeded,
                         "the request's time in the queue is over; what it waited for: {}",
                         result.error().message);
    }
    retries_.add();
    const milliseconds time =
        std::min(options_.retry_last, options_.retry_first * (1 << std::min(tries, 12)));
    if (!sleep(time)) return std::nullopt;
  }
}

Result<std::optional<Invocations::Invocation>> Invocations::find(std::int64_t number) {
  return db_.read([&](store::Reader& reader) {
    return reader.find(
        "SELECT endpoint, inference_id, input, body, content_type, output, failure, event_time, "
        "expires_at, call_limit_us FROM invocations WHERE number = ?",
        {number}, [&](const store::Row& row) {
          Invocation found;
          found.number = number;
          found.endpoint = row.string(0);
          found.id = row.string(1);
          found.input = row.string(2);
          found.body = row.string(3);
          found.content_type = row.string(4);
          found.output = row.string(5);
          found.failure = row.string(6);
          found.event_time = row.time(7);
          found.expires_at = row.time(8);
          found.call_limit = {row.int64(9)};
          return found;
        });
  });
}

std::optional<Result<std::string>> Invocations::answer(const Invocation& invocation) {
  if (wall_clock_.now() >= invocation.expires_at) {
    return base::error(Code::kDeadlineExceeded, "the request's time in the queue is over");
  }
  std::string body = invocation.body;
  if (!invocation.input.empty()) {
    auto read = insist(invocation.expires_at, [&] { return files_.read(invocation.input); });
    if (!read) return std::nullopt;
    if (!*read) return std::move(*read).error().with_context("the input can't be read");
    body = std::move(**read);
  }
  return insist(invocation.expires_at, [&] {
    return scorer_.score({.endpoint = invocation.endpoint,
                          .id = invocation.id,
                          .content_type = invocation.content_type,
                          .body = body,
                          .event_time = invocation.event_time,
                          .deadline = std::chrono::steady_clock::now() +
                                      std::chrono::microseconds(invocation.call_limit.micros)});
  });
}

bool Invocations::finish(std::int64_t number) {
  const auto found = insist({}, [&] { return find(number); });
  if (!found) return false;
  if (!*found || !**found) {
    base::log_error("invocations", "an invocation can't be read: number={} why={}", number,
                    *found ? "it is gone" : found->error().message);
    return true;
  }
  const Invocation& invocation = ***found;
  std::optional<Result<std::string>> answered = answer(invocation);
  if (!answered) return false;
  Result<std::string> result = std::move(*answered);
  if (result) {
    const auto written =
        insist({}, [&] { return files_.write(invocation.output, *result, kAnswerType); });
    if (!written) return false;
    if (*written) {
      answered_.add();
    } else {
      result = Error(written->error()).with_context("the answer can't be written");
    }
  }
  if (!result) {
    failed_.add();
    if (result.error().code == Code::kDeadlineExceeded &&
        wall_clock_.now() >= invocation.expires_at)
      expired_.add();
    const std::string text = scorer_.failure(result.error());
    const auto written =
        insist({}, [&] { return files_.write(invocation.failure, text, kAnswerType); });
    if (!written) return false;
    if (!*written) {
      lost_.add();
      base::log_error("invocations",
                      "an invocation's failure can't be written: endpoint={} id={} failure={} "
                      "location={} why={}",
                      invocation.endpoint, invocation.id, result.error().message,
                      invocation.failure, written->error().message);
    }
  }
  const auto removed = insist({}, [&] {
    return db_.write([&](store::Tx& tx) {
      return tx.execute("DELETE FROM invocations WHERE number = ?", {number});
    });
  });
  if (removed && !*removed) {
    base::log_error("invocations", "an invocation will be answered again: number={} why={}", number,
                    removed->error().message);
  }
  return removed.has_value();
}

}  // namespace slipway::invocations
