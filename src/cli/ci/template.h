// Workflows that run `slipway ci` on pull requests, as text to keep in a repository.
#pragma once

#include <string_view>

namespace slipway::cli {

extern const std::string_view kGithubTemplate, kGitlabTemplate;

}  // namespace slipway::cli
