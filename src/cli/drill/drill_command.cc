#include "cli/drill/drill_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <csignal>
#include <set>
#include <tuple>

#include "cli/commands.h"
#include "cli/drill/changes.h"
#include "cli/drill/logged_traffic.h"
#include "cli/drill/report.h"
#include "cli/drill/server_faults.h"
#include "cli/recording_flags.h"
#include "cli/table.h"
#include "store/file_system.h"
#include "types/timestamp.h"

namespace slipway::cli {
namespace {

using base::Duration;
using base::Timestamp;

// Outcomes that come after the last request still count.
constexpr Duration kTail = Duration::days(2);
constexpr double kShareMin = 1.0 / 64;  // smaller ones are not tried
constexpr int kBisections = 2;          // between a share that was noticed and its half that wasn't
constexpr Duration kWell =
    Duration::hours(6);  // before a machine breaks: there is something to lose
constexpr Duration kPlayed = Duration::days(14);  // before and after the start, unless told

// Ctrl-C: the staging server ends and its folder goes. A second one ends this process at once.
std::atomic<bool> interrupted = false;

void end_on_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = true; };
  action.sa_flags = SA_RESETHAND;
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::sigaction(number, &action, nullptr);
}

struct Flags {
  std::string endpoint, project = "slipway.yaml", from, start, until, out, against, python_models;
  std::vector<std::string> faults, shapes;
  std::string ramp, generate;
  std::optional<double> per_day;
  double share = 1;
  std::uint64_t seed = 1;
  std::optional<double> fail_under;
  bool smallest = false, keep = true;
};

struct Times {
  Timestamp from, start, until;
  Duration ramp;  // of what comes gradually
};

// `end`: where it ends unless told.
Result<Times> read_times(const Flags& flags, Timestamp end) {
  Times times;
  times.until = flags.until.empty() ? end : TRY(types::parse_rfc3339(flags.until));
  times.start =
      flags.start.empty() ? times.until - kPlayed : TRY(types::parse_rfc3339(flags.start));
  times.from = flags.from.empty() ? times.start - kPlayed : TRY(types::parse_rfc3339(flags.from));
  if (times.from >= times.start || times.start >= times.until)
    return base::error(Code::kInvalidArgument, "the times must be --from < --start < --until");
  times.ramp = flags.ramp.empty() ? Duration{(times.until - times.start).micros / 2}
                                  : TRY(types::parse_duration(flags.ramp));
  return times;
}

Result<Timestamp> after_last_request(const Recording& recording) {
  const types::Column& events = *recording.requests.find(recording.event_time);
  Timestamp last{INT64_MIN};
  for (std::size_t row = 0; row < events.size(); ++row) {
    if (events.is_valid(row)) last = std::max(last, Timestamp{events.ints[row]});
  }
  if (last.micros == INT64_MIN)
    return base::error(Code::kInvalidArgument, "the recording has no request with a time");
  return last + Duration{1};
}

struct Traffic {
  Recording recording;
  Times times;
  std::optional<Generated> generated;  // nothing: somebody asked it
};

// What is played, and when: of a file, of what `production` logged until now, or of rows that it
// has.
Result<Traffic> read_traffic(Client& production, const Flags& flags, const RecordingFlags& recorded,
                             const Tell& tell) {
  if (!recorded.files.requests.empty()) {
    tell("reading the recording");
    Recording recording = TRY(recorded.read());
    const Times times = TRY(read_times(flags, TRY(after_last_request(recording))));
    return Traffic{std::move(recording), times, {}};
  }
  const bool is_generated = !flags.generate.empty();
  if (!is_generated && (!recorded.files.label.empty() || !recorded.files.label_time.empty())) {
    return base::error(Code::kInvalidArgument,
                       "--label and --label-time are of --requests or --generate; the request log "
                       "has the outcomes that the server was told");
  }
  const Json clock = TRY(production.get("/slipway/v1/clock"));
  const Times times =
      TRY(read_times(flags, TRY(types::parse_rfc3339(cell(member_at(clock, "now"))))));
  Traffic traffic{.recording = {}, .times = times, .generated = {}};
  if (is_generated) {
    std::tie(traffic.recording, traffic.generated) =
        TRY(generate_traffic(production,
                             {.endpoint = flags.endpoint,
                              .dataset = flags.generate,
                              .label = recorded.files.label,
                              .label_time = recorded.files.label_time,
                              .from = times.from,
                              .until = times.until,
                              .per_day = flags.per_day,
                              .seed = flags.seed},
                             tell));
  } else {
    traffic.recording =
        TRY(read_logged_traffic(production, flags.endpoint, times.from, times.until, tell));
  }
  traffic.recording.sources = TRY(recorded.read_pushes());
  return traffic;
}

// kInvalidArgument: a recording in which nothing can be seen.
Result<void> check_recording(const Recording& recording, const Times& times) {
  const types::Column& ids = *recording.requests.find(recording.id);
  std::set<std::string_view> known;
  std::size_t before = 0;
  for (std::size_t row = 0; row < ids.size(); ++row) {
    if (!ids.is_valid(row) || !known.insert(ids.strings[row]).second) {
      return base::error(Code::kInvalidArgument,
                         "every request needs an id of its own: column={} id={} time={}",
                         recording.id, ids.is_valid(row) ? ids.strings[row] : "missing",
                         types::to_rfc3339(recording.time(row)));
    }
    if (recording.time(row) < times.start) ++before;
  }
  if (before > 0 && before < ids.size()) return {};
  return base::error(Code::kInvalidArgument,
                     "the recording needs requests before and after --start: from={} before={} "
                     "start={} after={} until={}",
                     types::to_rfc3339(times.from), before, types::to_rfc3339(times.start),
                     ids.size() - before, types::to_rfc3339(times.until));
}

// Whether a report can be written there. One that is there stays until there is another.
Result<void> check_out(const std::filesystem::path& out) {
  if (std::filesystem::is_directory(out))
    return base::error(Code::kInvalidArgument, "--out is a folder: path={}", out.string());
  const std::filesystem::path beside = out.string() + ".try";
  TRY(store::write_file(beside, ""));
  std::filesystem::remove(beside);
  return {};
}

// Sources of looked-up features that the recording says nothing of.
std::vector<std::string> not_pushed(const Recording& recording,
                                    const std::vector<LookedUp>& looked_up) {
  std::set<std::string> missing;
  for (const LookedUp& one : looked_up) missing.insert(one.source);
  for (const Recording::Source& source : recording.sources) missing.erase(source.name);
  return {missing.begin(), missing.end()};
}

// Features that the log has, of sources that are not pushed, are sent as they were served.
void give_as_served(Recording& recording, const std::vector<LookedUp>& looked_up,
                    const std::vector<std::string>& still) {
  for (const LookedUp& one : looked_up) {
    if (std::find(still.begin(), still.end(), one.source) == still.end()) continue;
    if (recording.requests.find(one.feature) != nullptr) recording.given.push_back(one.feature);
  }
}

// Requests of other times are not played.
void keep_times(Recording& recording, const Times& times) {
  types::Column& events = *recording.requests.find(recording.event_time);
  std::vector<std::size_t> kept;
  for (std::size_t row = 0; row < events.size(); ++row) {
    const Timestamp time{events.ints[row]};
    if (events.is_valid(row) && time >= times.from && time < times.until) kept.push_back(row);
  }
  recording.requests = recording.requests.take(kept);
  if (recording.labels.empty()) return;
  std::vector<std::optional<double>> labels;
  std::vector<std::optional<Timestamp>> label_times;
  for (const std::size_t row : kept) {
    labels.push_back(recording.labels[row]);
    label_times.push_back(recording.label_times[row]);
  }
  recording.labels = std::move(labels);
  recording.label_times = std::move(label_times);
}

// In the shapes that are wanted: unless told, drift both at once and gradually, all else at once.
std::vector<Fault> in_shapes(const std::vector<Fault>& all,
                             const std::vector<std::string>& shapes) {
  const auto is_wanted = [&](const char* shape) {
    return std::find(shapes.begin(), shapes.end(), shape) != shapes.end();
  };
  std::vector<Fault> shaped;
  for (const Fault& fault : all) {
    const bool is_control = fault.group == FaultGroup::kControl;
    if (shapes.empty() || is_control || is_wanted("abrupt")) shaped.push_back(fault);
    if (!fault.may_be_gradual) continue;
    if (shapes.empty() ? fault.group == FaultGroup::kDrift : is_wanted("gradual"))
      shaped.push_back(gradual(fault));
  }
  return shaped;
}

// By name, with its shape or without it, or by kind.
bool is_called(const Fault& fault, const std::string& wanted) {
  return fault.name == wanted || fault.name.starts_with(wanted + ":") ||
         fault.name.starts_with(wanted + "/");
}

// `not_made`: those that this model can't have, and why.
Result<std::vector<Fault>> choose_faults(const Flags& flags, const Recording& recording,
                                         const Staging::Made& made, const Staging& staging,
                                         std::vector<std::string>& not_made) {
  std::vector<Fault> all = faults_of(recording, made.looked_up);
  const auto everything = [](Recording& changed, const Dose& dose) {
    std::vector<std::size_t> rows;
    for (std::size_t row = 0; row < changed.requests.rows(); ++row) {
      if (changed.time(row) >= dose.start) rows.push_back(row);
    }
    return rows;
  };
  const auto first_control = std::find_if(
      all.begin(), all.end(), [](const Fault& f) { return f.group == FaultGroup::kControl; });
  std::vector<Fault> of_model{{.name = "model:damaged",
                               .group = FaultGroup::kModel,
                               .what = "a model with damaged weights is released",
                               .deploy = TRY(staging.damaged_model()),
                               .apply = everything}};
  if (!staging.earlier_model().empty()) {
    of_model.push_back({.name = "model:earlier",
                        .group = FaultGroup::kModel,
                        .what = "an earlier version of the model is released by mistake",
                        .deploy = staging.earlier_model(),
                        .apply = everything});
  }
  const auto add_changed = [&](const char* name, const char* what,
                               const Result<std::string>& model) -> Result<void> {
    if (model) {
      of_model.push_back({.name = name,
                          .group = FaultGroup::kModel,
                          .what = what,
                          .deploy = *model,
                          .apply = everything});
    } else if (model.error().code == Code::kFailedPrecondition) {
      not_made.push_back(fmt::format("{}: {}", name, model.error().message));
    } else {
      return model.error();
    }
    return {};
  };
  TRY(add_changed("model:wrong", "a model whose weights load but are wrong is released",
                  staging.wrong_model()));
  if (is_binary(recording)) {
    TRY(add_changed(
        "model:threshold",
        "the threshold of a yes is moved from 0.5 to 0.73: answers say yes as much less",
        staging.moved_model()));
  }
  for (auto& some : {pipeline_faults(all, staging.retraining()),
                     server_faults(made.looked_up, made.runs_python)})
    of_model.insert(of_model.end(), some.begin(), some.end());
  all.insert(first_control, of_model.begin(), of_model.end());
  all = in_shapes(all, flags.shapes);
  if (flags.faults.empty()) return all;
  std::vector<Fault> chosen;
  for (const std::string& wanted : flags.faults) {
    bool is_known = false;
    for (const Fault& fault : all) {
      if (!is_called(fault, wanted)) continue;
      is_known = true;
      const bool is_twice = std::any_of(chosen.begin(), chosen.end(), [&](const Fault& other) {
        return other.name == fault.name;
      });
      if (fault.group != FaultGroup::kControl && !is_twice) chosen.push_back(fault);
    }
    if (!is_known) {
      std::string names;
      for (const Fault& fault : all) names += (names.empty() ? "" : " ") + fault.name;
      return base::error(Code::kInvalidArgument, "no such fault: fault={} known={}", wanted, names);
    }
  }
  if (chosen.empty())
    return base::error(Code::kInvalidArgument, "--faults names controls only: they always play");
  for (const Fault& fault : all) {
    if (fault.group == FaultGroup::kControl) chosen.push_back(fault);
  }
  return chosen;
}

struct Stage {
  Staging& staging;
  const Recording& recording;
  const Flags& flags;
  Times times;
};

Result<Played> play(const Stage& stage, const Fault& fault, double share, const Tell& tell) {
  Played played{.fault = &fault,
                .dose = {.start = stage.times.start,
                         .until = stage.times.until,
                         .share = share,
                         .seed = stage.flags.seed,
                         .ramp = fault.is_gradual ? stage.times.ramp : Duration{}}};
  if (fault.breakage) played.dose.start = played.dose.start + kWell;
  Recording changed = stage.recording;
  for (const std::size_t row : fault.apply(changed, played.dose)) {
    if (changed.requests.find(changed.event_time)->is_valid(row))
      played.harmed.push_back(changed.time(row));
  }
  std::sort(played.harmed.begin(), played.harmed.end());
  played.observed =
      TRY(stage.staging.play(changed, fault, played.dose, stage.times.until + kTail, tell));
  if (fault.harms_failed) {
    const std::vector<Timestamp>& failed = played.observed.replay.failed_at;
    std::erase_if(played.harmed, [&](Timestamp time) {
      return !std::binary_search(failed.begin(), failed.end(), time);
    });
  }
  return played;
}

// Half, a quarter ... of what was caught, until it isn't; then between the two.
Result<double> smallest_share(const Stage& stage, const Fault& fault, double caught,
                              const Observed& baseline, const Tell& tell) {
  const auto is_caught = [&](double share) -> Result<bool> {
    const Played played = TRY(play(stage, fault, share, tell));
    return judge(played, baseline, {}).caught;
  };
  std::optional<double> missed;
  while (!missed && caught / 2 >= kShareMin) {
    if (TRY(is_caught(caught / 2)))
      caught /= 2;
    else
      missed = caught / 2;
  }
  for (int i = 0; missed && i < kBisections; ++i) {
    const double middle = (caught + *missed) / 2;
    if (TRY(is_caught(middle)))
      caught = middle;
    else
      missed = middle;
  }
  return caught;
}

Result<DrillReport> drill(const Context& context, const Flags& flags,
                          const RecordingFlags& recorded, const Tell& tell) {
  Client production(context);
  auto [recording, times, generated] = TRY(read_traffic(production, flags, recorded, tell));
  keep_times(recording, times);
  TRY(check_recording(recording, times));
  if (!flags.out.empty()) TRY(check_out(flags.out));  // before the work, not after it
  Staging staging = TRY(Staging::make(production,
                                      {.endpoint = flags.endpoint,
                                       .project = flags.project,
                                       .from = times.from,
                                       .start = times.start,
                                       .stop = &interrupted,
                                       .python_models = flags.python_models},
                                      tell));
  const Staging::Made made = TRY(staging.look());
  const std::vector<std::string> still = not_pushed(recording, made.looked_up);
  if (recorded.files.requests.empty()) give_as_served(recording, made.looked_up, still);
  std::vector<std::string> not_made;
  std::vector<Fault> faults = TRY(choose_faults(flags, recording, made, staging, not_made));
  const AnswersById answers =
      TRY(staging.warm_up(recording, [&](const std::string& line) { tell("before: " + line); }));
  if (auto benign = benign_drift(recording, answers, times.start))
    faults.push_back(std::move(*benign));
  else
    not_made.push_back("benign: " + benign.error().message);
  const Stage stage{staging, recording, flags, times};
  const auto telling = [&](const Fault& fault) {
    const auto number = &fault - faults.data() + 1;
    return [&tell, &faults, &fault, number](const std::string& line) {
      tell(fmt::format("{} of {} {}: {}", number, faults.size(), fault.name, line));
    };
  };
  std::vector<Played> played;
  for (const Fault& fault : faults)
    played.push_back(TRY(play(stage, fault, flags.share, telling(fault))));
  std::vector<const Observed*> controls;
  for (const Played& one : played) {
    if (one.fault->group == FaultGroup::kControl) controls.push_back(&one.observed);
  }
  const Observed& baseline = *controls.front();
  DrillReport report{.endpoint = flags.endpoint,
                     .from = times.from,
                     .start = times.start,
                     .until = times.until,
                     .seed = flags.seed,
                     .baseline_alerts = std::ssize(baseline.alerts),
                     .not_pushed = still,
                     .not_made = std::move(not_made),
                     .generated = std::move(generated)};
  for (const Played& one : played) {
    const FaultGroup group = one.fault->group;
    auto& verdicts = group == FaultGroup::kControl ? report.controls : report.faults;
    Verdict& verdict = verdicts.emplace_back(judge(one, baseline, controls));
    if (flags.smallest && verdict.caught && one.fault->has_share && group != FaultGroup::kControl &&
        group != FaultGroup::kModel) {
      verdict.smallest_share =
          TRY(smallest_share(stage, *one.fault, flags.share, baseline, telling(*one.fault)));
    }
  }
  return report;
}

Result<std::optional<EarlierDrill>> read_earlier(const Flags& flags) {
  if (flags.against.empty()) return std::optional<EarlierDrill>();
  const std::string text = TRY(store::read_file(flags.against));
  return std::optional(TRY(EarlierDrill::read(text, flags.endpoint)));
}

// The server shows it on its page. That it can't keep it makes no drill worse.
void hand_in(const Context& context, const Flags& flags, const JsonObject& report) {
  Client production(context);
  const auto kept = production.post(path_of("/slipway/v1/endpoints/{}/drills", {flags.endpoint}),
                                    {{"report", report}});
  if (!kept) {
    std::fprintf(stderr, "the server does not keep the result: %s\n", kept.error().message.c_str());
    return;
  }
  std::fprintf(stderr, "%s/ui%s\n", context.url.c_str(),
               path_of("/endpoints/{}/drills", {flags.endpoint}).c_str());
}

int run_drill(const Context& context, const Flags& flags, const RecordingFlags& recorded) {
  const auto earlier = read_earlier(flags);  // before the work, and before --out may replace it
  if (!earlier) return fail(earlier.error(), context);
  end_on_signals();
  const bool terminal = isatty(STDERR_FILENO) != 0;
  const auto report = drill(context, flags, recorded, [terminal](const std::string& line) {
    std::fprintf(stderr, terminal ? "\r\033[K%s" : "%s\n", line.c_str());
  });
  if (terminal) std::fprintf(stderr, "\r\033[K");
  if (!report) return fail(report.error(), context);
  std::optional<Trend> trend;
  if (*earlier) trend = compare(*report, **earlier);
  JsonObject object = report->to_json();
  if (trend) object["trend"] = trend->to_json();
  const std::string json = base::to_text(object);
  if (!flags.out.empty()) {
    const bool is_json = flags.out.ends_with(".json");
    const auto written =
        store::write_file(flags.out, is_json ? json + "\n" : drill_page(*report, trend));
    if (!written) return fail(written.error(), context);
  }
  std::fputs(context.json ? (json + "\n").c_str() : show_drill(*report, trend).c_str(), stdout);
  if (flags.keep) hand_in(context, flags, object);
  if (!flags.out.empty()) std::fprintf(stderr, "written to %s\n", flags.out.c_str());
  return flags.fail_under && report->share() < *flags.fail_under ? kGateSaidNo : kOk;
}

}  // namespace

void add_drill_command(CLI::App& root, Context& context, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = root.add_subcommand(
      "drill",
      "How would we know if this breaks in production? Recorded traffic with faults, "
      "against a copy of an endpoint");
  command->add_option("endpoint", flags->endpoint)->required();
  auto recorded = add_recording_flags(*command, Otherwise::kLog);
  CLI::Option* generate = command->add_option(
      "--generate", flags->generate,
      "Traffic of rows of this dataset, drawn with the seed, each at its own time of the week: for "
      "an endpoint that nobody has asked yet. --label and --label-time name its columns");
  generate->excludes("--requests");
  command
      ->add_option("--per-day", flags->per_day,
                   "Generated requests a day; default: as many as the dataset has, at most 2000")
      ->check(CLI::PositiveNumber)
      ->needs(generate);
  command->add_option("--project", flags->project, "The declaration that is copied")
      ->check(CLI::ExistingFile)
      ->capture_default_str();
  command->add_option("--from", flags->from, "Where the replay begins; default: 14 days before");
  command->add_option("--start", flags->start,
                      "Where things break; default: 14 days before the end");
  command->add_option("--until", flags->until, "Where it ends; default: after the last request");
  command
      ->add_option("--faults", flags->faults,
                   "Only these, by name or by kind (\"nulls\"), separated by commas")
      ->delimiter(',');
  command
      ->add_option("--shape", flags->shapes,
                   "How faults come: abrupt, gradual, or both, separated by commas; default: drift "
                   "both, everything else abrupt")
      ->delimiter(',')
      ->check(CLI::IsMember({"abrupt", "gradual"}));
  command->add_option("--ramp", flags->ramp,
                      "After how long a gradual fault has grown to its share (\"3d\"); default: "
                      "half of the time from --start to --until");
  command->add_option("--share", flags->share, "How much of what comes is touched")
      ->check(CLI::Range(0.0001, 1.0))
      ->capture_default_str();
  command->add_flag("--smallest", flags->smallest,
                    "Halve the share of what was noticed until it is not, then bisect");
  command->add_option("--python-models", flags->python_models,
                      "Interpreter for a model in Python, with all that it needs; default: an "
                      "environment of its own, made anew");
  command->add_option("--seed", flags->seed, "For what is drawn")->capture_default_str();
  command->add_option("--out", flags->out, "A page (.html) or a file (.json) with the results");
  command->add_flag("--keep,!--no-keep", flags->keep,
                    "Leave the result with the server, for its page; default: yes");
  command->add_option("--against", flags->against,
                      "An earlier drill's JSON: what got better or worse since");
  command
      ->add_option("--fail-under", flags->fail_under,
                   "3 is the exit code when a smaller share of the faults is noticed")
      ->check(CLI::Range(0.0, 1.0));
  command->callback([&context, &exit_code, flags, recorded] {
    exit_code = run_drill(context, *flags, *recorded);
  });
}

}  // namespace slipway::cli
