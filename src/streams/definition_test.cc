// What slipway.yaml may say of streams, and where it is told that it may not.
#include "streams/definition.h"

#include <gtest/gtest.h>

namespace slipway::streams {
namespace {

TEST(Definition, IsReadWithDefaultsAndRoundTrips) {
  const auto streams = parse_streams(R"(
endpoints: {e: {model: models:/m@champion}}
streams:
  short: {endpoint: e, from: "log:/in", to: "log:/out"}
  long:
    endpoint: e
    from: kafka://a:9092,b:9092/in
    to: kafka://a:9092/out
    dead_letters: kafka://a:9092/dead
    group: mine
    format: json
    start: latest
    batching: {max_rows: 10, max_wait_ms: 0}
  rows: {features: clicks, from: "log:/in", group: rows}
features: {sources: {clicks: {dataset: d}}}
)");
  ASSERT_TRUE(streams) << streams.error().message;
  ASSERT_EQ(streams->size(), 3u);
  EXPECT_EQ(streams->at(0), (StreamDefinition{.name = "short",
                                              .endpoint = "e",
                                              .from = "log:/in",
                                              .to = "log:/out",
                                              .group = "slipway-short"}));
  EXPECT_EQ(streams->at(1).start, "latest");
  EXPECT_EQ(streams->at(1).rows_max, 10);
  EXPECT_EQ(streams->at(2).features, "clicks");
  for (const StreamDefinition& each : *streams)
    EXPECT_EQ(parse_stream(each.name, base::to_text(each.to_json())).value(), each);
}

TEST(Definition, IsRefusedWithLineAndColumn) {
  struct {
    const char* stream;
    const char* message;
  } const cases[] = {
      {"{from: 'log:/in', to: 'log:/out'}", "either an endpoint"},
      {"{endpoint: e, features: f, from: 'log:/in', to: 'log:/out'}", "either an endpoint"},
      {"{features: f, from: 'log:/in', to: 'log:/out'}", "to"},
      {"{features: f, from: 'log:/in'}", "no such source of features is declared: features=f"},
      {"{endpoint: x, from: 'log:/in', to: 'log:/out'}",
       "no such endpoint is declared: endpoint=x"},
      {"{endpoint: e, to: 'log:/out'}", "from"},
      {"{endpoint: e, from: in, to: 'log:/out'}", "line 3, column 26: expected kafka://"},
      {"{endpoint: e, from: 'log:/in', to: 'log:/in'}", "can't write to the topic it reads"},
      {"{endpoint: e, from: 'log:/in', to: 'log:/out', dead_letters: 'log:/out'}", "of their own"},
      {"{endpoint: e, from: 'log:/in', to: 'log:/out', format: avro}", "known=json"},
      {"{endpoint: e, from: 'log:/in', to: 'log:/out', start: now}", "earliest or latest"},
      {"{endpoint: e, from: 'log:/in', to: 'log:/out', batching: {max_rows: 0}}", "from 1 to"},
      {"{endpoint: e, from: 'log:/in', to: 'log:/out', batching: {rows: 1}}", "rows"},
      {"{endpoint: e, from: 'log:/in', to: 'log:/out', speed: 1}", "speed"},
  };
  for (const auto& [stream, message] : cases) {
    const auto refused = parse_streams(
        fmt::format("endpoints: {{e: {{model: models:/m@c}}}}\nstreams:\n  s: {}", stream));
    ASSERT_FALSE(refused) << stream;
    EXPECT_TRUE(refused.error().message.starts_with("line 3, column ")) << refused.error().message;
    EXPECT_NE(refused.error().message.find(message), std::string::npos) << refused.error().message;
  }
  EXPECT_FALSE(
      parse_streams("endpoints: {e: {model: models:/m@c}}\nstreams:\n"
                    "  a: {endpoint: e, from: 'log:/in', to: 'log:/o1', group: g}\n"
                    "  b: {endpoint: e, from: 'log:/in', to: 'log:/o2', group: g}\n"));
  EXPECT_TRUE(parse_streams("project: p").value().empty());
}

}  // namespace
}  // namespace slipway::streams
