#include "cli/scratch.h"

#include <cerrno>
#include <cstdlib>
#include <string>

#include "store/file_system.h"

namespace slipway::cli {

Result<Scratch> Scratch::make(std::string_view what) {
  std::string name =
      (std::filesystem::temp_directory_path() / fmt::format("slipway-{}-XXXXXX", what)).string();
  if (::mkdtemp(name.data()) == nullptr) return store::errno_error(errno, "mkdtemp", name);
  return Scratch(name);
}

Scratch::~Scratch() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace slipway::cli
