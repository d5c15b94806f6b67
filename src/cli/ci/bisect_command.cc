#include "cli/ci/bisect_command.h"

#include <CLI/CLI.hpp>
#include <charconv>

#include "cli/ci/bisect.h"
#include "cli/verb.h"

namespace slipway::cli {
namespace {

struct Flags {
  std::string metric, good, bad = "HEAD", cache = ".slipway-ci";
  std::vector<std::string> data, params;
  std::optional<double> above, below;
};

// "visits:1..3"
Result<DataRange> parse_range(const std::string& text) {
  DataRange range;
  const std::size_t colon = text.find(':'), dots = text.find("..");
  const auto number = [&](std::size_t from, std::size_t to, std::int64_t& value) {
    const auto [end, failed] = std::from_chars(text.data() + from, text.data() + to, value);
    return failed == std::errc() && end == text.data() + to;
  };
  if (colon == std::string::npos || dots == std::string::npos || dots < colon ||
      !number(colon + 1, dots, range.good) || !number(dots + 2, text.size(), range.bad) ||
      range.good > range.bad)
    return base::error(Code::kInvalidArgument, "versions of a dataset are NAME:GOOD..BAD: {}",
                       text);
  range.dataset = text.substr(0, colon);
  return range;
}

Result<Json> run(const Context& context, const Flags& flags) {
  BisectOptions options{.metric = flags.metric,
                        .good = flags.good,
                        .bad = flags.bad,
                        .above = flags.above,
                        .below = flags.below,
                        .folder = std::filesystem::current_path(),
                        .cache = std::filesystem::absolute(flags.cache).lexically_normal()};
  for (const std::string& text : flags.data) options.data.push_back(TRY(parse_range(text)));
  for (const std::string& text : flags.params) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos)
      return base::error(Code::kInvalidArgument, "a parameter is NAME=VALUE: {}", text);
    options.params[text.substr(0, equals)] = text.substr(equals + 1);
  }
  Client client(context);
  return bisect(client, options);
}

}  // namespace

void add_bisect_command(CLI::App& root, Context& context, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = root.add_subcommand(
      "bisect",
      "Which commit, or version of a dataset, changed a metric: runs the pipeline at log2 of them, "
      "from the step cache where it can");
  command
      ->add_option("metric", flags->metric,
                   "PIPELINE/STEP/FILE.json#MEMBER, PIPELINE/STEP/FILE (its bytes), or "
                   "PIPELINE/STEP#METRIC that a run of the step logs")
      ->required();
  command->add_option("--good", flags->good, "A commit where it was good")->required();
  command->add_option("--bad", flags->bad, "A commit where it is bad")->capture_default_str();
  command->add_option("--dataset", flags->data,
                      "NAME:GOOD..BAD, versions of the server at --url; again for more");
  command->add_option("--param,-p", flags->params, "NAME=VALUE of the pipeline, again for more");
  command->add_option("--above", flags->above, "Values above this are bad");
  command->add_option("--below", flags->below,
                      "Values below this are bad; with neither, those nearer to the bad end's");
  command->add_option("--data", flags->cache, "Folder of the server that runs the steps, as of ci")
      ->capture_default_str();
  command->callback([&context, &exit_code, flags] {
    exit_code = finish(context, run(context, *flags), bisect_text);
  });
}

}  // namespace slipway::cli
