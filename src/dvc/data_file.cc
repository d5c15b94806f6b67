#include "dvc/data_file.h"

#include <algorithm>
#include <array>

#include "dvc/dvc_file.h"
#include "store/file_system.h"

namespace slipway::dvc {
namespace fs = std::filesystem;
namespace {

std::string text_at(const JsonObject& map, std::string_view key) {
  return base::find_string(map, key).value_or(std::nullopt).value_or("");
}

// What `dvc add` writes, alone: there is nothing else to keep with it.
bool is_added(const JsonObject& file, const JsonObject& out) {
  static constexpr std::array<std::string_view, 14> kKnown = {
      "md5",  "size", "nfiles", "isexec", "hash",   "path",    "cache",
      "desc", "type", "labels", "meta",   "remote", "persist", "push"};
  return !file.contains("deps") && !file.contains("cmd") && !file.contains("md5") &&
         text_at(out, "hash") == "md5" && std::all_of(out.begin(), out.end(), [](const auto& each) {
           return std::find(kKnown.begin(), kKnown.end(), std::string_view(each.key())) !=
                  kKnown.end();
         });
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::size_t indent_of(std::string_view line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

// What the output of such a file says, but for its path.
std::vector<std::pair<std::string, std::string>> values_of(const Content& content) {
  std::vector<std::pair<std::string, std::string>> values{{"md5", content.md5},
                                                          {"size", std::to_string(content.size)}};
  if (content.files) values.emplace_back("nfiles", std::to_string(*content.files));
  if (content.executable) values.emplace_back("isexec", "true");
  return values;
}

}  // namespace

std::vector<fs::path> data_files_of(const fs::path& repository, const fs::path& path) {
  std::vector<fs::path> files;
  std::error_code why;
  const fs::path below = path.lexically_normal().lexically_relative(repository);
  if (below.empty() || *below.begin() == "..") return files;
  const auto add = [&](const fs::path& file) {
    if (fs::is_regular_file(file, why)) files.push_back(file);
  };
  fs::path at = repository;
  for (const fs::path& part : below) {
    if (part.empty() || part == ".") continue;
    at /= part;
    add(at.string() + std::string(kDataFileEnd));
  }
  if (!fs::is_directory(at, why)) return files;
  std::vector<fs::path> inside;
  fs::recursive_directory_iterator each(at, why), end;
  for (; !why && each != end; each.increment(why)) {
    const fs::path name = each->path().filename();
    if (name == ".git" || name == kDataFileEnd)
      each.disable_recursion_pending();
    else if (name.extension() == kDataFileEnd)
      inside.push_back(each->path());
  }
  std::sort(inside.begin(), inside.end());
  std::for_each(inside.begin(), inside.end(), add);
  return files;
}

Result<std::string> with_content(std::string_view text, const Content& content) {
  std::vector<std::string> lines = lines_of(text);
  const auto wrong = [] {
    return base::error(Code::kInvalidArgument, "its outs aren't written as DVC writes them");
  };
  auto begin = std::find(lines.begin(), lines.end(), "outs:");
  if (begin == lines.end() || ++begin == lines.end()) return wrong();
  const std::size_t dash = indent_of(*begin);
  if (begin->compare(dash, 2, "- ") != 0) return wrong();
  const std::size_t indent = dash + 2;
  (*begin)[dash] = ' ';
  auto end = begin;
  while (end != lines.end() && indent_of(*end) >= indent && indent_of(*end) < end->size()) ++end;
  std::vector<std::pair<std::string, std::string>> values = values_of(content);
  std::vector<std::string> item;
  for (auto line = begin; line != end; ++line) {
    const std::string key = line->substr(indent, line->find(':', indent) - indent);
    const auto value = std::find_if(values.begin(), values.end(),
                                    [&](const auto& each) { return each.first == key; });
    if (value != values.end()) {
      std::size_t comment = std::min(line->find(" #"), line->size());
      while (comment > 0 && (*line)[comment - 1] == ' ') --comment;
      item.push_back(std::string(indent, ' ') + key + ": " + value->second + line->substr(comment));
      values.erase(value);
    } else if (key != "nfiles" && key != "isexec") {
      item.push_back(*line);
    }
  }
  for (const auto& [key, value] : values)
    item.push_back(std::string(indent, ' ') + key + ": " + value);
  item.front()[dash] = '-';
  std::string out;
  for (auto line = lines.begin(); line != begin; ++line) out += *line + "\n";
  for (const std::string& line : item) out += line + "\n";
  for (auto line = end; line != lines.end(); ++line) out += *line + "\n";
  return out;
}

Result<bool> keep_data(const fs::path& file, const Cache& cache, bool force, Contents& seen) {
  const std::string name = file.filename();
  const std::string text = TRY(store::read_file(file));
  const JsonObject values = TRY(read_values(name, text));
  const Json* const outs = values.if_contains("outs");
  if (outs == nullptr || !outs->is_array() || outs->get_array().empty()) return false;
  for (const Json& each : outs->get_array()) {
    if (!each.is_object() || text_at(each.get_object(), "path").empty())
      return base::error(Code::kInvalidArgument, "{}: an output has no path", file.string());
    const JsonObject& out = each.get_object();
    const fs::path data =
        (file.parent_path() / text_at(values, "wdir") / text_at(out, "path")).lexically_normal();
    const auto& content = seen[data] = TRY(content_of(data));
    if (!content)
      return base::error(Code::kNotFound,
                         "{} names {}, which isn't there; `dvc checkout` or `dvc pull` brings it",
                         name, data.string());
    const bool is_ours = is_added(values, out) && outs->get_array().size() == 1;
    const Json* const cached = out.if_contains("cache");
    const bool is_cached = cached == nullptr || *cached != Json(false);
    const bool is_same = content->md5 == text_at(out, "md5");
    if (is_same && (!is_ours || (!force && (!is_cached || cache.has(content->md5))))) continue;
    if (!is_ours)
      return base::error(Code::kFailedPrecondition,
                         "{} has changed, and {} is not as `dvc add` of DVC 3 writes it; keep the "
                         "change with `dvc commit {}`, or take it back with `dvc checkout {}`",
                         data.string(), file.string(), name, name);
    if (is_cached) TRY(cache.put(data, *content));
    const auto written = with_content(text, *content);
    if (!written)
      return base::error(written.error().code, "{}: {}; `dvc add` writes it anew", file.string(),
                         written.error().message);
    if (*written != text) TRY(store::write_file(fs::weakly_canonical(file), *written));
    return true;
  }
  return false;
}

}  // namespace slipway::dvc
