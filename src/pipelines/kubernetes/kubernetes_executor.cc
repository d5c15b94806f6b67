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
  if (step.tokens.empty()) return {};
  // A server before this one has made it: its step signs in with what that one lent.
  auto tokens = TRY(lent_before(step.client, step.name(), tokens_->names()));
  if (!tokens) return {};
  tokens_->take_back(step.tokens);
  tokens_->lend_again(step.command.names.pipeline, *tokens);
  std::vector<std::string> values;
  for (const auto& [name, value] : *tokens) values.push_back(value);
  step.log->hide(std::move(values));
  step.tokens = std::move(*tokens);
  return {};
}

Result<std::optional<std::map<std::string, std::string>>> KubernetesExecutor::lent_before(
    KubeClient& client, const std::string& job, const std::vector<std::string>& names) const {
  const JsonObject kept = TRY(client.get(path_of("secrets", job)));
  std::optional<std::map<std::string, std::string>> tokens(std::in_place);
  for (const std::string& name : names) {
    auto token = base::from_base64(text_in(kept, "data", name));
    if (!token || token->empty()) return std::optional<std::map<std::string, std::string>>();
    (*tokens)[name] = std::move(*token);
  }
  return tokens;
}

void KubernetesExecutor::take_up(const std::string& pipeline, const std::string& job) {
  if (tokens_ == nullptr) return;
  base::MutexLock lock(mutex_);
  if (is_away_) return;
  KubeClient client(options_.cluster);
  const auto tokens = lent_before(client, job, tokens_->names());
  if (tokens && *tokens) tokens_->lend_again(pipeline, **tokens);
  is_away_ = !tokens && tokens.error().code == Code::kUnavailable;
}

Result<KubernetesExecutor::Next> KubernetesExecutor::make(Try& step) {
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
    if (step.wish() != Wish::kGoOn) return Next::kOver;
    const Result<void> made = make_once();
    if (made) break;
    const bool is_away = made.error().code == Code::kUnavailable;
    if (!is_away || SteadyClock::now() - begun > options_.pending_timeout)
      return base::error(made.error().code, "its Job can't be made: job={} {}", step.name(),
                         made.error().message);
    if (pause == kPauseFirst) step.log->note(made.error().message);
    for (const auto until = SteadyClock::now() + pause;
         SteadyClock::now() < until && step.wish() == Wish::kGoOn;)
      std::this_thread::sleep_for(std::min(pause, kLook));
    pause = std::min(pause * 2, kPauseLast);
  }
  step.made = SteadyClock::now();
  return Next::kFollow;
}

std::string KubernetesExecutor::why_no_pod(Try& step) {
  const auto events = step.client.get(
      path_of("events") + "?fieldSelector=" +
      base::percent_encode("involvedObject.kind=Job,involvedObject.name=" + step.name()));
  if (!events) return {};
  const Json* const items = events->if_contains("items");
  std::string why;
  if (items == nullptr || !items->is_array()) return why;
  for (const Json& item : items->get_array()) {
    if (!item.is_object()) continue;
    const auto type = base::find_string(item.get_object(), "type").value_or(std::nullopt);
    const auto message = base::find_string(item.get_object(), "message").value_or(std::nullopt);
    if (type == "Warning" && message) why = *message;
  }
  return why;
}

std::optional<base::Error> KubernetesExecutor::give_up(Try& step, const JobState& state) {
  using Trouble = JobState::Trouble;
  const auto now = SteadyClock::now();
  if (state.phase != JobState::Phase::kPending || state.trouble == Trouble::kNone) {
    step.trouble = Trouble::kNone;
    return std::nullopt;
  }
  // A container that fails counts on while it is tried again; so does a pod that has no node.
  if (step.trouble != state.trouble) step.since = now;
  step.trouble = state.trouble;
  std::string why = state.why;
  if (state.trouble == Trouble::kNoPod) {
    if (now - step.since < kSeenWithin) return std::nullopt;
    if (const std::string event = why_no_pod(step); !event.empty()) why += ": " + event;
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
    case Exit::Kind::kLost:
      return exit;
    case Exit::Kind::kExited:
      break;
  }
  if (!state.exit_code) return base::error(Code::kUnavailable, "{}", state.why);
  return exit;
}

Result<Exit> KubernetesExecutor::follow(Try& step) {
  const auto stopped = [] { return Exit{.kind = Exit::Kind::kStopped, .reason = {}, .usage = {}}; };
  for (;;) {
    switch (step.wish()) {
      case Wish::kGoOn:
        break;
      case Wish::kLeave:
        step.log->leave();
        return stopped();
      case Wish::kEnd:
        end(step);
        return stopped();
    }
    JobWatch::Seen seen = watch().look(step.name());
    const auto now = SteadyClock::now();
    if (!seen.job && now - step.made > kSeenWithin) {
      // The watch may be behind: whether it is gone is asked.
      auto job = step.client.get(path_of("jobs", step.name()));
      if (job) seen.job = std::move(*job);
      if (!job && job.error().code != Code::kNotFound) {
        watch().wait(kLook);
        continue;
      }
    }
    if (!seen.job && now - step.made <= kSeenWithin) {
      watch().wait(kLook);
      continue;
    }
    const JobState state = state_of(seen.job ? &*seen.job : nullptr, seen.pods);
    if (state.has_log) step.log->follow(state.pod);
    if (state.phase == JobState::Phase::kEnded) {
      step.log->finish();
      return exit_of(step, state);
    }
    if (state.phase == JobState::Phase::kRunning && !step.running) step.running = now;
    if (const auto error = give_up(step, state)) {
      end(step);
      return *error;
    }
    if (step.running && step.command.timeout &&
        now - *step.running >
            std::chrono::microseconds(step.command.timeout->micros) + kDeadlineSlack) {
      end(step);
      return Exit{.kind = Exit::Kind::kTimedOut, .reason = {}, .usage = {}};
    }
    watch().wait(kLook);
  }
}

void KubernetesExecutor::end(Try& step) {
  if (const Result<void> gone = step.client.remove(path_of("jobs", step.name())); !gone) {
    base::log_warning("pipelines", "a Job that is to end can't be deleted: job={} {}", step.name(),
                      gone.error().message);
    step.log->note("the Job can't be deleted: " + gone.error().message);
  }
  // Its processes have some seconds for their end; what is done in their folders waits for that.
  const auto until = SteadyClock::now() + kGoneWithin;
  while (!watch().look(step.name()).pods.empty() && SteadyClock::now() < until) watch().wait(kLook);
  step.log->finish();
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
           .told = {}};
  if (tokens_ != nullptr) {
    step.tokens = tokens_->lend(command.names.pipeline);
    step.secrets.insert(step.tokens.begin(), step.tokens.end());
  }
  std::vector<std::string> values;
  for (const auto& [name, value] : step.secrets) values.push_back(value);
  step.log = TRY(PodLog::open(options_.cluster, {.job = step.name(),
                                                 .space = options_.jobs.space,
                                                 .file = command.log,
                                                 .secrets = std::move(values)}));
  watch();
  Result<Exit> exit = Exit{.kind = Exit::Kind::kStopped, .reason = {}, .usage = {}};
  const auto made = make(step);
  const bool is_left = wish() == Wish::kLeave;
  if (!made) {
    (void)step.client.remove(path_of("jobs", step.name()));  // one that waits for its Secret
    exit = made.error();
  } else if (*made == Next::kFollow) {
    exit = follow(step);
  } else if (!is_left) {
    end(step);
  }
  if (exit && exit->kind == Exit::Kind::kStopped && wish() == Wish::kLeave) return exit;
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
