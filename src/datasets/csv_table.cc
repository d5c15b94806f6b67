#include "datasets/csv_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

#include "base/json_document.h"
#include "base/text.h"
#include "types/timestamp.h"

namespace slipway::datasets {
namespace {

using types::Column;
using types::ColumnType;
using types::Frame;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::size_t kCellShownMax = 60;

std::string shown(std::string_view text) {
  std::string out(text.substr(0, kCellShownMax));
  while (!base::is_utf8(out)) out.pop_back();
  return out.size() == text.size() ? out : out + "...";
}

std::optional<std::int64_t> read_int(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> read_double(std::string_view text) {
  double value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// PostgreSQL writes t and f.
std::optional<bool> read_bool(std::string_view text) {
  const std::string word = base::lowered(text);
  if (word == "true" || word == "t") return true;
  if (word == "false" || word == "f") return false;
  return std::nullopt;
}

// "2024-01-10T12:00:00Z", "2024-01-10 12:00:00.25+01", "2024-01-10".
std::optional<types::Timestamp> read_time(std::string_view text) {
  constexpr std::size_t kDate = 10, kMinutes = 16;
  if (text.size() < kDate || text[4] != '-' || text[7] != '-') return std::nullopt;
  std::string whole(text);
  if (whole.size() == kDate) {
    whole += "T00:00:00Z";
  } else {
    whole[kDate] = whole[kDate] == ' ' ? 'T' : whole[kDate];
    const std::size_t zone = whole.find_first_of("Zz+-", kDate);
    if (zone == std::string::npos) {
      whole += "Z";
    } else if (whole.size() - zone == 3) {  // hours alone
      whole += ":00";
    }
    if (zone == kMinutes || (zone == std::string::npos && text.size() == kMinutes))
      whole.insert(kMinutes, ":00");
  }
  const auto time = types::parse_rfc3339(whole);
  return time ? std::optional(*time) : std::nullopt;
}

bool has_leading_zero(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return text.size() > 1 && text[0] == '0' && text[1] != '.';
}

bool is_missing(const CsvCell& cell, const std::vector<std::string>& missing) {
  return !cell.is_quoted && (cell.text.empty() ||
                             std::find(missing.begin(), missing.end(), cell.text) != missing.end());
}

// False: the cell is not of the column's type.
bool append(Column& column, std::string_view text) {
  switch (column.type) {
    case ColumnType::kInt64: {
      const auto value = read_int(text);
      if (value) column.append_int(*value);
      return value.has_value();
    }
    case ColumnType::kDouble: {
      const auto value = read_double(text);
      if (!value) return false;
      std::isnan(*value) ? column.append_null() : column.append_double(*value);
      return true;
    }
    case ColumnType::kBool: {
      const auto value = read_bool(text);
      if (value) column.append_int(*value ? 1 : 0);
      return value.has_value();
    }
    case ColumnType::kTimestamp: {
      const auto value = read_time(text);
      if (value) column.append_int(value->micros);
      return value.has_value();
    }
    case ColumnType::kString:
      column.append_string(std::string(text));
      return true;
  }
  return false;
}

// The cells of one column over several files.
class FileCells final : public Cells {
 public:
  explicit FileCells(const std::vector<CsvFile>& files) : files_(files) {
    for (const CsvFile& file : files) {
      first_rows_.push_back(size_);
      size_ += file.rows();
    }
  }
  // The column that is at `positions[i]` of file i.
  void look_at(std::vector<std::size_t> positions) { positions_ = std::move(positions); }

  std::size_t size() const override { return size_; }
  CsvCell cell(std::size_t at) const override {
    const std::size_t file = file_of(at);
    return files_[file].cell(at - first_rows_[file], positions_[file]);
  }
  std::string place(std::size_t at) const override {
    const std::size_t file = file_of(at);
    return fmt::format("file={} line={}", files_[file].name(),
                       files_[file].line(at - first_rows_[file]));
  }

 private:
  std::size_t file_of(std::size_t at) const {
    if (last_ < files_.size() && at >= first_rows_[last_] &&
        at - first_rows_[last_] < files_[last_].rows())
      return last_;  // as almost always
    const auto above = std::upper_bound(first_rows_.begin(), first_rows_.end(), at);
    return last_ = static_cast<std::size_t>(above - first_rows_.begin()) - 1;
  }

  const std::vector<CsvFile>& files_;
  std::vector<std::size_t> first_rows_, positions_;
  std::size_t size_ = 0;
  mutable std::size_t last_ = 0;
};

}  // namespace

Result<CsvFile> CsvFile::parse(std::string name, std::string text, char delimiter,
                               std::vector<std::string> names) {
  const auto empty_lines = names.empty() ? EmptyLines::kNoRows : EmptyLines::kRowsOfOneColumn;
  return parse_text(std::move(name), std::move(text), delimiter,
                    {.columns = std::move(names), .is_last = true}, empty_lines);
}

Result<CsvFile> CsvFile::parse_piece(std::string name, std::string text, char delimiter,
                                     Place place) {
  return parse_text(std::move(name), std::move(text), delimiter, std::move(place),
                    EmptyLines::kNoRows);
}

Result<CsvFile> CsvFile::parse_text(std::string name, std::string text, char delimiter, Place place,
                                    EmptyLines empty_lines) {
  CsvFile file;
  file.name_ = std::move(name);
  file.columns_ = std::move(place.columns);
  file.text_ = std::make_unique<const std::string>(std::move(text));
  std::string_view rest = *file.text_;
  std::size_t line = file.next_line_ = place.line;
  if (line == 1 && rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());
  if (rest.empty() && !place.is_last) return file;
  std::vector<CsvCell> row;
  const auto wrong = [&](std::size_t at, std::string_view what) {
    return base::error(Code::kInvalidArgument, "csv: {}: file={} line={}", what, file.name_, at);
  };
  bool is_whole = true;  // the row that is read
  while (!rest.empty()) {
    const std::size_t first_line = line;
    file.bytes_ = file.text_->size() - rest.size();
    file.next_line_ = line;
    row.clear();
    for (bool ends_row = false; !ends_row;) {
      CsvCell cell;
      if (rest.starts_with('"')) {
        cell.is_quoted = true;
        std::size_t end = 1;
        bool has_doubled = false;
        while (true) {
          end = rest.find('"', end);
          if (end == std::string_view::npos) {
            is_whole = place.is_last;
            if (is_whole)
              return wrong(first_line, "a quote has no end in the row that begins here");
            break;
          }
          if (end + 1 >= rest.size() || rest[end + 1] != '"') break;
          has_doubled = true;
          end += 2;
        }
        // What comes next may be a second quote, or the other half of a line's end.
        is_whole = is_whole && (place.is_last || end + 2 < rest.size());
        if (!is_whole) break;
        cell.text = rest.substr(1, end - 1);
        line += static_cast<std::size_t>(std::count(cell.text.begin(), cell.text.end(), '\n'));
        if (has_doubled) {
          auto plain = std::make_unique<std::string>();
          for (std::size_t i = 0; i < cell.text.size(); ++i) {
            *plain += cell.text[i];
            if (cell.text[i] == '"') ++i;
          }
          cell.text = *plain;
          file.unquoted_.push_back(std::move(plain));
        }
        rest.remove_prefix(end + 1);
        if (!rest.empty() && rest[0] != delimiter && rest[0] != '\n' && rest[0] != '\r')
          return wrong(line, "there is more behind a cell's closing quote");
      } else {
        const std::size_t end =
            std::min(rest.size(), rest.find_first_of(std::string{delimiter, '\n', '\r'}));
        is_whole = place.is_last || end + 1 < rest.size();
        if (!is_whole) break;
        cell.text = rest.substr(0, end);
        rest.remove_prefix(end);
      }
      if (!base::is_utf8(cell.text)) return wrong(line, "a cell is no UTF-8");
      row.push_back(cell);
      if (rest.starts_with(delimiter)) {
        rest.remove_prefix(1);
        continue;
      }
      ends_row = true;
      if (rest.starts_with("\r\n")) rest.remove_prefix(1);
      if (!rest.empty()) rest.remove_prefix(1);
      ++line;
    }
    if (!is_whole) return file;
    // A line of nothing is no row, but PostgreSQL's rows of one missing value.
    const bool is_empty = row.size() == 1 && row[0].text.empty() && !row[0].is_quoted;
    if (is_empty && (empty_lines == EmptyLines::kNoRows || file.columns_.size() != 1)) continue;
    if (file.columns_.empty()) {
      std::set<std::string_view> seen;
      for (const CsvCell& cell : row) {
        if (cell.text.empty()) return wrong(first_line, "a column has no name");
        if (!seen.insert(cell.text).second)
          return wrong(first_line, fmt::format("two columns are called {}", shown(cell.text)));
        file.columns_.emplace_back(cell.text);
      }
      continue;
    }
    if (row.size() != file.columns_.size()) {
      return wrong(first_line, fmt::format("a row of {} cells, where the header has {}", row.size(),
                                           file.columns_.size()));
    }
    file.cells_.insert(file.cells_.end(), row.begin(), row.end());
    file.lines_.push_back(first_line);
  }
  file.bytes_ = file.text_->size();
  file.next_line_ = line;
  if (file.columns_.empty() && place.is_last) return wrong(1, "there is no header");
  return file;
}

void TypeInference::see(const CsvCell& cell, const std::vector<std::string>& missing) {
  if (is_missing(cell, missing)) return;
  const std::string_view text = cell.text;
  seen_ = true;
  if (is_int_ && (!read_int(text) || has_leading_zero(text))) is_int_ = false;
  if (is_double_ && (!read_double(text) || has_leading_zero(text))) is_double_ = false;
  if (is_bool_ && (text.size() < 4 || !read_bool(text))) is_bool_ = false;
  if (is_time_ && !read_time(text)) is_time_ = false;
}

ColumnType TypeInference::type() const {
  if (!seen_) return ColumnType::kDouble;
  if (is_int_) return ColumnType::kInt64;
  if (is_double_) return ColumnType::kDouble;
  if (is_bool_) return ColumnType::kBool;
  return is_time_ ? ColumnType::kTimestamp : ColumnType::kString;
}

Result<Column> typed_column(const std::string& name, const Cells& cells,
                            std::optional<ColumnType> type, const std::vector<std::string>& missing,
                            BadCell bad) {
  if (!type) {
    TypeInference inference;
    for (std::size_t i = 0; i < cells.size() && !inference.is_decided(); ++i)
      inference.see(cells.cell(i), missing);
    type = inference.type();
  }
  Column column = Column::of_type(name, *type);
  column.reserve(cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const CsvCell cell = cells.cell(i);
    if (is_missing(cell, missing)) {
      column.append_null();
    } else if (!append(column, cell.text)) {
      return base::error(Code::kInvalidArgument, "csv: a cell is no {}: {} column={}{}",
                         types::type_name(*type), cells.place(i), name,
                         bad == BadCell::kHide ? "" : " cell=" + shown(cell.text));
    }
  }
  return column;
}

Result<Frame> read_csv(const std::vector<CsvFile>& files,
                       const std::map<std::string, ColumnType>& types,
                       const std::vector<std::string>& missing,
                       const std::set<std::string>& hidden) {
  Frame frame;
  if (files.empty()) return frame;
  const std::vector<std::string>& names = files.front().columns();
  FileCells cells(files);
  for (const std::string& name : names) {
    std::vector<std::size_t> positions;
    for (const CsvFile& file : files) {
      const auto at = std::find(file.columns().begin(), file.columns().end(), name);
      if (at == file.columns().end()) {
        return base::error(Code::kInvalidArgument,
                           "csv: a column of {} is missing: file={} column={}",
                           files.front().name(), file.name(), name);
      }
      positions.push_back(static_cast<std::size_t>(at - file.columns().begin()));
    }
    cells.look_at(std::move(positions));
    const auto type = types.find(name);
    TRY(frame.add(TRY(
        typed_column(name, cells, type == types.end() ? std::nullopt : std::optional(type->second),
                     missing, hidden.contains(name) ? BadCell::kHide : BadCell::kTell))));
  }
  for (const CsvFile& file : files) {
    for (const std::string& column : file.columns()) {
      if (std::find(names.begin(), names.end(), column) == names.end()) {
        return base::error(Code::kInvalidArgument,
                           "csv: a column that {} does not have: file={} column={}",
                           files.front().name(), file.name(), column);
      }
    }
  }
  return frame;
}

}  // namespace slipway::datasets
