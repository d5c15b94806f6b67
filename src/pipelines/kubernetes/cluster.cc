#include "pipelines/kubernetes/cluster.h"

#include <cstdlib>

#include "base/hash.h"
#include "base/text.h"
#include "store/file_system.h"
#include "types/yaml_reader.h"

namespace slipway::pipelines {
namespace fs = std::filesystem;
namespace {

using types::YamlMap;
using types::YamlNode;

Result<std::string> find_text(YamlMap& map, std::string_view key) {
  const auto node = map.find(key);
  return node ? node->text() : Result<std::string>(std::string());
}

// The part called `part` of the entry of a list that has this name.
Result<YamlMap> named(YamlMap& top, std::string_view list, std::string_view part,
                      const std::string& name) {
  const YamlNode node = TRY(top.get(list));
  for (const YamlNode& entry : TRY(node.list())) {
    YamlMap map = TRY(entry.map(std::string(part)));
    if (TRY(find_text(map, "name")) == name) return TRY(map.get(part)).map(std::string(part));
  }
  return node.error("the kubeconfig has no {} of this name: name={}", part, name);
}

// `key`-data as base64, or the file that `key` names.
Result<std::string> find_pem(YamlMap& map, const std::string& key, const fs::path& folder) {
  const auto data = map.find(key + "-data");
  if (data) {
    auto pem = base::from_base64(TRY(data->text()));
    if (!pem) return data->error("{}-data: {}", key, pem.error().message);
    return pem;
  }
  const std::string file = TRY(find_text(map, key));
  if (file.empty()) return std::string();
  return store::read_file(folder / file);
}

}  // namespace

Result<Cluster> parse_kubeconfig(std::string_view text, const fs::path& folder) {
  YamlMap top = TRY(TRY(YamlNode::parse(text)).map("a kubeconfig"));
  const std::string current = TRY(TRY(top.get("current-context")).text());
  YamlMap context = TRY(named(top, "contexts", "context", current));
  const std::string cluster_name = TRY(TRY(context.get("cluster")).text());
  const std::string user_name = TRY(TRY(context.get("user")).text());
  Cluster cluster;
  cluster.space = TRY(find_text(context, "namespace"));
  YamlMap reached = TRY(named(top, "clusters", "cluster", cluster_name));
  cluster.server = TRY(TRY(reached.get("server")).text());
  while (cluster.server.ends_with('/')) cluster.server.pop_back();
  if (!cluster.server.starts_with("https://"))
    return reached.node().error("the cluster's server must begin with https://: got={}",
                                cluster.server);
  if (const auto unchecked = reached.find("insecure-skip-tls-verify");
      unchecked && TRY(unchecked->boolean()))
    return unchecked->error(
        "insecure-skip-tls-verify is not supported: name the server's certificate authority");
  cluster.ca_pem = TRY(find_pem(reached, "certificate-authority", folder));
  for (const char* key : {"proxy-url", "tls-server-name"}) {
    if (const auto node = reached.find(key)) return node->error("{} is not supported", key);
  }
  YamlMap user = TRY(named(top, "users", "user", user_name));
  for (const char* way : {"exec", "auth-provider", "username", "as"}) {
    if (const auto node = user.find(way))
      return node->error(
          "signing in with {} is not supported; use a client certificate or a service account's "
          "token: user={}",
          way, user_name);
  }
  cluster.certificate_pem = TRY(find_pem(user, "client-certificate", folder));
  cluster.key_pem = TRY(find_pem(user, "client-key", folder));
  cluster.token = TRY(find_text(user, "token"));
  if (const std::string file = TRY(find_text(user, "tokenFile")); !file.empty())
    cluster.token_file = folder / file;
  if (cluster.certificate_pem.empty() != cluster.key_pem.empty())
    return user.node().error("a client certificate and its key belong together: user={}",
                             user_name);
  return cluster;
}

Result<Cluster> read_kubeconfig(const fs::path& file) {
  const std::string text = TRY(store::read_file(file));
  auto cluster = parse_kubeconfig(text, file.parent_path());
  if (!cluster) return std::move(cluster).error().with_context(file.string());
  return cluster;
}

Result<Cluster> cluster_around() {
  const fs::path folder = "/var/run/secrets/kubernetes.io/serviceaccount";
  const char* const host = std::getenv("KUBERNETES_SERVICE_HOST");
  const char* const port = std::getenv("KUBERNETES_SERVICE_PORT");
  if (host == nullptr || port == nullptr)
    return base::error(Code::kNotFound, "this server runs in no pod of Kubernetes");
  const bool is_v6 = std::string_view(host).find(':') != std::string_view::npos;
  Cluster cluster;
  cluster.server =
      fmt::format(fmt::runtime(is_v6 ? "https://[{}]:{}" : "https://{}:{}"), host, port);
  cluster.ca_pem = TRY(store::read_file(folder / "ca.crt"));
  cluster.token_file = folder / "token";
  cluster.space = TRY(store::read_file(folder / "namespace"));
  return cluster;
}

}  // namespace slipway::pipelines
