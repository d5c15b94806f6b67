// What clients of OpenLineage send: an event is read or refused with where it is wrong, and what is
// read can be a row: names fit, ids are UUIDs, facets and the whole event are JSON that is read
// again as the same event.
#include "api/openlineage/event_reader.h"
#include "api/openlineage/naming.h"
#include "base/check.h"
#include "fuzz.h"

namespace {

using namespace slipway;

void check_name(const lineage::Name& name) {
  for (const std::string* part : {&name.space, &name.name}) {
    CHECK(!part->empty() && part->size() <= api::openlineage::kNameBytesMax);
    CHECK(part->find('\0') == std::string::npos);
  }
  const lineage::Name one = api::openlineage::canonical(name);
  CHECK(api::openlineage::canonical(one) == one);
}

void check_facets(const lineage::Facets& facets) {
  for (const auto& [name, text] : facets) CHECK(text.empty() || base::parse_json_object(text));
}

void check_dataset(const lineage::DatasetTold& told) {
  check_name(told.name);
  for (const lineage::Name& other : told.other_names) check_name(other);
  CHECK(told.version.size() <= api::openlineage::kNameBytesMax);
  check_facets(told.facets);
  check_facets(told.use_facets);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  (void)api::openlineage::name_of_address(text);
  (void)api::openlineage::name_of_table(text, text);
  const auto json = base::parse_json(text);
  if (!json) return 0;
  const auto event = api::openlineage::read_event(*json, {.datasets_max = 100});
  if (!event) {
    CHECK(!event.error().message.empty());
    return 0;
  }
  CHECK(event->job || event->dataset);
  if (event->run) {
    CHECK(api::openlineage::parse_uuid(event->run->id) == event->run->id);
    CHECK(event->job.has_value());
    check_facets(event->run->facets);
    if (!event->run->parent.empty()) check_name(event->run->parent_job);
  }
  if (event->job) {
    check_name(event->job->name);
    check_facets(event->job->facets);
    for (const auto& one : event->job->inputs) check_dataset(one);
    for (const auto& one : event->job->outputs) check_dataset(one);
  }
  if (event->dataset) check_dataset(*event->dataset);
  const auto again =
      api::openlineage::read_event(MUST(base::parse_json(event->text)), {.datasets_max = 100});
  CHECK(again && again->text == event->text && again->time == event->time);
  return 0;
}
