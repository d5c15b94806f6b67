// lineage asks which datasets of others are kept here.
#pragma once

#include "datasets/datasets.h"
#include "lineage/lineage.h"

namespace slipway::app {

// Those that have the place of one of ours, or its name in our own namespace.
class KnownDatasets final : public lineage::OwnDatasets {
 public:
  KnownDatasets(datasets::Datasets& datasets, std::string own_namespace)
      : datasets_(datasets), own_namespace_(std::move(own_namespace)) {}
  Result<std::map<lineage::Name, std::string>> find(
      const std::vector<lineage::Name>& names) override;
  Result<std::vector<lineage::Name>> names_of(const std::string& own) override;

 private:
  // Names of ours, by what others call them.
  Result<std::map<lineage::Name, std::string>> ours();

  datasets::Datasets& datasets_;
  const std::string own_namespace_;
};

}  // namespace slipway::app
