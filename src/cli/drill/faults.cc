#include "cli/drill/faults.h"

#include <algorithm>

#include "cli/drill/changes.h"
#include "types/timestamp.h"

namespace slipway::cli {
namespace {

using base::Duration;
using base::Timestamp;
using types::Column;
using types::ColumnType;

constexpr const char* kComesAt = "_slipway_comes_at";
constexpr Duration kLate = Duration::hours(12);
constexpr Duration kZone = Duration::hours(5);
constexpr Duration kBatch = Duration::days(1);
constexpr double kThinned = 0.9;       // of the smaller half, under covariate drift
constexpr double kPriorThinned = 0.7;  // of what turned out to be 0

// Instead of the column of that name, if there is one.
void put(types::Frame& frame, Column column) {
  if (Column* known = frame.find(column.name)) {
    *known = std::move(column);
  } else {
    CHECK(frame.add(std::move(column)).has_value());
  }
}

// Apart from the column that says when a request comes.
Column& sent_column(Recording& recording, const std::string& name) {
  if (name == recording.event_time) {
    Column copy = *recording.requests.find(name);
    copy.name = kComesAt;
    recording.event_time = copy.name;
    put(recording.requests, std::move(copy));
  }
  return *recording.requests.find(name);
}

bool is_same_cell(const Column& a, std::size_t i, const Column& b, std::size_t j) {
  if (a.is_valid(i) != b.is_valid(j)) return false;
  if (!a.is_valid(i)) return true;
  if (a.type == ColumnType::kDouble) return a.doubles[i] == b.doubles[j];
  if (a.type == ColumnType::kString) return a.strings[i] == b.strings[j];
  return a.ints[i] == b.ints[j];
}

// The rows whose cell is another one than before.
Rows changed_rows(const Rows& rows, const Column& was, const Column& now) {
  Rows changed;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!is_same_cell(was, i, now, rows[i])) changed.push_back(rows[i]);
  }
  return changed;
}

Fault of_requests(std::string name, std::string what, const std::string& column,
                  std::function<void(Column&, std::size_t)> change) {
  return {.name = name,
          .group = FaultGroup::kInput,
          .what = std::move(what),
          .causes = {column},
          .action = "none",
          .apply = [=](Recording& recording, const Dose& dose) {
            Column& changed = sent_column(recording, column);
            const Rows rows = hit_requests(recording, dose, name);
            const Column was = changed.take(rows);
            for (const std::size_t row : rows) change(changed, row);
            return changed_rows(rows, was, changed);
          }};
}

Fault nulls(const std::string& input) {
  return of_requests("nulls:" + input, input + " is missing", input,
                     [](Column& column, std::size_t row) { column.set_null(row); });
}

Fault unit(const std::string& input) {
  Fault fault =
      of_requests("x1000:" + input, input + " in another unit: a thousand times too large", input,
                  [](Column& column, std::size_t row) {
                    if (column.type == ColumnType::kDouble) column.doubles[row] *= 1000;
                    if (column.type == ColumnType::kInt64) column.ints[row] *= 1000;
                  });
  fault.may_be_gradual = true;
  return fault;
}

Fault frozen(const std::string& input) {
  Fault fault = of_requests("frozen:" + input, input + " keeps one value", input, {});
  fault.apply = [input, name = fault.name](Recording& recording, const Dose& dose) {
    Column& column = *recording.requests.find(input);
    const Rows rows = hit_requests(recording, dose, name);
    const auto first = std::find_if(rows.begin(), rows.end(),
                                    [&](std::size_t row) { return column.is_valid(row); });
    if (first == rows.end()) return Rows();
    const Column one = column.take({*first}), was = column.take(rows);
    for (const std::size_t row : rows) {
      if (!column.is_valid(row)) continue;
      if (column.type == ColumnType::kDouble)
        column.doubles[row] = one.doubles[0];
      else if (column.type == ColumnType::kString)
        column.strings[row] = one.strings[0];
      else
        column.ints[row] = one.ints[0];
    }
    return changed_rows(rows, was, column);
  };
  return fault;
}

Fault renamed(const std::string& input, const std::string& category) {
  Fault fault = of_requests("renamed:" + input,
                            fmt::format("{} calls \"{}\" something else", input, category), input,
                            [category](Column& column, std::size_t row) {
                              if (column.is_valid(row) && column.strings[row] == category)
                                column.strings[row] += "_v2";
                            });
  fault.may_be_gradual = true;
  return fault;
}

Fault as_text(const std::string& input) {
  Fault fault =
      of_requests("typed:" + input, input + " comes as text instead of a number", input, {});
  fault.has_share = false;  // a column has one type
  fault.apply = [input](Recording& recording, const Dose& dose) {
    Column& column = *recording.requests.find(input);
    Column texts = Column::of_type(input, ColumnType::kString);
    for (std::size_t row = 0; row < column.size(); ++row) {
      if (column.is_valid(row))
        texts.append_string(fmt::format("{} km", column.number(row)));
      else
        texts.append_null();
    }
    column = std::move(texts);
    return all_after(recording, dose.start);
  };
  return fault;
}

Fault swapped(const std::string& a, const std::string& b) {
  Fault fault = of_requests("swapped:" + a + "+" + b, a + " and " + b + " are exchanged", a, {});
  fault.causes = {a, b};
  fault.apply = [a, b, name = fault.name](Recording& recording, const Dose& dose) {
    Column& left = *recording.requests.find(a);
    Column& right = *recording.requests.find(b);
    const Rows rows = hit_requests(recording, dose, name);
    const Column left_was = left.take(rows), right_was = right.take(rows);
    const auto set = [](Column& to, std::size_t row, const Column& from, std::size_t at) {
      to.set_null(row);
      if (!from.is_valid(at)) return;
      to.valid[row] = 1;
      if (to.type == ColumnType::kDouble)
        to.doubles[row] = from.doubles[at];
      else if (to.type == ColumnType::kString)
        to.strings[row] = from.strings[at];
      else
        to.ints[row] = from.ints[at];
    };
    for (std::size_t i = 0; i < rows.size(); ++i) {
      set(left, rows[i], right_was, i);
      set(right, rows[i], left_was, i);
    }
    return changed_rows(rows, left_was, left);
  };
  return fault;
}

Fault zone(const std::string& input) {
  return of_requests("zone:" + input, input + " in another time zone: five hours later", input,
                     [](Column& column, std::size_t row) {
                       if (column.is_valid(row)) column.ints[row] += kZone.micros;
                     });
}

Fault default_value(const LookedUp& one) {
  return {.name = "default:" + one.feature,
          .group = FaultGroup::kInput,
          .what = "callers send 0 for " + one.feature + " instead of leaving it to the store",
          .causes = {one.feature},
          .action = "none",
          .apply = [feature = one.feature](Recording& recording, const Dose& dose) {
            const Rows rows = hit_requests(recording, dose, feature);
            std::vector<std::string>& given = recording.given;
            if (std::find(given.begin(), given.end(), feature) == given.end()) {
              Column column = Column::of_type(feature, ColumnType::kDouble);
              for (std::size_t row = 0; row < recording.requests.rows(); ++row)
                column.append_null();
              put(recording.requests, std::move(column));
              given.push_back(feature);
            }
            Column& sent = *recording.requests.find(feature);
            for (const std::size_t row : rows) {
              sent.doubles[row] = 0;
              if (!sent.valid.empty()) sent.valid[row] = 1;
            }
            return rows;
          }};
}

// `change` gives when a row comes, and may change it.
using ChangeRow = std::function<void(Recording::Source&, std::size_t row, const Dose&)>;
Fault of_feed(const std::string& what, const std::string& source, const std::string& sentence,
              const std::vector<LookedUp>& looked_up, ChangeRow change) {
  Fault fault{
      .name = what + ":" + source, .group = FaultGroup::kFeed, .what = sentence, .action = "none"};
  for (const LookedUp& one : looked_up) {
    if (one.source == source) fault.causes.push_back(one.feature);
  }
  fault.apply = [name = fault.name, source, change = std::move(change)](Recording& recording,
                                                                        const Dose& dose) {
    for (Recording::Source& feed : recording.sources) {
      if (feed.name != source) continue;
      for (std::size_t row = 0; row < feed.times.size(); ++row) {
        if (feed.times[row] && is_hit(dose, name, row, *feed.times[row])) change(feed, row, dose);
      }
    }
    return all_after(recording, dose.start);
  };
  return fault;
}

// All that the source says is moved in time.
void move_times(Recording::Source& feed, std::size_t row, Duration by) {
  for (Column& column : feed.rows.columns()) {
    if (column.type == ColumnType::kTimestamp && column.is_valid(row))
      column.ints[row] += by.micros;
  }
}

void add_feed_faults(const std::string& source, const std::vector<LookedUp>& looked_up,
                     std::vector<Fault>& faults) {
  const auto add = [&](const char* kind, const std::string& sentence, ChangeRow change) {
    faults.push_back(of_feed(kind, source, source + " " + sentence, looked_up, std::move(change)));
  };
  add("stopped", "learns nothing any more",
      [](Recording::Source& feed, std::size_t row, const Dose&) { feed.times[row].reset(); });
  add("empty", "gets an empty batch: nothing comes for one day, then all goes on",
      [](Recording::Source& feed, std::size_t row, const Dose& dose) {
        if (*feed.times[row] < dose.start + kBatch) feed.times[row].reset();
      });
  add("late", "learns everything 12 hours late",
      [](Recording::Source& feed, std::size_t row, const Dose&) {
        feed.times[row] = *feed.times[row] + kLate;
      });
  if (counts_twice(source, looked_up)) {
    Fault& twice = faults.emplace_back(
        of_feed("duplicate", source, source + " learns everything twice, an hour later again",
                looked_up, {}));
    twice.apply = [source](Recording& recording, const Dose& dose) {
      for (Recording::Source& feed : recording.sources) {
        if (feed.name == source) push_twice(feed, dose);
      }
      return all_after(recording, dose.start);
    };
  }
  add("zone", "has its times five hours early",
      [](Recording::Source& feed, std::size_t row, const Dose&) {
        move_times(feed, row, Duration{-kZone.micros});
      });
  Duration window;
  for (const LookedUp& one : looked_up) {
    if (one.source != source || one.window == Duration{}) continue;
    window = window == Duration{} ? one.window : std::min(window, one.window);
  }
  if (window == Duration{}) return;
  add("off-by-one",
      fmt::format("is a window of {} hours behind: each is filled with the one before",
                  static_cast<double>(window.micros) / 3.6e9),
      [window](Recording::Source& feed, std::size_t row, const Dose&) {
        feed.times[row] = *feed.times[row] + window;
        move_times(feed, row, window);
      });
}

Fault no_labels() {
  return {.name = "labels:none",
          .group = FaultGroup::kLabels,
          .what = "outcomes stop coming",
          .action = "none",
          .apply = [](Recording& recording, const Dose& dose) {
            for (std::size_t row = 0; row < recording.label_times.size(); ++row) {
              auto& time = recording.label_times[row];
              if (time && is_hit(dose, "labels", row, *time)) time.reset();
            }
            return Rows();  // every answer is as good as before
          }};
}

// Outcomes of some requests turn around.
Fault flipped(std::string name, std::string what,
              std::function<bool(const Recording&, std::size_t)> is_concerned) {
  return {.name = name,
          .group = FaultGroup::kDrift,
          .what = std::move(what),
          .action = "retrain",
          .may_be_gradual = true,
          .apply = [name, is_concerned](Recording& recording, const Dose& dose) {
            Rows rows;
            for (const std::size_t row : hit_requests(recording, dose, name)) {
              if (!recording.labels[row] || !is_concerned(recording, row)) continue;
              recording.labels[row] = 1 - *recording.labels[row];
              rows.push_back(row);
            }
            return rows;
          }};
}

// Some requests don't come any more.
Fault thinned(std::string name, std::string what, std::vector<std::string> causes, double most,
              std::function<bool(const Recording&, std::size_t)> is_concerned) {
  return {.name = name,
          .group = FaultGroup::kDrift,
          .what = std::move(what),
          .causes = std::move(causes),
          .may_be_gradual = true,
          .apply = [name, most, is_concerned](Recording& recording, const Dose& dose) {
            Dose of_these = dose;
            of_these.share *= most;
            for (const std::size_t row : hit_requests(recording, of_these, name)) {
              if (is_concerned(recording, row)) drop(recording, row);
            }
            return all_after(recording, dose.start);
          }};
}

std::function<bool(const Recording&, std::size_t)> is_below(const std::string& input,
                                                            double value) {
  return [input, value](const Recording& recording, std::size_t row) {
    return recording.requests.find(input)->number(row) < value;
  };
}

}  // namespace

std::string_view group_name(FaultGroup group) {
  switch (group) {
    case FaultGroup::kInput:
      return "input";
    case FaultGroup::kFeed:
      return "feed";
    case FaultGroup::kLabels:
      return "labels";
    case FaultGroup::kDrift:
      return "drift";
    case FaultGroup::kModel:
      return "model";
    case FaultGroup::kMachine:
      return "machine";
    case FaultGroup::kService:
      return "service";
    case FaultGroup::kPipeline:
      return "pipeline";
    case FaultGroup::kControl:
      return "control";
  }
  return "";
}

std::vector<Fault> faults_of(const Recording& recording, const std::vector<LookedUp>& looked_up) {
  std::vector<Fault> faults;
  std::vector<std::string> numbers, texts;
  const auto of_type = [&](const std::vector<std::string>& names, ColumnType type) {
    std::vector<std::string> some;
    for (const std::string& name : names) {
      if (recording.requests.find(name)->type == type) some.push_back(name);
    }
    return some;
  };
  for (const std::string& input : recording.inputs) {
    const Column& column = *recording.requests.find(input);
    const bool is_number = column.type == ColumnType::kDouble || column.type == ColumnType::kInt64;
    if (column.type == ColumnType::kTimestamp) {
      faults.push_back(zone(input));
      continue;
    }
    faults.push_back(nulls(input));
    faults.push_back(frozen(input));
    if (is_number) {
      numbers.push_back(input);
      faults.push_back(unit(input));
      faults.push_back(as_text(input));
    }
    if (column.type == ColumnType::kString) {
      texts.push_back(input);
      faults.push_back(renamed(input, most_frequent(column)));
    }
  }
  for (const auto& alike :
       {of_type(numbers, ColumnType::kDouble), of_type(numbers, ColumnType::kInt64), texts}) {
    if (alike.size() > 1) faults.push_back(swapped(alike[0], alike[1]));
  }
  const auto number = std::find_if(looked_up.begin(), looked_up.end(),
                                   [](const LookedUp& one) { return one.is_number; });
  if (number != looked_up.end()) faults.push_back(default_value(*number));
  for (const Recording::Source& source : recording.sources)
    add_feed_faults(source.name, looked_up, faults);
  const bool has_labels = !recording.labels.empty();
  const bool can_turn = is_binary(recording);  // only what is 0 or 1 can turn around
  if (has_labels) faults.push_back(no_labels());
  if (!numbers.empty()) {
    const std::string& input = numbers.front();
    const double middle = median(*recording.requests.find(input));
    faults.push_back(thinned("covariate:" + input,
                             "most requests with small " + input + " stay away", {input}, kThinned,
                             is_below(input, middle)));
    if (can_turn)
      faults.push_back(flipped("concept:" + input,
                               "outcomes turn around where " + input + " is small",
                               is_below(input, middle)));
  }
  if (can_turn) {
    faults.push_back(
        thinned("prior", "what turns out to be 0 gets rare", {}, kPriorThinned,
                [](const Recording& r, std::size_t row) { return r.labels[row] == 0; }));
    if (!texts.empty()) {
      const std::string category = most_frequent(*recording.requests.find(texts.front()));
      faults.push_back(
          flipped("slice:" + texts.front(),
                  fmt::format("outcomes turn around where {} is \"{}\"", texts.front(), category),
                  [input = texts.front(), category](const Recording& r, std::size_t row) {
                    return r.requests.find(input)->strings[row] == category;
                  }));
    }
  }
  add_controls(recording, looked_up, faults);
  return faults;
}

Fault gradual(const Fault& abrupt) {
  Fault fault = abrupt;
  fault.name += "/gradual";
  fault.what += ", more and more";
  fault.is_gradual = true;
  return fault;
}

}  // namespace slipway::cli
