#include "api/s3/page_query.h"

#include <charconv>

#include "api/s3/faults.h"
#include "store/aws_signature.h"

namespace slipway::api::s3 {
namespace {

constexpr std::size_t kPageMax = 1000;  // clients count on it

}  // namespace

Result<std::size_t> page_size(const http::Request& request, std::string_view name) {
  const std::optional<std::string> text = request.query(name);
  if (!text || text->empty()) return kPageMax;
  std::size_t size = 0;
  const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), size);
  if (ec != std::errc() || end != text->data() + text->size())
    return fault(Fault::kInvalidArgument, "{} is a number from 0 on: got={}", name,
                 text->substr(0, 100));
  return std::min(size, kPageMax);
}

Result<KeyEncoding> KeyEncoding::of(const http::Request& request) {
  const std::string type = request.query("encoding-type").value_or("");
  if (!type.empty() && type != "url")
    return fault(Fault::kInvalidArgument, "encoding-type is url or not there: got={}",
                 type.substr(0, 100));
  return KeyEncoding(!type.empty());
}

std::string KeyEncoding::operator()(std::string_view key) const {
  return is_url_ ? store::aws_path("", key) : std::string(key);
}

void KeyEncoding::tell(XmlWriter& xml) const {
  if (is_url_) xml.text("EncodingType", "url");
}

}  // namespace slipway::api::s3
