#include "datasets/row_files.h"

#include <algorithm>
#include <fstream>

#include "base/http_client.h"
#include "base/json_document.h"
#include "base/text.h"

namespace slipway::datasets {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kMissingPartition = "__HIVE_DEFAULT_PARTITION__";

std::optional<FileFormat> format_of(const fs::path& file) {
  const std::string ending = base::lowered(file.extension().string());
  if (ending == ".parquet" || ending == ".pq") return FileFormat::kParquet;
  if (ending == ".csv" || ending == ".tsv" || ending == ".txt") return FileFormat::kCsv;
  return std::nullopt;
}

bool is_hidden(const fs::path& name) {
  return name.native().starts_with('.') || name.native().starts_with('_');
}

// A name on disk may be any bytes; messages are UTF-8.
std::string shown(const fs::path& name) {
  std::string out = name.generic_string();
  if (base::is_utf8(out)) return out;
  std::string escaped;
  for (const char c : out) {
    const auto byte = static_cast<unsigned char>(c);
    escaped += byte < 0x80 ? std::string(1, c) : fmt::format("\\x{:02x}", byte);
  }
  return escaped;
}

// "day=2024-01-10" of every folder on the way.
Result<std::vector<std::pair<std::string, std::optional<std::string>>>> partitions_of(
    const fs::path& relative) {
  std::vector<std::pair<std::string, std::optional<std::string>>> out;
  for (const fs::path& part : relative.parent_path()) {
    const std::string text = part.string();
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) continue;
    const std::string_view value = std::string_view(text).substr(equals + 1);
    std::string name = TRY(base::percent_decode(text.substr(0, equals)));
    if (value == kMissingPartition && base::is_utf8(name)) {
      out.emplace_back(std::move(name), std::nullopt);
    } else {
      std::string decoded = TRY(base::percent_decode(value));
      if (!base::is_utf8(name) || !base::is_utf8(decoded)) {
        return base::error(Code::kInvalidArgument,
                           "a folder's name gives a column or value that is no UTF-8: file={}",
                           shown(relative));
      }
      out.emplace_back(std::move(name), std::move(decoded));
    }
  }
  return out;
}

// "left out: 2 files (a.md, z.csv.gz), 1 linked folder"; nothing of nothing.
std::string left_out_words(std::vector<std::string> names, std::size_t linked_folders) {
  constexpr std::size_t kNamed = 3;
  std::vector<std::string> parts;
  const auto counted = [](std::size_t count, std::string_view what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
  };
  if (!names.empty()) {
    std::sort(names.begin(), names.end());
    const std::string files = counted(names.size(), "file");
    const bool has_more = names.size() > kNamed;
    names.resize(std::min(names.size(), kNamed));
    parts.push_back(
        fmt::format("{} ({}{})", files, fmt::join(names, ", "), has_more ? ", ..." : ""));
  }
  if (linked_folders > 0) parts.push_back(counted(linked_folders, "linked folder"));
  return parts.empty() ? "" : fmt::format("left out: {}", fmt::join(parts, ", "));
}

// Cells of partitions: the same for all rows of a file.
class PartitionCells final : public Cells {
 public:
  PartitionCells(const std::vector<RowFile>& files, std::size_t position)
      : files_(files), position_(position) {}
  std::size_t size() const override { return files_.size(); }
  CsvCell cell(std::size_t at) const override {
    const auto& value = files_[at].partitions[position_].second;
    return value ? CsvCell{.text = *value} : CsvCell{};
  }
  std::string place(std::size_t at) const override { return "file=" + files_[at].name; }

 private:
  const std::vector<RowFile>& files_;
  const std::size_t position_;
};

}  // namespace

bool is_parquet(const fs::path& file) {
  constexpr std::string_view kMagic = "PAR1";
  std::ifstream in(file, std::ios::binary);
  std::string begin(kMagic.size(), 0);
  return in.read(begin.data(), static_cast<std::streamsize>(begin.size())) && begin == kMagic;
}

Result<std::vector<RowFile>> find_row_files(const fs::path& path, std::optional<FileFormat> format,
                                            std::vector<std::string>* notes) {
  std::error_code ec;
  if (!fs::exists(path, ec))
    return base::error(Code::kNotFound, "no such file or folder: path={}", path.string());
  std::vector<RowFile> files;
  if (!fs::is_directory(path, ec)) {
    if (!fs::is_regular_file(path, ec))
      return base::error(Code::kInvalidArgument, "no regular file: path={}", path.string());
    const auto known = is_parquet(path) ? FileFormat::kParquet : format ? format : format_of(path);
    // With any other ending it is taken for Parquet, and the error is of that.
    files.push_back(
        {.file = path, .name = path.string(), .format = known.value_or(FileFormat::kParquet)});
    return files;
  }
  std::vector<std::string> others;
  std::size_t linked_folders = 0;
  for (fs::recursive_directory_iterator at(path, ec), end; !ec && at != end; at.increment(ec)) {
    if (is_hidden(at->path().filename())) {
      if (at->is_directory()) at.disable_recursion_pending();
      continue;
    }
    if (at->is_directory()) {
      linked_folders += at->is_symlink();
      continue;
    }
    const fs::path relative = at->path().lexically_relative(path);
    const auto known = format_of(at->path());
    if (!at->is_regular_file() || !known || (format && *known != *format)) {
      others.push_back(shown(relative));
      continue;
    }
    RowFile file{.file = at->path(), .name = shown(relative), .format = *known};
    file.partitions = TRY(partitions_of(relative));
    files.push_back(std::move(file));
  }
  if (ec) {
    return base::error(Code::kPermissionDenied, "a folder can't be read: path={} why={}",
                       path.string(), ec.message());
  }
  const std::string left_out = left_out_words(std::move(others), linked_folders);
  if (files.empty())
    return base::error(Code::kNotFound, "no Parquet or CSV files are in the folder: path={}{}",
                       path.string(), left_out.empty() ? "" : " " + left_out);
  if (notes != nullptr && !left_out.empty()) notes->push_back(left_out);
  std::sort(files.begin(), files.end(),
            [](const RowFile& a, const RowFile& b) { return a.name < b.name; });
  const RowFile& first = files.front();
  for (const RowFile& file : files) {
    if (file.format != first.format) {
      return base::error(Code::kInvalidArgument,
                         "the folder has Parquet and CSV files, say which with `format`: path={} "
                         "files={}, {}",
                         path.string(), first.name, file.name);
    }
    const bool same = std::equal(file.partitions.begin(), file.partitions.end(),
                                 first.partitions.begin(), first.partitions.end(),
                                 [](const auto& a, const auto& b) { return a.first == b.first; });
    if (!same) {
      return base::error(Code::kInvalidArgument,
                         "files of a folder have the same partitions: files={}, {}", first.name,
                         file.name);
    }
  }
  return files;
}

Result<std::vector<types::Column>> partition_columns(
    const std::vector<RowFile>& files, const std::map<std::string, types::ColumnType>& types) {
  std::vector<types::Column> columns;
  for (std::size_t p = 0; p < files.front().partitions.size(); ++p) {
    const std::string& name = files.front().partitions[p].first;
    const auto type = types.find(name);
    columns.push_back(
        TRY(typed_column(name, PartitionCells(files, p),
                         type == types.end() ? std::nullopt : std::optional(type->second), {})));
  }
  return columns;
}

}  // namespace slipway::datasets
