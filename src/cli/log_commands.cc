#include "cli/log_commands.h"

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/event_reader.h"
#include "cli/patience.h"
#include "cli/verb.h"

namespace slipway::cli {
namespace {

// Says of a step that was answered from cache whose log it is.
void tell_origin(const Json& steps, const std::string& name) {
  if (!steps.is_array()) return;
  for (const Json& step : steps.get_array()) {
    if (cell(member_at(step, "name")) == name && member_at(step, "cached") == Json(true))
      std::fprintf(stderr, "slipway: step %s came from cache, this is what was written then: %s\n",
                   name.c_str(), cell(member_at(step, "reason")).c_str());
    tell_origin(member_at(step, "items"), name);
  }
}

// Writes what a step has written and writes, until it is over; over restarts of the server, too.
int follow_log(const Context& context, const std::string& run, const std::string& step) {
  Client client(context);
  std::string last_id;
  bool is_over = false;
  // A server that isn't there at first is an error; later it may be back soon.
  const auto found = client.get(path_of("/slipway/v1/pipeline-runs/{}", {run}));
  if (!found) return fail(found.error(), context);
  tell_origin(member_at(*found, "steps"), step);
  for (Patience patience(context);;) {
    EventReader reader;
    base::HttpClient::Headers headers = {{"Accept", "text/event-stream"}};
    if (!last_id.empty()) headers.emplace_back("Last-Event-ID", last_id);
    const Result<void> streamed =
        client.stream(path_of("/slipway/v1/pipeline-runs/{}/steps/{}/log/stream", {run, step}),
                      headers, [&](std::string_view piece) {
                        reader.read(piece, [&](const StreamEvent& event) {
                          patience.answered();
                          last_id = event.id;
                          is_over = event.name == "over";
                          const auto data = base::parse_json(event.data);
                          if (!data || event.name != "text") return;
                          const std::string text = cell(member_at(*data, "text"));
                          std::fwrite(text.data(), 1, text.size(), stdout);
                          std::fflush(stdout);
                        });
                        return !is_over;
                      });
    if (is_over) return kOk;
    const Error error =
        streamed ? base::error(Code::kUnavailable, "it ended the log's stream") : streamed.error();
    if (!patience.wait(error)) return fail(error, context);
  }
}

std::string show_lines(const Json& found) {
  std::string out;
  for (const Json& line : member_at(found, "lines").as_array())
    out += fmt::format("{} {} {}:{}: {}\n", cell(member_at(line, "pipeline")),
                       cell(member_at(line, "run")), cell(member_at(line, "step")),
                       cell(member_at(line, "line")), cell(member_at(line, "text")));
  out += fmt::format("{} lines; {} runs and {} bytes were looked through",
                     member_at(found, "lines").as_array().size(), cell(member_at(found, "runs")),
                     cell(member_at(found, "bytes")));
  const Json& stopped = member_at(found, "stopped");
  return out + (stopped.is_null() ? "\n" : ", then there were " + cell(stopped) + "\n");
}

void add_search(CLI::App& pipelines, Context& context, int& exit_code) {
  struct Options {
    std::string pattern, pipeline, step, state;
    std::int64_t runs = 20, limit = 100;
  };
  auto options = std::make_shared<Options>();
  CLI::App* grep = pipelines.add_subcommand(
      "grep", "Find a line in what the steps of the newest runs have written");
  grep->add_option("pattern", options->pattern, "A regular expression (RE2's syntax)")->required();
  grep->add_option("--pipeline", options->pipeline, "Of this one alone");
  grep->add_option("--step", options->step, "Of this one alone, with its items");
  grep->add_option("--state", options->state, "Of runs in this state alone, such as failed");
  grep->add_option("--runs", options->runs, "So many are looked through, at most 1000")
      ->capture_default_str();
  grep->add_option("--limit", options->limit, "Lines, at most 1000")->capture_default_str();
  grep->callback([&context, &exit_code, options] {
    const auto found = Client(context).get(path_of(
        "/slipway/v1/pipeline-logs?pattern={}&pipeline={}&step={}&state={}&runs={}&limit={}",
        {options->pattern, options->pipeline, options->step, options->state,
         std::to_string(options->runs), std::to_string(options->limit)}));
    exit_code = finish(context, found, show_lines);
    if (found && member_at(*found, "lines").as_array().empty()) exit_code = kNotFound;
  });
}

}  // namespace

void add_log_commands(CLI::App& pipelines, Context& context, int& exit_code) {
  auto name = std::make_shared<std::string>(), step = std::make_shared<std::string>();
  CLI::App* log = pipelines.add_subcommand("log", "What a step has written");
  log->add_option("run", *name)->required();
  log->add_option("step", *step)->required();
  auto follows = std::make_shared<bool>(false);
  log->add_flag("--follow,-f", *follows, "Go on with what it writes until it is over");
  log->callback([&context, &exit_code, name, step, follows] {
    if (*follows) {
      exit_code = follow_log(context, *name, *step);
      return;
    }
    Client client(context);
    const auto reply =
        client.fetch(path_of("/slipway/v1/pipeline-runs/{}/steps/{}/log", {*name, *step}));
    if (!reply) {
      exit_code = fail(reply.error(), context);
      return;
    }
    if (const auto found = client.get(path_of("/slipway/v1/pipeline-runs/{}", {*name})))
      tell_origin(member_at(*found, "steps"), *step);
    std::fwrite(reply->body.data(), 1, reply->body.size(), stdout);
  });
  add_search(pipelines, context, exit_code);
}

}  // namespace slipway::cli
