// What spans say of the trace that they belong to. Pure functions.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "traces/values.h"

namespace slipway::traces {

struct SpanSummary {
  std::int64_t start_ms = 0;
  std::optional<std::int64_t> end_ms;  // nothing: no span has ended
  // From the root, when it is among the spans.
  std::optional<TraceState> state;
  std::optional<std::string> request_preview, response_preview;
  Labels tags;  // that the client gave the trace
  // From any span; empty: none says.
  std::string session, user;
};

// Of at least one span.
SpanSummary summarize(std::span<const Span> spans);

// Tokens and cost of a whole trace as JSON, as MLflow's client adds them up: of a span that has
// some, those below it don't count again. Nothing when no span has any.
std::optional<std::string> token_usage(std::span<const Span> spans);
std::optional<std::string> cost(std::span<const Span> spans);

// A member of an attribute that is an object, or the text of one: total_cost of mlflow.llm.cost.
std::optional<double> attribute_number(const Span& span, std::string_view attribute,
                                       std::string_view member);

// What a person is shown of a request or response, at most so many characters of it: the last
// message of `role` when it is a conversation, else the JSON itself.
inline constexpr std::size_t kPreviewCharactersMax = 1000;
std::string preview(std::string_view json, std::string_view role);

}  // namespace slipway::traces
