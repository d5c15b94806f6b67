// One commit's data and pipelines, run on a server of CI's own.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "cli/ci/project_part.h"
#include "cli/client.h"
#include "cli/drill/server.h"

namespace slipway::cli {

// On a folder that an interrupted run may still hold for a moment.
Result<Server> start_ci_server(const std::filesystem::path& data);

// Ends what an interrupted run has left going. Its steps that ended stay in the cache.
Result<void> end_left_runs(Client& client);

// Whose columns a side's datasets must still have: those of nothing that an earlier run left, or of
// the side before it.
enum class CiFollows { kNothing, kBase };

// Declares the project of `folder`, takes in its datasets and runs its pipelines; says each step on
// stderr. `rows`: files of datasets whose declared place is not to be read. What datasets or
// pipelines come to is in the result; an error means that the server or slipway.yaml is broken.
Result<CiSide> run_side(Client& client, const CiProject& project,
                        const std::filesystem::path& folder, const std::string& commit,
                        CiFollows follows,
                        const std::map<std::string, std::filesystem::path>& rows = {});

// Why a step of `head` ran, from what the same step of `base` depended on; then its state says
// whether the cache knew the answer already.
void tell_why(CiSide& head, const CiSide& base);

}  // namespace slipway::cli
