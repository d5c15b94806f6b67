#include "pipelines/process_group.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

namespace slipway::pipelines {
namespace {

// Of /proc/PID/stat; 0: the process is gone. Its name, in parentheses, may hold anything.
pid_t group_of(const std::string& process) {
  std::ifstream file("/proc/" + process + "/stat");
  std::string line;
  std::getline(file, line);
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return 0;
  char state = 0;
  int parent = 0, group = 0;
  const char* const rest = line.c_str() + name_end + 1;
  return std::sscanf(rest, " %c %d %d", &state, &parent, &group) == 3 ? group : 0;
}

// Of lines like "VmHWM:    1234 kB"; 0: no such line.
std::int64_t bytes_of(const std::string& text, const std::string& name) {
  const std::size_t at = ("\n" + text).find("\n" + name + ":");
  if (at == std::string::npos) return 0;
  return 1024 * std::atoll(text.c_str() + at + name.size() + 1);
}

std::string text_of(const std::string& process, const char* file) {
  std::ifstream in("/proc/" + process + "/" + file);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace

std::int64_t group_memory(pid_t group, std::int64_t exact_above) {
  std::map<std::string, std::int64_t> members;  // process -> bytes
  std::int64_t sum = 0;
  std::error_code ec;
  for (std::filesystem::directory_iterator entry("/proc", ec), end; !ec && entry != end;
       entry.increment(ec)) {
    const std::string process = entry->path().filename();
    if (process.find_first_not_of("0123456789") != std::string::npos || group_of(process) != group)
      continue;
    const std::string status = text_of(process, "status");
    members[process] = bytes_of(status, "RssAnon") + bytes_of(status, "RssShmem");
    sum += members[process];
  }
  if (sum <= exact_above || members.size() < 2) return sum;
  std::int64_t shared_once = 0;
  for (const auto& [process, resident] : members) {
    const std::string rollup = text_of(process, "smaps_rollup");
    const std::int64_t share = bytes_of(rollup, "Pss_Anon") + bytes_of(rollup, "Pss_Shmem");
    shared_once += share > 0 ? share : resident;
  }
  return shared_once;
}

}  // namespace slipway::pipelines
