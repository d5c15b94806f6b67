#include "serving/request_log.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <iterator>
#include <limits>
#include <set>

#include "base/log.h"
#include "store/file_system.h"
#include "store/parquet.h"

namespace slipway::serving {
namespace {

using types::Column;
using types::ColumnType;
using types::Frame;

bool is_fixed(std::string_view name) {
  return std::ranges::any_of(fixed_log_columns(),
                             [&](const FixedLogColumn& c) { return name == c.name; });
}

constexpr std::int64_t kDayMicros = 86'400'000'000;

std::string date_of(base::Timestamp time) { return types::to_rfc3339(time).substr(0, 10); }

std::int64_t day_of(base::Timestamp time) {
  return time.micros / kDayMicros - (time.micros % kDayMicros < 0 ? 1 : 0);
}

bool fits(const Frame& frame, const LogSchema& schema) {
  const std::size_t fixed = fixed_log_columns().size();
  if (frame.columns().size() != fixed + schema.size()) return false;
  for (std::size_t i = 0; i < schema.size(); ++i) {
    const Column& column = frame.columns()[fixed + i];
    if (column.name != schema[i].name || (column.type == ColumnType::kString) != schema[i].is_text)
      return false;
  }
  return true;
}

// Appends `more`; columns that one side lacks are missing there.
void append_frame(Frame& frame, const Frame& more) {
  const std::size_t before = frame.rows(), added = more.rows();
  for (const Column& column : more.columns()) {
    if (frame.find(column.name) == nullptr) {
      Column fresh = Column::of_type(column.name, column.type);
      for (std::size_t i = 0; i < before; ++i) fresh.append_null();
      frame.columns().push_back(std::move(fresh));
    }
  }
  for (Column& column : frame.columns()) {
    const Column* other = more.find(column.name);
    const bool same = other != nullptr && other->type == column.type;
    for (std::size_t i = 0; i < added; ++i)
      same ? column.append_from(*other, i) : column.append_null();
  }
}

Result<void> remove_part(const std::filesystem::path& part) {
  std::error_code ec;
  std::filesystem::remove(part, ec);
  if (ec) return base::error(Code::kInternal, "a part can't be removed: {}", ec.message());
  return store::sync_folder(part.parent_path());
}

// As the request calls it.
std::string asked_name(const std::string& column) {
  return column.starts_with(kRequestPrefix) ? column.substr(kRequestPrefix.size()) : column;
}

std::vector<std::filesystem::path> parts_of(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> parts;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (entry.path().extension() == ".parquet") parts.push_back(entry.path());
  }
  std::sort(parts.begin(), parts.end());
  return parts;
}

std::string time_column(const RequestLog::Interval& interval) {
  return interval.time == RequestLog::TimeOf::kEvent ? "event_time" : "arrival_time";
}

// A file's time may lag behind ours by a tick, and ours may be set back a little.
constexpr base::Duration kClockSlack = base::Duration::seconds(60);

// When a part was written: after all of its rows had come.
base::Timestamp written_at(const std::filesystem::path& part) {
  std::error_code ec;
  const auto time = std::filesystem::last_write_time(part, ec);
  if (ec) return {std::numeric_limits<std::int64_t>::max() / 2};
  return {std::chrono::duration_cast<std::chrono::microseconds>(
              std::chrono::file_clock::to_sys(time).time_since_epoch())
              .count()};
}

}  // namespace

RequestLog::RequestLog(Options options, base::Metrics& metrics)
    : options_(std::move(options)),
      rows_logged_(metrics.counter("slipway_request_log_rows_total", "Rows taken by the log.")),
      rows_dropped_(metrics.counter("slipway_request_log_dropped_total",
                                    "Rows not logged because the buffer was full.")),
      write_failures_(metrics.counter("slipway_request_log_write_failures_total",
                                      "Writes of the log that failed and are tried again.")) {
  metrics.gauge("slipway_request_log_rows_buffered", "Rows waiting to be written.",
                [this] { return static_cast<double>(buffered_.load()); });
}

RequestLog::~RequestLog() { stop(); }

void RequestLog::start() {
  thread_ = std::thread([this] { run(); });
}

void RequestLog::stop() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (const Result<void> done = flush(); !done)
    base::log_error("serving", "the request log's end was lost: {}", done.error().message);
}

void RequestLog::run() {
  for (;;) {
    {
      base::MutexLock lock(mutex_);
      if (!stopping_) wake_.wait_for_ms(mutex_, options_.flush_ms);
      if (stopping_) return;
    }
    if (buffered_.load() == 0) continue;
    if (const Result<void> done = flush(); !done) {
      write_failures_.add();
      base::log_error("serving", "the request log cannot be written: {}", done.error().message);
    }
  }
}

bool RequestLog::append(const std::string& endpoint, const std::shared_ptr<const LogSchema>& schema,
                        std::span<const LogRow> rows) {
  const std::size_t count = rows.size();
  if (buffered_.fetch_add(count) + count > options_.rows_buffered_max) {
    buffered_.fetch_sub(count);
    rows_dropped_.add(count);
    return false;
  }
  static std::atomic<std::size_t> threads{0};
  thread_local const std::size_t slot = threads.fetch_add(1);
  Buffer& buffer = buffers_[slot % buffers_.size()];
  base::MutexLock lock(buffer.mutex);
  for (const LogRow& row : rows) {
    const std::int64_t day = day_of(row.event_time);
    auto chunk = std::find_if(buffer.chunks.begin(), buffer.chunks.end(), [&](const Chunk& known) {
      return known.day == day && known.rows.schema() == schema && known.endpoint == endpoint;
    });
    if (chunk == buffer.chunks.end()) {
      buffer.chunks.push_back({endpoint, day, LogRows(blocks_, schema)});
      chunk = std::prev(buffer.chunks.end());
    }
    chunk->rows.append(row);
  }
  rows_logged_.add(count);
  return true;
}

std::filesystem::path RequestLog::folder_of(const std::string& endpoint) const {
  return options_.folder / endpoint;
}

Result<void> RequestLog::start_file(Tail& tail, const Chunk& chunk) {
  // Full, or of another shape: it stays beside under its own name.
  if (tail.dirty) TRY(write_tail(tail));
  const std::filesystem::path folder =
      folder_of(chunk.endpoint) / ("date=" + date_of({chunk.day * kDayMicros}));
  std::size_t number = 0;
  if (const auto parts = parts_of(folder); !parts.empty())
    number = std::stoul(parts.back().stem().string().substr(5)) + 1;
  tail.file = folder / fmt::format("part-{:06}.parquet", number);
  if (fits(tail.frame, *chunk.rows.schema())) {
    for (Column& column : tail.frame.columns()) column.clear();
  } else {
    tail.frame = LogRows::empty_frame(*chunk.rows.schema());
  }
  return {};
}

Result<void> RequestLog::add_to_tail(Chunk& chunk) {
  Tail& tail = tails_[{chunk.endpoint, date_of({chunk.day * kDayMicros})}];
  while (chunk.rows.size() > 0) {
    // Under load a file is finished by its first write; a quiet day's grows by being rewritten.
    const bool is_finished = !tail.dirty && tail.frame.rows() > options_.rows_per_file / 4;
    if (tail.file.empty() || !fits(tail.frame, *chunk.rows.schema()) || is_finished ||
        tail.frame.rows() >= options_.rows_per_file)
      TRY(start_file(tail, chunk));
    const std::size_t count =
        std::min(chunk.rows.size(), options_.rows_per_file - tail.frame.rows());
    if (count > tail.frame.rows()) {  // otherwise they grow by themselves
      for (Column& column : tail.frame.columns()) column.reserve(tail.frame.rows() + count);
    }
    chunk.rows.unpack(count, chunk.endpoint, tail.frame);
    tail.dirty = true;
  }
  return {};
}

Result<void> RequestLog::write_tail(Tail& tail) {
  TRY(store::make_folders(tail.file.parent_path()));
  TRY(store::write_parquet(tail.frame, tail.file));
  tail.dirty = false;
  return {};
}

Result<void> RequestLog::write_tails() {
  Result<void> first_failure;
  for (auto& [key, tail] : tails_) {
    if (!tail.dirty) continue;
    if (const Result<void> written = write_tail(tail); !written && first_failure)
      first_failure = written;
  }
  TRY(first_failure);
  // Days that nobody writes to any more need not stay in memory: the newest few per endpoint do.
  std::map<std::string, std::size_t> kept;
  for (auto it = tails_.rbegin(); it != tails_.rend();) {
    if (++kept[it->first.first] > 3) {
      it = std::make_reverse_iterator(tails_.erase(std::next(it).base()));
    } else {
      ++it;
    }
  }
  return {};
}

Result<void> RequestLog::flush() {
  base::MutexLock lock(flush_mutex_);
  return write_buffered();
}

Result<void> RequestLog::write_buffered() {
  std::vector<Chunk> chunks = std::exchange(waiting_, {});
  for (Buffer& buffer : buffers_) {
    base::MutexLock buffer_lock(buffer.mutex);
    std::move(buffer.chunks.begin(), buffer.chunks.end(), std::back_inserter(chunks));
    buffer.chunks.clear();
  }
  Result<void> first_failure;
  for (Chunk& chunk : chunks) {
    const std::size_t rows = chunk.rows.size();
    const Result<void> added = add_to_tail(chunk);
    buffered_.fetch_sub(rows - chunk.rows.size());
    if (added) continue;
    if (first_failure) first_failure = added;
    waiting_.push_back(std::move(chunk));
  }
  const Result<void> written = write_tails();
  return first_failure ? written : first_failure;
}

Result<void> RequestLog::each_file(
    const std::string& endpoint, const Interval& interval,
    const std::function<Result<void>(const std::filesystem::path&, const store::ParquetInfo&)>&
        each) {
  TRY(flush());
  const bool by_event = interval.time == TimeOf::kEvent;
  std::vector<std::filesystem::path> folders;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder_of(endpoint), ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("date=")) continue;
    const std::string date = name.substr(5);  // an old message may come on any day
    if (!by_event || (date >= date_of(interval.from) && date <= date_of(interval.to)))
      folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  for (const auto& folder : folders) {
    for (const auto& part : parts_of(folder)) {
      if (!by_event && written_at(part) + kClockSlack < interval.from) continue;
      const store::ParquetInfo info = TRY(store::parquet_info(part));
      const auto range = info.times.find(time_column(interval));
      if (range != info.times.end() && (range->second.second < interval.from.micros ||
                                        range->second.first >= interval.to.micros))
        continue;
      TRY(each(part, info));
    }
  }
  return {};
}

Result<void> RequestLog::each_part(const std::string& endpoint, const Interval& interval,
                                   const std::vector<std::string>& columns, const EachPart& each) {
  const std::string time = time_column(interval);
  const auto is_asked = [&](const std::string& name) {
    return columns.empty() || std::find(columns.begin(), columns.end(), name) != columns.end();
  };
  return each_file(
      endpoint, interval,
      [&](const std::filesystem::path& part, const store::ParquetInfo& info) -> Result<void> {
        std::vector<std::string> wanted;
        for (const auto& [name, type] : info.columns) {
          if (name == time || is_asked(name)) wanted.push_back(name);
        }
        Frame frame = TRY(store::read_parquet(part, wanted));
        const Column* times = TRY(frame.column(time));
        std::vector<std::size_t> inside;
        for (std::size_t i = 0; i < frame.rows(); ++i) {
          if (times->ints[i] >= interval.from.micros && times->ints[i] < interval.to.micros)
            inside.push_back(i);
        }
        if (inside.size() < frame.rows()) frame = frame.take(inside);
        if (!is_asked(time))
          std::erase_if(frame.columns(), [&](const Column& c) { return c.name == time; });
        return each(frame);
      });
}

Result<void> RequestLog::check_rows(const std::string& endpoint, base::Timestamp from,
                                    base::Timestamp to) {
  std::int64_t rows = 0;
  TRY(each_file(endpoint, {.from = from, .to = to},
                [&](const std::filesystem::path&, const store::ParquetInfo& info) {
                  rows += info.rows;
                  return Result<void>();
                }));
  if (rows <= options_.rows_at_once_max) return {};
  return base::error(Code::kResourceExhausted,
                     "too many rows were logged to be read at once: ask for less time, or raise "
                     "--request-log-rows-at-once-max: endpoint={} rows={} "
                     "request-log-rows-at-once-max={}",
                     endpoint, rows, options_.rows_at_once_max);
}

Result<Frame> RequestLog::read(const std::string& endpoint, base::Timestamp from,
                               base::Timestamp to, const std::vector<std::string>& columns) {
  Frame all = LogRows::empty_frame({});
  if (!columns.empty()) {
    std::erase_if(all.columns(), [&](const Column& c) {
      return std::find(columns.begin(), columns.end(), c.name) == columns.end();
    });
  }
  TRY(each_part(endpoint, {.from = from, .to = to}, columns, [&](const Frame& part) {
    append_frame(all, part);
    return Result<void>();
  }));
  return all;
}

Result<JsonObject> RequestLog::find(const std::string& endpoint, const std::string& request_id) {
  TRY(flush());
  std::vector<std::filesystem::path> parts;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder_of(endpoint), ignored)) {
    for (auto& part : parts_of(entry.path())) parts.push_back(std::move(part));
  }
  std::sort(parts.rbegin(), parts.rend());  // newest day first: that is what people ask about
  for (const auto& part : parts) {
    const Frame ids = TRY(store::read_parquet(part, {"request_id"}));
    const auto& texts = ids.columns().front().strings;
    if (std::find(texts.begin(), texts.end(), request_id) == texts.end()) continue;
    const Frame frame = TRY(store::read_parquet(part));
    JsonObject found;
    JsonArray variants;
    for (std::size_t row = 0; row < texts.size(); ++row) {
      if (texts[row] != request_id) continue;
      JsonObject variant, features, asked;
      for (const Column& column : frame.columns()) {
        Json value = nullptr;
        if (!column.is_valid(row)) {
        } else if (column.type == ColumnType::kTimestamp) {
          value = Json(types::to_rfc3339({column.ints[row]}));
        } else if (column.type == ColumnType::kString) {
          value = Json(column.strings[row]);
        } else if (column.type == ColumnType::kInt64) {
          value = column.ints[row];
        } else {
          value = base::number_or_null(column.number(row));
        }
        static const std::set<std::string, std::less<>> of_request = {
            "request_id", "endpoint", "event_time", "arrival_time", "traffic", "revision"};
        if (column.name.starts_with(kRequestPrefix)) {
          asked[column.name.substr(kRequestPrefix.size())] = std::move(value);
        } else if (!is_fixed(column.name)) {
          features[column.name] = std::move(value);
        } else if (of_request.contains(column.name)) {
          found[column.name] = std::move(value);
        } else {
          variant[column.name] = std::move(value);
        }
      }
      found["features"] = std::move(features);
      if (!asked.empty()) found["request"] = std::move(asked);
      variants.push_back(std::move(variant));
    }
    found["variants"] = std::move(variants);
    return found;
  }
  return base::error(Code::kNotFound, "no such request in the log: endpoint={} request={}",
                     endpoint, request_id);
}

// What comes next goes into parts of its own.
void RequestLog::forget_tails(const std::string& endpoint) {
  std::erase_if(tails_, [&](const auto& tail) { return tail.first.first == endpoint; });
}

Result<std::int64_t> RequestLog::erase(const std::string& endpoint,
                                       const std::vector<std::string>& columns,
                                       const AreGone& is_gone, Erase how) {
  base::MutexLock lock(flush_mutex_);
  TRY(write_buffered());
  if (how == Erase::kRemove) forget_tails(endpoint);
  std::int64_t erased = 0;
  std::error_code ignored;
  for (const auto& day : std::filesystem::directory_iterator(folder_of(endpoint), ignored)) {
    for (const auto& part : parts_of(day.path())) {
      std::vector<std::string> there;
      for (const auto& [name, type] : TRY(store::parquet_info(part)).columns) {
        if (std::ranges::find(columns, asked_name(name)) != columns.end()) there.push_back(name);
      }
      if (there.empty()) continue;
      Frame looked_at = TRY(store::read_parquet(part, there));
      for (Column& column : looked_at.columns()) column.name = asked_name(column.name);
      const std::vector<std::size_t> gone = is_gone(looked_at);
      if (gone.empty()) continue;
      erased += static_cast<std::int64_t>(gone.size());
      if (how == Erase::kOnlyCount) continue;
      const Frame frame = TRY(store::read_parquet(part));
      const std::vector<std::size_t> others = types::all_but(gone, frame.rows());
      if (others.empty()) {
        TRY(remove_part(part));
      } else {
        TRY(store::write_parquet(frame.take(others), part));
      }
    }
  }
  return erased;
}

Result<std::vector<std::string>> RequestLog::endpoints() {
  TRY(flush());
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(options_.folder, ignored))
    found.push_back(entry.path().filename().string());
  return found;
}

Result<std::int64_t> RequestLog::remove_days(const std::string& endpoint, base::Timestamp before) {
  base::MutexLock lock(flush_mutex_);
  TRY(write_buffered());
  std::int64_t bytes = 0;
  std::error_code ignored;
  for (const auto& day : std::filesystem::directory_iterator(folder_of(endpoint), ignored)) {
    const std::string name = day.path().filename().string();
    if (!name.starts_with("date=") || name.substr(5) >= date_of(before)) continue;
    std::erase_if(tails_, [&](const auto& tail) {
      return tail.first == std::pair(endpoint, name.substr(5));
    });
    for (const auto& part : parts_of(day.path())) {
      bytes += static_cast<std::int64_t>(std::filesystem::file_size(part, ignored));
      TRY(remove_part(part));
    }
    std::filesystem::remove(day.path(), ignored);
  }
  return bytes;
}

std::int64_t RequestLog::bytes_on_disk() const {
  std::int64_t bytes = 0;
  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(options_.folder, ignored)) {
    if (entry.is_regular_file(ignored))
      bytes += static_cast<std::int64_t>(entry.file_size(ignored));
  }
  return bytes;
}

}  // namespace slipway::serving
