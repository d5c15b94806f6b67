#include "features/skew_meter.h"

#include <algorithm>
#include <set>

#include "base/log.h"
#include "features/skew_inquiry.h"

namespace slipway::features {
namespace {

using types::Duration;
using types::Timestamp;

constexpr Duration kPassesKept = Duration::days(400);
constexpr Duration kCaughtUpMax = Duration::days(7);  // by an endpoint whose passes failed

Json to_json(const SkewInquiry::Spread& spread) {
  const auto number = [](const std::optional<double>& x) {
    return x ? base::number_or_null(*x) : Json(nullptr);
  };
  return JsonObject{
      {"missing_rate", static_cast<double>(spread.missing) /
                           static_cast<double>(std::max<std::int64_t>(spread.values, 1))},
      {"p10", number(spread.p10)},
      {"p50", number(spread.p50)},
      {"p90", number(spread.p90)}};
}

}  // namespace

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
                    {"first_recomputed", first_recomputed},
                    {"last_served", last_served},
                    {"last_recomputed", last_recomputed}};
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
  if (const Json* value = object.if_contains("last_served")) feature.last_served = *value;
  if (const Json* value = object.if_contains("last_recomputed")) feature.last_recomputed = *value;
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
    TRY(reader.query(
        "SELECT endpoint, looked_until FROM feature_skew_behind WHERE workspace = 'default'", {},
        [&](const store::Row& row) { behind_[row.string(0)] = row.time(1); }));
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
    behind_.clear();
  }
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute(
        "INSERT INTO feature_skew_state(workspace, looked_until) VALUES('default', ?) ON "
        "CONFLICT(workspace) DO UPDATE SET looked_until = excluded.looked_until",
        {now}));
    TRY(tx.execute("DELETE FROM feature_skew_behind", {}));
    return {};
  }));
  return next_due(now, rehearses);
}

Result<void> SkewMeter::advance(Timestamp until) {
  base::MutexLock turn(pass_mutex_);
  Timestamp from = until;
  std::map<std::string, Timestamp> behind;
  {
    base::MutexLock lock(mutex_);
    if (looked_until_) from = *looked_until_;
    behind = behind_;
  }
  if (until <= from) return {};
  std::vector<ServedVectors::Endpoint> endpoints;
  if (options_.rows_per_pass > 0) endpoints = TRY(served_.endpoints());
  std::map<std::string, Pass> passes;
  std::map<std::string, std::string> failures;
  for (const ServedVectors::Endpoint& endpoint : endpoints) {
    if (is_stopping_) return {};  // the next pass begins where this one did
    const auto mark = behind.find(endpoint.name);
    const Timestamp since =
        mark == behind.end() ? from : std::min(from, std::max(mark->second, until - kCaughtUpMax));
    Result<Pass> pass = look_at(endpoint, since, until);
    if (!pass) {
      base::log_warning("features", "served values were not recomputed: endpoint={} why=\"{}\"",
                        endpoint.name, pass.error().message);
      failures[endpoint.name] = pass.error().message;
      behind[endpoint.name] = since;
      continue;
    }
    behind.erase(endpoint.name);
    if (pass->rows > 0) passes[endpoint.name] = std::move(*pass);
  }
  std::erase_if(behind, [&](const auto& mark) {
    return mark.second <= until - kCaughtUpMax && !failures.contains(mark.first);
  });
  std::vector<std::pair<FeatureKey, std::string>> states;
  {
    base::MutexLock lock(mutex_);
    failures_ = std::move(failures);
    looked_until_ = until;
    behind_ = behind;
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
    TRY(tx.execute("DELETE FROM feature_skew_behind", {}));
    for (const auto& [endpoint, mark] : behind) {
      TRY(tx.execute("INSERT INTO feature_skew_behind(endpoint, looked_until) VALUES(?, ?)",
                     {endpoint, mark}));
    }
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
    feature.last_served = fresh.last_served;
    feature.last_recomputed = fresh.last_recomputed;
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

Result<SkewMeter::Pass> SkewMeter::look_at(const ServedVectors::Endpoint& endpoint, Timestamp from,
                                           Timestamp until) {
  const SkewInquiry inquiry =
      TRY(SkewInquiry::sample(store_, served_, endpoint, from, until, options_.rows_per_pass));
  Pass pass{.rows = static_cast<std::int64_t>(inquiry.size())};
  std::set<std::size_t> bad_requests;
  for (const SkewInquiry::Compared& compared : TRY(inquiry.compare())) {
    Feature& feature = pass.features[{endpoint.name, compared.feature, compared.version}];
    feature.compared = compared.compared;
    feature.last_served = to_json(compared.served);
    feature.last_recomputed = to_json(compared.recomputed);
    for (const SkewInquiry::Different& one : compared.different) {
      bad_requests.insert(one.request);
      const Timestamp time = inquiry.event_time(one.request);
      if (feature.different++ == 0 || time < feature.first_time) {
        feature.first_request = inquiry.id(one.request);
        feature.first_time = time;
        feature.first_served = features::to_json(one.value.served);
        feature.first_recomputed = features::to_json(one.value.recomputed);
      }
      if (!one.looked_into) continue;
      const auto count = [&](SkewReason reason, const std::string& detail) {
        Reasoned& reasoned = feature.reasons[reason];
        if (reasoned.rows++ == 0) reasoned.detail = detail;
      };
      for (const ValueReason& reason : one.reasons) count(reason.reason, reason.detail);
      if (one.reasons.empty()) count(SkewReason::kUnknown, "");
    }
  }
  pass.rows_different = static_cast<std::int64_t>(bad_requests.size());
  return pass;
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
                   {"first", nullptr},
                   {"last_served", feature->last_served},
                   {"last_recomputed", feature->last_recomputed}};
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
    const SkewInquiry inquiry = TRY(SkewInquiry::of(store_, served_, candidate, request, *time));
    if (inquiry.size() > 0) return inquiry.show(feature);
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
