#include "cli/why.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "cli/changed.h"
#include "cli/git.h"
#include "cli/lineage_chain.h"
#include "cli/made_from.h"
#include "cli/model_files.h"
#include "cli/run_record.h"
#include "cli/table.h"
#include "types/timestamp.h"

namespace slipway::cli {
namespace {

constexpr std::size_t kInputsShown = 5, kSuspectsShown = 5, kCausesShown = 5, kLogLinesShown = 15;
constexpr std::string_view kModels = "models:/", kAlert = "alert:", kIncident = "incident:";

std::string by(const Json& of) {
  const std::string actor = text_at(of, "actor");
  return actor.empty() ? "" : " by " + actor;
}

std::string because(const Json& of) {
  const std::string reason = text_at(of, "reason");
  return reason.empty() ? "" : ": " + reason;
}

// The last lines of a text.
std::string tail(const std::string& text) {
  std::size_t at = text.size() - (text.ends_with('\n') ? 1 : 0);
  for (std::size_t lines = 0; lines < kLogLinesShown && at != std::string::npos && at > 0; ++lines)
    at = text.rfind('\n', at - 1);
  return at == std::string::npos || at == 0 ? text : text.substr(at + 1);
}

class Why {
 public:
  Why(Client& client, const ModelRuntimes& runtimes) : client_(client), runtimes_(runtimes) {}

  JsonObject take(const std::string& id) {
    return {{"why", id}, {"links", std::move(links_)}, {"changes", std::move(changes_)}};
  }

  Result<void> add_request(const std::string& endpoint, const std::string& id) {
    const LoggedRequest request = TRY(find_logged_request(client_, endpoint, id));
    const Json& answer = member_at(request.answer, "prediction");
    add("prediction", endpoint + "/" + id,
        fmt::format(
            "{} was asked for at {} and answered by {} of revision {} in {} us",
            cell(answer.is_null() ? member_at(request.answer, "prediction_values") : answer),
            text_at(request.row, "event_time"), request.model, text_at(request.row, "revision"),
            text_at(request.answer, "latency_us")));
    if (const std::string broken = text_at(request.answer, "input_violations"); !broken.empty())
      add("inputs", id, "they broke rules: " + broken);
    TRY(add_inputs(request));
    TRY(add_revision(endpoint, member_at(request.row, "revision").to_number<std::int64_t>()));
    return add_version(request.model);
  }

  // Where an alias points, and who let it.
  Result<void> add_alias(const std::string& model, const std::string& alias) {
    const Json moves =
        TRY(client_.get(path_of("/slipway/v1/models/{}/alias-moves?alias={}", {model, alias})));
    if (list_at(moves, "moves").empty()) return {};
    const Json& move = list_at(moves, "moves").front();
    add("alias", fmt::format("models:/{}@{}", model, alias),
        fmt::format(
            "moved from {} to version {} at {}{}{}",
            member_at(move, "from").is_null() ? "nowhere" : "version " + text_at(move, "from"),
            text_at(move, "to"), text_at(move, "time"), by(move), because(move)));
    const Json protection = TRY(client_.get(path_of("/slipway/v1/models/{}/aliases", {model})));
    for (const Json& one : list_at(protection, "aliases")) {
      if (text_at(one, "alias") != alias) continue;
      std::string words = member_at(one, "gated") == Json(true)
                              ? "only what a gate has passed may be there"
                              : "anybody who may write the model may move it";
      if (const JsonArray& approvers = list_at(one, "approvers"); !approvers.empty())
        words += "; it needs the approval of " + cell(Json(approvers));
      add("protection", alias, words);
    }
    return add_approvals(model, alias, text_at(move, "to"));
  }

  Result<void> add_version(const std::string& uri) {
    const Json version = TRY(find_model_version(client_, uri));
    const std::string model = text_at(version, "name"), number = text_at(version, "version");
    const std::string run = text_at(version, "run_id");
    add("model", fmt::format("models:/{}/{}", model, number),
        run.empty() ? "registered from " + text_at(version, "source") + ", of no run"
                    : "registered from run " + run);
    const Json gates = TRY(client_.get(path_of("/slipway/v1/models/{}/gates?limit=1000", {model})));
    for (const Json& gate : list_at(gates, "gates")) {
      if (text_at(gate, "promoted_version") == number ||
          text_at(gate, "candidate_version") == number)
        add("gate", text_at(gate, "id"),
            fmt::format("{} (asked{} at {})", text_at(gate, "sentence"), by(gate),
                        text_at(gate, "time")));
    }
    if (!run.empty()) TRY(add_run(run));
    return add_changes(model, number);
  }

  Result<void> add_run(const std::string& id) {
    const auto run = RunRecord::load(client_, id);
    if (!run && run.error().code == Code::kNotFound) {
      add("run", id, "this server doesn't have it");
      return {};
    }
    if (!run) return run.error();
    std::string words = run->name() + " " + run->info("status");
    for (const auto& [name, value] : run->metrics())
      if (!name.starts_with("system/")) words += fmt::format(", {} {:.6g}", name, value);
    const std::string step = run->tag("slipway.step");
    if (!step.empty()) words += ", in step " + step;
    add("run", id, words);
    if (const auto origin = TRY(run->origin(client_))) add_pipeline_words(origin->run);
    return add_sources(id);
  }

  Result<void> add_pipeline_run(const Json& run) {
    add_pipeline_words(run);
    for (const Json& step : list_at(run, "steps"))
      TRY(add_step(text_at(run, "id"), step, Log::kOfFailed));
    return add_sources(text_at(run, "id"));
  }

  enum class Log { kOfFailed, kNone };
  Result<void> add_step(const std::string& run, const Json& step, Log log) {
    const std::string name = text_at(step, "name"), state = text_at(step, "state");
    const auto said =
        client_.get(path_of("/slipway/v1/pipeline-runs/{}/steps/{}/why", {run, name}));
    std::string words = state + because(step);
    if (said && text_at(*said, "why") != text_at(step, "reason"))
      words += "; " + text_at(*said, "why");
    add("step", run + "/" + name, words);
    if (log == Log::kNone || (state != "failed" && state != "refused")) return {};
    const auto wrote =
        client_.fetch(path_of("/slipway/v1/pipeline-runs/{}/steps/{}/log", {run, name}));
    if (wrote && !wrote->body.empty()) add("log", name, tail(wrote->body));
    return {};
  }

  Result<void> add_alert(const std::string& id) {
    const Json alert = TRY(client_.get(path_of("/slipway/v1/alerts/{}", {id})));
    add("alert", id,
        fmt::format("{}/{} fired at {}: {} of the {} from {} was {}, against {}{}; it is {}",
                    text_at(alert, "monitor"), text_at(alert, "alert"), text_at(alert, "time"),
                    text_at(alert, "metric"), text_at(alert, "window"),
                    text_at(alert, "window_start"), text_at(alert, "value"),
                    text_at(alert, "threshold"),
                    text_at(alert, "why").empty() ? "" : " (" + text_at(alert, "why") + ")",
                    text_at(alert, "state")));
    const JsonArray& causes = list_at(alert, "causes");
    for (std::size_t i = 0; i < std::min(causes.size(), kCausesShown); ++i)
      add("moved", text_at(causes[i], "feature"),
          text_at(causes[i], text_at(causes[i], "unit").empty() ? "how" : "unit"));
    for (const Json& action : list_at(alert, "actions"))
      add("action", text_at(action, "kind"),
          fmt::format(
              "{}{}{}", text_at(action, "state"), because(action),
              text_at(action, "run_id").empty() ? "" : ", run " + text_at(action, "run_id")));
    TRY(add_incidents_of(alert));
    const auto made =
        find_made_from(client_, text_at(alert, "window_start"), text_at(alert, "endpoint"));
    if (made) add("in charge", text_at(alert, "endpoint"), "at the window's start " + made->title);
    return {};
  }

  Result<void> add_incident(const std::string& id) {
    const Json incident = TRY(client_.get(path_of("/slipway/v1/incidents/{}", {id})));
    add("incident", id,
        fmt::format("{} ({}, {}) at {}, bad since {}, opened by {} at {}",
                    text_at(incident, "title"), text_at(incident, "severity"),
                    text_at(incident, "state"), text_at(incident, "endpoint"),
                    text_at(incident, "bad_since"), text_at(incident, "opened_by"),
                    text_at(incident, "opened")));
    for (const Json& entry : list_at(incident, "time_line")) {
      if (text_at(entry, "kind") == "signal")
        add("signal", text_at(entry, "subject"),
            text_at(entry, "time") + " " + text_at(entry, "words"));
    }
    add_suspects(incident);
    return {};
  }

 private:
  void add(std::string_view kind, const std::string& id, const std::string& words) {
    links_.push_back(JsonObject{{"kind", kind}, {"id", id}, {"words", words}});
  }

  Result<void> add_inputs(const LoggedRequest& request) {
    const auto files = ModelFiles::fetch(client_, request.model);
    const auto rows =
        files ? explain_again(files->path(), request, runtimes_) : Result<JsonArray>(files.error());
    if (!rows) {  // the rest is known all the same
      add("inputs", request.id, rows.error().message);
      return {};
    }
    std::string words;
    for (std::size_t i = 0; i < std::min(rows->size(), kInputsShown); ++i) {
      const Json& row = (*rows)[i];
      words += fmt::format("{}{} = {} ({:+.4g})", i == 0 ? "" : ", ", text_at(row, "input"),
                           cell(member_at(row, "value")),
                           member_at(row, "contribution").to_number<double>());
    }
    add("inputs", request.id, words + ", by what each adds to the answer's sum");
    return {};
  }

  Result<void> add_revision(const std::string& endpoint, std::int64_t number) {
    const Json reply =
        TRY(client_.get(path_of("/slipway/v1/endpoints/{}/revisions?limit=1&before={}",
                                {endpoint, std::to_string(number + 1)})));
    for (const Json& revision : list_at(reply, "revisions"))
      add("revision", fmt::format("{}/{}", endpoint, number),
          fmt::format("{}{} at {}{}", text_at(revision, "kind"), by(revision),
                      text_at(revision, "time"), because(revision)));
    return {};
  }

  Result<void> add_approvals(const std::string& model, const std::string& alias,
                             const std::string& version) {
    const Json events = TRY(client_.get(path_of(
        "/slipway/v1/events?subject={}&kind=alias.approved&order=newest", {"models/" + model})));
    for (const Json& event : list_at(events, "events")) {
      if (text_at(event, "payload.alias") != alias || text_at(event, "payload.version") != version)
        continue;
      add("approval", alias,
          fmt::format("{} approved version {} at {}{}", text_at(event, "actor"), version,
                      text_at(event, "event_time"), because(member_at(event, "payload"))));
    }
    return {};
  }

  void add_pipeline_words(const Json& run) {
    add("pipeline", text_at(run, "id"),
        fmt::format("{} {}, started{} at {}{}", text_at(run, "pipeline"), text_at(run, "state"),
                    by(run), text_at(run, "now"), because(run)));
  }

  // Code and data.
  Result<void> add_sources(const std::string& run) {
    const MadeFrom made = TRY(find_made_from(client_, run, ""));
    if (!made.commit.empty()) {
      std::string words;
      std::error_code ignored;
      if (std::filesystem::is_directory(made.folder, ignored)) {
        if (const auto commit = TRY(find_commit(made.commit, made.folder)))
          words = TRY(git({"log", "-1", "--format=%s (%an, %cI)", *commit}, made.folder)).text;
      }
      add("code", made.commit, words);
    }
    for (const auto& [name, used] : made.datasets)
      add("data", "dataset:" + name,
          used.version == 0 ? "digest " + used.digest.substr(0, 12)
                            : fmt::format("version {}", used.version));
    for (const auto& [name, value] : made.inputs)
      if (name.starts_with("model:")) add("data", name, "was " + value);
    return {};
  }

  // Beside the version that was registered before.
  Result<void> add_changes(const std::string& model, const std::string& number) {
    const std::int64_t version = std::strtoll(number.c_str(), nullptr, 10);
    if (version <= 1) return {};
    const auto before =
        find_made_from(client_, fmt::format("models:/{}/{}", model, version - 1), "");
    if (!before && before.error().code == Code::kNotFound) return {};  // deleted
    if (!before) return before.error();
    changes_ = TRY(what_changed(
        client_, *before,
        TRY(find_made_from(client_, fmt::format("models:/{}/{}", model, version), ""))));
    return {};
  }

  // The one that the alert is part of says what changed before.
  Result<void> add_incidents_of(const Json& alert) {
    const Json incidents = TRY(
        client_.get(path_of("/slipway/v1/incidents?endpoint={}", {text_at(alert, "endpoint")})));
    for (const Json& incident : list_at(incidents, "incidents")) {
      const std::string until = text_at(incident, "resolved");
      if (text_at(incident, "opened") > text_at(alert, "time") ||
          (!until.empty() && until < text_at(alert, "time")))
        continue;
      const std::string id = text_at(incident, "id");
      add("incident", id, text_at(incident, "title"));
      add_suspects(TRY(client_.get(path_of("/slipway/v1/incidents/{}", {id}))));
      return {};
    }
    return {};
  }

  void add_suspects(const Json& incident) {
    const JsonArray& suspects = list_at(incident, "suspects");
    for (std::size_t i = 0; i < std::min(suspects.size(), kSuspectsShown); ++i)
      add("suspect", text_at(suspects[i], "subject"),
          fmt::format("{:.2f}: {} at {} ({})", member_at(suspects[i], "score").to_number<double>(),
                      text_at(suspects[i], "words"), text_at(suspects[i], "time"),
                      text_at(suspects[i], "why")));
  }

  Client& client_;
  const ModelRuntimes& runtimes_;
  JsonArray links_;
  Json changes_;
};

// False: there is no such run of a pipeline.
Result<bool> add_pipeline(Client& client, const std::string& id, Why& why) {
  const std::size_t slash = id.find('/');
  const std::string name = id.substr(0, slash);
  const auto run = client.get(path_of("/slipway/v1/pipeline-runs/{}", {name}));
  if (!run && run.error().code == Code::kNotFound) return false;
  if (!run) return run.error();
  if (slash == std::string::npos) {
    TRY(why.add_pipeline_run(*run));
    return true;
  }
  const Json* step = find_step(list_at(*run, "steps"), id.substr(slash + 1));
  if (step == nullptr)
    return base::error(Code::kNotFound, "the run has no such step: run={} step={}", name,
                       id.substr(slash + 1));
  TRY(why.add_step(name, *step, Why::Log::kOfFailed));
  return true;
}

}  // namespace

Result<Json> find_why(Client& client, const std::string& id, const std::string& endpoint,
                      const ModelRuntimes& runtimes) {
  Why why(client, runtimes);
  if (id.starts_with(kModels)) {
    if (const std::size_t at = id.find('@'); at != std::string::npos)
      TRY(why.add_alias(id.substr(kModels.size(), at - kModels.size()), id.substr(at + 1)));
    TRY(why.add_version(id));
  } else if (id.starts_with(kAlert)) {
    TRY(why.add_alert(id.substr(kAlert.size())));
  } else if (id.starts_with(kIncident)) {
    TRY(why.add_incident(id.substr(kIncident.size())));
  } else if (!endpoint.empty()) {
    TRY(why.add_request(endpoint, id));
  } else if (const auto run = RunRecord::load(client, id)) {
    TRY(why.add_run(id));
  } else if (run.error().code != Code::kNotFound) {
    return run.error();
  } else if (!TRY(add_pipeline(client, id, why))) {
    const auto found = endpoint_of_request(client, id);
    if (!found && found.error().code == Code::kNotFound)
      return base::error(Code::kNotFound,
                         "no run, step or logged request has this id, and it is no "
                         "models:/NAME/VERSION, alert:ID or incident:ID: {}",
                         id);
    TRY(why.add_request(TRY(found), id));
  }
  return Json(why.take(id));
}

std::string why_text(const Json& why) {
  std::string out = text_at(why, "why") + "\n";
  for (const Json& link : member_at(why, "links").as_array()) {
    std::string words = text_at(link, "words");
    for (std::size_t at = 0; (at = words.find('\n', at)) != std::string::npos; at += 15)
      words.replace(at, 1, "\n              ");
    out += fmt::format("  {:<12}{}{}{}\n", text_at(link, "kind"), text_at(link, "id"),
                       words.empty() ? "" : ": ", words);
  }
  const Json& changes = member_at(why, "changes");
  if (changes.is_object())
    out += fmt::format("\nchanged since {}\n", text_at(changes, "before")) + changes_text(changes);
  return out;
}

}  // namespace slipway::cli
