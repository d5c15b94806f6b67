// What rules name and the newest version doesn't have.
#include <set>

#include "datasets/datasets.h"

namespace slipway::datasets {

using types::Column;
using types::Frame;

Result<std::vector<std::string>> Datasets::unknown_columns(
    const std::vector<DatasetDefinition>& definitions) {
  std::vector<std::string> unknown;
  for (const DatasetDefinition& definition : definitions) {
    auto found = newest(definition.name);
    if (!found && found.error().code == Code::kCorruption) {
      unknown.push_back(found.error().message);
      continue;
    }
    const std::optional<Snapshot> last = TRY(std::move(found));
    if (!last) continue;
    Frame frame;
    for (const auto& [name, type] : last->schema.columns)
      TRY(frame.add(Column::of_type(name, type)));
    std::set<std::string> named(definition.key.begin(), definition.key.end());
    named.insert({definition.event_time, definition.arrival_time});
    for (const types::ColumnRule& rule : definition.columns) named.insert(rule.name);
    for (const auto& [column, limit] : definition.checks.missing_max) named.insert(column);
    for (const auto& [column, limit] : definition.checks.drift_max) named.insert(column);
    for (const auto& columns : definition.checks.unique)
      named.insert(columns.begin(), columns.end());
    const std::string of = fmt::format("version {} of dataset {}", last->version, definition.name);
    for (const std::string& name : named) {
      if (!name.empty() && frame.find(name) == nullptr)
        unknown.push_back(fmt::format(
            "{} has no column {}, which rules or checks name: a file without it is refused", of,
            name));
    }
    for (const RowRule& rule : definition.rules) {
      if (!outside_.condition) break;
      if (const auto read = outside_.condition(rule.condition, frame); !read)
        unknown.push_back(
            fmt::format("rule {} doesn't fit {}: {}", rule.name, of, read.error().message));
    }
  }
  return unknown;
}

}  // namespace slipway::datasets
