#include "monitor/logged_inputs.h"

#include <algorithm>
#include <functional>
#include <unordered_set>
#include <utility>
#include <vector>

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

class LoggedInputs final : public ColumnSource {
 public:
  LoggedInputs(RequestSource& log, std::string endpoint, base::Timestamp from, base::Timestamp to)
      : log_(log), endpoint_(std::move(endpoint)), from_(from), to_(to) {}

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
    TRY(log_.each_part(endpoint_, from_, to_, wanted, [&](types::Frame& part) -> Result<void> {
      std::vector<std::size_t> rows = TRY(live_rows(part));
      if (repeated_) {
        const types::Column* ids = TRY(part.column("request_id"));
        std::erase_if(rows, [&](std::size_t row) {
          return !seen.insert(IdHash()(ids->strings[row])).second;
        });
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
    if (is_log_column(column.name) && column.name != "prediction") return;
    if (std::none_of(columns_.begin(), columns_.end(),
                     [&](const auto& known) { return known.first == column.name; })) {
      columns_.emplace_back(column.name, column.type);
    }
  }

  RequestSource& log_;
  const std::string endpoint_;
  const base::Timestamp from_, to_;
  Columns columns_;
  std::int64_t rows_ = 0;
  bool repeated_ = false;  // a request id comes more than once
};

}  // namespace

Result<std::unique_ptr<ColumnSource>> open_inputs(RequestSource& log, const std::string& endpoint,
                                                  base::Timestamp from, base::Timestamp to,
                                                  std::int64_t rows_max) {
  auto inputs = std::make_unique<LoggedInputs>(log, endpoint, from, to);
  TRY(inputs->open(rows_max));
  std::unique_ptr<ColumnSource> source = std::move(inputs);
  return source;
}

}  // namespace slipway::monitor
