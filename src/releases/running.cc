#include "releases/running.h"

namespace slipway::releases {
namespace {

using types::YamlMap;
using types::YamlNode;

constexpr std::int64_t kRowsMax = 1'000'000;
constexpr double kWaitMsMax = 60'000;
constexpr std::int64_t kLevelsMax = 1'000;

Result<Batching> read_batching(const YamlNode& node) {
  Batching batching;
  YamlMap map = TRY(node.map("batching"));
  batching.max_rows = TRY(map.find_integer("max_rows", 1, kRowsMax));
  if (const auto wait = map.find("max_wait_ms")) {
    batching.max_wait_ms = TRY(wait->number());
    if (*batching.max_wait_ms < 0 || *batching.max_wait_ms > kWaitMsMax)
      return wait->error("max_wait_ms must be from 0 to {}", kWaitMsMax);
  }
  batching.max_queue_rows = TRY(map.find_integer("max_queue_rows", 0, 100 * kRowsMax));
  batching.priority_levels = TRY(map.find_integer("priority_levels", 1, kLevelsMax));
  batching.default_priority_level = TRY(map.find_integer("default_priority_level", 1, kLevelsMax));
  TRY(map.finish());
  if (batching.priority_levels.has_value() != batching.default_priority_level.has_value() ||
      batching.default_priority_level > batching.priority_levels) {
    return node.error(
        "priority_levels and default_priority_level come together, and the default is one of the "
        "levels");
  }
  return batching;
}

Result<PythonRun> read_python(const YamlNode& node) {
  PythonRun python;
  YamlMap map = TRY(node.map("python"));
  python.workers = TRY(map.find_integer("workers", 1, 256));
  python.memory_bytes_max = TRY(map.find_integer("memory_bytes_max", 0, 1ll << 44));
  python.call_timeout_ms = TRY(map.find_integer("call_timeout_ms", 1, 86'400'000));
  TRY(map.finish());
  return python;
}

template <typename Value>
void put(JsonObject& object, std::string_view key, const std::optional<Value>& value) {
  if (value) object[key] = *value;
}

}  // namespace

Result<Running> read_running(YamlMap& declaration) {
  Running running;
  if (const auto batching = declaration.find("batching"))
    running.batching = TRY(read_batching(*batching));
  if (const auto python = declaration.find("python")) running.python = TRY(read_python(*python));
  if (const auto inputs = declaration.find("inputs"))
    running.inputs = TRY(types::read_input_rules(*inputs));
  return running;
}

void Running::append_to(JsonObject& declaration) const {
  JsonObject batches;
  put(batches, "max_rows", batching.max_rows);
  put(batches, "max_wait_ms", batching.max_wait_ms);
  put(batches, "max_queue_rows", batching.max_queue_rows);
  put(batches, "priority_levels", batching.priority_levels);
  put(batches, "default_priority_level", batching.default_priority_level);
  if (!batches.empty()) declaration["batching"] = std::move(batches);
  JsonObject processes;
  put(processes, "workers", python.workers);
  put(processes, "memory_bytes_max", python.memory_bytes_max);
  put(processes, "call_timeout_ms", python.call_timeout_ms);
  if (!processes.empty()) declaration["python"] = std::move(processes);
  if (!(inputs == types::InputRules())) declaration["inputs"] = inputs.to_json();
}

Result<Running> parse_running(std::string_view text) {
  YamlMap map = TRY(TRY(YamlNode::parse(text)).map("running"));
  Running running = TRY(read_running(map));
  TRY(map.finish());
  return running;
}

}  // namespace slipway::releases
