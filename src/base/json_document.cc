#include "base/json_document.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

namespace slipway::base {
namespace {

constexpr std::size_t kNodesKept = 1 << 16;  // more is given back before the next document
constexpr std::size_t kTextBytesMax = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kUnescapedKept = 1 << 20;  // bytes

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Bytes of a text that need a look: quote, backslash, control characters.
constexpr std::array<bool, 256> make_stop_table() {
  std::array<bool, 256> table{};
  for (std::size_t c = 0; c < 0x20; ++c) table[c] = true;
  table['"'] = table['\\'] = true;
  return table;
}
constexpr std::array<bool, 256> kStop = make_stop_table();

// The first byte that needs a look, or `end`; `ascii` becomes false when a byte before it is not.
const char* skip_plain(const char* at, const char* end, bool& ascii) {
#ifdef __SSE2__
  const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'),
                control = _mm_set1_epi8(0x1F);
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i stops =
        _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)),
                     _mm_cmpeq_epi8(_mm_min_epu8(bytes, control), bytes));
    const auto stop = static_cast<std::uint32_t>(_mm_movemask_epi8(stops));
    auto high = static_cast<std::uint32_t>(_mm_movemask_epi8(bytes));
    if (stop != 0) high &= (stop & -stop) - 1;  // those before the first stop
    ascii = ascii && high == 0;
    if (stop != 0) return at + std::countr_zero(stop);
  }
#endif
  for (; at < end && !kStop[static_cast<unsigned char>(*at)]; ++at)
    ascii = ascii && static_cast<unsigned char>(*at) < 0x80;
  return at;
}

// RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF.
bool is_utf8_bytes(const unsigned char* at, const unsigned char* end) {
  const auto follows = [&](int bytes) {
    if (end - at <= bytes) return false;
    for (int i = 1; i <= bytes; ++i) {
      if ((at[i] & 0xC0) != 0x80) return false;
    }
    return true;
  };
  while (at < end) {
    const unsigned char c = *at;
    if (c < 0x80) {
      at += 1;
    } else if (c >= 0xC2 && c <= 0xDF && follows(1)) {
      at += 2;
    } else if ((c & 0xF0) == 0xE0 && follows(2)) {
      if ((c == 0xE0 && at[1] < 0xA0) || (c == 0xED && at[1] > 0x9F)) return false;
      at += 3;
    } else if (c >= 0xF0 && c <= 0xF4 && follows(3)) {
      if ((c == 0xF0 && at[1] < 0x90) || (c == 0xF4 && at[1] > 0x8F)) return false;
      at += 4;
    } else {
      return false;
    }
  }
  return true;
}

void append_utf8(char*& out, std::uint32_t point) {
  if (point < 0x80) {
    *out++ = static_cast<char>(point);
  } else if (point < 0x800) {
    *out++ = static_cast<char>(0xC0 | point >> 6);
    *out++ = static_cast<char>(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    *out++ = static_cast<char>(0xE0 | point >> 12);
    *out++ = static_cast<char>(0x80 | (point >> 6 & 0x3F));
    *out++ = static_cast<char>(0x80 | (point & 0x3F));
  } else {
    *out++ = static_cast<char>(0xF0 | point >> 18);
    *out++ = static_cast<char>(0x80 | (point >> 12 & 0x3F));
    *out++ = static_cast<char>(0x80 | (point >> 6 & 0x3F));
    *out++ = static_cast<char>(0x80 | (point & 0x3F));
  }
}

constexpr std::int64_t kExponentMax = std::numeric_limits<std::int32_t>::max();  // as the DOM's
constexpr std::uint64_t kExactMax = std::uint64_t{1} << 53;  // every whole number up to it

// 10^n is exact in a double up to n = 22.
constexpr double kPowers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                              1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                              1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

}  // namespace

// Every step leaves `what_` set and gives false when the text is wrong.
class JsonDocument::Parser {
 public:
  Parser(JsonDocument& document, std::string_view text)
      : document_(document),
        nodes_(document.nodes_.get()),
        begin_(text.data()),
        at_(text.data()),
        end_(text.data() + text.size()) {}

  bool run() {
    if (!value(0)) return false;
    skip_blank();
    return at_ == end_ || fail("more behind the value");
  }
  const char* what() const { return what_; }
  std::size_t offset() const { return static_cast<std::size_t>(at_ - begin_); }

 private:
  bool fail(const char* what) {
    what_ = what;
    return false;
  }
  void skip_blank() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  // The next byte that is no white space, or 0 at the end.
  char peek() {
    skip_blank();
    return at_ < end_ ? *at_ : '\0';
  }

  bool value(std::size_t depth) {
    switch (peek()) {
      case '{':
        return object(depth);
      case '[':
        return array(depth);
      case '"':
        return text();
      case 't':
        return word("true", JsonNode{.kind = JsonNode::Kind::kBool, .nodes = 1, .number = 1});
      case 'f':
        return word("false", JsonNode{.kind = JsonNode::Kind::kBool, .nodes = 1});
      case 'n':
        return word("null", JsonNode{.kind = JsonNode::Kind::kNull, .nodes = 1});
      default:
        return number();
    }
  }

  bool word(std::string_view expected, const JsonNode& node) {
    if (!std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(expected))
      return fail("expected a value");
    at_ += expected.size();
    nodes_[count_++] = node;
    return true;
  }

  // Reads what stands between the brackets; `one` reads one element.
  template <typename One>
  bool list(JsonNode::Kind kind, char close, std::size_t depth, One one) {
    if (depth == kDepthMax) return fail("nested too deeply");
    ++at_;
    const std::size_t own = count_++;
    std::uint32_t length = 0;
    if (peek() != close) {
      while (true) {
        if (!one()) return false;
        ++length;
        const char next = peek();
        if (next == close) break;
        if (next != ',') return fail("expected a comma or the end of the list");
        ++at_;
      }
    }
    ++at_;
    nodes_[own] = {
        .kind = kind, .length = length, .nodes = static_cast<std::uint32_t>(count_ - own)};
    return true;
  }

  bool array(std::size_t depth) {
    return list(JsonNode::Kind::kArray, ']', depth, [&] { return value(depth + 1); });
  }

  bool object(std::size_t depth) {
    return list(JsonNode::Kind::kObject, '}', depth, [&] {
      if (peek() != '"') return fail("expected the name of a member");
      if (!text()) return false;
      if (peek() != ':') return fail("expected a colon");
      ++at_;
      return value(depth + 1);
    });
  }

  bool text() {
    const char* const start = ++at_;
    bool ascii = true;
    at_ = skip_plain(at_, end_, ascii);
    if (at_ == end_) return fail("a text does not end");
    if (*at_ != '"') return escaped_text(start);
    if (!ascii && !valid_utf8(start, at_)) return false;
    push_text(start, at_);
    ++at_;
    return true;
  }

  bool valid_utf8(const char* from, const char* to) {
    return is_utf8_bytes(reinterpret_cast<const unsigned char*>(from),
                         reinterpret_cast<const unsigned char*>(to)) ||
           fail("a text is not UTF-8");
  }

  void push_text(const char* from, const char* to) {
    JsonNode& node = nodes_[count_++];
    node = {
        .kind = JsonNode::Kind::kText, .length = static_cast<std::uint32_t>(to - from), .nodes = 1};
    node.text = from;
  }

  // Stands at the first byte that is no plain text. Escapes only ever get shorter, so that what all
  // texts need together is bounded by the document.
  bool escaped_text(const char* start) {
    if (out_ == nullptr) out_ = unescaped_room();
    char* const begin = out_;
    const auto plain = static_cast<std::size_t>(at_ - start);
    std::memcpy(out_, start, plain);
    out_ += plain;
    while (at_ < end_) {
      const char c = *at_;
      if (c == '"') {
        if (!valid_utf8(begin, out_)) return false;
        push_text(begin, out_);
        ++at_;
        return true;
      }
      if (c == '\\') {
        if (!escape()) return false;
      } else if (static_cast<unsigned char>(c) < 0x20) {
        return fail("a control character in a text");
      } else {
        *out_++ = *at_++;
      }
    }
    return fail("a text does not end");
  }

  char* unescaped_room() {
    const auto bytes = static_cast<std::size_t>(end_ - begin_);
    if (document_.unescaped_capacity_ < bytes) {
      document_.unescaped_ = std::make_unique_for_overwrite<char[]>(bytes);
      document_.unescaped_capacity_ = bytes;
    }
    return document_.unescaped_.get();
  }

  bool escape() {
    static constexpr std::string_view kNames = "\"\\/bfnrt", kBytes = "\"\\/\b\f\n\r\t";
    if (end_ - at_ < 2) return fail("a text does not end");
    const char name = at_[1];
    at_ += 2;
    if (name == 'u') return escaped_point();
    const std::size_t found = kNames.find(name);
    if (found == std::string_view::npos) return fail("unknown escape");
    *out_++ = kBytes[found];
    return true;
  }

  bool hex4(std::uint32_t& unit) {
    if (end_ - at_ < 4) return fail("a text does not end");
    const auto [rest, ec] = std::from_chars(at_, at_ + 4, unit, 16);
    if (ec != std::errc() || rest != at_ + 4) return fail("bad \\u escape");
    at_ += 4;
    return true;
  }

  bool escaped_point() {
    std::uint32_t point = 0, low = 0;
    if (!hex4(point)) return false;
    if (point >= 0xD800 && point <= 0xDFFF) {
      if (point > 0xDBFF || end_ - at_ < 6 || at_[0] != '\\' || at_[1] != 'u')
        return fail("half a surrogate pair");
      at_ += 2;
      if (!hex4(low)) return false;
      if (low < 0xDC00 || low > 0xDFFF) return fail("half a surrogate pair");
      point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(out_, point);
    return true;
  }

  bool number() {
    const char* const start = at_;
    const bool negative = at_ < end_ && *at_ == '-';
    if (negative) ++at_;
    if (at_ == end_ || !is_digit(*at_)) return fail("expected a value");
    std::uint64_t digits = 0;
    int count = 0;  // of digits, leading zeros apart
    std::int64_t exponent = 0;
    const auto take = [&](char c) {
      if (count > 0 || c != '0') ++count;
      if (count <= 19) digits = digits * 10 + static_cast<std::uint64_t>(c - '0');
    };
    if (*at_ == '0') {
      ++at_;
      if (at_ < end_ && is_digit(*at_)) return fail("a number begins with 0");
    }
    while (at_ < end_ && is_digit(*at_)) take(*at_++);
    bool whole = true;
    if (at_ < end_ && *at_ == '.') {
      whole = false;
      const char* const fraction = ++at_;
      while (at_ < end_ && is_digit(*at_)) take(*at_++);
      if (at_ == fraction) return fail("a number ends with its point");
      exponent = fraction - at_;
    }
    if (at_ < end_ && (*at_ | 0x20) == 'e') {
      whole = false;
      if (!read_exponent(exponent)) return false;
    }
    double result = 0;
    if (count <= 19 && digits <= kExactMax && exponent >= -22 && exponent <= 22) {
      // Both are exact doubles, so that the one operation rounds correctly (Clinger, 1990).
      result = static_cast<double>(digits);
      result = exponent < 0 ? result / kPowers[-exponent] : result * kPowers[exponent];
      if (negative) result = -result;
    } else if (std::from_chars(start, at_, result).ec != std::errc() || !std::isfinite(result)) {
      if (count + exponent > 0) return fail("a number is out of range");
      result = negative ? -0.0 : 0.0;  // too small for a double
    }
    nodes_[count_++] = {
        .kind = JsonNode::Kind::kNumber, .is_whole = whole, .nodes = 1, .number = result};
    if (whole && (count > 19 || digits > kExactMax)) [[unlikely]]
      large(negative ? start + 1 : start);
    return true;
  }

  // What the number just read is exactly. It has 16 digits at least, so that there is a node for
  // it.
  void large(const char* digits) {
    nodes_[count_ - 1].is_large = true;
    std::uint64_t magnitude = 0;
    if (std::from_chars(digits, at_, magnitude).ec != std::errc()) return;
    nodes_[count_ - 1].nodes = 2;
    nodes_[count_++] = {.kind = JsonNode::Kind::kNumber, .nodes = 1, .magnitude = magnitude};
  }

  bool read_exponent(std::int64_t& exponent) {
    ++at_;
    const bool negative = at_ < end_ && *at_ == '-';
    if (at_ < end_ && (*at_ == '-' || *at_ == '+')) ++at_;
    if (at_ == end_ || !is_digit(*at_)) return fail("an exponent without digits");
    std::int64_t value = 0;
    for (; at_ < end_ && is_digit(*at_); ++at_)
      value = std::min(value * 10 + (*at_ - '0'), kExponentMax + 1);
    exponent += negative ? -value : value;
    if (value > kExponentMax || exponent < -kExponentMax - 1)
      return fail("an exponent is out of range");
    return true;
  }

  JsonDocument& document_;
  JsonNode* const nodes_;
  std::size_t count_ = 0;
  const char* const begin_;
  const char* at_;
  const char* const end_;
  char* out_ = nullptr;  // into unescaped_
  const char* what_ = "";
};

bool is_utf8(std::string_view text) {
  const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
  return is_utf8_bytes(bytes, bytes + text.size());
}

Result<JsonValue> JsonDocument::parse(std::string_view text) {
  if (text.size() > kTextBytesMax)
    return base::error(Code::kInvalidArgument, "the body is too long for one JSON: bytes={}",
                       text.size());
  // A value takes two bytes, with its comma or colon; only opening brackets stand alone.
  const std::size_t needed = text.size() / 2 + kDepthMax + 1;
  if (node_capacity_ < needed || node_capacity_ > std::max(needed, kNodesKept)) {
    nodes_ = std::make_unique_for_overwrite<JsonNode[]>(needed);
    node_capacity_ = needed;
  }
  if (unescaped_capacity_ > kUnescapedKept) {
    unescaped_.reset();
    unescaped_capacity_ = 0;
  }
  Parser parser(*this, text);
  if (!parser.run()) {
    return base::error(Code::kInvalidArgument, "the body is no JSON: {} at byte {}", parser.what(),
                       parser.offset());
  }
  return JsonValue(nodes_.get());
}

std::optional<JsonValue> JsonValue::find(std::string_view key) const {
  std::optional<JsonValue> found;
  for (const auto& [name, value] : members()) {
    if (name == key) found = value;
  }
  if (found && found->is_null()) return std::nullopt;
  return found;
}

namespace {

void append_text(std::string& out, std::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr std::string_view kHex = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(c);
      out += "\\u00";
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

void append_number(std::string& out, const JsonValue& value) {
  char text[32];
  const double number = value.number();
  constexpr double kExactBelow = 1ll << 53;
  const auto end = value.is_whole() && std::abs(number) < kExactBelow
                       ? std::to_chars(text, text + sizeof text, static_cast<std::int64_t>(number))
                       : std::to_chars(text, text + sizeof text, number);
  out.append(text, end.ptr);
}

}  // namespace

void append_json(std::string& out, JsonValue value) {
  switch (value.kind()) {
    case JsonNode::Kind::kNull:
      out += "null";
      return;
    case JsonNode::Kind::kBool:
      out += value.number() != 0 ? "true" : "false";
      return;
    case JsonNode::Kind::kNumber:
      return append_number(out, value);
    case JsonNode::Kind::kText:
      return append_text(out, value.text());
    case JsonNode::Kind::kArray: {
      char before = '[';
      for (const JsonValue item : value.values()) {
        out.push_back(std::exchange(before, ','));
        append_json(out, item);
      }
      if (before == '[') out.push_back('[');
      out.push_back(']');
      return;
    }
    case JsonNode::Kind::kObject: {
      char before = '{';
      for (const auto& [key, member] : value.members()) {
        out.push_back(std::exchange(before, ','));
        append_text(out, key);
        out.push_back(':');
        append_json(out, member);
      }
      if (before == '{') out.push_back('{');
      out.push_back('}');
      return;
    }
  }
}

}  // namespace slipway::base
