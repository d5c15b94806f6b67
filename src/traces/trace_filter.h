// A filter of traces, made ready for one search: what can be asked in SQL is, the rest is decided
// here. Spans are read only when the filter is about them.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "store/db.h"
#include "traces/trace_rows.h"
#include "types/search_filter.h"

namespace slipway::traces {

// For one snapshot, by one thread.
class TraceFilter {
 public:
  // Of clauses in the words of trace_grammar. kInvalidArgument. Looks up which traces have the
  // assessments and links that they ask for.
  static Result<TraceFilter> prepare(store::Reader& reader,
                                     const std::vector<types::SearchClause>& clauses,
                                     const std::vector<std::int64_t>& experiments);

  // A condition on rows of `traces` that all that pass meet: "traces.experiment IN (1, 2) AND ...",
  // and the parameters of its question marks. They refer to this filter.
  const std::string& condition() const { return condition_; }
  const std::vector<store::Param>& params() const { return params_; }

  // `trace` meets the condition. Reads its spans when the filter needs them.
  Result<bool> passes(store::Reader& reader, const StoredTrace& trace) const;

 private:
  // Traces that a clause on something beside them lets pass.
  struct Chosen {
    std::unordered_set<std::int64_t> traces;
    std::unordered_set<std::string> sessions;  // all traces of these, too
    bool is_inverted = false;
    bool contains(const StoredTrace& trace) const;
  };

  TraceFilter() = default;
  Result<void> add(store::Reader& reader, const types::SearchClause& clause);
  Result<void> add_assessed(store::Reader& reader, const types::SearchClause& clause);
  Result<void> add_linked(store::Reader& reader, LinkKind kind, const std::string& target);
  void narrow(std::string_view condition, std::string text);
  void narrow(std::string_view condition, std::int64_t number);

  std::string experiments_;  // "1, 2"
  std::string condition_;
  std::vector<std::unique_ptr<std::string>> texts_;  // what params_ point to
  std::vector<store::Param> params_;
  std::vector<types::SearchClause> clauses_;       // on the row itself
  std::vector<types::SearchClause> span_clauses_;  // all of them on one span
  std::vector<Chosen> chosen_;
};

// The texts that `span.content` and `trace.text` are compared with.
std::string searchable_text(const Span& span);

}  // namespace slipway::traces
