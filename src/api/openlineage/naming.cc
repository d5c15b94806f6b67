#include "api/openlineage/naming.h"

#include <fmt/format.h>

namespace slipway::api::openlineage {
namespace {

using lineage::Name;

constexpr std::string_view kS3 = "s3://";

std::string_view without_slashes_behind(std::string_view text) {
  while (text.size() > 1 && text.ends_with('/')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::optional<Name> name_of_address(std::string_view address) {
  if (address.starts_with('/'))
    return Name{.space = "file", .name = std::string(without_slashes_behind(address))};
  if (!address.starts_with(kS3)) return std::nullopt;
  const std::size_t slash = address.find('/', kS3.size());
  if (slash == kS3.size() || address == kS3) return std::nullopt;
  std::string_view key = slash == address.npos ? "" : address.substr(slash + 1);
  if (key.empty()) key = "/";
  return Name{.space = std::string(address.substr(0, slash)),
              .name = std::string(without_slashes_behind(key))};
}

std::optional<Name> name_of_table(std::string_view url, std::string_view table) {
  const std::size_t scheme = url.find("://");
  if (!url.starts_with("postgres") || scheme == url.npos || table.empty()) return std::nullopt;
  std::string_view rest = url.substr(scheme + 3);
  rest = rest.substr(0, rest.find('?'));
  const std::size_t slash = rest.find('/');
  if (slash == rest.npos || slash + 1 == rest.size()) return std::nullopt;
  std::string_view host = rest.substr(0, slash);
  const std::string_view database = rest.substr(slash + 1);
  host.remove_prefix(host.rfind('@') == host.npos ? 0 : host.rfind('@') + 1);
  if (host.empty()) return std::nullopt;
  const bool has_port =
      host.find(':', host.rfind(']') == host.npos ? 0 : host.rfind(']')) != host.npos;
  const std::string_view schema = table.find('.') == table.npos ? "public." : "";
  return Name{.space = fmt::format("postgres://{}{}", host, has_port ? "" : ":5432"),
              .name = fmt::format("{}.{}{}", database, schema, table)};
}

Name canonical(const Name& name) {
  Name one{.space = std::string(without_slashes_behind(name.space)), .name = name.name};
  for (const std::string_view other : {"s3a://", "s3n://"}) {
    if (one.space.starts_with(other)) one.space = std::string(kS3) + one.space.substr(other.size());
  }
  if (one.space == "file:" || one.space == "file://") one.space = "file";
  if (one.space.starts_with("postgresql://")) one.space.replace(0, 10, "postgres");
  std::string_view rest = without_slashes_behind(one.name);
  if (one.space.starts_with(kS3)) {
    while (rest.size() > 1 && rest.starts_with('/')) rest.remove_prefix(1);
  }
  one.name = std::string(rest);
  return one;
}

std::vector<Name> spellings(const Name& canonical) {
  std::vector<Name> all{canonical};
  const auto add = [&](std::string_view prefix, std::string_view other) {
    if (!canonical.space.starts_with(prefix)) return;
    all.push_back({.space = std::string(other) + canonical.space.substr(prefix.size()),
                   .name = canonical.name});
  };
  add(kS3, "s3a://");
  add(kS3, "s3n://");
  add("postgres://", "postgresql://");
  if (canonical.space == "file") {
    add("file", "file:");
    add("file", "file://");
  }
  return all;
}

}  // namespace slipway::api::openlineage
