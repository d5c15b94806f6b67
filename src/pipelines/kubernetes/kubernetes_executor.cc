#include "pipelines/kubernetes/kubernetes_executor.h"

#include <algorithm>
#include <thread>

#include "base/hash.h"
#include "base/log.h"

namespace slipway::pipelines {
namespace fs = std::filesystem;
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kLook{250};                           // between two looks without news
constexpr milliseconds kPauseFirst{200}, kPauseLast{5'000};  // of an API server that is away
constexpr auto kSeenWithin = std::chrono::seconds(3);        // what was made is in the watch
constexpr auto kAskPause = std::chrono::seconds(2);          // between two questions about a Job
constexpr auto kEventsPause = std::chrono::seconds(10);      // and about events
constexpr auto kLeavingMax = std::chrono::minutes(5);        // of a pod on a node that is silent
constexpr auto kGoneWithin = std::chrono::seconds(20);       // pods of a deleted Job
constexpr auto kDeadlineSlack = std::chrono::seconds(60);    // of a node that keeps no deadline

bool is_below(const fs::path& path, const fs::path& folder) {
  const std::string relative = path.lexically_normal().lexically_relative(folder);
  return !relative.empty() && relative != ".." && !relative.starts_with("../");
}

std::string text_in(const JsonObject& object, std::string_view part, std::string_view name) {
  const Json* const inner = object.if_contains(part);
  if (inner == nullptr || !inner->is_object()) return {};
  const Json* const value = inner->get_object().if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::string seconds_text(std::chrono::seconds seconds) {
  return fmt::format("{} s", seconds.count());
}

}  // namespace

Result<std::vector<SharedVolume>> parse_volumes(std::string_view text) {
  std::vector<SharedVolume> volumes;
  while (!text.empty()) {
    const std::string_view entry = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), entry.size() + 1));
    const std::size_t equals = entry.find('=');
    const bool is_claim = entry.starts_with("claim:"), is_host = entry.starts_with("host:");
    const std::size_t begin = entry.find(':') + 1;
    SharedVolume volume;
    if (equals != std::string_view::npos && equals > begin && (is_claim || is_host)) {
      const std::string_view what = entry.substr(begin, equals - begin);
      if (is_claim) volume.claim = what;
      if (is_host) volume.host = what;
      volume.at = fs::path(entry.substr(equals + 1)).lexically_normal();
    }
    if (!volume.at.is_absolute() || (is_host && !volume.host.is_absolute())) {
      return base::error(Code::kInvalidArgument,
                         "a volume is claim:NAME=/path or host:/folder=/path: got={}", entry);
    }
    volumes.push_back(std::move(volume));
  }
  return volumes;
}

struct KubernetesExecutor::Try {
  const Command& command;
  const std::function<Wish()>& wish;
  KubeClient client;
  std::map<std::string, std::string> secrets, tokens;
  std::unique_ptr<PodLog> log;
  SteadyClock::time_point made = SteadyClock::now();
  std::optional<SteadyClock::time_point> running;
  // What keeps it from running, since when, and what of it was told.
  JobState::Trouble trouble = JobState::Trouble::kNone;
  SteadyClock::time_point since;
  std::string told;
  std::string event;  // that is a warning
  SteadyClock::time_point events_from, ask_from;
  std::optional<SteadyClock::time_point> leaving;

  const std::string& name() const { return command.names.job; }
};

std::string KubernetesExecutor::lack_of_kubernetes(const fs::path& project) const {
  const std::vector<SharedVolume>& volumes = options_.jobs.volumes;
  if (volumes.empty()) return "nothing is shared with its pods (setting kubernetes-volumes)";
  for (const auto& [what, folder] :
       {std::pair("the project", &project), {"what runs write", &options_.data}}) {
    const bool is_shared =
        std::any_of(volumes.begin(), volumes.end(),
                    [&](const SharedVolume& volume) { return is_below(*folder, volume.at); });
    if (!is_shared)
      return fmt::format("{} is on no volume that its pods have (setting kubernetes-volumes): {}",
                         what, folder->string());
  }
  return {};
}

JobWatch& KubernetesExecutor::watch() {
  base::MutexLock lock(mutex_);
  if (!watch_) watch_ = std::make_unique<JobWatch>(options_.cluster, options_.jobs.space);
  return *watch_;
}

std::string KubernetesExecutor::path_of(std::string_view kind, const std::string& name) const {
  return fmt::format("{}/namespaces/{}/{}{}{}", kind == "jobs" ? "/apis/batch/v1" : "/api/v1",
                     base::percent_encode(options_.jobs.space), kind, name.empty() ? "" : "/",
                     name);
}

Result<void> KubernetesExecutor::add_secret(Try& step, const JsonObject& job) {
  const auto made = step.client.create(
      path_of("secrets"), secret_of(step.name(), text_in(job, "metadata", "uid"), step.secrets));
  if (made || made.error().code != Code::kAlreadyExists)
    return made ? Result<void>() : made.error();
  // A server before this one has made it: what its step knows may be another by now, and it signs
  // in with what that server lent.
  const auto kept = TRY(kept_secret(step.client, step.name()));
  std::vector<std::string> values;
  for (const auto& [name, value] : kept) values.push_back(value);
  step.log->hide(std::move(values));
  if (step.tokens.empty()) return {};
  auto tokens = tokens_in(kept);
  if (!tokens) return {};
  tokens_->take_back(step.tokens);
  tokens_->lend_again(step.command.names.pipeline, *tokens);
  step.tokens = std::move(*tokens);
  return {};
}

Result<std::map<std::string, std::string>> KubernetesExecutor::kept_secret(
    KubeClient& client, const std::string& job) const {
  const JsonObject kept = TRY(client.get(path_of("secrets", job)));
  std::map<std::string, std::string> values;
  const Json* const data = kept.if_contains("data");
  if (data == nullptr || !data->is_object()) return values;
  for (const auto& [name, text] : data->get_object()) {
    auto value = base::from_base64(text_in(kept, "data", name));
    if (value && !value->empty()) values[std::string(name)] = std::move(*value);
  }
  return values;
}

std::optional<std::map<std::string, std::string>> KubernetesExecutor::tokens_in(
    const std::map<std::string, std::string>& values) const {
  std::map<std::string, std::string> tokens;
  for (const std::string& name : tokens_->names()) {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    tokens.insert(*found);
  }
  return tokens;
}

void KubernetesExecutor::take_up(const std::string& pipeline, const std::string& job,
                                 const std::filesystem::path& /*log*/) {
  if (tokens_ == nullptr) return;
  base::MutexLock lock(mutex_);
  if (is_away_) return;
  KubeClient client(options_.cluster);
  const auto kept = kept_secret(client, job);
  if (const auto tokens = kept ? tokens_in(*kept) : std::nullopt)
    tokens_->lend_again(pipeline, *tokens);
  is_away_ = !kept && kept.error().code == Code::kUnavailable;
}

Result<std::optional<Exit>> KubernetesExecutor::make(Try& step) {
  std::vector<std::string> names;
  for (const auto& [name, value] : step.secrets) names.push_back(name);
  const JsonObject wanted = job_of(step.command, names, options_.jobs);
  const auto make_once = [&]() -> Result<void> {
    auto job = step.client.create(path_of("jobs"), wanted);
    if (!job && job.error().code == Code::kAlreadyExists)
      job = step.client.get(path_of("jobs", step.name()));
    if (!job) return job.error();
    if (names.empty()) return {};
    TRY(add_secret(step, *job));
    const JsonObject begin{{"spec", JsonObject{{"suspend", false}}}};
    TRY(step.client.merge(path_of("jobs", step.name()), begin));
    return {};
  };
  milliseconds pause = kPauseFirst;
  for (const auto begun = SteadyClock::now();;) {
    if (const Wish wish = step.wish(); wish != Wish::kGoOn)
      return std::optional(wish == Wish::kLeave ? leave(step) : end(step));
    const Result<void> made = make_once();
    if (made) break;
    // What may run already isn't given up for a question that nobody answers.
    const Code code = made.error().code;
    const bool may_run =
        step.log->is_taken_up() && (code == Code::kUnavailable || code == Code::kPermissionDenied);
    const bool is_waited_for =
        code == Code::kUnavailable && SteadyClock::now() - begun <= options_.pending_timeout;
    if (!may_run && !is_waited_for)
      return base::error(code, "its Job can't be made: job={} {}", step.name(),
                         made.error().message);
    if (pause == kPauseFirst) step.log->note(made.error().message);
    for (const auto until = SteadyClock::now() + pause;
         SteadyClock::now() < until && step.wish() == Wish::kGoOn;)
      std::this_thread::sleep_for(std::min(pause, kLook));
    pause = std::min(pause * 2, kPauseLast);
  }
  step.made = SteadyClock::now();
  return std::optional<Exit>();
}

std::string KubernetesExecutor::newest_warning(Try& step, std::string_view kind,
                                               const std::string& name) {
  const auto events =
      step.client.get(path_of("events") + "?fieldSelector=" +
                      base::percent_encode(fmt::format(
                          "involvedObject.kind={},involvedObject.name={}", kind, name)));
  if (!events) return {};
  const Json* const items = events->if_contains("items");
  std::string newest, warning;
  if (items == nullptr || !items->is_array()) return warning;
  for (const Json& item : items->get_array()) {
    if (!item.is_object()) continue;
    const auto text = [&](std::string_view member) {
      return base::find_string(item.get_object(), member).value_or(std::nullopt).value_or("");
    };
    std::string time = text("lastTimestamp");
    if (time.empty()) time = text_in(item.get_object(), "metadata", "creationTimestamp");
    if (time < newest) continue;
    newest = std::move(time);
    warning = text("type") == "Warning" ? text("message") : "";
  }
  return warning;
}

std::optional<base::Error> KubernetesExecutor::give_up(Try& step, const JobState& state) {
  using Trouble = JobState::Trouble;
  const auto now = SteadyClock::now();
  if (!state.is_leaving) step.leaving.reset();
  if (state.phase == JobState::Phase::kRunning && state.is_leaving) {
    if (!step.leaving) step.leaving = now;
    if (now - *step.leaving > kLeavingMax)
      return base::error(Code::kUnavailable, "{} (for {})", state.why, seconds_text(kLeavingMax));
  }
  if (state.phase != JobState::Phase::kPending || state.trouble == Trouble::kNone) {
    step.trouble = Trouble::kNone;
    return std::nullopt;
  }
  // A container that fails counts on while it is tried again; so does a pod that has no node.
  if (step.trouble != state.trouble) {
    step.since = now;
    step.event.clear();
    step.events_from = now + kSeenWithin;
  }
  step.trouble = state.trouble;
  std::string why = state.why;
  if (state.trouble == Trouble::kNoPod || state.trouble == Trouble::kStarting) {
    if (now - step.since < kSeenWithin) return std::nullopt;
    if (now >= step.events_from) {
      step.event = state.trouble == Trouble::kNoPod ? newest_warning(step, "Job", step.name())
                                                    : newest_warning(step, "Pod", state.pod);
      step.events_from = now + kEventsPause;
    }
    if (!step.event.empty()) {
      why += ": " + step.event;
    } else if (state.trouble == Trouble::kStarting) {
      step.since = now;  // an image may take its time
      return std::nullopt;
    }
  }
  if (why != step.told) step.log->note(why);
  step.told = why;
  const std::chrono::seconds limit =
      state.trouble == Trouble::kContainer ? options_.container_timeout : options_.pending_timeout;
  if (now - step.since < limit) return std::nullopt;
  return base::error(Code::kDeadlineExceeded, "{} (for {})", why, seconds_text(limit));
}

Result<Exit> KubernetesExecutor::exit_of(const Try& step, const JobState& state) const {
  Exit exit{.kind = state.kind, .code = state.exit_code.value_or(0), .reason = {}, .usage = {}};
  switch (state.kind) {
    case Exit::Kind::kOutOfMemory: {
      const std::int64_t bytes = step.command.resources.memory_bytes;
      exit.reason = bytes > 0 ? fmt::format(
                                    "OOMKilled: step {} used more than its {} of memory; raise "
                                    "resources.memory",
                                    step.command.names.step, memory_text(bytes))
                              : fmt::format(
                                    "OOMKilled: step {} used more memory than its node had; say "
                                    "what it needs with resources.memory",
                                    step.command.names.step);
      return exit;
    }
    case Exit::Kind::kTimedOut:
    case Exit::Kind::kStopped:
    case Exit::Kind::kLeft:
    case Exit::Kind::kLost:
    case Exit::Kind::kNotBegun:
      return exit;
    case Exit::Kind::kExited:
      break;
  }
  if (!state.exit_code) return base::error(Code::kUnavailable, "{}", state.why);
  return exit;
}

Result<Exit> KubernetesExecutor::follow(Try& step) {
  for (;; watch().wait(kLook)) {
    switch (step.wish()) {
      case Wish::kGoOn:
        break;
      case Wish::kLeave:
        return leave(step);
      case Wish::kEnd:
      case Wish::kEndAtOnce:
        return end(step);
    }
    const JobWatch::Seen seen = watch().look(step.name());
    const auto now = SteadyClock::now();
    if (!seen.job && now - step.made <= kSeenWithin) continue;
    JobState state = state_of(seen.job ? &*seen.job : nullptr, seen.pods);
    auto given_up = give_up(step, state);
    // The watches may be behind, and not by the same: before anything is over that no container
    // has ended, the API server is asked, and heard.
    if (given_up || (state.phase == JobState::Phase::kEnded && !state.is_sure)) {
      if (now < step.ask_from) continue;
      step.ask_from = now + kAskPause;
      const auto asked = watch().ask(step.client, step.name());
      if (!asked) continue;
      state = state_of(asked->job ? &*asked->job : nullptr, asked->pods);
      given_up = give_up(step, state);
    }
    if (state.has_log) step.log->follow(state.pod);
    if (state.phase == JobState::Phase::kEnded) {
      step.log->finish();
      return exit_of(step, state);
    }
    if (state.phase == JobState::Phase::kRunning && !step.running) step.running = now;
    const bool is_late =
        step.running && step.command.timeout &&
        now - *step.running >
            std::chrono::microseconds(step.command.timeout->micros) + kDeadlineSlack;
    if (!given_up && !is_late) continue;
    Exit ended = end(step);
    if (ended.kind == Exit::Kind::kLeft) return ended;
    if (given_up) return *given_up;
    ended.kind = Exit::Kind::kTimedOut;
    return ended;
  }
}

Exit KubernetesExecutor::leave(Try& step) {
  step.log->leave();
  return {.kind = Exit::Kind::kLeft, .reason = {}, .usage = {}};
}

Exit KubernetesExecutor::end(Try& step) {
  for (milliseconds pause = kPauseFirst;; pause = std::min(pause * 2, kPauseLast)) {
    const Result<void> gone = step.client.remove(path_of("jobs", step.name()));
    if (gone) break;
    if (pause == kPauseFirst) {
      base::log_warning("pipelines", "a Job that is to end can't be deleted: job={} {}",
                        step.name(), gone.error().message);
      step.log->note("the Job can't be deleted: " + gone.error().message);
    }
    if (gone.error().code != Code::kUnavailable) break;
    for (const auto until = SteadyClock::now() + pause; SteadyClock::now() < until;) {
      if (step.wish() == Wish::kLeave) return leave(step);
      std::this_thread::sleep_for(std::min(pause, kLook));
    }
  }
  // Its processes have some seconds for their end; what is done in their folders waits for that.
  const auto until = SteadyClock::now() + kGoneWithin;
  while (!watch().look(step.name()).pods.empty() && SteadyClock::now() < until) watch().wait(kLook);
  step.log->finish();
  return {.kind = Exit::Kind::kStopped, .reason = {}, .usage = {}};
}

Result<Exit> KubernetesExecutor::run(const Command& command, const std::function<Wish()>& wish) {
  if (const std::string lack = lack_of_kubernetes(command.folder); !lack.empty())
    return base::error(Code::kFailedPrecondition, "it can't run as a Job: {}", lack);
  Try step{.command = command,
           .wish = wish,
           .client = KubeClient(options_.cluster),
           .secrets = command.secrets,
           .tokens = {},
           .log = nullptr,
           .running = {},
           .since = {},
           .told = {},
           .event = {},
           .events_from = {},
           .ask_from = {},
           .leaving = {}};
  if (tokens_ != nullptr) {
    step.tokens = tokens_->lend(command.names.pipeline);
    step.secrets.insert(step.tokens.begin(), step.tokens.end());
  }
  std::vector<std::string> values = command.hidden();
  for (const auto& [name, value] : step.tokens) values.push_back(value);
  step.log = TRY(PodLog::open(options_.cluster, {.job = step.name(),
                                                 .space = options_.jobs.space,
                                                 .file = command.log,
                                                 .secrets = std::move(values)}));
  watch();
  auto over = make(step);
  if (!over) (void)step.client.remove(path_of("jobs", step.name()));  // one without its Secret
  Result<Exit> exit = !over ? Result<Exit>(over.error()) : *over ? std::move(**over) : follow(step);
  if (exit && exit->kind == Exit::Kind::kLeft) return exit;
  if (tokens_ != nullptr) tokens_->take_back(step.tokens);
  // The Job stays for those who want to look at it, what it knew doesn't.
  if (!step.secrets.empty()) {
    const auto gone = step.client.remove(path_of("secrets", step.name()));
    if (!gone && gone.error().code != Code::kNotFound)
      base::log_warning("pipelines", "a Secret stays until its Job goes: secret={} {}", step.name(),
                        gone.error().message);
  }
  return exit;
}

}  // namespace slipway::pipelines
