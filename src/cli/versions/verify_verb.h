// `slipway data verify`: what is damaged or missing is found, named and mended, here or on the
// server.
#pragma once

#include <string>

#include "cli/client.h"
#include "cli/versions/local_verbs.h"

namespace slipway::cli {

// Reads every object, and the files of the folder that were written from them; with `repairs` what
// is damaged or missing is read from the folder again or asked of the server.
Result<Said> verify(versions::Repository& repository, const Context& context, bool repairs);
// The server reads every object of its repository `name`; with `repairs` it is sent from
// `repository`, which may be null without, what is damaged or missing there.
Result<Said> verify_there(const Context& context, const std::string& name,
                          versions::Repository* repository, bool repairs);

}  // namespace slipway::cli
