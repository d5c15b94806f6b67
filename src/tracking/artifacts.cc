#include "tracking/artifacts.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/hash.h"
#include "base/http_client.h"
#include "store/file_system.h"
#include "tracking/experiments.h"

namespace slipway::tracking {
namespace {

constexpr std::size_t kCopyBytes = 1 << 20;

Error invalid_path() { return base::error(Code::kInvalidArgument, "Invalid path"); }

std::string_view scheme_of(std::string_view uri) {
  const std::size_t colon = uri.find(':');
  const std::size_t slash = uri.find('/');
  return colon == std::string_view::npos || slash < colon ? std::string_view()
                                                          : uri.substr(0, colon);
}

}  // namespace

Result<std::string> safe_path(std::string_view path) {
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
  if (decoded.starts_with('/')) return invalid_path();
  std::string safe;
  std::string_view rest = decoded;
  while (!rest.empty()) {
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const std::string_view part = rest.substr(0, slash);
    rest.remove_prefix(std::min(slash + 1, rest.size()));
    if (part == "..") return invalid_path();
    if (part.empty() || part == ".") continue;
    if (!safe.empty()) safe += '/';
    safe += part;
  }
  if (safe.size() >= 2 && safe[1] == ':') return invalid_path();  // a drive, also behind "./"
  return safe;
}

std::optional<std::string> proxied_path(std::string_view uri) {
  constexpr std::string_view kRoute = "/api/2.0/mlflow-artifacts/artifacts";
  const std::string_view scheme = scheme_of(uri);
  const bool is_url = scheme == "http" || scheme == "https";
  if (!is_url && scheme != "mlflow-artifacts") return std::nullopt;
  uri.remove_prefix(scheme.size() + 1);
  if (uri.starts_with("//")) {  // with a host: it is us
    const std::size_t slash = uri.find('/', 2);
    uri = slash == std::string_view::npos ? std::string_view() : uri.substr(slash);
  }
  if (is_url) {
    const std::size_t route = uri.find(kRoute);
    if (route == std::string_view::npos) return std::nullopt;
    uri.remove_prefix(route + kRoute.size());
  } else if (uri.starts_with(kRoute)) {
    uri.remove_prefix(kRoute.size());
  }
  while (uri.starts_with('/')) uri.remove_prefix(1);
  return std::string(uri);
}

std::optional<std::filesystem::path> local_location(std::string_view uri) {
  const std::string_view scheme = scheme_of(uri);
  if (scheme.empty()) return uri;
  if (scheme != "file") return std::nullopt;
  uri.remove_prefix(5);
  if (uri.starts_with("//")) {  // with a host, which can only be this machine
    const std::size_t slash = uri.find('/', 2);
    uri = slash == std::string_view::npos ? std::string_view("/") : uri.substr(slash);
  }
  Result<std::string> decoded = base::percent_decode(uri);
  if (!decoded) return std::nullopt;
  return std::move(*decoded);
}

std::string absolute_location(const std::string& location,
                              const std::filesystem::path& working_folder) {
  const std::optional<std::filesystem::path> path = local_location(location);
  const bool is_uri = !scheme_of(location).empty();
  if (!path || location.empty() || (is_uri && path->is_absolute())) return location;
  std::string absolute = (working_folder / *path).lexically_normal().string();
  if (absolute.size() > 1 && absolute.ends_with('/')) absolute.pop_back();
  return is_uri ? "file://" + absolute : absolute;
}

std::string join_location(std::string_view location, std::string_view path) {
  const std::size_t query =
      scheme_of(location).empty() ? location.size() : std::min(location.find('?'), location.size());
  std::string_view head = location.substr(0, query);
  while (head.ends_with('/')) head.remove_suffix(1);
  return fmt::format("{}/{}{}", head, path, location.substr(query));
}

std::string_view mime_type(std::string_view name) {
  // What MLflow shows as text, then the usual types.
  static constexpr std::string_view kText[] = {
      "txt",  "log",   "err",  "cfg",  "conf", "cnf",   "cf",      "ini",       "properties",
      "prop", "hocon", "toml", "yaml", "yml",  "xml",   "json",    "js",        "py",
      "py3",  "csv",   "tsv",  "md",   "rst",  "ipynb", "MLmodel", "mlproject", "MLproject"};
  static constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {"html", "text/html"},
      {"htm", "text/html"},
      {"css", "text/css"},
      {"png", "image/png"},
      {"jpg", "image/jpeg"},
      {"jpeg", "image/jpeg"},
      {"gif", "image/gif"},
      {"svg", "image/svg+xml"},
      {"bmp", "image/bmp"},
      {"tif", "image/tiff"},
      {"tiff", "image/tiff"},
      {"webp", "image/webp"},
      {"ico", "image/vnd.microsoft.icon"},
      {"pdf", "application/pdf"},
      {"zip", "application/zip"},
      {"tar", "application/x-tar"},
      {"gz", "application/gzip"},
      {"mp3", "audio/mpeg"},
      {"wav", "audio/x-wav"},
      {"mp4", "video/mp4"},
      {"webm", "video/webm"},
      {"h5", "application/x-hdf5"}};
  name = name.substr(name.rfind('/') + 1);
  const std::size_t dot = name.rfind('.');
  // A name that begins with its only dot has no extension, like one without any.
  const std::string_view extension =
      dot == std::string_view::npos || dot == 0 ? name : name.substr(dot + 1);
  if (std::find(std::begin(kText), std::end(kText), extension) != std::end(kText))
    return "text/plain";
  for (const auto& [known, type] : kTypes) {
    if (known == extension && dot != std::string_view::npos) return type;
  }
  return "application/octet-stream";
}

Artifacts::Artifacts(store::ObjectStore& destination, ArtifactsOptions options,
                     OpenStore open_store)
    : destination_(destination), options_(std::move(options)), open_store_(std::move(open_store)) {
  for (const std::filesystem::path& root : options_.local_roots)
    locals_.emplace_back(root.lexically_normal(), store::open_folder_objects(root));
}
Artifacts::~Artifacts() = default;

Result<ArtifactPlace> Artifacts::proxied(std::string_view path) const {
  ArtifactPlace place;
  place.store = &destination_;
  place.path = TRY(safe_path(path));
  return place;
}

Result<ArtifactPlace> Artifacts::at(const std::string& uri, std::string_view path) {
  const std::string below = TRY(safe_path(path));
  ArtifactPlace place;
  std::string root;
  if (const std::optional<std::string> proxied = proxied_path(uri)) {
    if (!options_.serves_proxied)
      return base::error(Code::kFailedPrecondition,
                         "the server does not serve artifacts (--no-serve-artifacts): uri={}", uri);
    place.store = &destination_;
    root = *proxied;
  } else if (const std::optional<std::filesystem::path> local = local_location(uri)) {
    const std::filesystem::path folder = local->lexically_normal();
    for (const auto& [known, store] : locals_) {
      const std::filesystem::path relative = folder.lexically_relative(known);
      if (relative.empty() || *relative.begin() == "..") continue;
      place.store = store.get();
      root = relative == "." ? "" : relative.string();
    }
    if (place.store == nullptr)
      return base::error(Code::kPermissionDenied,
                         "the server reads local artifacts below --default-artifact-root and "
                         "--artifacts-destination only: uri={}",
                         uri);
  } else if (scheme_of(uri) == "s3") {
    const std::size_t slash = std::min(uri.find('/', 5), uri.size());
    place.store = TRY(remote(uri.substr(0, slash)));
    root = uri.substr(slash);
  } else {
    return base::error(Code::kInvalidArgument, "the server does not hold these artifacts: uri={}",
                       uri);
  }
  while (root.starts_with('/')) root.erase(0, 1);
  // What a client once gave as a location is no safer than a path of today.
  place.path = TRY(safe_path(root));
  if (!below.empty()) place.path += (place.path.empty() ? "" : "/") + below;
  return place;
}

Result<Page<store::ObjectEntry>> Artifacts::list(const ArtifactPlace& folder,
                                                 const std::string& page_token) const {
  const std::int64_t offset = TRY(parse_page_token(page_token));
  std::vector<store::ObjectEntry> entries = TRY(folder.store->list(folder.path));
  const std::int64_t begin = std::min(offset, std::ssize(entries));
  const std::int64_t end = std::min(begin + options_.entries_max, std::ssize(entries));
  Page<store::ObjectEntry> page;
  if (end < std::ssize(entries)) page.next = tracking::page_token(end);
  page.items.assign(std::move_iterator(entries.begin() + begin),
                    std::move_iterator(entries.begin() + end));
  return page;
}

store::DirectTransfer* Artifacts::direct(const ArtifactPlace& place) const {
  return options_.lets_clients_transfer ? place.store->direct() : nullptr;
}

Result<store::ObjectStore*> Artifacts::remote(const std::string& root) {
  base::MutexLock lock(mutex_);
  std::unique_ptr<store::ObjectStore>& known = remotes_[root];
  if (known == nullptr) known = TRY(open_store_(root));
  return known.get();
}

Result<std::filesystem::path> Artifacts::local(const std::string& uri) {
  const ArtifactPlace place = TRY(at(uri, ""));
  if (std::optional<std::filesystem::path> here = TRY(place.store->local_path(place.path)))
    return std::move(*here);
  const std::filesystem::path copy = options_.copies / base::sha256_hex(uri);
  base::MutexLock lock(copying_);
  std::error_code ec;
  if (std::filesystem::exists(copy, ec)) return copy;
  const std::filesystem::path unfinished = copy.string() + ".unfinished";
  std::filesystem::remove_all(unfinished, ec);
  TRY(copy_tree(*place.store, place.path, unfinished));
  std::filesystem::rename(unfinished, copy, ec);
  if (ec) return store::errno_error(ec.value(), "keep the copy of the model", copy);
  return copy;
}

Result<void> Artifacts::copy_tree(store::ObjectStore& from, const std::string& path,
                                  const std::filesystem::path& to) {
  TRY(store::make_folders(to));
  const std::vector<store::ObjectEntry> entries = TRY(from.list(path));
  if (entries.empty()) return base::error(Code::kNotFound, "No such artifact: '{}'", path);
  for (const store::ObjectEntry& entry : entries) {
    const std::string name = path.empty() ? entry.name : path + "/" + entry.name;
    if (entry.is_folder) {
      TRY(copy_tree(from, name, to / entry.name));
      continue;
    }
    const auto reader = TRY(from.read(name, 0, entry.bytes));
    const store::FileHandle file(
        ::open((to / entry.name).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (file.get() < 0) return store::errno_error(errno, "make the copy", to / entry.name);
    std::vector<char> buffer(kCopyBytes);
    while (const std::size_t n = TRY(reader->read(buffer))) {
      std::string_view left(buffer.data(), n);
      while (!left.empty()) {
        const ssize_t written = ::write(file.get(), left.data(), left.size());
        if (written < 0 && errno != EINTR)
          return store::errno_error(errno, "write the copy", to / entry.name);
        if (written > 0) left.remove_prefix(static_cast<std::size_t>(written));
      }
    }
  }
  return {};
}

}  // namespace slipway::tracking
