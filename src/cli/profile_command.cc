#include "cli/profile_command.h"

#include <CLI/CLI.hpp>
#include <ctime>
#include <numeric>

#include "cli/commands.h"
#include "cli/verb.h"
#include "monitor/drift/column_source.h"
#include "monitor/profile/input_profile.h"

namespace slipway::cli {
namespace {

struct Options {
  std::string of, from, to, input, version, slice;
};

bool is_file(const std::string& of) { return of.ends_with(".parquet") || of.ends_with(".csv"); }

// A column after the other; "cpu_seconds" is what profiling took, without reading.
Result<JsonObject> profile_here(const Options& options) {
  std::vector<std::string> only;
  if (!options.input.empty()) only.push_back(options.input);
  const auto source = TRY(monitor::open_columns(options.of, only));
  std::vector<std::size_t> rows(static_cast<std::size_t>(source->rows()));
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  JsonArray inputs;
  double seconds = 0;
  for (const auto& [name, type] : source->columns()) {
    if (!only.empty() && name != only.front()) continue;
    const types::Column column = TRY(source->read(name));
    const std::clock_t begin = std::clock();
    monitor::InputProfile profile;
    profile.add(column, rows);
    seconds += static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    JsonObject object = profile.to_json();
    object["input"] = name;
    object["bytes"] = profile.to_bytes().size();
    inputs.push_back(std::move(object));
  }
  return JsonObject{{"file", options.of}, {"cpu_seconds", seconds}, {"inputs", std::move(inputs)}};
}

Result<JsonObject> profile_of_server(const Context& context, const Options& options) {
  std::string path = path_of("/slipway/v1/endpoints/{}/profile", {options.of});
  char sign = '?';
  for (const auto& [name, value] : {std::pair("from", &options.from),
                                    {"to", &options.to},
                                    {"input", &options.input},
                                    {"version", &options.version},
                                    {"slice", &options.slice}}) {
    if (value->empty()) continue;
    path += sign + std::string(name) + path_of("={}", {*value});
    sign = '&';
  }
  const Json reply = TRY(Client(context).get(path));
  return reply.as_object();
}

// "north 51 %, south 49 %"
std::string frequent(const Json& input) {
  const Json texts = member_at(input, "texts");
  if (!texts.is_object()) return "";
  std::string words;
  const auto total = member_at(texts, "count").to_number<double>();
  std::size_t shown = 0;
  for (const Json& item : member_at(texts, "frequent").as_array()) {
    if (++shown > 3) break;
    words += fmt::format("{}{} {:.0f} %", words.empty() ? "" : ", ", cell(member_at(item, "text")),
                         100 * member_at(item, "count_min").to_number<double>() / total);
  }
  return words;
}

std::string show(const Json& reply) {
  JsonArray rows;
  double rank_error = 0;
  for (const Json& input : member_at(reply, "inputs").as_array()) {
    JsonObject row = input.as_object();
    row["frequent"] = frequent(input);
    row["median"] = nullptr;
    if (const Json* numbers = row.if_contains("numbers")) {
      row["median"] = numbers->at("quantiles").at("0.5");
      rank_error = std::max(rank_error, numbers->at("rank_error").to_number<double>());
    }
    rows.push_back(std::move(row));
  }
  std::string out = table(rows, {{"INPUT", "input"},
                                 {"ROWS", "rows"},
                                 {"MISSING", "missing"},
                                 {"DISTINCT", "distinct.estimate"},
                                 {"MEAN", "numbers.mean"},
                                 {"SD", "numbers.deviation"},
                                 {"MIN", "numbers.min"},
                                 {"MEDIAN", "median"},
                                 {"MAX", "numbers.max"},
                                 {"FREQUENT", "frequent"}});
  if (member_at(reply, "from").is_string()) {
    out += fmt::format("\nfrom {} to {}", cell(member_at(reply, "from")),
                       cell(member_at(reply, "to")));
  }
  return out + fmt::format("\nranks of quantiles are off by {:.1f} % at most, distinct by 5 %\n",
                           100 * rank_error);
}

}  // namespace

void add_profile_command(CLI::App& monitors, Context& context, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = monitors.add_subcommand(
      "profile", "What an endpoint's inputs and predictions looked like over some time");
  verb->add_option("of", options->of, "An endpoint; or a Parquet or CSV file here")->required();
  verb->add_option("--from", options->from, "A time; else a day before the end");
  verb->add_option("--to", options->to, "A time; else now");
  verb->add_option("--input", options->input, "Only this one");
  verb->add_option("--slice", options->slice, "Only this declared slice: long-haul, carrier=UA");
  verb->add_option("--version", options->version, "Only what this version of the model answered");
  verb->callback([&context, &exit_code, options] {
    const auto found =
        is_file(options->of) ? profile_here(*options) : profile_of_server(context, *options);
    exit_code = found ? finish(context, Json(*found), show) : fail(found.error(), context);
  });
}

}  // namespace slipway::cli
