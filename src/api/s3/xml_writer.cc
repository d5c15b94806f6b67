#include "api/s3/xml_writer.h"

#include "base/check.h"
#include "store/xml.h"

namespace slipway::api::s3 {
namespace {

// A carriage return would be read as a newline, and the others are no characters of XML.
void append_escaped(std::string& out, std::string_view text) {
  for (const char c : store::xml_escape(text)) {
    if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') {
      out += fmt::format("&#x{:x};", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
}

}  // namespace

XmlWriter& XmlWriter::open(std::string_view name) {
  const bool is_root = !std::exchange(has_root_, true);
  out_ += fmt::format(
      "<{}{}>", name,
      is_root && name != "Error" ? " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"" : "");
  open_.emplace_back(name);
  return *this;
}

XmlWriter& XmlWriter::text(std::string_view name, std::string_view value) {
  out_ += fmt::format("<{}>", name);
  append_escaped(out_, value);
  out_ += fmt::format("</{}>", name);
  return *this;
}

XmlWriter& XmlWriter::close() {
  out_ += fmt::format("</{}>", open_.back());
  open_.pop_back();
  return *this;
}

std::string XmlWriter::take() {
  CHECK(open_.empty());
  return std::move(out_);
}

}  // namespace slipway::api::s3
