#include "api/mlflow/json_members.h"

#include <algorithm>
#include <array>

#include "base/json.h"

namespace slipway::api::mlflow {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// What decides how deep a value is nested; bodies are long, so this is a table.
constexpr std::array<bool, 256> kNesting = [] {
  std::array<bool, 256> table{};
  for (const unsigned char c : {'"', '{', '}', '[', ']'}) table[c] = true;
  return table;
}();

class Scanner {
 public:
  explicit Scanner(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

  bool take(char c) {
    skip_space();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

  // A text with its quotes, not decoded; empty when there is none.
  std::string_view take_text() {
    skip_space();
    const char* begin = at_;
    return skip_text() ? std::string_view(begin, at_) : std::string_view();
  }

  // Any value as written; empty when there is none, or the text ends inside it.
  std::string_view take_value() {
    skip_space();
    const char* begin = at_;
    if (at_ == end_) return {};
    if (*at_ == '"') return take_text();
    if (*at_ == '{' || *at_ == '[')
      return skip_nested() ? std::string_view(begin, at_) : std::string_view();
    while (at_ != end_ && !is_space(*at_) && *at_ != ',' && *at_ != ':' &&
           !kNesting[static_cast<unsigned char>(*at_)])
      ++at_;
    return {begin, at_};
  }

 private:
  void skip_space() {
    while (at_ != end_ && is_space(*at_)) ++at_;
  }

  bool skip_text() {
    if (at_ == end_ || *at_ != '"') return false;
    for (++at_; at_ != end_; ++at_) {
      if (*at_ == '"') {
        ++at_;
        return true;
      }
      if (*at_ == '\\' && ++at_ == end_) return false;
    }
    return false;
  }

  bool skip_nested() {
    int depth = 0;
    while (at_ != end_) {
      if (!kNesting[static_cast<unsigned char>(*at_)]) {
        ++at_;
      } else if (*at_ == '"') {
        if (!skip_text()) return false;
      } else {
        const bool opens = *at_ == '{' || *at_ == '[';
        ++at_;
        depth += opens ? 1 : -1;
        if (depth == 0) return true;
      }
    }
    return false;
  }

  const char* at_;
  const char* const end_;
};

// A text with its quotes, decoded; as it is when it has no valid escapes.
std::string decode(std::string_view quoted) {
  const std::string_view inside = quoted.substr(1, quoted.size() - 2);
  if (inside.find('\\') == std::string_view::npos) return std::string(inside);
  const Result<Json> parsed = base::parse_json(quoted);
  if (!parsed || !parsed->is_string()) return std::string(inside);
  return std::string(std::string_view(parsed->get_string()));
}

}  // namespace

std::vector<std::string> member_values(std::string_view json,
                                       std::span<const std::string_view> names) {
  std::vector<std::string> values;
  Scanner scanner(json);
  if (!scanner.take('{')) return values;
  while (true) {
    const std::string_view key = scanner.take_text();
    if (key.empty() || !scanner.take(':')) return values;
    const std::string_view value = scanner.take_value();
    if (value.empty()) return values;
    if (std::find(names.begin(), names.end(), decode(key)) != names.end())
      values.push_back(value.starts_with('"') ? decode(value) : std::string(value));
    if (!scanner.take(',')) return values;
  }
}

}  // namespace slipway::api::mlflow
