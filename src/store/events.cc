#include "store/events.h"

#include "base/hash.h"
#include "base/log.h"
#include "store/event_chain.h"

// The chain (docs/formats/events.md):
//   digest(event) = SHA-256(salt || payload)
//   link(event)   = SHA-256(sequence, both times, workspace, actor, kind, subject, digest; each
//   followed by a zero byte) hash(seal)    = SHA-256(hash of the seal before || link of every event
//   it covers, in order)
// The payload enters only through its salted digest, so that erasing a payload and its salt doesn't
// break the chain.

namespace slipway::store {
namespace {

std::string event_link(const Event& event, std::string_view digest) {
  base::Sha256 hash;
  const std::string zero(1, '\0');
  const auto part = [&](std::string_view text) { hash.update(text).update(zero); };
  part(std::to_string(event.sequence));
  part(std::to_string(event.event_time.micros));
  part(std::to_string(event.arrival_time.micros));
  part(event.workspace);
  part(event.actor);
  part(event.kind);
  part(event.subject);
  part(digest);
  return hash.finish_hex();
}

constexpr std::string_view kEventColumns =
    "sequence, event_time, arrival_time, workspace, actor, kind, subject, payload, salt, digest";

Event read_event(const Row& row) {
  return {.sequence = row.int64(0),
          .event_time = row.time(1),
          .arrival_time = row.time(2),
          .workspace = row.string(3),
          .actor = row.string(4),
          .kind = row.string(5),
          .subject = row.string(6),
          .payload = row.string(7)};
}

struct Seal {
  std::int64_t number = 0;
  std::int64_t last = 0;  // newest sequence number covered so far
  std::string hash;
};

Result<Seal> newest_seal(Reader& reader) {
  Seal seal;
  TRY(reader.query(
      "SELECT number, last_sequence, hash FROM event_seals ORDER BY number DESC LIMIT 1", {},
      [&](const Row& row) {
        seal = {row.int64(0), row.int64(1), row.string(2)};
      }));
  return seal;
}

}  // namespace

std::vector<Migration> event_migrations() {
  return {{1, R"(
    CREATE TABLE events(
      sequence INTEGER PRIMARY KEY AUTOINCREMENT,
      event_time INTEGER NOT NULL,
      arrival_time INTEGER NOT NULL,
      workspace TEXT NOT NULL DEFAULT 'default',
      actor TEXT NOT NULL,
      kind TEXT NOT NULL,
      subject TEXT NOT NULL,
      payload TEXT NOT NULL,
      salt TEXT NOT NULL,
      digest TEXT NOT NULL);
    CREATE INDEX events_subject ON events(subject, sequence);
    CREATE TABLE event_seals(
      number INTEGER PRIMARY KEY,
      first_sequence INTEGER NOT NULL,
      last_sequence INTEGER NOT NULL,
      sealed_time INTEGER NOT NULL,
      hash TEXT NOT NULL)
  )"}};
}

Result<void> insert_event(Tx& tx, const EventDraft& draft, base::Timestamp arrival_time,
                          base::Random& random) {
  const std::string payload = base::to_text(draft.payload);
  const std::string salt = random.hex(16);
  const std::string digest = base::Sha256().update(salt).update(payload).finish_hex();
  return tx.send(
      "INSERT INTO events(event_time, arrival_time, workspace, actor, kind, subject, payload, "
      "salt, digest) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {draft.event_time.value_or(arrival_time), arrival_time, draft.workspace, draft.actor,
       draft.kind, draft.subject, payload, salt, digest});
}

Result<std::vector<Event>> list_events(Db& db, const EventFilter& filter) {
  std::string where = "sequence > ?", behind;
  std::vector<Param> params{filter.after};
  const auto narrow = [&](std::string_view condition, Param param) {
    where += fmt::format(" AND {} ?", condition);
    params.push_back(param);
  };
  if (filter.subject.ends_with('/')) {
    // The end of the texts that begin like this: the last byte, '/', plus one.
    behind = filter.subject.substr(0, filter.subject.size() - 1) + '0';
    narrow("subject >=", filter.subject);
    narrow("subject <", behind);
  } else if (!filter.subject.empty()) {
    narrow("subject =", filter.subject);
  }
  if (!filter.kind.empty()) narrow("kind =", filter.kind);
  if (!filter.actor.empty()) narrow("actor =", filter.actor);
  if (filter.from) narrow("arrival_time >=", *filter.from);
  if (filter.until) narrow("arrival_time <", *filter.until);
  if (filter.before) narrow("sequence <", *filter.before);
  params.emplace_back(filter.limit);
  return db.read([&](Reader& reader) -> Result<std::vector<Event>> {
    std::vector<Event> events;
    TRY(reader.query_span(fmt::format("SELECT {} FROM events WHERE {} ORDER BY sequence {} LIMIT ?",
                                      kEventColumns, where, filter.newest_first ? "DESC" : "ASC"),
                          params, [&](const Row& row) { events.push_back(read_event(row)); }));
    return events;
  });
}

Result<std::int64_t> seal_events(Db& db, const base::Clock& clock) {
  const std::int64_t waiting = TRY(db.read([&](Reader& reader) -> Result<std::int64_t> {
    const Seal seal = TRY(newest_seal(reader));
    std::int64_t count = 0;
    TRY(reader.query("SELECT COUNT(*) FROM events WHERE sequence > ?", {seal.last},
                     [&](const Row& row) { count = row.int64(0); }));
    return count;
  }));
  if (waiting == 0) return 0;  // an idle server doesn't write
  const base::Timestamp now = clock.now();
  return db.write([&](Tx& tx) -> Result<std::int64_t> {
    const Seal before = TRY(newest_seal(tx));
    base::Sha256 hash;
    hash.update(before.hash);
    std::int64_t first = 0, last = 0, count = 0;
    TRY(tx.query(
        fmt::format("SELECT {} FROM events WHERE sequence > ? ORDER BY sequence LIMIT 10000",
                    kEventColumns),
        {before.last}, [&](const Row& row) {
          const Event event = read_event(row);
          hash.update(event_link(event, row.text(9)));
          if (count++ == 0) first = event.sequence;
          last = event.sequence;
        }));
    if (count == 0) return 0;
    TRY(
        tx.execute("INSERT INTO event_seals(number, first_sequence, last_sequence, sealed_time, "
                   "hash) VALUES(?, ?, ?, ?, ?)",
                   {before.number + 1, first, last, now, hash.finish_hex()}));
    return count;
  });
}

Result<ChainReport> verify_chain(Db& db) {
  return db.read([&](Reader& reader) -> Result<ChainReport> {
    struct SealRow {
      std::int64_t number, first, last;
      std::string hash;
    };
    std::vector<SealRow> seals;
    TRY(reader.query(
        "SELECT number, first_sequence, last_sequence, hash FROM event_seals ORDER BY number", {},
        [&](const Row& row) {
          seals.push_back({row.int64(0), row.int64(1), row.int64(2), row.string(3)});
        }));
    ChainReport report;
    TRY(reader.query("SELECT COUNT(*) FROM events", {},
                     [&](const Row& row) { report.events = row.int64(0); }));
    std::int64_t covered = 0;
    for (const SealRow& seal : seals) {
      if (seal.number != report.seals + 1 || seal.first <= covered) {
        return base::error(Code::kCorruption, "event chain: a seal is missing before seal {}",
                           seal.number);
      }
      base::Sha256 hash;
      hash.update(report.head);
      std::int64_t bad = 0;
      TRY(reader.query(
          fmt::format(
              "SELECT {} FROM events WHERE sequence > ? AND sequence <= ? ORDER BY sequence",
              kEventColumns),
          {covered, seal.last}, [&](const Row& row) {
            const Event event = read_event(row);
            const bool erased = row.text(8).empty() && event.payload.empty();
            const std::string digest =
                base::Sha256().update(row.text(8)).update(event.payload).finish_hex();
            if (!erased && digest != row.text(9) && bad == 0) bad = event.sequence;
            hash.update(event_link(event, row.text(9)));
            ++report.sealed;
          }));
      if (bad != 0)
        return base::error(Code::kCorruption, "event chain: the payload was changed: sequence={}",
                           bad);
      if (hash.finish_hex() != seal.hash) {
        return base::error(Code::kCorruption,
                           "event chain: an event was changed, added or removed: sequences={}..{}",
                           seal.first, seal.last);
      }
      report.head = seal.hash;
      report.seals = seal.number;
      covered = seal.last;
    }
    return report;
  });
}

EventSealer::EventSealer(Db& db, const base::Clock& clock)
    : db_(db), clock_(clock), thread_([this] { run(); }) {}
EventSealer::~EventSealer() { stop(); }

void EventSealer::stop() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void EventSealer::run() {
  bool last_round = false;
  while (true) {
    if (const Result<std::int64_t> sealed = seal_events(db_, clock_); !sealed) {
      base::log_error("store", "sealing events failed: why={}", sealed.error().message);
    }
    if (last_round) return;
    base::MutexLock lock(mutex_);
    if (!stopping_) wake_.wait_for_ms(mutex_, 900);
    last_round = stopping_;
  }
}

}  // namespace slipway::store
