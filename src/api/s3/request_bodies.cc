#include "api/s3/request_bodies.h"

#include <charconv>

#include "api/s3/faults.h"
#include "api/s3/object_headers.h"
#include "base/text.h"
#include "store/xml.h"

namespace slipway::api::s3 {
namespace {

constexpr std::size_t kRemovedAtOnce = 1000;  // as S3 has it

}  // namespace

Result<Removal> parse_removal(std::string_view body) {
  const Result<store::XmlElement> root = store::parse_xml(body);
  if (!root) return fault_error(Fault::kMalformedXml, root.error().message);
  Removal removal{.is_quiet = root->child_text("Quiet") == "true"};
  for (const store::XmlElement& one : root->children) {
    if (one.name != "Object") continue;
    removal.keys.push_back(one.child_text("Key"));
    if (!one.child_text("VersionId").empty() && one.child_text("VersionId") != "null")
      return fault(Fault::kNotImplemented, "objects have no versions: key={}", removal.keys.back());
    for (const std::string_view condition : {"ETag", "Size", "LastModifiedTime"}) {
      if (one.child(condition) != nullptr)
        return fault(Fault::kNotImplemented,
                     "conditions are taken when one object is removed alone: {} key={}", condition,
                     removal.keys.back());
    }
  }
  if (root->name != "Delete" || removal.keys.empty() || removal.keys.size() > kRemovedAtOnce)
    return fault(Fault::kMalformedXml, "a Delete with 1 to {} Objects was expected: got={}",
                 kRemovedAtOnce, removal.keys.size());
  return removal;
}

Result<std::vector<objects::NamedPart>> parse_parts(std::string_view body) {
  const Result<store::XmlElement> root = store::parse_xml(body);
  if (!root) return fault_error(Fault::kMalformedXml, root.error().message);
  std::vector<objects::NamedPart> parts;
  for (const store::XmlElement& one : root->children) {
    if (one.name != "Part") continue;
    const int number = TRY(number_from(base::trimmed(one.child_text("PartNumber")), "PartNumber", 1,
                                       objects::kPartNumberMax));
    if (!parts.empty() && parts.back().number >= number)
      return fault(Fault::kInvalidPartOrder,
                   "the parts are not in the order of their numbers: part={} after={}", number,
                   parts.back().number);
    parts.push_back({number, unquoted(base::trimmed(one.child_text("ETag")))});
  }
  if (root->name != "CompleteMultipartUpload" || parts.empty())
    return fault(Fault::kMalformedXml,
                 "a CompleteMultipartUpload with at least one Part was "
                 "expected");
  return parts;
}

Result<int> number_from(std::string_view text, std::string_view what, int min, int max) {
  int number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc() || end != text.data() + text.size() || number < min || number > max)
    return fault(Fault::kInvalidArgument, "{} is a number from {} to {}: got={}", what, min, max,
                 text.substr(0, 100));
  return number;
}

}  // namespace slipway::api::s3
