// A folder of this machine for as long as a command needs it.
#pragma once

#include <filesystem>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace slipway::cli {

// Its name can't be guessed and nobody else may look in; taken away with the object.
class Scratch {
 public:
  // Below the folder for temporary files; `what` is part of its name.
  static Result<Scratch> make(std::string_view what);

  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch();

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit Scratch(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;  // empty: another object has it
};

}  // namespace slipway::cli
