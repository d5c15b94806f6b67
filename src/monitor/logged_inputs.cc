#include "monitor/logged_inputs.h"

#include <algorithm>
#include <functional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "monitor/class_answers.h"
#include "monitor/window_result.h"
#include "types/timestamp.h"

namespace slipway::monitor {
namespace {

using Columns = std::vector<std::pair<std::string, types::ColumnType>>;

// Ids are told apart by this: millions of them as they are would take more memory than a column.
using IdHash = std::hash<std::string>;

// The rows of a part that users got an answer from.
Result<std::vector<std::size_t>> live_rows(const types::Frame& part) {
  const types::Column* roles = TRY(part.column("role"));
  const types::Column* traffic = part.find("traffic");
  std::vector<std::size_t> rows;
  for (std::size_t row = 0; row < part.rows(); ++row) {
    const bool of_test = traffic && traffic->is_valid(row) && !traffic->strings[row].empty();
    if (!of_test && roles->strings[row] == "live") rows.push_back(row);
  }
  return rows;
}

constexpr const char* kPrediction = "prediction";

// What was said, a row of the part each.
Result<types::Column> classes_said(const types::Frame& part, const ProblemRules& problem) {
  const types::Column* numbers = TRY(part.column(kPrediction));
  const types::Column* answers = part.find("prediction_values");
  types::Column said = types::Column::of_type(kPrediction, types::ColumnType::kString);
  for (std::size_t row = 0; row < part.rows(); ++row) {
    const bool has_answer = answers != nullptr && answers->is_valid(row);
    auto read = read_class_answer(problem, numbers->number(row),
                                  has_answer ? std::string_view(answers->strings[row]) : "");
    read ? said.append_string(std::move(read->said)) : said.append_null();
  }
  return said;
}

class LoggedInputs final : public ColumnSource {
 public:
  LoggedInputs(RequestSource& log, std::string endpoint, base::Timestamp from, base::Timestamp to,
               ProblemRules problem)
      : log_(log),
        endpoint_(std::move(endpoint)),
        from_(from),
        to_(to),
        problem_(std::move(problem)) {}

  // Counts the requests and finds out which inputs there are.
  Result<void> open(std::int64_t rows_max) {
    std::vector<std::size_t> ids;
    TRY(log_.each_part(endpoint_, from_, to_, {}, [&](types::Frame& part) -> Result<void> {
      const types::Column* request_ids = TRY(part.column("request_id"));
      for (const std::size_t row : TRY(live_rows(part)))
        ids.push_back(IdHash()(request_ids->strings[row]));
      if (std::ssize(ids) > rows_max) {
        return base::error(Code::kInvalidArgument,
                           "more requests than a drift report takes: ask for a shorter time, or "
                           "raise --drift-rows-max: endpoint={} drift-rows-max={}",
                           endpoint_, rows_max);
      }
      for (const types::Column& column : part.columns()) add(column);
      return {};
    }));
    std::sort(ids.begin(), ids.end());
    const auto end = std::unique(ids.begin(), ids.end());
    repeated_ = end != ids.end();
    rows_ = end - ids.begin();
    if (rows_ > 0) return {};
    return base::error(Code::kFailedPrecondition,
                       "the endpoint has no requests in that time: endpoint={} from={} to={}",
                       endpoint_, types::to_rfc3339(from_), types::to_rfc3339(to_));
  }

  std::int64_t rows() const override { return rows_; }
  const Columns& columns() const override { return columns_; }

  Result<types::Column> read(const std::string& name) override {
    const auto known = std::find_if(columns_.begin(), columns_.end(),
                                    [&](const auto& column) { return column.first == name; });
    types::Column all = types::Column::of_type(name, known->second);
    all.reserve(static_cast<std::size_t>(rows_));
    std::unordered_set<std::size_t> seen;
    std::vector<std::string> wanted = {"role", "traffic", name};
    if (repeated_) wanted.push_back("request_id");
    const bool of_classes = says_classes(name);
    if (of_classes) wanted.push_back("prediction_values");
    TRY(log_.each_part(endpoint_, from_, to_, wanted, [&](types::Frame& part) -> Result<void> {
      std::vector<std::size_t> rows = TRY(live_rows(part));
      if (repeated_) {
        const types::Column* ids = TRY(part.column("request_id"));
        std::erase_if(rows, [&](std::size_t row) {
          return !seen.insert(IdHash()(ids->strings[row])).second;
        });
      }
      if (of_classes) {
        all.append_rows(TRY(classes_said(part, problem_)), rows);
        return {};
      }
      const types::Column* column = part.find(name);
      if (column != nullptr && column->type == all.type) {
        all.append_rows(*column, rows);
      } else {
        for (std::size_t i = 0; i < rows.size(); ++i) all.append_null();
      }
      return {};
    }));
    return all;
  }

 private:
  void add(const types::Column& column) {
    if (is_log_column(column.name) && column.name != kPrediction) return;
    if (std::none_of(columns_.begin(), columns_.end(),
                     [&](const auto& known) { return known.first == column.name; })) {
      columns_.emplace_back(column.name,
                            says_classes(column.name) ? types::ColumnType::kString : column.type);
    }
  }
  bool says_classes(const std::string& column) const {
    return column == kPrediction && problem_.kind == Problem::kMulticlass;
  }

  RequestSource& log_;
  const std::string endpoint_;
  const base::Timestamp from_, to_;
  const ProblemRules problem_;
  Columns columns_;
  std::int64_t rows_ = 0;
  bool repeated_ = false;  // a request id comes more than once
};

}  // namespace

Result<std::unique_ptr<ColumnSource>> open_inputs(RequestSource& log, const std::string& endpoint,
                                                  base::Timestamp from, base::Timestamp to,
                                                  std::int64_t rows_max,
                                                  const ProblemRules& problem) {
  auto inputs = std::make_unique<LoggedInputs>(log, endpoint, from, to, problem);
  TRY(inputs->open(rows_max));
  std::unique_ptr<ColumnSource> source = std::move(inputs);
  return source;
}

}  // namespace slipway::monitor
