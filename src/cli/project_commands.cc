#include "cli/project_commands.h"

#include <CLI/CLI.hpp>
#include <filesystem>

#include "cli/commands.h"
#include "cli/verb.h"
#include "store/file_system.h"

namespace slipway::cli {
namespace {

// Whether apply would change something; what it would leave as it is doesn't count.
bool would_change(const Json& reply) {
  for (const Json& change : member_at(reply, "changes").as_array()) {
    const std::string word = cell(member_at(change, "change"));
    if (word != "unchanged" && word != "left as it is") return true;
  }
  return false;
}

enum class Check { kNo, kYes };

int declare(const Context& context, const std::string& verb, const std::string& file,
            Check check = Check::kNo) {
  const auto yaml = store::read_file(file);
  if (!yaml) return fail(yaml.error(), context);
  const std::string folder = std::filesystem::absolute(file).parent_path().lexically_normal();
  Result<Json> reply =
      Client(context).post("/slipway/v1/" + verb, {{"yaml", *yaml}, {"dir", folder}});
  if (reply && member_at(*reply, "warnings").is_array()) {
    for (const Json& warning : member_at(*reply, "warnings").get_array())
      std::fprintf(stderr, "slipway: warning: %s\n", cell(warning).c_str());
  }
  if (reply && !context.json && member_at(*reply, "changes").is_array()) {
    for (Json& change : reply->as_object()["changes"].as_array())
      if (member_at(change, "means").is_null()) change.as_object()["means"] = "";
  }
  const bool differs = reply && check == Check::kYes && would_change(*reply);
  if (reply && check == Check::kYes) reply->as_object()["differs"] = differs;
  const int shown =
      finish_table(context, reply, "changes",
                   {{"KIND", "kind"}, {"NAME", "name"}, {"CHANGE", "change"}, {"", "means"}});
  return shown == kOk && differs ? kDiffers : shown;
}

std::string show_clock(const Json& reply) {
  std::string out = fmt::format("{} ({} clock, {})", cell(member_at(reply, "now")),
                                cell(member_at(reply, "clock")), cell(member_at(reply, "state")));
  const Json& runs = member_at(reply, "runs");
  if (runs.is_array()) {
    for (const Json& run : runs.get_array()) out += "\n  waits for run " + cell(run);
  }
  return out + "\n";
}

}  // namespace

void add_project_commands(CLI::App& root, Context& context, int& exit_code) {
  auto file = std::make_shared<std::string>("slipway.yaml");
  auto check = std::make_shared<bool>(false);
  CLI::App* plan = root.add_subcommand("plan", "What apply would change; changes nothing");
  plan->add_option("file", *file, "The declaration")->capture_default_str();
  plan->add_flag("--check", *check, "End with 6 when apply would change something");
  plan->callback([&context, &exit_code, file, check] {
    exit_code = declare(context, "plan", *file, *check ? Check::kYes : Check::kNo);
  });
  CLI::App* apply =
      root.add_subcommand("apply", "Declare what slipway.yaml says: datasets to monitors");
  apply->add_option("file", *file, "The declaration")->capture_default_str();
  apply->callback([&context, &exit_code, file] { exit_code = declare(context, "apply", *file); });

  auto target = std::make_shared<std::string>();
  CLI::App* clock = root.add_subcommand("clock", "The event clock; a rehearsal's can be moved on");
  clock->add_option("--advance-to", *target, "Walk to this time through everything that is due");
  clock->callback([&context, &exit_code, target] {
    Client client(context);
    exit_code =
        finish(context,
               target->empty() ? client.get("/slipway/v1/clock")
                               : client.post("/slipway/v1/clock", {{"advance_to", *target}}),
               show_clock);
  });
}

}  // namespace slipway::cli
