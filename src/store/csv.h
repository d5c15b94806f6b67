// Frames from CSV files, through Arrow.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "types/frame.h"

namespace slipway::store {

// A file with a header line, as RFC 4180 or pandas.DataFrame.to_csv() writes it: types are those
// that all cells of a column agree on; "", NaN, NA, null and the like are missing. All columns when
// `columns` is empty; otherwise those, in that order.
//
// kNotFound: no such file or column. kCorruption naming the line: rows of different lengths, or no
// header.
Result<types::Frame> read_csv(const std::filesystem::path& file,
                              const std::vector<std::string>& columns = {});

}  // namespace slipway::store
