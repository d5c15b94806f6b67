#include "cli/project_commands.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "base/json_document.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/verb.h"
#include "store/file_system.h"

namespace slipway::cli {
namespace {

constexpr std::string_view kNotInTheFile = "not in the file";
constexpr std::size_t kDifferencesMax = 12;  // of a part, that are shown

Result<void> check_utf8(std::string_view text, const std::string& file) {
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (!base::is_utf8(text.substr(at, end - at)))
      return base::error(Code::kInvalidArgument, "{}: line {} isn't UTF-8", file, number + 1);
    at = end + 1;
  }
  return {};
}

struct DeclareFlags {
  std::string file = "slipway.yaml";
  bool check = false, prune = false, yes = false, takes_over = false;
};

Result<Json> ask(const Context& context, const std::string& verb, const DeclareFlags& flags,
                 const JsonArray& prune) {
  const std::string yaml = TRY(store::read_file(flags.file));
  TRY(check_utf8(yaml, flags.file));
  const std::string folder = std::filesystem::absolute(flags.file).parent_path().lexically_normal();
  JsonObject body{{"yaml", yaml}, {"dir", folder}};
  if (!prune.empty()) body["prune"] = prune;
  if (flags.takes_over) body["take_over"] = true;
  return Client(context).post("/slipway/v1/" + verb, body);
}

// "endpoints/NAME", of what the file no longer declares and can be removed.
JsonArray not_in_the_file(const Json& reply) {
  JsonArray names;
  for (const Json& change : member_at(reply, "changes").as_array()) {
    if (cell(member_at(change, "change")) == kNotInTheFile)
      names.emplace_back(
          fmt::format("{}s/{}", cell(member_at(change, "kind")), cell(member_at(change, "name"))));
  }
  return names;
}

// Whether apply would change something; what it would leave as it is doesn't count.
bool would_change(const Json& reply, const DeclareFlags& flags) {
  for (const Json& change : member_at(reply, "changes").as_array()) {
    const std::string word = cell(member_at(change, "change"));
    if (word == kNotInTheFile ? flags.prune
                              : word != "unchanged" && word != "left as it is" && word != "kept")
      return true;
  }
  return false;
}

void list_removals(std::FILE* out, const JsonArray& names) {
  for (const Json& name : names) std::fprintf(out, "- %s\n", cell(name).c_str());
}

std::string text_of(const Json& value) {
  return value.is_string() ? cell(value) : base::to_text(value);
}

// Line by line what differs from the last that was applied.
void list_differences(const JsonArray& changes) {
  for (const Json& change : changes) {
    const JsonArray& list = list_at(change, "differs");
    if (list.empty()) continue;
    fmt::print("\n{} {}\n", cell(member_at(change, "kind")), cell(member_at(change, "name")));
    for (std::size_t i = 0; i < std::min(list.size(), kDifferencesMax); ++i) {
      const JsonObject& difference = list[i].as_object();
      const Json* const before = difference.if_contains("before");
      const Json* const now = difference.if_contains("now");
      std::string at = cell(difference.at("at"));
      if (!at.empty()) at += ": ";
      const auto [old, young] = base::what_differs(before != nullptr ? text_of(*before) : "",
                                                   now != nullptr ? text_of(*now) : "");
      if (before != nullptr && now != nullptr)
        fmt::print("  ~ {}{} -> {}\n", at, old, young);
      else
        fmt::print("  {} {}{}\n", now != nullptr ? '+' : '-', at, now != nullptr ? young : old);
    }
    if (list.size() > kDifferencesMax)
      fmt::print("  ... {} more (--json shows all)\n", list.size() - kDifferencesMax);
  }
}

// False: nobody says yes.
bool is_wanted(const JsonArray& names) {
  list_removals(stderr, names);
  std::fprintf(stderr, "Remove %zu from the server? [y/N] ", names.size());
  std::string answer;
  for (int c = std::getchar(); c != EOF && c != '\n'; c = std::getchar())
    answer.push_back(static_cast<char>(c));
  return answer == "y" || answer == "Y" || answer == "yes";
}

int tell(const Context& context, Result<Json> reply, const DeclareFlags& flags) {
  if (!reply) return fail(reply.error(), context);
  if (member_at(*reply, "warnings").is_array()) {
    for (const Json& warning : member_at(*reply, "warnings").get_array())
      std::fprintf(stderr, "slipway: warning: %s\n", cell(warning).c_str());
  }
  const bool differs = flags.check && would_change(*reply, flags);
  if (flags.check) reply->as_object()["differs"] = differs;
  const JsonArray gone = not_in_the_file(*reply);
  if (!context.json) {
    if (flags.prune) list_removals(stdout, gone);
    JsonArray& changes = reply->as_object()["changes"].as_array();
    changes.erase(std::remove_if(changes.begin(), changes.end(),
                                 [](const Json& change) {
                                   return cell(member_at(change, "change")) == kNotInTheFile;
                                 }),
                  changes.end());
    for (Json& change : changes)
      if (member_at(change, "means").is_null()) change.as_object()["means"] = "";
  }
  const int shown =
      finish_table(context, reply, "changes",
                   {{"KIND", "kind"}, {"NAME", "name"}, {"CHANGE", "change"}, {"", "means"}});
  if (!context.json) list_differences(member_at(*reply, "changes").as_array());
  if (!context.json && !flags.prune && !gone.empty()) {
    std::string names;
    for (const Json& name : gone) names += (names.empty() ? "" : ", ") + cell(name);
    std::printf("not in the file: %s (--prune removes them)\n", names.c_str());
  }
  return shown == kOk && differs ? kDiffers : shown;
}

int plan_file(const Context& context, const DeclareFlags& flags) {
  return tell(context, ask(context, "plan", flags, {}), flags);
}

int apply_file(const Context& context, const DeclareFlags& flags) {
  JsonArray gone;
  if (flags.prune) {
    const Result<Json> planned = ask(context, "plan", flags, {});
    if (!planned) return fail(planned.error(), context);
    gone = not_in_the_file(*planned);
    if (!gone.empty() && !flags.yes && !is_wanted(gone)) {
      std::fprintf(stderr, "slipway: nothing was changed (--yes removes without a question)\n");
      return kFailed;
    }
  }
  return tell(context, ask(context, "apply", flags, gone), flags);
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
  auto flags = std::make_shared<DeclareFlags>();
  CLI::App* plan = root.add_subcommand("plan", "What apply would change; changes nothing");
  plan->add_option("file", flags->file, "The declaration")->capture_default_str();
  plan->add_flag("--check", flags->check, "End with 6 when apply would change something");
  plan->add_flag("--prune", flags->prune, "As apply --prune: what it would remove, first");
  plan->callback([&context, &exit_code, flags] { exit_code = plan_file(context, *flags); });
  CLI::App* apply =
      root.add_subcommand("apply", "Declare what slipway.yaml says: datasets to monitors");
  apply->add_option("file", flags->file, "The declaration")->capture_default_str();
  apply->add_flag("--prune", flags->prune,
                  "Remove what this project has declared and the file no longer has");
  apply->add_flag("--yes", flags->yes, "Remove it without a question")->needs("--prune");
  apply->add_flag("--take-over", flags->takes_over,
                  "Also when another project was applied, and its schedules, features, routes ... "
                  "end");
  apply->callback([&context, &exit_code, flags] { exit_code = apply_file(context, *flags); });

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
