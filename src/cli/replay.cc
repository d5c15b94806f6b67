#include "cli/replay.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <numeric>
#include <thread>

#include "cli/table.h"
#include "features/expression.h"
#include "store/parquet.h"
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

Result<const types::Column*> time_column(const types::Frame& frame, const std::string& name) {
  const types::Column* column = TRY(frame.column(name));
  if (column->type != ColumnType::kTimestamp)
    return base::error(Code::kInvalidArgument, "not a column of times: column={}", name);
  return column;
}

// Rows in the order of a time column; those without a time never come.
class Schedule {
 public:
  static Result<Schedule> of(const types::Frame& frame, const std::string& column) {
    Schedule schedule;
    schedule.times_ = &TRY(time_column(frame, column))->ints;
    const types::Column& times = *frame.find(column);
    for (std::size_t row = 0; row < times.size(); ++row) {
      if (times.is_valid(row)) schedule.rows_.push_back(row);
    }
    std::stable_sort(schedule.rows_.begin(), schedule.rows_.end(),
                     [&](std::size_t a, std::size_t b) { return times.ints[a] < times.ints[b]; });
    return schedule;
  }

  // Leaves out what lies before `time`.
  void skip(Timestamp time) { next_ = position(time.micros); }
  // The rows before `time` that have not been taken.
  std::span<const std::size_t> take(Timestamp time) {
    const std::size_t begin = next_;
    next_ = std::max(next_, position(time.micros));
    return std::span(rows_).subspan(begin, next_ - begin);
  }
  std::optional<Timestamp> last() const {
    if (rows_.empty()) return std::nullopt;
    return Timestamp{(*times_)[rows_.back()]};
  }
  std::size_t left() const { return rows_.size() - next_; }
  std::size_t count_before(Timestamp time) const { return position(time.micros) - next_; }

 private:
  std::size_t position(std::int64_t micros) const {
    return static_cast<std::size_t>(
        std::partition_point(rows_.begin(), rows_.end(),
                             [&](std::size_t row) { return (*times_)[row] < micros; }) -
        rows_.begin());
  }

  const std::vector<std::int64_t>* times_ = nullptr;
  std::vector<std::size_t> rows_;
  std::size_t next_ = 0;
};

struct Source {
  std::string name;
  types::Frame frame;
  Schedule schedule;
};

// Sends infer requests from several threads, each with a connection of its own.
class Senders {
 public:
  Senders(const Context& context, const ReplayOptions& options, const types::Frame& frame)
      : options_(options) {
    for (std::size_t i = 0; i < options.connections; ++i) clients_.emplace_back(context);
    latencies_.resize(options.connections);
    failures_.resize(options.connections);
    path_ = path_of("/v2/models/{}/infer", {options.endpoint});
    id_ = frame.find(options.id);
    time_ = frame.find(options.event_time);
    for (const std::string& name : options.inputs) inputs_.push_back(frame.find(name));
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
    }
  }

 private:
  struct Failures {
    std::int64_t count = 0;
    std::string first;
  };

  std::string body_of(std::size_t row) const {
    JsonArray inputs;
    for (const types::Column* column : inputs_) {
      const bool is_text =
          column->type == ColumnType::kString || column->type == ColumnType::kTimestamp;
      inputs.push_back(JsonObject{{"name", column->name},
                                  {"shape", JsonArray{1}},
                                  {"datatype", is_text ? "BYTES" : "FP64"},
                                  {"data", JsonArray{cell_json(*column, row)}}});
    }
    JsonObject parameters{{"event_time", cell_json(*time_, row)}};
    if (options_.load_seconds) parameters["traffic"] = "load";
    return base::to_text(JsonObject{{"id", cell_json(*id_, row)},
                                    {"inputs", std::move(inputs)},
                                    {"parameters", std::move(parameters)}});
  }

  void send_one(std::size_t thread, std::size_t row) {
    const std::string body = body_of(row);
    const auto begin = SteadyClock::now();
    const auto reply = clients_[thread].post_text(path_, body);
    latencies_[thread].push_back(seconds_since(begin) * 1e3);
    if (reply) return;
    Failures& failures = failures_[thread];
    if (failures.count++ == 0) failures.first = reply.error().message;
  }

  const ReplayOptions& options_;
  std::string path_;
  std::vector<Client> clients_;
  const types::Column *id_ = nullptr, *time_ = nullptr;
  std::vector<const types::Column*> inputs_;
  std::vector<std::vector<double>> latencies_;  // milliseconds, by thread
  std::vector<Failures> failures_;              // by thread
  double seconds_ = 0;
};

Result<std::int64_t> push(Client& client, Source& source, Timestamp until) {
  const auto rows = source.schedule.take(until);
  for (std::size_t begin = 0; begin < rows.size(); begin += kRowsPerPost) {
    JsonArray batch;
    for (const std::size_t row : rows.subspan(begin, std::min(kRowsPerPost, rows.size() - begin))) {
      JsonObject object;
      for (const types::Column& column : source.frame.columns())
        object[column.name] = cell_json(column, row);
      batch.push_back(std::move(object));
    }
    TRY(client.post("/slipway/v1/features/push",
                    {{"source", source.name}, {"rows", std::move(batch)}}));
  }
  return std::ssize(rows);
}

// Outcomes of request rows, posted when they arrive.
class LabelSource {
 public:
  static Result<LabelSource> of(const ReplayOptions& options, const types::Frame& frame) {
    LabelSource labels(options, frame);
    std::vector<features::NamedColumn> columns;
    for (const types::Column& column : frame.columns())
      columns.push_back({column.name, features::value_type(column.type)});
    labels.expression_ = TRY(features::Expression::parse(options.label, columns));
    labels.schedule_ = TRY(Schedule::of(frame, options.label_time));
    return labels;
  }

  void skip(Timestamp time) { schedule_.skip(time); }

  // Only of requests from `from` on: the others were never asked for.
  Result<std::int64_t> post(Client& client, Timestamp from, Timestamp until) {
    const types::Column& ids = *frame_.find(options_.id);
    const types::Column& events = *frame_.find(options_.event_time);
    const types::Column& arrivals = *frame_.find(options_.label_time);
    JsonArray batch;
    std::vector<features::Value> cells(frame_.columns().size());
    for (const std::size_t row : schedule_.take(until)) {
      if (events.ints[row] < from.micros) continue;
      for (std::size_t c = 0; c < cells.size(); ++c)
        cells[c] = features::cell_of(frame_.columns()[c], row);
      const features::Value value = expression_.evaluate(cells);
      const auto* number = std::get_if<double>(&value);
      batch.push_back(JsonObject{{"id", ids.strings[row]},
                                 {"value", number != nullptr ? Json(*number) : Json(nullptr)},
                                 {"event_time", cell_json(events, row)},
                                 {"arrival_time", cell_json(arrivals, row)}});
    }
    const std::int64_t count = std::ssize(batch);
    if (count > 0) {
      TRY(client.post(path_of("/slipway/v1/endpoints/{}/labels", {options_.endpoint}),
                      {{"labels", std::move(batch)}}));
    }
    return count;
  }

 private:
  LabelSource(const ReplayOptions& options, const types::Frame& frame)
      : options_(options), frame_(frame) {}

  const ReplayOptions& options_;
  const types::Frame& frame_;
  features::Expression expression_;
  Schedule schedule_;
};

// The clock stands still while a run that the loop has started goes on.
Result<void> advance(Client& client, Timestamp target, const Tell& tell) {
  for (;;) {
    Json clock = TRY(client.post("/slipway/v1/clock", {{"advance_to", types::to_rfc3339(target)}}));
    if (cell(member_at(clock, "state")) == "ready") return {};
    tell("at " + cell(member_at(clock, "now")) + " a pipeline runs; the event clock waits");
    while (cell(member_at(clock, "state")) != "ready") {
      std::this_thread::sleep_for(kWaitForRun);
      clock = TRY(client.get("/slipway/v1/clock"));
    }
  }
}

Result<Timestamp> clock_now(Client& client) {
  return types::parse_rfc3339(cell(member_at(TRY(client.get("/slipway/v1/clock")), "now")));
}

}  // namespace

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

Result<ReplayReport> replay(const Context& context, const ReplayOptions& options,
                            const Tell& tell) {
  const auto begin = SteadyClock::now();
  Client client(context);
  const types::Frame frame = TRY(store::read_parquet(options.requests));
  for (const std::string& name : options.inputs) TRY(frame.column(name));
  if (TRY(frame.column(options.id))->type != ColumnType::kString)
    return base::error(Code::kInvalidArgument, "request ids must be texts: column={}", options.id);
  Schedule requests = TRY(Schedule::of(frame, options.event_time));
  Timestamp now = options.from ? *options.from : TRY(clock_now(client));
  const Timestamp from = now;
  const Timestamp until = options.until.value_or(requests.last().value_or(now) + base::Duration{1});
  requests.skip(now);
  Senders senders(context, options, frame);
  ReplayReport report;
  if (options.load_seconds) {
    const auto rows = requests.take(until);
    if (rows.empty()) return base::error(Code::kInvalidArgument, "no requests in this time");
    senders.send_for(rows, *options.load_seconds);
    senders.report(report);
    report.seconds = seconds_since(begin);
    return report;
  }

  std::vector<Source> sources;
  sources.reserve(options.sources.size());  // schedules point into frames
  for (const PushedSource& pushed : options.sources) {
    Source& source =
        sources.emplace_back(Source{pushed.source, TRY(store::read_parquet(pushed.file)), {}});
    source.schedule = TRY(Schedule::of(source.frame, pushed.column));
    source.schedule.skip(now + base::Duration{1});
  }
  std::optional<LabelSource> labels;
  if (!options.label.empty()) {
    labels.emplace(TRY(LabelSource::of(options, frame)));
    labels->skip(now);
  }
  const std::size_t total = requests.count_before(until);
  auto told = begin;
  std::size_t sent = 0;
  while (now < until) {
    const Timestamp end = std::min(now + options.tick, until);
    // What arrives exactly at the end counts as known then.
    const Timestamp known = end + base::Duration{1};
    for (Source& source : sources) report.pushed += TRY(push(client, source, known));
    const auto rows = requests.take(end);
    senders.send(rows);
    sent += rows.size();
    if (labels) report.labels += TRY(labels->post(client, from, known));
    TRY(advance(client, end, tell));
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
