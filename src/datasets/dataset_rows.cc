#include "datasets/dataset_rows.h"

#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/hash.h"
#include "base/json_document.h"
#include "datasets/csv_table.h"
#include "datasets/row_files.h"
#include "store/file_system.h"
#include "store/object_copy.h"
#include "store/parquet.h"
#include "store/postgres_export.h"
#include "store/postgres_url.h"

namespace slipway::datasets {
namespace fs = std::filesystem;
namespace {

using types::Column;
using types::ColumnType;
using types::Frame;
using Types = std::map<std::string, ColumnType>;

constexpr std::string_view kS3 = "s3://";

// Of columns that are declared or mean a time, or else what they were.
Types known_types(const DatasetDefinition& definition, const Types& before) {
  Types types = before;
  for (const std::string& time : {definition.event_time, definition.arrival_time}) {
    if (!time.empty()) types[time] = ColumnType::kTimestamp;
  }
  for (const types::ColumnRule& rule : definition.columns) {
    if (const auto type = declared_type(rule)) types[rule.name] = *type;
  }
  return types;
}

// What `read` makes of `types`. An error says the way out where the rows are right but for a type
// that the last version had.
template <typename Read>
auto read_as(const DatasetDefinition& definition, const Types& types, const Read& read)
    -> decltype(read(types)) {
  auto found = read(types);
  const Types declared = known_types(definition, {});
  if (found || declared == types || !read(declared)) return found;
  return base::error(found.error().code,
                     "{} (as in the last version: declare its type, or ingest it anew)",
                     found.error().message);
}

// Their values aren't for everybody who may have the rows read.
std::set<std::string> with_tags(const DatasetDefinition& definition) {
  std::set<std::string> names;
  for (const types::ColumnRule& rule : definition.columns) {
    if (!rule.tags.empty()) names.insert(rule.name);
  }
  return names;
}

// What has no values has no type that matters.
void take_type(Column& column, ColumnType type) {
  if (column.type == type) return;
  for (std::size_t row = 0; row < column.size(); ++row) {
    const bool is_nan = column.type == ColumnType::kDouble && std::isnan(column.doubles[row]);
    if (column.is_valid(row) && !is_nan) return;
  }
  Column missing = Column::of_type(column.name, type);
  for (std::size_t row = 0; row < column.size(); ++row) missing.append_null();
  column = std::move(missing);
}

// Whole numbers as doubles, so that parts of both kinds are one column.
void widen(Column& column) {
  Column wide = Column::of_type(column.name, ColumnType::kDouble);
  for (std::size_t row = 0; row < column.size(); ++row)
    column.is_valid(row) ? wide.append_double(column.number(row)) : wide.append_null();
  column = std::move(wide);
}

Result<void> append_column(Column& all, Column part, const RowFile& file, const RowFile& first) {
  const auto is_number = [](const Column& c) {
    return c.type == ColumnType::kDouble || c.type == ColumnType::kInt64;
  };
  take_type(part, all.type);
  take_type(all, part.type);
  if (all.type != part.type && is_number(all) && is_number(part)) {
    if (all.type == ColumnType::kInt64) widen(all);
    if (part.type == ColumnType::kInt64) widen(part);
  }
  if (all.type != part.type) {
    return base::error(Code::kInvalidArgument,
                       "a column has another type than in {}: file={} column={} type={} "
                       "expected={}",
                       first.name, file.name, all.name, types::type_name(part.type),
                       types::type_name(all.type));
  }
  for (std::size_t row = 0; row < part.size(); ++row) all.append_from(part, row);
  return {};
}

// The columns that the folders' names give. `rows`: of each file.
Result<void> add_partitions(const std::vector<RowFile>& files, const std::vector<std::size_t>& rows,
                            const std::vector<Column>& partitions, Frame& frame) {
  for (const Column& values : partitions) {
    if (frame.find(values.name) != nullptr) {
      return base::error(Code::kInvalidArgument,
                         "a column is in the file and in the folder's name: file={} column={}",
                         files.front().name, values.name);
    }
    Column column = Column::of_type(values.name, values.type);
    for (std::size_t file = 0; file < files.size(); ++file) {
      for (std::size_t row = 0; row < rows[file]; ++row) column.append_from(values, file);
    }
    TRY(frame.add(std::move(column)));
  }
  return {};
}

// Columns of bytes that are no texts, and where that is seen first.
using NoTexts = std::map<std::string, std::string>;

// Parquet promises UTF-8, and many a writer doesn't keep it. Of `bytes` it promises nothing.
Result<void> check_texts(const Frame& frame, const std::set<std::string>& bytes,
                         const RowFile& file, NoTexts& no_texts) {
  for (const Column& column : frame.columns()) {
    if (column.type != ColumnType::kString) continue;
    for (std::size_t row = 0; row < column.size(); ++row) {
      if (!column.is_valid(row) || base::is_utf8(column.strings[row])) continue;
      if (bytes.contains(column.name)) {
        no_texts.emplace(column.name, fmt::format("file={} row={}", file.name, row));
        break;
      }
      return base::error(Code::kInvalidArgument,
                         "parquet: a text is no UTF-8: file={} row={} column={}", file.name, row,
                         column.name);
    }
  }
  return {};
}

Error nothing_held(const RowFile& file) {
  return base::error(Code::kInvalidArgument,
                     "parquet: no column is a number, text, condition or time: file={}", file.name);
}

// In all files: a column is in each of them or in none.
Result<void> leave_out(const NoTexts& no_texts, const RowFile& first, DatasetRows& rows) {
  std::erase_if(rows.frame.columns(),
                [&](const Column& column) { return no_texts.contains(column.name); });
  for (const auto& [name, place] : no_texts)
    rows.notes.push_back(fmt::format("{} is left out: a binary is no UTF-8: {}", name, place));
  return rows.frame.columns().empty() ? Result<void>(nothing_held(first)) : Result<void>();
}

Result<void> check_names(const store::ParquetColumns& columns, const RowFile& file) {
  const auto is_text = [](const std::string& name) { return base::is_utf8(name); };
  if (std::ranges::all_of(columns.held, is_text) &&
      std::ranges::all_of(columns.others, [&](const auto& other) { return is_text(other.first); }))
    return {};
  return base::error(Code::kInvalidArgument, "parquet: a column's name is no UTF-8: file={}",
                     file.name);
}

// `types`: what is known of columns; those are texts if they are bytes.
Result<Frame> read_parquet_file(const RowFile& file, std::string_view bytes, const Types& types,
                                std::int64_t values_max, std::vector<std::string>& notes,
                                NoTexts& no_texts) {
  const store::ParquetBytes parquet{.bytes = bytes, .name = file.name, .values_max = values_max};
  store::ParquetColumns columns = TRY(store::parquet_columns(parquet));
  TRY(check_names(columns, file));
  for (const auto& [name, type] : columns.others)
    notes.push_back(
        fmt::format("{} is left out: a {} is no number, text, condition or time", name, type));
  for (const auto& [name, type] : columns.decimals)
    notes.push_back(fmt::format("{} is read as double: it is a {} there", name, type));
  if (columns.held.empty()) return nothing_held(file);
  Frame frame = TRY(store::read_parquet(
      parquet, columns.others.empty() ? std::vector<std::string>() : columns.held));
  std::erase_if(columns.bytes, [&](const std::string& name) { return types.contains(name); });
  TRY(check_texts(frame, columns.bytes, file, no_texts));
  return frame;
}

// Adds the rows of files[at] to those of the files before it.
Result<void> append_parquet_file(const std::vector<RowFile>& files, std::size_t at, Frame part,
                                 Frame& all) {
  const RowFile& first = files.front();
  const RowFile& file = files[at];
  for (const Column& column : part.columns()) {
    if (all.find(column.name) == nullptr) {
      return base::error(Code::kInvalidArgument,
                         "a column that {} does not have: file={} column={}", first.name, file.name,
                         column.name);
    }
  }
  for (Column& column : all.columns()) {
    Column* found = part.find(column.name);
    if (found == nullptr) {
      return base::error(Code::kInvalidArgument, "a column of {} is missing: file={} column={}",
                         first.name, file.name, column.name);
    }
    TRY(append_column(column, std::move(*found), file, first));
  }
  return {};
}

// What is another one of a file that was written to meanwhile; nothing: it can't be looked at.
struct FileState {
  explicit FileState(const fs::path& file) : is_there(::stat(file.c_str(), &stat) == 0) {}
  bool operator==(const FileState& other) const {
    const auto same = [](const timespec& a, const timespec& b) {
      return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
    };
    return is_there && other.is_there && stat.st_dev == other.stat.st_dev &&
           stat.st_ino == other.stat.st_ino && stat.st_size == other.stat.st_size &&
           same(stat.st_mtim, other.stat.st_mtim) && same(stat.st_ctim, other.stat.st_ctim);
  }

  struct ::stat stat {};
  bool is_there;
};

// The bytes of the dataset's files. What is made of them and their digest are of the same ones,
// whoever writes the files meanwhile.
class SourceBytes {
 public:
  explicit SourceBytes(std::int64_t bytes_max) : left_(bytes_max), bytes_max_(bytes_max) {}

  Result<std::string> read(const RowFile& file) {
    std::error_code ec;
    const auto size = static_cast<std::int64_t>(fs::file_size(file.file, ec));
    if (!ec && size > left_) {
      return base::error(Code::kResourceExhausted,
                         "the dataset's files are larger than dataset-bytes-max: file={} max={}",
                         file.name, bytes_max_);
    }
    const FileState before(file.file);
    std::string bytes = TRY(store::read_file(file.file));
    if (!(before == FileState(file.file))) {
      return base::error(Code::kUnavailable,
                         "the file changed while it was read, ask again: file={}", file.name);
    }
    left_ -= static_cast<std::int64_t>(bytes.size());
    last_ = base::sha256_hex(bytes);
    all_ += fmt::format("{} {}\n", last_, file.name);
    ++files_;
    return bytes;
  }
  // One for what may be many files.
  std::string digest() const { return files_ == 1 ? last_ : base::sha256_hex(all_); }

 private:
  std::int64_t left_;
  const std::int64_t bytes_max_;
  std::size_t files_ = 0;
  std::string last_, all_;
};

Result<DatasetRows> read_files(const DatasetDefinition& definition,
                               const std::vector<RowFile>& files, const Types& types,
                               const Outside& outside) {
  DatasetRows found;
  SourceBytes source(outside.bytes_max);
  std::vector<std::size_t> rows;                // of each file
  std::vector<std::vector<std::size_t>> lines;  // of CSV
  if (files.front().format == FileFormat::kCsv) {
    std::vector<CsvFile> tables;
    for (const RowFile& file : files) {
      std::string text = TRY(source.read(file));
      const bool has_tabs = file.file.extension() == ".tsv" && definition.csv.delimiter == ',';
      tables.push_back(TRY(
          CsvFile::parse(file.name, std::move(text), has_tabs ? '\t' : definition.csv.delimiter)));
      rows.push_back(tables.back().rows());
      lines.emplace_back();
      for (std::size_t row = 0; row < rows.back(); ++row)
        lines.back().push_back(tables.back().line(row));
    }
    found.frame = TRY(read_as(definition, types, [&](const Types& as) {
      return read_csv(tables, as, definition.csv.missing, with_tags(definition));
    }));
  } else {
    NoTexts no_texts;
    for (std::size_t i = 0; i < files.size(); ++i) {
      const std::string bytes = TRY(source.read(files[i]));
      std::vector<std::string> seen_before;
      Frame part = TRY(read_parquet_file(files[i], bytes, types, outside.bytes_max,
                                         i == 0 ? found.notes : seen_before, no_texts));
      rows.push_back(part.rows());
      if (i == 0) {
        found.frame = std::move(part);
      } else {
        TRY(append_parquet_file(files, i, std::move(part), found.frame));
      }
    }
    TRY(leave_out(no_texts, files.front(), found));
    for (Column& column : found.frame.columns()) {
      if (const auto type = types.find(column.name); type != types.end())
        take_type(column, type->second);
    }
  }
  found.source_digest = source.digest();
  const std::vector<Column> partitions = TRY(
      read_as(definition, types, [&](const Types& as) { return partition_columns(files, as); }));
  TRY(add_partitions(files, rows, partitions, found.frame));
  std::vector<std::string> names;
  for (const RowFile& file : files) names.push_back(file.name);
  found.place = [names = std::move(names), rows = std::move(rows),
                 lines = std::move(lines)](std::size_t row) {
    std::size_t file = 0;
    while (file + 1 < rows.size() && row >= rows[file]) row -= rows[file++];
    return lines.empty() ? fmt::format("file={} row={}", names[file], row)
                         : fmt::format("file={} line={}", names[file], lines[file][row]);
  };
  return found;
}

Result<DatasetRows> read_place(const DatasetDefinition& definition, const fs::path& place,
                               const Types& types, const Outside& outside) {
  std::vector<std::string> notes;
  const std::vector<RowFile> files = TRY(find_row_files(place, definition.format, &notes));
  DatasetRows found = TRY(read_files(definition, files, types, outside));
  found.notes.insert(found.notes.end(), notes.begin(), notes.end());
  return found;
}

Result<DatasetRows> read_s3(const DatasetDefinition& definition, const std::string& uri,
                            const Types& types, const Outside& outside, const fs::path& scratch) {
  TRY(store::make_folders(scratch));
  const fs::path copy =
      TRY(store::copy_objects(uri, scratch, outside.bytes_max, outside.open_storage));
  DatasetRows found = TRY(read_place(definition, copy, types, outside));
  found.source = uri;
  return found;
}

Result<DatasetRows> read_postgres(const DatasetDefinition& definition, const Types& before,
                                  const Outside& outside) {
  const PostgresRows& rows = *definition.postgres;
  std::string url = rows.url;
  if (url.starts_with("${")) {
    const std::string name = url.substr(2, url.size() - 3);
    const auto value = outside.environment(name);
    // Only what is an address is sent to one.
    if (!value || !value->starts_with("postgres")) {
      return base::error(Code::kFailedPrecondition,
                         "the server's environment has no postgresql:// address in {}", name);
    }
    url = *value;
  }
  const std::string query =
      rows.table.empty() ? rows.query : "SELECT * FROM " + store::postgres_table_name(rows.table);
  store::PostgresExport exported = TRY(store::export_postgres(
      url, query, {.seconds = outside.query_seconds_max, .bytes = outside.bytes_max}));
  DatasetRows found;
  found.source = store::without_password(url) + (rows.table.empty() ? "" : "#" + rows.table);
  found.source_digest = base::sha256_hex(exported.csv);
  for (const auto& [name, type] : exported.left_out) {
    found.notes.push_back(fmt::format(
        "{} is left out: a {} is no number, text, condition or time; cast it in a query", name,
        type));
  }
  Types types = before;
  std::vector<std::string> names;
  for (const auto& [name, type] : exported.columns) {
    types[name] = type;
    names.push_back(name);
  }
  std::vector<CsvFile> tables;
  tables.push_back(TRY(CsvFile::parse("postgres", std::move(exported.csv), ',', names)));
  found.frame = TRY(read_csv(tables, types, {}, with_tags(definition)));
  found.place = [](std::size_t row) { return fmt::format("file=postgres row={}", row); };
  return found;
}

}  // namespace

Result<DatasetRows> read_dataset_rows(const DatasetDefinition& definition, const std::string& path,
                                      const fs::path& folder, const Types& before,
                                      const Outside& outside, const fs::path& scratch) {
  const Types types = known_types(definition, before);
  if (path.empty() && definition.postgres) return read_postgres(definition, types, outside);
  const std::string& place = path.empty() ? definition.path : path;
  if (place.starts_with(kS3)) return read_s3(definition, place, types, outside, scratch);
  const fs::path files = folder / place;
  DatasetRows found = TRY(read_place(definition, files, types, outside));
  found.source = files.string();
  return found;
}

Result<DatasetRows> read_sent_rows(const DatasetDefinition& definition, const fs::path& file,
                                   const Types& before, const Outside& outside) {
  const RowFile sent{.file = file,
                     .name = "sent",
                     .format = is_parquet(file) ? FileFormat::kParquet : FileFormat::kCsv};
  Result<DatasetRows> found =
      read_files(definition, {sent}, known_types(definition, before), outside);
  // What is wrong with it is for them to mend who sent it.
  if (!found && found.error().code == Code::kCorruption)
    return base::error(Code::kInvalidArgument, "{}", found.error().message);
  if (found) found->source = sent.name;
  return found;
}

Result<void> check_given_path(const DatasetDefinition& definition, const std::string& path,
                              const fs::path& folder, const Outside& outside) {
  const auto refused = [&] {
    return base::error(Code::kPermissionDenied,
                       "only who may manage the project reads rows from outside of its folder and "
                       "of the declared place: path={}",
                       path);
  };
  const auto has_dots = [](const fs::path& parts) {
    return std::ranges::any_of(parts, [](const fs::path& part) { return part == ".."; });
  };
  if (path.starts_with(kS3)) {
    std::string declared = definition.path;
    while (declared.ends_with('/')) declared.pop_back();
    const bool is_below = declared.starts_with(kS3) &&
                          (path == declared || path.starts_with(declared + "/")) && !has_dots(path);
    return is_below ? Result<void>() : refused();
  }
  // Links lead where they lead.
  std::error_code ec;
  const fs::path place = fs::weakly_canonical(folder / path, ec);
  const auto is_below = [&](const fs::path& root) {
    if (ec || root.empty()) return false;
    const fs::path relative = place.lexically_relative(fs::weakly_canonical(root, ec));
    return !ec && !relative.empty() && *relative.begin() != "..";
  };
  const bool is_declared = !definition.path.empty() && !definition.path.starts_with(kS3) &&
                           is_below(folder / definition.path);
  const bool is_allowed = is_declared || is_below(folder);
  return is_allowed && !is_below(outside.own_folder) ? Result<void>() : refused();
}

}  // namespace slipway::datasets
