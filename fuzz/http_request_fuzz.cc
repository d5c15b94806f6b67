// Requests as bytes: head and body. The first byte says where the network cuts; that must not
// change anything. Where Boost.Beast takes the same bytes it must see the same request: two readers
// that disagree about where a request ends are how requests are smuggled.
#include <boost/beast/http.hpp>

#include "api/http/request_parser.h"
#include "base/check.h"
#include "fuzz.h"

namespace {

namespace beast = boost::beast::http;
using slipway::http::BodyFraming;
using slipway::http::HeaderFields;
using slipway::http::RequestHead;

constexpr std::size_t kHeadBytesMax = 64 << 10;

struct Message {
  RequestHead head;
  HeaderFields fields;
  std::string body;
  std::size_t bytes = 0;  // of the whole request
};

// Nothing: refused, or incomplete.
std::optional<Message> read(std::string_view bytes, std::size_t cut) {
  Message message;
  std::size_t scanned = 0, end = 0;
  for (const std::size_t seen : {cut, bytes.size()}) {
    const auto found = slipway::http::find_head_end(bytes.substr(0, seen), scanned);
    if (!found) return std::nullopt;
    if ((end = *found) != 0) break;
  }
  if (end == 0 || end > kHeadBytesMax) return std::nullopt;
  const auto head = slipway::http::parse_head(bytes.substr(0, end), message.fields);
  if (!head) {
    CHECK(head.error().code == slipway::Code::kInvalidArgument);
    return std::nullopt;
  }
  message.head = *head;
  BodyFraming framing(*head);
  message.bytes = end;
  for (const std::size_t seen : {std::max(cut, end), bytes.size()}) {
    std::string_view input = bytes.substr(message.bytes, seen - message.bytes);
    while (!input.empty() && !framing.done()) {
      const std::size_t before = input.size();
      const auto piece = framing.next(input);
      if (!piece) return std::nullopt;
      message.body += *piece;
      message.bytes += before - input.size();
    }
  }
  if (!framing.done()) return std::nullopt;
  return message;
}

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

void compare_with_beast(std::string_view bytes, const Message& ours) {
  beast::request_parser<beast::string_body> parser;
  parser.eager(true);
  parser.header_limit(kHeadBytesMax);
  boost::beast::error_code failed;
  std::size_t used = 0;
  while (!parser.is_done()) {
    const std::size_t n =
        parser.put(boost::asio::buffer(bytes.data() + used, bytes.size() - used), failed);
    used += n;
    if (failed || (n == 0 && !parser.is_done())) return;  // it is stricter about some extensions
  }
  const auto& theirs = parser.get();
  CHECK(view(theirs.method_string()) == ours.head.method);
  CHECK(view(theirs.target()).ends_with(ours.head.target) || ours.head.target == "/");
  CHECK(theirs.body() == ours.body);
  CHECK(used == ours.bytes);
  // Who says both "close" and "keep-alive" in HTTP/1.0 is left by us and kept by it.
  CHECK(parser.keep_alive() == ours.head.keep_alive ||
        (parser.keep_alive() && theirs.version() == 10));
  for (const auto& [name, value] : ours.fields) CHECK(theirs.count({name.data(), name.size()}) > 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes = slipway::fuzz::text_of(data + 1, size - 1);
  const std::optional<Message> whole = read(bytes, bytes.size());
  const std::optional<Message> cut = read(bytes, std::min<std::size_t>(data[0], bytes.size()));
  CHECK(whole.has_value() == cut.has_value());
  if (!whole) return 0;
  CHECK(whole->head.target == cut->head.target);
  CHECK(whole->fields == cut->fields);
  CHECK(whole->body == cut->body);
  CHECK(whole->bytes == cut->bytes);
  CHECK(whole->bytes <= bytes.size());
  compare_with_beast(bytes, *whole);
  return 0;
}
