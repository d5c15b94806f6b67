#include "pipelines/wait_for.h"

#include <date/tz.h>

#include <chrono>

#include "pipelines/cache_key.h"
#include "pipelines/cron.h"
#include "pipelines/or_null.h"
#include "types/timestamp.h"

namespace slipway::pipelines {
namespace fs = std::filesystem;
namespace {

using types::YamlMap;
using types::YamlNode;

constexpr std::string_view kS3 = "s3://";
constexpr base::Duration kPokeShortest = base::Duration::seconds(1);

// "06:30" or "06:30:15"
Result<base::Duration> read_time_of_day(const YamlNode& node) {
  const std::string text = TRY(node.text());
  const bool has_seconds = text.size() == 8;
  if (!has_seconds && text.size() != 5)
    return node.error("a time of day is HH:MM or HH:MM:SS: got={}", text);
  std::int64_t parts[3] = {0, 0, 0};
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_colon = i % 3 == 2;
    if (is_colon ? text[i] != ':' : text[i] < '0' || text[i] > '9')
      return node.error("a time of day is HH:MM or HH:MM:SS: got={}", text);
    if (!is_colon) parts[i / 3] = parts[i / 3] * 10 + (text[i] - '0');
  }
  if (parts[0] > 23 || parts[1] > 59 || parts[2] > 59)
    return node.error("there is no such time of day: got={}", text);
  return base::Duration::seconds(parts[0] * 3600 + parts[1] * 60 + parts[2]);
}

// "a snapshot of dataset flights"
std::string words_of(const DataTrigger& news) {
  if (!news.dataset.empty()) return "a snapshot of dataset " + news.dataset;
  if (news.alias.empty()) return "a version of model " + news.model;
  return fmt::format("a move of alias {} of model {}", news.alias, news.model);
}

bool is_there(const fs::path& file) {
  std::error_code ec;
  if (file.has_filename()) return fs::exists(file, ec);
  return fs::is_directory(file, ec) && !fs::is_empty(file, ec) && !ec;
}

// A path, or s3://BUCKET/KEY; with parameters it may become one.
bool names_object(std::string_view file) {
  if (!file.starts_with(kS3) || file.find('{') != std::string_view::npos) return true;
  file.remove_prefix(kS3.size());
  const std::size_t slash = file.find('/');
  return slash != 0 && slash != std::string_view::npos && slash + 1 < file.size();
}

}  // namespace

std::string words_of(const WaitFor& wait, const std::map<std::string, std::string>& params) {
  if (!wait.news.empty()) return words_of(wait.news);
  if (wait.delay) return types::to_text(*wait.delay) + " after the run's begin";
  if (!wait.time)
    return "file " + render_text(wait.file, [&](const std::string& name) {
             const auto param = params.find(name);
             return param == params.end() ? "{" + name + "}" : param->second;
           });
  const std::int64_t seconds = wait.time->micros / 1'000'000;
  return fmt::format("{:02}:{:02}:{:02} in {}", seconds / 3600, seconds / 60 % 60, seconds % 60,
                     wait.time_zone.empty() ? "UTC" : wait.time_zone);
}

Result<WaitFor> read_wait_for(const YamlNode& node) {
  WaitFor wait;
  YamlMap map = TRY(node.map("wait_for"));
  int ways = 0;
  for (const auto& [key, target] :
       {std::pair("dataset", &wait.news.dataset), {"model", &wait.news.model}}) {
    const auto found = map.find(key);
    if (!found) continue;
    *target = TRY(found->text());
    if (target->empty()) return found->error("{} needs a name", key);
    ++ways;
  }
  if (const auto alias = map.find("alias")) {
    wait.news.alias = TRY(alias->text());
    if (wait.news.model.empty())
      return alias->error("`alias` is one of a model: name the model, too");
  }
  if (const auto newer = map.find("newer_than")) {
    const std::string word = TRY(newer->text());
    if (wait.news.empty()) return newer->error("newer_than is of a dataset or a model");
    if (word != "run" && word != "last_success")
      return newer->error("newer_than must be run or last_success: got={}", word);
    wait.since_success = word == "last_success";
  }
  if (const auto file = map.find("file")) {
    ++ways;
    const std::string text = TRY(file->text());
    if (text.empty() || !names_object(text))
      return file->error("file needs a path, or s3://BUCKET/KEY");
    if (text.find('\0') != std::string::npos) return file->error("a path can't hold a NUL byte");
    wait.file = parse_command(text);
  }
  if (const auto time = map.find("time")) {
    ++ways;
    wait.time = TRY(read_time_of_day(*time));
  }
  if (const auto zone = map.find("time_zone")) {
    wait.time_zone = TRY(zone->text());
    if (!wait.time) return zone->error("a time zone is of a time of day");
    if (const auto known = check_time_zone(wait.time_zone); !known)
      return zone->error_of(known.error());
  }
  if (const auto delay = map.find("delay")) {
    ++ways;
    wait.delay = TRY(delay->duration());
  }
  if (const auto poke = map.find("poke_interval")) {
    wait.poke_interval = TRY(poke->duration());
    if (wait.poke_interval < kPokeShortest) return poke->error("poke_interval must be at least 1s");
    if (wait.time || wait.delay)
      return poke->error("nobody looks for a time: poke_interval is of a dataset, model or file");
  }
  if (const auto soft = map.find("soft_fail")) wait.soft_fail = TRY(soft->boolean());
  TRY(map.finish());
  if (ways != 1)
    return node.error("wait_for needs exactly one of dataset, model, file, time and delay");
  return wait;
}

JsonObject Wait::to_json() const {
  JsonObject object{{"what", what}, {"until", types::to_rfc3339(until)}};
  if (after > 0) object["after"] = after;
  if (!file.empty()) object["file"] = file;
  if (due) object["due"] = types::to_rfc3339(*due);
  return object;
}

Result<Wait> Wait::from_json(const JsonObject& object) {
  Wait wait{.what = TRY(base::get_string(object, "what")),
            .after = TRY(base::find_int(object, "after")).value_or(0),
            .file = TRY(base::find_string(object, "file")).value_or(""),
            .due = {},
            .until = TRY(types::parse_rfc3339(TRY(base::get_string(object, "until"))))};
  if (const auto due = TRY(base::find_string(object, "due")))
    wait.due = TRY(types::parse_rfc3339(*due));
  return wait;
}

Wait begin_wait(const WaitFor& definition, const std::map<std::string, std::string>& params,
                const fs::path& project, base::Timestamp run_began, base::Timestamp now,
                base::Duration timeout, std::int64_t after) {
  Wait wait{.what = {}, .after = after, .file = {}, .due = {}, .until = now + timeout};
  if (!definition.news.empty()) {
    wait.what = fmt::format("{} {}", words_of(definition.news),
                            definition.since_success ? "after that of the last run that succeeded"
                                                     : "since the run began");
  } else if (!definition.file.empty()) {
    wait.file =
        render_text(definition.file, [&](const std::string& name) { return params.at(name); });
    wait.what = "file " + wait.file;
    if (!wait.file.starts_with(kS3)) wait.file = (project / wait.file).string();
  } else {
    wait.due = definition.delay ? run_began + *definition.delay
                                : time_of_day(run_began, *definition.time, definition.time_zone);
    wait.what = "time " + types::to_rfc3339(*wait.due);
  }
  return wait;
}

Result<std::optional<std::string>> has_come(const WaitFor& definition, const Wait& wait,
                                            base::Timestamp now, store::Db& db,
                                            InputDigests& inputs) {
  std::optional<std::string> come;
  if (!definition.news.empty()) {
    const auto version = TRY(first_version(db, definition.news, wait.after));
    if (version) come = fmt::format("{} came: version {}", words_of(definition.news), *version);
  } else if (wait.due) {
    if (now >= *wait.due) come = "it is " + types::to_rfc3339(*wait.due);
  } else if (wait.file.starts_with(kS3) ? TRY(inputs.has_object(wait.file)) : is_there(wait.file)) {
    come = wait.what + " is there";
  }
  return come;
}

base::Timestamp time_of_day(base::Timestamp moment, base::Duration time, const std::string& zone) {
  using std::chrono::microseconds;
  const date::time_zone* const place = date::locate_zone(zone.empty() ? "UTC" : zone);
  const auto local = place->to_local(date::sys_time<microseconds>(microseconds(moment.micros)));
  const auto wanted = date::floor<date::days>(local) + microseconds(time.micros);
  return {place->to_sys(wanted, date::choose::earliest).time_since_epoch().count()};
}

}  // namespace slipway::pipelines
