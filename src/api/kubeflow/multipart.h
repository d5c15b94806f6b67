// Files in forms (multipart/form-data, RFC 7578), as clients upload packages.
#pragma once

#include <string_view>

#include "base/result.h"

namespace slipway::api::kubeflow {

struct FormFile {
  std::string_view file_name, content;
};

// The first file of the form, within `body`. kInvalidArgument: it is no such form, or has no file.
Result<FormFile> find_form_file(std::string_view content_type, std::string_view body);

}  // namespace slipway::api::kubeflow
