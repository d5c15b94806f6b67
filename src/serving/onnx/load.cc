#include "serving/onnx/load.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <set>

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

Result<std::uint64_t> size_of(const fs::path& path) {
  std::error_code failure;
  const std::uint64_t size = fs::file_size(path, failure);
  if (failure)
    return base::error(Code::kCorruption, "ONNX: a file of tensors can't be read: {}: {}",
                       path.string(), failure.message());
  return size;
}

// Calls `act` with every tensor that is in another file, also of the graphs in nodes.
template <typename Act>
Result<void> each_external(Graph& graph, const Act& act) {
  const auto among = [&](std::vector<Tensor>& tensors) -> Result<void> {
    for (Tensor& tensor : tensors) {
      if (tensor.is_external) TRY(act(tensor));
    }
    return {};
  };
  TRY(among(graph.initializers));
  for (Node& node : graph.nodes) {
    for (Attribute& attribute : node.attributes) {
      TRY(among(attribute.tensors));
      for (Graph& inner : attribute.graphs) TRY(each_external(inner, act));
    }
  }
  return {};
}

// Nobody who reads the tensors may leave the folder. Adds the files to the model's bytes.
Result<void> check_files(Model& model, const fs::path& folder) {
  std::set<fs::path> files;
  const auto check = [&](const Tensor& tensor) -> Result<void> {
    const fs::path path = TRY(file_of(tensor, folder));
    if (files.insert(path.lexically_normal()).second) model.bytes += TRY(size_of(path));
    return {};
  };
  TRY(each_external(model.graph, check));
  for (Graph& function : model.functions) TRY(each_external(function, check));
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
  return each_external(model.graph, [&](Tensor& tensor) -> Result<void> {
    const fs::path path = TRY(file_of(tensor, folder));
    const std::uint64_t size = TRY(size_of(path));
    const std::uint64_t offset = TRY(number_in(tensor, "offset", 0));
    const std::uint64_t length =
        TRY(number_in(tensor, "length", offset > size ? 0 : size - offset));
    if (offset > size || length > size - offset)
      return base::error(Code::kCorruption, "ONNX: a file of tensors is too short: {}",
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
    return {};
  });
}

Result<std::shared_ptr<const serving::Model>> load_onnx(const fs::path& file,
                                                        const ModelShape* signature,
                                                        Runtime* runtime) {
  Model model = TRY(parse_model(TRY(store::read_file(file))));
  TRY(check_files(model, file.parent_path()));
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
