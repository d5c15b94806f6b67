// What clients of the S3 port send: a target and headers ("TARGET\nNAME: VALUE\n...\n\n") with a
// body. Signatures are refused or compared, XML is read or refused, and a body in pieces gives the
// same however it is cut on its way.
#include <vector>

#include "api/s3/chunked_body.h"
#include "api/s3/object_headers.h"
#include "api/s3/request_bodies.h"
#include "api/s3/signed_request.h"
#include "api/s3/upload_body.h"
#include "base/check.h"
#include "fuzz.h"

namespace {

using namespace slipway;
using namespace slipway::api::s3;

struct Unpacked {
  bool is_good = false;
  std::string bytes;
  bool operator==(const Unpacked&) const = default;
};

Unpacked unpack(std::string_view body, bool has_trailer, std::size_t step) {
  ChunkedBody chunked({.has_trailer = has_trailer});
  Unpacked out;
  for (std::size_t i = 0; i < body.size(); i += step) {
    const auto written = chunked.write(body.substr(i, step), [&](std::string_view piece) {
      out.bytes += piece;
      return Result<void>();
    });
    if (!written) return {};
  }
  out.is_good = chunked.finish().has_value();
  return out.is_good ? out : Unpacked{};
}

http::Request read_request(std::string_view text) {
  http::Request request;
  const auto take_line = [&] {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    return line;
  };
  request.target = take_line();
  request.path = request.target.substr(0, request.target.find('?'));
  while (!text.empty()) {
    const std::string_view line = take_line();
    if (line.empty()) break;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    request.headers.emplace_back(line.substr(0, colon), line.substr(colon + 1));
  }
  request.body = text;
  return request;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const http::Request request = read_request(fuzz::text_of(data, size));
  if (const auto claim = find_claim(request); claim && *claim) {
    // Nobody has signed this.
    CHECK(!check_claim(**claim, request, "a secret", {1'700'000'000'000'000},
                       base::Duration::seconds(900)));
  }
  (void)read_properties(request);
  (void)put_condition(request);
  (void)parse_body_rules(request);
  if (const auto removal = parse_removal(request.body)) CHECK(!removal->keys.empty());
  if (const auto parts = parse_parts(request.body)) {
    for (std::size_t i = 1; i < parts->size(); ++i)
      CHECK((*parts)[i - 1].number < (*parts)[i].number);
  }
  for (const bool has_trailer : {false, true}) {
    const Unpacked whole = unpack(request.body, has_trailer, request.body.size() + 1);
    CHECK(whole.bytes.size() <= request.body.size());
    for (const std::size_t step : {1u, 2u, 5u})
      CHECK(unpack(request.body, has_trailer, step) == whole);
  }
  return 0;
}
