#include "cli/inference_flags.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

namespace slipway::cli {

void InferenceFlags::add_to(CLI::App& command) {
  command.add_option("--margin", margin, "Ranges grow so far to both sides, by their width")
      ->capture_default_str();
  command
      .add_option("--categories-max", categories_max,
                  "Texts with more different values are not listed")
      ->capture_default_str();
}

std::string InferenceFlags::query() const {
  return fmt::format("margin={}&categories_max={}", margin, categories_max);
}

}  // namespace slipway::cli
