// Who may begin when not all can.
#include "pipelines/places.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace slipway::pipelines {
namespace {

using Positions = std::vector<std::size_t>;

Rank rank(std::string run, std::int64_t priority, std::int64_t created) {
  return {.priority = priority, .created = {created}, .run = std::move(run)};
}

Positions granted(const Places& places, const std::string& run) {
  Positions positions;
  for (const auto& [position, server] : places.granted(run)) positions.push_back(position);
  return positions;
}

// Where it is taken.
std::string take(Places& places, const std::string& run, std::size_t position) {
  std::string server = places.granted(run).at(position);
  places.take(run, position, server);
  return server;
}

TEST(Places, ThePriorityThenTheAgeDecides) {
  Places places;
  places.set_limit(9);
  places.set_pools({{"gpu", 2}});
  places.ask(rank("old", 0, 1), {{0, "a", "gpu"}, {1, "b", "gpu"}, {2, "c", ""}});
  EXPECT_EQ(granted(places, "old"), (Positions{0, 1, 2}));
  places.ask(rank("new", 0, 2), {{0, "a", "gpu"}});
  places.ask(rank("urgent", 5, 3), {{0, "a", "gpu"}});
  EXPECT_EQ(granted(places, "urgent"), (Positions{0}));
  EXPECT_EQ(granted(places, "old"), (Positions{0, 2}));
  EXPECT_TRUE(places.granted("new").empty());
  take(places, "urgent", 0);
  take(places, "old", 0);
  EXPECT_EQ(places.granted_runs(), (std::set<std::string>{"old"}));  // what is in no pool
  EXPECT_EQ(places.why_waiting("new", 0),
            "waits for pool gpu: 2 of 2 slots taken by a of run old, a of run urgent");
  places.give_back("urgent", 0);
  EXPECT_EQ(granted(places, "old"), (Positions{1, 2}));
  places.ask(rank("old", 0, 1), {});  // cancelled
  EXPECT_EQ(granted(places, "new"), (Positions{0}));
  EXPECT_EQ(places.why_waiting("old", 1), "");
}

TEST(Places, OneThatNeedsManySlotsIsNotPassed) {
  Places places;
  places.set_limit(9);
  places.set_pools({{"gpu", 4}, {"licence", 1}});
  places.ask(rank("small", 0, 1), {{0, "a", "gpu"}});
  take(places, "small", 0);
  places.ask(rank("large", 0, 2), {{0, "all", "gpu", 4}});
  places.ask(rank("late", 0, 3), {{0, "a", "gpu"}, {1, "b", "licence"}});
  EXPECT_TRUE(places.granted("large").empty());
  EXPECT_EQ(granted(places, "late"), (Positions{1}));  // another pool
  EXPECT_EQ(places.why_waiting("large", 0),
            "waits for pool gpu: 1 of 4 slots taken by a of run small; it needs 4");
  places.give_back("small", 0);
  EXPECT_EQ(granted(places, "large"), (Positions{0}));
  EXPECT_EQ(granted(places, "late"), (Positions{1}));
  EXPECT_EQ(places.why_waiting("late", 0),
            "waits for pool gpu: 0 of 4 slots taken by nobody, and others are before it");
  EXPECT_EQ(places.pools()[0].waiting, 2u);
}

TEST(Places, TheLimitIsOverAll) {
  Places places;
  places.set_limit(1);
  places.set_pools({{"gpu", 4}});
  places.ask(rank("a", 0, 1), {{3, "x", "gpu"}, {4, "y", ""}});
  EXPECT_EQ(granted(places, "a"), (Positions{3}));
  take(places, "a", 3);
  EXPECT_TRUE(places.granted("a").empty());
  EXPECT_EQ(places.why_waiting("a", 4), "waits for a place: 1 of 1 steps run");
}

TEST(Places, NobodyPassesOneThatIsAboutToAsk) {
  Places places;
  places.set_limit(9);
  places.set_pools({{"gpu", 2}});
  places.expect(rank("high", 5, 2));
  places.expect(rank("old", 0, 1));
  places.ask(rank("old", 0, 1), {{0, "a", "gpu"}, {1, "b", ""}});
  EXPECT_TRUE(places.granted_runs().empty());
  places.ask(rank("higher", 6, 3), {{0, "a", "gpu"}});
  EXPECT_EQ(places.granted_runs(), (std::set<std::string>{"higher"}));
  places.ask(rank("high", 5, 2), {{0, "a", "gpu", 2}});
  EXPECT_EQ(granted(places, "old"), (Positions{1}));
  places.expect(rank("broken", 5, 1));
  EXPECT_TRUE(places.granted("old").empty());
  places.forget("broken");
  EXPECT_EQ(granted(places, "old"), (Positions{1}));
}

TEST(Places, WhatCanNeverBegin) {
  Places places;
  places.set_pools({{"gpu", 2}});
  EXPECT_EQ(places.impossible({0, "a", ""}), "");
  EXPECT_EQ(places.impossible({0, "a", "gpu", 2}), "");
  EXPECT_EQ(places.impossible({0, "a", "gpu", 3}), "it needs 3 slots of pool gpu, which has 2");
  EXPECT_EQ(places.impossible({0, "a", "tpu"}), "there is no pool tpu");
}

TEST(Places, StepsShareWhatTheMachineHas) {
  Places places;
  places.set_limit(9);
  places.set_pools({{"gpu", 1}});
  const std::int64_t gib = 1ll << 30;
  places.ask(rank("any", 0, 0), {{0, "a", "", 1, {.cpu_millis = 9000}}});
  EXPECT_EQ(granted(places, "any"), (Positions{0}));  // nothing is known of the machine
  places.forget("any");
  places.set_capacity({.cpu_millis = 2000, .memory_bytes = 8 * gib});
  places.ask(rank("old", 0, 1), {{0, "a", "", 1, {.cpu_millis = 1500, .memory_bytes = 2 * gib}},
                                 {1, "b", "", 1, {.memory_bytes = 4 * gib}}});
  EXPECT_EQ(granted(places, "old"), (Positions{0, 1}));
  take(places, "old", 0);
  take(places, "old", 1);
  places.ask(rank("big", 0, 2), {{0, "c", "gpu", 1, {.memory_bytes = 3 * gib}}});
  places.ask(rank("new", 0, 3), {{0, "d", "", 1, {.memory_bytes = gib}},
                                 {1, "e", "", 1, {.cpu_millis = 500}},
                                 {2, "f", "gpu"},
                                 {3, "g", ""}});
  EXPECT_EQ(granted(places, "new"), (Positions{1, 2, 3}));  // memory is for the bigger one first
  EXPECT_EQ(places.why_waiting("big", 0),
            "waits for memory: 6 GiB of 8 GiB taken by a of run old, b of run old; it needs 3 GiB");
  places.give_back("old", 0);
  EXPECT_EQ(granted(places, "big"), (Positions{0}));
  EXPECT_EQ(granted(places, "new"), (Positions{0, 1, 3}));
  EXPECT_EQ(places.pools().size(), 1u);
  places.set_pools({});  // the machine stays
  EXPECT_EQ(places.impossible({0, "x", "", 1, {.cpu_millis = 2500}}),
            "it needs 2.5 cores, and steps may have 2 (setting pipeline-cpus-max)");
  EXPECT_EQ(places.impossible({0, "x", "", 1, {.memory_bytes = 9 * gib}}),
            "it needs 9 GiB of memory, and steps may have 8 GiB (setting "
            "pipeline-memory-bytes-max)");
}

TEST(Places, JobsTakeNothingOfTheMachine) {
  Places places;
  places.set_limit(1);
  places.set_jobs(2);
  places.set_capacity({.cpu_millis = 1000, .memory_bytes = 1 << 20});
  const auto job = [](std::size_t position) {
    return Place{
        .position = position, .step = "j", .resources = {.cpu_millis = 9000}, .is_job = true};
  };
  places.occupy("before", job(0));  // of a server before this one
  places.ask(rank("a", 0, 1), {{0, "x"}, {1, "y"}, job(2), job(3)});
  EXPECT_EQ(granted(places, "a"), (Positions{0, 2}));
  take(places, "a", 0);
  take(places, "a", 2);
  EXPECT_EQ(places.why_waiting("a", 1), "waits for a place: 1 of 1 steps run");
  EXPECT_EQ(places.why_waiting("a", 3), "waits for Kubernetes: 2 of 2 Jobs run");
  places.give_back("before", 0);
  EXPECT_EQ(granted(places, "a"), (Positions{3}));
  EXPECT_EQ(places.impossible(job(4)), "");
}

TEST(Places, AJobDoesNotPassAProcessThatWaitsInItsPool) {
  Places places;
  places.set_limit(1);
  places.set_jobs(2);
  places.set_pools({{"gpu", 1}});
  places.ask(rank("running", 0, 1), {{0, "x"}});
  take(places, "running", 0);
  places.ask(rank("first", 0, 2), {{0, "a", "gpu"}});
  places.ask(rank("later", 0, 3), {{.position = 0, .step = "j", .pool = "gpu", .is_job = true},
                                   {.position = 1, .step = "k", .is_job = true}});
  EXPECT_EQ(granted(places, "later"), (Positions{1}));
  places.give_back("running", 0);
  EXPECT_EQ(granted(places, "first"), (Positions{0}));
}

// Random runs: no limit is ever passed, nobody of a lower rank begins in a pool before one that
// waits, and all get their turn.
TEST(Places, RandomHistoriesBreakNoLimit) {
  base::SeededRandom random(5);
  const auto below = [&](std::uint64_t n) { return random.next_u64() % n; };
  for (int history = 0; history < 300; ++history) {
    const std::map<std::string, std::int64_t> pools{{"p", 1 + below(4)}, {"q", 1 + below(2)}};
    const std::size_t limit = 1 + below(5);
    Places places;
    places.set_limit(limit);
    places.set_pools(pools);
    std::map<Rank, std::vector<Place>> waiting;
    for (std::size_t i = 0; i < 1 + below(6); ++i) {
      const Rank run = rank("r" + std::to_string(i), static_cast<std::int64_t>(below(3)), below(3));
      for (std::size_t position = 0; position < 1 + below(4); ++position) {
        const std::string pool = std::vector<std::string>{"", "p", "q"}[below(3)];
        const std::int64_t slots = pool.empty() ? 1 : 1 + below(pools.at(pool));
        waiting[run].push_back({position, "s", pool, slots});
      }
      places.ask(run, waiting[run]);
    }
    std::vector<std::pair<std::string, Place>> running;
    for (int turn = 0;; ++turn) {
      ASSERT_LT(turn, 1000);
      const std::set<std::string> runs = places.granted_runs();
      if (runs.empty() && running.empty()) break;
      if (!runs.empty() && (running.empty() || below(2) == 0)) {
        auto chosen = runs.begin();
        std::advance(chosen, below(runs.size()));
        const std::size_t position = granted(places, *chosen).front();
        const auto entry = std::find_if(waiting.begin(), waiting.end(),
                                        [&](const auto& e) { return e.first.run == *chosen; });
        const auto place = std::find_if(entry->second.begin(), entry->second.end(),
                                        [&](const Place& p) { return p.position == position; });
        take(places, *chosen, position);
        running.emplace_back(*chosen, *place);
        entry->second.erase(place);
      } else {
        const std::size_t ended = below(running.size());
        places.give_back(running[ended].first, running[ended].second.position);
        running.erase(running.begin() + static_cast<std::ptrdiff_t>(ended));
      }
      ASSERT_LE(running.size(), limit);
      for (const auto& [name, slots] : pools) {
        std::int64_t taken = 0;
        for (const auto& [run, place] : running) taken += place.pool == name ? place.slots : 0;
        ASSERT_LE(taken, slots);
      }
    }
    for (const auto& [run, places_left] : waiting) ASSERT_TRUE(places_left.empty()) << run.run;
  }
}

TEST(Places, OtherServersGetWhatTheyHaveRoomFor) {
  Places places;
  places.set_limit(2);
  places.set_capacity({.cpu_millis = 2000, .memory_bytes = 100});
  places.set_pools({{"gpu", 3}});
  places.set_others({{"two", 4, {.cpu_millis = 8000, .memory_bytes = 100}}});
  const auto with_cpu = [](std::size_t position, std::int64_t cpu) {
    return Place{.position = position, .step = "a", .resources = {.cpu_millis = cpu}};
  };
  EXPECT_EQ(places.impossible(with_cpu(0, 8000)), "");  // on the other
  EXPECT_NE(places.impossible(with_cpu(0, 9000)), "");
  EXPECT_EQ(places.impossible({0, "a", "gpu", 3}), "");
  EXPECT_NE(places.impossible({0, "a", "gpu", 4}), "");
  EXPECT_EQ(places.largest(), (Resources{.cpu_millis = 8000, .memory_bytes = 100}));
  // The smallest part that is taken, of equals this one.
  places.ask(rank("run", 0, 1), {{0, "a"}, {1, "b"}, {2, "c"}, {3, "d"}, {4, "e"}, {5, "f"}, {6}});
  EXPECT_EQ(granted(places, "run"), (Positions{0, 1, 2, 3, 4, 5}));
  std::vector<std::string> servers;
  for (std::size_t i = 0; i < 6; ++i) servers.push_back(take(places, "run", i));
  EXPECT_EQ(servers, (std::vector<std::string>{"", "two", "two", "", "two", "two"}));
  EXPECT_EQ(places.why_waiting("run", 6), "waits for a place: 6 of 6 steps run");
  places.give_back("run", 1);
  EXPECT_EQ(take(places, "run", 6), "two");
  for (const std::size_t i : {0, 2, 3, 4, 5, 6}) places.give_back("run", i);
  // Too large for this one; what is smaller passes it by here, not there.
  places.ask(rank("run", 0, 1), {with_cpu(0, 5000), with_cpu(1, 5000), with_cpu(2, 2000)});
  EXPECT_EQ(granted(places, "run"), (Positions{0, 2}));
  EXPECT_EQ(take(places, "run", 0), "two");
  places.ask(rank("new", 0, 2), {with_cpu(0, 1000)});
  EXPECT_TRUE(places.granted("new").empty());
  // A pool counts over all of them.
  places.ask(rank("run", 0, 1), {{1, "g", "gpu", 2}, {2, "g", "gpu", 2}});
  EXPECT_EQ(granted(places, "run"), (Positions{1}));
  // One that has gone keeps what it has until it is given back, and gets nothing.
  places.set_others({});
  places.give_back("run", 0);
  places.ask(rank("run", 0, 1), {{1, "a"}, {2, "b"}, {3, "c"}});
  EXPECT_EQ(granted(places, "run"), (Positions{1, 2}));
  // Another one may come.
  places.share();
  EXPECT_EQ(places.impossible(with_cpu(0, 9000)), "");
  EXPECT_NE(places.impossible({0, "a", "gpu", 4}), "");
}

}  // namespace
}  // namespace slipway::pipelines
