#include "cli/gc_command.h"

#include <CLI/CLI.hpp>

#include "cli/verb.h"

namespace slipway::cli {
namespace {

struct Flags {
  std::string older_than;
  std::vector<std::string> runs, models, experiments;
  bool dry_run = false;
};

JsonArray ids(const std::vector<std::string>& texts) {
  JsonArray array;
  for (const std::string& text : texts) array.emplace_back(text);
  return array;
}

JsonObject request_of(const Flags& flags) {
  JsonObject body{{"dry_run", flags.dry_run}};
  if (!flags.older_than.empty()) body["older_than"] = flags.older_than;
  if (!flags.runs.empty()) body["run_ids"] = ids(flags.runs);
  if (!flags.models.empty()) body["logged_model_ids"] = ids(flags.models);
  if (!flags.experiments.empty()) body["experiment_ids"] = ids(flags.experiments);
  return body;
}

// Portion after portion, as one reply with sums; then what no dataset has and no model uses, unless
// only some things are asked for.
Result<Json> reclaim(Client& client, const Flags& flags) {
  JsonObject body = request_of(flags);
  JsonArray things;
  std::int64_t gone = 0, kept = 0, files = 0, bytes = 0;
  while (true) {
    const Json reply = TRY(client.post("/slipway/v1/gc", body));
    for (const Json& thing : member_at(reply, "things").as_array()) {
      (thing.as_object().contains("kept") ? kept : gone) += 1;
      files += member_at(thing, "files").to_number<std::int64_t>();
      bytes += member_at(thing, "bytes").to_number<std::int64_t>();
      things.push_back(thing);
    }
    if (!reply.as_object().contains("next")) {
      JsonObject all = reply.as_object();
      all["things"] = std::move(things);
      all["gone"] = gone;
      all["kept"] = kept;
      all["files"] = files;
      all["bytes"] = bytes;
      if (flags.runs.empty() && flags.models.empty() && flags.experiments.empty()) {
        all["datasets"] = TRY(client.post("/slipway/v1/gc/datasets", {{"dry_run", flags.dry_run}}));
        JsonObject environments{{"dry_run", flags.dry_run}};
        if (!flags.older_than.empty()) environments["older_than"] = flags.older_than;
        all["python_environments"] =
            TRY(client.post("/slipway/v1/gc/python-environments", environments));
      }
      return Json(std::move(all));
    }
    body["after"] = reply.as_object().at("next");
  }
}

std::string show(const Json& reply, bool dry_run) {
  std::string out;
  const JsonArray& things = member_at(reply, "things").as_array();
  if (!things.empty())
    out = table(things, {{"KIND", "kind"},
                         {"ID", "id"},
                         {"FILES", "files"},
                         {"BYTES", "bytes"},
                         {"KEPT", "kept"},
                         {"ARTIFACTS LEFT", "artifacts_left"}});
  out += fmt::format("{}: {} in all, with {} files, {} bytes; {} kept\n",
                     dry_run ? "would be deleted for good" : "deleted for good",
                     cell(member_at(reply, "gone")), cell(member_at(reply, "files")),
                     cell(member_at(reply, "bytes")), cell(member_at(reply, "kept")));
  if (const Json& datasets = member_at(reply, "datasets"); datasets.is_object())
    out += fmt::format("datasets: {} blobs of no version, {} bytes\n",
                       cell(member_at(datasets, "blobs")), cell(member_at(datasets, "bytes")));
  if (const Json& python = member_at(reply, "python_environments"); python.is_object())
    out += fmt::format("Python: {} environments that no model uses, {} bytes\n",
                       cell(member_at(python, "environments")), cell(member_at(python, "bytes")));
  if (!dry_run)
    out += fmt::format("database: {} bytes given back, {} free for new rows\n",
                       cell(member_at(reply, "database_bytes_given_back")),
                       cell(member_at(reply, "database_bytes_free")));
  return out;
}

}  // namespace

void add_gc_command(CLI::App& root, Context& context, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* gc =
      root.add_subcommand("gc",
                          "Take deleted runs, logged models and experiments away for "
                          "good, artifacts included, and rows "
                          "of datasets that are no version, and Python environments that no loaded "
                          "model uses");
  gc->add_option("--older-than", flags->older_than,
                 "Only what was deleted so long ago: 30d, 8h, 2d8h5m20s");
  gc->add_option("--run-ids", flags->runs, "Only these runs, with commas")->delimiter(',');
  gc->add_option("--logged-model-ids", flags->models, "Only these logged models, with commas")
      ->delimiter(',');
  gc->add_option("--experiment-ids", flags->experiments,
                 "Only these experiments with all that is in them, with commas")
      ->delimiter(',');
  gc->add_flag("--dry-run", flags->dry_run, "Say what would happen, and change nothing");
  gc->callback([flags, &context, &exit_code] {
    Client client(context);
    exit_code = finish(context, reclaim(client, *flags),
                       [&](const Json& reply) { return show(reply, flags->dry_run); });
  });
}

}  // namespace slipway::cli
