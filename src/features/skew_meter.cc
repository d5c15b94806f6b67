#include "features/skew_meter.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/hash.h"
#include "base/log.h"

namespace slipway::features {
namespace {

using types::Column;
using types::ColumnType;
using types::Duration;
using types::Frame;
using types::Timestamp;

constexpr std::size_t kLookedIntoMax = 32;           // requests of a pass whose reasons are sought
constexpr std::size_t kLookedIntoPerFeatureMax = 8;  // of them
constexpr auto kLookTime = std::chrono::seconds(2);  // and not longer than this
constexpr std::size_t kArrivalsMax = 64;             // rows that are taken away, the newest first
constexpr std::size_t kDefinitionsMax = 3;
constexpr std::size_t kShownRowsMax = 100;
constexpr Duration kPassesKept = Duration::days(400);
constexpr std::string_view kRequestPrefix = "request.";  // of the log's columns

Json to_json(const Value& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return *whole;
  if (const auto* number = std::get_if<double>(&value)) return base::number_or_null(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return Json(*text);
  if (const auto* time = std::get_if<Timestamp>(&value)) return Json(types::to_rfc3339(*time));
  return nullptr;
}

// All that a feature is computed from, so that another definition gives another text.
std::string text_of(const Definitions& definitions, const BoundView& bound, std::size_t position) {
  const View& view = bound.view;
  std::string text = fmt::format("{}|{}", view.name, fmt::join(view.keys, ","));
  if (const Source* source = definitions.find_source(view.source)) {
    text += fmt::format("|{}|{}|{}|{}", source->name, source->dataset, source->event_time,
                        source->arrival_time);
  }
  if (view.ttl) text += fmt::format("|{}", view.ttl->micros);
  if (!view.is_windowed()) return text + "|" + view.columns[position].expression;
  const Aggregate& aggregate = view.aggregates[position / view.windows.size()];
  return text + fmt::format("|{}|{}|{}|{}", static_cast<int>(aggregate.function),
                            aggregate.expression, aggregate.parameter,
                            view.windows[position % view.windows.size()].length.micros);
}

// Short enough to say, long enough to tell a feature's definitions apart.
std::string version_of(const Definitions& definitions, const BoundView& bound,
                       std::size_t position) {
  return fmt::format("{:016x}", base::hash64(text_of(definitions, bound, position))).substr(0, 8);
}

// A column of the log as the request column that it is.
Column request_column(const Frame& frame, const RequestColumn& wanted,
                      const std::vector<std::size_t>& rows) {
  Column out = Column::of_type(wanted.name, column_type(value_type(wanted.type)));
  const Column* logged = frame.find(wanted.name);
  if (logged == nullptr) logged = frame.find(std::string(kRequestPrefix) + wanted.name);
  for (const std::size_t row : rows) {
    const Value cell = logged == nullptr ? Value() : cell_of(*logged, row);
    const auto* number = std::get_if<double>(&cell);
    const auto* text = std::get_if<std::string>(&cell);
    if (out.type == ColumnType::kString && text != nullptr) {
      out.append_string(*text);
    } else if (out.type == ColumnType::kTimestamp && number != nullptr) {
      out.append_int(static_cast<std::int64_t>(*number));
    } else if (out.type == ColumnType::kDouble && number != nullptr) {
      out.append_double(*number);
    } else {
      out.append_null();
    }
  }
  return out;
}

// Live answers to real requests, one a request: those with the least hash of their id.
std::vector<std::size_t> choose(const Frame& frame, std::size_t most) {
  std::vector<std::size_t> chosen;
  if (frame.rows() == 0) return chosen;
  const Column *ids = frame.find("request_id"), *roles = frame.find("role"),
               *traffic = frame.find("traffic"), *errors = frame.find("error");
  const auto is_empty = [](const Column* texts, std::size_t row) {
    return texts == nullptr || !texts->is_valid(row) || texts->strings[row].empty();
  };
  std::set<std::pair<std::uint64_t, std::size_t>> least;
  std::set<std::uint64_t> hashes;
  for (std::size_t row = 0; row < frame.rows(); ++row) {
    if (roles->strings[row] != "live" || !is_empty(traffic, row) || !is_empty(errors, row))
      continue;
    const std::uint64_t hash = base::hash64(ids->strings[row]);
    if (!hashes.insert(hash).second) continue;  // a retry
    least.insert({hash, row});
    if (least.size() > most) least.erase(std::prev(least.end()));
  }
  for (const auto& [hash, row] : least) chosen.push_back(row);
  return chosen;
}

struct Probe {
  SkewReason reason;
  std::string detail;
  Recomputation::Moment moment;
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
  for (const Timestamp arrival : arrivals)
    known(arrival - Duration{1}, "as known " + earlier(time - arrival));
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

void add_reason(std::vector<ValueReason>& reasons, SkewReason reason, std::string_view detail) {
  const bool is_known = std::any_of(reasons.begin(), reasons.end(),
                                    [&](const ValueReason& r) { return r.reason == reason; });
  if (!is_known) reasons.push_back({reason, std::string(detail)});
}

}  // namespace

struct SkewMeter::Sample {
  std::vector<std::string> ids;       // by request
  std::vector<const Column*> served;  // by output; null: not in the log
  std::vector<std::size_t> rows;      // of those columns, by request
  Recomputation again;
};

struct SkewMeter::Different {
  std::size_t request = 0, output = 0;
  ServedValue value;
  std::vector<ValueReason> reasons;
  bool looked_into = false;
};

Json SkewMeter::Feature::to_json() const {
  JsonObject all;
  for (const auto& [why, reasoned] : reasons) {
    all[reason_name(why)] = JsonObject{{"rows", reasoned.rows}, {"detail", reasoned.detail}};
  }
  return JsonObject{{"compared", compared},
                    {"different", different},
                    {"last_compared", last_compared},
                    {"last_different", last_different},
                    {"reasons", std::move(all)},
                    {"first_request", first_request},
                    {"first_time", first_time.micros},
                    {"first_served", first_served},
                    {"first_recomputed", first_recomputed}};
}

Result<SkewMeter::Feature> SkewMeter::Feature::from_json(const JsonObject& object) {
  Feature feature;
  feature.compared = TRY(base::get_int(object, "compared"));
  feature.different = TRY(base::get_int(object, "different"));
  feature.last_compared = TRY(base::get_int(object, "last_compared"));
  feature.last_different = TRY(base::get_int(object, "last_different"));
  feature.first_request = TRY(base::get_string(object, "first_request"));
  feature.first_time = {TRY(base::get_int(object, "first_time"))};
  if (const Json* value = object.if_contains("first_served")) feature.first_served = *value;
  if (const Json* value = object.if_contains("first_recomputed")) feature.first_recomputed = *value;
  const Json* reasons = object.if_contains("reasons");
  if (reasons == nullptr || !reasons->is_object()) return feature;
  for (const auto& [name, item] : reasons->get_object()) {
    const auto reason = parse_reason(name);
    if (!reason || !item.is_object()) continue;
    Reasoned& reasoned = feature.reasons[*reason];
    reasoned.rows = TRY(base::get_int(item.get_object(), "rows"));
    reasoned.detail = TRY(base::get_string(item.get_object(), "detail"));
  }
  return feature;
}

// The one that explains most rows.
std::pair<SkewReason, std::string> SkewMeter::Feature::reason() const {
  std::pair<SkewReason, std::string> best{SkewReason::kUnknown, ""};
  std::int64_t most = 0;
  for (const auto& [why, reasoned] : reasons) {
    if (reasoned.rows <= most) continue;
    most = reasoned.rows;
    best = {why, reasoned.detail};
  }
  return best;
}

Result<void> SkewMeter::open() {
  base::MutexLock lock(mutex_);
  std::vector<std::tuple<FeatureKey, std::string>> stored;
  TRY(db_.read([&](store::Reader& reader) -> Result<void> {
    looked_until_ =
        TRY(reader.find("SELECT looked_until FROM feature_skew_state WHERE workspace = 'default'",
                        {}, [](const store::Row& row) { return row.time(0); }));
    return reader.query(
        "SELECT endpoint, feature, version, state FROM feature_skew WHERE workspace = 'default' "
        "ORDER BY looked_until",
        {}, [&](const store::Row& row) {
          stored.emplace_back(FeatureKey{row.string(0), row.string(1), row.string(2)},
                              row.string(3));
        });
  }));
  for (const auto& [key, text] : stored) {
    Feature feature = TRY(Feature::from_json(TRY(base::parse_json_object(text))));
    versions_[{key.endpoint, key.feature}] = key.version;
    show(key, feature);
    features_[key] = std::move(feature);
  }
  return {};
}

Result<Timestamp> SkewMeter::next_due(Timestamp now, bool rehearses) {
  {
    base::MutexLock lock(mutex_);
    if (looked_until_ && *looked_until_ <= now) {
      return *looked_until_ +
             (rehearses ? std::max(options_.interval, Duration::days(1)) : options_.interval);
    }
    looked_until_ = now;
  }
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute(
        "INSERT INTO feature_skew_state(workspace, looked_until) VALUES('default', ?) ON "
        "CONFLICT(workspace) DO UPDATE SET looked_until = excluded.looked_until",
        {now}));
    return {};
  }));
  return next_due(now, rehearses);
}

Result<void> SkewMeter::advance(Timestamp until) {
  base::MutexLock turn(pass_mutex_);
  Timestamp from = until;
  {
    base::MutexLock lock(mutex_);
    if (looked_until_) from = *looked_until_;
  }
  if (until <= from) return {};
  std::map<std::string, Pass> passes;
  std::map<std::string, std::string> failures;
  for (const ServedVectors::Endpoint& endpoint : TRY(served_.endpoints())) {
    Result<Pass> pass = look_at(endpoint, from, until);
    if (!pass) {
      base::log_warning("features", "served values were not recomputed: endpoint={} why=\"{}\"",
                        endpoint.name, pass.error().message);
      failures[endpoint.name] = pass.error().message;
    } else if (pass->rows > 0) {
      passes[endpoint.name] = std::move(*pass);
    }
  }
  std::vector<std::pair<FeatureKey, std::string>> states;
  {
    base::MutexLock lock(mutex_);
    failures_ = std::move(failures);
    looked_until_ = until;
    for (const auto& [endpoint, pass] : passes) {
      merge(pass);
      for (const auto& [key, feature] : pass.features)
        states.emplace_back(key, base::to_text(features_[key].to_json()));
    }
  }
  return db_.write([&](store::Tx& tx) -> Result<void> {
    for (const auto& [key, text] : states) {
      TRY(tx.execute(
          "INSERT INTO feature_skew(endpoint, feature, version, looked_until, state) VALUES(?, ?, "
          "?, ?, ?) ON CONFLICT(workspace, endpoint, feature, version) DO UPDATE SET looked_until "
          "= excluded.looked_until, state = excluded.state",
          {key.endpoint, key.feature, key.version, until, text}));
    }
    for (const auto& [endpoint, pass] : passes) {
      TRY(
          tx.execute("INSERT INTO feature_skew_passes(endpoint, until, requests, different) "
                     "VALUES(?, ?, ?, ?) ON CONFLICT(workspace, endpoint, until) DO UPDATE SET "
                     "requests = excluded.requests, different = excluded.different",
                     {endpoint, until, pass.rows, pass.rows_different}));
    }
    TRY(tx.execute("DELETE FROM feature_skew_passes WHERE until < ?", {until - kPassesKept}));
    TRY(tx.execute("UPDATE feature_skew_state SET looked_until = ?", {until}));
    return {};
  });
}

void SkewMeter::merge(const Pass& pass) {
  for (const auto& [key, fresh] : pass.features) {
    Feature& feature = features_[key];
    if (feature.first_request.empty() && !fresh.first_request.empty()) {
      feature.first_request = fresh.first_request;
      feature.first_time = fresh.first_time;
      feature.first_served = fresh.first_served;
      feature.first_recomputed = fresh.first_recomputed;
    }
    feature.compared += fresh.compared;
    feature.different += fresh.different;
    feature.last_compared = fresh.compared;
    feature.last_different = fresh.different;
    for (const auto& [why, reasoned] : fresh.reasons) {
      Reasoned& known = feature.reasons[why];
      if (known.rows == 0) known.detail = reasoned.detail;
      known.rows += reasoned.rows;
    }
    versions_[{key.endpoint, key.feature}] = key.version;
    show(key, feature);
  }
}

void SkewMeter::show(const FeatureKey& key, const Feature& feature) {
  auto& gauge = gauges_[{key.endpoint, key.feature}];
  if (gauge == nullptr) {
    gauge = std::make_shared<std::atomic<double>>(0);
    metrics_.gauge("slipway_feature_skew_rate",
                   "Share of served values that differ when they are recomputed, of the newest "
                   "pass.",
                   [gauge] { return gauge->load(); },
                   {{"endpoint", key.endpoint}, {"feature", key.feature}});
  }
  if (feature.last_compared > 0) {
    *gauge =
        static_cast<double>(feature.last_different) / static_cast<double>(feature.last_compared);
  }
}

Result<SkewMeter::Sample> SkewMeter::sample_of(const ServedVectors::Endpoint& endpoint,
                                               const Frame& frame,
                                               const std::vector<std::size_t>& rows) const {
  const auto definitions = store_.definitions();
  const Service* service = definitions->find_service(endpoint.service);
  if (service == nullptr) {
    return base::error(Code::kNotFound, "no such feature service: service={}", endpoint.service);
  }
  ServedRequests requests;
  for (const RequestColumn& column : service->request)
    requests.columns.push_back(request_column(frame, column, rows));
  const Column* times = TRY(frame.column("event_time"));
  const Column* ids = TRY(frame.column("request_id"));
  Sample sample{.rows = rows};
  for (const std::size_t row : rows) {
    requests.times.push_back(times->ints[row]);
    sample.ids.push_back(ids->strings[row]);
  }
  sample.again =
      TRY(Recomputation::of(store_, *definitions, endpoint.service, std::move(requests)));
  for (const BoundService::Output& output : sample.again.service().outputs)
    sample.served.push_back(output.from_request ? nullptr : frame.find(output.name));
  return sample;
}

Result<SkewMeter::Pass> SkewMeter::look_at(const ServedVectors::Endpoint& endpoint, Timestamp from,
                                           Timestamp until) {
  const Frame frame = TRY(served_.served(endpoint.name, from, until));
  const std::vector<std::size_t> rows = choose(frame, options_.rows_per_pass);
  Pass pass{.rows = static_cast<std::int64_t>(rows.size())};
  if (rows.empty()) return pass;
  const auto definitions = store_.definitions();
  const Sample sample = TRY(sample_of(endpoint, frame, rows));
  const std::vector<Column> values = sample.again.values();
  const auto& outputs = sample.again.service().outputs;
  std::vector<Different> different;
  std::vector<Feature*> features(outputs.size(), nullptr);
  std::set<std::size_t> bad_requests;
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    if (sample.served[o] == nullptr) continue;
    const std::string version =
        version_of(*definitions, sample.again.view_of(outputs[o]), outputs[o].position);
    Feature& feature = pass.features[{endpoint.name, outputs[o].name, version}];
    features[o] = &feature;
    const bool is_float32 = endpoint.float32.contains(outputs[o].name);
    for (std::size_t r = 0; r < rows.size(); ++r) {
      if (!sample.again.is_given(outputs[o], r)) continue;
      ++feature.compared;
      ServedValue value{cell_of(*sample.served[o], rows[r]), cell_of(values[o], r)};
      if (is_same(value.served, value.recomputed, is_float32)) continue;
      const Timestamp time{sample.again.requests().times[r]};
      if (feature.different++ == 0 || time < feature.first_time) {
        feature.first_request = sample.ids[r];
        feature.first_time = time;
        feature.first_served = to_json(value.served);
        feature.first_recomputed = to_json(value.recomputed);
      }
      bad_requests.insert(r);
      different.push_back({.request = r, .output = o, .value = std::move(value)});
    }
  }
  pass.rows_different = static_cast<std::int64_t>(bad_requests.size());
  if (different.empty()) return pass;
  TRY(find_reasons(sample, endpoint.service, different));
  for (const Different& one : different) {
    if (!one.looked_into) continue;
    const auto count = [&](SkewReason reason, const std::string& detail) {
      Reasoned& reasoned = features[one.output]->reasons[reason];
      if (reasoned.rows++ == 0) reasoned.detail = detail;
    };
    for (const ValueReason& reason : one.reasons) count(reason.reason, reason.detail);
    if (one.reasons.empty()) count(SkewReason::kUnknown, "");
  }
  return pass;
}

Result<void> SkewMeter::find_reasons(const Sample& sample, const std::string& service,
                                     std::vector<Different>& different) {
  std::map<std::size_t, std::vector<ServedValue>> by_output;
  for (const Different& one : different) by_output[one.output].push_back(one.value);
  // A request is looked into for all its features at once, as long as one of them needs it.
  std::map<std::size_t, std::vector<Different*>> by_request;
  for (Different& one : different) by_request[one.request].push_back(&one);
  std::map<std::size_t, std::size_t> looked_into;  // by output
  std::vector<Different*> chosen;
  std::size_t requests = 0;
  const auto materialized = TRY(db_.read([](store::Reader& reader) {
    return reader.find("SELECT materialized FROM feature_state WHERE workspace = 'default'", {},
                       [](const store::Row& row) { return row.time(0); });
  }));
  const auto start = std::chrono::steady_clock::now();
  for (auto& [request, values] : by_request) {
    const bool is_needed = std::any_of(values.begin(), values.end(), [&](const Different* one) {
      return looked_into[one->output] < kLookedIntoPerFeatureMax;
    });
    if (!is_needed) continue;
    if (++requests > kLookedIntoMax || std::chrono::steady_clock::now() - start > kLookTime) break;
    for (Different* one : values) {
      ++looked_into[one->output];
      one->looked_into = true;
      one->reasons = reasons_of(one->value, by_output[one->output]);
      chosen.push_back(one);
    }
    explain_by_moments(sample, request, values, materialized);
  }
  return explain_by_definitions(sample, service, chosen);
}

void SkewMeter::explain_by_moments(const Sample& sample, std::size_t request,
                                   std::vector<Different*>& different,
                                   std::optional<Timestamp> materialized) const {
  const Recomputation one = sample.again.only(request);
  const auto& outputs = one.service().outputs;
  const auto nothing_known =
      one.values({.known_until = Timestamp{std::numeric_limits<std::int64_t>::min() + 1}});
  const std::vector<Timestamp> arrivals = one.arrivals(0, kArrivalsMax);
  for (const Probe& probe : probes_at({one.requests().times[0]}, arrivals, materialized)) {
    // A view on demand knows nothing but the request, and that only of its own time.
    const auto may_explain = [&](const Different& value) {
      const BoundService::Output& output = outputs[value.output];
      const bool is_on_demand = one.view_of(output).view.is_on_demand();
      if (is_on_demand) return probe.reason == SkewReason::kTimeZone;
      // Times before are stale, and what nothing was known of is no value of any moment.
      if (probe.reason == SkewReason::kTimeZone) return probe.moment.shift.micros > 0;
      return !is_null(value.value.served) &&
             !is_close(value.value.served, cell_of(nothing_known[value.output], 0));
    };
    const auto is_open = [&](const Different* value) {
      return may_explain(*value) &&
             std::none_of(value->reasons.begin(), value->reasons.end(),
                          [&](const ValueReason& r) { return r.reason == probe.reason; });
    };
    if (std::none_of(different.begin(), different.end(), is_open)) continue;
    const std::vector<Column> values = one.values(probe.moment);
    for (Different* value : different) {
      if (is_open(value) && is_close(value->value.served, cell_of(values[value->output], 0)))
        value->reasons.push_back({probe.reason, probe.detail});
    }
  }
}

Result<void> SkewMeter::explain_by_definitions(const Sample& sample, const std::string& service,
                                               std::vector<Different*>& different) {
  const auto present = store_.definitions();
  const auto& outputs = sample.again.service().outputs;
  for (ServedVectors::Earlier& earlier : TRY(served_.earlier_definitions(kDefinitionsMax))) {
    const Service* then = earlier.definitions.find_service(service);
    const Service* now = present->find_service(service);
    if (then == nullptr || now == nullptr) continue;
    // The requests as that service has them.
    ServedRequests requests{.times = sample.again.requests().times};
    for (const RequestColumn& wanted : then->request) {
      const auto at = std::find_if(now->request.begin(), now->request.end(),
                                   [&](const RequestColumn& c) { return c.name == wanted.name; });
      Column column = Column::of_type(wanted.name, column_type(value_type(wanted.type)));
      if (at != now->request.end()) {
        const Column& same =
            sample.again.requests().columns[static_cast<std::size_t>(at - now->request.begin())];
        if (same.type == column.type) column = same;
      }
      while (column.size() < requests.times.size()) column.append_null();
      requests.columns.push_back(std::move(column));
    }
    const std::string until = types::to_rfc3339(earlier.until);
    const Definitions definitions = earlier.definitions;
    const Result<Recomputation> again =
        Recomputation::of(store_, std::move(earlier.definitions), service, std::move(requests));
    if (!again) continue;  // it no longer fits the data
    const auto& then_outputs = again->service().outputs;
    const std::vector<Column> values = again->values();
    for (Different* value : different) {
      const BoundService::Output& output = outputs[value->output];
      const auto same =
          std::find_if(then_outputs.begin(), then_outputs.end(),
                       [&](const BoundService::Output& o) { return o.name == output.name; });
      if (same == then_outputs.end() || same->from_request) continue;
      const bool is_unchanged = text_of(*present, sample.again.view_of(output), output.position) ==
                                text_of(definitions, again->view_of(*same), same->position);
      if (is_unchanged) continue;
      const auto position = static_cast<std::size_t>(same - then_outputs.begin());
      if (is_close(value->value.served, cell_of(values[position], value->request)))
        add_reason(value->reasons, SkewReason::kDefinition, "as defined until " + until);
    }
  }
  return {};
}

JsonObject SkewMeter::report(const std::string& endpoint) const {
  base::MutexLock lock(mutex_);
  std::vector<std::pair<const FeatureKey*, const Feature*>> sorted;
  for (const auto& [key, feature] : features_) {
    if (endpoint.empty() || key.endpoint == endpoint) sorted.emplace_back(&key, &feature);
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.second->different * std::max<std::int64_t>(b.second->compared, 1) >
           b.second->different * std::max<std::int64_t>(a.second->compared, 1);
  });
  JsonArray features, failures;
  for (const auto& [key, feature] : sorted) {
    const RateInterval interval = rate_interval(feature->different, feature->compared);
    const auto share = [](std::int64_t some, std::int64_t all) -> Json {
      if (all == 0) return nullptr;
      return static_cast<double>(some) / static_cast<double>(all);
    };
    JsonObject row{{"endpoint", key->endpoint},
                   {"feature", key->feature},
                   {"version", key->version},
                   {"current", versions_.at({key->endpoint, key->feature}) == key->version},
                   {"compared", feature->compared},
                   {"different", feature->different},
                   {"rate", share(feature->different, feature->compared)},
                   {"rate_low", interval.low},
                   {"rate_high", interval.high},
                   {"last_rate", share(feature->last_different, feature->last_compared)},
                   {"reason", nullptr},
                   {"detail", nullptr},
                   {"first", nullptr}};
    JsonObject reasons;
    for (const auto& [why, reasoned] : feature->reasons) {
      reasons[reason_name(why)] = JsonObject{{"rows", reasoned.rows}, {"detail", reasoned.detail}};
    }
    row["reasons"] = std::move(reasons);
    if (feature->different > 0) {
      const auto [reason, detail] = feature->reason();
      row["reason"] = reason_name(reason);
      row["detail"] = detail;
      row["first"] = JsonObject{{"request", feature->first_request},
                                {"event_time", types::to_rfc3339(feature->first_time)},
                                {"served", feature->first_served},
                                {"recomputed", feature->first_recomputed}};
    }
    features.push_back(std::move(row));
  }
  for (const auto& [name, why] : failures_) {
    if (endpoint.empty() || name == endpoint)
      failures.push_back(JsonObject{{"endpoint", name}, {"why", why}});
  }
  JsonObject out{{"features", std::move(features)}, {"failures", std::move(failures)}};
  out["looked_until"] = nullptr;
  if (looked_until_) out["looked_until"] = types::to_rfc3339(*looked_until_);
  return out;
}

Result<JsonObject> SkewMeter::explain(const std::string& request, const std::string& endpoint,
                                      const std::string& feature) {
  for (const ServedVectors::Endpoint& candidate : TRY(served_.endpoints())) {
    if (!endpoint.empty() && candidate.name != endpoint) continue;
    const Result<Timestamp> time = served_.find(candidate.name, request);
    if (!time && time.error().code == Code::kNotFound) continue;
    if (!time) return time.error();
    const Frame frame = TRY(served_.served(candidate.name, *time, *time + Duration{1}));
    const Column* ids = TRY(frame.column("request_id"));
    const Column* roles = TRY(frame.column("role"));
    std::optional<std::size_t> row;
    for (std::size_t r = 0; r < frame.rows(); ++r) {
      if (ids->strings[r] == request && (!row || roles->strings[r] == "live")) row = r;
    }
    if (!row) continue;
    const Sample sample = TRY(sample_of(candidate, frame, {*row}));
    const std::vector<Column> values = sample.again.values();
    const auto& outputs = sample.again.service().outputs;
    const auto definitions = store_.definitions();
    std::vector<Different> different;
    std::vector<std::pair<std::size_t, JsonObject>> shown;
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      if (sample.served[o] == nullptr || (!feature.empty() && outputs[o].name != feature)) continue;
      const View& view = sample.again.view_of(outputs[o]).view;
      const bool is_given = sample.again.is_given(outputs[o], 0);
      ServedValue value{cell_of(*sample.served[o], *row), cell_of(values[o], 0)};
      const bool is_equal =
          is_same(value.served, value.recomputed, candidate.float32.contains(outputs[o].name));
      JsonObject item{{"feature", outputs[o].name},
                      {"view", view.name},
                      {"source", view.source},
                      {"served", to_json(value.served)},
                      {"recomputed", to_json(value.recomputed)},
                      {"same", nullptr}};
      if (is_given) item["same"] = is_equal;
      JsonArray rows;
      const auto found = sample.again.source_rows(outputs[o], 0);
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
                         request, feature, candidate.service);
    }
    if (!different.empty()) TRY(find_reasons(sample, candidate.service, different));
    JsonObject asked;
    const auto& columns = sample.again.requests().columns;
    for (std::size_t c = 0; c < columns.size(); ++c)
      asked[columns[c].name.empty() ? sample.again.service().service.request[c].name
                                    : columns[c].name] = to_json(cell_of(columns[c], 0));
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
    return JsonObject{{"request", request},           {"endpoint", candidate.name},
                      {"service", candidate.service}, {"event_time", types::to_rfc3339(*time)},
                      {"asked", std::move(asked)},    {"features", std::move(features)}};
  }
  return base::error(Code::kNotFound,
                     "no endpoint with a feature service has such a request in its log: request={}",
                     request);
}

Result<std::optional<double>> SkewMeter::rate(const std::string& endpoint, Timestamp from,
                                              Timestamp to) {
  std::int64_t requests = 0, different = 0;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT requests, different FROM feature_skew_passes WHERE workspace = 'default' AND "
        "endpoint = ? AND until > ? AND until <= ?",
        {endpoint, from, to}, [&](const store::Row& row) {
          requests += row.int64(0);
          different += row.int64(1);
        });
  }));
  if (requests == 0) return std::optional<double>();
  return std::optional(static_cast<double>(different) / static_cast<double>(requests));
}

}  // namespace slipway::features
