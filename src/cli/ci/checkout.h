// What Git says of a pull request: the commit it starts from, what it changes, and that commit's
// files.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace slipway::cli {

struct Checkout {
  std::filesystem::path folder;      // of slipway.yaml
  std::string prefix;                // where that is in the repository: "" or "models/"
  std::string head, base;            // commits; base is where the two histories part
  std::vector<std::string> changed;  // files that differ from the base, in their order
};

// `base`: a name of a commit; empty: what the CI's variables say (GITHUB_BASE_REF,
// CI_MERGE_REQUEST_DIFF_BASE_SHA), else main. kFailedPrecondition: no Git checkout, or its history
// is too short; kNotFound: no such commit.
Result<Checkout> find_checkout(const std::filesystem::path& folder, const std::string& base);

// The base's files in the empty folder `to`, and beside them what Git doesn't know of the checkout
// (data), but for hidden names and `without`.
Result<void> copy_base(const Checkout& checkout, const std::filesystem::path& to,
                       const std::filesystem::path& without);

}  // namespace slipway::cli
