#include "cli/events_commands.h"

#include <CLI/CLI.hpp>

#include "cli/verb.h"

namespace slipway::cli {

void add_events_commands(CLI::App& root, Context& context, int& exit_code) {
  CLI::App* events =
      root.add_subcommand("events", "What happened, and whether its record is intact");
  events->require_subcommand(1);

  struct Filter {
    std::string subject, kind, actor, from, until;
    int limit = 50;
  };
  auto filter = std::make_shared<Filter>();
  CLI::App* list = events->add_subcommand("list", "Newest events first");
  list->add_option("--subject", filter->subject,
                   "Only this subject; ending in /, everything under it");
  list->add_option("--kind", filter->kind, "Only this kind, such as model_version.created");
  list->add_option("--actor", filter->actor, "Only what this user or part of the server did");
  list->add_option("--from", filter->from, "Only what was written since: 2026-11-28, or RFC 3339");
  list->add_option("--until", filter->until, "Only what was written before");
  list->add_option("--limit", filter->limit, "How many")->check(CLI::Range(1, 1000));
  list->callback([filter, &context, &exit_code] {
    const auto encoded = base::percent_encode;
    const std::string path = fmt::format(
        "/slipway/v1/events?order=newest&limit={}&subject={}&kind={}&actor={}&from={}&until={}",
        filter->limit, encoded(filter->subject), encoded(filter->kind), encoded(filter->actor),
        encoded(filter->from), encoded(filter->until));
    exit_code = finish_table(
        context, Client(context).get(path), "events",
        {{"TIME", "event_time"}, {"KIND", "kind"}, {"SUBJECT", "subject"}, {"ACTOR", "actor"}});
  });

  CLI::App* verify = events->add_subcommand("verify", "Recompute the hash chain over all events");
  verify->callback([&context, &exit_code] {
    exit_code =
        finish(context, Client(context).get("/slipway/v1/events/verify"), [](const Json& report) {
          return fmt::format("intact: {} events, {} of them under {} seals, head {}\n",
                             cell(member_at(report, "events")), cell(member_at(report, "sealed")),
                             cell(member_at(report, "seals")), cell(member_at(report, "head")));
        });
  });
}

}  // namespace slipway::cli
