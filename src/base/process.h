// Other programs, started.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace slipway::base {

struct Program {
  std::vector<std::string> words;        // the first is its file
  std::vector<std::string> environment;  // "NAME=value"; empty: as this process has it
  std::filesystem::path folder;          // where it begins; empty: here
  std::filesystem::path log;             // its output goes behind what is there
  int output = -1;                       // or into this file, which stays the caller's
  int input = -1;                        // what it reads, as well; -1: nothing
  int kept = -1;                         // goes on as its file 3; -1: none does
  bool is_in_our_group = false;          // it ends when our group is ended
};

// Starts a process, in a group of its own unless it is told otherwise, with no open files but these
// and signals as they are by default. The caller waits for it. kResourceExhausted:
// too many processes or too little memory. kFailedPrecondition: there is no such program, folder or
// log.
Result<pid_t> start_process(Program program);

}  // namespace slipway::base
