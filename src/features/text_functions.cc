// Texts. Places and lengths count characters (Unicode code points); letters are lowered and raised
// within ASCII.
#include <cmath>

#include "base/text.h"
#include "features/expression_functions.h"
#include "types/text_pattern.h"

namespace slipway::features {
namespace {

constexpr std::size_t kTextBytesMax = 1 << 20;  // of what replace() makes

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

double length(std::string_view text) {
  return static_cast<double>(std::ranges::count_if(text, begins_character));
}

// Where character `number` (from 0) begins; the end when there are fewer.
std::size_t place_of(std::string_view text, double number) {
  if (number <= 0) return 0;
  double seen = -1;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (begins_character(text[at]) && ++seen == number) return at;
  }
  return text.size();
}

// SQL's: from 1; what lies before the first character counts but isn't there.
std::string_view substring(std::string_view text, double from, double count) {
  const std::size_t begin = place_of(text, from - 1), end = place_of(text, from - 1 + count);
  return text.substr(begin, end - begin);
}

std::string raised(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

std::optional<std::string> replaced(std::string_view text, std::string_view from,
                                    std::string_view to) {
  if (from.empty()) return std::string(text);
  std::string out;
  while (true) {
    const std::size_t at = text.find(from);
    out += text.substr(0, at);
    if (out.size() > kTextBytesMax) return std::nullopt;
    if (at == std::string_view::npos) return out;
    out += to;
    text.remove_prefix(at + from.size());
  }
}

// PostgreSQL's: parts count from 1, or from -1 at the end; a part that isn't there is empty.
std::optional<std::string_view> split_part(std::string_view text, std::string_view delimiter,
                                           double number) {
  number = std::trunc(number);
  if (number == 0) return std::nullopt;
  std::vector<std::string_view> parts;
  std::string_view rest = text;
  while (!delimiter.empty()) {
    const std::size_t at = rest.find(delimiter);
    if (at == std::string_view::npos) break;
    parts.push_back(rest.substr(0, at));
    rest.remove_prefix(at + delimiter.size());
  }
  parts.push_back(rest);
  const double place = number > 0 ? number - 1 : static_cast<double>(parts.size()) + number;
  if (place < 0 || place >= static_cast<double>(parts.size())) return text.substr(0, 0);
  return parts[static_cast<std::size_t>(place)];
}

std::variant<NodePtr, Misuse> matches(const std::vector<Typed>& arguments) {
  if (!arguments[1].literal) return Misuse{1, "expected a pattern that is written out"};
  const auto pattern = types::TextPattern::compile(*arguments[1].literal);
  if (!pattern) return Misuse{1, pattern.error().message};
  return call_of([pattern = *pattern](std::string_view text) { return pattern.finds(text); },
                 arguments);
}

// Any number of texts; a missing one makes the whole missing.
class Concat final : public NodeOf<std::string_view> {
 public:
  explicit Concat(std::vector<NodePtr> parts) : parts_(std::move(parts)) {}
  void write(Rows& rows, std::span<std::string_view> out) const override {
    std::vector<std::span<const std::string_view>> cells;
    for (const NodePtr& part : parts_) cells.push_back(node_of<std::string_view>(part).cells(rows));
    std::string all;
    for (std::size_t row = 0; row < out.size(); ++row) {
      all.clear();
      bool is_whole = true;
      for (const auto& part : cells) {
        is_whole = is_whole && !is_missing(part[row]);
        all += part[row];
      }
      out[row] = is_whole ? rows.keep(all) : std::string_view();
    }
  }

 private:
  const std::vector<NodePtr> parts_;
};

}  // namespace

NodePtr concat_of(std::vector<NodePtr> parts) { return std::make_shared<Concat>(std::move(parts)); }

void add_text_functions(Functions& all) {
  using View = std::string_view;
  add(all, "text", [](View text) { return text; });
  add(all, "length", [](View text) { return length(text); });
  add(all, "lower", [](View text) { return base::lowered(text); });
  add(all, "upper", [](View text) { return raised(text); });
  add(all, "trim", [](View text) {
    const View inner = base::trimmed(text);
    return inner.empty() ? text.substr(0, 0) : inner;  // empty is not missing
  });
  add(all, "substring", [](View text, double from) {
    return substring(text, std::floor(from), std::numeric_limits<double>::max());
  });
  add(all, "substring", [](View text, double from, double count) -> std::optional<View> {
    if (count < 0) return std::nullopt;
    return substring(text, std::floor(from), std::floor(count));
  });
  add(all, "contains", [](View text, View part) { return text.find(part) != View::npos; });
  add(all, "starts_with", [](View text, View part) { return text.starts_with(part); });
  add(all, "ends_with", [](View text, View part) { return text.ends_with(part); });
  add(all, "replace", [](View text, View from, View to) { return replaced(text, from, to); });
  add(all, "split_part",
      [](View text, View delimiter, double n) { return split_part(text, delimiter, n); });
  all.emplace("matches", Function{{ValueType::kText, ValueType::kText}, ValueType::kBool, matches});
}

}  // namespace slipway::features
