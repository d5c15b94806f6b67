#include "cli/schedule_commands.h"

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/verb.h"

namespace slipway::cli {
namespace {

const std::vector<TableColumn> kScheduleColumns = {
    {"SCHEDULE", "name"},       {"PIPELINE", "pipeline"}, {"NEXT", "next"},   {"PAUSED", "paused"},
    {"LAST", "last.scheduled"}, {"STATE", "last.state"},  {"RUN", "last.run"}};
const std::vector<TableColumn> kTurnColumns = {{"DUE", "scheduled"}, {"STATE", "state"},
                                               {"RUN", "run"},       {"BACKFILL", "backfill"},
                                               {"LATE", "late"},     {"WHY", "reason"}};

std::string show_schedule(const Json& schedule) {
  std::string out = table({schedule}, kScheduleColumns);
  for (const char* key :
       {"cron", "every", "time_zone", "overlap", "start_within", "finish_within"}) {
    const Json& value = member_at(schedule, key);
    if (!value.is_null()) out += fmt::format("{}: {}\n", key, cell(value));
  }
  for (const Json& time : member_at(schedule, "coming").as_array())
    out += fmt::format("due {}\n", cell(time));
  return out;
}

std::string show_backfill(const Json& fill) {
  std::string out;
  for (const Json& time : member_at(fill, "times").as_array()) out += cell(time) + "\n";
  out += fmt::format("{} runs of schedule {}; {} of the range are done or under way\n",
                     cell(member_at(fill, "runs")), cell(member_at(fill, "schedule")),
                     cell(member_at(fill, "done_before")));
  const Json& id = member_at(fill, "id");
  out += id.is_null() ? "nothing was started (a dry run)\n" : "backfill " + cell(id) + "\n";
  return out;
}

struct BackfillOptions {
  std::string pipeline, schedule, from, to;
  std::int64_t parallel = 1;
  bool dry_run = false, rerun_failed = false;
};

}  // namespace

void add_schedule_commands(CLI::App& root, Context& context, int& exit_code) {
  CLI::App* schedules = root.add_subcommand("schedules", "When pipelines run by themselves");
  schedules->require_subcommand(1);
  CLI::App* list = schedules->add_subcommand("list", "Every schedule: next and last due time");
  list->callback([&context, &exit_code] {
    exit_code = finish_table(context, Client(context).get("/slipway/v1/schedules"), "schedules",
                             kScheduleColumns);
  });
  auto name = std::make_shared<std::string>();
  CLI::App* show = schedules->add_subcommand("show", "One schedule with its next due times");
  show->add_option("schedule", *name)->required();
  show->callback([&context, &exit_code, name] {
    exit_code = finish(context, Client(context).get(path_of("/slipway/v1/schedules/{}", {*name})),
                       show_schedule);
  });
  CLI::App* turns =
      schedules->add_subcommand("turns", "What became of its due times, newest first");
  turns->add_option("schedule", *name)->required();
  turns->callback([&context, &exit_code, name] {
    exit_code = finish_table(
        context, Client(context).get(path_of("/slipway/v1/schedules/{}/turns", {*name})), "turns",
        kTurnColumns);
  });
  for (const auto& [verb, help] : {std::pair("pause", "Starts nothing more until it is resumed"),
                                   std::pair("resume", "Goes on with the next due time")}) {
    CLI::App* change = schedules->add_subcommand(verb, help);
    change->add_option("schedule", *name)->required();
    change->callback([&context, &exit_code, name, verb = verb] {
      exit_code = finish(
          context, Client(context).post(path_of("/slipway/v1/schedules/{}/{}", {*name, verb}), {}),
          show_schedule);
    });
  }
  CLI::App* cancel =
      schedules->add_subcommand("cancel-backfill", "Start no more runs of a backfill");
  cancel->add_option("backfill", *name)->required();
  cancel->callback([&context, &exit_code, name] {
    exit_code = finish(
        context, Client(context).post(path_of("/slipway/v1/backfills/{}/cancel", {*name}), {}),
        [](const Json& done) {
          return fmt::format("{} runs will not be started\n", cell(member_at(done, "cancelled")));
        });
  });
}

void add_backfill_command(CLI::App& pipelines, Context& context, int& exit_code) {
  auto options = std::make_shared<BackfillOptions>();
  CLI::App* backfill = pipelines.add_subcommand(
      "backfill", "Run a pipeline for the due times of a range that it was not run for");
  backfill->add_option("pipeline", options->pipeline)->required();
  backfill->add_option("--from", options->from, "A time or a date; may be due itself")->required();
  backfill->add_option("--to", options->to, "Likewise")->required();
  backfill->add_option("--schedule", options->schedule, "Whose times; needed if it has several");
  backfill->add_option("--parallel", options->parallel, "Runs at the same time");
  backfill->add_flag("--dry-run", options->dry_run, "Only tell what would be run");
  backfill->add_flag("--rerun-failed", options->rerun_failed, "Also what did not succeed");
  backfill->callback([&context, &exit_code, options] {
    exit_code = finish(
        context,
        Client(context).post(path_of("/slipway/v1/pipelines/{}/backfills", {options->pipeline}),
                             {{"from", options->from},
                              {"to", options->to},
                              {"schedule", options->schedule},
                              {"parallel", options->parallel},
                              {"dry_run", options->dry_run},
                              {"rerun_failed", options->rerun_failed}}),
        show_backfill);
  });
}

}  // namespace slipway::cli
