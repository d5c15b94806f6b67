// What listings have in common in a request: how many, and how keys are written.
#pragma once

#include <string>
#include <string_view>

#include "api/http/router.h"
#include "api/s3/xml_writer.h"

namespace slipway::api::s3 {

// The number in the query, at most the 1,000 that S3 gives at once. kInvalidArgument.
Result<std::size_t> page_size(const http::Request& request, std::string_view name);

// With encoding-type=url keys are percent-encoded, since XML has no words for some characters.
class KeyEncoding {
 public:
  static Result<KeyEncoding> of(const http::Request& request);
  std::string operator()(std::string_view key) const;
  void tell(XmlWriter& xml) const;

 private:
  explicit KeyEncoding(bool is_url) : is_url_(is_url) {}
  bool is_url_;
};

}  // namespace slipway::api::s3
