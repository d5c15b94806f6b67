#include "releases/definition.h"

#include <algorithm>

#include "types/timestamp.h"

namespace slipway::releases {
namespace {

using types::YamlMap;
using types::YamlNode;

// Names become path segments, metric labels and tensor names.
Result<void> check_name(const YamlNode& node, const std::string& name, std::string_view what) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  if (name.empty() || name.size() > 64 || !std::all_of(name.begin(), name.end(), allowed)) {
    return node.error("the name of {} has letters, digits, '-', '_' and '.' only, 64 at most: {}",
                      what, name);
  }
  return {};
}

Result<std::optional<double>> find_bound(YamlMap& map, std::string_view key, double most) {
  const auto node = map.find(key);
  if (!node) return std::optional<double>();
  const double value = TRY(node->number());
  if (value < 0 || value > most) return node->error("{} must be between 0 and {}", key, most);
  return std::optional(value);
}

Result<QualityBound> read_quality(const YamlNode& node) {
  YamlMap map = TRY(node.map("quality"));
  const YamlNode metric = TRY(map.get("metric"));
  QualityBound bound{.metric = TRY(metric.text())};
  if (bound.metric != "log_loss" && bound.metric != "brier" && bound.metric != "absolute_error") {
    return metric.error("no such loss: metric={} known=log_loss, brier, absolute_error",
                        bound.metric);
  }
  bound.worse_by = TRY(find_bound(map, "worse_by", 1e9)).value_or(0);
  TRY(map.finish());
  return bound;
}

Result<Guard> read_guard(const YamlNode& node) {
  Guard guard;
  YamlMap map = TRY(node.map("guard"));
  guard.error_rate = TRY(find_bound(map, "error_rate", 1));
  guard.latency_ms_p99 = TRY(find_bound(map, "latency_ms_p99", 1e9));
  guard.calibration_bias = TRY(find_bound(map, "calibration_bias", 1));
  if (const auto quality = map.find("quality")) guard.quality = TRY(read_quality(*quality));
  guard.min_requests = TRY(map.find_integer("min_requests", 0)).value_or(guard.min_requests);
  guard.min_labels = TRY(map.find_integer("min_labels", 0)).value_or(guard.min_labels);
  TRY(map.finish());
  return guard;
}

Result<ReleasePolicy> read_policy(const YamlNode& node) {
  ReleasePolicy policy;
  YamlMap map = TRY(node.map("release"));
  if (auto delay = map.find("delay")) policy.delay = TRY(delay->duration());
  if (auto hold = map.find("hold")) policy.hold = TRY(hold->duration());
  if (auto check = map.find("check")) {
    policy.check = TRY(check->duration());
    if (policy.check->micros <= 0) return check->error("check must be longer than nothing");
  }
  if (auto steps = map.find("steps")) {
    policy.steps.clear();
    for (const YamlNode& step : TRY(steps->list())) {
      const std::int64_t percent = TRY(step.integer());
      const int before = policy.steps.empty() ? 0 : policy.steps.back();
      if (percent <= before || percent > 100) {
        return step.error("steps are percentages that grow up to 100: step={} after={}", percent,
                          before);
      }
      policy.steps.push_back(static_cast<int>(percent));
    }
    if (policy.steps.empty() || policy.steps.back() != 100) {
      return steps->error("the last step must be 100");
    }
  }
  if (auto guard = map.find("guard")) policy.guard = TRY(read_guard(*guard));
  TRY(map.finish());
  return policy;
}

bool is_folder(std::string_view text) {
  constexpr std::string_view kS3 = "s3://";
  if (text.starts_with(kS3)) return text.size() > kS3.size() && text[kS3.size()] != '/';
  return text.starts_with('/') || text.starts_with("file:///");
}

Result<std::string> read_folder(const YamlNode& node, std::string_view key) {
  Result<std::string> folder = node.text();
  if (folder && !is_folder(*folder))
    return node.error("{} must be s3://BUCKET/PREFIX or an absolute path: {}", key, *folder);
  return folder;
}

Result<AsyncInference> read_async(const YamlNode& node) {
  AsyncInference async;
  YamlMap map = TRY(node.map("async"));
  async.output = TRY(read_folder(TRY(map.get("output")), "output"));
  async.failure = async.output;
  if (const auto failure = map.find("failure"))
    async.failure = TRY(read_folder(*failure, "failure"));
  async.in_flight = TRY(map.find_integer("in_flight", 1, 1000));
  TRY(map.finish());
  return async;
}

Result<EndpointDefinition> read_endpoint(const std::string& name, const YamlNode& node) {
  EndpointDefinition definition{.name = name};
  TRY(check_name(node, name, "an endpoint"));
  YamlMap map = TRY(node.map("endpoint " + name));
  definition.model = TRY(TRY(map.get("model")).text());
  if (auto features = map.find("features")) definition.features = TRY(features->text());
  if (auto output = map.find("output")) {
    definition.output = TRY(output->text());
    TRY(check_name(*output, definition.output, "an output"));
  }
  if (auto shadow = map.find("shadow")) {
    for (const auto& [key, value] : TRY(shadow->entries())) {
      TRY(check_name(value, key, "a shadow"));
      for (const std::string_view taken : {"live", "canary", "canary-shadow", "challenger"}) {
        if (key == taken) return value.error("a shadow cannot be called so: {}", key);
      }
      definition.shadow.push_back({key, TRY(value.text())});
    }
  }
  if (auto release = map.find("release")) definition.release = TRY(read_policy(*release));
  definition.running = TRY(read_running(map));
  if (auto log = map.find("log")) {
    YamlMap members = TRY(log->map("log"));
    if (auto policy = members.find("policy")) {
      definition.log_policy = TRY(policy->text());
      if (definition.log_policy != "best_effort" && definition.log_policy != "durable") {
        return policy->error("no such log policy: policy={} known=best_effort, durable",
                             definition.log_policy);
      }
    }
    if (const auto keep = members.find("keep")) {
      definition.log_keep = TRY(keep->duration());
      if (*definition.log_keep < base::Duration::days(1))
        return keep->error("keep must be a day or longer, such as 90d");
    }
    TRY(members.finish());
  }
  if (const auto async = map.find("async")) definition.async = TRY(read_async(*async));
  TRY(map.finish());
  return definition;
}

}  // namespace

base::Duration ReleasePolicy::check_interval() const {
  if (check) return *check;
  // Never zero: a guard that looks all the time would never let time pass.
  return {std::max<std::int64_t>(hold.micros / 4, base::Duration::seconds(1).micros)};
}

std::optional<ModelAlias> parse_alias(std::string_view model_uri) {
  constexpr std::string_view kPrefix = "models:/";
  if (!model_uri.starts_with(kPrefix)) return std::nullopt;
  model_uri.remove_prefix(kPrefix.size());
  const std::size_t at = model_uri.rfind('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == model_uri.size()) return std::nullopt;
  return ModelAlias{std::string(model_uri.substr(0, at)), std::string(model_uri.substr(at + 1))};
}

JsonObject to_json(const ReleasePolicy& policy) {
  JsonArray steps;
  for (const int step : policy.steps) steps.emplace_back(step);
  JsonObject guard;
  if (policy.guard.error_rate) guard["error_rate"] = *policy.guard.error_rate;
  if (policy.guard.latency_ms_p99) guard["latency_ms_p99"] = *policy.guard.latency_ms_p99;
  if (policy.guard.calibration_bias) guard["calibration_bias"] = *policy.guard.calibration_bias;
  if (const auto& quality = policy.guard.quality) {
    guard["quality"] = JsonObject{{"metric", quality->metric}, {"worse_by", quality->worse_by}};
  }
  guard["min_requests"] = policy.guard.min_requests;
  guard["min_labels"] = policy.guard.min_labels;
  JsonObject object{{"delay", types::to_text(policy.delay)},
                    {"steps", std::move(steps)},
                    {"hold", types::to_text(policy.hold)},
                    {"guard", std::move(guard)}};
  if (policy.check) object["check"] = types::to_text(*policy.check);
  return object;
}

JsonObject EndpointDefinition::to_json() const {
  JsonObject shadows;
  for (const ShadowDefinition& each : shadow) shadows[each.name] = each.model;
  JsonObject object{{"model", model}};
  if (!features.empty()) object["features"] = features;
  object["output"] = output;
  object["shadow"] = std::move(shadows);
  object["release"] = releases::to_json(release);
  JsonObject log{{"policy", log_policy}};
  if (log_keep) log["keep"] = types::to_text(*log_keep);
  object["log"] = std::move(log);
  running.append_to(object);
  if (async) {
    JsonObject declared{{"output", async->output}, {"failure", async->failure}};
    if (async->in_flight) declared["in_flight"] = *async->in_flight;
    object["async"] = std::move(declared);
  }
  return object;
}

Result<std::vector<EndpointDefinition>> parse_endpoints(const types::YamlSource& slipway_yaml) {
  const YamlNode root = TRY(slipway_yaml.root());
  std::vector<EndpointDefinition> endpoints;
  if (root.is_null()) return endpoints;
  YamlMap map = TRY(root.map("slipway.yaml"));
  const auto section = map.find("endpoints");
  if (!section) return endpoints;
  for (const auto& [name, node] : TRY(section->entries())) {
    endpoints.push_back(TRY(read_endpoint(name, node)));
  }
  return endpoints;
}

Result<EndpointDefinition> parse_endpoint(const std::string& name, std::string_view text) {
  return read_endpoint(name, TRY(YamlNode::parse(text)));
}

Result<ReleasePolicy> parse_policy(std::string_view text) {
  return read_policy(TRY(YamlNode::parse(text)));
}

}  // namespace slipway::releases
