#include "cli/ci/bisect.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "cli/ci/bisection.h"
#include "cli/ci/checkout.h"
#include "cli/ci/side.h"
#include "cli/git.h"
#include "cli/run_record.h"
#include "cli/scratch.h"
#include "cli/table.h"
#include "store/file_system.h"
#include "types/timestamp.h"

namespace slipway::cli {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kCommitShown = 12;

// One state of code and data, and what made it another one than that before.
struct Point {
  std::string commit;
  std::map<std::string, std::int64_t> data;
  std::string kind, what;  // "commit" or "dataset", and it in words
  base::Timestamp time;

  JsonObject to_json() const {
    JsonObject versions;
    for (const auto& [name, version] : data) versions[name] = version;
    return {{"commit", commit}, {"data", std::move(versions)}, {"kind", kind}, {"what", what}};
  }
};

// Where a metric is found: "PIPELINE/" and what CiRun::values calls it, or a tracked metric.
struct Metric {
  std::string pipeline, step, value, tracked;

  static Result<Metric> parse(const std::string& text) {
    const std::size_t first = text.find('/'), hash = text.find('#');
    const std::size_t second = text.find('/', first + 1);
    if (first == std::string::npos || (second == std::string::npos && hash == std::string::npos))
      return base::error(Code::kInvalidArgument,
                         "a metric is PIPELINE/STEP/FILE.json#MEMBER, PIPELINE/STEP/FILE (its "
                         "bytes), or PIPELINE/STEP#METRIC that a run of the step logs: {}",
                         text);
    Metric metric{.pipeline = text.substr(0, first)};
    const std::string rest = text.substr(first + 1);
    if (hash < second) {
      metric.step = rest.substr(0, hash - first - 1);
      metric.tracked = text.substr(hash + 1);
    } else {
      metric.step = rest.substr(0, rest.find('/'));
      metric.value = rest;
    }
    return metric;
  }
};

class Bisect {
 public:
  // `data`: a folder for rows.
  Bisect(Client& client, const BisectOptions& options, const Context& own, fs::path data)
      : client_(client), options_(options), own_(own), data_(std::move(data)) {}

  Result<Json> run() {
    metric_ = TRY(Metric::parse(options_.metric));
    TRY(end_left_runs(own_));
    TRY(find_points());
    if (points_.size() < 2)
      return base::error(Code::kFailedPrecondition,
                         "there is nothing between: the good and the bad end are the same");
    Bisection bisection(points_.size());
    std::fprintf(stderr, "%zu changes, about %zu runs beside the two ends\n", points_.size() - 1,
                 bisection.left());
    good_ = TRY(value_of_end(0, "good"));
    bad_ = TRY(value_of_end(points_.size() - 1, "bad"));
    TRY(check_ends());
    while (const auto next = bisection.next()) {
      const auto value = TRY(value_at(*next));
      const auto verdict = !value           ? Bisection::Verdict::kSkipped
                           : is_bad(*value) ? Bisection::Verdict::kBad
                                            : Bisection::Verdict::kGood;
      note(*next, value, verdict);
      bisection.tell(*next, verdict);
    }
    return report(bisection);
  }

 private:
  Result<std::string> commit_of(const std::string& name) {
    const auto commit = TRY(find_commit(name, options_.folder));
    if (!commit) return base::error(Code::kNotFound, "no such commit here: {}", name);
    return *commit;
  }

  // Commits behind the good one and versions behind the good ones, in order of time.
  Result<void> find_points() {
    const GitSaid prefix = TRY(git({"rev-parse", "--show-prefix"}, options_.folder));
    if (prefix.exit_code != 0)
      return base::error(Code::kFailedPrecondition, "{} is no Git checkout: {}",
                         options_.folder.string(), prefix.text);
    checkout_ = {
        .folder = options_.folder, .prefix = prefix.text, .head = "", .base = "", .changed = {}};
    const std::string good = TRY(commit_of(options_.good)), bad = TRY(commit_of(options_.bad));
    if (TRY(git({"merge-base", "--is-ancestor", good, bad}, options_.folder)).exit_code != 0)
      return base::error(Code::kFailedPrecondition,
                         "the good commit must be one that the bad one comes from: good={} bad={}",
                         good.substr(0, kCommitShown), bad.substr(0, kCommitShown));
    Point first{.commit = good, .data = {}, .kind = "", .what = "the good end", .time = {}};
    for (const DataRange& range : options_.data) first.data[range.dataset] = range.good;
    std::vector<Point> changes;
    TRY(add_commits(good, bad, changes));
    for (const DataRange& range : options_.data) TRY(add_versions(range, changes));
    std::stable_sort(changes.begin(), changes.end(),
                     [](const Point& a, const Point& b) { return a.time < b.time; });
    points_ = {first};
    for (Point& change : changes) {
      const Point& before = points_.back();
      auto data = before.data;
      for (const auto& [name, version] : change.data) data[name] = version;
      change.data = std::move(data);
      if (change.commit.empty()) change.commit = before.commit;
      points_.push_back(std::move(change));
    }
    return {};
  }

  // Of a merge what it brought counts as one change. They are kept in Git's order, whatever their
  // clocks say.
  Result<void> add_commits(const std::string& good, const std::string& bad,
                           std::vector<Point>& changes) {
    const GitSaid said = TRY(git(
        {"log", "--first-parent", "--reverse", "--format=%H%x09%cI%x09%s (%an)", good + ".." + bad},
        options_.folder));
    if (said.exit_code != 0) return base::error(Code::kFailedPrecondition, "git: {}", said.text);
    std::string_view left = said.text;
    base::Timestamp latest;
    while (!left.empty()) {
      const std::string line(left.substr(0, left.find('\n')));
      left.remove_prefix(std::min(left.size(), line.size() + 1));
      const std::size_t a = line.find('\t'), b = line.find('\t', a + 1);
      latest = std::max(latest, TRY(types::parse_rfc3339(line.substr(a + 1, b - a - 1))));
      changes.push_back({.commit = line.substr(0, a),
                         .data = {},
                         .kind = "commit",
                         .what = line.substr(b + 1),
                         .time = latest});
    }
    return {};
  }

  Result<void> add_versions(const DataRange& range, std::vector<Point>& changes) {
    const Json known = TRY(client_.get(path_of("/slipway/v1/datasets/{}", {range.dataset})));
    std::set<std::int64_t> found;
    for (const Json& one : member_at(known, "versions").as_array()) {
      const auto version = member_at(one, "version").to_number<std::int64_t>();
      if (version < range.good || version > range.bad) continue;
      found.insert(version);
      if (version == range.good) continue;
      changes.push_back(
          {.commit = "",
           .data = {{range.dataset, version}},
           .kind = "dataset",
           .what = fmt::format("{} rows, from {}", text_at(one, "rows"), text_at(one, "source")),
           .time = TRY(types::parse_rfc3339(text_at(one, "arrival_time")))});
    }
    for (const std::int64_t end : {range.good, range.bad}) {
      if (!found.contains(end))
        return base::error(Code::kNotFound,
                           "the dataset has no such version: dataset={} version={}", range.dataset,
                           end);
    }
    return {};
  }

  // The rows of a version, in a file.
  Result<fs::path> rows_of(const std::string& dataset, std::int64_t version) {
    const fs::path file = data_ / fmt::format("{}@{}.parquet", dataset, version);
    std::error_code ignored;
    if (fs::exists(file, ignored)) return file;
    const base::HttpReply rows = TRY(client_.fetch(
        path_of("/slipway/v1/datasets/{}/rows?version={}", {dataset, std::to_string(version)})));
    TRY(store::write_file(file, rows.body));
    return file;
  }

  // Nothing: it can't be run there, or comes to no such value; `problem_` says why.
  Result<std::optional<double>> value_at(std::size_t at) {
    const Point& point = points_[at];
    std::fprintf(stderr, "%s %s\n", point.commit.substr(0, kCommitShown).c_str(),
                 point.what.c_str());
    const Scratch scratch = TRY(Scratch::make("bisect"));
    checkout_.base = point.commit;
    TRY(copy_base(checkout_, scratch.path(), options_.cache));
    std::map<std::string, fs::path> rows;
    for (const auto& [name, version] : point.data) rows[name] = TRY(rows_of(name, version));
    const auto failed = [&](const std::string& why) -> Result<std::optional<double>> {
      problem_ = why;
      std::fprintf(stderr, "  %s\n", why.c_str());
      return std::optional<double>();
    };
    const auto yaml = store::read_file(scratch.path() / "slipway.yaml");
    if (!yaml) return failed("it has no slipway.yaml");
    CiPolicy policy;
    policy.pipelines = {
        {.name = metric_.pipeline, .until = {metric_.step}, .params = options_.params}};
    const auto project =
        ci_project(*yaml, policy, {metric_.pipeline}, Missing::kError, VersionChecks::kLeftOut);
    if (!project) return failed(project.error().message);
    const auto side =
        run_side(own_, *project, scratch.path(), point.commit, CiFollows::kNothing, rows);
    if (!side) return failed(side.error().message);
    for (const CiDataset& dataset : side->datasets) {
      if (!dataset.problem.empty()) return failed(dataset.problem);
    }
    const CiRun& run = side->runs.front();
    if (run.state != "succeeded" && run.state != "refused") return failed(run.reason);
    const auto value = metric_.tracked.empty() ? find_written(run) : TRY(find_tracked(run));
    if (!value) return failed("it comes to no such value: " + options_.metric + known_values(run));
    if (!std::isfinite(*value)) return failed(fmt::format("{} is {}", options_.metric, *value));
    return value;
  }

  std::optional<double> find_written(const CiRun& run) const {
    const auto found = run.values.find(metric_.value);
    return found == run.values.end() ? std::nullopt : std::optional(found->second);
  }

  // A step that was answered from cache was tracked by the run that it was answered from.
  Result<std::optional<double>> find_tracked(const CiRun& run) {
    std::optional<double> value;
    for (const CiStep& step : run.steps) {
      if (step.name != metric_.step) continue;
      const std::string made_by = fs::path(step.folder).parent_path().filename();
      for (const RunRecord& one : TRY(RunRecord::find(
               own_, fmt::format("tags.`slipway.run_id` = '{}' AND tags.`slipway.step` = '{}'",
                                 made_by, step.name)))) {
        const auto metrics = one.metrics();
        const auto found = metrics.find(metric_.tracked);
        if (found != metrics.end()) value = found->second;
      }
    }
    return value;
  }

  static std::string known_values(const CiRun& run) {
    std::string names;
    for (const auto& [name, value] : run.values)
      names += (names.empty() ? " (it has " : ", ") + run.pipeline + "/" + name;
    return names.empty() ? "" : names + ")";
  }

  Result<double> value_of_end(std::size_t at, std::string_view end) {
    const auto value = TRY(value_at(at));
    if (!value)
      return base::error(Code::kFailedPrecondition, "the {} end can't be measured: {}: {}", end,
                         points_[at].commit.substr(0, kCommitShown), problem_);
    note(at, value, at == 0 ? Bisection::Verdict::kGood : Bisection::Verdict::kBad);
    return *value;
  }

  bool is_bad(double value) const {
    if (options_.above && value > *options_.above) return true;
    if (options_.below && value < *options_.below) return true;
    if (options_.above || options_.below) return false;
    return std::abs(value - bad_) < std::abs(value - good_);
  }

  Result<void> check_ends() const {
    if (!is_bad(good_) && is_bad(bad_)) return {};
    return base::error(Code::kFailedPrecondition,
                       "the ends don't tell good from bad: good={} bad={}{}", good_, bad_,
                       options_.above || options_.below ? " by --above and --below" : "");
  }

  void note(std::size_t at, const std::optional<double>& value, Bisection::Verdict verdict) {
    JsonObject row = points_[at].to_json();
    row["place"] = at;
    row["value"] = value ? base::number_or_null(*value) : Json();
    row["verdict"] = verdict == Bisection::Verdict::kGood  ? "good"
                     : verdict == Bisection::Verdict::kBad ? "bad"
                                                           : "skipped";
    row["note"] = value ? "" : problem_;
    tried_[at] = std::move(row);
  }

  // What a change brought: the files of a commit, the rows of a version.
  Result<JsonObject> described(std::size_t at) {
    JsonObject row = points_[at].to_json();
    if (tried_.contains(at)) row["value"] = tried_[at]["value"];
    if (points_[at].kind == "commit") {
      JsonArray files;
      const GitSaid said = TRY(
          git({"diff", "--name-only", "--no-renames", points_[at - 1].commit, points_[at].commit},
              options_.folder));
      std::string_view left = said.exit_code == 0 ? said.text : std::string_view();
      while (!left.empty()) {
        const std::string_view name = left.substr(0, left.find('\n'));
        left.remove_prefix(std::min(left.size(), name.size() + 1));
        files.emplace_back(name);
      }
      row["files"] = std::move(files);
    } else {
      for (const auto& [name, version] : points_[at].data) {
        const std::int64_t before = points_[at - 1].data.at(name);
        if (before == version) continue;
        row["dataset"] = name;
        row["before"] = before;
        row["version"] = version;
        const auto diff =
            client_.get(path_of("/slipway/v1/datasets/{}/diff?examples=0&from={}&to={}",
                                {name, std::to_string(before), std::to_string(version)}));
        if (diff) row["rows"] = member_at(*diff, "rows");
      }
    }
    return row;
  }

  Result<Json> report(const Bisection& bisection) {
    JsonArray tried, suspects;
    for (auto& [at, row] : tried_) tried.push_back(row);
    for (std::size_t at = bisection.good() + 1; at <= bisection.bad(); ++at)
      suspects.push_back(TRY(described(at)));
    JsonObject report{{"metric", options_.metric}, {"good", good_}, {"bad", bad_}};
    report["changes"] = points_.size() - 1;
    report["tried"] = std::move(tried);
    report["first_bad"] = nullptr;
    if (suspects.size() == 1) {
      JsonObject found = suspects.front().as_object();
      found["value_before"] = tried_[bisection.good()]["value"];
      report["first_bad"] = std::move(found);
    }
    report["suspects"] = std::move(suspects);
    return Json(std::move(report));
  }

  Client& client_;
  const BisectOptions& options_;
  Client own_;  // the server that runs the steps
  const fs::path data_;
  Metric metric_;
  Checkout checkout_;
  std::vector<Point> points_;
  std::map<std::size_t, JsonObject> tried_;  // by place
  double good_ = 0, bad_ = 0;
  std::string problem_;
};

std::string data_words(const Json& point) {
  std::string words;
  for (const auto& [name, version] : member_at(point, "data").as_object())
    words +=
        fmt::format("{}{}@{}", words.empty() ? "" : ", ", std::string_view(name), cell(version));
  return words;
}

std::string change_words(const Json& change) {
  if (text_at(change, "kind") == "commit") {
    std::string words =
        fmt::format("commit {} {}\n", text_at(change, "commit"), text_at(change, "what"));
    for (const Json& file : member_at(change, "files").as_array())
      words += "  " + cell(file) + "\n";
    return words;
  }
  std::string words =
      fmt::format("dataset {} version {}, after {}: {}\n", text_at(change, "dataset"),
                  text_at(change, "version"), text_at(change, "before"), text_at(change, "what"));
  if (const Json& rows = member_at(change, "rows"); rows.is_object())
    words += fmt::format("  {} rows added, {} removed, {} changed\n", text_at(rows, "added"),
                         text_at(rows, "removed"), text_at(rows, "changed"));
  return words;
}

}  // namespace

Result<Json> bisect(Client& client, const BisectOptions& options) {
  Server server = TRY(start_ci_server(options.cache));
  const Scratch data = TRY(Scratch::make("bisect-data"));
  return Bisect(client, options, server.context(), data.path()).run();
}

std::string bisect_text(const Json& report) {
  JsonArray rows;
  for (const Json& point : member_at(report, "tried").as_array()) {
    JsonObject row = point.as_object();
    row["commit"] = text_at(point, "commit").substr(0, kCommitShown);
    row["data"] = data_words(point);
    rows.push_back(std::move(row));
  }
  std::string out = table(rows, {{"COMMIT", "commit"},
                                 {"DATA", "data"},
                                 {"VALUE", "value"},
                                 {"VERDICT", "verdict"},
                                 {"CHANGE", "what"},
                                 {"", "note"}}) +
                    "\n";
  const Json& found = member_at(report, "first_bad");
  if (found.is_object())
    return out + fmt::format("{} went from {} to {} with\n{}", text_at(report, "metric"),
                             text_at(found, "value_before"), text_at(found, "value"),
                             change_words(found));
  out += "one of these changed it; what can't be run can't be told apart:\n";
  for (const Json& one : member_at(report, "suspects").as_array()) out += change_words(one);
  return out;
}

}  // namespace slipway::cli
