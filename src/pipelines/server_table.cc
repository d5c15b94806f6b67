#include "pipelines/server_table.h"

#include "store/file_system.h"

namespace slipway::pipelines {

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
    TRY(tx.execute("DELETE FROM pipeline_servers WHERE name = ?", {server.name}));
    if (server.leads) TRY(tx.execute("UPDATE pipeline_servers SET leads = 0", {}));
    TRY(tx.execute(
        "INSERT INTO pipeline_servers(id, name, url, leads, steps_max, cpu_millis, memory_bytes, "
        "folder, beat, started_at) VALUES(?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
        {server.id, server.name, server.url, server.leads ? 1 : 0, server.steps_max,
         server.capacity.cpu_millis, server.capacity.memory_bytes, server.folder, server.started}));
    return {};
  });
}

Result<bool> ServerTable::beat(const std::string& id) {
  return db_.write([&](store::Tx& tx) -> Result<bool> {
    return TRY(tx.execute("UPDATE pipeline_servers SET beat = beat + 1 WHERE id = ?", {id})) == 1;
  });
}

Result<void> ServerTable::remove(const std::string& id) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("DELETE FROM pipeline_servers WHERE id = ?", {id}));
    return {};
  });
}

Result<void> ServerTable::remove_silent(const std::string& id, std::int64_t beat) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("DELETE FROM pipeline_servers WHERE id = ? AND beat = ?", {id, beat}));
    return {};
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
