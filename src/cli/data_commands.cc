#include "cli/data_commands.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>

#include "cli/commands.h"
#include "cli/erase_commands.h"
#include "cli/online_commands.h"
#include "cli/rules_command.h"
#include "cli/verb.h"
#include "cli/versions/version_commands.h"
#include "store/file_system.h"

namespace slipway::cli {
namespace {

struct Ingest {
  std::vector<std::string> names;
  std::string path;
  bool pushed = false, anew = false, accept = false;
};

// "2 of 7 failed: rows_min, age_max"; "7 hold"; nothing where none is declared.
std::string checks_words(const Json& version) {
  const Json& checks = member_at(version, "checks");
  if (!checks.is_array() || checks.get_array().empty()) return "";
  std::vector<std::string> failed;
  for (const Json& check : checks.get_array()) {
    if (member_at(check, "holds") == Json(false)) failed.push_back(cell(member_at(check, "check")));
  }
  const std::size_t all = checks.get_array().size();
  if (failed.empty()) return fmt::format("{} hold", all);
  return fmt::format("{} of {} failed: {}", failed.size(), all, fmt::join(failed, ", "));
}

std::int64_t number_at(const Json& of, std::string_view member) {
  const Json& value = member_at(of, member);
  return value.is_number() ? value.to_number<std::int64_t>() : 0;
}

// What a table has no place for: how many rows break which rule, the first of them, and notes.
// Nothing of a version that has neither.
std::string findings(Client& client, const Json& version) {
  constexpr int kExamples = 3;
  const std::string dataset = cell(member_at(version, "dataset"));
  const std::int64_t number = number_at(version, "version"),
                     aside = number_at(version, "quarantined"),
                     flagged = number_at(version, "flagged");
  std::string out;
  const Json& broken = member_at(version, "violations");
  if (broken.is_object() && !broken.get_object().empty()) {
    // Versions of before don't know how many are flagged; rows put aside may have been erased.
    out += aside + flagged == 0
               ? fmt::format("{} version {}: rows broke a rule\n", dataset, number)
               : fmt::format("{} version {}: {} rows break a rule and {}\n", dataset, number,
                             aside + flagged,
                             aside > 0 ? "are put aside" : "stay (on_violation: flag)");
    for (const auto& [rule, rows] : broken.get_object())
      out += fmt::format("  {}: {} rows\n", shown_cell(Json(rule)), cell(rows));
    const auto examples =
        client.get(path_of("/slipway/v1/datasets/{}/quarantine?version={}&limit={}",
                           {dataset, std::to_string(number), std::to_string(kExamples)}));
    if (examples) {
      for (const Json& row : member_at(*examples, "rows").as_array())
        out += fmt::format("  row {}: {}\n", cell(member_at(row, "_row")),
                           shown_cell(member_at(row, "_reason")));
    }
  }
  const Json& notes = member_at(version, "notes");
  if (notes.is_array()) {
    for (const Json& note : notes.get_array())
      out += fmt::format("{} version {}: note: {}\n", dataset, number, shown_cell(note));
  }
  return out;
}

// `reply`: {"snapshots": [...]} and what else JSON says.
int tell_versions(Context& context, JsonObject reply, const std::string& found) {
  const int code = finish_table(context, Json(std::move(reply)), "snapshots",
                                {{"DATASET", "dataset"},
                                 {"VERSION", "version"},
                                 {"ROWS", "rows"},
                                 {"QUARANTINED", "quarantined"},
                                 {"FLAGGED", "flagged"},
                                 {"CHECKS", "checks"},
                                 {"NEW", "new"},
                                 {"DIGEST", "digest"}});
  if (!context.json) std::fwrite(found.data(), 1, found.size(), stdout);
  return code;
}

int ingest(Context& context, const Ingest& options) {
  Client client(context);
  JsonArray snapshots, failures;
  std::vector<Error> errors;
  std::string found;
  for (const std::string& name : options.names) {
    if (!context.json) std::fprintf(stderr, "reading %s ...\n", name.c_str());
    JsonObject body;
    if (options.pushed) body["pushed"] = true;
    if (options.anew) body["anew"] = true;
    if (options.accept) body["accept"] = true;
    if (!options.path.empty()) body["path"] = std::filesystem::absolute(options.path).string();
    const auto reply = client.post(path_of("/slipway/v1/datasets/{}/ingest", {name}), body);
    if (!reply) {  // the others come in all the same
      errors.push_back(reply.error());
      failures.push_back(JsonObject{{"dataset", name}, {"error", reply.error().message}});
      continue;
    }
    if (!context.json) found += findings(client, member_at(*reply, "snapshot"));
    JsonObject snapshot = member_at(*reply, "snapshot").as_object();
    snapshot["new"] = member_at(*reply, "new");
    if (!context.json) snapshot["checks"] = checks_words(Json(snapshot));
    snapshots.push_back(std::move(snapshot));
  }
  int code = kOk;
  if (context.json || !snapshots.empty()) {
    code = tell_versions(
        context, {{"snapshots", std::move(snapshots)}, {"failures", std::move(failures)}}, found);
  }
  for (const Error& error : errors) {
    const int failed = fail(error, context);
    if (code == kOk) code = failed;  // the first
  }
  return code;
}

struct Quarantine {
  static constexpr std::int64_t kLimitMax = 10'000;  // as the server gives at once
  std::string name;
  std::optional<std::int64_t> version;
  std::int64_t limit = 100;
  bool accept = false;
};

// Rows that were put aside, again.
int replay(Context& context, const Quarantine& options) {
  Client client(context);
  JsonObject body;
  if (options.version) body["version"] = *options.version;
  if (options.accept) body["accept"] = true;
  const auto reply =
      client.post(path_of("/slipway/v1/datasets/{}/quarantine/replay", {options.name}), body);
  if (!reply) return fail(reply.error(), context);
  JsonObject snapshot = member_at(*reply, "snapshot").as_object();
  snapshot["new"] = member_at(*reply, "new");
  const std::string found =
      member_at(*reply, "new") == Json(true)
          ? findings(client, member_at(*reply, "snapshot"))
          : "none of the rows put aside came in: they break a rule, or are here already\n";
  if (!context.json) snapshot["checks"] = checks_words(Json(snapshot));
  return tell_versions(context, {{"snapshots", JsonArray{std::move(snapshot)}}}, found);
}

// Reason and row number first, then the dataset's own columns.
std::string show_quarantine(const Json& reply) {
  const std::int64_t flagged = number_at(reply, "flagged");
  std::string out =
      fmt::format("{} rows of {} version {} {}\n",
                  flagged > 0 ? std::to_string(flagged) : cell(member_at(reply, "quarantined")),
                  cell(member_at(reply, "dataset")), cell(member_at(reply, "version")),
                  flagged > 0 ? "break a rule and stay (on_violation: flag); the first of them:"
                              : "were put aside");
  const JsonArray& rows = member_at(reply, "rows").as_array();
  std::vector<TableColumn> columns;
  if (!rows.empty()) {
    for (const auto& [name, value] : rows.front().as_object()) {
      columns.push_back({std::string(name), std::string(name)});
    }
    std::stable_partition(columns.begin(), columns.end(),
                          [](const TableColumn& column) { return column.member[0] == '_'; });
    out += table(rows, columns);
  }
  const std::int64_t all = flagged > 0 ? flagged : number_at(reply, "quarantined");
  if (all > std::ssize(rows)) out += fmt::format("... and {} more\n", all - std::ssize(rows));
  return out;
}

}  // namespace

void add_data_commands(CLI::App& root, Context& context, int& exit_code) {
  CLI::App* data = root.add_subcommand(
      "data", "Versions of folders; datasets of the project and what is wrong with rows");
  data->require_subcommand(1);
  add_version_commands(*data, context, exit_code);
  add_rules_command(*data, context, exit_code);
  add_erase_commands(*data, context, exit_code);

  auto options = std::make_shared<Ingest>();
  CLI::App* add =
      data->add_subcommand("ingest", "Read, validate and keep a dataset's file as a version");
  add->add_option("names", options->names, "Datasets as declared")->required();
  add->add_option("--path", options->path, "Another file than the declared one");
  add->add_flag("--pushed", options->pushed,
                "Keep the newest version and what was pushed since, by API or from topics");
  add->add_flag("--accept", options->accept,
                "Also when it differs from the last version by more than the checks allow");
  add->add_flag("--anew", options->anew,
                "Also when columns of the last version are gone or have another type");
  add->callback([&context, &exit_code, options] { exit_code = ingest(context, *options); });

  CLI::App* list = data->add_subcommand("list", "Every dataset with its newest version");
  list->callback([&context, &exit_code] {
    exit_code = finish_table(context, Client(context).get("/slipway/v1/datasets"), "datasets",
                             {{"DATASET", "name"},
                              {"VERSION", "latest.version"},
                              {"ROWS", "latest.rows"},
                              {"QUARANTINED", "latest.quarantined"},
                              {"DIGEST", "latest.digest"}});
  });

  auto name = std::make_shared<std::string>();
  CLI::App* show = data->add_subcommand("show", "Versions of a dataset");
  show->add_option("name", *name)->required();
  show->callback([&context, &exit_code, name] {
    Client client(context);
    auto found = client.get(path_of("/slipway/v1/datasets/{}", {*name}));
    std::string of_newest;
    if (found && !context.json) {
      if (member_at(*found, "latest").is_object())
        of_newest = findings(client, member_at(*found, "latest"));
      for (Json& version : found->as_object()["versions"].as_array()) {
        JsonObject& row = version.as_object();
        row["checks"] = checks_words(version);
        if (const Json& removed = member_at(version, "rows_removed_at"); removed.is_string())
          row["rows"] = fmt::format("{}, removed at {}", cell(row["rows"]), cell(removed));
      }
    }
    exit_code = finish_table(context, std::move(found), "versions",
                             {{"VERSION", "version"},
                              {"ROWS", "rows"},
                              {"QUARANTINED", "quarantined"},
                              {"FLAGGED", "flagged"},
                              {"CHECKS", "checks"},
                              {"ARRIVED", "arrival_time"},
                              {"DIGEST", "digest"}});
    std::fwrite(of_newest.data(), 1, of_newest.size(), stdout);
  });

  auto aside = std::make_shared<Quarantine>();
  CLI::App* quarantine =
      data->add_subcommand("quarantine", "Rows that were put aside or are flagged, and why");
  quarantine->add_option("name", aside->name, "Dataset; or `replay` and its name");
  quarantine->add_option("--version", aside->version, "Of this version, not the newest");
  quarantine->add_option("--limit", aside->limit, "At most so many rows")
      ->check(CLI::Range(std::int64_t{1}, Quarantine::kLimitMax))
      ->capture_default_str();
  CLI::App* again = quarantine->add_subcommand(
      "replay", "Check rows put aside by the rules of today, and take in those that hold");
  again->add_option("name", aside->name)->required();
  again->add_option("--version", aside->version, "Those of this version, not of the newest");
  again->add_flag("--accept", aside->accept,
                  "Also when the version differs from the last by more than the checks allow");
  again->callback([&context, &exit_code, aside] { exit_code = replay(context, *aside); });
  quarantine->callback([&context, &exit_code, aside, again] {
    if (again->parsed()) return;
    if (aside->name.empty()) throw CLI::RequiredError("name");
    const std::string path = path_of("/slipway/v1/datasets/{}/quarantine", {aside->name}) +
                             fmt::format("?limit={}", aside->limit) +
                             (aside->version ? fmt::format("&version={}", *aside->version) : "");
    exit_code = finish(context, Client(context).get(path), show_quarantine);
  });
}

namespace {

struct HistoryOptions {
  std::string service, entities, label, as_of, from, until, format, out;
};

std::string in_words(double seconds) {
  if (seconds < 90) return fmt::format("{:.0f} s", seconds);
  return seconds < 5'400 ? fmt::format("{:.0f} min", seconds / 60)
                         : fmt::format("{:.1f} h", seconds / 3'600);
}

// "120000 of 1000000 rows, 40000 rows/s, 22 s left"
std::string show_progress(const Json& of) {
  const auto number = [&](const char* name) { return member_at(of, name).to_number<double>(); };
  const double done = number("entity_rows_done"), all = number("entity_rows"),
               rate = (number("rows") - number("rows_found")) / std::max(number("seconds"), 1e-3);
  if (all == 0) return "";
  std::string text = fmt::format("{:.0f} of {:.0f} rows", done, all);
  if (rate > 0)
    text += fmt::format(", {:.0f} rows/s, {} left", rate, in_words((all - done) / rate));
  return text;
}

// Says on stderr how far a training set is, until it is destroyed.
class ProgressTeller {
 public:
  ProgressTeller(Context& context, std::string mark)
      : thread_([this, &context, mark = std::move(mark)] {
          Client client(context);
          while (!wait()) {
            const auto reply = client.get("/slipway/v1/features/history");
            if (!reply) continue;
            for (const Json& of : member_at(*reply, "running").as_array()) {
              if (member_at(of, "mark") != Json(mark)) continue;
              if (const std::string text = show_progress(of); !text.empty())
                std::fprintf(stderr, "%s\n", text.c_str());
            }
          }
        }) {}
  ~ProgressTeller() {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

 private:
  // True: it is over.
  bool wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(2), [&] { return is_over_; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_over_ = false;
  std::thread thread_;  // last: it uses the others
};

int history(Context& context, const HistoryOptions& options) {
  std::string entities = options.entities;
  if (constexpr std::string_view prefix = "dataset:"; entities.starts_with(prefix))
    entities.erase(0, prefix.size());
  const std::string mark = fmt::format("{}-{}", ::getpid(), options.out);
  JsonObject body{{"service", options.service}, {"entities", entities}, {"mark", mark}};
  for (const auto& [key, value] : {std::pair("label", &options.label),
                                   {"as_of", &options.as_of},
                                   {"from", &options.from},
                                   {"until", &options.until},
                                   {"format", &options.format}}) {
    if (!value->empty()) body[key] = *value;
  }
  const auto written = [&] {
    const ProgressTeller teller(context, mark);
    return Client(context).download("/slipway/v1/features/history", body, options.out);
  }();
  if (!written) return fail(written.error(), context);
  const std::uintmax_t bytes = std::filesystem::file_size(options.out);
  const auto rows = [&](const char* header) {
    return std::strtoll(std::string(written->header(header)).c_str(), nullptr, 10);
  };
  if (context.json) {
    std::printf("%s\n", base::to_text(JsonObject{{"file", options.out},
                                                 {"bytes", bytes},
                                                 {"rows", rows("slipway-rows")},
                                                 {"rows_found", rows("slipway-rows-found")}})
                            .c_str());
    return kOk;
  }
  if (const long long found = rows("slipway-rows-found"); found > 0)
    std::fprintf(stderr, "%lld rows had been made before\n", found);
  std::fprintf(stderr, "wrote %s: %lld rows, %ju bytes\n", options.out.c_str(),
               rows("slipway-rows"), bytes);
  return kOk;
}

struct SkewOptions {
  std::string endpoint;
  std::optional<double> fail_over;
};

std::string percent(const Json& rate) {
  return rate.is_number() ? fmt::format("{:.4g}%", 100 * rate.to_number<double>()) : "-";
}

std::string show_skew(const Json& reply) {
  JsonArray rows;
  for (const Json& item : member_at(reply, "features").as_array()) {
    if (member_at(item, "current") != Json(true)) continue;
    JsonObject row = item.as_object();
    row["rate_text"] = percent(member_at(item, "rate"));
    row["between"] = fmt::format("{} - {}", percent(member_at(item, "rate_low")),
                                 percent(member_at(item, "rate_high")));
    const std::string detail = cell(member_at(item, "detail"));
    row["why"] = cell(member_at(item, "reason")) +
                 (detail.empty() || detail == "-" ? "" : " (" + detail + ")");
    rows.push_back(std::move(row));
  }
  std::string out = table(rows, {{"ENDPOINT", "endpoint"},
                                 {"FEATURE", "feature"},
                                 {"COMPARED", "compared"},
                                 {"DIFFERENT", "different"},
                                 {"RATE", "rate_text"},
                                 {"95 %", "between"},
                                 {"REASON", "why"},
                                 {"FIRST", "first.request"}});
  for (const Json& failure : member_at(reply, "failures").as_array()) {
    out += fmt::format("not measured: {}: {}\n", cell(member_at(failure, "endpoint")),
                       cell(member_at(failure, "why")));
  }
  return out;
}

int skew(Context& context, const SkewOptions& options) {
  const auto reply = Client(context).get(
      options.endpoint.empty()
          ? std::string("/slipway/v1/features/skew")
          : path_of("/slipway/v1/features/skew?endpoint={}", {options.endpoint}));
  const int code = finish(context, reply, show_skew);
  if (code != kOk || !options.fail_over) return code;
  for (const Json& item : member_at(*reply, "features").as_array()) {
    const Json& rate = member_at(item, "rate");
    const bool counts = member_at(item, "current") == Json(true) && rate.is_number();
    if (counts && rate.to_number<double>() > *options.fail_over) return kGateSaidNo;
  }
  return kOk;
}

struct ExplainOptions {
  std::string request, feature, endpoint;
};

std::string show_explained(const Json& reply) {
  std::string out =
      fmt::format("{} at {}, endpoint {}\n", cell(member_at(reply, "request")),
                  cell(member_at(reply, "event_time")), cell(member_at(reply, "endpoint")));
  for (const auto& [name, value] : member_at(reply, "asked").as_object())
    out += fmt::format("  {} = {}\n", std::string_view(name), cell(value));
  for (const Json& item : member_at(reply, "features").as_array()) {
    const Json& same = member_at(item, "same");
    out += fmt::format("\n{}: served {}, recomputed {}: {}\n", cell(member_at(item, "feature")),
                       cell(member_at(item, "served")), cell(member_at(item, "recomputed")),
                       same.is_null()       ? "not compared, the request lacks what it is made of"
                       : same == Json(true) ? "the same"
                                            : "different");
    for (const Json& reason : member_at(item, "reasons").as_array()) {
      out += fmt::format("  {}: {}\n", cell(member_at(reason, "reason")),
                         cell(member_at(reason, "detail")));
    }
    const JsonArray& rows = member_at(item, "rows").as_array();
    if (rows.empty()) continue;
    out += table(rows, {{"EVENT", "event_time"},
                        {"ARRIVED", "arrival_time"},
                        {"VALUE", "value"},
                        {"KNOWN", "known"}});
    const std::int64_t all = member_at(item, "rows_in_window").to_number<std::int64_t>();
    if (all > std::ssize(rows))
      out += fmt::format("... and {} older ones\n", all - std::ssize(rows));
  }
  return out;
}

int explain(Context& context, const ExplainOptions& options) {
  return finish(
      context,
      Client(context).get(path_of("/slipway/v1/features/explain?request={}&feature={}&endpoint={}",
                                  {options.request, options.feature, options.endpoint})),
      show_explained);
}

struct VersionOptions {
  std::string service;
  std::int64_t version = 0;  // 0: all
};

int show_versions(Context& context, const VersionOptions& options) {
  Result<Json> reply =
      Client(context).get(path_of("/slipway/v1/features/services/{}/versions", {options.service}));
  if (!reply || options.version == 0) {
    return finish(context, reply, [](const Json& all) {
      return table(member_at(all, "versions").as_array(),
                   {{"VERSION", "version"}, {"SINCE", "since"}});
    });
  }
  for (const Json& one : member_at(*reply, "versions").as_array()) {
    if (member_at(one, "version").to_number<std::int64_t>() != options.version) continue;
    return finish(context, one, [](const Json& found) {
      return base::to_text(member_at(found, "definition")) + "\n";
    });
  }
  return finish(context,
                base::error(Code::kNotFound,
                            "the feature service has no such version: service={} "
                            "version={}",
                            options.service, options.version),
                [](const Json&) { return std::string(); });
}

}  // namespace

void add_feature_commands(CLI::App& root, Context& context, int& exit_code) {
  CLI::App* features =
      root.add_subcommand("features", "Training sets and online features from one definition");
  features->require_subcommand(1);

  auto options = std::make_shared<HistoryOptions>();
  CLI::App* sets =
      features->add_subcommand("history", "A training set by point-in-time join, as Parquet");
  sets->add_option("service", options->service, "Feature service")->required();
  sets->add_option("--entities", options->entities, "dataset:NAME whose rows are asked for")
      ->required();
  sets->add_option("--label", options->label, "Such as \"late = arr_delay > 15\"");
  sets->add_option("--as-of", options->as_of,
                   "What is known when; also the end of what is asked for")
      ->required();
  sets->add_option("--from", options->from, "Only rows with an event time from here on");
  sets->add_option("--until", options->until, "Only rows with an event time before this");
  sets->add_option("--format", options->format, "parquet, or arrow: an Arrow stream");
  sets->add_option("--out", options->out, "File to write")->required();
  sets->callback([&context, &exit_code, options] { exit_code = history(context, *options); });

  add_online_commands(*features, context, exit_code);

  auto skewed = std::make_shared<SkewOptions>();
  CLI::App* meter = features->add_subcommand(
      "skew", "Served values that differ when they are recomputed, and why");
  meter->add_option("endpoint", skewed->endpoint, "Only this one");
  meter->add_option("--fail-over", skewed->fail_over,
                    "End with 3 when a feature's rate is over this share, such as 0.01");
  meter->callback([&context, &exit_code, skewed] { exit_code = skew(context, *skewed); });

  auto explained = std::make_shared<ExplainOptions>();
  CLI::App* why = features->add_subcommand(
      "explain", "A served request: its values, recomputed, and the rows they come from");
  why->add_option("request", explained->request, "Its id")->required();
  why->add_option("feature", explained->feature, "Only this one");
  why->add_option("--endpoint", explained->endpoint, "When several have such a request");
  why->callback([&context, &exit_code, explained] { exit_code = explain(context, *explained); });

  auto versioned = std::make_shared<VersionOptions>();
  CLI::App* versions = features->add_subcommand(
      "versions", "The definitions that a service has had, the newest first, and since when");
  versions->add_option("service", versioned->service, "Feature service")->required();
  versions->add_option("--version", versioned->version, "Show this one's definition")
      ->check(CLI::PositiveNumber);
  versions->callback(
      [&context, &exit_code, versioned] { exit_code = show_versions(context, *versioned); });

  CLI::App* list = features->add_subcommand(
      "list", "Sources, views and services, whose they are, what they give");
  list->callback([&context, &exit_code] {
    exit_code = finish(context, Client(context).get("/slipway/v1/features"), [](const Json& reply) {
      const std::vector<TableColumn> about = {
          {"OWNER", "owner"}, {"DESCRIPTION", "description"}, {"TAGS", "tags"}};
      const auto with_about = [&](std::vector<TableColumn> columns) {
        columns.insert(columns.end(), about.begin(), about.end());
        return columns;
      };
      std::string out = table(member_at(reply, "sources").as_array(),
                              with_about({{"SOURCE", "name"}, {"DATASET", "dataset"}})) +
                        "\n" +
                        table(member_at(reply, "views").as_array(),
                              with_about({{"VIEW", "name"}, {"SOURCE", "source"}})) +
                        "\n" +
                        table(member_at(reply, "services").as_array(),
                              with_about({{"SERVICE", "name"}, {"VERSION", "version"}}));
      for (const Json& service : member_at(reply, "services").as_array()) {
        out += "\n" + cell(member_at(service, "name")) + "\n";
        out += table(member_at(service, "outputs").as_array(),
                     {{"FEATURE", "name"}, {"TYPE", "type"}});
      }
      return out;
    });
  });
}

}  // namespace slipway::cli
