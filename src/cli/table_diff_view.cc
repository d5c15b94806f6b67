#include "cli/table_diff_view.h"

#include "cli/table.h"

namespace slipway::cli {
namespace {

std::string count(const Json& of, std::string_view member) { return cell(member_at(of, member)); }

bool is_zero(const Json& of, std::string_view member) { return member_at(of, member) == Json(0); }

std::string show_schema(const Json& diff) {
  std::string out;
  for (const Json& column : member_at(diff, "schema.added").as_array())
    out += fmt::format("  + {} {}\n", count(column, "column"), count(column, "type"));
  for (const Json& column : member_at(diff, "schema.removed").as_array())
    out += fmt::format("  - {} {}\n", count(column, "column"), count(column, "type"));
  for (const Json& column : member_at(diff, "schema.types").as_array()) {
    out += fmt::format("  ~ {} {} -> {}\n", count(column, "column"), count(column, "before"),
                       count(column, "after"));
  }
  return out.empty() ? "columns: the same\n" : "columns:\n" + out;
}

std::string show_rows(const Json& diff) {
  const Json& rows = member_at(diff, "rows");
  const JsonArray& key = member_at(diff, "key").as_array();
  std::string out = fmt::format("rows, {}: {} before, {} after\n",
                                key.empty() ? "by all their cells" : "by " + cell(Json(key)),
                                count(rows, "before"), count(rows, "after"));
  out += fmt::format("  {} added, {} removed, {} changed, {} unchanged\n", count(rows, "added"),
                     count(rows, "removed"), count(rows, "changed"), count(rows, "unchanged"));
  if (!is_zero(rows, "duplicate_keys")) {
    out += fmt::format(
        "  {} keys are there more than once ({} rows before, {} after); their rows are matched by "
        "all their cells\n",
        count(rows, "duplicate_keys"), count(rows, "duplicate_rows_before"),
        count(rows, "duplicate_rows_after"));
  }
  return out;
}

// "before -> after", or one when they are the same.
std::string both(const Json& column, std::string_view member) {
  const std::string before = count(member_at(column, "before"), member),
                    after = count(member_at(column, "after"), member);
  return before == after ? before : before + " -> " + after;
}

std::string show_columns(const Json& diff) {
  JsonArray rows;
  for (const Json& column : member_at(diff, "columns").as_array()) {
    JsonObject row{{"column", member_at(column, "column")},
                   {"changed", member_at(column, "changed_cells")},
                   {"drift", member_at(column, "drift.value")}};
    for (const char* member : {"type", "missing", "distinct", "min", "mean", "max"})
      row[member] = both(column, member);
    rows.push_back(std::move(row));
  }
  return table(rows, {{"COLUMN", "column"},
                      {"TYPE", "type"},
                      {"CELLS CHANGED", "changed"},
                      {"MISSING", "missing"},
                      {"ABOUT DISTINCT", "distinct"},
                      {"MIN", "min"},
                      {"MEAN", "mean"},
                      {"MAX", "max"},
                      {"DRIFT", "drift"}});
}

// Texts in quotes, so that a missing value and an empty text aren't alike; all digits of numbers.
std::string shown(const Json& value) {
  return value.is_double() ? fmt::format("{}", value.get_double()) : base::to_text(value);
}

std::string show_object(const Json& object) {
  std::string out;
  for (const auto& [name, value] : object.as_object())
    out += fmt::format("{}{}={}", out.empty() ? "" : " ", std::string_view(name), shown(value));
  return out;
}

std::string show_examples(const Json& diff) {
  std::string out;
  const Json& examples = member_at(diff, "examples");
  for (const Json& row : member_at(examples, "changed").as_array()) {
    out += "  ~ " + show_object(member_at(row, "key"));
    for (const Json& change : member_at(row, "cells").as_array()) {
      out += fmt::format("  {}: {} -> {}", count(change, "column"),
                         shown(member_at(change, "before")), shown(member_at(change, "after")));
    }
    out += "\n";
  }
  for (const Json& row : member_at(examples, "removed").as_array())
    out += "  - " + show_object(row) + "\n";
  for (const Json& row : member_at(examples, "added").as_array())
    out += "  + " + show_object(row) + "\n";
  for (const Json& key : member_at(examples, "duplicate_keys").as_array())
    out += "  more than once: " + show_object(key) + "\n";
  return out.empty() ? "" : "for example:\n" + out;
}

}  // namespace

std::string show_table_diff(const Json& diff) {
  std::string out = fmt::format("{} -> {}{}\n", count(diff, "before"), count(diff, "after"),
                                member_at(diff, "same") == Json(true) ? ": the same" : "");
  for (const Json& note : member_at(diff, "notes").as_array()) out += cell(note) + "\n";
  return out + show_schema(diff) + show_rows(diff) + show_examples(diff) + show_columns(diff);
}

}  // namespace slipway::cli
