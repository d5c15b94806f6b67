// What slipway.yaml says of a step that runs as a Job of Kubernetes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/timestamp.h"
#include "types/yaml_reader.h"

namespace slipway::pipelines {

// Which taints of nodes the pod doesn't mind; members as Kubernetes has them.
struct Toleration {
  std::string key, op, value, effect;
  std::optional<std::int64_t> seconds;

  bool operator==(const Toleration&) const = default;
};

struct KubernetesStep {
  std::string image;
  std::map<std::string, std::string> node_selector;
  std::vector<Toleration> tolerations;
  std::int64_t gpus = 0;                         // of nvidia.com/gpu
  base::Duration ttl = base::Duration::days(1);  // that the Job stays when it is over
  std::string service_account;  // empty: the namespace's default, without its token
  // What the container runs in its image's own folder, instead of the step's text in the project's.
  // No step says so: it is for a command that was made of it.
  std::vector<std::string> words = {};

  bool operator==(const KubernetesStep&) const = default;
};

// Keys that a pipeline has for all its steps, and a step for itself.
struct Placement {
  std::optional<std::string> executor, image, service_account;
  std::optional<std::map<std::string, std::string>> node_selector;
  std::optional<std::vector<Toleration>> tolerations;
  std::optional<std::int64_t> gpus;
  std::optional<base::Duration> ttl;

  bool is_empty() const;
};

// kInvalidArgument with the place.
Result<Placement> read_placement(types::YamlMap& map);

// What a step says, and what its pipeline says of the rest. Nothing: a process of this machine.
// kInvalidArgument with the place of `node`: no image, or keys of a Job without one.
Result<std::optional<KubernetesStep>> find_kubernetes(const Placement& step,
                                                      const Placement& pipeline,
                                                      const types::YamlNode& node,
                                                      const std::string& name);

}  // namespace slipway::pipelines
