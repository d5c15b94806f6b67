#include "versions/ignore.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "store/file_system.h"

namespace slipway::versions {
namespace {

constexpr off_t kIgnoreFileBytesMax = 1 << 20;
constexpr std::string_view kSpecial = "*?[\\";

// Letters of ASCII, whatever the locale.
bool is_of_class(unsigned char c, std::string_view name) {
  const bool is_lower = c >= 'a' && c <= 'z', is_upper = c >= 'A' && c <= 'Z';
  const bool is_digit = c >= '0' && c <= '9', is_graph = c > ' ' && c < 127;
  if (name == "alpha") return is_lower || is_upper;
  if (name == "digit") return is_digit;
  if (name == "alnum") return is_lower || is_upper || is_digit;
  if (name == "lower") return is_lower;
  if (name == "upper") return is_upper;
  if (name == "xdigit") return is_digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  if (name == "space") return c == ' ' || (c >= '\t' && c <= '\r');
  if (name == "blank") return c == ' ' || c == '\t';
  if (name == "cntrl") return c < ' ' || c == 127;
  if (name == "graph") return is_graph;
  if (name == "print") return is_graph || c == ' ';
  return is_graph && !is_lower && !is_upper && !is_digit;  // punct
}

bool is_class_name(std::string_view name) {
  constexpr std::string_view kNames[] = {"alpha", "digit", "alnum", "lower", "upper", "xdigit",
                                         "space", "blank", "cntrl", "graph", "print", "punct"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

// Of a set "[...]" that begins at `at`: whether it has `c`, and where it ends. Nothing: it doesn't
// end or is none, so nothing matches.
struct InSet {
  bool has = false;
  std::size_t end = 0;
};
std::optional<InSet> look_in_set(std::string_view pattern, std::size_t at, unsigned char c) {
  const auto sign = [&](std::size_t i) -> int {
    return i < pattern.size() ? static_cast<unsigned char>(pattern[i]) : -1;
  };
  const bool is_negated = sign(++at) == '!' || sign(at) == '^';
  at += is_negated;
  bool has = false;
  int before = -1;  // what a range may begin with
  do {
    int now = sign(at);
    if (now == '\\') {
      now = sign(++at);
      has = has || now == c;
    } else if (now == '-' && before >= 0 && sign(at + 1) >= 0 && sign(at + 1) != ']') {
      now = sign(++at);
      if (now == '\\') now = sign(++at);
      if (now < 0) return std::nullopt;
      has = has || (c >= before && c <= now);
      before = -1;
      continue;
    } else if (now == '[' && sign(at + 1) == ':') {
      const std::size_t end = pattern.find(']', at + 2);
      if (end == std::string_view::npos) return std::nullopt;
      if (end >= at + 3 && pattern[end - 1] == ':') {
        const std::string_view name = pattern.substr(at + 2, end - at - 3);
        if (!is_class_name(name)) return std::nullopt;
        has = has || is_of_class(c, name);
        at = end;
        before = -1;
        continue;
      }
      has = has || c == '[';
    } else {
      has = has || now == c;
    }
    if (now < 0) return std::nullopt;
    before = now;
  } while (sign(++at) != ']');
  return InSet{has != is_negated, at + 1};
}

Result<std::string> read_rules(const std::filesystem::path& file) {
  const store::FileHandle fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (fd.get() < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) return std::string();
  struct stat stat;
  if (fd.get() < 0 || ::fstat(fd.get(), &stat) != 0)
    return store::errno_error(errno, "open the file", file);
  if (!S_ISREG(stat.st_mode)) return std::string();
  if (stat.st_size > kIgnoreFileBytesMax)
    return base::error(Code::kInvalidArgument, "longer than {} bytes: {}", kIgnoreFileBytesMax,
                       file.string());
  return store::read_file(file);
}

}  // namespace

std::vector<IgnoreRule> parse_ignore_file(std::string_view text) {
  std::vector<IgnoreRule> rules;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  for (std::size_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = line.substr(0, line.find('\0'));
    if (line.starts_with('#')) continue;
    // Spaces at the end go, but for one behind a backslash.
    std::size_t end = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (line[i] == ' ') continue;
      i += line[i] == '\\';
      end = std::min(i + 1, line.size());
    }
    line = line.substr(0, end);
    if (line.empty()) continue;
    IgnoreRule rule{.text = std::string(line), .line = number, .pattern = {}};
    rule.keeps = line.starts_with('!');
    line.remove_prefix(rule.keeps);
    rule.only_folders = line.ends_with('/');
    if (rule.only_folders) line.remove_suffix(1);
    rule.only_names = line.find('/') == std::string_view::npos;
    if (line.starts_with('/')) line.remove_prefix(1);
    rule.pattern = line;
    rule.literal_bytes = std::min(line.find_first_of(kSpecial), line.size());
    rules.push_back(std::move(rule));
  }
  return rules;
}

bool matches(const IgnoreRule& rule, std::string_view path, bool is_folder) {
  if (rule.only_folders && !is_folder) return false;
  if (rule.only_names)
    return glob_matches(rule.pattern, path.substr(path.rfind('/') + 1), GlobOf::kName);
  // As git does, ** behind letters is at the beginning: "a**/b" matches "ax/y/b".
  std::string_view pattern = rule.pattern;
  if (path.substr(0, rule.literal_bytes) != pattern.substr(0, rule.literal_bytes)) return false;
  pattern.remove_prefix(rule.literal_bytes);
  path.remove_prefix(rule.literal_bytes);
  return glob_matches(pattern, path, GlobOf::kPath);
}

bool glob_matches(std::string_view pattern, std::string_view text, GlobOf of) {
  // Where to go on after a mismatch: behind the last star, one sign of the text later. Earlier ones
  // would only leave less of the text.
  struct Star {
    std::size_t pattern = std::string_view::npos, text = 0;
  };
  Star within, across;  // of a name, and of slashes
  std::size_t p = 0, t = 0;
  const auto go_back = [&] {
    if (within.pattern != std::string_view::npos && within.text <= text.size() &&
        text[within.text - 1] != '/') {
      p = within.pattern;
      t = within.text++;
      return true;
    }
    within = {};
    if (across.pattern == std::string_view::npos || across.text > text.size()) return false;
    p = across.pattern;
    t = across.text++;
    return true;
  };
  while (true) {
    bool is_match = false;
    if (p == pattern.size()) {
      if (t == text.size()) return true;
    } else if (pattern[p] == '*') {
      const std::size_t begin = p;
      while (p < pattern.size() && pattern[p] == '*') ++p;
      const std::string_view rest = pattern.substr(p);
      const bool is_between = p - begin >= 2 && (begin == 0 || pattern[begin - 1] == '/') &&
                              (rest.empty() || rest.front() == '/' || rest.starts_with("\\/"));
      if (of == GlobOf::kName || is_between) {
        within = {};
        across = {p, t + 1};
        if (of == GlobOf::kPath && rest.starts_with('/')) {  // also no folder
          across.text = t;
          ++p;
        }
      } else {
        within = {p, t + 1};
      }
      is_match = true;
    } else if (t < text.size()) {
      const bool is_slash = of == GlobOf::kPath && text[t] == '/';
      if (pattern[p] == '?') {
        is_match = !is_slash;
        ++p;
      } else if (pattern[p] == '[') {
        const auto in = look_in_set(pattern, p, static_cast<unsigned char>(text[t]));
        if (!in) return false;
        is_match = in->has && !is_slash;
        p = in->end;
      } else {
        p += pattern[p] == '\\';
        is_match = p < pattern.size() && pattern[p] == text[t];
        ++p;
      }
      ++t;
    }
    if (!is_match && !go_back()) return false;
  }
}

Result<void> Ignores::enter(const std::string& folder) {
  std::vector<IgnoreRule> rules = parse_ignore_file(TRY(read_rules(top_ / folder / kIgnoreFile)));
  if (!rules.empty()) levels_.push_back({folder, std::move(rules)});
  return {};
}

void Ignores::leave(const std::string& folder) {
  if (!levels_.empty() && levels_.back().folder == folder) levels_.pop_back();
}

std::pair<const Ignores::Level*, const IgnoreRule*> Ignores::find_rule(std::string_view path,
                                                                       bool is_folder) const {
  // The last one of the deepest file decides.
  for (auto level = levels_.rbegin(); level != levels_.rend(); ++level) {
    const std::string_view inside = path.substr(level->folder.size());
    for (auto rule = level->rules.rbegin(); rule != level->rules.rend(); ++rule) {
      if (matches(*rule, inside, is_folder)) return {&*level, rule->keeps ? nullptr : &*rule};
    }
  }
  return {nullptr, nullptr};
}

const IgnoreRule* Ignores::find(std::string_view path, bool is_folder) const {
  return find_rule(path, is_folder).second;
}

Result<std::optional<Ignores::Ignored>> Ignores::find_for(const std::filesystem::path& top,
                                                          const std::string& path, bool is_folder) {
  Ignores ignores(top);
  TRY(ignores.enter(""));
  for (std::size_t slash = 0; slash != std::string::npos;) {
    slash = path.find('/', slash + 1);
    const std::string at = path.substr(0, slash);
    const auto [level, rule] = ignores.find_rule(at, slash != std::string::npos || is_folder);
    if (rule != nullptr) return std::optional(Ignored{level->folder + kIgnoreFile, *rule, at});
    if (slash != std::string::npos) TRY(ignores.enter(at + '/'));
  }
  return std::optional<Ignored>();
}

}  // namespace slipway::versions
