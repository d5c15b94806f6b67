// What clients of Kubeflow Pipelines upload: a form's file is within the form; a package is read or
// refused; what is compiled is one of our pipelines, the same each time, and its files are below
// its folder.
#include "api/kubeflow/multipart.h"
#include "base/check.h"
#include "fuzz.h"
#include "kubeflow/compiler.h"
#include "kubeflow/value_source.h"
#include "pipelines/definition.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slipway;
  const std::string_view text = fuzz::text_of(data, size);
  if (const auto file = api::kubeflow::find_form_file("multipart/form-data; boundary=B", text)) {
    CHECK(file->content.data() >= text.data());
    CHECK(file->content.data() + file->content.size() <= text.data() + text.size());
  }
  const auto document = kubeflow::read_package(text);
  if (!document) {
    CHECK(!document.error().message.empty());
    return 0;
  }
  const auto spec = kubeflow::read_pipeline_spec(*document);
  if (!spec) {
    CHECK(!spec.error().message.empty());
    return 0;
  }
  const auto compiled = kubeflow::compile(*spec);
  if (!compiled) {
    CHECK(!compiled.error().message.empty());
    return 0;
  }
  CHECK(MUST(kubeflow::compile(*spec)).digest() == compiled->digest());
  for (const auto& [path, content] : compiled->files) {
    CHECK(path.starts_with("tasks/") && path.find("..") == std::string::npos);
    const JsonObject task = MUST(base::parse_json_object(content));
    for (const auto& [name, source] : task.at("artifacts").get_object()) {
      JsonObject told = source.get_object();
      told.erase("optional");
      CHECK(kubeflow::ValueSource::from_json(Json(told), "artifact").has_value());
    }
  }
  // Ours may refuse more: conditions that are too long, names that are.
  const auto ours = pipelines::parse_pipeline(compiled->name, compiled->text);
  CHECK(ours.has_value() || ours.error().code == Code::kInvalidArgument);
  if (ours) CHECK(ours->steps.size() == compiled->tasks.size());
  return 0;
}
