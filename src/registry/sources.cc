#include "registry/sources.h"

#include <algorithm>
#include <boost/regex.hpp>
#include <charconv>
#include <filesystem>
#include <stdexcept>

#include "base/http_client.h"
#include "base/text.h"

namespace slipway::registry {
namespace {

// Longer ones are refused before a pattern is tried on them.
constexpr std::size_t kPatternSourceBytesMax = 2048;

struct Uri {
  std::string scheme;  // lower case; empty: a path
  std::string authority;
  std::string path;
};

Uri split_uri(std::string_view text) {
  Uri uri;
  const std::size_t colon = text.find(':');
  const auto in_scheme = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '+' || c == '-' || c == '.';
  };
  if (colon != std::string_view::npos && colon > 0 &&
      std::isalpha(static_cast<unsigned char>(text[0])) != 0 &&
      std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon), in_scheme)) {
    uri.scheme = base::lowered(text.substr(0, colon));
    text.remove_prefix(colon + 1);
  }
  if (text.starts_with("//")) {
    text.remove_prefix(2);
    const std::size_t end = std::min(text.find_first_of("/?#"), text.size());
    uri.authority = text.substr(0, end);
    text.remove_prefix(end);
  }
  uri.path = text.substr(0, text.find_first_of("?#"));
  return uri;
}

// Decodes until no escape is left, those that decoding makes included; one pass.
std::string decode_fully(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += c;
    while (out.size() >= 3 && out[out.size() - 3] == '%') {
      const auto byte = base::percent_decode(std::string_view(out).substr(out.size() - 3));
      if (!byte) break;
      out.replace(out.size() - 3, 3, *byte);
    }
  }
  return out;
}

std::filesystem::path local_path(const std::string& source) {
  const Uri uri = split_uri(source);
  if (uri.scheme.empty()) return source;
  const auto decoded = base::percent_decode(uri.path);
  return decoded ? *decoded : uri.path;
}

std::filesystem::path resolved(const std::filesystem::path& path) {
  std::error_code ignored;
  auto canonical = std::filesystem::weakly_canonical(std::filesystem::absolute(path), ignored);
  return canonical.lexically_normal();
}

bool is_below(const std::filesystem::path& path, const std::filesystem::path& folder) {
  const auto [end, unused] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return end == folder.end() || (end != folder.end() && end->empty());
}

Error not_plain(const std::string& source) {
  return base::error(
      Code::kInvalidArgument,
      "Invalid model version source: '{}'. If supplying a source as an http, https, local file "
      "path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided without "
      "relative path references present. Please provide an absolute path.",
      source);
}

}  // namespace

struct SourcePattern::Compiled {
  boost::regex regex;
};

Result<SourcePattern> SourcePattern::compile(const std::string& pattern) {
  try {
    return SourcePattern(std::make_shared<const Compiled>(Compiled{boost::regex(pattern)}));
  } catch (const boost::regex_error& wrong) {
    return base::error(Code::kInvalidArgument, "the pattern for sources cannot be read: {}: {}",
                       wrong.what(), pattern);
  }
}

bool SourcePattern::allows(const std::string& source) const {
  if (source.size() > kPatternSourceBytesMax) return false;
  try {
    return boost::regex_search(source, compiled_->regex);
  } catch (const std::runtime_error&) {  // too complex to decide
    return false;
  }
}

bool is_model_reference(std::string_view source) { return split_uri(source).scheme == "models"; }

Result<ModelReference> parse_model_reference(const std::string& source) {
  const Uri uri = split_uri(source);
  const auto wrong = [&] {
    return base::error(Code::kInvalidArgument,
                       "Invalid model version source: '{}'. Expected models:/model_id, "
                       "models:/name/version, models:/name/stage or models:/name@alias.",
                       source);
  };
  if (!uri.authority.empty() || !uri.path.starts_with('/')) return wrong();
  const std::string_view path =
      std::string_view(uri.path).substr(std::min(uri.path.find_first_not_of('/'), uri.path.size()));
  const std::size_t slash = path.find('/');
  const std::string_view head = path.substr(0, slash);
  if (head.empty()) return wrong();
  ModelReference reference;
  if (slash != std::string_view::npos) {
    const std::string_view suffix = path.substr(slash + 1);
    if (suffix.empty() || suffix.find('/') != std::string_view::npos) return wrong();
    reference.model = head;
    std::int64_t version = 0;
    const char* const end = suffix.data() + suffix.size();
    if (const auto [stop, ec] = std::from_chars(suffix.data(), end, version);
        ec == std::errc() && stop == end) {
      reference.version = version;
    } else {
      if (base::lowered(suffix) != "latest") reference.stage = suffix;
    }
  } else if (const std::size_t at = head.rfind('@'); at != std::string_view::npos) {
    reference.model = head.substr(0, at);
    reference.alias = head.substr(at + 1);
    if (reference.model.empty() || reference.alias.empty()) return wrong();
  } else {
    reference.model_id = head;
  }
  return reference;
}

Result<bool> is_local_source(const std::string& source) {
  const Uri uri = split_uri(source);
  if (uri.scheme.empty()) return true;
  if (uri.scheme != "file") return false;
  const bool here = uri.authority.empty() || uri.authority == "." ||
                    uri.authority.starts_with("localhost") ||
                    uri.authority.starts_with("127.0.0.1");
  if (!here) {
    // The client's mistake, but MLflow answers 500, and its tests hold servers to it.
    return base::error(Code::kInternal,
                       "{} is not a valid remote uri. For remote access on windows, please "
                       "consider using a different scheme such as SMB (e.g. "
                       "smb://<hostname>/<path>).",
                       source);
  }
  return true;
}

bool lies_within(const std::string& source, const std::string& folder) {
  const std::filesystem::path path = local_path(source);
  // Whoever reads the file may decode the path once more.
  const std::filesystem::path decoded = decode_fully(path.string());
  if (decoded.string().find('\0') != std::string::npos) return false;
  const std::filesystem::path root = resolved(local_path(folder));
  return is_below(resolved(path), root) && is_below(resolved(decoded), root);
}

Result<void> check_plain_source(const std::string& source) {
  std::string decoded = decode_fully(source);
  std::replace(decoded.begin(), decoded.end(), '+', ' ');
  std::string_view rest = decoded;
  while (true) {  // `..` anywhere, also behind a '?'
    const std::size_t slash = rest.find('/');
    if (rest.substr(0, slash) == "..") return not_plain(source);
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  const std::string path = split_uri(decoded).path;
  if (!path.starts_with('/') || path.find('\0') != std::string::npos) return not_plain(source);
  for (const auto& part : std::filesystem::path(path)) {
    if (part == "." || part == "..") return not_plain(source);
  }
  return {};
}

}  // namespace slipway::registry
