#include "api/feast_source/repository.h"

#include <cstdlib>

#include "store/file_system.h"
#include "types/yaml_reader.h"

namespace slipway::api::feast_source {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kDefaultRegistry = "data/registry.db";

// ${NAME}, as Feast does; a name that is not set stays as it is.
std::string with_environment(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.compare(at, 2, "${") == 0 ? text.find('}', at) : std::string::npos;
    const char* value =
        end == std::string::npos ? nullptr : std::getenv(text.substr(at + 2, end - at - 2).c_str());
    if (value == nullptr) {
      out += text[at++];
    } else {
      out += value;
      at = end + 1;
    }
  }
  return out;
}

Result<std::string> text_or(types::YamlMap& map, std::string_view key, std::string_view otherwise) {
  const auto node = map.find(key);
  return node ? TRY(node->text()) : std::string(otherwise);
}

}  // namespace

Result<Repository> open_repository(const fs::path& folder) {
  const fs::path file = folder / "feature_store.yaml";
  const auto text = store::read_file(file);
  if (!text) return text.error();
  const auto read = [&]() -> Result<Repository> {
    types::YamlMap map = TRY(TRY(types::YamlNode::parse(*text)).map("feature_store.yaml"));
    Repository repository;
    repository.project = TRY(TRY(map.get("project")).text());
    std::string path(kDefaultRegistry), kind = "file";
    if (const auto registry = map.find("registry"); registry && registry->is_map()) {
      types::YamlMap members = TRY(registry->map("registry"));
      path = TRY(text_or(members, "path", kDefaultRegistry));
      kind = TRY(text_or(members, "registry_type", "file"));
    } else if (registry) {
      path = TRY(registry->text());
    }
    path = with_environment(path);
    if (kind == "remote") {
      repository.kind = Repository::Registry::kServer;
      repository.address = path;
    } else if (kind != "file") {
      return base::error(Code::kFailedPrecondition,
                         "a registry of type {} is not read: start `feast serve_registry` in the "
                         "repository and import from it, `slipway import feast grpc://host:6570`",
                         kind);
    } else if (path.find("://") != std::string::npos) {
      return base::error(Code::kFailedPrecondition,
                         "the registry is not on this machine: copy it and import the copy, "
                         "`slipway import feast registry.db`: registry={}",
                         path);
    } else {
      repository.file = folder / path;
    }
    return repository;
  };
  auto repository = read();
  if (!repository) return std::move(repository).error().with_context(file.string());
  return repository;
}

Result<std::string> read_registry_file(const fs::path& file) {
  auto bytes = store::read_file(file);
  if (!bytes && bytes.error().code == Code::kNotFound) {
    return base::error(Code::kFailedPrecondition,
                       "there is no registry yet, only Python says what is declared: run `feast "
                       "apply` in the repository first: registry={}",
                       file.string());
  }
  return bytes;
}

}  // namespace slipway::api::feast_source
