#include "store/xml.h"

#include <charconv>

namespace slipway::store {
namespace {

constexpr int kDepthMax = 64;
constexpr std::size_t kElementsMax = 200'000;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

void append_utf8(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out.push_back(static_cast<char>(0xc0 | (c >> 6)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3f)));
  } else if (c < 0x10000) {
    out.push_back(static_cast<char>(0xe0 | (c >> 12)));
    out.push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3f)));
  } else {
    out.push_back(static_cast<char>(0xf0 | (c >> 18)));
    out.push_back(static_cast<char>(0x80 | ((c >> 12) & 0x3f)));
    out.push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3f)));
  }
}

class XmlParser {
 public:
  explicit XmlParser(std::string_view text) : rest_(text) {}

  Result<XmlElement> document() {
    TRY(skip_misc());
    XmlElement root = TRY(element(0));
    TRY(skip_misc());
    if (!rest_.empty()) return broken("text behind the root element");
    return root;
  }

 private:
  static Error broken(std::string_view what) {
    return base::error(Code::kInvalidArgument, "not well-formed XML: {}", what);
  }

  bool take(std::string_view prefix) {
    if (!rest_.starts_with(prefix)) return false;
    rest_.remove_prefix(prefix.size());
    return true;
  }

  Result<std::string_view> take_until(std::string_view end) {
    const std::size_t at = rest_.find(end);
    if (at == std::string_view::npos) return broken("it ends too early");
    const std::string_view taken = rest_.substr(0, at);
    rest_.remove_prefix(at + end.size());
    return taken;
  }

  // White space, comments and processing instructions between elements.
  Result<void> skip_misc() {
    while (true) {
      while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
      if (take("<?")) {
        TRY(take_until("?>"));
      } else if (take("<!--")) {
        TRY(take_until("-->"));
      } else {
        return {};
      }
    }
  }

  Result<XmlElement> element(int depth) {
    if (depth == kDepthMax) return broken("nested too deeply");
    if (++elements_ > kElementsMax) return broken("too many elements");
    if (!take("<")) return broken("an element was expected");
    std::string_view tag = TRY(take_until(">"));
    const bool is_empty = tag.ends_with('/');
    if (is_empty) tag.remove_suffix(1);
    std::size_t length = 0;
    while (length < tag.size() && !is_space(tag[length])) ++length;
    const std::string_view full_name = tag.substr(0, length);
    if (full_name.empty() || full_name.find_first_of("!?&'\"<") != std::string_view::npos)
      return broken("bad element name");
    XmlElement out;
    out.name = full_name.substr(full_name.find(':') + 1);
    if (is_empty) return out;
    while (true) {
      const std::size_t at = rest_.find('<');
      if (at == std::string_view::npos) return broken("it ends too early");
      TRY(append_text(out.text, rest_.substr(0, at)));
      rest_.remove_prefix(at);
      if (take("</")) {
        std::string_view end = TRY(take_until(">"));
        while (!end.empty() && is_space(end.back())) end.remove_suffix(1);
        if (end != full_name) return broken("an element is closed by another's name");
        return out;
      }
      if (take("<!--")) {
        TRY(take_until("-->"));
      } else if (take("<![CDATA[")) {
        out.text += TRY(take_until("]]>"));
      } else {
        out.children.push_back(TRY(element(depth + 1)));
      }
    }
  }

  static Result<void> append_text(std::string& out, std::string_view text) {
    while (!text.empty()) {
      const std::size_t at = std::min(text.find('&'), text.size());
      out += text.substr(0, at);
      text.remove_prefix(at);
      if (text.empty()) return {};
      const std::size_t end = text.find(';');
      if (end == std::string_view::npos) return broken("bad entity");
      TRY(append_entity(out, text.substr(1, end - 1)));
      text.remove_prefix(end + 1);
    }
    return {};
  }

  static Result<void> append_entity(std::string& out, std::string_view name) {
    static constexpr std::pair<std::string_view, char> kNamed[] = {
        {"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
    for (const auto& [known, c] : kNamed) {
      if (known == name) {
        out.push_back(c);
        return {};
      }
    }
    if (!name.starts_with('#')) return broken("unknown entity");
    name.remove_prefix(1);
    const bool is_hex = name.starts_with('x');
    if (is_hex) name.remove_prefix(1);
    std::uint32_t c = 0;
    const auto [end, ec] =
        std::from_chars(name.data(), name.data() + name.size(), c, is_hex ? 16 : 10);
    if (ec != std::errc() || end != name.data() + name.size() || c == 0 || c > 0x10ffff)
      return broken("bad character reference");
    append_utf8(out, c);
    return {};
  }

  std::string_view rest_;
  std::size_t elements_ = 0;
};

}  // namespace

const XmlElement* XmlElement::child(std::string_view child_name) const {
  for (const XmlElement& one : children) {
    if (one.name == child_name) return &one;
  }
  return nullptr;
}

std::string XmlElement::child_text(std::string_view child_name) const {
  const XmlElement* found = child(child_name);
  return found == nullptr ? std::string() : found->text;
}

Result<XmlElement> parse_xml(std::string_view text) { return XmlParser(text).document(); }

std::string xml_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out.push_back(c);
        break;
    }
  }
  return out;
}

}  // namespace slipway::store
