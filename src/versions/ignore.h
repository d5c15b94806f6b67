// Files that are not to be kept: `.slipwayignore` in any folder, with the patterns of git's
// gitignore(5), matched as git does.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace slipway::versions {

inline constexpr const char* kIgnoreFile = ".slipwayignore";

// A line of such a file.
struct IgnoreRule {
  std::string text;               // as it stands there
  std::size_t line = 0;           // from 1
  std::string pattern;            // without '!' and the last '/'
  std::size_t literal_bytes = 0;  // of the pattern, before the first sign that means something
  bool keeps = false;             // '!': what matches is not ignored
  bool only_folders = false, only_names = false;
};
std::vector<IgnoreRule> parse_ignore_file(std::string_view text);
// `path` from the folder that has the file. Pure.
bool matches(const IgnoreRule& rule, std::string_view path, bool is_folder);
// Whether all of `text` is as `pattern` says: *, ?, [...], \; with kPath '/' is matched by itself
// and by ** between slashes alone. Time grows with the product of their lengths, squared.
enum class GlobOf { kPath, kName };
bool glob_matches(std::string_view pattern, std::string_view text, GlobOf of);

// The rules of the folders from the top down to one. One thread at a time.
class Ignores {
 public:
  explicit Ignores(std::filesystem::path top) : top_(std::move(top)) {}

  // Goes into `folder`, "" being the top and others ending with '/', from the one above.
  // kInvalidArgument: its file is too long.
  Result<void> enter(const std::string& folder);
  void leave(const std::string& folder);
  // The rule that ignores what is in the folder entered last. Nullptr: none does. Valid until the
  // folder is left.
  const IgnoreRule* find(std::string_view path, bool is_folder) const;

  struct Ignored {
    std::string file;  // from the top
    IgnoreRule rule;
    std::string path;  // of what it ignores: the one asked for, or a folder above
  };
  // The same for any path, whose folders may be ignored, too.
  static Result<std::optional<Ignored>> find_for(const std::filesystem::path& top,
                                                 const std::string& path, bool is_folder);

 private:
  struct Level {
    std::string folder;
    std::vector<IgnoreRule> rules;
  };
  std::pair<const Level*, const IgnoreRule*> find_rule(std::string_view path, bool is_folder) const;

  const std::filesystem::path top_;
  std::vector<Level> levels_;  // of the folders entered, those that have rules
};

}  // namespace slipway::versions
