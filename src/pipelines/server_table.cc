#include "pipelines/server_table.h"

#include "store/file_system.h"

namespace slipway::pipelines {

namespace {

Result<void> remove_where(store::Tx& tx, std::string_view condition, store::Params params) {
  TRY(tx.execute(fmt::format("DELETE FROM pipeline_servers WHERE {}", condition), params));
  TRY(
      tx.execute("UPDATE pipeline_tasks SET state = CASE state WHEN 'given' THEN 'withdrawn' ELSE "
                 "'lost' END WHERE state IN ('given', 'taken') AND NOT EXISTS (SELECT 1 FROM "
                 "pipeline_servers s WHERE s.id = pipeline_tasks.server)"));
  return {};
}

}  // namespace

std::string name_of_server(const std::string& id) { return id.substr(0, id.rfind('#')); }

std::string new_server_id(const std::string& name, base::Random& random) {
  return name + "#" + random.hex(8);
}

Result<std::string> folder_id(const std::filesystem::path& folder, base::Random& random) {
  const std::filesystem::path file = folder / "folder-id";
  TRY(store::make_folders(folder));
  if (!std::filesystem::exists(file)) {
    const std::filesystem::path mine = folder / ("folder-id-" + random.hex(8));
    TRY(store::write_file(mine, random.hex(16)));
    std::error_code ec;
    std::filesystem::create_hard_link(mine, file, ec);  // fails where another server was faster
    std::filesystem::remove(mine, ec);
  }
  return store::read_file(file);
}

Result<void> ServerTable::add(const ServerRecord& server) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(remove_where(tx, "name = ?", {server.name}));
    if (server.leads) TRY(tx.execute("UPDATE pipeline_servers SET leads = 0", {}));
    TRY(tx.execute(
        "INSERT INTO pipeline_servers(id, name, url, leads, steps_max, cpu_millis, memory_bytes, "
        "folder, beat, started_at) VALUES(?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
        {server.id, server.name, server.url, server.leads ? 1 : 0, server.steps_max,
         server.capacity.cpu_millis, server.capacity.memory_bytes, server.folder, server.started}));
    return {};
  });
}

Result<void> ServerTable::fence(const std::string& name) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("UPDATE pipeline_servers SET beat = ? WHERE name = ?", {kFenced, name}));
    return {};
  });
}

Result<bool> ServerTable::beat(const ServerRecord& server) {
  return db_.write([&](store::Tx& tx) -> Result<bool> {
    return TRY(tx.execute("UPDATE pipeline_servers SET beat = beat + 1 WHERE id = ? AND leads = ? "
                          "AND beat <> ?",
                          {server.id, server.leads ? 1 : 0, kFenced})) == 1;
  });
}

Result<void> ServerTable::remove(const std::string& id) {
  return db_.write([&](store::Tx& tx) -> Result<void> { return remove_where(tx, "id = ?", {id}); });
}

Result<void> ServerTable::remove_silent(const std::string& id, std::int64_t beat) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    return remove_where(tx, "id = ? AND beat = ?", {id, beat});
  });
}

Result<std::vector<ServerRecord>> ServerTable::all() {
  std::vector<ServerRecord> found;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT id, name, url, leads, steps_max, cpu_millis, memory_bytes, beat, started_at, "
        "folder FROM pipeline_servers ORDER BY name",
        {}, [&](const store::Row& row) {
          found.push_back({.id = row.string(0),
                           .name = row.string(1),
                           .url = row.string(2),
                           .leads = row.int64(3) != 0,
                           .steps_max = row.int64(4),
                           .capacity = {.cpu_millis = row.int64(5), .memory_bytes = row.int64(6)},
                           .folder = row.string(9),
                           .beat = row.int64(7),
                           .started = row.time(8)});
        });
  }));
  return found;
}

Result<std::optional<std::string>> ServerTable::leader_url() {
  return db_.read([&](store::Reader& reader) {
    return reader.find("SELECT url FROM pipeline_servers WHERE leads = 1", {},
                       [](const store::Row& row) { return row.string(0); });
  });
}

}  // namespace slipway::pipelines
