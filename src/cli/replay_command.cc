#include "cli/replay_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/replay.h"
#include "cli/verb.h"
#include "types/timestamp.h"

namespace slipway::cli {
namespace {

struct Texts {
  std::vector<std::string> sources;
  std::string from, until, tick = "6h";
  double load_seconds = 0;
};

Result<void> read_texts(const Texts& texts, ReplayOptions& options) {
  for (const std::string& text : texts.sources) {
    const std::size_t equals = text.find('='), colon = text.rfind(':');
    if (equals == std::string::npos || colon == std::string::npos || colon < equals) {
      return base::error(Code::kInvalidArgument, "--push is SOURCE=FILE:COLUMN: {}", text);
    }
    options.sources.push_back({.source = text.substr(0, equals),
                               .file = text.substr(equals + 1, colon - equals - 1),
                               .column = text.substr(colon + 1)});
  }
  if (!texts.from.empty()) options.from = TRY(types::parse_rfc3339(texts.from));
  if (!texts.until.empty()) options.until = TRY(types::parse_rfc3339(texts.until));
  options.tick = TRY(types::parse_duration(texts.tick));
  if (options.tick.micros <= 0)
    return base::error(Code::kInvalidArgument, "--tick must be longer than nothing");
  if (options.label.empty() != options.label_time.empty())
    return base::error(Code::kInvalidArgument, "--label and --label-time go together");
  if (texts.load_seconds > 0) options.load_seconds = texts.load_seconds;
  return {};
}

std::string show_report(const Json& report) {
  return fmt::format(
      "{} requests, {} failed; {} a second, p50 {} ms, p99 {} ms; {} labels, {} rows pushed\n",
      cell(member_at(report, "requests")), cell(member_at(report, "failed_requests")),
      cell(member_at(report, "requests_per_second")), cell(member_at(report, "latency_ms.p50")),
      cell(member_at(report, "latency_ms.p99")), cell(member_at(report, "labels")),
      cell(member_at(report, "pushed_rows")));
}

int run_replay(const Context& context, const Texts& texts, ReplayOptions options) {
  if (const auto read = read_texts(texts, options); !read) {
    std::fprintf(stderr, "slipway: %s\n", read.error().message.c_str());
    return kUsage;
  }
  const bool terminal = isatty(STDERR_FILENO) != 0;
  const auto report = replay(context, options, [terminal](const std::string& line) {
    std::fprintf(stderr, terminal ? "\r\033[K%s" : "%s\n", line.c_str());
  });
  if (terminal) std::fprintf(stderr, "\r\033[K");
  if (!report) return fail(report.error(), context);
  const int code = finish(context, Json(report->to_json()), show_report);
  if (report->failed == 0) return code;
  std::fprintf(stderr, "slipway: %lld requests failed, the first with: %s\n",
               static_cast<long long>(report->failed), report->first_failure.c_str());
  return kFailed;
}

}  // namespace

void add_replay_command(CLI::App& root, Context& context, int& exit_code) {
  auto options = std::make_shared<ReplayOptions>();
  auto texts = std::make_shared<Texts>();
  CLI::App* replay =
      root.add_subcommand("replay", "Play recorded traffic against an endpoint in event time");
  replay->add_option("endpoint", options->endpoint)->required();
  replay->add_option("--requests", options->requests, "Parquet file, one row a request")
      ->required()
      ->check(CLI::ExistingFile);
  replay->add_option("--id", options->id, "Column with the request's id")->required();
  replay->add_option("--event-time", options->event_time, "Column with the request's time")
      ->required();
  replay->add_option("--inputs", options->inputs, "Columns to send, separated by commas")
      ->required()
      ->delimiter(',');
  replay->add_option("--label", options->label, "Expression, such as \"arr_delay > 15\"");
  replay->add_option("--label-time", options->label_time, "Column with the label's arrival");
  replay->add_option("--push", texts->sources,
                     "SOURCE=FILE:COLUMN: rows for a feature source, as their time comes");
  replay->add_option("--from", texts->from, "First event time; default: the event clock");
  replay->add_option("--until", texts->until, "Where to stop; default: after the last row");
  replay->add_option("--tick", texts->tick, "Event time between two looks at the clock")
      ->capture_default_str();
  replay->add_option("--connections", options->connections, "Clients at the same time")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  replay->add_option("--load", texts->load_seconds,
                     "Send the rows again and again for so many seconds, marked as load: the clock "
                     "stands, nothing counts");
  replay->callback([&context, &exit_code, options, texts] {
    exit_code = run_replay(context, *texts, *options);
  });
}

}  // namespace slipway::cli
