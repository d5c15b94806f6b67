#include "cli/detect_command.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>

#include "cli/commands.h"
#include "cli/verb.h"
#include "monitor/detectors/detector.h"
#include "monitor/drift/column_source.h"

namespace slipway::cli {
namespace {

struct Options {
  std::string file, column, method = "adwin";
  std::vector<std::string> set;
};

Result<monitor::DetectorParameters> parameters(const Options& options) {
  monitor::DetectorParameters all;
  for (const std::string& one : options.set) {
    const std::size_t at = one.find('=');
    const std::string name = one.substr(0, at);
    const std::string text = at == std::string::npos ? "" : one.substr(at + 1);
    double value = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (ec != std::errc() || end != text.data() + text.size()) {
      value = TRY(monitor::parse_detector_word(options.method, name, text));
    }
    all[name] = value;
  }
  return all;
}

Result<JsonObject> detect(const Options& options) {
  const auto detector = TRY(monitor::make_detector(options.method, TRY(parameters(options))));
  const auto source = TRY(monitor::open_columns(options.file, {options.column}));
  const types::Column column = TRY(source->read(options.column));
  if (column.type == types::ColumnType::kString) {
    return base::error(Code::kInvalidArgument, "a detector takes numbers: column={} type=string",
                       options.column);
  }
  JsonArray found;
  std::int64_t values = 0;
  for (std::size_t row = 0; row < column.size(); ++row) {
    const double value = column.number(row);
    if (!std::isfinite(value)) continue;
    ++values;
    if (detector->update(value)) found.push_back(JsonObject{{"row", row}, {"value", value}});
  }
  return JsonObject{
      {"method", options.method}, {"values", values}, {"detections", std::move(found)}};
}

std::string show(const Json& reply) {
  const JsonArray& found = member_at(reply, "detections").as_array();
  return table(found, {{"ROW", "row"}, {"VALUE", "value"}}) +
         fmt::format("{} {} in {} values\n", found.size(), found.size() == 1 ? "change" : "changes",
                     cell(member_at(reply, "values")));
}

}  // namespace

void add_detect_command(CLI::App& monitors, Context& context, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = monitors.add_subcommand(
      "detect", "Where a detector finds changes in a column of a Parquet or CSV file");
  verb->add_option("file", options->file)->required();
  verb->add_option("--column", options->column, "Of numbers, in the order they came")->required();
  std::string names;
  for (const monitor::DetectorMethod& method : monitor::detector_methods())
    names += fmt::format("\n{}: {}", method.name, method.what);
  verb->add_option("--method", options->method, "A detector:" + names)->capture_default_str();
  verb->add_option("--set", options->set, "NAME=VALUE, a parameter of the detector; repeatable");
  verb->callback([&context, &exit_code, options] {
    const auto found = detect(*options);
    exit_code = found ? finish(context, Json(*found), show) : fail(found.error(), context);
  });
}

}  // namespace slipway::cli
