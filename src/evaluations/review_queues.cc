#include "evaluations/review_queues.h"

#include <algorithm>

#include "base/text.h"
#include "types/key_rules.h"

namespace slipway::evaluations {
namespace {

constexpr std::size_t kNameLengthMax = 250, kUserLengthMax = 250, kUsersMax = 10;
constexpr std::size_t kTraceIdLengthMax = 50;
constexpr std::string_view kReservedName = "default";
constexpr std::string_view kColumns = "id, experiment, name, kind, owner, created, updated";
constexpr std::string_view kItemColumns =
    "queue, trace, status, completed_by, completed, created, updated";

template <typename... Args>
Error wrong(fmt::format_string<Args...> text, Args&&... args) {
  return base::error(Code::kInvalidArgument, "{}", fmt::format(text, std::forward<Args>(args)...));
}

std::string stripped(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1));
}

Result<void> check_text(std::string_view field, const std::string& text, std::size_t length_max) {
  const std::size_t length = types::count_characters(text);
  if (length == 0) return wrong("`{}` must be a non-empty string; got ''.", field);
  if (length <= length_max) return {};
  return wrong("`{}` must be at most {} characters; got {}.", field, length_max, length);
}

Error no_queue(const std::string& id) {
  return base::error(Code::kNotFound, "Review queue with id '{}' not found.", id);
}

Error is_taken(const std::string& name) {
  return base::error(Code::kAlreadyExists,
                     "Review queue with name '{}' already exists (names are case-insensitive).",
                     name);
}

void add_once(std::vector<std::string>& list, std::string value) {
  if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(std::move(value));
}

Result<std::vector<std::string>> read_users(const std::vector<std::string>& given) {
  std::vector<std::string> users;
  for (const std::string& user : given) {
    std::string name = folded_user(user);
    TRY(check_text("user", name, kUserLengthMax));
    add_once(users, std::move(name));
  }
  if (users.size() > kUsersMax) {
    return wrong("A review queue can have at most {} assigned users; got {}.", kUsersMax,
                 users.size());
  }
  std::sort(users.begin(), users.end());
  return users;
}

Result<std::string> read_custom_name(const std::string& given) {
  std::string name = stripped(given);
  TRY(check_text("name", name, kNameLengthMax));
  if (folded_user(name) == kReservedName) {
    return wrong("`{}` is a reserved queue name and cannot be used for a custom queue.", name);
  }
  return name;
}

Result<std::vector<std::string>> read_trace_ids(const std::vector<std::string>& given) {
  if (given.empty()) return wrong("`item_ids` must be a non-empty list; got [].");
  std::vector<std::string> ids;
  for (const std::string& id : given) {
    std::string read = stripped(id);
    TRY(check_text("item_id", read, kTraceIdLengthMax));
    add_once(ids, std::move(read));
  }
  return ids;
}

ReviewQueue read_queue(const store::Row& row) {
  ReviewQueue queue;
  queue.id = row.string(0);
  queue.experiment_id = std::to_string(row.int64(1));
  queue.name = row.string(2);
  queue.kind = static_cast<QueueKind>(row.int64(3));
  queue.owner = row.string(4);
  queue.created = row.time(5);
  queue.updated = row.time(6);
  return queue;
}

ReviewItem read_item(const store::Row& row) {
  ReviewItem item;
  item.queue_id = row.string(0);
  item.trace_id = row.string(1);
  item.status = static_cast<ReviewStatus>(row.int64(2));
  item.completed_by = row.string(3);
  if (!row.is_null(4)) item.completed = row.time(4);
  item.created = row.time(5);
  item.updated = row.time(6);
  return item;
}

Result<void> load_lists(store::Reader& reader, std::vector<ReviewQueue>& queues) {
  for (ReviewQueue& queue : queues) {
    TRY(reader.ask("SELECT name FROM review_queue_users WHERE queue = ? ORDER BY name", {queue.id},
                   [&queue](const store::Row& row) { queue.users.push_back(row.string(0)); }));
    TRY(reader.ask(
        "SELECT label_schema FROM review_queue_schemas WHERE queue = ? ORDER BY label_schema",
        {queue.id},
        [&queue](const store::Row& row) { queue.schema_ids.push_back(row.string(0)); }));
  }
  return reader.settle();
}

Result<ReviewQueue> whole(store::Reader& reader, ReviewQueue queue) {
  std::vector<ReviewQueue> one;
  one.push_back(std::move(queue));
  TRY(load_lists(reader, one));
  return std::move(one.front());
}

Result<ReviewQueue> find(store::Reader& reader, const std::string& id) {
  std::optional<ReviewQueue> found = TRY(reader.find(
      fmt::format("SELECT {} FROM review_queues WHERE id = ?", kColumns), {id}, read_queue));
  if (!found) return no_queue(id);
  return whole(reader, std::move(*found));
}

Result<std::optional<ReviewQueue>> find_by_name(store::Reader& reader, std::int64_t experiment,
                                                const std::string& name) {
  std::optional<ReviewQueue> found = TRY(reader.find(
      fmt::format("SELECT {} FROM review_queues WHERE experiment = ? AND name_key = ?", kColumns),
      {experiment, folded_user(name)}, read_queue));
  if (!found) return std::optional<ReviewQueue>();
  return std::optional(TRY(whole(reader, std::move(*found))));
}

Result<void> check_schemas(store::Reader& reader, std::int64_t experiment,
                           const std::vector<std::string>& ids) {
  for (const std::string& id : ids) {
    if (!TRY(reader.find("SELECT 1 FROM label_schemas WHERE id = ? AND experiment = ?",
                         {id, experiment}, [](const store::Row&) { return true; }))) {
      return wrong("Label schema id(s) ['{}'] not found for experiment '{}'.", id, experiment);
    }
  }
  return {};
}

Result<void> write_users(store::Tx& tx, const std::string& id,
                         const std::vector<std::string>& users) {
  TRY(tx.send("DELETE FROM review_queue_users WHERE queue = ?", {id}));
  for (const std::string& user : users)
    TRY(tx.send("INSERT INTO review_queue_users(queue, name) VALUES(?, ?)", {id, user}));
  return {};
}

Result<void> write_schemas(store::Tx& tx, const std::string& id,
                           const std::vector<std::string>& ids) {
  TRY(tx.send("DELETE FROM review_queue_schemas WHERE queue = ?", {id}));
  for (const std::string& schema : ids)
    TRY(tx.send("INSERT INTO review_queue_schemas(queue, label_schema) VALUES(?, ?)",
                {id, schema}));
  return {};
}

std::vector<std::string> stripped_once(const std::vector<std::string>& given) {
  std::vector<std::string> ids;
  for (const std::string& id : given) add_once(ids, stripped(id));
  return ids;
}

}  // namespace

std::string folded_user(std::string_view name) { return base::lowered(stripped(name)); }

Result<ReviewQueue> ReviewQueues::create(ReviewQueue queue) {
  queue.users = TRY(read_users(queue.users));
  queue.schema_ids = stripped_once(queue.schema_ids);
  if (queue.kind == QueueKind::kUser) {
    queue.name = folded_user(queue.name);
    TRY(check_text("name", queue.name, kNameLengthMax));
    if (queue.users.empty()) queue.users = {queue.name};
    if (queue.users != std::vector{queue.name})
      return wrong("A user queue must have exactly one assigned user equal to its name.");
    if (!queue.schema_ids.empty()) {
      return wrong(
          "A user queue cannot have explicitly-attached schemas; it resolves to all of "
          "the experiment's label schemas.");
    }
  } else {
    queue.name = TRY(read_custom_name(queue.name));
  }
  const std::int64_t experiment = TRY(experiments_.number(queue.experiment_id));
  queue.id = "rq-" + random_.hex();
  queue.created = queue.updated = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<ReviewQueue> {
    TRY(experiments_.check_active(tx, experiment));
    TRY(check_schemas(tx, experiment, queue.schema_ids));
    if (TRY(find_by_name(tx, experiment, queue.name))) return is_taken(queue.name);
    TRY(tx.send(
        "INSERT INTO review_queues(id, experiment, name, name_key, kind, owner, created, updated) "
        "VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
        {queue.id, experiment, queue.name, folded_user(queue.name), static_cast<int>(queue.kind),
         queue.owner, queue.created, queue.updated}));
    TRY(write_users(tx, queue.id, queue.users));
    TRY(write_schemas(tx, queue.id, queue.schema_ids));
    return find(tx, queue.id);
  });
}

Result<ReviewQueue> ReviewQueues::ensure_of_user(const std::string& experiment_id,
                                                 const std::string& user) {
  ReviewQueue queue;
  queue.experiment_id = experiment_id;
  queue.name = queue.owner = folded_user(user);
  queue.kind = QueueKind::kUser;
  Result<ReviewQueue> made = create(queue);
  if (made || made.error().code != Code::kAlreadyExists) return made;
  ReviewQueue known = TRY(get_by_name(experiment_id, queue.name));
  if (known.kind == QueueKind::kUser) return known;
  return base::error(Code::kAlreadyExists,
                     "A non-user queue named '{}' already exists; cannot get-or-create a user "
                     "queue with that name.",
                     queue.name);
}

Result<ReviewQueue> ReviewQueues::get(const std::string& id) {
  return db_.read([&](store::Reader& reader) { return find(reader, id); });
}

Result<ReviewQueue> ReviewQueues::get_by_name(const std::string& experiment_id,
                                              const std::string& name) {
  const std::int64_t experiment = TRY(experiments_.number(experiment_id));
  return db_.read([&](store::Reader& reader) -> Result<ReviewQueue> {
    TRY(experiments_.check_active(reader, experiment));
    std::optional<ReviewQueue> found = TRY(find_by_name(reader, experiment, name));
    if (!found) {
      return base::error(Code::kNotFound,
                         "Review queue with name '{}' not found for experiment '{}'.", name,
                         experiment_id);
    }
    return std::move(*found);
  });
}

Result<ReviewQueuePage> ReviewQueues::list(const ReviewQueueQuery& query) {
  const std::int64_t experiment = TRY(experiments_.number(query.experiment_id));
  std::string condition = "experiment = ?";
  std::vector<store::Param> params{experiment};
  const std::string user = folded_user(query.user.value_or(""));
  if (query.user) {
    condition += " AND id IN (SELECT queue FROM review_queue_users WHERE name = ?)";
    params.emplace_back(user);
  }
  if (query.trace_id) {
    condition += " AND id IN (SELECT queue FROM review_items WHERE trace = ?)";
    params.emplace_back(*query.trace_id);
  }
  params.insert(params.end(), {query.max_results + 1, query.offset});
  return db_.read([&](store::Reader& reader) -> Result<ReviewQueuePage> {
    TRY(experiments_.check_active(reader, experiment));
    ReviewQueuePage page;
    TRY(reader.query_span(
        fmt::format("SELECT {} FROM review_queues WHERE {} ORDER BY created DESC, id LIMIT ? "
                    "OFFSET ?",
                    kColumns, condition),
        params, [&](const store::Row& row) { page.items.push_back(read_queue(row)); }));
    page.has_more = std::ssize(page.items) > query.max_results;
    if (page.has_more) page.items.pop_back();
    TRY(load_lists(reader, page.items));
    return page;
  });
}

Result<ReviewQueue> ReviewQueues::update(const std::string& id, const ReviewQueuePatch& patch) {
  std::optional<std::vector<std::string>> users;
  if (patch.users) users = TRY(read_users(*patch.users));
  std::optional<std::string> name, owner;
  if (patch.name) name = TRY(read_custom_name(*patch.name));
  if (patch.owner) {
    owner = stripped(*patch.owner);
    TRY(check_text("new_owner", *owner, kUserLengthMax));
  }
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<ReviewQueue> {
    ReviewQueue queue = TRY(find(tx, id));
    if (queue.kind == QueueKind::kUser)
      return wrong("A user queue belongs to its user and cannot be updated.");
    if (!patch.users && !patch.schema_ids && !name && !owner) return queue;
    const std::int64_t experiment = TRY(experiments_.number(queue.experiment_id));
    if (name && folded_user(*name) != folded_user(queue.name) &&
        TRY(find_by_name(tx, experiment, *name)))
      return is_taken(*name);
    if (patch.schema_ids) {
      if (TRY(tx.find("SELECT 1 FROM review_items WHERE queue = ? LIMIT 1", {id},
                      [](const store::Row&) { return true; }))) {
        return wrong(
            "A review queue's questions are locked once items are assigned to it. Remove "
            "the items before changing its questions.");
      }
      const std::vector<std::string> ids = stripped_once(*patch.schema_ids);
      TRY(check_schemas(tx, experiment, ids));
      TRY(write_schemas(tx, id, ids));
    }
    if (users) TRY(write_users(tx, id, *users));
    queue.name = name.value_or(queue.name);
    queue.owner = owner.value_or(queue.owner);
    TRY(tx.send(
        "UPDATE review_queues SET name = ?, name_key = ?, owner = ?, updated = ? WHERE id = ?",
        {queue.name, folded_user(queue.name), queue.owner, now, id}));
    return find(tx, id);
  });
}

Result<void> ReviewQueues::remove(const std::string& id) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    for (const char* table : {"review_queue_users", "review_queue_schemas", "review_items"})
      TRY(tx.send(fmt::format("DELETE FROM {} WHERE queue = ?", table), {id}));
    return tx.send("DELETE FROM review_queues WHERE id = ?", {id});
  });
}

Result<std::vector<ReviewItem>> ReviewQueues::add_traces(
    const std::string& id, const std::vector<std::string>& trace_ids) {
  const std::vector<std::string> ids = TRY(read_trace_ids(trace_ids));
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<std::vector<ReviewItem>> {
    const ReviewQueue queue = TRY(find(tx, id));
    std::vector<ReviewItem> items;
    for (const std::string& trace : ids) {
      if (TRY(traces_.experiment_of(tx, trace)) != queue.experiment_id) {
        return base::error(Code::kNotFound,
                           "Cannot attach trace(s) ['{}'] to review queue '{}': they do not exist "
                           "in experiment '{}'.",
                           trace, id, queue.experiment_id);
      }
      TRY(
          tx.send("INSERT INTO review_items(queue, trace, status, created, updated) VALUES(?, ?, "
                  "0, ?, ?) ON CONFLICT DO NOTHING",
                  {id, trace, now, now}));
    }
    for (const std::string& trace : ids) {
      TRY(tx.ask(
          fmt::format("SELECT {} FROM review_items WHERE queue = ? AND trace = ?", kItemColumns),
          {id, trace}, [&](const store::Row& row) { items.push_back(read_item(row)); }));
    }
    TRY(tx.settle());
    return items;
  });
}

Result<void> ReviewQueues::remove_traces(const std::string& id,
                                         const std::vector<std::string>& trace_ids) {
  const std::vector<std::string> ids = TRY(read_trace_ids(trace_ids));
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(find(tx, id));
    for (const std::string& trace : ids)
      TRY(tx.send("DELETE FROM review_items WHERE queue = ? AND trace = ?", {id, trace}));
    return {};
  });
}

Result<ReviewItemPage> ReviewQueues::items(const std::string& id,
                                           std::optional<ReviewStatus> status,
                                           std::int64_t max_results, std::int64_t offset) {
  return db_.read([&](store::Reader& reader) -> Result<ReviewItemPage> {
    TRY(find(reader, id));
    const std::string condition =
        status ? fmt::format(" AND status = {}", static_cast<int>(*status)) : "";
    ReviewItemPage page;
    TRY(reader.query(fmt::format("SELECT {} FROM review_items WHERE queue = ?{} ORDER BY created "
                                 "DESC, trace LIMIT ? OFFSET ?",
                                 kItemColumns, condition),
                     {id, max_results + 1, offset},
                     [&](const store::Row& row) { page.items.push_back(read_item(row)); }));
    page.has_more = std::ssize(page.items) > max_results;
    if (page.has_more) page.items.pop_back();
    return page;
  });
}

Result<ReviewItem> ReviewQueues::set_status(const std::string& id, const std::string& trace_id,
                                            ReviewStatus status, const std::string& by) {
  const std::string trace = stripped(trace_id), who = folded_user(by);
  if (status == ReviewStatus::kPending && !who.empty())
    return wrong("`completed_by` must not be set when reopening an item to `pending`.");
  if (status != ReviewStatus::kPending) TRY(check_text("completed_by", who, kUserLengthMax));
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<ReviewItem> {
    TRY(find(tx, id));
    std::optional<ReviewItem> item = TRY(tx.find(
        fmt::format("SELECT {} FROM review_items WHERE queue = ? AND trace = ?", kItemColumns),
        {id, trace}, read_item));
    if (!item) {
      return base::error(Code::kNotFound, "Item '{}' is not attached to review queue '{}'.", trace,
                         id);
    }
    if (item->status == status) return std::move(*item);
    item->status = status;
    item->updated = now;
    item->completed_by = who;
    item->completed.reset();
    if (status != ReviewStatus::kPending) item->completed = now;
    TRY(
        tx.send("UPDATE review_items SET status = ?, completed_by = ?, completed = ?, updated = ? "
                "WHERE queue = ? AND trace = ?",
                {static_cast<int>(status), who, item->completed, now, id, trace}));
    return std::move(*item);
  });
}

}  // namespace slipway::evaluations
