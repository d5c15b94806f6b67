#include "dvc/contents.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <vector>

#include "base/hash.h"
#include "dvc/code_points.h"
#include "store/file_system.h"

namespace slipway::dvc {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kFolderEnd = ".dir";
constexpr std::size_t kPieceBytes = 1 << 20;
constexpr fs::perms kExecutable =
    fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec;

Error file_error(const fs::path& path, const std::error_code& why) {
  return base::error(Code::kInternal, "{}: {}", path.string(), why.message());
}

Result<std::string> md5_of_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return base::error(Code::kPermissionDenied, "{}: can't be read", path.string());
  base::Md5 hash;
  std::string piece(kPieceBytes, '\0');
  while (file) {
    file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    hash.update(std::string_view(piece).substr(0, static_cast<std::size_t>(file.gcount())));
  }
  if (file.bad())
    return base::error(Code::kInternal, "{}: can't be read to its end", path.string());
  return hash.finish_hex();
}

// A text as Python writes it into JSON: ASCII alone.
std::string python_json(std::string_view text) {
  std::string out = "\"";
  for (const char32_t c : code_points(text)) {
    constexpr std::string_view kFrom = "\"\\\n\r\t\b\f", kTo = "\"\\nrtbf";
    const std::size_t at = c < 128 ? kFrom.find(static_cast<char>(c)) : std::string_view::npos;
    if (at != std::string_view::npos)
      out += std::string("\\") + kTo[at];
    else if (c >= 0x20 && c < 0x7f)
      out += static_cast<char>(c);
    else if (c < 0x10000)
      out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c));
    else
      out += fmt::format("\\u{:04x}\\u{:04x}",
                         static_cast<std::uint32_t>(0xd800 + ((c - 0x10000) >> 10)),
                         static_cast<std::uint32_t>(0xdc00 + ((c - 0x10000) & 0x3ff)));
  }
  return out + "\"";
}

bool is_passed_over(const fs::path& folder) {
  const std::string name = folder.filename();
  return name == ".git" || name == ".hg" || name == ".dvc";
}

Result<Content> content_of_folder(const fs::path& folder) {
  std::map<std::string, fs::path> files;  // by their path below it
  std::error_code why;
  fs::recursive_directory_iterator at(folder, why), end;
  for (; !why && at != end; at.increment(why)) {
    if (at->path().filename() == ".dvcignore")
      return base::error(Code::kFailedPrecondition,
                         "{}: patterns can't be read here, so the folder would have other contents "
                         "than with DVC; take it out",
                         at->path().string());
    if (at->is_directory(why)) {  // links to some are no part of it
      if (at->is_symlink(why) || is_passed_over(at->path())) at.disable_recursion_pending();
    } else {
      files[at->path().lexically_relative(folder).generic_string()] = at->path();
    }
  }
  if (why) return file_error(folder, why);
  Content content{.files = files.size()};
  content.listing = "[";
  for (const auto& [name, path] : files) {
    if (content.listing.size() > 1) content.listing += ", ";
    content.listing += fmt::format("{{\"md5\": \"{}\", \"relpath\": {}}}", TRY(md5_of_file(path)),
                                   python_json(name));
    content.size += fs::file_size(path, why);
  }
  content.listing += "]";
  content.md5 = base::md5_hex(content.listing) + std::string(kFolderEnd);
  return content;
}

// What the list of a folder says: path below it -> MD5.
Result<std::map<std::string, std::string>> read_listing(const fs::path& file) {
  const Json list = TRY(base::parse_json(TRY(store::read_file(file))));
  std::map<std::string, std::string> files;
  if (!list.is_array()) return base::error(Code::kInvalidArgument, "{}: no list", file.string());
  for (const Json& item : list.get_array()) {
    if (!item.is_object())
      return base::error(Code::kInvalidArgument, "{}: no list of files", file.string());
    const std::string path = TRY(base::get_string(item.get_object(), "relpath"));
    const fs::path below(path);
    if (below.is_absolute() || std::find(below.begin(), below.end(), "..") != below.end())
      return base::error(Code::kInvalidArgument, "{}: not below the folder: {}", file.string(),
                         path);
    files[path] = TRY(base::get_string(item.get_object(), "md5"));
  }
  return files;
}

}  // namespace

JsonObject Content::entry(const std::string& path) const {
  JsonObject entry{{"path", path}, {"hash", "md5"}, {"md5", md5}, {"size", size}};
  if (files) entry["nfiles"] = *files;
  if (executable) entry["isexec"] = true;
  return entry;
}

Result<std::optional<Content>> content_of(const fs::path& path) {
  std::error_code why;
  const fs::file_status status = fs::status(path, why);
  if (status.type() == fs::file_type::not_found) return std::optional<Content>();
  if (status.type() == fs::file_type::directory)
    return std::optional<Content>(TRY(content_of_folder(path)));
  if (status.type() != fs::file_type::regular)
    return base::error(Code::kInvalidArgument, "{}: neither a file nor a folder", path.string());
  Content content{.md5 = TRY(md5_of_file(path)), .size = fs::file_size(path, why)};
  content.executable = (status.permissions() & fs::perms::owner_exec) != fs::perms::none;
  return std::optional<Content>(std::move(content));
}

fs::path Cache::file_of(std::string_view md5) const {
  if (md5.size() < 3) return folder_ / "files" / "md5" / "none";
  return folder_ / "files" / "md5" / md5.substr(0, 2) / md5.substr(2);
}

Result<void> Cache::put_file(const fs::path& from, const std::string& md5) const {
  const fs::path to = file_of(md5);
  std::error_code why;
  if (fs::exists(to, why)) return {};
  TRY(store::make_folders(to.parent_path()));
  const fs::path beside = to.string() + fmt::format(".{}.tmp", ::getpid());
  fs::remove(beside, why);
  fs::copy_file(from, beside, why);
  if (why) return file_error(beside, why);
  if (TRY(md5_of_file(beside)) != md5) {
    fs::remove(beside, why);
    return base::error(Code::kFailedPrecondition, "{}: it changes while it is kept", from.string());
  }
  constexpr fs::perms kReadOnly =
      fs::perms::owner_read | fs::perms::group_read | fs::perms::others_read;
  fs::permissions(beside, kReadOnly, why);
  TRY(store::sync_file(beside));
  fs::rename(beside, to, why);
  return why ? Result<void>(file_error(to, why)) : Result<void>();
}

Result<void> Cache::put(const fs::path& path, const Content& content) const {
  if (!content.files) return put_file(path, content.md5);
  const fs::path list = file_of(content.md5);
  TRY(store::make_folders(list.parent_path()));
  const Json files = TRY(base::parse_json(content.listing));
  for (const Json& file : files.get_array()) {
    const JsonObject& entry = file.get_object();
    TRY(put_file(path / TRY(base::get_string(entry, "relpath")),
                 TRY(base::get_string(entry, "md5"))));
  }
  std::error_code why;
  if (fs::exists(list, why)) return {};
  TRY(store::write_file(list, content.listing));
  fs::permissions(list, fs::perms::owner_read | fs::perms::group_read | fs::perms::others_read,
                  why);
  return {};
}

bool Cache::has(const std::string& md5) const {
  std::error_code why;
  if (!fs::exists(file_of(md5), why)) return false;
  if (!md5.ends_with(kFolderEnd)) return true;
  const auto files = read_listing(file_of(md5));
  return files && std::all_of(files->begin(), files->end(), [&](const auto& file) {
           return fs::exists(file_of(file.second), why);
         });
}

Result<void> Cache::take(const std::string& md5, bool executable, const fs::path& path) const {
  std::error_code why;
  fs::remove_all(path, why);
  const auto copy = [&](const std::string& from, const fs::path& to) -> Result<void> {
    TRY(store::make_folders(to.parent_path()));
    fs::copy_file(file_of(from), to, fs::copy_options::overwrite_existing, why);
    if (why) return file_error(to, why);
    fs::permissions(to, fs::perms::owner_write, fs::perm_options::add, why);
    if (executable) fs::permissions(to, kExecutable, fs::perm_options::add, why);
    return {};
  };
  if (!md5.ends_with(kFolderEnd)) return copy(md5, path);
  TRY(store::make_folders(path));
  for (const auto& [name, content] : TRY(read_listing(file_of(md5))))
    TRY(copy(content, path / name));
  return {};
}

}  // namespace slipway::dvc
