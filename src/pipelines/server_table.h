// The servers that share a database, as rows that each of them keeps fresh. Safe to use from
// several threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/timestamp.h"
#include "pipelines/resources.h"
#include "store/db.h"

namespace slipway::pipelines {

struct ServerRecord {
  std::string id;    // of one start of it
  std::string name;  // of all
  std::string url;   // where the others reach it
  bool leads = false;
  std::int64_t steps_max = 0;  // of pipelines that it runs; 0: none
  Resources capacity;          // for steps that say what they need
  std::string folder;          // of what it writes there (folder_id); empty: it shares none
  std::int64_t beat = 0;       // a number that grows while it lives
  base::Timestamp started;
};

// The name in an id.
std::string name_of_server(const std::string& id);
std::string new_server_id(const std::string& name, base::Random& random);

// What tells the folder apart from every other one, whatever it is called: a file in it, made when
// there is none.
Result<std::string> folder_id(const std::filesystem::path& folder, base::Random& random);

// A server's row goes together with what it had not ended of its tasks (TaskTable): what it had
// taken is lost, what it was given alone is withdrawn.
class ServerTable {
 public:
  static constexpr std::int64_t kFenced = -1;  // instead of a beat

  explicit ServerTable(store::Db& db) : db_(db) {}

  // Before one of this name comes: what is there of it beats no more, takes no steps, and doesn't
  // say how they end.
  Result<void> fence(const std::string& name);
  // Instead of what is there of the same name.
  Result<void> add(const ServerRecord& server);
  // False: it isn't there any more, because the others have heard nothing for too long, or another
  // one has led since.
  Result<bool> beat(const ServerRecord& server);
  Result<void> remove(const std::string& id);
  // Unless it has been heard of since `beat`.
  Result<void> remove_silent(const std::string& id, std::int64_t beat);
  Result<std::vector<ServerRecord>> all();  // by name
  // Nothing: none is known.
  Result<std::optional<std::string>> leader_url();

 private:
  store::Db& db_;
};

}  // namespace slipway::pipelines
