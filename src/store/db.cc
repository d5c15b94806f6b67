#include "store/db.h"

namespace slipway::store {

std::optional<std::int64_t> Row::maybe_int64(int column) const {
  if (is_null(column)) return std::nullopt;
  return int64(column);
}

std::optional<std::string> Row::maybe_string(int column) const {
  if (is_null(column)) return std::nullopt;
  return string(column);
}

}  // namespace slipway::store
