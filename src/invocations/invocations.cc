#include "invocations/invocations.h"

#include <algorithm>
#include <atomic>

#include "base/log.h"

namespace slipway::invocations {
namespace {

using std::chrono::milliseconds;

constexpr const char* kAnswerType = "application/json";
// So often a model may give no answer to a question: perhaps it is the question that ends its
// process, and that takes the process from others too.
constexpr int kScoreTries = 8;

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

// What others throw is an error like any other: the net under a thread's work.
template <typename Call>
auto caught(Call call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::exception& e) {
    return base::error(Code::kInternal, "an asynchronous invocation threw: what={}", e.what());
  }
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

// One that is under way, and how far it is.
struct Invocations::Job {
  std::int64_t number = 0;
  std::optional<Invocation> row;
  std::optional<std::string> question;
  std::optional<Result<std::string>> result;  // the answer, or why there is none
  bool is_written = false;
  int tries = 0;       // that failed, of what is tried now
  int unanswered = 0;  // of the model's calls
};

// How long a call that fails is made again.
struct Invocations::Patience {
  std::optional<base::Timestamp> passing_until;  // errors that pass; nothing: however long
  base::Timestamp others_until{};                // all others; by default not at all
};

struct Invocations::Lane {
  // What gauges read; lives as long as the metrics.
  struct Gauges {
    std::atomic<std::int64_t> waiting{0}, in_flight{0};
    std::atomic<std::int64_t> oldest_us{0};  // when the first of them was received; 0: none waits
  };

  std::deque<Waiting> waiting;
  std::multimap<Time, std::unique_ptr<Job>> resting;  // by when they go on
  std::size_t arriving = 0;                           // being written
  std::size_t running = 0;                            // with those that rest
  std::size_t in_flight = 0;                          // as many may run
  std::shared_ptr<Gauges> gauges = std::make_shared<Gauges>();

  // When a thread can go on here; max(): there is nothing to do.
  Time next_work() const {
    if (!waiting.empty() && running < in_flight) return Time::min();
    return resting.empty() ? Time::max() : resting.begin()->first;
  }
  // What there is to do now.
  std::unique_ptr<Job> take(Time now) {
    if (!resting.empty() && resting.begin()->first <= now)
      return std::move(resting.extract(resting.begin()).mapped());
    auto job = std::make_unique<Job>();
    job->number = waiting.front().number;
    waiting.pop_front();
    ++running;
    tell();
    return job;
  }
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
  if (idle_ == 0 && threads_.size() < options_.threads_max && next_work() != Time::max()) hire();
  wake_.notify_one();
}

void Invocations::hire() {
  threads_.emplace_back([this] { run(); });
  pthread_setname_np(threads_.back().native_handle(), "invocations");
}

Invocations::Time Invocations::next_work() const {
  Time first = Time::max();
  for (const auto& [endpoint, lane] : lanes_) first = std::min(first, lane->next_work());
  return first;
}

// Endpoints take turns: the first one behind the last that has something to do now.
Invocations::Lane* Invocations::find_work() {
  const Time now = std::chrono::steady_clock::now();
  const auto has_work = [now](const auto& entry) { return entry.second->next_work() <= now; };
  const auto behind = lanes_.upper_bound(last_served_);
  auto found = std::find_if(behind, lanes_.end(), has_work);
  if (found == lanes_.end()) found = std::find_if(lanes_.begin(), behind, has_work);
  if (found == lanes_.end() || !has_work(*found)) return nullptr;
  last_served_ = found->first;
  return found->second.get();
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
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
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
        TRY(tx.insert("INSERT INTO invocations(endpoint, inference_id, input, body, content_type, "
                      "output, failure, event_time, received_at, expires_at, call_limit_us) "
                      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      "number",
                      {draft.endpoint, receipt.id, draft.input, store::Bytes{draft.body},
                       draft.content_type, receipt.output, receipt.failure, event_time, now,
                       now + draft.queue_limit, draft.call_limit.micros}));
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
    std::unique_ptr<Job> job;
    {
      base::MutexLock lock(mutex_);
      ++idle_;
      while (!stopping_ && (lane = find_work()) == nullptr) wake_.wait_until(mutex_, next_work());
      --idle_;
      if (stopping_) return;
      job = lane->take(std::chrono::steady_clock::now());
      employ();  // the next one, if there is more
    }
    const bool is_over = go_on(*job);
    base::MutexLock lock(mutex_);
    if (is_over) {
      --lane->running;
    } else {
      const Time again = std::chrono::steady_clock::now() + pause(*job);
      lane->resting.emplace(again, std::move(job));
    }
    lane->tell();
  }
}

// Not always the same, so that a question that ends a model's process doesn't meet the same others
// there at every try.
milliseconds Invocations::pause(const Job& job) {
  const milliseconds whole =
      std::min(options_.retry_last, options_.retry_first * (1 << std::min(job.tries - 1, 12)));
  const auto half = static_cast<std::uint64_t>(whole.count()) / 2;
  return whole - milliseconds(static_cast<std::int64_t>(random_.next_u64() % (half + 1)));
}

template <typename Call>
auto Invocations::attempt(Job& job, const Patience& patience, Call call)
    -> std::optional<decltype(call())> {
  auto result = caught(call);
  if (result) {
    job.tries = 0;
    return result;
  }
  const Error& error = result.error();
  const base::Timestamp now = wall_clock_.now();
  const bool passes = is_passing(error.code);
  if (!passes && now >= patience.others_until) return result;
  if (passes && patience.passing_until && now >= *patience.passing_until) {
    return base::error(Code::kDeadlineExceeded,
                       "the request's time in the queue is over; what it waited for: {}",
                       error.message);
  }
  ++job.tries;
  retries_.add();
  return std::nullopt;
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

std::optional<Result<std::string>> Invocations::answer(Job& job) {
  const Invocation& row = *job.row;
  const Patience patience{.passing_until = row.expires_at};
  if (job.tries == 0 && wall_clock_.now() >= row.expires_at)
    return base::error(Code::kDeadlineExceeded, "the request's time in the queue is over");
  if (!job.question) {
    if (row.input.empty()) {
      job.question = std::move(job.row->body);
    } else {
      auto read = attempt(job, patience, [&] { return files_.read(row.input); });
      if (!read) return std::nullopt;
      if (!*read) return std::move(*read).error().with_context("the input can't be read");
      job.question = std::move(**read);
    }
  }
  return attempt(job, patience, [&]() -> Result<std::string> {
    TRY(scorer_.ready(row.endpoint));
    auto scored = scorer_.score({.endpoint = row.endpoint,
                                 .id = row.id,
                                 .content_type = row.content_type,
                                 .body = *job.question,
                                 .event_time = row.event_time,
                                 .deadline = std::chrono::steady_clock::now() +
                                             std::chrono::microseconds(row.call_limit.micros)});
    if (!scored && scored.error().code == Code::kUnavailable && ++job.unanswered == kScoreTries) {
      return base::error(Code::kInternal, "the model gave no answer: tries={} why={}", kScoreTries,
                         scored.error().message);
    }
    return scored;
  });
}

bool Invocations::write(Job& job) {
  const Invocation& row = *job.row;
  const Result<std::string>& result = *job.result;
  std::optional<Error> failure;
  if (result) {
    const auto written =
        attempt(job, {}, [&] { return files_.write(row.output, *result, kAnswerType); });
    if (!written) return false;
    if (*written) {
      answered_.add();
      return true;
    }
    failure = Error(written->error()).with_context("the answer can't be written");
  } else {
    failure = result.error();
  }
  // Where this is refused too, both are tried again: perhaps somebody mends it.
  const auto written = attempt(job, {.others_until = row.expires_at}, [&]() -> Result<void> {
    Result<void> put = files_.write(row.failure, scorer_.failure(*failure), kAnswerType);
    if (!put && job.tries == 0) {
      base::log_warning("invocations", "an end can't be written yet: endpoint={} id={} why={}",
                        row.endpoint, row.id, put.error().message);
    }
    return put;
  });
  if (!written) return false;
  failed_.add();
  if (failure->code == Code::kDeadlineExceeded && wall_clock_.now() >= row.expires_at)
    expired_.add();
  if (!*written) {
    lost_.add();
    base::log_error("invocations",
                    "an invocation's failure can't be written: endpoint={} id={} failure={} "
                    "location={} why={}",
                    row.endpoint, row.id, failure->message, row.failure, written->error().message);
  }
  return true;
}

bool Invocations::go_on(Job& job) {
  if (!job.row) {
    auto found = attempt(job, {}, [&] { return find(job.number); });
    if (!found) return false;
    if (!*found || !**found) {
      base::log_error("invocations", "an invocation can't be read: number={} why={}", job.number,
                      *found ? "it is gone" : found->error().message);
      return true;
    }
    job.row = std::move(***found);
  }
  if (!job.result) {
    job.result = answer(job);
    if (!job.result) return false;
    job.question.reset();
    job.tries = 0;
  }
  if (!job.is_written) {
    if (!write(job)) return false;
    job.is_written = true;
    job.tries = 0;
  }
  const auto removed = attempt(job, {}, [&] {
    return db_.write([&](store::Tx& tx) {
      return tx.execute("DELETE FROM invocations WHERE number = ?", {job.number});
    });
  });
  if (removed && !*removed) {
    base::log_error("invocations", "an invocation will be answered again: number={} why={}",
                    job.number, removed->error().message);
  }
  return removed.has_value();
}

}  // namespace slipway::invocations
