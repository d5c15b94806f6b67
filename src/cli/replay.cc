#include "cli/replay.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <numeric>
#include <thread>

#include "cli/table.h"
#include "types/timestamp.h"

namespace slipway::cli {
namespace {

using base::Timestamp;
using SteadyClock = std::chrono::steady_clock;
using types::ColumnType;

constexpr std::size_t kRowsPerPost = 2000;
constexpr auto kWaitForRun = std::chrono::milliseconds(100);

double seconds_since(SteadyClock::time_point begin) {
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

Json cell_json(const types::Column& column, std::size_t row) {
  if (!column.is_valid(row)) return nullptr;
  switch (column.type) {
    case ColumnType::kString:
      return Json(column.strings[row]);
    case ColumnType::kTimestamp:
      return Json(types::to_rfc3339(Timestamp{column.ints[row]}));
    case ColumnType::kBool:
      return column.ints[row] != 0;
    case ColumnType::kInt64:
      return column.ints[row];
    case ColumnType::kDouble:
      return base::number_or_null(column.doubles[row]);
  }
  return nullptr;
}

// Rows in the order of their times; those without a time never come.
class Schedule {
 public:
  explicit Schedule(std::span<const std::optional<Timestamp>> times) {
    for (std::size_t row = 0; row < times.size(); ++row) {
      if (times[row]) rows_.push_back(row);
    }
    std::stable_sort(rows_.begin(), rows_.end(),
                     [&](std::size_t a, std::size_t b) { return *times[a] < *times[b]; });
    for (const std::size_t row : rows_) times_.push_back(*times[row]);
  }

  // Leaves out what lies before `time`.
  void skip(Timestamp time) { next_ = position(time); }
  // The rows before `time` that have not been taken.
  std::span<const std::size_t> take(Timestamp time) {
    const std::size_t begin = next_;
    next_ = std::max(next_, position(time));
    return std::span(rows_).subspan(begin, next_ - begin);
  }
  // What was taken last is not done: it comes with the next.
  void put_back(std::size_t count) { next_ -= count; }
  std::optional<Timestamp> last() const {
    return times_.empty() ? std::nullopt : std::optional(times_.back());
  }
  std::size_t count_before(Timestamp time) const { return position(time) - next_; }

 private:
  std::size_t position(Timestamp time) const {
    return static_cast<std::size_t>(std::lower_bound(times_.begin(), times_.end(), time) -
                                    times_.begin());
  }

  std::vector<std::size_t> rows_;
  std::vector<Timestamp> times_;  // by position
  std::size_t next_ = 0;
};

// Sends infer requests from several threads, each with a connection of its own.
class Senders {
 public:
  Senders(const Context& context, const Recording& recording, const ReplayOptions& options)
      : options_(options), recording_(recording) {
    for (std::size_t i = 0; i < options.connections; ++i) clients_.emplace_back(context);
    latencies_.resize(options.connections);
    failures_.resize(options.connections);
    path_ = path_of("/v2/models/{}/infer", {options.endpoint});
  }

  void send(std::span<const std::size_t> rows) {
    const auto begin = SteadyClock::now();
    std::atomic<std::size_t> next = 0;
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < std::min(clients_.size(), rows.size()); ++t) {
      threads.emplace_back([&, t] {
        for (std::size_t i = next++; i < rows.size(); i = next++) send_one(t, rows[i]);
      });
    }
    threads.clear();
    seconds_ += seconds_since(begin);
  }

  void send_for(std::span<const std::size_t> rows, double seconds) {
    const auto begin = SteadyClock::now();
    std::atomic<std::size_t> next = 0;
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < clients_.size(); ++t) {
      threads.emplace_back([&, t] {
        while (seconds_since(begin) < seconds) send_one(t, rows[next++ % rows.size()]);
      });
    }
    threads.clear();
    seconds_ += seconds_since(begin);
  }

  void report(ReplayReport& report) const {
    std::vector<double> all;
    for (const auto& some : latencies_) all.insert(all.end(), some.begin(), some.end());
    std::sort(all.begin(), all.end());
    const auto at = [&](double share) {
      return all.empty()
                 ? std::nan("")
                 : all[static_cast<std::size_t>(share * static_cast<double>(all.size() - 1))];
    };
    report.requests = std::ssize(all);
    report.latency_ms_p50 = at(0.50);
    report.latency_ms_p99 = at(0.99);
    report.request_seconds = seconds_;
    for (const Failures& some : failures_) {
      report.failed += some.count;
      if (report.first_failure.empty()) report.first_failure = some.first;
      report.failed_at.insert(report.failed_at.end(), some.times.begin(), some.times.end());
    }
    std::sort(report.failed_at.begin(), report.failed_at.end());
  }

 private:
  struct Failures {
    std::int64_t count = 0;
    std::string first;
    std::vector<Timestamp> times;
  };

  void send_one(std::size_t thread, std::size_t row) {
    const std::string body =
        infer_body(recording_, row, {.traffic = options_.load_seconds ? "load" : ""});
    const auto begin = SteadyClock::now();
    const auto reply = clients_[thread].post_text(path_, body);
    latencies_[thread].push_back(seconds_since(begin) * 1e3);
    if (reply) return;
    Failures& failures = failures_[thread];
    if (failures.count++ == 0) failures.first = reply.error().message;
    failures.times.push_back(recording_.time(row));
  }

  const ReplayOptions& options_;
  const Recording& recording_;
  std::string path_;
  std::vector<Client> clients_;
  std::vector<std::vector<double>> latencies_;  // milliseconds, by thread
  std::vector<Failures> failures_;              // by thread
  double seconds_ = 0;
};

Result<std::int64_t> push(Client& client, const Recording::Source& source, Schedule& schedule,
                          Timestamp until) {
  const auto rows = schedule.take(until);
  for (std::size_t begin = 0; begin < rows.size(); begin += kRowsPerPost) {
    JsonArray batch;
    for (const std::size_t row : rows.subspan(begin, std::min(kRowsPerPost, rows.size() - begin))) {
      JsonObject object;
      for (const types::Column& column : source.rows.columns())
        object[column.name] = cell_json(column, row);
      batch.push_back(std::move(object));
    }
    const auto pushed = client.post("/slipway/v1/features/push",
                                    {{"source", source.name}, {"rows", std::move(batch)}});
    if (!pushed) {
      schedule.put_back(rows.size() - begin);
      return pushed.error();
    }
  }
  return std::ssize(rows);
}

// Outcomes of what was asked from `from` on: the others were never asked for.
Result<std::int64_t> post_labels(Client& client, const std::string& endpoint,
                                 const Recording& recording, Schedule& schedule, Timestamp from,
                                 Timestamp until) {
  const types::Column& ids = *recording.requests.find(recording.id);
  JsonArray batch;
  const auto rows = schedule.take(until);
  for (const std::size_t row : rows) {
    const Timestamp event = recording.time(row);
    if (event < from) continue;
    const std::optional<double> label = recording.labels[row];
    batch.push_back(JsonObject{{"id", ids.strings[row]},
                               {"value", label ? Json(*label) : Json(nullptr)},
                               {"event_time", types::to_rfc3339(event)},
                               {"arrival_time", types::to_rfc3339(*recording.label_times[row])}});
  }
  const std::int64_t count = std::ssize(batch);
  if (count > 0) {
    const auto posted = client.post(path_of("/slipway/v1/endpoints/{}/labels", {endpoint}),
                                    {{"labels", std::move(batch)}});
    if (!posted) {
      schedule.put_back(rows.size());
      return posted.error();
    }
  }
  return count;
}

// The clock stands still while a run that the loop has started goes on.
Result<void> advance(Client& client, Timestamp target, const ReplayOptions& options,
                     const Tell& tell) {
  for (;;) {
    Json clock = TRY(client.post("/slipway/v1/clock", {{"advance_to", types::to_rfc3339(target)}}));
    if (cell(member_at(clock, "state")) == "ready") return {};
    tell("at " + cell(member_at(clock, "now")) + " a pipeline runs; the event clock waits");
    while (cell(member_at(clock, "state")) != "ready") {
      std::this_thread::sleep_for(kWaitForRun);
      if (options.at_wait) TRY(options.at_wait());
      clock = TRY(client.get("/slipway/v1/clock"));
    }
  }
}

Result<Timestamp> clock_now(Client& client) {
  return types::parse_rfc3339(cell(member_at(TRY(client.get("/slipway/v1/clock")), "now")));
}

}  // namespace

std::string infer_body(const Recording& recording, std::size_t row, const AskedAs& as) {
  const types::Frame& frame = recording.requests;
  JsonArray inputs;
  const auto add = [&](const types::Column& column) {
    const bool is_text =
        column.type == ColumnType::kString || column.type == ColumnType::kTimestamp;
    inputs.push_back(JsonObject{{"name", column.name},
                                {"shape", JsonArray{1}},
                                {"datatype", is_text ? "BYTES" : "FP64"},
                                {"data", JsonArray{cell_json(column, row)}}});
  };
  for (const std::string& name : recording.inputs) add(*frame.find(name));
  for (const std::string& name : recording.given) {
    const types::Column& column = *frame.find(name);
    if (column.is_valid(row)) add(column);
  }
  JsonObject parameters{{"event_time", cell_json(*frame.find(recording.event_time), row)}};
  if (!as.traffic.empty()) parameters["traffic"] = as.traffic;
  const Json id = as.id.empty() ? cell_json(*frame.find(recording.id), row) : Json(as.id);
  return base::to_text(
      JsonObject{{"id", id}, {"inputs", std::move(inputs)}, {"parameters", std::move(parameters)}});
}

JsonObject ReplayReport::to_json() const {
  return {{"requests", requests},
          {"failed_requests", failed},
          {"first_failure", first_failure},
          {"labels", labels},
          {"pushed_rows", pushed},
          {"seconds", seconds},
          {"requests_per_second",
           request_seconds > 0 ? static_cast<double>(requests) / request_seconds : 0},
          {"latency_ms", JsonObject{{"p50", base::number_or_null(latency_ms_p50)},
                                    {"p99", base::number_or_null(latency_ms_p99)}}}};
}

Result<ReplayReport> replay(const Context& context, const Recording& recording,
                            const ReplayOptions& options, const Tell& tell) {
  const auto begin = SteadyClock::now();
  Client client(context);
  std::vector<std::optional<Timestamp>> times(recording.requests.rows());
  const types::Column& events = *recording.requests.find(recording.event_time);
  for (std::size_t row = 0; row < times.size(); ++row) {
    if (events.is_valid(row)) times[row] = Timestamp{events.ints[row]};
  }
  Schedule requests(times);
  Timestamp now = options.from ? *options.from : TRY(clock_now(client));
  const Timestamp asked_since = options.asked_since.value_or(now);
  const Timestamp until = options.until.value_or(requests.last().value_or(now) + base::Duration{1});
  requests.skip(now);
  Senders senders(context, recording, options);
  ReplayReport report;
  if (options.load_seconds) {
    const auto rows = requests.take(until);
    if (rows.empty()) return base::error(Code::kInvalidArgument, "no requests in this time");
    senders.send_for(rows, *options.load_seconds);
    senders.report(report);
    report.seconds = seconds_since(begin);
    return report;
  }

  std::vector<Schedule> pushes;
  for (const Recording::Source& source : recording.sources) {
    pushes.emplace_back(source.times);
    pushes.back().skip(now + base::Duration{1});
  }
  Schedule labels(recording.label_times);
  labels.skip(now);
  const std::size_t total = requests.count_before(until);
  auto told = begin;
  std::size_t sent = 0;
  while (now < until) {
    if (options.stop != nullptr && *options.stop)
      return base::error(Code::kUnavailable, "interrupted at {}", types::to_rfc3339(now));
    if (options.at_tick) TRY(options.at_tick(now));
    const Timestamp end = std::min(now + options.tick, until);
    // Done, or to be tried again in the next tick.
    const auto wait = [&](const auto& done) -> Result<void> {
      if (done) return {};
      if (!options.at_tick) return done.error();
      report.waited_until = end;
      return {};
    };
    // What arrives exactly at the end counts as known then.
    const Timestamp known = end + base::Duration{1};
    for (std::size_t i = 0; i < pushes.size(); ++i) {
      const auto pushed = push(client, recording.sources[i], pushes[i], known);
      TRY(wait(pushed));
      report.pushed += pushed.value_or(0);
      report.waited += pushed ? 0 : 1;
    }
    const auto rows = requests.take(end);
    senders.send(rows);
    sent += rows.size();
    const auto labelled =
        post_labels(client, options.endpoint, recording, labels, asked_since, known);
    TRY(wait(labelled));
    report.labels += labelled.value_or(0);
    report.waited += labelled ? 0 : 1;
    TRY(wait(advance(client, end, options, tell)));
    now = end;
    if (std::chrono::duration<double>(SteadyClock::now() - told).count() > 0.5) {
      told = SteadyClock::now();
      const double gone = seconds_since(begin);
      const double share =
          static_cast<double>(sent) / static_cast<double>(std::max<std::size_t>(total, 1));
      tell(fmt::format("{}  {} of {} requests ({:.0f} %), {:.0f} s left",
                       types::to_rfc3339(now).substr(0, 10), sent, total, 100 * share,
                       share > 0 ? gone / share - gone : 0.0));
    }
  }
  senders.report(report);
  report.seconds = seconds_since(begin);
  return report;
}

}  // namespace slipway::cli
