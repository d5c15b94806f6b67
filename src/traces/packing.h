// How labels and spans lie in the database: docs/formats/traces.md.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "traces/values.h"

namespace slipway::traces {

std::string pack_labels(const Labels& tags, const Labels& metadata);
// kCorruption: these are not bytes that pack_labels made.
Result<void> unpack_labels(std::string_view bytes, Labels& tags, Labels& metadata);

// The trace id is not packed: it is that of the row.
std::string pack_spans(std::span<const Span> spans);
// Adds to `spans`. kCorruption: these are not bytes that pack_spans made.
Result<void> unpack_spans(std::string_view bytes, const std::string& trace_id,
                          std::vector<Span>& spans);

}  // namespace slipway::traces
