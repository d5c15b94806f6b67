#include "cli/drill/generated_traffic.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cli/drill/changes.h"
#include "cli/drill/logged_traffic.h"
#include "cli/scratch.h"
#include "cli/table.h"
#include "store/parquet.h"
#include "types/timestamp.h"

namespace slipway::cli {
namespace {

using base::Duration;
using base::Timestamp;
using types::Column;
using types::ColumnType;

constexpr const char* kId = "_slipway_id";
constexpr Duration kWeek = Duration::days(7);
constexpr double kDayMicros = 86'400e6;
constexpr std::size_t kTriesPerRow = 50;  // until a row's time of the week fits

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// What is looked up, as it was known at each row's time; empty: the endpoint looks nothing up.
Result<types::Frame> features_of(Client& production, const GenerateOptions& options) {
  const Json shape = TRY(production.get(path_of("/v2/models/{}", {options.endpoint})));
  const Json& service = member_at(shape, "parameters.features");
  if (!service.is_string()) return types::Frame();
  const Scratch scratch = TRY(Scratch::make("generate"));
  const std::filesystem::path file = scratch.path() / "features.parquet";
  const Json clock = TRY(production.get("/slipway/v1/clock"));
  TRY(production.download("/slipway/v1/features/history",
                          {{"service", service},
                           {"entities", options.dataset},
                           {"as_of", member_at(clock, "now")},
                           {"mark", "drill"}},
                          file));
  return store::read_parquet(file);
}

}  // namespace

std::string Generated::words() const {
  return fmt::format("{} rows of {}, version {}, of which {:.4g} are drawn for each day", rows,
                     dataset, version, per_day);
}

JsonObject Generated::to_json() const {
  return {{"dataset", dataset},
          {"version", version},
          {"rows", static_cast<std::int64_t>(rows)},
          {"requests_per_day", per_day}};
}

Result<double> rows_per_day(const types::Frame& rows, const std::string& event_time) {
  const Column& times = *TRY(rows.column(event_time));
  double count = 0;
  std::int64_t first = std::numeric_limits<std::int64_t>::max(), last = 0;
  for (std::size_t row = 0; row < times.size(); ++row) {
    if (!times.is_valid(row)) continue;
    first = count == 0 ? times.ints[row] : std::min(first, times.ints[row]);
    last = count == 0 ? times.ints[row] : std::max(last, times.ints[row]);
    count += 1;
  }
  if (count == 0)
    return base::error(Code::kInvalidArgument, "no row has a time: column={}", event_time);
  return count / std::max(1.0, static_cast<double>(last - first) / kDayMicros);
}

Result<types::Frame> drawn_rows(const types::Frame& rows, const std::string& event_time,
                                Timestamp from, Timestamp until, double per_day,
                                std::uint64_t seed) {
  const Column& times = *TRY(rows.column(event_time));
  Rows timed;
  for (std::size_t row = 0; row < times.size(); ++row) {
    if (times.is_valid(row)) timed.push_back(row);
  }
  if (timed.empty())
    return base::error(Code::kInvalidArgument, "no row has a time: column={}", event_time);
  const std::int64_t length = (until - from).micros;
  const auto wanted =
      static_cast<std::size_t>(std::llround(per_day * static_cast<double>(length) / kDayMicros));
  const std::int64_t weeks = (length + kWeek.micros - 1) / kWeek.micros;
  Dose dose;
  dose.seed = seed;
  const auto one_of = [&](const char* what, std::size_t number, std::size_t count) {
    return std::min(
        count - 1, static_cast<std::size_t>(draw(dose, what, number) * static_cast<double>(count)));
  };
  struct Drawn {
    std::int64_t time;
    std::size_t number, row;
  };
  std::vector<Drawn> drawn;
  for (std::size_t number = 0; drawn.size() < wanted; ++number) {
    if (number > kTriesPerRow * wanted) {
      return base::error(Code::kInvalidArgument,
                         "no row comes at these times of the week: column={} from={} until={}",
                         event_time, types::to_rfc3339(from), types::to_rfc3339(until));
    }
    const std::size_t row = timed[one_of("row", number, timed.size())];
    // Its first time in a whole number of weeks from `from`; what comes after `until` is not there.
    const std::int64_t own = times.ints[row] - from.micros;
    const std::int64_t first = own - floor_div(own, kWeek.micros) * kWeek.micros;
    const auto week =
        static_cast<std::int64_t>(one_of("week", number, static_cast<std::size_t>(weeks)));
    const std::int64_t time = from.micros + first + week * kWeek.micros;
    if (time < until.micros) drawn.push_back({time, number, row});
  }
  std::sort(drawn.begin(), drawn.end(), [](const Drawn& a, const Drawn& b) {
    return std::pair(a.time, a.number) < std::pair(b.time, b.number);
  });
  Rows taken;
  for (const Drawn& one : drawn) taken.push_back(one.row);
  types::Frame made = rows.take(taken);
  for (Column& column : made.columns()) {
    if (column.type != ColumnType::kTimestamp) continue;
    for (std::size_t i = 0; i < drawn.size(); ++i) {
      if (column.is_valid(i)) column.ints[i] += drawn[i].time - times.ints[drawn[i].row];
    }
  }
  return made;
}

Result<std::pair<Recording, Generated>> generate_traffic(Client& production,
                                                         const GenerateOptions& options,
                                                         const Tell& tell) {
  tell("generating traffic of " + options.dataset);
  const Json described = TRY(production.get(path_of("/slipway/v1/datasets/{}", {options.dataset})));
  const auto declared = [&](const char* name) {
    const Json& value = member_at(described, fmt::format("definition.{}", name));
    return value.is_string() ? std::string(value.get_string()) : std::string();
  };
  const std::string event_time = declared("event_time");
  if (event_time.empty()) {
    return base::error(Code::kInvalidArgument,
                       "the dataset declares no event_time, so nothing says when its rows would "
                       "come: dataset={}",
                       options.dataset);
  }
  RecordingFiles columns{.id = kId, .event_time = event_time, .label = options.label};
  if (!columns.label.empty()) {
    columns.label_time = options.label_time.empty() ? declared("arrival_time") : options.label_time;
    if (columns.label_time.empty()) {
      return base::error(Code::kInvalidArgument,
                         "--label needs --label-time, as the dataset declares no arrival_time: "
                         "dataset={}",
                         options.dataset);
    }
  }
  for (const Column& sent : TRY(sent_columns(production, options.endpoint)))
    columns.inputs.push_back(sent.name);

  const auto reply =
      TRY(production.fetch(path_of("/slipway/v1/datasets/{}/rows", {options.dataset})));
  types::Frame rows = TRY(store::read_parquet({.bytes = reply.body, .name = options.dataset}));
  for (const std::string& input : columns.inputs) {
    if (rows.find(input) == nullptr)
      return base::error(Code::kInvalidArgument,
                         "the dataset has no column for an input of the endpoint: dataset={} "
                         "input={}",
                         options.dataset, input);
  }
  types::Frame features = TRY(features_of(production, options));
  if (!features.columns().empty() && features.rows() != rows.rows())
    return base::error(Code::kConflict, "the dataset changed meanwhile: dataset={}",
                       options.dataset);
  for (Column& column : features.columns()) {
    if (rows.find(column.name) == nullptr) TRY(rows.add(std::move(column)));
  }
  Generated made{.dataset = options.dataset,
                 .version = member_at(described, "latest.version").to_number<std::int64_t>(),
                 .rows = rows.rows()};
  made.per_day = options.per_day
                     ? *options.per_day
                     : std::min(kGeneratedPerDayMax, TRY(rows_per_day(rows, event_time)));
  types::Frame requests =
      TRY(drawn_rows(rows, event_time, options.from, options.until, made.per_day, options.seed));
  Column ids = Column::of_type(kId, ColumnType::kString);
  for (std::size_t row = 0; row < requests.rows(); ++row)
    ids.append_string(fmt::format("generated-{:07}", row));
  TRY(requests.add(std::move(ids)));
  return std::pair(TRY(as_recording(std::move(requests), columns)), std::move(made));
}

}  // namespace slipway::cli
