#include "traces/packing.h"

#include <fmt/format.h>

namespace slipway::traces {
namespace {

constexpr char kLabelsVersion = 1;
constexpr char kSpansVersion = 1;

class Writer {
 public:
  void byte(char c) { out_ += c; }
  void number(std::uint64_t value) {
    while (value >= 0x80) {
      out_ += static_cast<char>(value | 0x80);
      value >>= 7;
    }
    out_ += static_cast<char>(value);
  }
  void text(std::string_view text) {
    number(text.size());
    out_ += text;
  }
  void attributes(std::span<const Attribute> attributes) {
    number(attributes.size());
    for (const Attribute& attribute : attributes) {
      text(attribute.key);
      text(attribute.json);
    }
  }
  std::string take() && { return std::move(out_); }

 private:
  std::string out_;
};

// Once something did not fit, everything read is empty and `is_good` says so.
class Source {
 public:
  explicit Source(std::string_view bytes) : rest_(bytes) {}

  bool is_good() const { return is_good_; }
  bool at_end() const { return rest_.empty(); }

  char byte() {
    if (rest_.empty()) return fail(), '\0';
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto c = static_cast<unsigned char>(byte());
      if (!is_good_) return 0;
      value |= std::uint64_t{c & 0x7fU} << shift;
      if ((c & 0x80U) == 0) return value;
    }
    return fail(), 0;
  }
  // How many items follow, each of at least `bytes_min` bytes.
  std::size_t count(std::size_t bytes_min) {
    const std::uint64_t count = number();
    if (count > rest_.size() / bytes_min) return fail(), 0;
    return count;
  }
  std::string text() {
    const std::size_t size = count(1);
    std::string text(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return text;
  }
  std::vector<Attribute> attributes() {
    std::vector<Attribute> attributes(count(2));
    for (Attribute& attribute : attributes) {
      attribute.key = text();
      attribute.json = text();
    }
    return attributes;
  }

 private:
  void fail() {
    is_good_ = false;
    rest_ = {};
  }

  std::string_view rest_;
  bool is_good_ = true;
};

void put(Writer& out, const Labels& labels) {
  out.number(labels.size());
  for (const auto& [key, value] : labels) {
    out.text(key);
    out.text(value);
  }
}

void take(Source& in, Labels& labels) {
  for (std::size_t left = in.count(2); left > 0; --left) {
    const std::string key = in.text();
    labels.set(key, in.text());
  }
}

Span take_span(Source& in, const std::string& trace_id) {
  Span span;
  span.trace_id = trace_id;
  span.span_id = in.text();
  span.parent_id = in.text();
  span.name = in.text();
  span.kind = static_cast<std::int32_t>(in.number());
  span.start_ns = static_cast<std::int64_t>(in.number());
  span.end_ns = static_cast<std::int64_t>(in.number());
  const std::uint64_t status = in.number();
  if (status <= static_cast<std::uint64_t>(SpanStatus::kError))
    span.status = static_cast<SpanStatus>(status);
  span.status_message = in.text();
  span.attributes = in.attributes();
  span.events.resize(in.count(3));
  for (SpanEvent& event : span.events) {
    event.name = in.text();
    event.time_ns = static_cast<std::int64_t>(in.number());
    event.attributes = in.attributes();
  }
  span.links.resize(in.count(3));
  for (SpanLink& link : span.links) {
    link.trace_id = in.text();
    link.span_id = in.text();
    link.attributes = in.attributes();
  }
  return span;
}

Error corrupt(std::string_view what) {
  return base::error(Code::kCorruption, "stored {} of a trace cannot be read", what);
}

}  // namespace

std::string pack_labels(const Labels& tags, const Labels& metadata) {
  Writer out;
  out.byte(kLabelsVersion);
  put(out, tags);
  put(out, metadata);
  return std::move(out).take();
}

Result<void> unpack_labels(std::string_view bytes, Labels& tags, Labels& metadata) {
  Source in(bytes);
  if (in.byte() != kLabelsVersion) return corrupt("labels");
  take(in, tags);
  take(in, metadata);
  if (!in.is_good() || !in.at_end()) return corrupt("labels");
  return {};
}

std::string pack_spans(std::span<const Span> spans) {
  Writer out;
  out.byte(kSpansVersion);
  out.number(spans.size());
  for (const Span& span : spans) {
    out.text(span.span_id);
    out.text(span.parent_id);
    out.text(span.name);
    out.number(static_cast<std::uint32_t>(span.kind));
    out.number(static_cast<std::uint64_t>(span.start_ns));
    out.number(static_cast<std::uint64_t>(span.end_ns));
    out.number(static_cast<std::uint64_t>(span.status));
    out.text(span.status_message);
    out.attributes(span.attributes);
    out.number(span.events.size());
    for (const SpanEvent& event : span.events) {
      out.text(event.name);
      out.number(static_cast<std::uint64_t>(event.time_ns));
      out.attributes(event.attributes);
    }
    out.number(span.links.size());
    for (const SpanLink& link : span.links) {
      out.text(link.trace_id);
      out.text(link.span_id);
      out.attributes(link.attributes);
    }
  }
  return std::move(out).take();
}

Result<void> unpack_spans(std::string_view bytes, const std::string& trace_id,
                          std::vector<Span>& spans) {
  Source in(bytes);
  if (in.byte() != kSpansVersion) return corrupt("spans");
  for (std::size_t left = in.count(11); left > 0; --left) spans.push_back(take_span(in, trace_id));
  if (!in.is_good() || !in.at_end()) return corrupt("spans");
  return {};
}

}  // namespace slipway::traces
