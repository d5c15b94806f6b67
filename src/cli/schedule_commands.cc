#include "cli/schedule_commands.h"

#include <CLI/CLI.hpp>
#include <map>
#include <utility>

#include "cli/commands.h"
#include "cli/pace.h"
#include "cli/patience.h"
#include "cli/verb.h"

namespace slipway::cli {
namespace {

const std::vector<TableColumn> kScheduleColumns = {
    {"SCHEDULE", "name"},        {"PIPELINE", "pipeline"},   {"NEXT", "next"},
    {"PAUSED", "paused"},        {"LAST", "last.scheduled"}, {"STATE", "last.state"},
    {"OUTCOME", "last.outcome"}, {"RUN", "last.run"}};
const std::vector<TableColumn> kTurnColumns = {
    {"DUE", "scheduled"},     {"STATE", "state"}, {"OUTCOME", "outcome"}, {"RUN", "run"},
    {"BACKFILL", "backfill"}, {"LATE", "late"},   {"WHY", "reason"}};
const std::vector<TableColumn> kBackfillColumns = {
    {"BACKFILL", "id"}, {"SCHEDULE", "schedule"}, {"FROM", "from"}, {"TO", "to"},
    {"RUNS", "runs"},   {"OUTCOME", "counts"},    {"BY", "actor"},  {"AT", "created_at"}};

constexpr auto kPollMax = std::chrono::seconds(2);  // between two looks at a backfill

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

// How its run stands; without one, what became of the turn.
std::string standing_of(const Json& turn) {
  return cell(member_at(turn, member_at(turn, "outcome").is_null() ? "state" : "outcome"));
}

std::string show_turns(const Json& fill) {
  const Json& turns = member_at(fill, "turns");
  return table(turns.is_array() ? turns.as_array() : JsonArray(), kTurnColumns) +
         fmt::format("{} runs: {}\n", cell(member_at(fill, "runs")),
                     cell(member_at(fill, "counts")));
}

// kFailed: not all have succeeded; kGateSaidNo: those that haven't were refused.
int exit_of(const Json& fill) {
  int code = kOk;
  for (const auto& [standing, count] : member_at(fill, "counts").as_object()) {
    if (standing == "succeeded") continue;
    if (standing != "refused") return kFailed;
    code = kGateSaidNo;
  }
  return code;
}

// Says on stderr how each run stands until all are over; over restarts of the server, too.
Result<Json> follow(const Context& context, Client& client, const std::string& id) {
  Patience patience(context);
  std::map<std::string, std::string> told;
  const Pace pace(kPollMax);
  for (;;) {
    Result<Json> answer = client.get(path_of("/slipway/v1/backfills/{}", {id}));
    if (!answer && patience.wait(answer.error())) continue;
    const Json fill = TRY(std::move(answer));
    patience.answered();
    if (const Json& turns = member_at(fill, "turns"); turns.is_array()) {
      for (const Json& turn : turns.get_array()) {
        const std::string standing = standing_of(turn);
        if (std::exchange(told[cell(member_at(turn, "slot"))], standing) == standing) continue;
        if (standing == "waiting" || standing == "queued") continue;
        std::fprintf(stderr, "  %s %-9s run %s\n", cell(member_at(turn, "scheduled")).c_str(),
                     standing.c_str(), cell(member_at(turn, "run")).c_str());
      }
    }
    if (member_at(fill, "is_over").as_bool()) return fill;
    pace.wait();
  }
}

struct BackfillOptions {
  std::string pipeline, schedule, from, to;
  std::int64_t parallel = 1;
  bool dry_run = false, rerun_failed = false, rerun_all = false, waits = false;
};

int backfill(const Context& context, const BackfillOptions& options) {
  Client client(context);
  const Result<Json> begun =
      client.post(path_of("/slipway/v1/pipelines/{}/backfills", {options.pipeline}),
                  {{"from", options.from},
                   {"to", options.to},
                   {"schedule", options.schedule},
                   {"parallel", options.parallel},
                   {"dry_run", options.dry_run},
                   {"rerun_failed", options.rerun_failed},
                   {"rerun_all", options.rerun_all}});
  if (!begun || !options.waits) return finish(context, begun, show_backfill);
  const std::string id = cell(member_at(*begun, "id"));
  std::fprintf(stderr, "%s", show_backfill(*begun).c_str());
  const Result<Json> ended = follow(context, client, id);
  if (!ended)
    std::fprintf(stderr, "slipway: backfill %s may go on: `slipway schedules backfills %s`\n",
                 id.c_str(), id.c_str());
  const int shown = finish(context, ended, show_turns);
  return shown == kOk ? exit_of(*ended) : shown;
}

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
  auto fill = std::make_shared<std::string>();
  CLI::App* backfills = schedules->add_subcommand(
      "backfills", "Backfills and how their runs ended, newest first; or the runs of one");
  backfills->add_option("backfill", *fill);
  backfills->callback([&context, &exit_code, fill] {
    Client client(context);
    exit_code =
        fill->empty()
            ? finish_table(context, client.get("/slipway/v1/backfills"), "backfills",
                           kBackfillColumns)
            : finish(context, client.get(path_of("/slipway/v1/backfills/{}", {*fill})), show_turns);
  });
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
  CLI::App* verb = pipelines.add_subcommand(
      "backfill", "Run a pipeline for the due times of a range that it was not run for");
  verb->add_option("pipeline", options->pipeline)->required();
  verb->add_option("--from", options->from,
                   "A time, which may be due itself, or a day on the schedule's clock")
      ->required();
  verb->add_option("--to", options->to, "Likewise; the whole day")->required();
  verb->add_option("--schedule", options->schedule, "Whose times; needed if it has several");
  verb->add_option("--parallel", options->parallel, "Runs at the same time");
  verb->add_flag("--wait", options->waits,
                 "Until all runs are over; 1: one of them failed, 3: one was refused")
      ->excludes(verb->add_flag("--dry-run", options->dry_run, "Only tell what would be run"));
  verb->add_flag("--rerun-failed", options->rerun_failed, "Also what did not succeed");
  verb->add_flag("--rerun-all", options->rerun_all,
                 "Also what succeeded; steps that nothing has changed for come from cache");
  verb->callback([&context, &exit_code, options] { exit_code = backfill(context, *options); });
}

}  // namespace slipway::cli
