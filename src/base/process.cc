#include "base/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace slipway::base {
namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

}  // namespace

Result<pid_t> start_process(Program program) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  if (program.input >= 0) {
    posix_spawn_file_actions_adddup2(&files, program.input, 0);
  } else {
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  }
  if (program.output >= 0) {
    posix_spawn_file_actions_adddup2(&files, program.output, 1);
  } else {
    posix_spawn_file_actions_addopen(&files, 1, program.log.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                     0644);
  }
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  if (program.kept >= 0) posix_spawn_file_actions_adddup2(&files, program.kept, 3);
  posix_spawn_file_actions_addclosefrom_np(&files, program.kept >= 0 ? 4 : 3);
  if (!program.folder.empty()) posix_spawn_file_actions_addchdir_np(&files, program.folder.c_str());
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  if (!program.is_in_our_group) flags |= POSIX_SPAWN_SETPGROUP;
  posix_spawnattr_setflags(&attributes, flags);
  std::vector<char*> environment = pointers(program.environment);
  pid_t pid = 0;
  const int failed = posix_spawn(&pid, program.words.at(0).c_str(), &files, &attributes,
                                 pointers(program.words).data(),
                                 program.environment.empty() ? environ : environment.data());
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (failed == 0) return pid;
  const bool is_full = failed == EAGAIN || failed == ENOMEM;
  return error(is_full ? Code::kResourceExhausted : Code::kFailedPrecondition,
               "a program can't be started: program={} folder={} log={} why={}", program.words[0],
               program.folder.string(), program.log.string(), std::strerror(failed));
}

}  // namespace slipway::base
