// Which files a dataset's path means: a file, or all of a folder with what its folders' names say.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "datasets/definition.h"
#include "types/frame.h"

namespace slipway::datasets {

struct RowFile {
  std::filesystem::path file;
  std::string name;  // in messages: below the folder, or the whole path
  FileFormat format = FileFormat::kParquet;
  // Of folders called NAME=VALUE, as Hive and Spark write them; no value: a missing one.
  std::vector<std::pair<std::string, std::optional<std::string>>> partitions;
};

// Whether a file is Parquet by its first bytes, whatever it is called.
bool is_parquet(const std::filesystem::path& file);

// By name; never none. Files and folders that begin with '.' or '_' are not the dataset's.
// `notes` (nullable) has a sentence on what else was left out of a folder.
// kNotFound: nothing is there. kInvalidArgument: no regular file (a device, a pipe), a folder of
// both formats and no `format`, or files that don't share their partitions.
Result<std::vector<RowFile>> find_row_files(const std::filesystem::path& path,
                                            std::optional<FileFormat> format,
                                            std::vector<std::string>* notes = nullptr);

// A column a partition, with a value a file. `types`: of columns that are known. kInvalidArgument
// naming the file: a value is not of its column's type.
Result<std::vector<types::Column>> partition_columns(
    const std::vector<RowFile>& files, const std::map<std::string, types::ColumnType>& types);

}  // namespace slipway::datasets
