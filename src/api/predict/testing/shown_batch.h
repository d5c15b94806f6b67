// A batch of columns as a line of text, for comparing.
#pragma once

#include <fmt/format.h>

#include <string>

#include "serving/batch.h"

namespace slipway::api::predict::testing {

// "x=1.5 y='u' | x= y='v' | "
inline std::string shown(const serving::Batch& batch) {
  std::string out;
  for (std::size_t row = 0; row < batch.rows; ++row) {
    for (std::size_t c = 0; c < batch.names.size(); ++c) {
      const serving::Cell& cell = batch.cell(c, row);
      out += std::string(batch.names[c]) + "=";
      if (const auto* number = std::get_if<double>(&cell)) out += fmt::format("{}", *number);
      if (const auto* text = std::get_if<std::string_view>(&cell))
        out += "'" + std::string(*text) + "'";
      out += " ";
    }
    out += "| ";
  }
  return out;
}

}  // namespace slipway::api::predict::testing
