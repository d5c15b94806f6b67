#include "cli/feast_import.h"

#include <CLI/CLI.hpp>
#include <filesystem>

#include "api/feast_source/registry_import.h"
#include "api/feast_source/repository.h"
#include "api/grpc/unary_call.h"
#include "cli/verb.h"
#include "store/file_system.h"

namespace slipway::cli {
namespace fs = std::filesystem;
namespace feast = api::feast_source;
namespace {

constexpr int kRegistryTimeoutMs = 30'000;

struct FeastOptions {
  std::string source;
  std::string project;
  fs::path out = "slipway.yaml";
  bool force = false;
};

Result<std::string> read_server(std::string address) {
  auto bytes = api::grpc::call_unary(address, "/feast.registry.RegistryServer/Proto", "",
                                     kRegistryTimeoutMs);
  // It isn't our server that is missing.
  if (!bytes && bytes.error().code == Code::kUnavailable)
    return base::error(Code::kFailedPrecondition, "{}", bytes.error().message);
  return bytes;
}

// How a file in `from` is named by one in `to`: "" or "../repo/".
std::string way(const fs::path& from, const fs::path& to) {
  const fs::path relative =
      fs::absolute(from).lexically_normal().lexically_relative(fs::absolute(to).lexically_normal());
  return relative.empty() || relative == "." ? std::string() : (relative / "").string();
}

Result<Json> import(const FeastOptions& options) {
  constexpr std::string_view kGrpc = "grpc://";
  if (fs::exists(options.out) && !options.force) {
    return base::error(Code::kFailedPrecondition,
                       "{} is there already: name another file with --out, or replace it with "
                       "--force",
                       options.out.string());
  }
  const bool is_server = options.source.starts_with(kGrpc);
  if (!is_server && !fs::exists(options.source))
    return base::error(Code::kNotFound, "no such file or folder: {}", options.source);
  feast::ImportOptions how{.project = options.project};
  std::string bytes;
  fs::path folder = options.source;
  if (is_server) {
    folder = ".";
    bytes = TRY(read_server(options.source.substr(kGrpc.size())));
  } else if (fs::is_directory(options.source)) {
    const feast::Repository repository = TRY(feast::open_repository(options.source));
    if (how.project.empty()) how.project = repository.project;
    bytes = repository.kind == feast::Repository::Registry::kServer
                ? TRY(read_server(repository.address))
                : TRY(feast::read_registry_file(repository.file));
  } else {
    folder = fs::path(options.source).parent_path();
    bytes = TRY(feast::read_registry_file(options.source));
  }
  how.files = way(folder.empty() ? fs::path(".") : folder, fs::absolute(options.out).parent_path());
  const feast::Imported imported = TRY(feast::import_registry(bytes, how));
  TRY(store::write_file(options.out, imported.yaml()));
  JsonArray remarks;
  for (const feast::Remark& remark : imported.remarks) {
    remarks.push_back(
        JsonObject{{"kind", remark.kind},
                   {"name", remark.name},
                   {"what", remark.what == feast::Remark::What::kLeftOut ? "left out" : "differs"},
                   {"why", remark.why}});
  }
  const feast::Declaration& declared = imported.declaration;
  return Json(JsonObject{{"file", options.out.string()},
                         {"project", declared.project},
                         {"datasets", declared.datasets.size()},
                         {"sources", declared.features.sources.size()},
                         {"views", declared.features.views.size()},
                         {"services", declared.features.services.size()},
                         {"remarks", std::move(remarks)}});
}

std::string show(const Json& report) {
  std::string out;
  const JsonArray& remarks = member_at(report, "remarks").as_array();
  if (!remarks.empty())
    out = table(remarks, {{"KIND", "kind"}, {"NAME", "name"}, {"HERE", "what"}, {"WHY", "why"}}) +
          "\n";
  const auto count = [&](const char* what) { return cell(member_at(report, what)); };
  return out + fmt::format(
                   "{}: {} datasets, {} sources, {} views, {} services; {} remarks\n"
                   "next: slipway apply {}, slipway data ingest DATASET, slipway features "
                   "materialize\n",
                   count("file"), count("datasets"), count("sources"), count("views"),
                   count("services"), remarks.size(), count("file"));
}

}  // namespace

void add_feast_import(CLI::App& import_noun, Context& context, int& exit_code) {
  auto options = std::make_shared<FeastOptions>();
  CLI::App* feast = import_noun.add_subcommand(
      "feast", "A feature repository of Feast as a slipway.yaml, and what of it doesn't map");
  feast
      ->add_option("source", options->source,
                   "The folder with feature_store.yaml, a registry.db, or grpc://host:port of "
                   "`feast serve_registry`")
      ->required();
  feast->add_option("--project", options->project,
                    "Of a registry with several [feature_store.yaml's]");
  feast->add_option("--out", options->out, "The file to write")->capture_default_str();
  feast->add_flag("--force", options->force, "Replace the file");
  feast->callback(
      [&context, &exit_code, options] { exit_code = finish(context, import(*options), show); });
}

}  // namespace slipway::cli
