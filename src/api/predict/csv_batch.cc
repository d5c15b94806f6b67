#include "api/predict/csv_batch.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "api/predict/tensor_batch.h"
#include "base/json_document.h"

namespace slipway::api::predict {
namespace {

using serving::Cell;
using serving::InputSpec;

// What pandas.read_csv takes for a missing value.
bool is_missing(std::string_view field) {
  static constexpr std::string_view kWords[] = {"",         "#N/A", "#N/A N/A", "#NA",    "-1.#IND",
                                                "-1.#QNAN", "-NaN", "-nan",     "1.#IND", "1.#QNAN",
                                                "<NA>",     "N/A",  "NA",       "NULL",   "NaN",
                                                "None",     "n/a",  "nan",      "null"};
  return std::find(std::begin(kWords), std::end(kWords), field) != std::end(kWords);
}

std::optional<double> to_number(std::string_view field) {
  while (field.starts_with(' ')) field.remove_prefix(1);
  while (field.ends_with(' ')) field.remove_suffix(1);
  if (field == "True" || field == "TRUE" || field == "true") return 1;
  if (field == "False" || field == "FALSE" || field == "false") return 0;
  if (field.starts_with('+')) field.remove_prefix(1);
  double number = 0;
  const auto [end, ec] = std::from_chars(field.data(), field.data() + field.size(), number);
  if (ec != std::errc() || end != field.data() + field.size() || field.empty()) return std::nullopt;
  return number;
}

// Written as a whole number that a column would round.
bool is_rounded(std::string_view field, double number) {
  return std::abs(number) >= 0x1p53 && field.find_first_of(".eEnN") == std::string_view::npos;
}

}  // namespace

Result<std::string_view> CsvReader::take_field(std::string_view& rest, bool& ends_row) {
  std::string_view field;
  if (rest.starts_with('"')) {
    rest.remove_prefix(1);
    bool has_doubled = false;
    std::size_t end = 0;
    while (true) {
      end = rest.find('"', end);
      if (end == std::string_view::npos) return invalid("a quoted field does not end");
      if (end + 1 == rest.size() || rest[end + 1] != '"') break;
      has_doubled = true;
      end += 2;
    }
    field = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (has_doubled) {
      std::string& text = unquoted_.emplace_back();
      for (std::size_t i = 0; i < field.size(); ++i) {
        text.push_back(field[i]);
        if (field[i] == '"') ++i;
      }
      field = text;
    }
    if (!rest.empty() && rest.front() != ',' && rest.front() != '\n' && rest.front() != '\r')
      return invalid("there is text behind a quoted field");
  } else {
    field = rest.substr(0, rest.find_first_of(",\n\r"));
    rest.remove_prefix(field.size());
  }
  ends_row = !rest.starts_with(',');
  if (rest.starts_with("\r\n")) rest.remove_prefix(1);
  if (!rest.empty()) rest.remove_prefix(1);
  return field;
}

Result<serving::Batch> CsvReader::read(std::string_view body,
                                       const std::vector<InputSpec>& inputs) {
  unquoted_.clear();
  if (!base::is_utf8(body)) return invalid("CSV must be UTF-8");
  if (body.starts_with("\xEF\xBB\xBF")) body.remove_prefix(3);
  if (body.empty()) return invalid("CSV has no header");
  std::vector<std::string_view> names;
  for (bool ends_row = false; !ends_row;) {
    names.push_back(TRY(take_field(body, ends_row)));
    if (names.size() > kColumnsMax) return invalid("CSV has more than {} columns", kColumnsMax);
  }
  TRY(check_names(names, "CSV"));
  std::vector<const InputSpec*> specs;
  for (const std::string_view name : names) {
    const auto found = std::find_if(inputs.begin(), inputs.end(),
                                    [&](const InputSpec& input) { return input.name == name; });
    specs.push_back(found == inputs.end() ? nullptr : &*found);
  }
  std::vector<Cell> cells;
  std::size_t row = 0;
  while (!body.empty()) {
    if (body.front() == '\n' || body.front() == '\r') {  // pandas skips blank lines
      body.remove_prefix(1);
      continue;
    }
    const std::size_t before = cells.size();
    for (bool ends_row = false; !ends_row;) {
      const std::string_view field = TRY(take_field(body, ends_row));
      const std::size_t column = cells.size() - before;
      if (column == names.size())
        return invalid("CSV row {} has more fields than the header: columns={}", row, names.size());
      const InputSpec* spec = specs[column];
      if (is_missing(field)) {
        cells.emplace_back();
        continue;
      }
      const std::optional<double> number =
          spec != nullptr && spec->is_text() ? std::nullopt : to_number(field);
      if (!number && spec != nullptr && !spec->is_text()) {
        return invalid("CSV row {} column {} must be a number: got=\"{}\"", row, names[column],
                       field);
      }
      if (number && is_rounded(field, *number)) {
        return invalid("CSV row {} column {} is beyond 2^53, and a column would round it: got={}",
                       row, names[column], field);
      }
      number ? cells.emplace_back(*number) : cells.emplace_back(field);
    }
    // pandas takes what a short row lacks as missing.
    cells.resize(before + names.size());
    ++row;
  }
  const std::size_t width = names.size();
  return from_rows(cells, width, std::move(names));
}

}  // namespace slipway::api::predict
