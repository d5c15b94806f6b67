#include "api/mlflow/json_members.h"

#include <algorithm>

#include "base/json.h"

namespace slipway::api::mlflow {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  void skip_space() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(kSpace), rest_.size()));
  }

  bool take(char c) {
    skip_space();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // A text with its quotes, not decoded; empty when there is none.
  std::string_view take_text() {
    skip_space();
    if (!rest_.starts_with('"')) return {};
    for (std::size_t at = 1; at < rest_.size();) {
      at = rest_.find_first_of("\"\\", at);
      if (at == std::string_view::npos) return {};
      if (rest_[at] == '"') {
        const std::string_view text = rest_.substr(0, at + 1);
        rest_.remove_prefix(at + 1);
        return text;
      }
      at += 2;
    }
    return {};
  }

  // Any value as written; empty when the text ends inside it.
  std::string_view take_value() {
    skip_space();
    const std::string_view begin = rest_;
    int depth = 0;
    do {
      skip_space();
      if (rest_.empty()) return {};
      switch (rest_.front()) {
        case '"':
          if (take_text().empty()) return {};
          break;
        case '{':
        case '[':
          ++depth;
          rest_.remove_prefix(1);
          break;
        case '}':
        case ']':
          if (depth-- == 0) return {};
          rest_.remove_prefix(1);
          break;
        case ',':
        case ':':
          if (depth == 0) return {};
          rest_.remove_prefix(1);
          break;
        default:
          rest_.remove_prefix(std::min(rest_.find_first_of("\"{}[],: \t\r\n"), rest_.size()));
      }
    } while (depth > 0);
    return begin.substr(0, begin.size() - rest_.size());
  }

 private:
  std::string_view rest_;
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
