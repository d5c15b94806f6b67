#include "pipelines/step_outputs.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "base/hash.h"
#include "base/json_document.h"
#include "base/utf8.h"
#include "store/file_digest.h"
#include "store/file_system.h"

namespace slipway::pipelines {
namespace fs = std::filesystem;
namespace {

constexpr std::uintmax_t kValueBytesMax = 1 << 20;  // of a file that a condition or each reads

bool matches(const JsonObject& manifest, const fs::path& folder) {
  for (const auto& [name, digest] : manifest) {
    const auto found = store::file_digest(folder / std::string(std::string_view(name)));
    if (!found || *found != std::string_view(digest.get_string())) return false;
  }
  return true;
}

}  // namespace

Result<JsonObject> make_manifest(const fs::path& folder, const StepDefinition& step) {
  std::vector<fs::path> files;
  if (step.outputs.empty()) files = TRY(store::files_below(folder));
  for (const std::string& output : step.outputs) {
    const fs::path path = folder / output;
    std::error_code ec;
    if (fs::is_directory(path, ec)) {
      std::ranges::move(TRY(store::files_below(path)), std::back_inserter(files));
    } else if (fs::is_regular_file(path, ec)) {
      files.push_back(path);
    } else {
      return base::error(Code::kFailedPrecondition,
                         "the step ended well but a declared output is missing: output={}", output);
    }
  }
  std::sort(files.begin(), files.end());
  JsonObject manifest;
  for (const fs::path& file : files) {
    const std::string name = file.lexically_relative(folder).generic_string();
    if (!base::is_utf8(name)) {
      return base::error(Code::kInvalidArgument,
                         "names of outputs are UTF-8, and this one isn't: output={}",
                         base::valid_utf8(name));
    }
    TRY(store::sync_file(file));
    manifest[name] = TRY(store::file_digest(file));
  }
  return manifest;
}

Result<std::optional<KeptOutputs>> find_kept(RunTable& table, const std::string& cache_key) {
  std::optional<KeptOutputs> found;
  for (RunTable::Kept& kept : TRY(table.with_key(cache_key))) {
    auto manifest = base::parse_json_object(kept.manifest);
    if (!manifest || !matches(*manifest, kept.folder)) continue;
    found = KeptOutputs{.run = std::move(kept.run),
                        .folder = std::move(kept.folder),
                        .manifest = std::move(*manifest),
                        .manifest_digest = base::sha256_hex(kept.manifest),
                        .tracked_run = std::move(kept.tracked_run)};
    break;
  }
  return found;
}

Result<std::string> output_text(const ConditionOperand& operand, const fs::path& folder) {
  const fs::path file = folder / operand.file;
  std::error_code ec;
  const auto bytes = fs::file_size(file, ec);
  if (ec || !fs::is_regular_file(file, ec))
    return base::error(Code::kNotFound, "the step has written no such file: {}", operand.text);
  if (bytes > kValueBytesMax) {
    return base::error(Code::kResourceExhausted,
                       "the file is too large to be read here: {} bytes={} limit={}", operand.text,
                       bytes, kValueBytesMax);
  }
  std::string text = TRY(store::read_file(file));
  if (!base::is_utf8(text))
    return base::error(Code::kInvalidArgument, "the file is no UTF-8 text: {}", operand.text);
  return text;
}

Result<std::string> output_value(const ConditionOperand& operand, const fs::path& folder) {
  const std::string text = TRY(output_text(operand, folder));
  if (!operand.member.empty()) {
    auto value = json_value(text, operand.member);
    if (!value) return std::move(value).error().with_context(operand.text);
    return value;
  }
  const std::string_view spaces = " \t\r\n";
  const std::size_t from = text.find_first_not_of(spaces);
  if (from == std::string::npos) return std::string();
  return text.substr(from, text.find_last_not_of(spaces) + 1 - from);
}

}  // namespace slipway::pipelines
