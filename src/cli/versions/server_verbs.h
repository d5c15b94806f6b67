// What the verbs of `slipway data` do that ask a server.
#pragma once

#include <string>

#include "cli/client.h"
#include "cli/versions/local_verbs.h"

namespace slipway::cli {

enum class Origin { kStays, kIsSet };  // where pushes and pulls without a name go
// What a push may take from others: commits of the branch, tags that are elsewhere there.
struct Forced {
  bool branch = false, tags = false;
};
// `name`: of the repository there; empty: the first one that was named, or the folder's.
Result<Said> push(versions::Repository& repository, const Context& context, const std::string& name,
                  Forced forced, Origin origin);
Result<Said> pull(versions::Repository& repository, const Context& context, const std::string& name,
                  bool force);
// gc of the repository on the server.
// Asks the server of the repository, if it has one. Both must outlive what is given.
Result<versions::MissingThere> missing_there(versions::Repository& repository,
                                             const Context& context);
Result<Said> gc_there(versions::Repository& repository, const Context& context,
                      const GcFlags& flags);
Result<Said> repositories(const Context& context);
// `folder` empty: `name`; `version` empty: the branch main, or the only one.
Result<Said> clone(const Context& context, const std::string& name, const std::string& folder,
                   const std::string& version);
// The name on the server: as given, the first one that was named, or the folder's.
Result<std::string> remote_name(const versions::Repository& repository, const std::string& given);

}  // namespace slipway::cli
