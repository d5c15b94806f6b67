#include "cli/promotion.h"

#include <algorithm>
#include <filesystem>

#include "api/mlflow_source/local_folder.h"
#include "base/hash.h"
#include "cli/artifact_copy.h"
#include "cli/lineage_chain.h"
#include "cli/model_commands.h"
#include "cli/scratch.h"
#include "cli/stored_artifacts.h"
#include "cli/table.h"
#include "store/file_digest.h"

namespace slipway::cli {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kModels = "models:/";
constexpr std::string_view kOurTags = "slipway.promoted.";  // what an earlier promotion has left

std::string text_or_empty(const Json& value) {
  return value.is_string() ? std::string(std::string_view(value.get_string())) : std::string();
}

std::string tag_of(std::string_view name) { return std::string(kOurTags) + std::string(name); }

Result<std::unique_ptr<api::mlflow_source::ArtifactFolder>> open_files(const fs::path& model) {
  auto folder = api::mlflow_source::open_local(model);
  if (folder == nullptr)
    return base::error(Code::kNotFound, "the model has no files: path={}", model.string());
  return folder;
}

// What speaks for a version, as it is kept beside its files.
JsonObject evidence_of(const PromotedVersion& version, const ModelBytes& bytes) {
  JsonObject files;
  for (const auto& [path, digest] : bytes.digests) files[path] = digest;
  return {{"from", JsonObject{{"url", version.url},
                              {"model", version.model},
                              {"version", version.version},
                              {"run_id", version.run_id}}},
          {"digest", bytes.digest},
          {"files", std::move(files)},
          {"gate", version.gate},
          {"aliases", version.aliases},
          {"approvals", version.approvals},
          {"lineage", version.lineage}};
}

Result<std::vector<std::int64_t>> all_brought(Client& target, const std::string& model,
                                              const PromotedVersion& from,
                                              const ModelBytes& bytes) {
  std::string quoted;
  for (const char c : model) quoted += c == '\'' ? "''" : std::string(1, c);
  const std::string filter = fmt::format("name = '{}' AND tags.`{}` = '{}' AND tags.`{}` = '{}'",
                                         quoted, tag_of("digest"), bytes.digest, tag_of("from"),
                                         fmt::format("models:/{}/{}", from.model, from.version));
  const Json reply =
      TRY(target.get(path_of("/api/2.0/mlflow/model-versions/search?filter={}", {filter})));
  std::vector<std::int64_t> numbers;
  const Json& found = member_at(reply, "model_versions");
  if (found.is_array()) {
    for (const Json& version : found.get_array())
      numbers.push_back(TRY(read_version(cell(member_at(version, "version")))));
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace

bool PromotedVersion::is_refused() const {
  return gate.is_object() && cell(member_at(gate, "verdict")) != "pass";
}

Result<std::optional<std::int64_t>> version_at(Client& client, const std::string& model,
                                               const std::string& alias) {
  const auto reply = client.get(path_of("/slipway/v1/models/{}/aliases", {model}));
  if (!reply && reply.error().code == Code::kNotFound) return std::optional<std::int64_t>();
  if (!reply) return reply.error();
  for (const Json& known : member_at(*reply, "aliases").as_array()) {
    const Json& version = member_at(known, "version");
    if (cell(member_at(known, "alias")) == alias && version.is_int64())
      return std::optional(version.get_int64());
  }
  return std::optional<std::int64_t>();
}

Result<PromotedVersion> find_version(Client& source, const std::string& url,
                                     const std::string& uri) {
  PromotedVersion found{.url = url};
  const std::string rest = uri.starts_with(kModels) ? uri.substr(kModels.size()) : "";
  const std::size_t at = rest.find('@'), slash = rest.find('/');
  found.model = rest.substr(0, std::min(at, slash));
  if (found.model.empty() || (at == std::string::npos && slash == std::string::npos))
    return base::error(Code::kInvalidArgument,
                       "what is promoted is models:/NAME/VERSION or models:/NAME@ALIAS: got={}",
                       uri);
  const Json aliases = TRY(source.get(path_of("/slipway/v1/models/{}/aliases", {found.model})));
  if (at != std::string::npos) {
    const auto version = TRY(version_at(source, found.model, rest.substr(at + 1)));
    if (!version) return base::error(Code::kNotFound, "the alias points to no version: {}", uri);
    found.version = *version;
  } else {
    found.version = TRY(read_version(rest.substr(slash + 1)));
  }
  const std::string number = std::to_string(found.version);
  const Json reply = TRY(source.get(
      path_of("/api/2.0/mlflow/model-versions/get?name={}&version={}", {found.model, number})));
  const Json& version = member_at(reply, "model_version");
  found.run_id = text_or_empty(member_at(version, "run_id"));
  found.description = text_or_empty(member_at(version, "description"));
  if (const Json& tags = member_at(version, "tags"); tags.is_array()) {
    for (const Json& tag : tags.get_array())
      found.tags[text_or_empty(member_at(tag, "key"))] = text_or_empty(member_at(tag, "value"));
  }
  JsonArray approvals;
  for (const Json& alias : member_at(aliases, "aliases").as_array()) {
    if (member_at(alias, "version") == Json(found.version))
      found.aliases.push_back(member_at(alias, "alias"));
    const Json& given = member_at(alias, "approvals");
    if (!given.is_array()) continue;
    for (const Json& approval : given.get_array()) {
      if (member_at(approval, "version") != Json(found.version)) continue;
      approvals.push_back(approval);
      approvals.back().as_object()["alias"] = member_at(alias, "alias");
    }
  }
  found.approvals = std::move(approvals);
  const Json gates = TRY(source.get(path_of("/slipway/v1/models/{}/gates", {found.model})));
  for (const Json& gate : member_at(gates, "gates").as_array()) {  // newest first
    const bool is_about = member_at(gate, "promoted_version") == Json(found.version) ||
                          member_at(gate, "candidate_version") == Json(found.version);
    if (!is_about) continue;
    found.gate = gate;
    break;
  }
  Chain chain(source);
  TRY(chain.add_model(found.model, number));
  found.lineage = chain.take();
  return found;
}

Result<ModelBytes> digest_of(const fs::path& model) {
  ModelBytes bytes;
  base::Sha256 all;
  const auto folder = TRY(open_files(model));
  for (const auto& file : TRY(folder->files())) {
    const std::string digest = TRY(store::file_digest(TRY(folder->fetch(file, {}))));
    all.update(fmt::format("{}  {}\n", digest, file.path));
    bytes.digests[file.path] = digest;
  }
  if (bytes.digests.empty())
    return base::error(Code::kNotFound, "the model has no files: folder={}", model.string());
  bytes.digest = all.finish_hex();
  return bytes;
}

Result<std::string> bring_files(Client& target, const fs::path& model, const ModelBytes& bytes,
                                const PromotedVersion& version) {
  const std::string root = "promoted/" + bytes.digest;
  const Scratch scratch = TRY(Scratch::make("promotion"));
  const auto files = TRY(open_files(model));
  const auto copied = TRY(ArtifactCopy(target, scratch.path()).copy(*files, root + "/model"));
  if (!copied.different.empty())
    return base::error(Code::kCorruption, "the target keeps other bytes than were sent: path={}",
                       copied.different.front());
  const std::string file =
      fmt::format("{}/evidence-{}-{}.json", root, version.model, version.version);
  TRY(target.put(artifact_route(file), base::to_text(evidence_of(version, bytes)) + "\n"));
  return root;
}

Result<std::optional<std::int64_t>> find_brought(Client& target, const std::string& model,
                                                 const PromotedVersion& from,
                                                 const ModelBytes& bytes) {
  const auto numbers = TRY(all_brought(target, model, from, bytes));
  return numbers.empty() ? std::optional<std::int64_t>() : std::optional(numbers.front());
}

Result<std::int64_t> make_version(Client& target, const std::string& model,
                                  const PromotedVersion& from, const ModelBytes& bytes,
                                  const std::string& folder, const std::string& reason) {
  const auto made = target.post("/api/2.0/mlflow/registered-models/create", {{"name", model}});
  if (!made && made.error().code != Code::kAlreadyExists) return made.error();
  JsonArray tags;
  const auto add = [&](std::string key, std::string value) {
    tags.push_back(JsonObject{{"key", std::move(key)}, {"value", std::move(value)}});
  };
  for (const auto& [key, value] : from.tags) {
    if (!key.starts_with(kOurTags)) add(key, value);
  }
  add(tag_of("from"), fmt::format("models:/{}/{}", from.model, from.version));
  add(tag_of("from_url"), from.url);
  add(tag_of("digest"), bytes.digest);
  add(tag_of("evidence"),
      fmt::format("mlflow-artifacts:/{}/evidence-{}-{}.json", folder, from.model, from.version));
  if (!from.run_id.empty()) add(tag_of("run_id"), from.run_id);
  if (from.gate.is_object()) add(tag_of("gate"), cell(member_at(from.gate, "id")));
  if (!reason.empty()) add(tag_of("reason"), reason);
  const Json version = TRY(target.post("/api/2.0/mlflow/model-versions/create",
                                       {{"name", model},
                                        {"source", "mlflow-artifacts:/" + folder + "/model"},
                                        {"description", from.description},
                                        {"tags", std::move(tags)}}));
  const std::int64_t own = TRY(read_version(cell(member_at(version, "model_version.version"))));
  const std::int64_t first = TRY(all_brought(target, model, from, bytes)).front();
  if (first != own)
    TRY(target.send("DELETE", "/api/2.0/mlflow/model-versions/delete",
                    {{"name", model}, {"version", std::to_string(own)}}));
  return first;
}

}  // namespace slipway::cli
