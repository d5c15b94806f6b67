#include "dvc/yaml_text.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <regex>

#include "dvc/code_points.h"

namespace slipway::dvc {
namespace {

constexpr std::size_t kWidth = 80;
constexpr std::size_t kIndent = 2;

// What a plain scalar would be read as something else than text for.
bool reads_as_other(const std::string& text) {
  static const std::regex other(
      "true|True|TRUE|false|False|FALSE|~|null|Null|NULL| |=|<<"
      "|[-+]?[0-9][0-9_]*\\.[0-9_]*([eE][-+]?[0-9]+)?"
      "|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
      "|[-+]?\\.[0-9_]+([eE][-+][0-9]+)?"
      "|[-+]?\\.(inf|Inf|INF)|\\.(nan|NaN|NAN)"
      "|[-+]?0b[0-1_]+|[-+]?0o?[0-7_]+|[-+]?[0-9_]+|[-+]?0x[0-9a-fA-F_]+"
      "|[0-9]{4}-[0-9]{2}-[0-9]{2}"
      "|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt]|[ \\t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\\.[0-9]*)?"
      "([ \\t]*(Z|[-+][0-9]{1,2}(:[0-9]{2})?))?",
      std::regex::ECMAScript | std::regex::optimize);
  constexpr std::size_t kLongest = 64;  // of what a regular expression has to be asked
  if (text.empty()) return true;
  if (text.size() > kLongest)
    return text.find_first_not_of("0123456789_+-.eExob") == std::string::npos;
  return std::regex_match(text, other);
}

bool is_break(char32_t c) { return c == U'\n' || c == 0x85 || c == 0x2028 || c == 0x2029; }
bool is_blank(char32_t c) { return c == 0 || c == U' ' || c == U'\t' || c == U'\r' || is_break(c); }
bool is_printable(char32_t c) {
  return (c >= 0x20 && c <= 0x7e) || c == U'\n' || c == 0x85 || (c >= 0xa0 && c <= 0xd7ff) ||
         (c >= 0xe000 && c <= 0xfffd && c != 0xfeff) || c >= 0x10000;
}

// Which ways to write a text would read back as it.
struct Ways {
  bool plain = true, single_quoted = true;
};

Ways ways_of(const std::u32string& text) {
  if (text.empty()) return {};
  bool indicators = text.starts_with(U"---") || text.starts_with(U"...");
  bool breaks = false, special = false, break_space = false, space_break = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    const bool blank_follows = i + 1 >= text.size() || is_blank(text[i + 1]);
    if (i == 0) {
      if (std::u32string_view(U"#,[]{}&*!|>'\"%@`").find(c) != std::u32string_view::npos)
        indicators = true;
      if ((c == U'?' || c == U':' || c == U'-') && blank_follows) indicators = true;
    } else {
      if (c == U':' && blank_follows) indicators = true;
      if (c == U'#' && is_blank(text[i - 1])) indicators = true;
      if (c == U' ' && is_break(text[i - 1])) break_space = true;
      if (is_break(c) && text[i - 1] == U' ') space_break = true;
    }
    if (is_break(c)) breaks = true;
    if (!is_printable(c)) special = true;
  }
  const auto is_edge = [](char32_t c) { return c == U' ' || is_break(c); };
  const bool edges = is_edge(text.front()) || is_edge(text.back());
  Ways ways;
  ways.single_quoted = !special && !space_break && !break_space;
  ways.plain = ways.single_quoted && !edges && !breaks && !indicators;
  return ways;
}

class Writer {
 public:
  std::string take() {
    std::string out = std::move(out_);
    return out;
  }

  void map(const JsonObject& members, std::size_t indent) {
    bool first = true;
    for (const auto& [key, value] : members) {
      if (!first || column_ > indent) new_line();
      first = false;
      pad(indent);
      scalar(std::string(std::string_view(key)), indent, Split::kNo);
      put(U":");
      // A list in a map is not indented.
      member(value, indent, indent);
    }
  }

 private:
  enum class Split { kNo, kYes };

  void list(const JsonArray& items, std::size_t indent) {
    for (const Json& item : items) {
      if (column_ > indent) new_line();
      pad(indent);
      put(U"-");
      if (item.is_object() && !item.get_object().empty()) {
        put(U" ");
        map(item.get_object(), indent + kIndent);
      } else if (item.is_array() && !item.get_array().empty()) {
        put(U" ");
        list(item.get_array(), indent + kIndent);
      } else if (item.is_null()) {
        put(U" ");
      } else {
        member(item, indent, indent);
      }
    }
  }

  void member(const Json& value, std::size_t indent, std::size_t list_indent) {
    if (value.is_object()) {
      if (value.get_object().empty()) return put(U" {}");
      new_line();
      return map(value.get_object(), indent + kIndent);
    }
    if (value.is_array()) {
      if (value.get_array().empty()) return put(U" []");
      new_line();
      return list(value.get_array(), list_indent);
    }
    if (value.is_null()) return;
    put(U" ");
    if (value.is_string())
      return scalar(std::string(std::string_view(value.get_string())), indent + kIndent,
                    Split::kYes);
    if (value.is_bool()) return put(value.get_bool() ? U"true" : U"false");
    if (value.is_double() && !std::isfinite(value.get_double())) {
      const double number = value.get_double();
      return put(std::isnan(number) ? U".nan" : number < 0 ? U"-.inf" : U".inf");
    }
    if (value.is_double()) return put(code_points(python_number(value.get_double())));
    put(code_points(value.is_uint64() ? std::to_string(value.get_uint64())
                                      : std::to_string(value.get_int64())));
  }

  void scalar(const std::string& text, std::size_t indent, Split split) {
    const std::u32string points = code_points(text);
    const Ways ways = ways_of(points);
    if (ways.plain && !reads_as_other(text)) return plain(points, indent, split);
    const bool has_quote_or_line = text.find_first_of("'\n") != std::string::npos;
    if (ways.single_quoted && !has_quote_or_line) return single_quoted(points, indent, split);
    double_quoted(points, indent, split);
  }

  void plain(const std::u32string& text, std::size_t indent, Split split) {
    words(text, indent, split, [&](std::u32string_view word) {
      // A word that is longer than the line has one of its own.
      if (word.size() + column_ > kWidth && column_ > indent && split == Split::kYes)
        new_line(), pad(indent);
      put(word);
    });
  }

  void single_quoted(const std::u32string& text, std::size_t indent, Split split) {
    put(U"'");
    std::size_t at = 0;
    while (at < text.size()) {
      const std::size_t end = std::min(text.find_first_not_of(U' ', at), text.size());
      if (end > at) {
        if (end - at == 1 && column_ > kWidth && split == Split::kYes && at != 0 &&
            end != text.size()) {
          new_line();
          pad(indent);
        } else {
          put(std::u32string_view(text).substr(at, end - at));
        }
      }
      at = std::min(text.find(U' ', end), text.size());
      put(std::u32string_view(text).substr(end, at - end));
    }
    put(U"'");
  }

  template <typename Put>
  void words(const std::u32string& text, std::size_t indent, Split split, const Put& put_word) {
    std::size_t at = 0;
    while (at < text.size()) {
      const std::size_t spaces = std::min(text.find_first_not_of(U' ', at), text.size());
      if (spaces > at) {
        if (spaces - at == 1 && column_ >= kWidth && split == Split::kYes) {
          new_line();
          pad(indent);
        } else {
          put(std::u32string_view(text).substr(at, spaces - at));
        }
      }
      at = std::min(text.find(U' ', spaces), text.size());
      put_word(std::u32string_view(text).substr(spaces, at - spaces));
    }
  }

  static bool is_escaped(char32_t c) {
    return c == U'"' || c == U'\\' || c == U'\n' || c == 0x85 || c == 0x2028 || c == 0x2029 ||
           !is_printable(c);
  }

  static std::u32string escape(char32_t c) {
    constexpr std::u32string_view kFrom(U"\0\a\b\t\n\v\f\r\x1b\"\\\x85\xa0\u2028\u2029", 15);
    constexpr std::u32string_view kTo = U"0abtnvfre\"\\N_LP";
    if (const std::size_t at = kFrom.find(c); at != std::u32string_view::npos)
      return std::u32string(U"\\") + kTo[at];
    const auto number = static_cast<std::uint32_t>(c);
    return code_points(number <= 0xff     ? fmt::format("\\x{:02X}", number)
                       : number <= 0xffff ? fmt::format("\\u{:04X}", number)
                                          : fmt::format("\\U{:08X}", number));
  }

  // Whether a line that ends before `end` needs a backslash, so that nothing is read into the gap.
  static bool needs_backslash(const std::u32string& text, std::size_t start, std::size_t end) {
    std::size_t gap = text.find(U' ', end);
    if (gap == std::u32string::npos) return true;
    const std::size_t line = text.find(U'\n', end);
    if (line < gap) gap = line;
    if (gap + 1 >= text.size()) return true;
    if (text[gap] == U'\n' && text[gap + 1] != U' ') return true;
    const std::u32string_view between = std::u32string_view(text).substr(end, gap - end);
    return between.find_first_of(U"\"'") != std::u32string_view::npos || text[gap + 1] == U' ' ||
           text[gap + 1] == U'\n' || (text[end - 1] == U' ' && text[end] == U' ') || start == end;
  }

  void double_quoted(const std::u32string& text, std::size_t indent, Split split) {
    put(U"\"");
    std::size_t start = 0;
    for (std::size_t end = 0; end <= text.size(); ++end) {
      const bool at_end = end == text.size();
      if (at_end || is_escaped(text[end])) {
        if (start < end) put(std::u32string_view(text).substr(start, end - start));
        start = end;
        if (!at_end) {
          put(escape(text[end]));
          start = end + 1;
        }
      }
      if (end == 0 || end + 1 >= text.size() || split == Split::kNo) continue;
      if (text[end] != U' ' && start < end) continue;
      const std::size_t pending = end > start ? end - start : 0;
      // After an escape, `start` is behind `end`.
      if (column_ + pending < kWidth + 1 + (start > end ? 1 : 0)) continue;
      const bool backslash = needs_backslash(text, start, end);
      if (start < end) {
        put(std::u32string_view(text).substr(start, end - start));
        start = end;
      }
      if (backslash) put(U"\\");
      new_line();
      pad(indent);
      if (text[start] == U' ') {
        if (backslash)
          put(U"\\");
        else
          ++start;
      }
    }
    put(U"\"");
  }

  void put(std::u32string_view text) {
    out_ += utf8(text);
    column_ += text.size();
  }
  void new_line() {
    out_ += '\n';
    column_ = 0;
  }
  void pad(std::size_t indent) {
    if (column_ < indent) put(std::u32string(indent - column_, U' '));
  }

  std::string out_;
  std::size_t column_ = 0;
};

}  // namespace

std::string python_number(double value) {
  if (std::isnan(value)) return "nan";
  char digits[64];
  const double size = std::fabs(value);
  const bool fixed = value == 0 || (size >= 1e-4 && size < 1e16);
  const auto [end, error] =
      std::to_chars(digits, digits + sizeof(digits), value,
                    fixed ? std::chars_format::fixed : std::chars_format::scientific);
  std::string text(digits, end);
  if (fixed && text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string yaml_text(const JsonObject& document) {
  Writer writer;
  writer.map(document, 0);
  return writer.take() + "\n";
}

}  // namespace slipway::dvc
