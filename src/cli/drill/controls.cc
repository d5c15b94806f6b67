#include <chrono>

#include "cli/drill/changes.h"

namespace slipway::cli {

using base::Duration;
using types::Column;

Fault control(std::string name, std::string what,
              std::function<void(Recording&, const Dose&)> apply) {
  return {.name = std::move(name),
          .group = FaultGroup::kControl,
          .what = std::move(what),
          .action = "none",
          .apply = [apply = std::move(apply)](Recording& recording, const Dose& dose) {
            if (apply) apply(recording, dose);
            return Rows();
          }};
}

namespace {

// Every request from the start on comes three times, each with its outcome.
void triple(Recording& recording, const Dose& dose) {
  const Rows rows = all_after(recording, dose.start);
  for (const char* suffix : {"-again", "-once-more"}) {
    for (Column& column : recording.requests.columns()) {
      Column again = column.take(rows);
      if (column.name == recording.id) {
        for (std::string& id : again.strings) id += suffix;
      }
      for (std::size_t i = 0; i < rows.size(); ++i) column.append_from(again, i);
    }
    if (recording.labels.empty()) continue;
    for (const std::size_t row : rows) {
      recording.labels.push_back(recording.labels[row]);
      recording.label_times.push_back(recording.label_times[row]);
    }
  }
}

void halve_weekends(Recording& recording, const Dose& dose) {
  for (const std::size_t row : all_after(recording, dose.start)) {
    const auto day =
        std::chrono::floor<std::chrono::days>(std::chrono::sys_time<std::chrono::microseconds>(
            std::chrono::microseconds(recording.time(row).micros)));
    const unsigned weekday = std::chrono::weekday(day).iso_encoding();
    if (weekday >= 6 && draw(dose, "weekend", row) < 0.5) drop(recording, row);
  }
}

}  // namespace

void push_twice(Recording::Source& source, const Dose& dose) {
  Rows rows;
  for (std::size_t row = 0; row < source.times.size(); ++row) {
    if (source.times[row] && is_hit(dose, source.name, row, *source.times[row]))
      rows.push_back(row);
  }
  for (Column& column : source.rows.columns()) {
    const Column again = column.take(rows);
    for (std::size_t i = 0; i < rows.size(); ++i) column.append_from(again, i);
  }
  for (const std::size_t row : rows)
    source.times.push_back(*source.times[row] + Duration::hours(1));
}

void add_controls(const Recording& recording, const std::vector<LookedUp>& looked_up,
                  std::vector<Fault>& faults) {
  faults.push_back(control("nothing", "nothing is wrong", {}));
  faults.push_back(control("traffic-x3", "every request comes three times", triple));
  faults.push_back(
      control("weekends", "half of the requests of weekends stay away", halve_weekends));
  for (const Recording::Source& source : recording.sources) {
    if (counts_twice(source.name, looked_up)) continue;
    faults.push_back(control("twice:" + source.name,
                             "what " + source.name + " learns comes twice, which changes nothing",
                             [name = source.name](Recording& changed, const Dose& dose) {
                               for (Recording::Source& one : changed.sources) {
                                 if (one.name == name) push_twice(one, dose);
                               }
                             }));
  }
}

}  // namespace slipway::cli
