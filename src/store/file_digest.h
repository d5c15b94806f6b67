// What a file holds, as one number.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace slipway::store {

// SHA-256 in hexadecimal digits, read a piece at a time. kNotFound: the file can't be read.
Result<std::string> file_digest(const std::filesystem::path& file);

}  // namespace slipway::store
