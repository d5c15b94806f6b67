#include "pipelines/log_feed.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.h"
#include "store/file_system.h"

namespace slipway::pipelines {
namespace {

constexpr std::chrono::seconds kBetweenQuestions{1};  // about a step that writes nothing

const StepRecord* find_step(const RunRecord& record, const std::string& name) {
  for (const StepRecord& step : record.steps) {
    if (step.name == name) return &step;
  }
  return nullptr;
}

// Without the beginning of a character in UTF-8 whose end is not there yet.
std::string_view whole_characters(std::string_view text) {
  constexpr std::size_t kBytesMax = 4;  // of a character
  for (std::size_t back = 1; back <= std::min(kBytesMax, text.size()); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;
    const std::size_t bytes = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return bytes > back ? text.substr(0, text.size() - back) : text;
  }
  return text;
}

}  // namespace

void LogFeed::start() {
  loop_.start([this](const auto& followers) {
    bool is_more = false;  // than one piece holds
    for (const auto& follower : followers) {
      const std::int64_t before = follower->after;
      look(*follower);
      is_more = is_more ||
                follower->after > before + static_cast<std::int64_t>(options_.piece_bytes_max / 2);
    }
    return is_more;
  });
}

Result<void> LogFeed::follow(const std::string& run, const std::string& step, std::int64_t after,
                             std::shared_ptr<LogSink> sink) {
  const RunRecord record = TRY(pipelines_.find_run(run));
  if (find_step(record, step) == nullptr)
    return base::error(Code::kNotFound, "the run has no such step: run={} step={}", run, step);
  auto follower = std::make_shared<Follower>();
  follower->run = run;
  follower->step = step;
  follower->after = after;
  follower->sink = std::move(sink);
  return loop_.add(std::move(follower));
}

Result<void> LogFeed::ask_about(Follower& follower) {
  follower.asked = Clock::now();
  const RunRecord record = TRY(pipelines_.find_run(follower.run));
  const StepRecord* const step = find_step(record, follower.step);
  follower.is_over = step == nullptr || step->is_over() || record.is_over();
  if (!follower.file.empty()) return {};
  Result<std::filesystem::path> file = pipelines_.log(follower.run, follower.step);
  if (file)
    follower.file = std::move(*file);
  else if (file.error().code != Code::kNotFound)
    return std::move(file).error();
  return {};
}

// Everything is told only when the step was over before the end of the log was seen.
void LogFeed::look(Follower& follower) {
  const auto is_due = [&] { return Clock::now() - follower.asked >= kBetweenQuestions; };
  const auto ask = [&] {
    if (const Result<void> asked = ask_about(follower); !asked)
      base::log_warning("pipelines", "a step that is followed can't be asked about: why={}",
                        asked.error().message);
  };
  if (follower.file.empty() && is_due()) ask();
  std::string piece;
  std::int64_t size = 0;
  const bool was_over = follower.is_over;
  if (!follower.sink->is_drained()) return;
  if (!follower.file.empty()) {
    const store::FileHandle file(::open(follower.file.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat found {};
    if (file.get() >= 0 && ::fstat(file.get(), &found) == 0) size = found.st_size;
    if (size < follower.after) follower.after = 0;
    if (size > follower.after) {
      piece.resize(
          std::min(options_.piece_bytes_max, static_cast<std::size_t>(size - follower.after)));
      const ssize_t read = ::pread(file.get(), piece.data(), piece.size(), follower.after);
      piece.resize(read > 0 ? static_cast<std::size_t>(read) : 0);
    }
  }
  std::string_view text = piece;
  if (!was_over || follower.after + static_cast<std::int64_t>(piece.size()) < size)
    text = whole_characters(text);
  if (!text.empty()) {
    const std::int64_t end = follower.after + static_cast<std::int64_t>(text.size());
    if (follower.sink->tell(follower.after, end, text)) {
      follower.after = end;
      follower.heard = Clock::now();
    }
  } else if (was_over) {
    if (follower.sink->over(follower.after)) follower.sink->end();
  } else if (is_due()) {
    ask();
  }
  if (Clock::now() - follower.heard < options_.silence_max) return;
  follower.heard = Clock::now();
  follower.sink->stay_alive();
}

}  // namespace slipway::pipelines
