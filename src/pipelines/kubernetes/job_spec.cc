#include "pipelines/kubernetes/job_spec.h"

#include <algorithm>
#include <set>

#include "base/hash.h"

namespace slipway::pipelines {
namespace {

constexpr std::size_t kStepBytesMax = 28;  // of a name of 63 in all
constexpr std::size_t kLabelBytesMax = 63;
constexpr int kPatienceSeconds = 5;  // between SIGTERM and SIGKILL, as for processes
constexpr const char* kGpu = "nvidia.com/gpu";

bool is_plain(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// Lower-case letters, digits and single '-' within.
std::string as_dns(std::string_view text, std::size_t bytes_max) {
  std::string name;
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (is_plain(c)) {
      name += c;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  name = name.substr(0, bytes_max);
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name;
}

// A label's value: letters, digits, '-', '_' and '.', not at its ends.
std::string as_label(std::string_view text) {
  const auto is_word = [](char c) { return is_plain(c) || (c >= 'A' && c <= 'Z'); };
  std::string value;
  for (const char c : text) value += is_word(c) || c == '-' || c == '_' || c == '.' ? c : '-';
  value = value.substr(0, kLabelBytesMax);
  while (!value.empty() && !is_word(value.back())) value.pop_back();
  while (!value.empty() && !is_word(value.front())) value.erase(0, 1);
  return value;
}

// "$(NAME)" would be replaced by Kubernetes; "$$" stands for "$".
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += c;
    if (c == '$') out += c;
  }
  return out;
}

JsonObject labels_of(const Command& command) {
  return {{"app.kubernetes.io/managed-by", "slipway"},
          {kJobLabel, command.names.job},
          {"slipway/pipeline", as_label(command.names.pipeline)},
          {"slipway/run", as_label(command.names.run)},
          {"slipway/step", as_label(command.names.step)},
          {"slipway/try", std::to_string(command.names.step_try)}};
}

JsonArray environment_of(const Command& command, const std::vector<std::string>& secrets,
                         const JobOptions& options) {
  // The image has a PATH of its own; the user may be none that it knows.
  const std::set<std::string> ours = {"PATH", "HOME", std::string(kProcessMark)};
  const std::set<std::string> urls = {"SLIPWAY_URL", "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"};
  JsonArray list;
  list.push_back(JsonObject{{"name", "HOME"}, {"value", "/tmp"}});
  for (const auto& [name, value] : command.environment) {
    if (ours.contains(name) || std::find(secrets.begin(), secrets.end(), name) != secrets.end())
      continue;
    list.push_back(
        JsonObject{{"name", name}, {"value", escaped(urls.contains(name) ? options.url : value)}});
  }
  for (const std::string& name : secrets) {
    JsonObject key{{"name", command.names.job}, {"key", name}};
    list.push_back(
        JsonObject{{"name", name}, {"valueFrom", JsonObject{{"secretKeyRef", std::move(key)}}}});
  }
  return list;
}

JsonObject resources_of(const Command& command) {
  JsonObject requests, limits;
  if (command.resources.cpu_millis > 0)
    requests["cpu"] = fmt::format("{}m", command.resources.cpu_millis);
  if (command.resources.memory_bytes > 0)
    requests["memory"] = limits["memory"] = std::to_string(command.resources.memory_bytes);
  if (command.kubernetes->gpus > 0)
    requests[kGpu] = limits[kGpu] = std::to_string(command.kubernetes->gpus);
  return {{"requests", std::move(requests)}, {"limits", std::move(limits)}};
}

JsonArray tolerations_of(const KubernetesStep& step) {
  JsonArray list;
  for (const Toleration& each : step.tolerations) {
    JsonObject object;
    for (const auto& [name, text] : {std::pair("key", &each.key),
                                     {"operator", &each.op},
                                     {"value", &each.value},
                                     {"effect", &each.effect}}) {
      if (!text->empty()) object[name] = *text;
    }
    if (each.seconds) object["tolerationSeconds"] = *each.seconds;
    list.push_back(std::move(object));
  }
  return list;
}

std::int64_t whole_seconds(base::Duration duration) {
  return std::max<std::int64_t>(1, (duration.micros + 999'999) / 1'000'000);
}

JsonObject pod_of(const Command& command, const std::vector<std::string>& secrets,
                  const JobOptions& options) {
  const KubernetesStep& step = *command.kubernetes;
  JsonArray volumes, mounts;
  for (std::size_t i = 0; i < options.volumes.size(); ++i) {
    const SharedVolume& shared = options.volumes[i];
    const std::string name = fmt::format("shared-{}", i);
    JsonObject volume{{"name", name}};
    if (shared.claim.empty()) {
      volume["hostPath"] = JsonObject{{"path", shared.host.string()}, {"type", "Directory"}};
    } else {
      volume["persistentVolumeClaim"] = JsonObject{{"claimName", shared.claim}};
    }
    volumes.push_back(std::move(volume));
    mounts.push_back(JsonObject{{"name", name}, {"mountPath", shared.at.string()}});
  }
  JsonArray words;
  for (const std::string& word : step.words) words.push_back(Json(escaped(word)));
  if (words.empty()) words = {"/bin/sh", "-c", escaped(command.text)};
  JsonObject container{{"name", kContainer},
                       {"image", step.image},
                       {"command", std::move(words)},
                       {"env", environment_of(command, secrets, options)},
                       {"resources", resources_of(command)},
                       {"volumeMounts", std::move(mounts)}};
  if (step.words.empty()) container["workingDir"] = command.folder.string();
  JsonObject selector;
  for (const auto& [label, value] : step.node_selector) selector[label] = value;
  JsonObject pod{
      {"restartPolicy", "Never"},
      {"terminationGracePeriodSeconds", kPatienceSeconds},
      {"automountServiceAccountToken", !step.service_account.empty()},
      {"enableServiceLinks", false},
      {"securityContext", JsonObject{{"runAsUser", options.user}, {"runAsGroup", options.group}}},
      {"nodeSelector", std::move(selector)},
      {"tolerations", tolerations_of(step)},
      {"volumes", std::move(volumes)},
      {"containers", JsonArray{std::move(container)}}};
  if (!step.service_account.empty()) pod["serviceAccountName"] = step.service_account;
  if (command.timeout) pod["activeDeadlineSeconds"] = whole_seconds(*command.timeout);
  return pod;
}

}  // namespace

std::string job_name(const std::string& run, const std::string& step, base::Timestamp started) {
  const std::string digest =
      base::sha256_hex(fmt::format("{}\n{}\n{}", run, step, started.micros)).substr(0, 8);
  const std::string word = as_dns(step, kStepBytesMax);
  return fmt::format("slipway-{}-{}{}{}", as_dns(run, 16), word, word.empty() ? "" : "-", digest);
}

JsonObject job_of(const Command& command, const std::vector<std::string>& secrets,
                  const JobOptions& options) {
  const JsonObject labels = labels_of(command);
  JsonObject spec{{"backoffLimit", 0},  // tries are ours
                  {"completions", 1},
                  {"parallelism", 1},
                  {"ttlSecondsAfterFinished", command.kubernetes->ttl.micros / 1'000'000},
                  {"suspend", !secrets.empty()},
                  {"template", JsonObject{{"metadata", JsonObject{{"labels", labels}}},
                                          {"spec", pod_of(command, secrets, options)}}}};
  return {
      {"apiVersion", "batch/v1"},
      {"kind", "Job"},
      {"metadata", JsonObject{{"name", command.names.job},
                              {"namespace", options.space},
                              {"labels", labels},
                              {"annotations", JsonObject{{"slipway/step", command.names.step}}}}},
      {"spec", std::move(spec)}};
}

JsonObject secret_of(const std::string& job, const std::string& uid,
                     const std::map<std::string, std::string>& values) {
  JsonObject data;
  for (const auto& [name, value] : values) data[name] = base::to_base64(value);
  JsonObject owner{{"apiVersion", "batch/v1"}, {"kind", "Job"}, {"name", job}, {"uid", uid}};
  return {{"apiVersion", "v1"},
          {"kind", "Secret"},
          {"type", "Opaque"},
          {"metadata", JsonObject{{"name", job},
                                  {"labels", JsonObject{{"app.kubernetes.io/managed-by", "slipway"},
                                                        {kJobLabel, job}}},
                                  {"ownerReferences", JsonArray{std::move(owner)}}}},
          {"data", std::move(data)}};
}

}  // namespace slipway::pipelines
