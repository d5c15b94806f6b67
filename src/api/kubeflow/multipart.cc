#include "api/kubeflow/multipart.h"

#include <algorithm>
#include <optional>
#include <string>

namespace slipway::api::kubeflow {
namespace {

std::string lower(std::string_view text) {
  std::string lowered(text);
  std::transform(lowered.begin(), lowered.end(), lowered.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lowered;
}

// The value of `name="value"` or `name=value` among parameters behind semicolons.
std::optional<std::string_view> find_parameter(std::string_view header, std::string_view name) {
  while (true) {
    const std::size_t semicolon = header.find(';');
    if (semicolon == std::string_view::npos) return std::nullopt;
    header.remove_prefix(semicolon + 1);
    header.remove_prefix(std::min(header.find_first_not_of(" \t"), header.size()));
    if (lower(header.substr(0, name.size())) != name || header.substr(name.size(), 1) != "=")
      continue;
    std::string_view value = header.substr(name.size() + 1);
    if (!value.starts_with('"')) return value.substr(0, value.find_first_of("; \t"));
    value.remove_prefix(1);
    const std::size_t end = value.find('"');
    if (end == std::string_view::npos) return std::nullopt;
    return value.substr(0, end);
  }
}

// The file name that the head of a part tells, when it is a file's.
std::optional<std::string_view> file_of_head(std::string_view head) {
  while (!head.empty()) {
    const std::size_t end = std::min(head.find("\r\n"), head.size());
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(end + 2, head.size()));
    if (lower(line.substr(0, 20)) == "content-disposition:")
      return find_parameter(line, "filename");
  }
  return std::nullopt;
}

}  // namespace

Result<FormFile> find_form_file(std::string_view content_type, std::string_view body) {
  const auto boundary = find_parameter(content_type, "boundary");
  if (!lower(content_type).starts_with("multipart/form-data") || !boundary || boundary->empty())
    return base::error(Code::kInvalidArgument, "a package comes as multipart/form-data: got={}",
                       content_type);
  const std::string delimiter = "\r\n--" + std::string(*boundary);
  // The first one may stand at the very front.
  std::size_t at = body.starts_with(std::string_view(delimiter).substr(2)) ? delimiter.size() - 2
                                                                           : std::string_view::npos;
  if (const std::size_t found = body.find(delimiter); at == std::string_view::npos && found != at)
    at = found + delimiter.size();
  while (at != std::string_view::npos && body.substr(at, 2) != "--") {
    const std::size_t head_from = body.find("\r\n", at);
    const std::size_t head_end = body.find("\r\n\r\n", at);
    if (head_from == std::string_view::npos || head_end == std::string_view::npos) break;
    const std::size_t end = body.find(delimiter, head_end + 2);
    if (end == std::string_view::npos) break;
    const std::size_t content_from = head_end + 4;
    const std::string_view head = head_end > head_from
                                      ? body.substr(head_from + 2, head_end - head_from - 2)
                                      : std::string_view();
    if (const auto file = file_of_head(head); file && end >= content_from)
      return FormFile{.file_name = *file, .content = body.substr(content_from, end - content_from)};
    at = end + delimiter.size();
  }
  return base::error(Code::kInvalidArgument, "the form has no file");
}

}  // namespace slipway::api::kubeflow
