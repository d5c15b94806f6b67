#include "features/plan.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace slipway::features {
namespace {

constexpr const char* kBefore = R"(
features:
  sources:
    sales: {dataset: sales, event_time: at, arrival_time: at}
    shops: {dataset: shops}
  views:
    sold: {source: sales, keys: [shop], windows: [1h, 1d], aggregates: {n: count(), sum: sum(price)}}
    shop: {source: shops, keys: [shop], columns: {size: size}}
    hour: {columns: {of_day: hour(at)}}
    share: {columns: {of_size: sold__sum_1d / (shop__size + 1)}}
  services:
    price: {event_time: at, request: {at: timestamp, shop: string}, features: [sold, hour]}
    share: {event_time: at, request: {at: timestamp, shop: string}, features: [share]}
    size: {event_time: at, request: {at: timestamp, shop: string}, features: [shop.size]}
)";

// Those that aren't unchanged, a line each: "view sold: updated, ...".
std::string changed(const std::string& before, const std::string& after) {
  std::string lines;
  for (const auto& one : plan(MUST(parse_definitions(before)), MUST(parse_definitions(after)))) {
    if (one.change == "unchanged") continue;
    lines += one.kind + " " + one.name + ": " + one.change;
    lines += (one.means.empty() ? "" : ", " + one.means) + "\n";
  }
  return lines;
}

TEST(FeaturePlan, SaysWhatAChangeMeans) {
  const struct {
    const char *name, *from, *to, *lines;
  } cases[] = {
      {"nothing", "features:", "features:", ""},
      {"an aggregate", "sum(price)", "sum(price * 2)",
       "view sold: updated, values change: sold__sum_1d, sold__sum_1h; read by: price, share; its "
       "rows "
       "are loaded again from what is materialized\n"},
      {"a window more", "[1h, 1d]", "[1h, 1d, 7d]",
       "view sold: updated, new: sold__n_7d, sold__sum_7d; read by: price, share; its rows are "
       "loaded "
       "again from what is materialized\n"},
      {"an owner", "{source: shops,", "{owner: ann, source: shops,",
       "view shop: updated, values stay\n"},
      {"another dataset below", "{dataset: shops}", "{dataset: stores}",
       "source shops: updated\nview shop: updated, values change: shop__size; read by: share, "
       "size; its "
       "rows are loaded again from what is materialized\n"},
      {"a service", "[shop.size]", "[shop.size, sold.n_1h]",
       "feature service size: updated, gives more: sold.n_1h\n"},
      {"an order", "[sold, hour]", "[hour, sold]",
       "feature service price: updated, another order of values\n"},
  };
  for (const auto& c : cases) {
    std::string after = kBefore;
    after.replace(after.find(c.from), std::string_view(c.from).size(), c.to);
    EXPECT_EQ(changed(kBefore, after), c.lines) << c.name;
  }
  const auto lines = [](const std::string& text) { return std::ranges::count(text, '\n'); };
  EXPECT_EQ(lines(changed("", kBefore)), 9);
  EXPECT_EQ(lines(changed(kBefore, "")), 9);
  EXPECT_NE(
      changed(kBefore, "").find("view shop: removed, gone: shop__size; read by: share, size\n"),
      std::string::npos);
}

// Declared, of other columns, and no more: values change each time.
TEST(FeaturePlan, ADeduplicationKeyChangesValues) {
  const auto with = [](std::string_view key) {
    std::string yaml = kBefore;
    yaml.insert(yaml.find("arrival_time: at}") + 16, key);
    return yaml;
  };
  const std::string none = with(""), one = with(", deduplication_key: [sale]"),
                    two = with(", deduplication_key: [sale, shop]");
  for (const auto& [before, after] :
       {std::pair(&none, &one), std::pair(&one, &two), std::pair(&two, &none)}) {
    EXPECT_EQ(changed(*before, *after),
              "source sales: updated\nview sold: updated, values change: sold__n_1d, sold__n_1h, "
              "sold__sum_1d, sold__sum_1h; read by: price, share; its rows are loaded again from "
              "what is materialized\n");
  }
  EXPECT_EQ(changed(two, two), "");
}

TEST(FeaturePlan, WhatHasNoRowsYetHoldsUpNothingElse) {
  const Definitions all = MUST(parse_definitions(kBefore));
  const auto names = [](const Definitions& some) {
    std::string text;
    for (const auto& one : some.sources) text += one.name + " ";
    for (const auto& one : some.views) text += one.name + " ";
    for (const auto& one : some.services) text += one.name + " ";
    return text;
  };
  EXPECT_EQ(names(without(all, {})), "sales shops sold shop hour share price share size ");
  EXPECT_EQ(names(without(all, {"sales"})), "shops shop size ");
  EXPECT_EQ(names(without(all, {"shops"})), "sales sold hour price ");
  EXPECT_EQ(names(without(all, {"sales", "shops"})), "");
  EXPECT_EQ(names(only(all, "size")), "shops shop size ");
  EXPECT_EQ(names(only(all, "price")), "sales sold hour price ");
  EXPECT_EQ(names(only(all, "share")), "sales shops sold shop share share ") << "what it reads";
  EXPECT_EQ(names(only(all, "none")), "");
}

}  // namespace
}  // namespace slipway::features
