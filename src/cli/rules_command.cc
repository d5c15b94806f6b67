#include "cli/rules_command.h"

#include <CLI/CLI.hpp>

#include "cli/inference_flags.h"
#include "cli/rules_import.h"
#include "store/file_system.h"

namespace slipway::cli {
namespace {

struct Options {
  std::string dataset, file;
  InferenceFlags how;
};

// The block alone, so that it can be put into a file.
std::string show_inferred(const Json& reply) {
  return fmt::format("# {} rows of {} version {}\n{}", cell(member_at(reply, "rows")),
                     cell(member_at(reply, "dataset")), cell(member_at(reply, "version")),
                     cell(member_at(reply, "yaml")));
}

Result<Json> import(const std::string& file) {
  auto imported = import_rules(TRY(store::read_file(file)));
  if (!imported) return std::move(imported).error().with_context("file " + file);
  JsonArray left_out;
  for (const std::string& why : imported->left_out) left_out.emplace_back(why);
  JsonObject rules = imported->dataset.to_json();
  return Json(JsonObject{{"from", imported->from},
                         {"taken", imported->taken},
                         {"left_out", std::move(left_out)},
                         {"rules", std::move(rules)},
                         {"yaml", imported->yaml()}});
}

}  // namespace

void add_rules_command(CLI::App& data, Context& context, int& exit_code) {
  CLI::App* rules = data.add_subcommand(
      "rules", "Parts of slipway.yaml that say what must hold of a dataset's rows");
  rules->require_subcommand(1);
  auto options = std::make_shared<Options>();

  CLI::App* infer = rules->add_subcommand(
      "infer", "Rules and checks that hold for the newest version, to look through");
  infer->add_option("dataset", options->dataset)->required();
  options->how.add_to(*infer);
  infer->callback([&context, &exit_code, options] {
    const std::string path =
        path_of("/slipway/v1/datasets/{}/rules/inferred?", {options->dataset}) +
        options->how.query();
    exit_code = finish(context, Client(context).get(path), show_inferred);
  });

  CLI::App* foreign = rules->add_subcommand(
      "import",
      "A suite of Great Expectations (JSON), a schema of pandera (YAML, JSON) or of TensorFlow "
      "Metadata (text format, JSON) as ours");
  foreign->add_option("file", options->file)->required();
  foreign->callback([&context, &exit_code, options] {
    exit_code = finish(context, import(options->file),
                       [](const Json& reply) { return cell(member_at(reply, "yaml")); });
  });
}

}  // namespace slipway::cli
