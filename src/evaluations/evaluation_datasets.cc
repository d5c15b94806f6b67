#include "evaluations/evaluation_datasets.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <unordered_set>

#include "base/hash.h"
#include "evaluations/dataset_search.h"
#include "types/key_rules.h"

namespace slipway::evaluations {
namespace {

using types::Entity;
using types::SearchClause;
using types::SearchOrder;

constexpr std::size_t kNameLengthMax = 255, kTagKeyLengthMax = 255, kTagValueLengthMax = 5000;
constexpr std::int64_t kResultsMax = 50'000;
constexpr std::string_view kUserTag = "mlflow.user";
constexpr std::string_view kColumns =
    "id, name, tags, schema, digest, created_by, updated_by, created, updated";
constexpr std::string_view kRecordColumns =
    "number, id, inputs, outputs, expectations, tags, source, source_id, source_type, created_by, "
    "updated_by, created, updated";

Error no_dataset(const std::string& id) {
  return base::error(Code::kNotFound, "Evaluation dataset with id '{}' not found", id);
}

Result<void> check_length(std::string_view what, const std::string& text, std::size_t max) {
  if (types::count_characters(text) <= max) return {};
  return base::error(Code::kInvalidArgument, "'{}' exceeds the maximum length of {} characters",
                     what, max);
}

Result<void> check_tags(const Tags& tags) {
  for (const auto& [key, value] : tags) {
    TRY(check_length("tag key", key, kTagKeyLengthMax));
    TRY(check_length("tag value", value, kTagValueLengthMax));
  }
  return {};
}

std::string tags_json(const Tags& tags) {
  JsonObject object;
  for (const auto& [key, value] : tags) object[key] = value;
  return base::to_text(object);
}

Tags read_tags(std::string_view json) {
  Tags tags;
  const Result<JsonObject> object = base::parse_json_object(json);
  if (!object) return tags;
  for (const auto& [key, value] : *object) {
    if (value.is_string()) tags.emplace_back(key, std::string_view(value.get_string()));
  }
  std::sort(tags.begin(), tags.end());
  return tags;
}

const std::string* find_tag(const Tags& tags, std::string_view key) {
  for (const auto& [name, value] : tags) {
    if (name == key) return &value;
  }
  return nullptr;
}

// Another one after every change, also of several at the same time: it is made of the one `before`.
std::string digest_of(const std::string& before, const std::string& name, base::Timestamp updated) {
  return base::sha256_hex(fmt::format("{}:{}:{}", before, name, updated.millis())).substr(0, 8);
}

EvaluationDataset read_dataset(const store::Row& row) {
  EvaluationDataset dataset;
  dataset.id = row.string(0);
  dataset.name = row.string(1);
  dataset.tags = read_tags(row.text(2));
  dataset.schema = row.string(3);
  dataset.digest = row.string(4);
  dataset.created_by = row.string(5);
  dataset.updated_by = row.string(6);
  dataset.created = row.time(7);
  dataset.updated = row.time(8);
  return dataset;
}

// What the row itself does not say.
Result<void> complete(store::Reader& reader, std::vector<EvaluationDataset>& datasets) {
  for (EvaluationDataset& dataset : datasets) {
    TRY(reader.ask("SELECT COUNT(*) FROM evaluation_records WHERE dataset = ?", {dataset.id},
                   [&dataset](const store::Row& row) { dataset.records = row.int64(0); }));
    TRY(
        reader.ask("SELECT experiment FROM evaluation_dataset_experiments WHERE dataset = ? ORDER "
                   "BY place",
                   {dataset.id}, [&dataset](const store::Row& row) {
                     dataset.experiment_ids.push_back(std::to_string(row.int64(0)));
                   }));
  }
  return reader.settle();
}

// Its row alone. kNotFound.
Result<EvaluationDataset> find(store::Reader& reader, const std::string& id) {
  std::optional<EvaluationDataset> found =
      TRY(reader.find(fmt::format("SELECT {} FROM evaluation_datasets WHERE id = ?", kColumns),
                      {id}, read_dataset));
  if (!found) return no_dataset(id);
  return std::move(*found);
}

Result<EvaluationDataset> find_whole(store::Reader& reader, const std::string& id) {
  std::vector<EvaluationDataset> one;
  one.push_back(TRY(find(reader, id)));
  TRY(complete(reader, one));
  return std::move(one.front());
}

bool passes(const SearchClause& clause, const EvaluationDataset& dataset) {
  if (clause.entity == Entity::kTag) {
    const std::string* value = find_tag(dataset.tags, clause.key);
    if (value == nullptr) return types::matches(clause, std::optional<std::string_view>());
    return types::matches(clause, std::string_view(*value));
  }
  if (clause.key == kCreatedKey)
    return types::matches(clause, static_cast<double>(dataset.created.millis()));
  if (clause.key == kUpdatedKey)
    return types::matches(clause, static_cast<double>(dataset.updated.millis()));
  const std::string& text = clause.key == kNameKey        ? dataset.name
                            : clause.key == kCreatedByKey ? dataset.created_by
                                                          : dataset.updated_by;
  if (text.empty()) return types::matches(clause, std::optional<std::string_view>());
  return types::matches(clause, std::string_view(text));
}

// Below 0: a is first.
int compare(const SearchOrder& order, const EvaluationDataset& a, const EvaluationDataset& b) {
  int result = 0;
  if (order.key == kNameKey) {
    result = a.name.compare(b.name);
  } else {
    const bool is_created = order.key == kCreatedKey;
    const std::int64_t left = is_created ? a.created.millis() : a.updated.millis();
    const std::int64_t right = is_created ? b.created.millis() : b.updated.millis();
    result = left < right ? -1 : left > right ? 1 : 0;
  }
  return order.ascending ? result : -result;
}

struct StoredRecord {
  std::int64_t number = 0;  // 0: not there yet
  DatasetRecord record;
};

std::optional<Json> parse_column(const store::Row& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  Result<Json> value = base::parse_json(row.text(column));
  if (!value) return std::nullopt;
  return std::move(*value);
}

std::optional<JsonObject> parse_object(const store::Row& row, int column) {
  std::optional<Json> value = parse_column(row, column);
  if (!value || !value->is_object()) return std::nullopt;
  return std::move(value->get_object());
}

StoredRecord read_record(const store::Row& row) {
  StoredRecord stored;
  stored.number = row.int64(0);
  DatasetRecord& record = stored.record;
  record.id = row.string(1);
  record.inputs = parse_object(row, 2).value_or(JsonObject());
  record.outputs = parse_column(row, 3);
  record.expectations = parse_object(row, 4);
  record.tags = parse_object(row, 5).value_or(JsonObject());
  record.source = parse_object(row, 6);
  record.source_id = row.maybe_string(7);
  record.source_type = row.maybe_string(8);
  record.created_by = row.maybe_string(9);
  record.updated_by = row.maybe_string(10);
  record.created = row.time(11);
  record.updated = row.time(12);
  return stored;
}

template <typename T>
std::optional<std::string> text_of(const std::optional<T>& json) {
  if (!json) return std::nullopt;
  return base::to_text(*json);
}

Result<void> write_record(store::Tx& tx, const std::string& dataset, const std::string& question,
                          const StoredRecord& stored) {
  const DatasetRecord& record = stored.record;
  const std::optional<std::string> outputs = text_of(record.outputs),
                                   expectations = text_of(record.expectations),
                                   source = text_of(record.source);
  const std::string tags = base::to_text(record.tags);
  if (stored.number != 0) {
    return tx.send(
        "UPDATE evaluation_records SET outputs = ?, expectations = ?, tags = ?, updated_by = ?, "
        "updated = ? WHERE number = ?",
        {outputs, expectations, tags, record.updated_by, record.updated, stored.number});
  }
  return tx.send(
      "INSERT INTO evaluation_records(id, dataset, question, inputs, outputs, expectations, tags, "
      "source, source_id, source_type, created_by, updated_by, created, updated) VALUES(?, ?, ?, "
      "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {record.id, dataset, question, base::to_text(record.inputs), outputs, expectations, tags,
       source, record.source_id, record.source_type, record.created_by, record.updated_by,
       record.created, record.updated});
}

Result<std::int64_t> parse_token(const std::string& token) {
  if (token.empty()) return std::int64_t{0};
  std::int64_t number = 0;
  const Result<std::string> text = base::from_base64(token);
  const auto end = text ? text->data() + text->size() : nullptr;
  if (!text || text->empty() || std::from_chars(text->data(), end, number).ptr != end)
    return base::error(Code::kInvalidArgument, "Invalid page token, could not base64-decode");
  return number;
}

// Behind those that are there already, in the order in which they are named.
Result<void> add_links(store::Tx& tx, ExperimentRecords& experiments, const std::string& dataset,
                       const std::vector<std::string>& experiment_ids) {
  std::int64_t place = TRY(tx.find("SELECT MAX(place) FROM evaluation_dataset_experiments WHERE "
                                   "dataset = ?",
                                   {dataset}, [](const store::Row& row) { return row.int64(0); }))
                           .value_or(0);
  for (const std::string& id : experiment_ids) {
    const std::int64_t number = TRY(experiments.number(id));
    TRY(experiments.check_exists(tx, number));
    TRY(
        tx.send("INSERT INTO evaluation_dataset_experiments(dataset, experiment, place) VALUES(?, "
                "?, ?) ON CONFLICT DO NOTHING",
                {dataset, number, ++place}));
  }
  return {};
}

}  // namespace

Result<EvaluationDataset> EvaluationDatasets::create(
    const std::string& name, const Tags& tags, const std::vector<std::string>& experiment_ids) {
  TRY(check_length("name", name, kNameLengthMax));
  TRY(check_tags(tags));
  const std::string* user = find_tag(tags, kUserTag);
  const std::string author = user == nullptr ? "" : *user;
  const std::string id = "d-" + random_.hex();
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<EvaluationDataset> {
    TRY(tx.execute(
        "INSERT INTO evaluation_datasets(id, name, tags, digest, created_by, updated_by, created, "
        "updated) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
        {id, name, tags_json(tags), digest_of("", name, now), author, author, now, now}));
    TRY(add_links(tx, experiments_, id, experiment_ids));
    return find_whole(tx, id);
  });
}

Result<EvaluationDataset> EvaluationDatasets::get(const std::string& id) {
  return db_.read([&](store::Reader& reader) { return find_whole(reader, id); });
}

Result<void> EvaluationDatasets::remove(const std::string& id) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.send("DELETE FROM evaluation_dataset_experiments WHERE dataset = ?", {id}));
    TRY(tx.send("DELETE FROM evaluation_records WHERE dataset = ?", {id}));
    return tx.send("DELETE FROM evaluation_datasets WHERE id = ?", {id});
  });
}

Result<DatasetPage> EvaluationDatasets::search(const DatasetQuery& query) {
  if (query.max_results < 1 || query.max_results > kResultsMax) {
    return base::error(Code::kInvalidArgument,
                       "Invalid value {} for parameter 'max_results' supplied. It must be a "
                       "positive integer not above {}",
                       query.max_results, kResultsMax);
  }
  const std::vector<SearchClause> clauses =
      TRY(types::parse_search_filter(query.filter, dataset_grammar()));
  std::vector<SearchOrder> orders;
  for (const std::string& text : query.order_by)
    orders.push_back(TRY(types::parse_search_order(text, dataset_grammar())));
  if (orders.empty()) orders.push_back({.key = std::string(kCreatedKey), .ascending = false});
  std::string condition;
  if (!query.experiment_ids.empty()) {
    const std::vector<std::int64_t> experiments = TRY(experiments_.numbers(query.experiment_ids));
    if (experiments.empty()) return DatasetPage();
    condition = fmt::format(
        "WHERE id IN (SELECT dataset FROM evaluation_dataset_experiments WHERE experiment IN ({}))",
        fmt::join(experiments, ", "));
  }
  return db_.read([&](store::Reader& reader) -> Result<DatasetPage> {
    std::vector<EvaluationDataset> found;
    TRY(reader.query(fmt::format("SELECT {} FROM evaluation_datasets {}", kColumns, condition), {},
                     [&](const store::Row& row) {
                       EvaluationDataset dataset = read_dataset(row);
                       const bool is_wanted = std::all_of(
                           clauses.begin(), clauses.end(),
                           [&](const SearchClause& clause) { return passes(clause, dataset); });
                       if (is_wanted) found.push_back(std::move(dataset));
                     }));
    std::sort(found.begin(), found.end(),
              [&](const EvaluationDataset& a, const EvaluationDataset& b) {
                for (const SearchOrder& order : orders) {
                  if (const int result = compare(order, a, b); result != 0) return result < 0;
                }
                return a.id > b.id;
              });
    DatasetPage page;
    const auto begin = static_cast<std::size_t>(query.offset);
    const std::size_t end =
        std::min(found.size(), begin + static_cast<std::size_t>(query.max_results));
    for (std::size_t i = begin; i < end; ++i) page.items.push_back(std::move(found[i]));
    page.has_more = end < found.size() && begin < end;
    TRY(complete(reader, page.items));
    return page;
  });
}

Result<void> EvaluationDatasets::set_tags(const std::string& id, const Tags& tags) {
  TRY(check_tags(tags));
  return db_.write([&](store::Tx& tx) -> Result<void> {
    std::map<std::string, std::string> all;
    for (const auto& [key, value] : TRY(find(tx, id)).tags) all[key] = value;
    for (const auto& [key, value] : tags) all[key] = value;
    return tx.send("UPDATE evaluation_datasets SET tags = ? WHERE id = ?",
                   {tags_json(Tags(all.begin(), all.end())), id});
  });
}

Result<void> EvaluationDatasets::delete_tag(const std::string& id, const std::string& key) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    const std::optional<std::string> json =
        TRY(tx.find("SELECT tags FROM evaluation_datasets WHERE id = ?", {id},
                    [](const store::Row& row) { return row.string(0); }));
    if (!json) return {};
    Tags tags = read_tags(*json);
    std::erase_if(tags, [&](const auto& tag) { return tag.first == key; });
    return tx.send("UPDATE evaluation_datasets SET tags = ? WHERE id = ?", {tags_json(tags), id});
  });
}

Result<EvaluationDataset> EvaluationDatasets::add_experiments(
    const std::string& id, const std::vector<std::string>& experiment_ids) {
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<EvaluationDataset> {
    TRY(find(tx, id));
    TRY(add_links(tx, experiments_, id, experiment_ids));
    TRY(tx.send("UPDATE evaluation_datasets SET updated = ? WHERE id = ?", {now, id}));
    return find_whole(tx, id);
  });
}

Result<EvaluationDataset> EvaluationDatasets::remove_experiments(
    const std::string& id, const std::vector<std::string>& experiment_ids) {
  const std::vector<std::int64_t> experiments = TRY(experiments_.numbers(experiment_ids));
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<EvaluationDataset> {
    TRY(find(tx, id));
    std::int64_t removed = 0;
    for (const std::int64_t experiment : experiments) {
      removed += TRY(tx.execute(
          "DELETE FROM evaluation_dataset_experiments WHERE dataset = ? AND experiment = ?",
          {id, experiment}));
    }
    if (removed > 0)
      TRY(tx.send("UPDATE evaluation_datasets SET updated = ? WHERE id = ?", {now, id}));
    return find_whole(tx, id);
  });
}

Result<UpsertCounts> EvaluationDatasets::upsert_records(const std::string& id,
                                                        const std::vector<RecordDraft>& drafts) {
  std::vector<std::string> questions;  // of the drafts
  for (const RecordDraft& draft : drafts) questions.push_back(question_of(draft.inputs));
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<UpsertCounts> {
    const EvaluationDataset dataset = TRY(find(tx, id));
    std::map<std::string, StoredRecord> known;
    for (const std::string& question : questions) {
      TRY(tx.ask(fmt::format("SELECT {} FROM evaluation_records WHERE dataset = ? AND question = ?",
                             kRecordColumns),
                 {id, question}, [&](const store::Row& row) {
                   known.insert_or_assign(question, read_record(row));
                 }));
    }
    TRY(tx.settle());
    UpsertCounts counts;
    std::vector<std::string> changed;  // questions, each once, in the order in which they came
    std::unordered_set<std::string> seen;
    std::string updated_by;
    for (std::size_t i = 0; i < drafts.size(); ++i) {
      if (!drafts[i].author.empty()) updated_by = drafts[i].author;
      const auto [at, is_new] = known.try_emplace(questions[i]);
      DatasetRecord& record = at->second.record;
      if (is_new) {
        record = make_record(drafts[i]);
        record.id = "dr-" + random_.hex();
        record.created = now;
        ++counts.inserted;
      } else {
        merge(drafts[i], record);
        ++counts.updated;
      }
      record.updated = now;
      if (seen.insert(questions[i]).second) changed.push_back(questions[i]);
    }
    for (const std::string& question : changed)
      TRY(write_record(tx, id, question, known[question]));
    TRY(tx.send(
        "UPDATE evaluation_datasets SET schema = ?, digest = ?, updated_by = ?, updated = ? WHERE "
        "id = ?",
        {extend_schema(dataset.schema, drafts), digest_of(dataset.digest, dataset.name, now),
         updated_by, now, id}));
    return counts;
  });
}

Result<RecordPage> EvaluationDatasets::records(const std::string& id, std::int64_t max_results,
                                               const std::string& page_token) {
  if (max_results < 1 || max_results > kResultsMax) {
    return base::error(Code::kInvalidArgument,
                       "Invalid value {} for parameter 'max_results' supplied. It must be a "
                       "positive integer not above {}",
                       max_results, kResultsMax);
  }
  const std::int64_t after = TRY(parse_token(page_token));
  return db_.read([&](store::Reader& reader) -> Result<RecordPage> {
    TRY(find(reader, id));
    RecordPage page;
    std::int64_t last = 0;
    bool has_more = false;
    TRY(reader.query(fmt::format("SELECT {} FROM evaluation_records WHERE dataset = ? AND number > "
                                 "? ORDER BY number LIMIT ?",
                                 kRecordColumns),
                     {id, after, max_results + 1}, [&](const store::Row& row) {
                       has_more = std::ssize(page.items) == max_results;
                       if (has_more) return;
                       StoredRecord stored = read_record(row);
                       last = stored.number;
                       page.items.push_back(std::move(stored.record));
                     }));
    if (has_more) page.next = base::to_base64(std::to_string(last));
    return page;
  });
}

Result<std::int64_t> EvaluationDatasets::delete_records(const std::string& id,
                                                        const std::vector<std::string>& ids) {
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<std::int64_t> {
    const EvaluationDataset dataset = TRY(find(tx, id));
    std::int64_t deleted = 0;
    for (const std::string& record : ids) {
      deleted += TRY(
          tx.execute("DELETE FROM evaluation_records WHERE dataset = ? AND id = ?", {id, record}));
    }
    if (deleted > 0) {
      TRY(tx.send("UPDATE evaluation_datasets SET digest = ?, updated = ? WHERE id = ?",
                  {digest_of(dataset.digest, dataset.name, now), now, id}));
    }
    return deleted;
  });
}

Result<std::vector<std::string>> experiments_of_dataset(store::Db& db, const std::string& id) {
  return db.read([&](store::Reader& reader) -> Result<std::vector<std::string>> {
    std::vector<std::string> experiments;
    TRY(reader.query(
        "SELECT experiment FROM evaluation_dataset_experiments WHERE dataset = ?", {id},
        [&](const store::Row& row) { experiments.push_back(std::to_string(row.int64(0))); }));
    return experiments;
  });
}

}  // namespace slipway::evaluations
