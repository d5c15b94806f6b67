// Stand-ins for what the release ledger asks of others.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "releases/ports.h"

namespace slipway::releases::testing {

class FakeDataPlane final : public DataPlane {
 public:
  std::set<std::string> broken;                          // URIs that don't load
  std::set<std::string> away;                            // URIs whose store is away
  std::function<void(const Revision&)> while_preparing;  // called once
  std::map<std::string, Revision> active;                // by endpoint
  std::map<std::string, std::int64_t> kept;              // last good revision by endpoint
  std::vector<std::string> prepared;                     // URIs, in order

  void expect(const std::vector<Revision>& revisions) override {
    for (const Revision& revision : revisions) active[revision.endpoint] = revision;
  }
  Result<std::shared_ptr<const void>> prepare(const Revision& revision) override {
    if (auto call = std::exchange(while_preparing, nullptr)) call(revision);
    for (const Variant& variant : revision.variants) {
      if (broken.contains(variant.uri)) {
        return base::error(Code::kCorruption, "the model file is cut short: {}", variant.uri);
      }
      if (away.contains(variant.uri))
        return base::error(Code::kUnavailable, "the store is away: {}", variant.uri);
      prepared.push_back(variant.uri);
    }
    return std::shared_ptr<const void>();
  }
  void activate(const Revision& revision, const Revision* last_good) override {
    active[revision.endpoint] = revision;
    kept[revision.endpoint] = last_good != nullptr ? last_good->number : 0;
  }
  void remove(const std::string& endpoint) override { active.erase(endpoint); }
};

// Knows "models:/NAME/VERSION" for versions up to `newest`, and the aliases it is given.
class FakeCatalog final : public ModelCatalog {
 public:
  std::int64_t newest = 9;
  std::map<std::string, std::int64_t> aliases;  // "models:/m@champion" -> version

  Result<ResolvedModel> resolve(const std::string& uri) override {
    const auto alias = aliases.find(uri);
    const std::size_t slash = uri.rfind('/');
    const std::string name = uri.substr(8, uri.find_first_of("@/", 8) - 8);
    std::int64_t version = alias != aliases.end() ? alias->second : 0;
    if (version == 0 && slash > 8 && uri.find('@') == std::string::npos) {
      version = std::stoll(uri.substr(slash + 1));
    }
    if (version < 1 || version > newest) {
      return base::error(Code::kNotFound, "no such model version: uri={}", uri);
    }
    return ResolvedModel{name, version, fmt::format("models:/{}/{}", name, version)};
  }
};

class FakeFacts final : public VariantFacts {
 public:
  CanaryFacts next{.requests = 1000};
  std::vector<std::pair<base::Timestamp, base::Timestamp>> asked;
  std::set<std::string> unknown;  // endpoints of which nothing can be told

  ExperimentFacts experiment;
  struct Question {
    std::string endpoint, live, challenger, metric;
    double alpha = 0;
    base::Timestamp since, until;
  };
  Question compared;  // the last that compare() was asked

  Result<CanaryFacts> facts(const std::string& endpoint, const std::string&, base::Timestamp since,
                            base::Timestamp until, double) override {
    if (unknown.contains(endpoint))
      return base::error(Code::kCorruption, "the request log can't be read");
    asked.emplace_back(since, until);
    return next;
  }
  Result<ExperimentFacts> compare(const std::string& endpoint, const std::string& live,
                                  const std::string& challenger, const std::string& metric,
                                  double alpha, base::Timestamp since,
                                  base::Timestamp until) override {
    compared = {endpoint, live, challenger, metric, alpha, since, until};
    return experiment;
  }
  Result<std::optional<bool>> higher_is_better(const std::string&,
                                               const std::string& metric) override {
    if (metric == "label") return std::optional<bool>();
    if (metric == "log_loss") return std::optional(false);
    return base::error(Code::kInvalidArgument, "no such metric: {}", metric);
  }
};

class FakeAliases final : public ModelAliases {
 public:
  std::map<std::string, std::int64_t> targets;  // "m@champion" -> version
  std::vector<std::string> moves;

  Result<std::optional<std::int64_t>> find_target(const std::string& model,
                                                  const std::string& alias) override {
    const auto found = targets.find(model + "@" + alias);
    return found == targets.end() ? std::nullopt : std::optional(found->second);
  }
  Result<void> move(const std::string& model, const std::string& alias, std::int64_t version,
                    const std::string&, const std::string&) override {
    targets[model + "@" + alias] = version;
    moves.push_back(fmt::format("{}@{} -> {}", model, alias, version));
    return {};
  }
};

}  // namespace slipway::releases::testing
