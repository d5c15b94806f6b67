#include "api/openlineage/event_reader.h"

#include "base/text.h"
#include "types/timestamp.h"

namespace slipway::api::openlineage {
namespace {

using lineage::DatasetTold;
using lineage::Facets;
using lineage::JobTold;
using lineage::Name;
using lineage::RunState;
using lineage::RunTold;

constexpr std::size_t kShownBytesMax = 100;  // of what was sent, in a message

Error wrong(std::string_view where, std::string_view what) {
  return base::error(Code::kInvalidArgument, "{}: {}", where, what);
}

std::string below(std::string_view where, std::string_view member) {
  return where.empty() ? std::string(member) : fmt::format("{}.{}", where, member);
}

// Null: it is absent, which null means as well.
Result<const JsonObject*> find_object(const JsonObject& in, std::string_view member,
                                      std::string_view where) {
  const Json* found = in.if_contains(member);
  if (found == nullptr || found->is_null()) return static_cast<const JsonObject*>(nullptr);
  if (found->is_object()) return &found->get_object();
  return wrong(below(where, member), "an object is expected");
}

Result<const JsonObject*> get_object(const JsonObject& in, std::string_view member,
                                     std::string_view where) {
  const JsonObject* found = TRY(find_object(in, member, where));
  if (found == nullptr) return wrong(below(where, member), "is missing");
  return found;
}

Result<std::string> get_text(const JsonObject& in, std::string_view member,
                             std::string_view where) {
  const Json* found = in.if_contains(member);
  if (found == nullptr || found->is_null()) return wrong(below(where, member), "is missing");
  if (!found->is_string()) return wrong(below(where, member), "a text is expected");
  const std::string_view text = found->get_string();
  if (text.empty()) return wrong(below(where, member), "is empty");
  return std::string(text);
}

// What becomes a key of a table.
Result<std::string> get_key(const JsonObject& in, std::string_view member, std::string_view where) {
  std::string text = TRY(get_text(in, member, where));
  if (text.size() > kNameBytesMax) {
    return wrong(below(where, member),
                 fmt::format("is too long: bytes={} max={}", text.size(), kNameBytesMax));
  }
  if (text.find('\0') != std::string::npos)
    return wrong(below(where, member), "has a NUL character");
  return text;
}

Result<Name> read_name(const JsonObject& in, std::string_view where) {
  Name name;
  name.space = TRY(get_key(in, "namespace", where));
  name.name = TRY(get_key(in, "name", where));
  return name;
}

Result<std::string> get_uuid(const JsonObject& in, std::string_view member,
                             std::string_view where) {
  const std::string text = TRY(get_text(in, member, where));
  std::optional<std::string> uuid = parse_uuid(text);
  if (!uuid) {
    return wrong(below(where, member),
                 fmt::format("a UUID is expected: got={}", text.substr(0, kShownBytesMax)));
  }
  return std::move(*uuid);
}

Result<Facets> read_facets(const JsonObject& in, std::string_view member, std::string_view where) {
  Facets facets;
  const JsonObject* all = TRY(find_object(in, member, where));
  if (all == nullptr) return facets;
  for (const auto& [name, facet] : *all) {
    if (facet.is_null()) continue;
    const std::string place = below(below(where, member), name);
    if (name.empty() || name.size() > kFacetNameBytesMax || name.find('\0') != name.npos) {
      return wrong(below(where, member),
                   fmt::format("a facet's name has 1 to {} bytes and no NUL", kFacetNameBytesMax));
    }
    if (!facet.is_object()) return wrong(place, "a facet is an object");
    const Json* deleted = facet.get_object().if_contains("_deleted");
    const bool is_deleted = deleted != nullptr && deleted->is_bool() && deleted->get_bool();
    facets[name] = is_deleted ? std::string() : base::to_text(facet);
  }
  return facets;
}

Result<std::vector<Name>> read_symlinks(const JsonObject& facet, std::string_view where) {
  std::vector<Name> names;
  const Json* identifiers = facet.if_contains("identifiers");
  if (identifiers == nullptr || identifiers->is_null()) return names;
  const std::string place = below(where, "identifiers");
  if (!identifiers->is_array()) return wrong(place, "a list is expected");
  for (std::size_t i = 0; i < identifiers->get_array().size(); ++i) {
    const Json& one = identifiers->get_array()[i];
    const std::string here = fmt::format("{}[{}]", place, i);
    if (!one.is_object()) return wrong(here, "an object is expected");
    // Spark tells of tables without a catalog so: a name of nothing.
    const auto is_empty = [&](std::string_view member) {
      const Json* text = one.get_object().if_contains(member);
      return text != nullptr && text->is_string() && text->get_string().empty();
    };
    if (is_empty("namespace") || is_empty("name")) continue;
    names.push_back(TRY(read_name(one.get_object(), here)));
  }
  return names;
}

Result<DatasetTold> read_dataset(const JsonObject& in, std::string_view use_member,
                                 std::string_view where) {
  DatasetTold told;
  told.name = TRY(read_name(in, where));
  told.facets = TRY(read_facets(in, "facets", where));
  if (!use_member.empty()) told.use_facets = TRY(read_facets(in, use_member, where));
  const JsonObject* facets = TRY(find_object(in, "facets", where));
  if (facets == nullptr) return told;
  const std::string place = below(where, "facets");
  const JsonObject* version = TRY(find_object(*facets, "version", place));
  if (version != nullptr && !told.facets["version"].empty())
    told.version = TRY(get_key(*version, "datasetVersion", below(place, "version")));
  const JsonObject* symlinks = TRY(find_object(*facets, "symlinks", place));
  if (symlinks != nullptr && !told.facets["symlinks"].empty())
    told.other_names = TRY(read_symlinks(*symlinks, below(place, "symlinks")));
  return told;
}

Result<std::vector<DatasetTold>> read_datasets(const JsonObject& in, std::string_view member,
                                               std::string_view use_member,
                                               std::size_t datasets_max) {
  std::vector<DatasetTold> told;
  const Json* all = in.if_contains(member);
  if (all == nullptr || all->is_null()) return told;
  if (!all->is_array()) return wrong(member, "a list of datasets is expected");
  const JsonArray& list = all->get_array();
  if (list.size() > datasets_max) {
    return base::error(Code::kResourceExhausted,
                       "{}: too many datasets in an event: datasets={} max={}", member, list.size(),
                       datasets_max);
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string where = fmt::format("{}[{}]", member, i);
    if (!list[i].is_object()) return wrong(where, "a dataset is an object");
    told.push_back(TRY(read_dataset(list[i].get_object(), use_member, where)));
  }
  return told;
}

Result<JobTold> read_job(const JsonObject& event, std::size_t datasets_max) {
  const JsonObject* job = TRY(get_object(event, "job", ""));
  JobTold told;
  told.name = TRY(read_name(*job, "job"));
  told.facets = TRY(read_facets(*job, "facets", "job"));
  told.inputs = TRY(read_datasets(event, "inputs", "inputFacets", datasets_max));
  told.outputs = TRY(read_datasets(event, "outputs", "outputFacets", datasets_max));
  return told;
}

Result<RunState> read_state(const JsonObject& event) {
  const Json* type = event.if_contains("eventType");
  if (type == nullptr || type->is_null()) return RunState::kUnknown;
  if (!type->is_string()) return wrong("eventType", "a text is expected");
  const std::string_view word = type->get_string();
  for (const auto& [known, state] : {std::pair("START", RunState::kStarted),
                                     {"RUNNING", RunState::kRunning},
                                     {"COMPLETE", RunState::kCompleted},
                                     {"ABORT", RunState::kAborted},
                                     {"FAIL", RunState::kFailed},
                                     {"OTHER", RunState::kUnknown}}) {
    if (word == known) return state;
  }
  return wrong("eventType", fmt::format("is START, RUNNING, COMPLETE, ABORT, FAIL or OTHER: got={}",
                                        word.substr(0, kShownBytesMax)));
}

Result<RunTold> read_run(const JsonObject& event) {
  const JsonObject* run = TRY(get_object(event, "run", ""));
  RunTold told;
  told.id = TRY(get_uuid(*run, "runId", "run"));
  told.state = TRY(read_state(event));
  told.facets = TRY(read_facets(*run, "facets", "run"));
  const JsonObject* facets = TRY(find_object(*run, "facets", "run"));
  const JsonObject* parent =
      facets == nullptr ? nullptr : TRY(find_object(*facets, "parent", "run.facets"));
  if (parent == nullptr || told.facets["parent"].empty()) return told;
  constexpr std::string_view kWhere = "run.facets.parent";
  const JsonObject* parent_run = TRY(get_object(*parent, "run", kWhere));
  told.parent = TRY(get_uuid(*parent_run, "runId", below(kWhere, "run")));
  const JsonObject* parent_job = TRY(get_object(*parent, "job", kWhere));
  told.parent_job = TRY(read_name(*parent_job, below(kWhere, "job")));
  return told;
}

std::size_t facets_of(const std::vector<DatasetTold>& datasets) {
  std::size_t count = 0;
  for (const DatasetTold& one : datasets)
    count += one.facets.size() + one.use_facets.size() + one.other_names.size();
  return count;
}

Result<void> check_facets(const lineage::Event& event, std::size_t facets_max) {
  std::size_t count = 0;
  if (event.run) count += event.run->facets.size();
  if (event.job)
    count +=
        event.job->facets.size() + facets_of(event.job->inputs) + facets_of(event.job->outputs);
  if (event.dataset) count += facets_of({*event.dataset});
  if (count <= facets_max) return {};
  return base::error(Code::kResourceExhausted,
                     "too many facets and symlinks in an event: facets={} max={}", count,
                     facets_max);
}

bool has(const JsonObject& event, std::string_view member) {
  const Json* found = event.if_contains(member);
  return found != nullptr && !found->is_null();
}

}  // namespace

std::optional<std::string> parse_uuid(std::string_view text) {
  constexpr std::string_view kShape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  if (text.size() != kShape.size()) return std::nullopt;
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    const char c = text[i];
    const bool is_digit =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (kShape[i] == '-' ? c != '-' : !is_digit) return std::nullopt;
  }
  return base::lowered(text);
}

Result<lineage::Event> read_event(const Json& json, const EventLimits& limits) {
  if (!json.is_object())
    return base::error(Code::kInvalidArgument, "an event is an object of JSON");
  const JsonObject& event = json.get_object();
  lineage::Event told;
  const std::string time = TRY(get_text(event, "eventTime", ""));
  auto parsed = types::parse_rfc3339(time);
  if (!parsed) return std::move(parsed).error().with_context("eventTime");
  told.time = *parsed;
  TRY(get_text(event, "producer", ""));
  TRY(get_text(event, "schemaURL", ""));
  if (has(event, "run")) told.run = TRY(read_run(event));
  if (told.run || has(event, "job")) {
    told.job = TRY(read_job(event, limits.datasets_max));
  } else if (has(event, "dataset")) {
    const JsonObject* dataset = TRY(get_object(event, "dataset", ""));
    told.dataset = TRY(read_dataset(*dataset, "", "dataset"));
  } else {
    return base::error(Code::kInvalidArgument,
                       "an event has a run and a job, a job, or a dataset: this one has none");
  }
  TRY(check_facets(told, limits.facets_max));
  told.text = base::to_text(json);
  return told;
}

}  // namespace slipway::api::openlineage
