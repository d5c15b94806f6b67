#include "cli/explain_command.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <set>

#include "cli/verb.h"
#include "monitor/drift/column_source.h"

namespace slipway::cli {
namespace {

// So many rows go in one request.
constexpr std::size_t kRowsTogether = 1000;

struct Options {
  std::string endpoint, file;
  std::size_t top = 3;
};

// What its model reads as texts, as a CSV file doesn't tell: a code may look like a number.
Result<std::set<std::string>> text_inputs(Client& client, const std::string& endpoint) {
  const Json shape = TRY(client.get(path_of("/v2/models/{}", {endpoint})));
  std::set<std::string> texts;
  if (!member_at(shape, "inputs").is_array()) return texts;
  for (const Json& input : member_at(shape, "inputs").get_array()) {
    if (member_at(input, "datatype") == Json("BYTES")) texts.insert(cell(member_at(input, "name")));
  }
  return texts;
}

Json instance_value(const types::Column& column, std::size_t row, bool as_text) {
  using types::ColumnType;
  if (!column.is_valid(row)) return nullptr;
  switch (column.type) {
    case ColumnType::kDouble:
      if (!std::isfinite(column.doubles[row])) return nullptr;
      if (as_text) return Json(fmt::format("{}", column.doubles[row]));
      return column.doubles[row];
    case ColumnType::kString:
      return Json(column.strings[row]);
    case ColumnType::kBool:
      if (as_text) return Json(column.ints[row] != 0 ? "True" : "False");
      return column.ints[row] != 0;
    case ColumnType::kInt64:
    case ColumnType::kTimestamp:
      if (as_text) return Json(fmt::format("{}", column.ints[row]));
      return column.ints[row];
  }
  return nullptr;
}

// The rows of an answer, each with the names and contributions of its inputs, largest first.
Result<void> add_rows(const Json& reply, std::size_t first, JsonArray& rows) {
  const Json &shap = member_at(reply, "data.shap_values"),
             &names = member_at(reply, "data.feature_names"),
             &answers = member_at(reply, "predictions");
  if (!shap.is_array() || !names.is_array() || !answers.is_array())
    return base::error(Code::kInternal, "the server's answer is no explanation");
  const JsonArray& sums = shap.get_array();
  for (std::size_t r = 0; r < answers.get_array().size(); ++r) {
    for (std::size_t s = 0; s < sums.size(); ++s) {
      const JsonArray& values = sums[s].as_array()[r].as_array();
      std::vector<std::size_t> order(values.size());
      for (std::size_t f = 0; f < order.size(); ++f) order[f] = f;
      std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return std::fabs(values[a].to_number<double>()) > std::fabs(values[b].to_number<double>());
      });
      JsonArray contributions;
      for (const std::size_t f : order)
        contributions.push_back(
            JsonObject{{"input", names.get_array()[f]}, {"contribution", values[f]}});
      JsonObject row{{"row", first + r},
                     {"output", s},
                     {"prediction", answers.get_array()[r]},
                     {"expected", member_at(reply, "data.expected_value").as_array()[s]}};
      row["contributions"] = std::move(contributions);
      rows.push_back(std::move(row));
    }
  }
  return {};
}

Result<Json> explain(const Context& context, const Options& options) {
  Client client(context);
  const std::set<std::string> texts = TRY(text_inputs(client, options.endpoint));
  const auto source = TRY(monitor::open_columns(options.file, {}));
  std::vector<types::Column> columns;
  for (const auto& [name, type] : source->columns()) columns.push_back(TRY(source->read(name)));
  JsonArray rows;
  const auto count = static_cast<std::size_t>(source->rows());
  for (std::size_t first = 0; first < count; first += kRowsTogether) {
    JsonArray instances;
    for (std::size_t r = first; r < std::min(count, first + kRowsTogether); ++r) {
      JsonObject instance;
      for (const types::Column& column : columns)
        instance[column.name] = instance_value(column, r, texts.contains(column.name));
      instances.push_back(std::move(instance));
    }
    JsonObject body;
    body["instances"] = std::move(instances);
    const Json reply = TRY(client.post(path_of("/v1/models/{}:explain", {options.endpoint}), body));
    TRY(add_rows(reply, first, rows));
  }
  JsonObject all;
  all["rows"] = std::move(rows);
  return Json(std::move(all));
}

std::string show(const Json& reply, std::size_t top) {
  JsonArray rows;
  bool has_outputs = false;
  for (const Json& item : member_at(reply, "rows").as_array()) {
    JsonObject row = item.as_object();
    has_outputs = has_outputs || row["output"] != Json(0);
    std::string because;
    double rest = 0;
    std::size_t shown = 0;
    for (const Json& one : row["contributions"].as_array()) {
      const double value = member_at(one, "contribution").to_number<double>();
      if (shown == top) {
        rest += value;
        continue;
      }
      ++shown;
      because += fmt::format("{}{} {:+.4g}", because.empty() ? "" : ", ",
                             cell(member_at(one, "input")), value);
    }
    row["because"] = because;
    row["rest"] = rest;
    rows.push_back(std::move(row));
  }
  std::vector<TableColumn> columns = {{"ROW", "row"}, {"PREDICTION", "prediction"}};
  if (has_outputs) columns.push_back({"OUTPUT", "output"});
  columns.insert(columns.end(),
                 {{"EXPECTED", "expected"}, {"BECAUSE OF", "because"}, {"REST", "rest"}});
  return table(rows, columns) +
         "contributions are to the sum of the trees (log odds, where the answer is a "
         "probability)\n";
}

}  // namespace

void add_explain_command(CLI::App& endpoints, Context& context, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* explain_rows = endpoints.add_subcommand(
      "explain", "What each input has to do with the predictions for rows of a file");
  explain_rows->add_option("endpoint", options->endpoint)->required();
  explain_rows->add_option("--file", options->file, "CSV with a header, or Parquet")->required();
  explain_rows->add_option("--top", options->top, "So many inputs a row")->capture_default_str();
  explain_rows->callback([&context, &exit_code, options] {
    exit_code = finish(context, explain(context, *options),
                       [top = options->top](const Json& reply) { return show(reply, top); });
  });
}

}  // namespace slipway::cli
