#include "cli/prediction_reproduce.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "cli/difference.h"
#include "cli/model_files.h"
#include "cli/run_record.h"
#include "cli/table.h"
#include "serving/logged_answer.h"

namespace slipway::cli {
namespace {

template <typename... Args>
Error cannot(fmt::format_string<Args...> format, Args&&... args) {
  return base::error(Code::kFailedPrecondition, "can't be reproduced: {}",
                     fmt::format(format, std::forward<Args>(args)...));
}

Comparison compare_answer(const Json& logged, const std::vector<serving::Output>& outputs,
                          double tolerance) {
  Comparison found;
  if (const Json& number = member_at(logged, "prediction"); number.is_number()) {
    found =
        compare_numbers(number.to_number<double>(), serving::logged_number(outputs, 0), tolerance);
    found.where = outputs.empty() ? "" : outputs.front().name;
  }
  const std::string values = cell(member_at(logged, "prediction_values"));
  const auto before = base::parse_json(values);
  if (member_at(logged, "prediction_values").is_null() || !before) return found;
  // The log may have shortened what was too long, then what is compared is what it kept.
  std::optional<Comparison> nearest;
  for (const std::size_t values_max : {std::numeric_limits<std::size_t>::max(), outputs.size()}) {
    const auto now = base::parse_json(serving::logged_values(outputs, 0, values_max));
    if (!now) continue;
    const Comparison one = compare_json(*before, *now, tolerance);
    if (!nearest || one.sameness < nearest->sameness) nearest = one;
  }
  if (nearest) found.add(*nearest);
  return found;
}

Json scored(std::string_view by, const std::string& files, const Json& logged,
            const std::vector<serving::Output>& outputs, double tolerance, Sameness& verdict) {
  const Comparison comparison = compare_answer(logged, outputs, tolerance);
  verdict = std::max(verdict, comparison.sameness);
  const Json& number = member_at(logged, "prediction");
  JsonObject row = comparison.to_json();
  row["by"] = by;
  row["model"] = files;
  row["logged"] = number.is_number() ? number : member_at(logged, "prediction_values");
  row["again"] =
      number.is_number()
          ? base::number_or_null(serving::logged_number(outputs, 0))
          : Json(serving::logged_values(outputs, 0, std::numeric_limits<std::size_t>::max()));
  return row;
}

// Where in a run the version's files are: "model" of runs:/ID/model, or a logged model's name.
Result<std::string> path_in_run(Client& client, const Json& version, const std::string& run) {
  const std::string source = cell(member_at(version, "source"));
  if (source.starts_with("models:/m-")) {
    for (const auto& [name, id] : TRY(TRY(RunRecord::load(client, run)).models(client))) {
      if (source == "models:/" + id) return name;
    }
  }
  for (const std::string& begin : {"runs:/" + run + "/", run + "/artifacts/"}) {
    if (const std::size_t at = source.find(begin); at != std::string::npos)
      return source.substr(at + begin.size());
  }
  return cannot("the version's files are not in its run: source={}", source);
}

}  // namespace

Result<Json> reproduce_model_run(Client& client, const Context& context, const Json& version,
                                 const ReproduceOptions& options) {
  const std::string uri = fmt::format("models:/{}/{}", cell(member_at(version, "name")),
                                      cell(member_at(version, "version")));
  const Json& run = member_at(version, "run_id");
  if (!run.is_string() || run.get_string().empty())
    return cannot("{} names no run that it came from", uri);
  auto report = reproduce_run(client, context, cell(run), options);
  if (!report && report.error().code == Code::kNotFound)
    return cannot("{} came from run {}, which this server doesn't have", uri, cell(run));
  return report;
}

Result<Json> reproduce_prediction(Client& client, const Context& context,
                                  const PredictionOptions& options) {
  const LoggedRequest request = TRY(find_logged_request(client, options.endpoint, options.request));
  const std::string& uri = request.model;
  const double tolerance = options.how.tolerance;
  Sameness verdict = Sameness::kBitEqual;
  JsonArray rows;
  {
    const ModelFiles files = TRY(ModelFiles::fetch(client, uri));
    rows.push_back(scored("the stored model", uri, request.answer,
                          TRY(ask_again(files.path(), request, options.runtimes)), tolerance,
                          verdict));
  }
  JsonObject report{{"request", options.request},
                    {"endpoint", options.endpoint},
                    {"revision", member_at(request.row, "revision")},
                    {"model", uri}};
  if (options.retrain) {
    const Json version = TRY(find_model_version(client, uri));
    const Json training = TRY(reproduce_model_run(client, context, version, options.how));
    const std::string made =
        fmt::format("runs:/{}/{}", cell(member_at(training, "reproduction")),
                    TRY(path_in_run(client, version, cell(member_at(training, "run")))));
    const ModelFiles files = TRY(ModelFiles::fetch(client, made));
    rows.push_back(scored("the model made again", made, request.answer,
                          TRY(ask_again(files.path(), request, options.runtimes)), tolerance,
                          verdict));
    report["training"] = training;
  }
  report["scored"] = std::move(rows);
  report["verdict"] = sameness_word(verdict);
  report["equal"] = verdict != Sameness::kDifferent;
  return Json(std::move(report));
}

std::string prediction_reproduction_text(const Json& report) {
  std::string out;
  if (const Json& training = member_at(report, "training"); training.is_object())
    out = run_reproduction_text(training) + "\n";
  JsonArray rows;
  for (const Json& row : member_at(report, "scored").as_array()) {
    JsonObject shown = row.as_object();
    shown.emplace("where", "");
    rows.push_back(std::move(shown));
  }
  out += table(rows, {{"BY", "by"},
                      {"MODEL", "model"},
                      {"LOGGED", "logged"},
                      {"AGAIN", "again"},
                      {"STATE", "state"},
                      {"WHERE", "where"}});
  return out + fmt::format("request {} of {}, answered by revision {}: {}\n",
                           cell(member_at(report, "request")), cell(member_at(report, "endpoint")),
                           cell(member_at(report, "revision")), cell(member_at(report, "verdict")));
}

}  // namespace slipway::cli
