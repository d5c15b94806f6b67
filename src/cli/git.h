// Git, as it is installed here.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace slipway::cli {

struct GitSaid {
  int exit_code = 0;
  std::string text;  // what it wrote, without the last line's end
};

// `words` behind "git", in `folder`.
Result<GitSaid> git(std::vector<std::string> words, const std::filesystem::path& folder);

// The whole id of a commit; nothing: there is none of that name, which may be anything.
Result<std::optional<std::string>> find_commit(const std::string& name,
                                               const std::filesystem::path& folder);

// The same of any program of the PATH.
Result<GitSaid> run_program(std::vector<std::string> words, const std::filesystem::path& folder);

}  // namespace slipway::cli
