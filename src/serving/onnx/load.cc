#include "serving/onnx/load.h"

#include <algorithm>
#include <charconv>
#include <fstream>

#include "serving/onnx/graph_model.h"
#include "serving/onnx/interface.h"
#include "serving/onnx/operators.h"
#include "serving/onnx/runtime.h"
#include "store/file_system.h"

namespace slipway::serving::onnx {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kExternalBytesMax = 1 << 30;  // of one model that is evaluated here

Result<std::uint64_t> number_in(const Tensor& tensor, const char* key, std::uint64_t otherwise) {
  const auto found = tensor.external.find(key);
  if (found == tensor.external.end()) return otherwise;
  std::uint64_t number = 0;
  const std::string& text = found->second;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size())
    return base::error(Code::kCorruption, "ONNX: a tensor's place is no number: tensor={}",
                       tensor.name);
  return number;
}

// The file of a tensor's values; never outside the model's folder.
Result<fs::path> file_of(const Tensor& tensor, const fs::path& folder) {
  const auto found = tensor.external.find("location");
  const fs::path location = found == tensor.external.end() ? "" : found->second;
  const bool leaves =
      location.is_absolute() || std::any_of(location.begin(), location.end(),
                                            [](const fs::path& part) { return part == ".."; });
  std::error_code failure;
  if (location.empty() || leaves || fs::is_symlink(folder / location, failure))
    return base::error(Code::kCorruption,
                       "ONNX: a tensor's values are not in the model's folder: tensor={} "
                       "location={}",
                       tensor.name, location.string());
  return folder / location;
}

Result<void> check_places(const Model& model, const fs::path& folder) {
  for (const Tensor& tensor : model.graph.initializers) {
    if (tensor.is_external) TRY(file_of(tensor, folder));
  }
  return {};
}

Result<std::shared_ptr<const serving::Model>> load_here(Model& model, const fs::path& folder,
                                                        const Interface& interface) {
  // Before a large file is read for nothing.
  for (const Node* node : TRY(needed_nodes(model.graph))) TRY(operator_of(*node));
  TRY(read_external_data(model, folder));
  return GraphModel::load(model, interface);
}

}  // namespace

Result<void> read_external_data(Model& model, const fs::path& folder) {
  std::uint64_t total = 0;
  for (Tensor& tensor : model.graph.initializers) {
    if (!tensor.is_external) continue;
    const fs::path path = TRY(file_of(tensor, folder));
    std::error_code failure;
    const std::uint64_t size = fs::file_size(path, failure);
    const std::uint64_t offset = TRY(number_in(tensor, "offset", 0));
    if (failure || offset > size)
      return base::error(Code::kCorruption, "ONNX: a file of tensors is missing or too short: {}",
                         path.string());
    const std::uint64_t length = TRY(number_in(tensor, "length", size - offset));
    if (length > size - offset)
      return base::error(Code::kCorruption, "ONNX: a file of tensors is missing or too short: {}",
                         path.string());
    total += length;
    if (total > kExternalBytesMax)
      return base::error(Code::kResourceExhausted,
                         "ONNX: the model has more than {} bytes of values", kExternalBytesMax);
    std::ifstream file(path, std::ios::binary);
    tensor.raw.resize(length);
    file.seekg(static_cast<std::streamoff>(offset));
    file.read(tensor.raw.data(), static_cast<std::streamsize>(length));
    if (!file)
      return base::error(Code::kCorruption, "ONNX: a file of tensors can't be read: {}",
                         path.string());
    tensor.is_external = false;
    model.bytes += length;
  }
  return {};
}

Result<std::shared_ptr<const serving::Model>> load_onnx(const fs::path& file,
                                                        const ModelShape* signature,
                                                        Runtime* runtime) {
  Model model = TRY(parse_model(TRY(store::read_file(file))));
  TRY(check_places(model, file.parent_path()));
  Interface interface = TRY(interface_of(model.graph, signature));
  auto here = load_here(model, file.parent_path(), interface);
  if (here || here.error().code == Code::kCorruption || runtime == nullptr) return here;
  auto there = runtime->load(file, model, std::move(interface));
  if (there) return there;
  Error error = std::move(there).error();
  error.message = fmt::format("{}, and {}", here.error().message, error.message);
  return error;
}

}  // namespace slipway::serving::onnx
