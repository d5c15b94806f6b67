// Rows of traces, read and written: shared by the sources of this room.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/db.h"
#include "traces/values.h"

namespace slipway::traces {

struct StoredTrace {
  std::int64_t number = 0;
  TraceInfo info;  // without assessments, until load_assessments
};

// The columns that read_stored expects, in order; what else is asked for comes behind them.
inline constexpr std::string_view kTraceColumns =
    "traces.number, traces.id, traces.experiment, traces.start_ms, traces.duration_ms, "
    "traces.state, traces.client_request_id, traces.labels, traces.request_preview, "
    "traces.response_preview";
inline constexpr int kTraceColumnCount = 10;
// kCorruption.
Result<StoredTrace> read_stored(const store::Row& row);

// Nothing when there is none of that id.
Result<std::optional<StoredTrace>> find_trace(store::Reader& reader, const std::string& id);
// kNotFound.
Result<StoredTrace> get_trace(store::Reader& reader, const std::string& id);
// Where the files of a trace lie, below the folder of its experiment's traces.
std::string artifacts_of(const std::string& folder, const std::string& id);
Error no_trace(const std::string& id);

// Gives the new row's number. kAlreadyExists.
Result<std::int64_t> insert_trace(store::Tx& tx, const TraceInfo& info);
Result<void> update_trace(store::Tx& tx, const StoredTrace& trace);
// With all that belongs to it.
Result<void> delete_trace(store::Tx& tx, std::int64_t number);

// A span that came twice as it came last; the root first, then by start.
std::vector<Span> latest_of_each(std::vector<Span> arrived);
// Everything that has arrived, a span that came twice as it came last; the root first, then by
// start.
Result<std::vector<Span>> read_spans(store::Reader& reader, const StoredTrace& trace);
Result<void> append_spans(store::Tx& tx, std::int64_t number, const std::string& packed,
                          std::size_t count);

// Fills in assessments, in the order in which they were made.
Result<void> load_assessments(store::Reader& reader, std::vector<StoredTrace>& traces);
// Creates it, or replaces one of the same id. kFailedPrecondition: the id is another trace's.
Result<void> put_assessment(store::Tx& tx, std::int64_t trace, const Assessment& assessment);
inline constexpr std::string_view kAssessmentColumns =
    "id, kind, name, value, error, span_id, source_type, source_id, rationale, metadata, "
    "overrides, is_valid, created, updated";
Assessment read_assessment(const store::Row& row);

enum class LinkKind { kRun = 1, kPrompt = 2 };
Result<void> put_link(store::Tx& tx, LinkKind kind, const std::string& target,
                      const std::string& trace_id);

}  // namespace slipway::traces
