#include "pipelines/step_keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/clock.h"
#include "base/json.h"
#include "pipelines/command_text.h"
#include "store/file_system.h"

namespace slipway::pipelines {
namespace fs = std::filesystem;
namespace {

constexpr int kPollMs = 50;  // between two looks at the keeper and the wish
constexpr int kFile = 3;     // of the keeper: its notes
constexpr off_t kBytes =
    8 << 10;  // of the notes, there from the beginning: a disk may be full later
constexpr off_t kEndAt = 1 << 10;  // where the second note stands
constexpr std::size_t kReasonBytesMax = 4 << 10;
constexpr std::size_t kSpareMax = 16;  // files of notes: about as many as steps run side by side

// Both notes are a line of JSON with the try (`job`) that it is about.
struct Notes {
  pid_t keeper = 0;  // 0: it has not begun
  std::optional<std::string> end;
};

fs::path notes_of(const fs::path& log) { return fs::path(log).replace_extension(".try"); }

// kNotFound: `flags` make none, and there is none.
Result<store::FileHandle> open_notes(const fs::path& log, int flags) {
  const fs::path file = notes_of(log);
  store::FileHandle notes(::open(file.c_str(), O_RDWR | O_CLOEXEC | flags, 0644));
  if (notes.get() < 0) return store::errno_error(errno, "a step's notes can't be opened", file);
  return notes;
}

bool lock(const store::FileHandle& notes) { return ::flock(notes.get(), LOCK_EX | LOCK_NB) == 0; }

// They outlive processes. They needn't outlive the machine: its steps end with it, and what they
// left without an end is run again.
bool write_note(int file, off_t at, const JsonObject& note) {
  const std::string line = base::to_text(note) + "\n";
  return ::pwrite(file, line.data(), line.size(), at) == static_cast<ssize_t>(line.size());
}

std::optional<JsonObject> read_note(int file, off_t at) {
  std::string text(kBytes, '\0');
  const ssize_t count = ::pread(file, text.data(), text.size(), at);
  const std::size_t end = count > 0 ? text.find('\n') : std::string::npos;
  if (end == std::string::npos) return std::nullopt;
  auto note = base::parse_json_object(std::string_view(text).substr(0, end));
  return note ? std::optional(std::move(*note)) : std::nullopt;
}

Notes read_notes(int file, const std::string& job) {
  const auto of_job = [&](const std::optional<JsonObject>& note) {
    return note && base::find_string(*note, "job").value_or(std::nullopt) == job;
  };
  Notes notes;
  if (const auto begin = read_note(file, 0); of_job(begin))
    notes.keeper = static_cast<pid_t>(base::get_int(*begin, "pid").value_or(0));
  if (const auto end = read_note(file, kEndAt); of_job(end))
    notes.end = base::find_string(*end, "end").value_or(std::nullopt);
  return notes;
}

// The file that has the command, of this process and the keeper; in memory, as secrets are in it.
Result<store::FileHandle> in_memory(const Command& command) {
  JsonObject secrets, masked;
  for (const auto& [name, value] : command.secrets) secrets[name] = value;
  for (const auto& [name, value] : command.masked) masked[name] = value;
  const std::string text = base::to_text(JsonObject{{"command", text_of(command)},
                                                    {"secrets", std::move(secrets)},
                                                    {"masked", std::move(masked)}});
  store::FileHandle file(::memfd_create("step", MFD_CLOEXEC));
  if (file.get() < 0 ||
      ::pwrite(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return base::error(Code::kResourceExhausted, "there is no memory for a step's command: why={}",
                       std::strerror(errno));
  }
  return file;
}

Result<Command> command_in(const fs::path& file) {
  const JsonObject object = TRY(base::parse_json_object(TRY(store::read_file(file))));
  Command command = TRY(command_of(TRY(base::get_string(object, "command"))));
  const Json* const secrets = object.if_contains("secrets");
  if (secrets == nullptr || !secrets->is_object())
    return base::error(Code::kCorruption, "a step has no secrets: job={}", command.names.job);
  for (const auto& [name, value] : secrets->get_object())
    command.secrets[name] = value.is_string() ? std::string_view(value.get_string()) : "";
  const Json* const masked = object.if_contains("masked");
  if (masked == nullptr || !masked->is_object()) return command;
  for (const auto& [name, value] : masked->get_object())
    command.masked[name] = value.is_string() ? std::string_view(value.get_string()) : "";
  return command;
}

int open_process(pid_t process) {
  return process <= 0 ? -1 : static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
}

// Asks a keeper to end its command. Who has the file locked is no other process with its id.
bool ask_to_end(const store::FileHandle& notes, pid_t keeper) {
  const store::FileHandle process(open_process(keeper));
  return process.get() >= 0 && !lock(notes) &&
         ::syscall(SYS_pidfd_send_signal, process.get(), SIGTERM, nullptr, 0) == 0;
}

// Waits until nobody has the file locked, and asks the keeper that has it to end when it is wished,
// or leaves it. `own`: that keeper; null: one that a server before this one has given it. Returns
// what was wished then.
Wish wait_for_end(const store::FileHandle& notes, const std::string& job, const Keeper* own,
                  KeptProcesses::AtStop at_stop, const std::function<Wish()>& wish) {
  bool is_asked = false;
  pid_t keeper = 0;
  std::optional<store::FileHandle> process;
  Wish wished = Wish::kGoOn;
  while (!lock(notes)) {
    // One that has begun: what it is asked before, it takes for the end of another step.
    if (keeper == 0 && (own == nullptr || wished != Wish::kGoOn))
      keeper = read_notes(notes.get(), job).keeper;
    if (own == nullptr && !process && keeper > 0) {
      process.emplace(open_process(keeper));
      if (process->get() < 0 && lock(notes)) break;  // it has ended between
    }
    const int ended = own != nullptr ? own->news() : process ? process->get() : -1;
    pollfd news{.fd = ended, .events = POLLIN, .revents = 0};
    ::poll(&news, 1, kPollMs);
    if (wished == Wish::kGoOn) wished = wish();
    if (wished == Wish::kLeave && at_stop == KeptProcesses::AtStop::kLeave) break;
    if (wished != Wish::kGoOn && !is_asked && keeper > 0) is_asked = ask_to_end(notes, keeper);
  }
  return wished;
}

volatile sig_atomic_t shall_end = 0;

}  // namespace

KeptProcesses::~KeptProcesses() {
  const base::MutexLock lock(mutex_);
  std::error_code ignored;
  for (const fs::path& file : spare_) fs::remove(file, ignored);
}

void KeptProcesses::recorded(const fs::path& log) {
  const base::MutexLock lock(mutex_);
  auto ended = ended_.extract(notes_of(log));
  if (ended.empty()) return;  // a try that didn't run here
  std::error_code ignored;
  if (spare_.size() < kSpareMax)
    spare_.push_back(std::move(ended.value()));
  else
    fs::remove(ended.value(), ignored);
}

Result<store::FileHandle> KeptProcesses::take_notes(const fs::path& log) {
  {
    const base::MutexLock lock(mutex_);
    const fs::path own = notes_of(log);
    ended_.erase(own);  // of an earlier try
    std::erase(spare_, own);
    std::error_code failed;
    for (bool is_own = false; !is_own && !spare_.empty(); spare_.pop_back()) {
      fs::rename(spare_.back(), own, failed);  // it may be gone, with its run
      is_own = !failed;
    }
  }
  store::FileHandle notes = TRY(open_notes(log, O_CREAT));
  if (!lock(notes))
    return base::error(Code::kInternal, "an earlier try of the step still runs: log={}",
                       log.string());
  // Of another command nothing is left; the room stays.
  const std::string nothing(kBytes, '\0');
  if (::posix_fallocate(notes.get(), 0, kBytes) != 0 ||
      ::pwrite(notes.get(), nothing.data(), nothing.size(), 0) != kBytes)
    return base::error(Code::kResourceExhausted, "there is no room for a step's notes: log={}",
                       log.string());
  return notes;
}

Result<Keeper> KeptProcesses::begin(const Command& command) {
  const store::FileHandle notes = TRY(take_notes(command.log));
  const store::FileHandle text = TRY(in_memory(command));
  while (auto idle = source_.take()) {
    if (idle->give(text.get(), notes.get())) return std::move(*idle);
  }
  Keeper made = TRY(source_.make());
  if (!made.give(text.get(), notes.get()))
    return base::error(Code::kInternal, "a step can't be begun: its keeper is gone");
  return made;
}

Result<Exit> KeptProcesses::run(const Command& command, const std::function<Wish()>& wish) {
  const std::string& job = command.names.job;
  std::optional<Keeper> keeper;
  if (!command.is_followed) keeper.emplace(TRY(begin(command)));
  const auto notes = open_notes(command.log, 0);
  Wish wished = Wish::kGoOn;
  Notes left;
  if (notes) {
    wished = wait_for_end(*notes, job, keeper ? &*keeper : nullptr, at_stop_, wish);
    left = read_notes(notes->get(), job);
    if (keeper && left.end) {  // it gives the lock back a moment before it says that it is done
      pollfd news{.fd = keeper->news(), .events = POLLIN, .revents = 0};
      ::poll(&news, 1, kPollMs);
    }
    if (keeper && keeper->is_done()) source_.give_back(std::move(*keeper));
  }
  {
    const base::MutexLock lock(mutex_);
    ended_.insert(notes_of(command.log));
  }
  const bool is_left = wished == Wish::kLeave && at_stop_ == AtStop::kLeave;
  if (is_left && !left.end) return Exit{.kind = Exit::Kind::kLeft};
  if (!left.end) processes_.clean_up(fmt::format("{}={}", kProcessMark, job));
  Result<Exit> exit =
      left.end ? exit_of(*left.end)
               : Exit{.kind = wished == Wish::kGoOn ? Exit::Kind::kLost : Exit::Kind::kStopped};
  if (wished == Wish::kLeave && exit && exit->kind == Exit::Kind::kStopped) {
    const Exit again{.kind = Exit::Kind::kNotBegun, .ended = exit->ended};
    write_note(notes->get(), kEndAt, {{"job", job}, {"end", text_of(again)}});
  }
  return exit;
}

std::optional<Command> KeptProcesses::kept(const fs::path& log) {
  const auto notes = open_notes(log, 0);
  if (!notes || lock(*notes)) return std::nullopt;
  const auto begin = read_note(notes->get(), 0);
  const auto keeper = begin ? base::find_int(*begin, "pid").value_or(std::nullopt) : std::nullopt;
  if (!keeper) return std::nullopt;
  auto command = command_in(fmt::format("/proc/{}/fd/0", *keeper));
  return command && command->log == log ? std::optional(std::move(*command)) : std::nullopt;
}

namespace {

// What a keeper does: runs the command that it reads, and writes how it ended into its file 3.
void keep_step() {
  // What ends the server, also from a terminal, is no end of the step.
  for (const int number : {SIGINT, SIGHUP}) ::signal(number, SIG_IGN);
  ::signal(SIGTERM, [](int) { shall_end = 1; });
  shall_end = 0;  // it was meant for the step before
  const Result<Command> command = command_in("/proc/self/fd/0");
  if (!command) return;
  const std::string& job = command->names.job;
  if (!write_note(kFile, 0, {{"job", job}, {"pid", ::getpid()}})) return;
  ProcessExecutor executor;
  Result<Exit> exit =
      executor.run(*command, [] { return shall_end != 0 ? Wish::kEnd : Wish::kGoOn; });
  if (exit) exit->ended = base::SystemClock().now();
  if (!exit)
    exit = base::error(exit.error().code, "{}", exit.error().message.substr(0, kReasonBytesMax));
  write_note(kFile, kEndAt, {{"job", job}, {"end", text_of(exit)}});
}

}  // namespace

int keep_steps() { return make_keepers(keep_step); }

}  // namespace slipway::pipelines
