#include "pipelines/kubernetes/pod_log.h"

#include "base/log.h"
#include "pipelines/kubernetes/job_spec.h"
#include "store/file_system.h"

namespace slipway::pipelines {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr auto kBetween = std::chrono::milliseconds(500);  // two tries to follow
constexpr auto kPatience = std::chrono::seconds(15);       // for the log of one that has ended
constexpr auto kPlacePeriod = std::chrono::seconds(1);     // between two times it is kept

// What the API puts in front of each line: "2026-11-28T22:00:00.123456789Z ".
std::size_t time_bytes(std::string_view line) {
  const std::size_t end = line.find(' ');
  const bool is_time = end != std::string_view::npos && end >= 20 && end <= 40 && line[4] == '-' &&
                       line[7] == '-' && line[10] == 'T' && line[13] == ':' && line[16] == ':';
  return is_time ? end : 0;
}

// "2026-11-28T22:00:00Z"
std::string second_of(std::string_view time) {
  constexpr std::size_t kSecondEnd = 19;
  const std::size_t zone = time.find_first_not_of(".0123456789", kSecondEnd);
  return std::string(time.substr(0, kSecondEnd)) +
         std::string(zone == std::string_view::npos ? "Z" : time.substr(zone));
}

}  // namespace

PodLog::PodLog(const Cluster& cluster, Of of, StepLog log)
    : of_(std::move(of)), client_(cluster), log_(std::move(log)) {}

Result<std::unique_ptr<PodLog>> PodLog::open(const Cluster& cluster, Of of) {
  StepLog opened = TRY(StepLog::open(of.file, of.secrets));
  auto log = std::unique_ptr<PodLog>(new PodLog(cluster, std::move(of), std::move(opened)));
  base::MutexLock lock(log->mutex_);
  const auto kept = store::read_file(log->place_file());
  const auto place = kept ? base::parse_json_object(*kept) : Result<JsonObject>(JsonObject());
  if (place && base::find_string(*place, "job").value_or(std::nullopt) == log->of_.job) {
    log->is_taken_up_ = true;
    log->pod_ = base::find_string(*place, "pod").value_or(std::nullopt).value_or("");
    log->since_ = base::find_string(*place, "since").value_or(std::nullopt).value_or("");
    log->known_ = base::find_int(*place, "lines").value_or(std::nullopt).value_or(0);
    const auto bytes = base::find_int(*place, "bytes").value_or(std::nullopt);
    // What came behind it comes again.
    if (bytes && *bytes <= log->log_.size() && !log->log_.cut(*bytes))
      base::log_warning("pipelines", "lines of a step's log may stand there twice: log={}",
                        log->of_.file.string());
  }
  log->keep_place();
  return log;
}

PodLog::~PodLog() { leave(); }

std::int64_t PodLog::count_lines() const {
  std::int64_t count = known_;
  for (const auto& [second, lines] : lines_) count += lines;
  return count;
}

void PodLog::keep_place() {
  if (!log_.is_all_there() || is_within_line_) return;
  kept_ = SteadyClock::now();
  const JsonObject place{{"job", of_.job},
                         {"pod", pod_},
                         {"since", since_},
                         {"lines", count_lines()},
                         {"bytes", log_.size()}};
  if (const auto written = store::write_file(place_file(), base::to_text(place)); !written)
    base::log_warning("pipelines", "the place in a step's log can't be kept: {}",
                      written.error().message);
}

void PodLog::hide(std::vector<std::string> secrets) {
  secrets.insert(secrets.end(), of_.secrets.begin(), of_.secrets.end());
  base::MutexLock lock(mutex_);
  log_.hide(secrets);
}

void PodLog::note(std::string_view line) {
  base::MutexLock lock(mutex_);
  log_.write(fmt::format("kubernetes: {}\n", line));
  keep_place();
}

void PodLog::begin_line(std::string_view line) {
  const std::size_t time = time_bytes(line);
  is_shown_ = time > 0 && known_ == 0;
  if (time == 0) return;  // no line of a log
  line_second_ = second_of(line.substr(0, time));
  ++lines_[line_second_];
  if (known_ > 0) {
    --known_;  // it is there already
    return;
  }
  if (lines_.size() > 2) lines_.erase(lines_.begin());
  since_ = lines_.begin()->first;
  line_begin_.reset();
  if (log_.is_all_there()) line_begin_ = log_.size();
  log_.write(line.substr(time + 1));
}

void PodLog::take(std::string_view text) {
  base::MutexLock lock(mutex_);
  while (!text.empty()) {
    const std::string_view part = text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
    text.remove_prefix(part.size());
    if (!is_within_line_) {
      begin_line(part);
    } else if (is_shown_) {
      log_.write(part);
    }
    is_within_line_ = !part.ends_with('\n');
  }
  if (SteadyClock::now() - kept_ >= kPlacePeriod) keep_place();
}

// It comes again, from its beginning.
void PodLog::drop_unfinished_line() {
  if (is_within_line_ && is_shown_ && line_begin_) {
    log_.finish();
    if (log_.cut(*line_begin_)) --lines_[line_second_];
  }
  is_within_line_ = false;
}

Result<void> PodLog::fetch(const std::string& pod, bool follows) {
  std::string since;
  {
    base::MutexLock lock(mutex_);
    drop_unfinished_line();
    known_ = count_lines();
    lines_.clear();
    if (!since_.empty()) since = "&sinceTime=" + base::percent_encode(since_);
  }
  return client_.follow_text(
      fmt::format("/api/v1/namespaces/{}/pods/{}/log?container={}&timestamps=true&follow={}{}",
                  base::percent_encode(of_.space), base::percent_encode(pod), kContainer, follows,
                  since),
      [this](std::string_view text) { take(text); }, [this] { return !stopping_; });
}

void PodLog::run(const std::string& pod) {
  while (!stopping_) {
    const bool had_ended = ended_;
    const Result<void> fetched = fetch(pod, !had_ended);
    if (fetched && had_ended) break;
    if (!fetched && fetched.error().code == Code::kNotFound) break;  // the pod is gone
    // It ends a little before we hear that the container has.
    for (auto waited = SteadyClock::duration(); waited < kBetween && !ended_ && !stopping_;
         waited += kBetween / 10)
      std::this_thread::sleep_for(kBetween / 10);
  }
  done_ = true;
}

void PodLog::follow(const std::string& pod) {
  if (thread_.joinable()) return;
  {
    base::MutexLock lock(mutex_);
    if (pod_ != pod) {  // none of its lines is there
      since_.clear();
      lines_.clear();
      known_ = 0;
    }
    pod_ = pod;
    keep_place();
  }
  thread_ = std::thread([this, pod] { run(pod); });
}

void PodLog::finish() {
  ended_ = true;
  const auto until = SteadyClock::now() + kPatience;
  while (thread_.joinable() && !done_ && SteadyClock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const bool is_cut = thread_.joinable() && !done_;
  leave();
  base::MutexLock lock(mutex_);
  if (is_cut) log_.write("kubernetes: the rest of the log did not come in time\n");
  log_.finish();
  is_over_ = true;
  std::error_code ignored;
  std::filesystem::remove(place_file(), ignored);
}

void PodLog::leave() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
  base::MutexLock lock(mutex_);
  if (!is_over_) keep_place();
}

}  // namespace slipway::pipelines
