#include "tracking/artifacts.h"

#include <unistd.h>

#include <algorithm>

#include "base/http_client.h"
#include "store/file_system.h"

namespace slipway::tracking {
namespace {

Error invalid_path() { return base::error(Code::kInvalidArgument, "Invalid path"); }

}  // namespace

Result<std::filesystem::path> safe_path(std::string_view path) {
  std::string decoded(path);
  while (true) {
    Result<std::string> again = base::percent_decode(decoded);
    if (!again) return invalid_path();
    if (*again == decoded) break;
    decoded = std::move(*again);
  }
  for (const char c : decoded) {
    if (c == '\\' || c == '#' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return invalid_path();
  }
  if (decoded.starts_with('/') || (decoded.size() >= 2 && decoded[1] == ':')) return invalid_path();
  std::filesystem::path safe;
  for (const auto& part : std::filesystem::path(decoded)) {
    if (part == "..") return invalid_path();
    if (part != "." && !part.empty()) safe /= part;
  }
  return safe;
}

Result<std::filesystem::path> Artifacts::below_root(std::string_view path) const {
  const std::filesystem::path full = root_ / TRY(safe_path(path));
  // Links inside the tree must not lead out of it.
  std::error_code ec;
  const auto real = std::filesystem::weakly_canonical(full, ec).string();
  const auto root = std::filesystem::weakly_canonical(root_, ec).string();
  if (ec || (real != root && !real.starts_with(root + "/"))) return invalid_path();
  return full;
}

Result<std::vector<ArtifactFile>> Artifacts::list(std::string_view path) const {
  const std::filesystem::path folder = TRY(below_root(path));
  std::vector<ArtifactFile> files;
  std::error_code ec;
  if (!std::filesystem::is_directory(folder, ec)) return files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ec)) {
    const bool is_folder = entry.is_directory(ec);
    files.push_back({entry.path().filename().string(), is_folder,
                     is_folder ? 0 : static_cast<std::int64_t>(entry.file_size(ec))});
  }
  std::sort(files.begin(), files.end(),
            [](const ArtifactFile& a, const ArtifactFile& b) { return a.path < b.path; });
  return files;
}

Result<std::filesystem::path> Artifacts::file(std::string_view path) const {
  std::filesystem::path file = TRY(below_root(path));
  std::error_code ec;
  if (!std::filesystem::is_regular_file(file, ec))
    return base::error(Code::kNotFound, "No such artifact: {}", path);
  return file;
}

Result<void> Artifacts::put(std::string_view path, const std::filesystem::path& upload) const {
  const std::filesystem::path target = TRY(below_root(path));
  if (target == root_) return invalid_path();
  std::error_code ec;
  if (std::filesystem::is_directory(target, ec))
    return base::error(Code::kInvalidArgument, "Invalid path: a folder has that name: {}", path);
  TRY(store::make_folders(target.parent_path()));
  TRY(store::sync_file(upload));
  std::filesystem::rename(upload, target, ec);
  if (ec) return store::errno_error(ec.value(), "move the upload into place", target);
  return store::sync_folder(target.parent_path());
}

Result<void> Artifacts::remove(std::string_view path) const {
  const std::filesystem::path target = TRY(below_root(path));
  if (target == root_) return invalid_path();
  std::error_code ec;
  std::filesystem::remove_all(target, ec);
  if (ec) return store::errno_error(ec.value(), "remove the artifact", target);
  return {};
}

Result<std::filesystem::path> Artifacts::local(std::string_view uri) const {
  const std::optional<std::string> path = proxied_path(uri);
  if (!path)
    return base::error(Code::kInvalidArgument, "the server does not hold these artifacts: uri={}",
                       uri);
  return below_root(*path);
}

std::optional<std::string> proxied_path(std::string_view uri) {
  constexpr std::string_view kScheme = "mlflow-artifacts:";
  if (!uri.starts_with(kScheme)) return std::nullopt;
  uri.remove_prefix(kScheme.size());
  if (uri.starts_with("//")) {  // with a host: it is us
    const std::size_t slash = uri.find('/', 2);
    uri = slash == std::string_view::npos ? std::string_view() : uri.substr(slash);
    constexpr std::string_view kRoute = "/api/2.0/mlflow-artifacts/artifacts";
    if (uri.starts_with(kRoute)) uri.remove_prefix(kRoute.size());
  }
  while (uri.starts_with('/')) uri.remove_prefix(1);
  return std::string(uri);
}

std::string_view mime_type(const std::filesystem::path& file) {
  static constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {".txt", "text/plain"},    {".log", "text/plain"},     {".yaml", "text/plain"},
      {".yml", "text/plain"},    {".json", "text/plain"},    {".md", "text/plain"},
      {".py", "text/plain"},     {".csv", "text/plain"},     {".html", "text/html"},
      {".png", "image/png"},     {".jpg", "image/jpeg"},     {".jpeg", "image/jpeg"},
      {".svg", "image/svg+xml"}, {".pdf", "application/pdf"}};
  const std::string name = file.filename().string();
  if (name == "MLmodel" || name == "MLproject") return "text/plain";
  const std::string extension = file.extension().string();
  for (const auto& [known, type] : kTypes) {
    if (known == extension) return type;
  }
  return "application/octet-stream";
}

}  // namespace slipway::tracking
