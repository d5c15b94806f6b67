#include "types/text_format.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <string>

#include "base/json_document.h"

namespace slipway::types {
namespace {

constexpr int kNestingMax = 64;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  // Up to `end`, or the text's when it is 0.
  Result<JsonObject> message(char end, int depth) {
    if (depth > kNestingMax) return error("messages are nested too deep");
    JsonObject object;
    Names listed;
    for (;;) {
      skip();
      if (at_ == text_.size()) {
        if (end == 0) return object;
        return error("a message isn't closed");
      }
      if (end != 0 && text_[at_] == end) {
        ++at_;
        return object;
      }
      const std::string name = TRY(field_name());
      const bool has_colon = take(':');
      skip();
      if (at_ < text_.size() && text_[at_] == '[') {
        ++at_;
        JsonArray items = TRY(list(depth));
        JsonArray& all = list_of(object, listed, name);
        for (Json& item : items) all.push_back(std::move(item));
      } else {
        const bool is_message = at_ < text_.size() && (text_[at_] == '{' || text_[at_] == '<');
        if (!has_colon && !is_message) return error("a colon is missing after " + name);
        add(object, listed, name, TRY(value(depth)));
      }
      if (!take(',')) take(';');
    }
  }

 private:
  using Names = std::set<std::string, std::less<>>;

  // The list of a field, made of what it had before.
  static JsonArray& list_of(JsonObject& object, Names& listed, const std::string& name) {
    Json& there = object[name];
    if (listed.insert(name).second) {
      JsonArray items;
      if (!there.is_null()) items.push_back(std::move(there));
      there = std::move(items);
    }
    return there.get_array();
  }

  static void add(JsonObject& object, Names& listed, const std::string& name, Json item) {
    if (object.if_contains(name) == nullptr) {
      object[name] = std::move(item);
    } else {
      list_of(object, listed, name).push_back(std::move(item));
    }
  }

  void skip() {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
        if (at_ == text_.size()) return;
      } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\v' && c != '\f') {
        return;
      }
    }
  }

  bool take(char c) {
    skip();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Error error(const std::string& why) const {
    const std::string_view before = text_.substr(0, at_);
    const std::size_t line = 1 + static_cast<std::size_t>(std::ranges::count(before, '\n'));
    const std::size_t begin = before.rfind('\n');
    return base::error(Code::kInvalidArgument, "text format: {}: line {} column {}", why, line,
                       at_ - (begin == std::string_view::npos ? 0 : begin + 1) + 1);
  }

  std::string_view word() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]))) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  // Also of an extension or of an Any: "[type.googleapis.com/x.Y]".
  Result<std::string> field_name() {
    if (text_[at_] == '[') {
      const std::size_t end = text_.find(']', at_);
      if (end == std::string_view::npos) return error("a name isn't closed");
      const std::string name(text_.substr(at_, end + 1 - at_));
      at_ = end + 1;
      if (!base::is_utf8(name)) return error("a name is no UTF-8");
      return name;
    }
    if (!is_letter(text_[at_])) return error("a field's name is expected");
    return std::string(word());
  }

  Result<JsonArray> list(int depth) {
    JsonArray items;
    if (take(']')) return items;
    for (;;) {
      skip();
      items.push_back(TRY(value(depth)));
      if (take(']')) return items;
      if (!take(',')) return error("a list isn't closed");
    }
  }

  Result<Json> value(int depth) {
    if (at_ == text_.size()) return error("a value is missing");
    const char c = text_[at_];
    if (c == '{' || c == '<') {
      ++at_;
      return Json(TRY(message(c == '{' ? '}' : '>', depth + 1)));
    }
    if (c == '"' || c == '\'') return Json(TRY(texts()));
    return scalar();
  }

  // Several beside each other are one.
  Result<std::string> texts() {
    std::string out;
    for (skip(); at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\''); skip()) {
      const char quote = text_[at_++];
      for (;; ++at_) {
        if (at_ == text_.size() || text_[at_] == '\n') return error("a text isn't closed");
        if (text_[at_] == quote) break;
        if (text_[at_] == '\\') {
          ++at_;
          TRY(escaped(out));
        } else {
          out.push_back(text_[at_]);
        }
      }
      ++at_;
    }
    if (!base::is_utf8(out)) return error("a text is no UTF-8");
    return out;
  }

  // At the character after the backslash; leaves it at the last one of the escape.
  Result<void> escaped(std::string& out) {
    if (at_ == text_.size()) return error("a text isn't closed");
    constexpr std::string_view kFrom = "abfnrtv\\'\"?", kTo = "\a\b\f\n\r\t\v\\'\"?";
    const char c = text_[at_];
    if (const std::size_t i = kFrom.find(c); i != std::string_view::npos) {
      out.push_back(kTo[i]);
      return {};
    }
    const auto number = [&](std::size_t first, std::size_t digits_max, int base) {
      const std::string_view digits = text_.substr(first, digits_max);
      unsigned value = 0;
      const auto [end, failed] =
          std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
      if (failed != std::errc()) return false;
      at_ = first + static_cast<std::size_t>(end - digits.data()) - 1;
      out.push_back(static_cast<char>(value));
      return true;
    };
    if (c >= '0' && c <= '7' && number(at_, 3, 8)) return {};
    if ((c == 'x' || c == 'X') && number(at_ + 1, 2, 16)) return {};
    return error("an escape that isn't known");
  }

  Result<Json> scalar() {
    const bool is_negative = take('-');
    skip();
    if (at_ == text_.size()) return error("a value is missing");
    if (is_letter(text_[at_])) {
      const std::string name(word());
      if (!is_negative && (name == "true" || name == "false")) return Json(name == "true");
      return Json((is_negative ? "-" : "") + name);
    }
    const std::size_t begin = at_;
    while (at_ < text_.size() &&
           (is_letter(text_[at_]) || is_digit(text_[at_]) || text_[at_] == '.' ||
            ((text_[at_] == '-' || text_[at_] == '+') && at_ > begin &&
             (text_[at_ - 1] == 'e' || text_[at_ - 1] == 'E'))))
      ++at_;
    std::string_view digits = text_.substr(begin, at_ - begin);
    const char* const first = digits.data();
    const char* const last = first + digits.size();
    std::int64_t whole = 0;
    const bool is_hex = digits.starts_with("0x") || digits.starts_with("0X"),
               is_octal = !is_hex && digits.size() > 1 && digits[0] == '0';
    const auto read = std::from_chars(first + (is_hex ? 2 : 0), last, whole,
                                      is_hex     ? 16
                                      : is_octal ? 8
                                                 : 10);
    if (!digits.empty() && read.ec == std::errc() && read.ptr == last)
      return Json(is_negative ? -whole : whole);
    if (digits.ends_with('f') || digits.ends_with('F')) digits.remove_suffix(1);
    double real = 0;
    const auto found = std::from_chars(digits.data(), digits.data() + digits.size(), real);
    if (digits.empty() || is_hex || found.ec != std::errc() ||
        found.ptr != digits.data() + digits.size() || !std::isfinite(real))
      return error("a value is neither a text, a number, a name nor a message");
    return Json(is_negative ? -real : real);
  }

  const std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<JsonObject> text_format_as_json(std::string_view text) { return Reader(text).message(0, 0); }

}  // namespace slipway::types
