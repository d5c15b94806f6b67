#include "traces/trace_rows.h"

#include <algorithm>
#include <unordered_map>

#include "base/hash.h"
#include "traces/packing.h"

namespace slipway::traces {
namespace {

std::string label(const Labels& labels, std::string_view key) {
  const std::string* value = labels.find(key);
  return value == nullptr ? std::string() : *value;
}

std::string metadata_json(const Labels& metadata) {
  JsonObject object;
  for (const auto& [key, value] : metadata) object[key] = value;
  return base::to_text(object);
}

Labels read_metadata(std::string_view json) {
  Labels metadata;
  const Result<JsonObject> object = base::parse_json_object(json);
  if (!object) return metadata;
  for (const auto& member : *object) {
    if (member.value().is_string())
      metadata.set(member.key(), std::string(std::string_view(member.value().get_string())));
  }
  return metadata;
}

// The bytes of the id of a trace that came over OpenTelemetry; what is no such id stands for
// itself.
std::string span_trace_id(const std::string& id) {
  Result<std::string> bytes = base::from_hex(id.starts_with("tr-") ? id.substr(3) : id);
  return bytes ? std::move(*bytes) : id;
}

}  // namespace

Result<StoredTrace> read_stored(const store::Row& row) {
  StoredTrace trace;
  trace.number = row.int64(0);
  trace.info.id = row.string(1);
  trace.info.experiment = row.int64(2);
  trace.info.start_ms = row.int64(3);
  trace.info.duration_ms = row.maybe_int64(4);
  trace.info.state = static_cast<TraceState>(row.int64(5));
  trace.info.client_request_id = row.string(6);
  TRY(unpack_labels(row.text(7), trace.info.tags, trace.info.metadata));
  trace.info.request_preview = row.maybe_string(8);
  trace.info.response_preview = row.maybe_string(9);
  return trace;
}

std::string artifacts_of(const std::string& folder, const std::string& id) {
  return fmt::format("{}/{}/artifacts", folder, id);
}

Error no_trace(const std::string& id) {
  return base::error(Code::kNotFound, "Trace with ID '{}' not found.", id);
}

Result<std::optional<StoredTrace>> find_trace(store::Reader& reader, const std::string& id) {
  std::optional<Result<StoredTrace>> found = TRY(reader.find(
      fmt::format("SELECT {} FROM traces WHERE id = ?", kTraceColumns), {id}, read_stored));
  if (!found) return std::optional<StoredTrace>();
  return std::optional<StoredTrace>(TRY(std::move(*found)));
}

Result<StoredTrace> get_trace(store::Reader& reader, const std::string& id) {
  std::optional<StoredTrace> found = TRY(find_trace(reader, id));
  if (!found) return no_trace(id);
  return std::move(*found);
}

Result<std::int64_t> insert_trace(store::Tx& tx, const TraceInfo& info) {
  const std::string labels = pack_labels(info.tags, info.metadata);
  return TRY(tx.insert(
                 "INSERT INTO traces(id, experiment, start_ms, duration_ms, state, "
                 "client_request_id, name, run, session, labels, request_preview, "
                 "response_preview) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                 "number",
                 {info.id, info.experiment, info.start_ms, info.duration_ms,
                  static_cast<int>(info.state), info.client_request_id, label(info.tags, kNameTag),
                  label(info.metadata, kRunMetadata), label(info.metadata, kSessionMetadata),
                  store::Bytes{labels}, info.request_preview, info.response_preview}))
      .value();
}

Result<void> update_trace(store::Tx& tx, const StoredTrace& trace) {
  const TraceInfo& info = trace.info;
  const std::string labels = pack_labels(info.tags, info.metadata);
  return tx.send(
      "UPDATE traces SET experiment = ?, start_ms = ?, duration_ms = ?, state = ?, "
      "client_request_id = ?, name = ?, run = ?, session = ?, labels = ?, request_preview = ?, "
      "response_preview = ? WHERE number = ?",
      {info.experiment, info.start_ms, info.duration_ms, static_cast<int>(info.state),
       info.client_request_id, label(info.tags, kNameTag), label(info.metadata, kRunMetadata),
       label(info.metadata, kSessionMetadata), store::Bytes{labels}, info.request_preview,
       info.response_preview, trace.number});
}

Result<void> delete_trace(store::Tx& tx, std::int64_t number) {
  TRY(tx.send("DELETE FROM trace_links WHERE trace IN (SELECT id FROM traces WHERE number = ?)",
              {number}));
  TRY(tx.send("DELETE FROM trace_spans WHERE trace = ?", {number}));
  TRY(tx.send("DELETE FROM trace_assessments WHERE trace = ?", {number}));
  return tx.send("DELETE FROM traces WHERE number = ?", {number});
}

std::vector<Span> latest_of_each(std::vector<Span> arrived) {
  std::vector<Span> spans;
  std::unordered_map<std::string, std::size_t> places;
  for (Span& span : arrived) {
    const auto [place, is_new] = places.emplace(span.span_id, spans.size());
    if (is_new) {
      spans.push_back(std::move(span));
    } else {
      spans[place->second] = std::move(span);
    }
  }
  std::stable_sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) {
    if (a.parent_id.empty() != b.parent_id.empty()) return a.parent_id.empty();
    return a.start_ns < b.start_ns;
  });
  return spans;
}

Result<std::vector<Span>> read_spans(store::Reader& reader, const StoredTrace& trace) {
  std::vector<Span> arrived;
  const std::string trace_id = span_trace_id(trace.info.id);
  Result<void> readable;
  TRY(reader.query("SELECT data FROM trace_spans WHERE trace = ? ORDER BY batch", {trace.number},
                   [&](const store::Row& row) {
                     if (readable) readable = unpack_spans(row.text(0), trace_id, arrived);
                   }));
  TRY(std::move(readable));
  return latest_of_each(std::move(arrived));
}

Result<void> append_spans(store::Tx& tx, std::int64_t number, const std::string& packed,
                          std::size_t count) {
  return tx.send(
      "INSERT INTO trace_spans(trace, batch, spans, data) SELECT CAST(? AS INTEGER), "
      "COALESCE(MAX(batch), 0) + 1, CAST(? AS INTEGER), ? FROM trace_spans WHERE trace = ?",
      {number, count, store::Bytes{packed}, number});
}

Assessment read_assessment(const store::Row& row) {
  Assessment assessment;
  assessment.id = row.string(0);
  assessment.kind = static_cast<AssessmentKind>(row.int64(1));
  assessment.name = row.string(2);
  assessment.value = row.string(3);
  assessment.error = row.string(4);
  assessment.span_id = row.string(5);
  assessment.source_type = row.string(6);
  assessment.source_id = row.string(7);
  assessment.rationale = row.string(8);
  assessment.metadata = read_metadata(row.text(9));
  assessment.overrides = row.string(10);
  assessment.is_valid = row.int64(11) != 0;
  assessment.created = row.time(12);
  assessment.updated = row.time(13);
  return assessment;
}

Result<void> load_assessments(store::Reader& reader, std::vector<StoredTrace>& traces) {
  static const std::string sql = fmt::format(
      "SELECT {} FROM trace_assessments WHERE trace = ? ORDER BY number", kAssessmentColumns);
  for (StoredTrace& trace : traces) {
    TRY(reader.ask(sql, {trace.number}, [&trace](const store::Row& row) {
      Assessment assessment = read_assessment(row);
      assessment.trace_id = trace.info.id;
      trace.info.assessments.push_back(std::move(assessment));
    }));
  }
  return reader.settle();
}

Result<void> put_assessment(store::Tx& tx, std::int64_t trace, const Assessment& assessment) {
  const std::int64_t changed = TRY(tx.execute(
      "INSERT INTO trace_assessments(id, trace, kind, name, value, error, span_id, source_type, "
      "source_id, rationale, metadata, overrides, is_valid, created, updated) VALUES(?, ?, ?, ?, "
      "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET kind = excluded.kind, name "
      "= excluded.name, value = excluded.value, error = excluded.error, span_id = "
      "excluded.span_id, source_type = excluded.source_type, source_id = excluded.source_id, "
      "rationale = excluded.rationale, metadata = excluded.metadata, overrides = "
      "excluded.overrides, is_valid = excluded.is_valid, created = excluded.created, updated = "
      "excluded.updated WHERE trace_assessments.trace = excluded.trace",
      {assessment.id, trace, static_cast<int>(assessment.kind), assessment.name, assessment.value,
       assessment.error, assessment.span_id, assessment.source_type, assessment.source_id,
       assessment.rationale, metadata_json(assessment.metadata), assessment.overrides,
       assessment.is_valid, assessment.created, assessment.updated}));
  if (changed == 0)
    return base::error(Code::kFailedPrecondition,
                       "Assessment ID '{}' is taken by an assessment of another trace",
                       assessment.id);
  return {};
}

Result<void> put_link(store::Tx& tx, LinkKind kind, const std::string& target,
                      const std::string& trace_id) {
  return tx.send(
      "INSERT INTO trace_links(kind, target, trace) VALUES(?, ?, ?) ON CONFLICT DO NOTHING",
      {static_cast<int>(kind), target, trace_id});
}

}  // namespace slipway::traces
