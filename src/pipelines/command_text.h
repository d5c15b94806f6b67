// Commands and how they ended as text, for the process that runs them: another server's, or a
// keeper. What is read may be of a server of another version.
#pragma once

#include <string>
#include <string_view>

#include "pipelines/executor.h"

namespace slipway::pipelines {

// Without the values of its secrets, and as a process, never a Job.
std::string text_of(const Command& command);
// Errors: it can't be read.
Result<Command> command_of(std::string_view text);

std::string text_of(const Result<Exit>& exit);
// Errors: the one that was written, or it can't be read.
Result<Exit> exit_of(std::string_view text);

}  // namespace slipway::pipelines
