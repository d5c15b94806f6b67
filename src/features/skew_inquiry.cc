#include "features/skew_inquiry.h"

#include <algorithm>
#include <charconv>

#include "base/hash.h"

namespace slipway::features {
namespace {

using types::Column;
using types::ColumnType;
using types::Duration;
using types::Frame;
using types::Timestamp;

constexpr std::size_t kLookedIntoMax = 32;            // requests whose reasons are sought
constexpr std::size_t kLookedIntoPerFeatureMax = 8;   // of them
constexpr auto kLookTime = std::chrono::seconds(10);  // and not longer than this
constexpr std::size_t kArrivalsMax = 64;              // rows that are taken away, the newest first
constexpr std::size_t kDefinitionsMax = 3;            // different ones that are tried
constexpr std::size_t kAppliesMax = 200;              // that they are looked for in
constexpr std::size_t kShownRowsMax = 100;
constexpr std::string_view kRequestPrefix = "request.";  // of the log's columns

bool is_live(const Frame& part, std::size_t row) {
  const Column* roles = part.find("role");
  return roles != nullptr && roles->is_valid(row) && roles->strings[row] == "live";
}

// A live answer to a real request.
bool counts(const Frame& part, std::size_t row) {
  const auto is_empty = [&](const char* name) {
    const Column* texts = part.find(name);
    return texts == nullptr || !texts->is_valid(row) || texts->strings[row].empty();
  };
  return is_live(part, row) && is_empty("traffic") && is_empty("error");
}

// As a column that keys are taken from: whole numbers stay exact.
Column request_column(const RequestColumn& wanted) {
  const bool is_whole = wanted.type == ColumnType::kInt64;
  return Column::of_type(wanted.name,
                         is_whole ? ColumnType::kInt64 : column_type(value_type(wanted.type)));
}

std::optional<std::int64_t> whole_in(const Value& cell) {
  if (const auto* whole = std::get_if<std::int64_t>(&cell)) return *whole;
  if (const auto* number = std::get_if<double>(&cell)) return whole_of(*number);
  const auto* text = std::get_if<std::string>(&cell);
  if (text == nullptr) return std::nullopt;
  std::int64_t whole = 0;
  const char* end = text->data() + text->size();
  const auto [stop, code] = std::from_chars(text->data(), end, whole);
  return code == std::errc() && stop == end ? std::optional(whole) : std::nullopt;
}

// A cell of the log as one of the request column that it is.
void append_logged(Column& column, const Value& cell) {
  const auto* number = std::get_if<double>(&cell);
  const auto* text = std::get_if<std::string>(&cell);
  const auto whole = column.type == ColumnType::kInt64 ? whole_in(cell) : std::nullopt;
  if (whole) {
    column.append_int(*whole);
  } else if (column.type == ColumnType::kString && text != nullptr) {
    column.append_string(*text);
  } else if (column.type == ColumnType::kTimestamp && number != nullptr) {
    column.append_int(static_cast<std::int64_t>(*number));
  } else if (column.type == ColumnType::kDouble && number != nullptr) {
    column.append_double(*number);
  } else {
    column.append_null();
  }
}

// What a service gives by its own name; of a view of which it gives a part, all.
std::vector<std::string> feature_columns(const Definitions& definitions, const Service& service) {
  std::vector<std::string> columns;
  for (const std::string& text : service.features) {
    if (const View* view = definitions.find_view(text.substr(0, text.find('.')))) {
      for (std::string& name : view->feature_names()) columns.push_back(std::move(name));
    }
  }
  return columns;
}

// Of the feature with this name; nothing: there is none.
std::optional<std::string> find_feature_text(const Definitions& definitions,
                                             const std::string& feature) {
  for (const View& view : definitions.views) {
    const std::vector<std::string> names = view.feature_names();
    const auto at = std::find(names.begin(), names.end(), feature);
    if (at != names.end())
      return feature_text(definitions, view, static_cast<std::size_t>(at - names.begin()));
  }
  return std::nullopt;
}

struct Probe {
  SkewReason reason;
  std::string detail;
  Recomputation::Moment moment;
  bool is_searched = false;  // one of many moments that differ from request to request
};

// Moments before and after a request's that a value may be of.
std::vector<Probe> probes_at(Timestamp time, std::span<const Timestamp> arrivals,
                             std::optional<Timestamp> materialized) {
  std::vector<Probe> probes{
      {SkewReason::kLateData, "rows that arrived later count", {.ignores_arrival = true}}};
  const auto earlier = [&](Duration by) {
    return types::to_text(Duration{std::max<std::int64_t>(by.micros, 1)}) + " earlier";
  };
  const auto known = [&](Timestamp until, std::string detail) {
    probes.push_back({SkewReason::kStale, std::move(detail), {.known_until = until}});
  };
  if (materialized && *materialized < time)
    known(*materialized, "as materialized " + earlier(time - *materialized));
  for (const Timestamp arrival : arrivals) {
    known(arrival - Duration{1}, "as known " + earlier(time - arrival));
    probes.back().is_searched = true;
  }
  for (const int days : {1, 2, 7, 30})
    known(time - Duration::days(days), "as known " + earlier(Duration::days(days)));
  const auto computed = [&](Timestamp at) {
    if (at < time)
      probes.push_back(
          {SkewReason::kStale, "as computed " + earlier(time - at), {.shift = at - time}});
  };
  for (const int minutes : {1, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080})
    computed(time - Duration::seconds(60 * minutes));
  for (const int minutes : {1, 5, 15, 60, 360, 1440}) {  // caches that are filled on the hour
    const std::int64_t step = Duration::seconds(60 * minutes).micros;
    computed({time.micros - time.micros % step});
  }
  const auto in_zone = [&](int halves) {
    probes.push_back({SkewReason::kTimeZone,
                      fmt::format("{:+}h", halves / 2.0),
                      {.shift = Duration::seconds(1800 * halves)}});
  };
  for (const int first : {2, 1}) {  // whole hours are more likely
    for (int halves = first; halves <= 28; halves += 2) {
      in_zone(-halves);
      in_zone(halves);
    }
  }
  return probes;
}

bool has_reason(const SkewInquiry::Different& value, SkewReason reason) {
  return std::any_of(value.reasons.begin(), value.reasons.end(),
                     [&](const ValueReason& known) { return known.reason == reason; });
}

// Whether other moments and definitions can explain it: rounding does already.
bool is_off(const SkewInquiry::Different& value) {
  return !is_close(value.value.served, value.value.recomputed);
}

class SpreadOf {
 public:
  void add(const Value& value) {
    ++spread_.values;
    if (is_null(value)) ++spread_.missing;
    if (const auto* whole = std::get_if<std::int64_t>(&value))
      numbers_.push_back(static_cast<double>(*whole));
    if (const auto* number = std::get_if<double>(&value)) numbers_.push_back(*number);
  }
  SkewInquiry::Spread finish() {
    std::ranges::sort(numbers_);
    spread_.p10 = at(10);
    spread_.p50 = at(50);
    spread_.p90 = at(90);
    return spread_;
  }

 private:
  // Nearest rank: a value that was there.
  std::optional<double> at(std::size_t percent) const {
    if (numbers_.empty()) return std::nullopt;
    return numbers_[(numbers_.size() * percent + 99) / 100 - 1];
  }
  SkewInquiry::Spread spread_;
  std::vector<double> numbers_;
};

}  // namespace

Json to_json(const Value& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return *whole;
  if (const auto* number = std::get_if<double>(&value)) return base::number_or_null(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return Json(*text);
  if (const auto* time = std::get_if<Timestamp>(&value)) return Json(types::to_rfc3339(*time));
  return nullptr;
}

SkewInquiry::SkewInquiry(const FeatureStore& store, ServedVectors& served,
                         ServedVectors::Endpoint endpoint)
    : store_(&store),
      served_(&served),
      endpoint_(std::move(endpoint)),
      definitions_(store.definitions()) {}

Result<SkewInquiry> SkewInquiry::sample(const FeatureStore& store, ServedVectors& served,
                                        const ServedVectors::Endpoint& endpoint, Timestamp from,
                                        Timestamp to, std::size_t most) {
  std::set<std::uint64_t> chosen;
  TRY(served.each_served(endpoint.name, from, to, {"request_id", "role", "traffic", "error"},
                         [&](const Frame& part) -> Result<void> {
                           const Column* ids = TRY(part.column("request_id"));
                           for (std::size_t row = 0; row < part.rows(); ++row) {
                             if (!counts(part, row)) continue;
                             chosen.insert(base::hash64(ids->strings[row]));
                             if (chosen.size() > most) chosen.erase(std::prev(chosen.end()));
                           }
                           return {};
                         }));
  SkewInquiry inquiry(store, served, endpoint);
  if (chosen.empty()) return inquiry;
  TRY(inquiry.read(from, to, [&](const Frame& part, std::size_t row) {
    // The first answer; a retry has the same id.
    return counts(part, row) &&
           chosen.erase(base::hash64(part.find("request_id")->strings[row])) > 0;
  }));
  return inquiry;
}

Result<SkewInquiry> SkewInquiry::of(const FeatureStore& store, ServedVectors& served,
                                    const ServedVectors::Endpoint& endpoint, const std::string& id,
                                    Timestamp time) {
  bool is_there = false, has_live = false;
  const Timestamp after = time + Duration{1};
  const auto is_it = [&](const Frame& part, std::size_t row) {
    return part.find("request_id")->strings[row] == id;
  };
  TRY(served.each_served(endpoint.name, time, after, {"request_id", "role"},
                         [&](const Frame& part) -> Result<void> {
                           TRY(part.column("request_id"));
                           for (std::size_t row = 0; row < part.rows(); ++row) {
                             if (!is_it(part, row)) continue;
                             is_there = true;
                             has_live = has_live || is_live(part, row);
                           }
                           return {};
                         }));
  SkewInquiry inquiry(store, served, endpoint);
  if (!is_there) return inquiry;
  TRY(inquiry.read(time, after, [&](const Frame& part, std::size_t row) {
    const bool is_wanted = is_there && is_it(part, row) && (!has_live || is_live(part, row));
    if (is_wanted) is_there = false;  // one is enough
    return is_wanted;
  }));
  return inquiry;
}

Result<void> SkewInquiry::read(Timestamp from, Timestamp to, const IsWanted& is_wanted) {
  const Service* service = definitions_->find_service(endpoint_.service);
  if (service == nullptr) {
    return base::error(Code::kNotFound, "no such feature service: service={}", endpoint_.service);
  }
  std::vector<std::string> columns = {"request_id", "role", "traffic", "error", "event_time"};
  ServedRequests requests;
  for (const RequestColumn& column : service->request) {
    columns.insert(columns.end(), {column.name, std::string(kRequestPrefix) + column.name});
    requests.columns.push_back(request_column(column));
  }
  for (std::string& name : feature_columns(*definitions_, *service)) {
    columns_[name];
    columns.push_back(std::move(name));
  }
  TRY(served_->each_served(
      endpoint_.name, from, to, columns, [&](const Frame& part) -> Result<void> {
        const Column* ids = TRY(part.column("request_id"));
        const Column* times = TRY(part.column("event_time"));
        for (std::size_t row = 0; row < part.rows(); ++row) {
          if (!is_wanted(part, row)) continue;
          ids_.push_back(ids->strings[row]);
          requests.times.push_back(times->ints[row]);
          for (Column& column : requests.columns) {
            const Column* logged = part.find(column.name);
            if (logged == nullptr) logged = part.find(std::string(kRequestPrefix) + column.name);
            append_logged(column, logged == nullptr ? Value() : cell_of(*logged, row));
          }
          for (auto& [name, cells] : columns_) {
            const Column* logged = part.find(name);
            cells.push_back(logged == nullptr ? std::nullopt
                                              : std::optional(cell_of(*logged, row)));
          }
        }
        return {};
      }));
  if (ids_.empty()) return {};
  again_ = TRY(Recomputation::of(*store_, *definitions_, endpoint_.service, std::move(requests)));
  return {};
}

const SkewInquiry::ServedCells* SkewInquiry::find_served(const BoundService::Output& output) const {
  if (output.from_request) return nullptr;
  const ServedCells& cells = columns_.at(output.name);
  const bool is_logged =
      std::any_of(cells.begin(), cells.end(), [](const auto& c) { return c.has_value(); });
  return is_logged ? &cells : nullptr;
}

std::string SkewInquiry::text_of(const BoundService::Output& output) const {
  return feature_text(*definitions_, again_.view_of(output).view, output.position);
}

bool SkewInquiry::is_same(std::size_t output, const ServedValue& value) const {
  return features::is_same(value.served, value.recomputed,
                           endpoint_.float32.contains(again_.service().outputs[output].name));
}

Result<std::vector<SkewInquiry::Compared>> SkewInquiry::compare() const {
  std::vector<Compared> all;
  if (size() == 0) return all;
  const auto& outputs = again_.service().outputs;
  const std::vector<Column> values = again_.values();
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    const ServedCells* served = find_served(outputs[o]);
    if (served == nullptr) continue;
    // Short enough to say, long enough to tell a feature's definitions apart.
    Compared compared{
        .feature = outputs[o].name,
        .version = fmt::format("{:016x}", base::hash64(text_of(outputs[o]))).substr(0, 8)};
    SpreadOf served_spread, recomputed_spread;
    for (std::size_t r = 0; r < size(); ++r) {
      if (!(*served)[r] || !again_.is_given(outputs[o], r)) continue;
      ++compared.compared;
      ServedValue value{*(*served)[r], cell_of(values[o], r)};
      served_spread.add(value.served);
      recomputed_spread.add(value.recomputed);
      if (is_same(o, value)) continue;
      compared.different.push_back({.request = r, .output = o, .value = std::move(value)});
    }
    compared.served = served_spread.finish();
    compared.recomputed = recomputed_spread.finish();
    all.push_back(std::move(compared));
  }
  std::vector<Different*> different;
  for (Compared& compared : all) {
    for (Different& one : compared.different) different.push_back(&one);
  }
  TRY(find_reasons(different));
  return all;
}

Result<void> SkewInquiry::find_reasons(const std::vector<Different*>& different) const {
  if (different.empty()) return {};
  std::map<std::size_t, std::vector<ServedValue>> by_output;
  std::map<std::size_t, std::vector<const Different*>> of_output;
  // A request is looked into for all its features at once, as long as one of them needs it.
  std::map<std::size_t, std::vector<Different*>> by_request;
  for (Different* one : different) {
    by_output[one->output].push_back(one->value);
    of_output[one->output].push_back(one);
    by_request[one->request].push_back(one);
  }
  std::set<std::size_t> one_for_all;
  for (const auto& [output, values] : of_output) {
    if (is_one_for_all(values)) one_for_all.insert(output);
  }
  const auto materialized = TRY(store_->materialized());
  const Clock::time_point end = Clock::now() + kLookTime;
  std::map<std::size_t, std::size_t> looked_into;  // by output
  std::vector<Different*> chosen;
  std::size_t requests = 0;
  for (auto& [request, values] : by_request) {
    const bool is_needed = std::any_of(values.begin(), values.end(), [&](const Different* one) {
      return looked_into[one->output] < kLookedIntoPerFeatureMax;
    });
    if (!is_needed) continue;
    if (++requests > kLookedIntoMax) break;
    for (Different* one : values) one->reasons = reasons_of(one->value, by_output[one->output]);
    const bool is_finished = explain_by_moments(request, values, one_for_all, materialized, end);
    for (Different* one : values) {
      // What was found counts; that nothing was says nothing when the time was up.
      one->looked_into = is_finished || !one->reasons.empty();
      if (!one->looked_into) continue;
      ++looked_into[one->output];
      chosen.push_back(one);
    }
    if (!is_finished) break;
  }
  return explain_by_definitions(chosen, end);
}

bool SkewInquiry::is_one_for_all(const std::vector<const Different*>& of_output) const {
  const BoundService::Output& output = again_.service().outputs[of_output.front()->output];
  std::vector<std::size_t> requests;
  for (const Different* one : of_output) {
    if (one->value.served != of_output.front()->value.served) return false;
    requests.push_back(one->request);
  }
  return again_.count_keys(output, requests) > 1;
}

bool SkewInquiry::explain_by_moments(std::size_t request, const std::vector<Different*>& different,
                                     const std::set<std::size_t>& one_for_all,
                                     std::optional<Timestamp> materialized,
                                     Clock::time_point end) const {
  if (std::none_of(different.begin(), different.end(),
                   [](const Different* value) { return is_off(*value); }))
    return true;
  const Recomputation one = again_.only(request);
  const auto& outputs = one.service().outputs;
  const auto nothing_known =
      one.values({.known_until = Timestamp{std::numeric_limits<std::int64_t>::min() + 1}});
  const std::vector<Timestamp> arrivals = one.arrivals(0, kArrivalsMax);
  for (const Probe& probe : probes_at({one.requests().times[0]}, arrivals, materialized)) {
    // A view on demand without features knows nothing but the request, and that only of its own
    // time.
    const auto may_explain = [&](const Different& value) {
      if (!is_off(value)) return false;
      if (probe.is_searched && one_for_all.contains(value.output)) return false;
      const BoundService::Output& output = outputs[value.output];
      const bool knows_request_only = one.service().parts[output.part].keys.empty();
      if (knows_request_only) return probe.reason == SkewReason::kTimeZone;
      // Times before are stale, and what nothing was known of is no value of any moment.
      if (probe.reason == SkewReason::kTimeZone) return probe.moment.shift.micros > 0;
      return !is_null(value.value.served) &&
             !is_close(value.value.served, cell_of(nothing_known[value.output], 0));
    };
    const auto is_open = [&](const Different* value) {
      return may_explain(*value) && !has_reason(*value, probe.reason);
    };
    if (std::none_of(different.begin(), different.end(), is_open)) continue;
    if (Clock::now() > end) return false;
    const std::vector<Column> values = one.values(probe.moment);
    for (Different* value : different) {
      if (is_open(value) && is_close(value->value.served, cell_of(values[value->output], 0)))
        value->reasons.push_back({probe.reason, probe.detail});
    }
  }
  return true;
}

ServedRequests SkewInquiry::requests_as(const Service& other,
                                        const std::vector<std::size_t>& requests) const {
  const ServedRequests& all = again_.requests();
  const std::vector<RequestColumn>& names = again_.service().service.request;
  ServedRequests some;
  for (const std::size_t request : requests) some.times.push_back(all.times[request]);
  for (const RequestColumn& wanted : other.request) {
    Column column = request_column(wanted);
    const auto at = std::find_if(names.begin(), names.end(),
                                 [&](const RequestColumn& c) { return c.name == wanted.name; });
    const Column* same =
        at == names.end() ? nullptr : &all.columns[static_cast<std::size_t>(at - names.begin())];
    for (const std::size_t request : requests)
      append_logged(column, same == nullptr ? Value() : cell_of(*same, request));
    some.columns.push_back(std::move(column));
  }
  return some;
}

Result<std::vector<SkewInquiry::Earlier>> SkewInquiry::earlier_definitions() const {
  std::vector<Earlier> earlier;
  std::string texts = feature_texts(*definitions_), yaml;
  Timestamp since = store_->now();  // when what is one newer was put in force
  for (const ServedVectors::Applied& applied : TRY(served_->applied(kAppliesMax))) {
    const bool is_same_text = applied.yaml == yaml;
    if (!is_same_text) {
      auto definitions = parse_definitions(applied.yaml);
      if (!definitions) continue;  // by today's rules
      yaml = applied.yaml;
      if (std::string of_these = feature_texts(*definitions); of_these != texts) {
        if (earlier.size() == kDefinitionsMax) break;
        texts = std::move(of_these);
        earlier.push_back({std::move(*definitions), since});
      }
    }
    since = applied.at;
  }
  return earlier;
}

Result<void> SkewInquiry::explain_by_definitions(const std::vector<Different*>& different,
                                                 Clock::time_point end) const {
  const auto& outputs = again_.service().outputs;
  for (const Earlier& earlier : TRY(earlier_definitions())) {
    const Service* service = earlier.definitions.find_service(endpoint_.service);
    if (service == nullptr) continue;
    std::map<std::size_t, std::vector<Different*>> changed;  // by request
    for (Different* value : different) {
      const BoundService::Output& output = outputs[value->output];
      const auto text = find_feature_text(earlier.definitions, output.name);
      if (text && *text != text_of(output) && is_off(*value) &&
          !has_reason(*value, SkewReason::kDefinition))
        changed[value->request].push_back(value);
    }
    if (changed.empty()) continue;
    if (Clock::now() > end) break;
    std::vector<std::size_t> requests;
    for (const auto& [request, values] : changed) requests.push_back(request);
    const Result<Recomputation> again = Recomputation::of(
        *store_, earlier.definitions, endpoint_.service, requests_as(*service, requests));
    if (!again) continue;  // it no longer fits the data
    const auto& then_outputs = again->service().outputs;
    const std::vector<Column> then_values = again->values();
    for (std::size_t r = 0; r < requests.size(); ++r) {
      for (Different* value : changed[requests[r]]) {
        const auto same = std::find_if(
            then_outputs.begin(), then_outputs.end(), [&](const BoundService::Output& o) {
              return !o.from_request && o.name == outputs[value->output].name;
            });
        if (same == then_outputs.end()) continue;
        const auto position = static_cast<std::size_t>(same - then_outputs.begin());
        if (!is_close(value->value.served, cell_of(then_values[position], r))) continue;
        value->reasons.push_back(
            {SkewReason::kDefinition, "as defined until " + types::to_rfc3339(earlier.until)});
      }
    }
  }
  return {};
}

Result<JsonObject> SkewInquiry::show(const std::string& feature) const {
  CHECK(size() > 0);
  const auto& outputs = again_.service().outputs;
  const std::vector<Column> values = again_.values();
  std::vector<Different> different;
  std::vector<std::pair<std::size_t, JsonObject>> shown;
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    const ServedCells* served = find_served(outputs[o]);
    if (served == nullptr || !served->front()) continue;
    if (!feature.empty() && outputs[o].name != feature) continue;
    const View& view = again_.view_of(outputs[o]).view;
    const bool is_given = again_.is_given(outputs[o], 0);
    ServedValue value{*served->front(), cell_of(values[o], 0)};
    const bool is_equal = is_same(o, value);
    JsonObject item{{"feature", outputs[o].name},
                    {"view", view.name},
                    {"source", view.source},
                    {"served", to_json(value.served)},
                    {"recomputed", to_json(value.recomputed)},
                    {"same", nullptr}};
    if (is_given) item["same"] = is_equal;
    JsonArray rows;
    const auto found = again_.source_rows(outputs[o], 0);
    for (const auto& is : found) {
      if (rows.size() == kShownRowsMax) break;
      JsonObject of_source{{"event_time", nullptr}, {"arrival_time", nullptr}};
      if (is.event) of_source["event_time"] = types::to_rfc3339(*is.event);
      if (is.arrival) of_source["arrival_time"] = types::to_rfc3339(*is.arrival);
      of_source["value"] = to_json(is.input);
      of_source["known"] = is.is_known;
      rows.push_back(std::move(of_source));
    }
    item["rows_in_window"] = found.size();
    item["rows"] = std::move(rows);
    if (is_given && !is_equal)
      different.push_back({.request = 0, .output = o, .value = std::move(value)});
    shown.emplace_back(o, std::move(item));
  }
  if (shown.empty() && !feature.empty()) {
    return base::error(Code::kNotFound,
                       "the request was served without this feature, or the feature service no "
                       "longer has it: request={} feature={} service={}",
                       id(0), feature, endpoint_.service);
  }
  std::vector<Different*> pointers;
  for (Different& one : different) pointers.push_back(&one);
  TRY(find_reasons(pointers));
  JsonObject asked;
  const ServedRequests& requests = again_.requests();
  for (std::size_t c = 0; c < requests.columns.size(); ++c) {
    asked[again_.service().service.request[c].name] = to_json(cell_of(requests.columns[c], 0));
  }
  JsonArray features;
  for (auto& [output, item] : shown) {
    JsonArray reasons;
    for (const Different& one : different) {
      if (one.output != output) continue;
      for (const ValueReason& reason : one.reasons) {
        reasons.push_back(
            JsonObject{{"reason", reason_name(reason.reason)}, {"detail", reason.detail}});
      }
    }
    item["reasons"] = std::move(reasons);
    features.push_back(std::move(item));
  }
  return JsonObject{{"request", id(0)},
                    {"endpoint", endpoint_.name},
                    {"service", endpoint_.service},
                    {"event_time", types::to_rfc3339(event_time(0))},
                    {"asked", std::move(asked)},
                    {"features", std::move(features)}};
}

}  // namespace slipway::features
