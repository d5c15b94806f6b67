#include "pipelines/kubernetes/kubernetes_step.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace slipway::pipelines {
namespace {

using types::YamlMap;
using types::YamlNode;

constexpr std::int64_t kGpusMax = 1000;

Result<std::optional<std::string>> find_text(YamlMap& map, std::string_view key) {
  const auto node = map.find(key);
  if (!node) return std::optional<std::string>();
  std::string text = TRY(node->text());
  if (text.empty() || text.find_first_of(" \t\r\n\0") != std::string::npos)
    return node->error("{} must be one word: got={}", key, text);
  return std::optional(std::move(text));
}

Result<std::string> choose(YamlMap& map, std::string_view key,
                           std::initializer_list<std::string_view> known) {
  const auto text = TRY(find_text(map, key));
  if (!text || std::find(known.begin(), known.end(), *text) != known.end())
    return text.value_or("");
  return map.node().error("{} must be {}: got={}", key, fmt::join(known, " or "), *text);
}

Result<Toleration> read_toleration(const YamlNode& node) {
  YamlMap map = TRY(node.map("a toleration"));
  Toleration toleration;
  toleration.key = TRY(find_text(map, "key")).value_or("");
  toleration.op = TRY(choose(map, "operator", {"Exists", "Equal"}));
  toleration.value = TRY(find_text(map, "value")).value_or("");
  toleration.effect = TRY(choose(map, "effect", {"NoSchedule", "PreferNoSchedule", "NoExecute"}));
  toleration.seconds = TRY(map.find_integer("tolerationSeconds", 0));
  TRY(map.finish());
  if (toleration.op == "Exists" && !toleration.value.empty())
    return node.error("a toleration with operator Exists has no value");
  if (toleration.op != "Exists" && toleration.key.empty())
    return node.error("a toleration needs a key, or operator: Exists");
  return toleration;
}

}  // namespace

bool Placement::is_empty() const {
  return !executor && !image && !service_account && !node_selector && !tolerations && !gpus && !ttl;
}

Result<Placement> read_placement(YamlMap& map) {
  Placement placement;
  if (const auto executor = map.find("executor")) {
    placement.executor = TRY(executor->text());
    if (*placement.executor != "local" && *placement.executor != "kubernetes")
      return executor->error("executor must be local or kubernetes: got={}", *placement.executor);
  }
  placement.image = TRY(find_text(map, "image"));
  placement.service_account = TRY(find_text(map, "service_account"));
  if (const auto selector = map.find("node_selector")) {
    placement.node_selector.emplace();
    for (const auto& [label, value] : TRY(selector->entries()))
      (*placement.node_selector)[label] = TRY(value.text());
  }
  if (const auto list = map.find("tolerations")) {
    placement.tolerations.emplace();
    for (const YamlNode& node : TRY(list->list()))
      placement.tolerations->push_back(TRY(read_toleration(node)));
  }
  placement.gpus = TRY(map.find_integer("gpus", 0, kGpusMax));
  if (const auto ttl = map.find("ttl")) {
    placement.ttl = TRY(ttl->duration());
    // The server must have seen the end of a Job before Kubernetes deletes it.
    if (*placement.ttl < base::Duration::seconds(60))
      return ttl->error("ttl must be a minute or more");
  }
  return placement;
}

Result<std::optional<KubernetesStep>> find_kubernetes(const Placement& step,
                                                      const Placement& pipeline,
                                                      const YamlNode& node,
                                                      const std::string& name) {
  const auto said = [&](auto Placement::*member) {
    return step.*member ? step.*member : pipeline.*member;
  };
  if (said(&Placement::executor).value_or("local") == "local") {
    Placement without = step;
    without.executor.reset();
    if (without.is_empty()) return std::optional<KubernetesStep>();
    return node.error(
        "image, node_selector, tolerations, gpus, ttl and service_account are of steps with "
        "executor: kubernetes: step={}",
        name);
  }
  KubernetesStep found;
  found.image = said(&Placement::image).value_or("");
  if (found.image.empty())
    return node.error("a step with executor: kubernetes needs an image: step={}", name);
  found.node_selector = said(&Placement::node_selector).value_or(found.node_selector);
  found.tolerations = said(&Placement::tolerations).value_or(found.tolerations);
  found.gpus = said(&Placement::gpus).value_or(found.gpus);
  found.ttl = said(&Placement::ttl).value_or(found.ttl);
  found.service_account = said(&Placement::service_account).value_or("");
  return std::optional(std::move(found));
}

}  // namespace slipway::pipelines
