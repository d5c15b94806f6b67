#include "monitor/window_reads.h"

#include <cctype>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <utility>

#include "monitor/drift/repeated_rows.h"
#include "monitor/window_result.h"

namespace slipway::monitor {
namespace {

bool is_gap(const types::Column& column, std::size_t row) {
  return !column.is_valid(row) ||
         (column.type == types::ColumnType::kDouble && std::isnan(column.doubles[row]));
}

// Whatever may be a name in a condition. A word too many is a column too many, no error.
void add_words(const std::string& condition, std::set<std::string>& words) {
  std::string word;
  for (const char c : condition + ' ') {
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.') {
      word += c;
    } else if (!word.empty()) {
      words.insert(std::exchange(word, {}));
    }
  }
}

// Of these rows; what one side lacks is missing there.
void append_rows(types::Frame& frame, const types::Frame& part,
                 const std::vector<std::size_t>& rows) {
  const std::size_t before = frame.rows();
  for (const types::Column& column : part.columns()) {
    if (frame.find(column.name) != nullptr) continue;
    types::Column fresh = types::Column::of_type(column.name, column.type);
    for (std::size_t i = 0; i < before; ++i) fresh.append_null();
    frame.columns().push_back(std::move(fresh));
  }
  for (types::Column& column : frame.columns()) {
    const types::Column* other = part.find(column.name);
    if (other != nullptr && other->type == column.type) {
      column.append_rows(*other, rows);
    } else {
      for (std::size_t i = 0; i < rows.size(); ++i) column.append_null();
    }
  }
}

}  // namespace

std::vector<std::string> columns_of(const MonitorDefinition& definition,
                                    const DriftProfile* reference) {
  std::set<std::string> names(kScoreColumns.begin(), kScoreColumns.end());
  names.insert({"event_time", "prediction_values", "input_violations"});
  if (reference != nullptr) names.merge(reference->names());
  for (const DeclaredSlice& slice : definition.slices)
    slice.is_column() ? void(names.insert(slice.name)) : add_words(slice.when, names);
  if (const std::string& group = definition.problem.group; !group.empty())
    names.insert({group, "request." + group});
  return {names.begin(), names.end()};
}

Result<types::Frame> whole_rows(RequestSource& log, const std::string& endpoint,
                                const Window& window, const std::unordered_set<std::string>& ids) {
  types::Frame whole;
  TRY(log.each_part(endpoint, window.start, window.end, {},
                    [&](types::Frame& part) -> Result<void> {
                      const types::Column* request_ids = TRY(part.column("request_id"));
                      std::vector<std::size_t> wanted;
                      for (std::size_t row = 0; row < part.rows(); ++row) {
                        if (ids.contains(request_ids->strings[row])) wanted.push_back(row);
                      }
                      if (!wanted.empty()) append_rows(whole, part, wanted);
                      return {};
                    }));
  return whole;
}

Result<double> duplicate_rate(RequestSource& log, const std::string& endpoint,
                              const Window& window) {
  std::vector<std::uint64_t> hashes;
  std::unordered_set<std::uint64_t> seen;  // hashes of ids
  bool has_inputs = false;
  TRY(log.each_part(
      endpoint, window.start, window.end, {}, [&](types::Frame& part) -> Result<void> {
        const WindowRows rows = TRY(WindowRows::of(part));
        const auto live = rows.by_variant().find("live");
        if (live == rows.by_variant().end()) return {};
        std::vector<std::size_t> fresh;
        for (const std::size_t row : live->second) {
          if (seen.insert(std::hash<std::string>()(rows.request_id(row))).second)
            fresh.push_back(row);
        }
        std::vector<std::uint64_t> of_part(fresh.size(), 0);
        for (const types::Column& column : part.columns()) {
          if (is_log_column(column.name)) continue;
          has_inputs = true;
          const std::size_t place = std::hash<std::string>()(column.name);
          // A part without the column is one whose rows all have a gap there.
          for (std::size_t i = 0; i < fresh.size(); ++i)
            of_part[i] += is_gap(column, fresh[i]) ? 0 : cell_hash(column, place, fresh[i]);
        }
        hashes.insert(hashes.end(), of_part.begin(), of_part.end());
        return {};
      }));
  if (!has_inputs) return std::numeric_limits<double>::quiet_NaN();
  const auto count = static_cast<double>(hashes.size());
  return static_cast<double>(repeated_rows(std::move(hashes))) / count;
}

}  // namespace slipway::monitor
