#include "cli/replay_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/recording_flags.h"
#include "cli/replay.h"
#include "cli/verb.h"
#include "types/timestamp.h"

namespace slipway::cli {
namespace {

struct Texts {
  std::string from, until, tick = "6h";
  double load_seconds = 0;
};

Result<void> read_texts(const Texts& texts, ReplayOptions& options) {
  if (!texts.from.empty()) options.from = TRY(types::parse_rfc3339(texts.from));
  if (!texts.until.empty()) options.until = TRY(types::parse_rfc3339(texts.until));
  options.tick = TRY(types::parse_duration(texts.tick));
  if (options.tick.micros <= 0)
    return base::error(Code::kInvalidArgument, "--tick must be longer than nothing");
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

int run_replay(const Context& context, const RecordingFlags& flags, const Texts& texts,
               ReplayOptions options) {
  if (const auto read = read_texts(texts, options); !read) {
    std::fprintf(stderr, "slipway: %s\n", read.error().message.c_str());
    return kUsage;
  }
  const auto recording = flags.read();
  if (!recording) return fail(recording.error(), context);
  const bool terminal = isatty(STDERR_FILENO) != 0;
  const auto report = replay(context, *recording, options, [terminal](const std::string& line) {
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
  auto recording = add_recording_flags(*replay);
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
  replay->callback([&context, &exit_code, options, recording, texts] {
    exit_code = run_replay(context, *recording, *texts, *options);
  });
}

}  // namespace slipway::cli
