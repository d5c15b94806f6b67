// The command line: nouns and verbs over the HTTP API, plus `server`, which runs everything in this
// process.
#pragma once

#include <optional>

namespace slipway::cli {

// Exit codes, stable: scripts rely on them.
enum Exit {
  kOk = 0,
  kFailed = 1,
  kUsage = 2,
  kGateSaidNo = 3,
  kNotFound = 4,
  kUnreachable = 5,
  kDiffers = 6
};

// Every verb.
int run(int argc, char** argv);

// A verb that starts at once (add_light_verbs). Nothing: none of these, or the words are wrong,
// which `run` tells.
std::optional<int> run_light(int argc, char** argv);

}  // namespace slipway::cli
