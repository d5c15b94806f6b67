#include "cli/incident_commands.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>

#include "cli/commands.h"
#include "cli/verb.h"

namespace slipway::cli {
namespace {

constexpr std::size_t kSuspectsShown = 5;

// Who does it, where nobody logs in.
void add_by(CLI::App* verb, std::string& by) {
  const char* user = std::getenv("USER");
  by = user == nullptr ? "" : user;
  verb->add_option("--by", by, "Who you are; with login, who has logged in")->capture_default_str();
}

std::string text_of(const Json& object, std::string_view member) {
  return cell(member_at(object, member));
}

std::string seconds_text(const Json& seconds) {
  if (!seconds.is_number()) return "not yet";
  const double value = seconds.to_number<double>();
  if (value >= 2 * 86'400) return fmt::format("{:.1f} days", value / 86'400);
  if (value >= 2 * 3'600) return fmt::format("{:.1f} hours", value / 3'600);
  if (value >= 120) return fmt::format("{:.0f} minutes", value / 60);
  return fmt::format("{:.0f} seconds", value);
}

std::string show_incident(const Json& incident) {
  const std::string owner = text_of(incident, "owner");
  std::string out = fmt::format(
      "incident {}: {}\n  {}, {}, {}; endpoint {}\n  bad since {}, noticed {}\n",
      text_of(incident, "id"), text_of(incident, "title"), text_of(incident, "state"),
      text_of(incident, "severity"), owner.empty() ? "nobody's" : "owned by " + owner,
      text_of(incident, "endpoint"), text_of(incident, "bad_since"), text_of(incident, "detected"));
  out += fmt::format("  time to detect {}, to act {}, to recover {}\n",
                     seconds_text(member_at(incident, "durations.to_detect_seconds")),
                     seconds_text(member_at(incident, "durations.to_act_seconds")),
                     seconds_text(member_at(incident, "durations.to_recover_seconds")));
  out += "\nwhat changed before\n";
  const JsonArray& suspects = member_at(incident, "suspects").as_array();
  if (suspects.empty()) out += "  nothing that is known of\n";
  for (std::size_t i = 0; i < std::min(suspects.size(), kSuspectsShown); ++i) {
    out += fmt::format(
        "  {:.2f}  {}  {} ({})\n", member_at(suspects[i], "score").to_number<double>(),
        text_of(suspects[i], "time"), text_of(suspects[i], "words"), text_of(suspects[i], "why"));
  }
  out += "\nwhat happened\n";
  for (const Json& entry : member_at(incident, "time_line").as_array()) {
    out += fmt::format("  {}  {:<7} {}  [{}]\n", text_of(entry, "time"), text_of(entry, "kind"),
                       text_of(entry, "words"), text_of(entry, "actor"));
  }
  return out;
}

std::string show_state(const Json& incident) {
  const std::string owner = text_of(incident, "owner");
  return fmt::format("incident {} is {}{}\n", text_of(incident, "id"), text_of(incident, "state"),
                     owner.empty() ? "" : ", owned by " + owner);
}

int export_post_mortem(const Context& context, const std::string& id) {
  const auto reply = Client(context).fetch(path_of("/slipway/v1/incidents/{}/post-mortem", {id}));
  if (!reply) return fail(reply.error(), context);
  std::fwrite(reply->body.data(), 1, reply->body.size(), stdout);
  return kOk;
}

struct Wanted {
  std::string id, endpoint, title, severity = "warning", since, text, by, state = "all";
  std::vector<std::string> match;
  std::string starts, length, ends;
  bool all = false;
};

}  // namespace

void add_incident_commands(CLI::App& root, Context& context, int& exit_code) {
  auto wanted = std::make_shared<Wanted>();
  CLI::App* incidents =
      root.add_subcommand("incidents", "What went wrong: time line, causes, owner, post-mortem");
  incidents->require_subcommand(1);

  CLI::App* list = incidents->add_subcommand("list", "Incidents, newest first");
  list->add_option("--endpoint", wanted->endpoint, "Only this endpoint's");
  list->add_option("--state", wanted->state, "open, mitigated, resolved or all")
      ->capture_default_str();
  list->callback([&context, &exit_code, wanted] {
    exit_code =
        finish_table(context,
                     Client(context).get(path_of("/slipway/v1/incidents?endpoint={}&state={}",
                                                 {wanted->endpoint, wanted->state})),
                     "incidents",
                     {{"ID", "id"},
                      {"OPENED", "opened"},
                      {"ENDPOINT", "endpoint"},
                      {"TITLE", "title"},
                      {"SEVERITY", "severity"},
                      {"STATE", "state"},
                      {"OWNER", "owner"}});
  });

  CLI::App* show = incidents->add_subcommand(
      "show", "Its time line, what changed before it, and how long things took");
  show->add_option("id", wanted->id)->required();
  show->callback([&context, &exit_code, wanted] {
    exit_code =
        finish(context, Client(context).get(path_of("/slipway/v1/incidents/{}", {wanted->id})),
               show_incident);
  });

  CLI::App* open = incidents->add_subcommand("open", "Open one for an endpoint");
  open->add_option("endpoint", wanted->endpoint)->required();
  open->add_option("title", wanted->title, "What is wrong")->required();
  open->add_option("--severity", wanted->severity, "critical, warning or info")
      ->capture_default_str();
  open->add_option("--since", wanted->since, "Since when it is bad; now when left out");
  add_by(open, wanted->by);
  open->callback([&context, &exit_code, wanted] {
    JsonObject body{{"endpoint", wanted->endpoint},
                    {"title", wanted->title},
                    {"severity", wanted->severity},
                    {"actor", wanted->by}};
    if (!wanted->since.empty()) body["bad_since"] = wanted->since;
    exit_code = finish(context, Client(context).post("/slipway/v1/incidents", body), show_state);
  });

  const auto add_verb = [&](const char* name, const char* summary, const char* operand,
                            const char* operand_help, bool is_needed, std::string path,
                            std::function<JsonObject(const Wanted&)> body_of) {
    CLI::App* verb = incidents->add_subcommand(name, summary);
    verb->add_option("id", wanted->id)->required();
    verb->add_option(operand, wanted->text, operand_help)->required(is_needed);
    add_by(verb, wanted->by);
    verb->callback(
        [&context, &exit_code, wanted, path = std::move(path), body_of = std::move(body_of)] {
          JsonObject body = body_of(*wanted);
          body["actor"] = wanted->by;
          const std::string route = path_of("/slipway/v1/incidents/{}", {wanted->id}) + path;
          exit_code = finish(context, Client(context).post(route, body), show_state);
        });
  };
  const auto to_state = [](std::string state) {
    return [state = std::move(state)](const Wanted& given) {
      return JsonObject{{"state", state}, {"reason", given.text}};
    };
  };
  add_verb("note", "Add a note to its time line", "text", "What is known now", true, "/notes",
           [](const Wanted& given) {
             return JsonObject{{"text", given.text}};
           });
  add_verb("assign", "Say who works on it", "owner", "A name; nothing: nobody", false, "/assign",
           [](const Wanted& given) {
             return JsonObject{{"owner", given.text}};
           });
  add_verb("date", "Say since when it was bad", "since", "A time", true, "/date",
           [](const Wanted& given) {
             return JsonObject{{"bad_since", given.text}};
           });
  add_verb("mitigate", "Users are well again", "--reason", "Why", false, "/state",
           to_state("mitigated"));
  add_verb("resolve", "It is over", "--reason", "Why", false, "/state", to_state("resolved"));
  add_verb("reopen", "It isn't over", "--reason", "Why", false, "/state", to_state("open"));

  CLI::App* exported = incidents->add_subcommand("export", "A post-mortem to finish, as Markdown");
  exported->add_option("id", wanted->id)->required();
  exported->callback(
      [&context, &exit_code, wanted] { exit_code = export_post_mortem(context, wanted->id); });
}

void add_silence_commands(CLI::App& root, Context& context, int& exit_code) {
  auto wanted = std::make_shared<Wanted>();
  CLI::App* silences =
      root.add_subcommand("silences", "What keeps alerts quiet for a while: judged, not told");
  silences->require_subcommand(1);

  CLI::App* list = silences->add_subcommand("list", "Silences that are not over, newest first");
  list->add_flag("--all", wanted->all, "Those that are over, too");
  list->callback([&context, &exit_code, wanted] {
    exit_code = finish_table(context,
                             Client(context).get(wanted->all ? "/slipway/v1/silences?state=all"
                                                             : "/slipway/v1/silences"),
                             "silences",
                             {{"ID", "id"},
                              {"STATE", "state"},
                              {"MATCH", "match"},
                              {"STARTS", "starts"},
                              {"ENDS", "ends"},
                              {"BY", "by"},
                              {"COMMENT", "comment"}});
  });

  CLI::App* add = silences->add_subcommand("add", "Silence alerts, such as endpoint=sale");
  add->add_option("match", wanted->match, "endpoint, monitor, alert or severity, = or !=, a value")
      ->required();
  add->add_option("--comment", wanted->text, "Why")->required();
  add->add_option("--for", wanted->length, "How long, such as 2h");
  add->add_option("--until", wanted->ends, "Until when");
  add->add_option("--from", wanted->starts, "From when on; now when left out");
  add_by(add, wanted->by);
  add->callback([&context, &exit_code, wanted] {
    JsonArray match;
    for (const std::string& text : wanted->match) match.emplace_back(text);
    JsonObject body{{"match", std::move(match)}, {"comment", wanted->text}, {"actor", wanted->by}};
    if (!wanted->length.empty()) body["for"] = wanted->length;
    if (!wanted->ends.empty()) body["ends"] = wanted->ends;
    if (!wanted->starts.empty()) body["starts"] = wanted->starts;
    exit_code = finish(context, Client(context).post("/slipway/v1/silences", body),
                       [](const Json& silence) {
                         return fmt::format("silence {} from {} to {}\n", text_of(silence, "id"),
                                            text_of(silence, "starts"), text_of(silence, "ends"));
                       });
  });

  CLI::App* expire = silences->add_subcommand("expire", "End a silence now");
  expire->add_option("id", wanted->id)->required();
  add_by(expire, wanted->by);
  expire->callback([&context, &exit_code, wanted] {
    exit_code = finish(context,
                       Client(context).post(path_of("/slipway/v1/silences/{}/expire", {wanted->id}),
                                            {{"actor", wanted->by}}),
                       [](const Json& silence) {
                         return fmt::format("silence {} is over\n", text_of(silence, "id"));
                       });
  });

  CLI::App* maintenance = silences->add_subcommand(
      "maintenance", "Windows that slipway.yaml declares, and until when one lasts now");
  maintenance->callback([&context, &exit_code] {
    exit_code = finish_table(context, Client(context).get("/slipway/v1/silences"), "maintenance",
                             {{"NAME", "name"},
                              {"MATCH", "match"},
                              {"DAYS", "days"},
                              {"FROM", "from"},
                              {"FOR", "for"},
                              {"ZONE", "time_zone"},
                              {"UNTIL", "until"}});
  });
}

}  // namespace slipway::cli
