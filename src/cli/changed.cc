#include "cli/changed.h"

#include <algorithm>
#include <cmath>

#include "cli/git.h"
#include "cli/run_record.h"
#include "cli/table.h"
#include "types/timestamp.h"

namespace slipway::cli {
namespace {

constexpr std::size_t kCommitsShown = 20, kColumnsShown = 10;
constexpr std::size_t kCommitShown = 12;
constexpr base::Duration kTrafficSpan = base::Duration::hours(24);  // before a moment

using Texts = std::map<std::string, std::string>;

JsonArray different(const Texts& before, const Texts& after) {
  Texts all = before;
  all.insert(after.begin(), after.end());
  JsonArray rows;
  for (const auto& [name, ignored] : all) {
    const auto a = before.find(name), b = after.find(name);
    if (a != before.end() && b != after.end() && a->second == b->second) continue;
    rows.push_back(JsonObject{{"name", name},
                              {"before", a == before.end() ? Json(nullptr) : Json(a->second)},
                              {"after", b == after.end() ? Json(nullptr) : Json(b->second)}});
  }
  return rows;
}

// What git says of both commits; a note where it can't be asked.
Result<void> add_commits(const MadeFrom& before, const MadeFrom& after, JsonObject& code) {
  std::error_code ignored;
  if (after.folder.empty() || !std::filesystem::is_directory(after.folder, ignored)) {
    code["note"] = "the repository is not on this machine: " + after.folder.string();
    return {};
  }
  const auto old_commit = TRY(find_commit(before.commit, after.folder)),
             new_commit = TRY(find_commit(after.commit, after.folder));
  if (!old_commit || !new_commit) {
    code["note"] = "the repository doesn't have both commits: " + after.folder.string();
    return {};
  }
  JsonArray commits;
  for (const auto& [sign, range] : {std::pair("+", *old_commit + ".." + *new_commit),
                                    {"-", *new_commit + ".." + *old_commit}}) {
    const GitSaid said = TRY(git({"log", fmt::format("--max-count={}", kCommitsShown),
                                  "--format=%h%x09%an%x09%cI%x09%s", range},
                                 after.folder));
    if (said.exit_code != 0) {
      code["note"] = "git: " + said.text;
      return {};
    }
    std::string_view left = said.text;
    while (!left.empty()) {
      std::string_view line = left.substr(0, left.find('\n'));
      left.remove_prefix(std::min(left.size(), line.size() + 1));
      JsonObject commit{{"sign", sign}};
      for (const char* member : {"id", "author", "time", "subject"}) {
        const std::string_view part = line.substr(0, line.find('\t'));
        line.remove_prefix(std::min(line.size(), part.size() + 1));
        commit[member] = part;
      }
      commits.push_back(std::move(commit));
    }
  }
  code["commits"] = std::move(commits);
  return {};
}

Result<JsonObject> code_of(const MadeFrom& before, const MadeFrom& after) {
  JsonObject code{{"before", before.commit}, {"after", after.commit}};
  code["commits"] = JsonArray();
  code["files"] = different(before.code, after.code);
  if (before.commit != after.commit && !before.commit.empty() && !after.commit.empty())
    TRY(add_commits(before, after, code));
  return code;
}

// Packages that a requirements.txt of the commit pins.
Result<Texts> packages_of(const MadeFrom& made) {
  Texts packages = made.environment;
  std::error_code ignored;
  if (made.commit.empty() || !std::filesystem::is_directory(made.folder, ignored)) return packages;
  const auto commit = TRY(find_commit(made.commit, made.folder));
  if (!commit) return packages;
  for (const auto& [file, digest] : made.env_files) {
    const GitSaid said = TRY(git({"show", *commit + ":./" + file}, made.folder));
    if (said.exit_code != 0 || !file.ends_with(".txt")) continue;
    for (auto& [package, version] : parse_requirements(said.text))
      packages[package] = version.empty() ? "any" : version;
  }
  return packages;
}

JsonArray metrics_of(const MadeFrom& before, const MadeFrom& after) {
  JsonArray rows;
  for (const auto& [name, value] : after.metrics) {
    const auto old = before.metrics.find(name);
    if (old == before.metrics.end() || old->second == value || std::isnan(value)) continue;
    rows.push_back(JsonObject{{"name", name}, {"before", old->second}, {"after", value}});
  }
  return rows;
}

// Those of columns that moved most.
JsonArray farthest(JsonArray rows) {
  const auto moved = [](const Json& row) {
    const Json& value = member_at(row, "moved");
    return value.is_number() ? value.to_number<double>() : 0.0;
  };
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const Json& a, const Json& b) { return moved(a) > moved(b); });
  if (rows.size() > kColumnsShown) rows.resize(kColumnsShown);
  return rows;
}

// A comparison of distributions, in short: the columns that have drifted, the farthest first.
JsonArray drifted_columns(const Json& report, const std::string& of) {
  JsonArray rows;
  for (const Json& column : member_at(report, "columns").as_array()) {
    if (text_at(column, "verdict") != "drift") continue;
    rows.push_back(JsonObject{{"of", of},
                              {"column", member_at(column, "column")},
                              {"verdict", member_at(column, "verdict")},
                              {"method", member_at(column, "method_title")},
                              {"score", member_at(column, "score")},
                              {"moved", member_at(column, "moved")},
                              {"before", member_at(column, "reference.mean")},
                              {"after", member_at(column, "current.mean")}});
  }
  return farthest(std::move(rows));
}

// Columns of a dataset whose distribution is another one, the farthest first, each with the verdict
// of a drift report where there is one.
Result<void> add_moved(Client& client, const std::string& name, const std::string& before,
                       const std::string& after, const JsonArray& columns, JsonArray& statistics) {
  const auto drift =
      client.post("/slipway/v1/drift", {{"reference", fmt::format("dataset:{}@{}", name, before)},
                                        {"current", fmt::format("dataset:{}@{}", name, after)}});
  std::map<std::string, Json> verdicts;
  if (drift) {
    for (const Json& column : member_at(*drift, "columns").as_array())
      verdicts[text_at(column, "column")] = member_at(column, "verdict");
  }
  JsonArray moved;
  for (const Json& column : columns) {
    const Json& value = member_at(column, "drift.value");
    if (!value.is_number() || value.to_number<double>() == 0) continue;
    const std::string known = text_at(column, "column");
    moved.push_back(JsonObject{{"of", name},
                               {"column", known},
                               {"verdict", verdicts.contains(known) ? verdicts[known] : Json()},
                               {"method", member_at(column, "drift.measure")},
                               {"score", value},
                               {"moved", value},
                               {"before", member_at(column, "before.mean")},
                               {"after", member_at(column, "after.mean")}});
  }
  for (Json& row : farthest(std::move(moved))) statistics.push_back(std::move(row));
  return {};
}

Result<void> add_dataset(Client& client, const std::string& name, const DatasetUsed& before,
                         const DatasetUsed& after, JsonArray& rows, JsonArray& statistics) {
  JsonObject row{{"dataset", name}, {"before", before.version}, {"after", after.version}};
  const std::string a = std::to_string(before.version), b = std::to_string(after.version);
  const auto failed = [&](const Error& error) -> Result<void> {
    row["note"] = error.message;
    rows.push_back(std::move(row));
    return {};
  };
  if (before.version == 0 || after.version == 0)
    return failed(base::error(Code::kNotFound, "{}",
                              before.digest.empty()  ? "was not read before"
                              : after.digest.empty() ? "is not read any more"
                                                     : "another digest, of no version here"));
  const auto diff =
      client.get(path_of("/slipway/v1/datasets/{}/diff?from={}&to={}&examples=0", {name, a, b}));
  if (!diff) return failed(diff.error());
  for (const char* member : {"added", "removed", "changed", "unchanged"})
    row[member] = member_at(*diff, "rows." + std::string(member));
  row["schema"] = member_at(*diff, "schema");
  rows.push_back(row);
  return add_moved(client, name, a, b, member_at(*diff, "columns").as_array(), statistics);
}

struct Range {
  std::string from, to;
};

Result<Range> range_of(Client& client, const InUse& use) {
  Range range{use.from, use.to};
  if (range.to.empty()) range.to = text_at(TRY(client.get("/slipway/v1/clock")), "now");
  if (range.from.empty())
    range.from = types::to_rfc3339(TRY(types::parse_rfc3339(range.to)) - kTrafficSpan);
  return range;
}

Result<std::string> monitor_of(Client& client, const std::string& endpoint) {
  const Json reply = TRY(client.get("/slipway/v1/monitors"));
  for (const Json& monitor : member_at(reply, "monitors").as_array()) {
    if (text_at(monitor, "endpoint") == endpoint) return text_at(monitor, "name");
  }
  return std::string();
}

Result<Json> traffic_of(Client& client, const MadeFrom& before, const MadeFrom& after) {
  const std::string endpoint = after.in_use.endpoint;
  if (endpoint.empty() || before.in_use.endpoint != endpoint)
    return Json(JsonObject{{"note", "no endpoint answered with both"}});
  const Range a = TRY(range_of(client, before.in_use)), b = TRY(range_of(client, after.in_use));
  JsonObject traffic{{"endpoint", endpoint},
                     {"before", JsonObject{{"from", a.from}, {"to", a.to}}},
                     {"after", JsonObject{{"from", b.from}, {"to", b.to}}}};
  const std::string monitor = TRY(monitor_of(client, endpoint));
  if (monitor.empty()) {
    traffic["note"] = "no monitor watches the endpoint";
    return Json(std::move(traffic));
  }
  const auto side = [&](const Range& range) {
    return fmt::format("monitor:{}@{}..{}", monitor, range.from, range.to);
  };
  const auto drift =
      client.post("/slipway/v1/drift", {{"reference", side(a)}, {"current", side(b)}});
  if (!drift) {
    traffic["note"] = drift.error().message;
    return Json(std::move(traffic));
  }
  traffic["before"].as_object()["requests"] = member_at(*drift, "reference.rows");
  traffic["after"].as_object()["requests"] = member_at(*drift, "current.rows");
  traffic["columns"] = drifted_columns(*drift, endpoint);
  return Json(std::move(traffic));
}

std::string shown(const Json& value) { return value.is_null() ? "(none)" : cell(value); }

void add_line(std::string& out, std::string& heading, const std::string& line) {
  out += fmt::format("{:<12}{}\n", heading, line);
  heading.clear();
}

void show_pairs(std::string& out, std::string heading, const Json& rows) {
  for (const Json& row : rows.as_array()) {
    add_line(out, heading,
             fmt::format("{}: {} -> {}", text_at(row, "name"), shown(member_at(row, "before")),
                         shown(member_at(row, "after"))));
  }
}

void show_columns(std::string& out, std::string& heading, const Json& rows) {
  for (const Json& row : rows.as_array()) {
    if (const Json& note = member_at(row, "note"); note.is_string()) {
      add_line(out, heading, fmt::format("{}: {}", text_at(row, "of"), cell(note)));
      continue;
    }
    std::string line = fmt::format("{} of {}: {} {}", text_at(row, "column"), text_at(row, "of"),
                                   text_at(row, "method"), text_at(row, "score"));
    if (const std::string verdict = text_at(row, "verdict"); !verdict.empty())
      line += ", " + verdict;
    if (!member_at(row, "before").is_null())
      line += fmt::format(", mean {} -> {}", text_at(row, "before"), text_at(row, "after"));
    add_line(out, heading, line);
  }
}

void show_code(std::string& out, const Json& code) {
  std::string heading = "code";
  if (text_at(code, "before") != text_at(code, "after"))
    add_line(out, heading,
             fmt::format("commit {} -> {}", text_at(code, "before").substr(0, kCommitShown),
                         text_at(code, "after").substr(0, kCommitShown)));
  for (const Json& commit : member_at(code, "commits").as_array())
    add_line(out, heading,
             fmt::format("  {} {} {} ({})", text_at(commit, "sign"), text_at(commit, "id"),
                         text_at(commit, "subject"), text_at(commit, "author")));
  for (const Json& file : member_at(code, "files").as_array())
    add_line(out, heading,
             fmt::format("  {} {}", text_at(file, "name"),
                         member_at(file, "before").is_null()  ? "is new"
                         : member_at(file, "after").is_null() ? "is not used any more"
                                                              : "changed"));
  if (const Json& note = member_at(code, "note"); note.is_string())
    add_line(out, heading, "  " + cell(note));
}

void show_rows(std::string& out, const Json& rows) {
  std::string heading = "rows";
  for (const Json& row : rows.as_array()) {
    const std::string name = text_at(row, "dataset");
    if (const Json& note = member_at(row, "note"); note.is_string()) {
      add_line(out, heading, fmt::format("{}: {}", name, cell(note)));
      continue;
    }
    add_line(
        out, heading,
        fmt::format("{} version {} -> {}: {} added, {} removed, {} changed, {} unchanged", name,
                    text_at(row, "before"), text_at(row, "after"), text_at(row, "added"),
                    text_at(row, "removed"), text_at(row, "changed"), text_at(row, "unchanged")));
    for (const auto& [member, sign] : {std::pair("schema.added", "+"), {"schema.removed", "-"}}) {
      for (const Json& column : member_at(row, member).as_array())
        add_line(out, heading, fmt::format("  {} column {}", sign, text_at(column, "column")));
    }
    for (const Json& column : list_at(row, "schema.types"))
      add_line(out, heading,
               fmt::format("  column {} is {}, and was {}", text_at(column, "column"),
                           text_at(column, "after"), text_at(column, "before")));
  }
}

void show_traffic(std::string& out, const Json& traffic) {
  std::string heading = "traffic";
  for (const char* side : {"before", "after"}) {
    const Json& range = member_at(traffic, side);
    if (!range.is_object()) continue;
    const Json& requests = member_at(range, "requests");
    add_line(out, heading,
             fmt::format("{}: {}{} to {}", side,
                         requests.is_null() ? "" : cell(requests) + " requests, ",
                         text_at(range, "from"), text_at(range, "to")));
  }
  if (const Json& note = member_at(traffic, "note"); note.is_string())
    add_line(out, heading, cell(note));
  if (const Json& columns = member_at(traffic, "columns"); columns.is_array())
    show_columns(out, heading, columns);
}

}  // namespace

Result<JsonObject> what_changed(Client& client, const MadeFrom& before, const MadeFrom& after) {
  JsonObject changes{{"before", before.title}, {"after", after.title}};
  changes["code"] = TRY(code_of(before, after));
  JsonArray rows, statistics;
  std::map<std::string, DatasetUsed> datasets = before.datasets;
  datasets.insert(after.datasets.begin(), after.datasets.end());
  for (const auto& [name, ignored] : datasets) {
    const auto a = before.datasets.find(name), b = after.datasets.find(name);
    const DatasetUsed old = a == before.datasets.end() ? DatasetUsed() : a->second;
    const DatasetUsed now = b == after.datasets.end() ? DatasetUsed() : b->second;
    if (old.digest != now.digest) TRY(add_dataset(client, name, old, now, rows, statistics));
  }
  changes["rows"] = std::move(rows);
  changes["statistics"] = std::move(statistics);
  changes["parameters"] = different(before.parameters, after.parameters);
  changes["environment"] = different(TRY(packages_of(before)), TRY(packages_of(after)));
  changes["inputs"] = different(before.inputs, after.inputs);
  changes["metrics"] = metrics_of(before, after);
  changes["traffic"] = TRY(traffic_of(client, before, after));
  return changes;
}

std::string changes_text(const Json& changes) {
  std::string out;
  show_code(out, member_at(changes, "code"));
  show_rows(out, member_at(changes, "rows"));
  std::string heading = "statistics";
  show_columns(out, heading, member_at(changes, "statistics"));
  show_pairs(out, "inputs", member_at(changes, "inputs"));
  show_pairs(out, "parameters", member_at(changes, "parameters"));
  show_pairs(out, "environment", member_at(changes, "environment"));
  show_pairs(out, "metrics", member_at(changes, "metrics"));
  if (out.empty()) out = "nothing that is recorded differs\n";
  show_traffic(out, member_at(changes, "traffic"));
  return out;
}

}  // namespace slipway::cli
