#include "monitor/profile/profiles.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "monitor/window_result.h"
#include "types/timestamp.h"

namespace slipway::monitor {
namespace {

enum class Level { kMinute, kHour, kDay, kMonth };
constexpr Level kLevels[] = {Level::kMinute, Level::kHour, Level::kDay, Level::kMonth};
constexpr base::Duration kMinute = base::Duration::seconds(60);
constexpr base::Duration kFirstReach = base::Duration::days(7);
constexpr base::Duration kStep = base::Duration::days(1);

std::string_view level_name(Level level) {
  switch (level) {
    case Level::kMinute:
      return "minute";
    case Level::kHour:
      return "hour";
    case Level::kDay:
      return "day";
    case Level::kMonth:
      return "month";
  }
  return "";
}

std::int64_t floor_to(std::int64_t micros, base::Duration unit) {
  const std::int64_t rest = micros % unit.micros;
  return micros - (rest < 0 ? rest + unit.micros : rest);
}

base::Timestamp month_of(base::Timestamp time, int months_later) {
  using namespace std::chrono;
  const sys_days day{
      days{floor_to(time.micros, base::Duration::days(1)) / base::Duration::days(1).micros}};
  const year_month_day date{day};
  const sys_days first{year_month{date.year(), date.month()} / 1 + months{months_later}};
  return {first.time_since_epoch().count() * base::Duration::days(1).micros};
}

base::Timestamp start_of(Level level, base::Timestamp time) {
  switch (level) {
    case Level::kMinute:
      return {floor_to(time.micros, kMinute)};
    case Level::kHour:
      return {floor_to(time.micros, base::Duration::hours(1))};
    case Level::kDay:
      return {floor_to(time.micros, base::Duration::days(1))};
    case Level::kMonth:
      return month_of(time, 0);
  }
  return time;
}

base::Timestamp end_of(Level level, base::Timestamp start) {
  switch (level) {
    case Level::kMinute:
      return start + kMinute;
    case Level::kHour:
      return start + base::Duration::hours(1);
    case Level::kDay:
      return start + base::Duration::days(1);
    case Level::kMonth:
      return month_of(start, 1);
  }
  return start;
}

// Blocks of one level that follow each other.
struct Run {
  Level level = Level::kHour;
  base::Timestamp from, to;
};

// From when on there are blocks of each level; of months always.
struct Kept {
  base::Timestamp minutes, hours, days;

  // The shortest blocks that there are of this time.
  Level shortest(base::Timestamp time) const {
    return time < days      ? Level::kMonth
           : time < hours   ? Level::kDay
           : time < minutes ? Level::kHour
                            : Level::kMinute;
  }
};

// The fewest blocks from `from` to `to`, which lie on the shortest ones there are.
std::vector<Run> cover(base::Timestamp from, base::Timestamp to, const Kept& kept) {
  std::vector<Run> runs;
  for (base::Timestamp at = from; at < to;) {
    Level level = kept.shortest(at);
    for (const Level larger : kLevels) {
      if (larger > level && start_of(larger, at) == at && end_of(larger, at) <= to) level = larger;
    }
    const base::Timestamp end = end_of(level, at);
    if (runs.empty() || runs.back().level != level) runs.push_back({level, at, at});
    runs.back().to = end;
    at = end;
  }
  return runs;
}

}  // namespace

struct Profiles::Block {
  Level level = Level::kHour;
  std::int64_t start = 0, model_version = 0;
  std::string input, slice;  // empty: all rows
  auto operator<=>(const Block&) const = default;
};

Result<base::Timestamp> Profiles::next_due(base::Timestamp now, bool rehearses) {
  base::MutexLock lock(pass_mutex_);
  const base::Duration interval = rehearses ? kStep : options_.interval;
  if (options_.interval.micros == 0) return now + kStep;
  // A clock that began to rehearse, or was set back, stands before what it did.
  if (!last_pass_ || *last_pass_ > now) return now;
  return *last_pass_ + interval;
}

Result<void> Profiles::advance(base::Timestamp until) {
  base::MutexLock lock(pass_mutex_);
  last_pass_ = until;
  Result<void> outcome;
  for (const std::string& endpoint : TRY(served_.endpoints())) {
    Result<void> done = advance(endpoint, until);
    if (!done && outcome) outcome = std::move(done).error().with_context("endpoint " + endpoint);
  }
  return outcome;
}

// How far an endpoint came, and since when all of it is in blocks of each level that isn't kept for
// good: blocks that are deleted, or were not yet made, don't come back when more is to be kept.
struct Profiles::Cursor {
  base::Timestamp until, minutes, hours, days;
};

Result<std::optional<Profiles::Cursor>> Profiles::cursor(const std::string& endpoint) {
  return db_.read([&](store::Reader& reader) {
    return reader.find(
        "SELECT profiled_until, minutes_since, hours_since, days_since FROM "
        "monitor_profile_cursors WHERE workspace = ? AND endpoint = ?",
        {workspace_, endpoint}, [&](const store::Row& row) {
          const base::Timestamp until = row.time(0);
          const auto since = [&](int column, base::Duration kept) {
            const base::Timestamp kept_since = until - kept;
            return row.is_null(column) ? kept_since : std::max(row.time(column), kept_since);
          };
          return Cursor{until, since(1, minutes_kept()), since(2, options_.hours_kept),
                        since(3, options_.days_kept)};
        });
  });
}

Result<void> Profiles::advance(const std::string& endpoint, base::Timestamp until) {
  const std::optional<Cursor> known = TRY(cursor(endpoint));
  base::Timestamp from = known ? known->until : until - kFirstReach;
  if (from > until) {
    // A clock that was set right, or is another server's, comes there again; what lies between was
    // taken in. Of one that has begun to rehearse, or was far ahead, what comes from now on is.
    if (!served_.come_in_days() && from <= until + kStep) return {};
    TRY(store(endpoint, {}, from = until));
  }
  while (from < until && !is_stopping_) {
    const base::Timestamp to = std::min(until, from + kStep);
    TRY(store(endpoint, TRY(collect(endpoint, from, to)), to));
    from = to;
  }
  return {};
}

Result<std::set<std::string>> Profiles::known_slices(const std::string& endpoint,
                                                     base::Timestamp from) {
  std::set<std::string> known;
  if (options_.slices_max == 0) return known;
  TRY(db_.read([&](store::Reader& reader) {
    known.clear();
    return reader.query(
        "SELECT DISTINCT slice FROM monitor_profiles WHERE workspace = ? AND endpoint = ? AND "
        "level = ? AND block_start >= ? AND slice <> ''",
        {workspace_, endpoint, level_name(Level::kMonth), start_of(Level::kMonth, from)},
        [&](const store::Row& row) { known.insert(row.string(0)); });
  }));
  return known;
}

Result<Profiles::Blocks> Profiles::collect(const std::string& endpoint, base::Timestamp from,
                                           base::Timestamp to) {
  Blocks blocks;
  std::set<std::string> known = TRY(known_slices(endpoint, from));
  TRY(served_.each_part(endpoint, from, to, [&](const types::Frame& part) -> Result<void> {
    if (part.rows() == 0) return {};
    const types::Column* roles = TRY(part.column("role"));
    const types::Column* traffic = TRY(part.column("traffic"));
    const types::Column* errors = TRY(part.column("error"));
    const types::Column* versions = TRY(part.column("model_version"));
    const types::Column* times = TRY(part.column("event_time"));
    struct Rows {
      std::vector<std::size_t> asked, answered;  // live requests; all that have a prediction
    };
    // What came so late that its minute, hour or day is kept no more goes to the next longer block.
    const auto level_of = [&](base::Timestamp time) {
      return time < to - options_.days_kept    ? Level::kMonth
             : time < to - options_.hours_kept ? Level::kDay
             : time < to - minutes_kept()      ? Level::kHour
                                               : Level::kMinute;
    };
    using Key = std::tuple<Level, std::int64_t, std::int64_t>;  // block's start, model version
    std::map<Key, Rows> by_block;
    Rows* rows = nullptr;
    Key last;
    for (std::size_t i = 0; i < part.rows(); ++i) {
      if (traffic->is_valid(i) && !traffic->strings[i].empty()) continue;
      const Level level = level_of({times->ints[i]});
      const Key key(level, start_of(level, {times->ints[i]}).micros, versions->ints[i]);
      if (rows == nullptr || key != last) rows = &by_block[key];
      last = key;
      if (roles->strings[i] == "live") rows->asked.push_back(i);
      if (!errors->is_valid(i) || errors->strings[i].empty()) rows->answered.push_back(i);
    }
    std::vector<ServedRows::Slice> slices;
    if (options_.slices_max > 0)
      slices = TRY(served_.slices(endpoint, part, known, options_.slices_max));
    for (const auto& [key, found] : by_block) {
      const auto& [level, start, version] = key;
      const Level hours = std::max(level, Level::kHour);
      const std::int64_t hour = start_of(hours, {start}).micros;
      std::vector<Rows> apart(slices.size());
      for (std::size_t i = 0; i < slices.size(); ++i) {
        const auto is_in = [&](std::size_t row) { return slices[i].picks[row]; };
        std::copy_if(found.asked.begin(), found.asked.end(), std::back_inserter(apart[i].asked),
                     is_in);
        std::copy_if(found.answered.begin(), found.answered.end(),
                     std::back_inserter(apart[i].answered), is_in);
      }
      std::size_t inputs = 0;
      for (const types::Column& column : part.columns()) {
        const bool is_prediction = column.name == "prediction";
        if (is_log_column(column.name) && !is_prediction) continue;
        if (!is_prediction && ++inputs > options_.inputs_max) continue;
        const auto picked = is_prediction ? &Rows::answered : &Rows::asked;
        if ((found.*picked).empty()) continue;
        blocks[{level, start, version, column.name, ""}].add(column, found.*picked);
        for (std::size_t i = 0; i < slices.size(); ++i) {
          if ((apart[i].*picked).empty()) continue;
          blocks[{hours, hour, version, column.name, slices[i].name}].add(column, apart[i].*picked);
        }
      }
    }
    return {};
  }));
  return blocks;
}

Result<void> Profiles::store(const std::string& endpoint, Blocks fresh, base::Timestamp until) {
  Cursor whole{until, until - minutes_kept(), until - options_.hours_kept,
               until - options_.days_kept};
  if (const auto known = TRY(cursor(endpoint))) {
    // What a clock that was set back didn't make of the time before it won't make any more.
    const auto since = [&](base::Timestamp kept, base::Timestamp before) {
      return std::max(kept, std::min(before, until));
    };
    whole.minutes = since(whole.minutes, known->minutes);
    whole.hours = since(whole.hours, known->hours);
    whole.days = since(whole.days, known->days);
  }
  Blocks blocks;
  for (const auto& [shortest, profile] : fresh) {
    for (const Level level : kLevels) {
      if (level < shortest.level) continue;
      Block block = shortest;
      block.level = level;
      block.start = start_of(level, {shortest.start}).micros;
      blocks[block].merge(profile);
    }
  }
  // Only passes change what is stored, and they take turns.
  TRY(db_.read([&](store::Reader& reader) -> Result<void> {
    for (auto& [block, profile] : blocks) {
      const auto bytes = TRY(reader.find(
          "SELECT profile FROM monitor_profiles WHERE workspace = ? AND endpoint = ? AND level = ? "
          "AND block_start = ? AND model_version = ? AND input = ? AND slice = ?",
          {workspace_, endpoint, level_name(block.level), block.start, block.model_version,
           block.input, block.slice},
          [](const store::Row& row) { return row.string(0); }));
      if (!bytes) continue;
      InputProfile whole = TRY(InputProfile::from_bytes(*bytes));
      whole.merge(profile);
      profile = std::move(whole);
    }
    return {};
  }));
  return db_.write([&](store::Tx& tx) -> Result<void> {
    for (const auto& [block, profile] : blocks) {
      const std::string bytes = profile.to_bytes();
      TRY(tx.execute(
          "INSERT INTO monitor_profiles(workspace, endpoint, slice, level, block_start, "
          "model_version, input, profile) VALUES(?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(workspace, "
          "endpoint, slice, level, block_start, model_version, input) DO UPDATE SET profile = "
          "excluded.profile",
          {workspace_, endpoint, block.slice, level_name(block.level), block.start,
           block.model_version, block.input, store::Bytes{bytes}}));
    }
    for (const auto& [level, since] :
         {std::pair(Level::kMinute, whole.minutes), std::pair(Level::kHour, whole.hours),
          std::pair(Level::kDay, whole.days)}) {
      TRY(
          tx.execute("DELETE FROM monitor_profiles WHERE workspace = ? AND endpoint = ? AND "
                     "level = ? AND block_start < ?",
                     {workspace_, endpoint, level_name(level), since}));
    }
    TRY(
        tx.execute("INSERT INTO monitor_profile_cursors(workspace, endpoint, profiled_until, "
                   "minutes_since, hours_since, days_since) VALUES(?, ?, ?, ?, ?, ?) ON "
                   "CONFLICT(workspace, endpoint) DO UPDATE SET profiled_until = "
                   "excluded.profiled_until, minutes_since = excluded.minutes_since, hours_since "
                   "= excluded.hours_since, days_since = excluded.days_since",
                   {workspace_, endpoint, until, whole.minutes, whole.hours, whole.days}));
    return {};
  });
}

Result<Profiles::Found> Profiles::find(const std::string& endpoint, const Filter& filter) {
  Found found;
  const std::optional<Cursor> known = TRY(cursor(endpoint));
  if (!known) return found;
  found.until = known->until;
  const base::Timestamp to = filter.to.value_or(known->until);
  const base::Timestamp from = filter.from.value_or(to - base::Duration::days(1));
  if (to <= from) {
    return base::error(Code::kInvalidArgument, "the window must end after it begins: from={} to={}",
                       types::to_rfc3339(from), types::to_rfc3339(to));
  }
  // A block that begins in what is deleted by now may be there in part only.
  const Kept kept{// Slices have none.
                  .minutes = filter.slice.empty()
                                 ? start_of(Level::kHour, known->minutes) + base::Duration::hours(1)
                                 : base::Timestamp{INT64_MAX},
                  .hours = start_of(Level::kDay, known->hours) + base::Duration::days(1),
                  .days = month_of(known->days, 1)};
  found.from = start_of(kept.shortest(from), from);
  found.to = start_of(kept.shortest(to), to);
  if (found.to < to) found.to = end_of(kept.shortest(to), found.to);
  const std::vector<Run> runs = cover(found.from, found.to, kept);
  Result<void> read;
  TRY(db_.read([&](store::Reader& reader) -> Result<void> {
    for (const Run& run : runs) {
      TRY(reader.query(
          "SELECT input, model_version, profile FROM monitor_profiles WHERE workspace = ? AND "
          "endpoint = ? AND slice = ? AND level = ? AND block_start >= ? AND block_start < ? AND "
          "(? "
          "= '' OR input = ?) ORDER BY block_start, model_version, input",
          {workspace_, endpoint, filter.slice, level_name(run.level), run.from, run.to,
           filter.input, filter.input},
          [&](const store::Row& row) {
            const std::int64_t version = row.int64(1);
            if (filter.model_version && *filter.model_version != version) return;
            auto profile = InputProfile::from_bytes(row.text(2));
            if (!profile) {
              read = std::move(profile).error();
              return;
            }
            found.inputs[row.string(0)].merge(*profile);
            ++found.blocks;
            auto& versions = found.model_versions;
            if (std::find(versions.begin(), versions.end(), version) == versions.end())
              versions.push_back(version);
          }));
    }
    return {};
  }));
  TRY(std::move(read));
  std::sort(found.model_versions.begin(), found.model_versions.end());
  return found;
}

JsonObject Profiles::Found::to_json() const {
  JsonArray versions, list;
  for (const std::int64_t version : model_versions) versions.emplace_back(version);
  for (const auto& [name, profile] : inputs) {
    JsonObject object = profile.to_json();
    object["input"] = name;
    list.push_back(std::move(object));
  }
  return {{"from", types::to_rfc3339(from)},
          {"to", types::to_rfc3339(to)},
          {"profiled_until", until ? Json(types::to_rfc3339(*until)) : Json(nullptr)},
          {"blocks", blocks},
          {"model_versions", std::move(versions)},
          {"inputs", std::move(list)}};
}

}  // namespace slipway::monitor
