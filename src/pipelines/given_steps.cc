#include "pipelines/given_steps.h"

#include "base/log.h"

namespace slipway::pipelines {
namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(100);

}  // namespace

Result<Exit> GivenSteps::run(const Command& command, const std::string& giver,
                             const std::function<Wish()>& wish) {
  bool is_given = false, is_told = false;
  for (;; std::this_thread::sleep_for(kLookEvery)) {
    const Wish now = wish();
    if (now == Wish::kLeave) return Exit{.kind = Exit::Kind::kLeft};
    if (!is_given) {
      const Result<bool> given = table_.give(command, giver);
      if (!given && given.error().code != Code::kUnavailable) return given.error();
      if (given && !*given) return Exit{.kind = Exit::Kind::kNotBegun};
      is_given = given.has_value();
      continue;
    }
    if (now != Wish::kGoOn && !is_told) is_told = table_.end(command.names.job).has_value();
    auto state = look(command.names.job);
    if (!state) continue;
    if (state->state == "ended") return std::move(state->exit);
    if (state->state == "lost") return Exit{.kind = Exit::Kind::kLost};
    if (state->state == "withdrawn") return Exit{.kind = Exit::Kind::kNotBegun};
  }
}

std::optional<TaskTable::State> GivenSteps::look(const std::string& job) {
  base::MutexLock lock(mutex_);  // who comes first reads for all
  const auto now = std::chrono::steady_clock::now();
  if (now - read_at_ >= kLookEvery) {
    auto states = table_.states();
    if (!states) {
      if (!states_.empty())
        base::log_warning("pipelines", "steps on other servers are not heard of: {}",
                          states.error().message);
      states_.clear();
      return std::nullopt;
    }
    states_ = std::move(*states);
    read_at_ = std::chrono::steady_clock::now();
  }
  const auto found = states_.find(job);
  return found == states_.end() ? std::nullopt : std::optional(found->second);
}

StepWorker::~StepWorker() { stop(); }

void StepWorker::start(const std::string& server) {
  server_ = server;
  thread_ = std::thread([this] { loop(); });
}

void StepWorker::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void StepWorker::loop() {
  bool is_failing = false;
  while (!stopping_) {
    const Result<void> done = look();
    if (!done && !is_failing)
      base::log_warning("pipelines", "steps for this server are not heard of: {}",
                        done.error().message);
    is_failing = !done;
    join_ended();
    std::this_thread::sleep_for(kLookEvery);
  }
  for (auto& [job, step] : running_) step->thread.join();
  running_.clear();
}

void StepWorker::join_ended() {
  std::erase_if(running_, [](auto& entry) {
    if (!entry.second->is_over) return false;
    entry.second->thread.join();
    return true;
  });
}

Result<void> StepWorker::look() {
  auto tasks = TRY(table_.of_server(server_));
  // What isn't this server's any more it lost while it was silent.
  for (auto& [job, step] : running_) {
    const auto task = tasks.find(job);
    if (task == tasks.end()) {
      step->wish = Wish::kEndAtOnce;
    } else if (task->second.shall_end) {
      step->wish = Wish::kEnd;
    }
  }
  for (auto& [job, task] : tasks) {
    if (running_.contains(job)) continue;
    if (task.is_taken) {  // the database went away while it was taken, or while its end was kept
      TRY(table_.save_end(job, server_, Exit{.kind = Exit::Kind::kLost}));
    } else if (!TRY(table_.take(job, server_))) {
      continue;
    } else if (task.command) {
      begin(job, std::move(*task.command));
    } else {
      TRY(table_.save_end(job, server_, task.command.error()));
    }
  }
  return {};
}

void StepWorker::begin(const std::string& job, Command command) {
  auto step = std::make_unique<Running>();
  Running& running = *step;
  running_.emplace(job, std::move(step));
  running.thread = std::thread([this, job, &running, command = std::move(command)] {
    Result<Exit> exit = run_(command, [&] {
      const Wish wished = running.wish;
      return wished == Wish::kGoOn && stopping_ ? Wish::kLeave : wished;
    });
    if (exit && exit->kind == Exit::Kind::kStopped && running.wish != Wish::kEnd)
      exit->kind = Exit::Kind::kLost;
    Result<void> saved = table_.save_end(job, server_, exit);
    while (!saved && !stopping_) {  // the database is away
      std::this_thread::sleep_for(std::chrono::seconds(1));
      saved = table_.save_end(job, server_, exit);
    }
    if (!saved)
      base::log_warning("pipelines", "how a step ended is not kept, it is run again: job={} {}",
                        job, saved.error().message);
    running.is_over = true;
  });
}

}  // namespace slipway::pipelines
