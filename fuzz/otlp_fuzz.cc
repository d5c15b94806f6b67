// OpenTelemetry's requests in both encodings, and what is made of the spans. The first byte
// chooses: '{' is JSON, 'z' is something compressed, all else is protobuf.
#include "api/http/inflate.h"
#include "api/otlp/trace_request.h"
#include "base/check.h"
#include "base/json.h"
#include "fuzz.h"
#include "traces/conventions.h"
#include "traces/packing.h"
#include "traces/span_summary.h"

namespace {

using namespace slipway;

void check_spans(std::vector<traces::Span>& spans) {
  for (traces::Span& span : spans) {
    CHECK(span.trace_id.size() == 16 && span.span_id.size() == 8);
    traces::translate_conventions(span);
    for (const traces::Attribute& attribute : span.attributes) CHECK(!attribute.json.empty());
  }
  if (spans.empty()) return;
  const traces::SpanSummary summary = traces::summarize(spans);
  if (summary.request_preview)
    CHECK(summary.request_preview->size() <= 4 * traces::kPreviewCharactersMax);
  if (const auto usage = traces::token_usage(spans)) CHECK(base::parse_json_object(*usage));
  const std::string packed = traces::pack_spans(spans);
  std::vector<traces::Span> unpacked;
  CHECK(traces::unpack_spans(packed, spans.front().trace_id, unpacked));
  CHECK(traces::pack_spans(unpacked) == packed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  if (bytes.starts_with('z')) {
    for (const char* encoding : {"gzip", "deflate"}) {
      const auto inflated = http::inflate_body(bytes.substr(1), encoding, 1 << 16);
      CHECK(!inflated || inflated->size() <= 1 << 16);
    }
    std::vector<traces::Span> spans;
    traces::Labels tags, metadata;
    (void)traces::unpack_spans(bytes.substr(1), "", spans).has_value();
    (void)traces::unpack_labels(bytes.substr(1), tags, metadata).has_value();
    return 0;
  }
  auto request =
      bytes.starts_with('{') ? api::otlp::parse_json(bytes) : api::otlp::parse_protobuf(bytes);
  if (!request) {
    CHECK(request.error().code == Code::kInvalidArgument);
    return 0;
  }
  std::size_t count = 0;
  for (traces::SpanGroup& group : request->groups) {
    count += group.spans.size();
    check_spans(group.spans);
  }
  CHECK(count == request->spans);
  return 0;
}
