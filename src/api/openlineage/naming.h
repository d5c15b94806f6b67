// What data is called in OpenLineage, by where it is: https://openlineage.io/docs/spec/naming
// Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lineage/values.h"

namespace slipway::api::openlineage {

// Of s3://BUCKET/KEY, or a file's absolute path. Nothing: the address is of another kind.
std::optional<lineage::Name> name_of_address(std::string_view address);
// Of a table (SCHEMA.TABLE, or TABLE of `public`) of the database at postgresql://... Nothing: it
// is no such address.
std::optional<lineage::Name> name_of_table(std::string_view url, std::string_view table);

// One form for names that mean the same: s3a:// and s3://, with and without slashes at the ends.
lineage::Name canonical(const lineage::Name& name);
// The namespaces under which others may tell of what has this canonical name, itself among them.
std::vector<lineage::Name> spellings(const lineage::Name& canonical);

}  // namespace slipway::api::openlineage
