// What a file holds, as one number.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace slipway::store {

// SHA-256 in hexadecimal digits, read a piece at a time. kNotFound: the file can't be read.
Result<std::string> file_digest(const std::filesystem::path& file);

// Of a file, or of the names and bytes of files_below() a folder; `__pycache__` aside, which
// Python makes when it runs what is beside it. kNotFound: nothing is there.
Result<std::string> tree_digest(const std::filesystem::path& path);

}  // namespace slipway::store
