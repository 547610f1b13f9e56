// Power cuts: random bios go through the whole request layer to a RAM disk that records what it
// carried out; then the power is cut after each entry of that record, with what was not flushed
// kept or lost in every subset, and no sector may be older than what a flush or a FUA write has
// promised (docs/request-layer.md, "What order there is"). By RapidCheck, from a fixed seed;
// RC_PARAMS in the environment sets another.
#include <rapidcheck.h>

#include <cstdlib>
#include <random>

#include "ram_fixture.hpp"

namespace sluice::test {
namespace {

constexpr u64 kSectors = 64;
constexpr u32 kHarts = 3;
constexpr usize kAllSubsetsUpTo = 6;  // so many unflushed writes: every subset; more: kSubsets
constexpr usize kSubsets = 100;

[[maybe_unused]] const int kFixedSeed = setenv("RC_PARAMS", "seed=20 max_success=60", 0);

// The content of the disk, told apart by who wrote each sector: a version's number; 0 is zeroes.
using Content = std::vector<u32>;

void fill_with(TestBio& bio, u32 version) {
  for (const Segment& segment : bio.segments) {
    for (u32 at = 0; at < segment.bytes; at += 4) {
      std::memcpy(segment.data + at, &version, 4);
    }
  }
}

Content versions_in(std::span<const std::byte> bytes) {
  Content content(bytes.size() / blk::kSectorBytes);
  for (usize sector = 0; sector < content.size(); ++sector) {
    std::memcpy(&content[sector], bytes.data() + sector * blk::kSectorBytes, 4);
  }
  return content;
}

// --- What was asked for ---

enum class Kind { Write, DurableWrite, WriteAfterFlush, Both, Flush, Zeroes, Discard };

struct Step {
  Kind kind;
  u32 sector;
  u32 sectors;
  u32 hart;
  u32 wait_ns;  // before the next one
};

std::ostream& operator<<(std::ostream& out, const Step& step) {
  static const char* const kNames[] = {"write", "write+fua", "write+preflush", "write+both",
                                       "flush", "zeroes",    "discard"};
  return out << kNames[static_cast<int>(step.kind)] << " " << step.sector << "+" << step.sectors
             << " hart " << step.hart << " wait " << step.wait_ns;
}

rc::Gen<std::vector<Step>> steps() {
  return rc::gen::container<std::vector<Step>>(rc::gen::construct<Step>(
      rc::gen::weightedElement<Kind>({{8, Kind::Write},
                                      {2, Kind::DurableWrite},
                                      {1, Kind::WriteAfterFlush},
                                      {1, Kind::Both},
                                      {2, Kind::Flush},
                                      {1, Kind::Zeroes},
                                      {1, Kind::Discard}}),
      rc::gen::inRange<u32>(0, kSectors), rc::gen::inRange<u32>(1, 20),
      rc::gen::inRange<u32>(0, kHarts),
      rc::gen::weightedOneOf<u32>(
          {{2, rc::gen::just<u32>(0)}, {1, rc::gen::inRange<u32>(0, 40'000)}})));
}

// --- What happened ---

// Counts everything that happens, so that one can be said to come before the other.
using Moment = u64;
constexpr Moment kNotYet = ~Moment{0};

struct Submitted {
  std::unique_ptr<TestBio> bio;
  u32 version;  // what it writes
  Moment submitted;
  Moment ended = kNotYet;

  bool covers(u64 sector) const {
    const u64 first = bio->bio.sector.value();
    return first <= sector && sector < first + bio->bio.bytes() / blk::kSectorBytes;
  }
  bool writes() const { return bio->bio.op == Op::Write || bio->bio.op == Op::WriteZeroes; }
  bool flushes_first() const {
    return bio->bio.op == Op::Flush || (bio->bio.flags & blk::bio_flag::kPreflush) != 0;
  }
  bool durable() const { return (bio->bio.flags & blk::bio_flag::kFua) != 0; }
  bool succeeded_before(Moment moment) const {
    return ended < moment && bio->bio.status == Status::Ok;
  }
};

// What the device carried out, one request.
struct Entry {
  Moment at;
  bool flush = false;
  bool durable = false;
  u64 first_sector = 0;
  Content content{};

  void write_to(Content& disk) const {
    std::copy(content.begin(), content.end(),
              disk.begin() + static_cast<std::ptrdiff_t>(first_sector));
  }
};

struct History final : blk::RamLog {
  bool fua = false;  // does the device know of it?
  Moment now = 0;
  std::vector<Submitted> bios;
  std::vector<Entry> entries;

  void carried_out(const Request& request) override {
    Entry entry{.at = ++now,
                .flush = request.op() == Op::Flush,
                .durable = fua && request.fua(),
                .first_sector = request.sector().value()};
    std::vector<std::byte> bytes;
    for (const Segment segment : request.segments()) {
      bytes.insert(bytes.end(), segment.data, segment.data + segment.bytes);
    }
    entry.content = versions_in(bytes);
    if (request.op() == Op::WriteZeroes || request.op() == Op::Discard) {
      blk::ByteRange range{request.sector().value() * blk::kSectorBytes, request.bytes()};
      range = request.op() == Op::Discard ? blk::whole_pages(range) : range;
      entry.first_sector = range.offset / blk::kSectorBytes;
      entry.content.assign(range.bytes / blk::kSectorBytes, 0);
    }
    entries.push_back(std::move(entry));
  }
};

// --- What a power cut may leave ---

enum class Device { Honest, ForgetsFlushes, ForgetsFua };

// The device after a power cut that came after its first `carried_out` entries.
class AfterCut {
 public:
  AfterCut(const History& history, usize carried_out, bool cache, Device device) {
    for (usize at = 0; at < carried_out; ++at) {
      const Entry& entry = history.entries[at];
      if (!entry.flush) {
        const bool durable = entry.durable && device != Device::ForgetsFua;
        since_flush_.push_back({&entry, durable || !cache});
      } else if (device != Device::ForgetsFlushes) {
        durable_ = with(~u64{0});
        since_flush_.clear();
      }
    }
    for (const Unflushed& write : since_flush_) {
      choices_ += write.stays ? 0 : 1;
    }
  }

  // How many writes may be kept or lost.
  usize choices() const { return choices_; }

  // With those kept whose bits are set; beyond 64 all are.
  Content with(u64 kept) const {
    Content content = durable_;
    usize choice = 0;
    for (const auto& [entry, stays] : since_flush_) {
      if (stays || choice >= 64 || ((kept >> choice) & 1) != 0) {
        entry->write_to(content);
      }
      choice += stays ? 0 : 1;
    }
    return content;
  }

  // The same as the writes that a RamDisk is told to keep: those, and what went over them and
  // stays.
  template <class Keep>
  void for_each_kept(u64 kept, Keep keep) const {
    usize choice = 0;
    bool any_chosen = false;
    for (const auto& [entry, stays] : since_flush_) {
      const bool chosen = !stays && (choice >= 64 || ((kept >> choice) & 1) != 0);
      any_chosen = any_chosen || chosen;
      if (chosen || (stays && any_chosen)) {
        keep(*entry);
      }
      choice += stays ? 0 : 1;
    }
  }

 private:
  struct Unflushed {
    const Entry* entry;
    bool stays;
  };
  Content durable_ = Content(kSectors);
  std::vector<Unflushed> since_flush_;
  usize choices_ = 0;
};

// --- What was promised ---

class Promises {
 public:
  // Of all that had ended before `moment`.
  Promises(const History& history, Moment moment, bool cache)
      : history_(history), newest_(kSectors, 0) {
    Moment flushed = 0;  // what had ended before this is durable
    for (const Submitted& bio : history.bios) {
      if (bio.flushes_first() && bio.succeeded_before(moment)) {
        flushed = std::max(flushed, bio.submitted);
      }
    }
    for (const Submitted& bio : history.bios) {
      const bool promised = bio.writes() && bio.succeeded_before(moment) &&
                            (!cache || bio.durable() || bio.ended < flushed);
      for (u64 sector = 0; promised && sector < kSectors; ++sector) {
        if (bio.covers(sector)) {
          newest_[sector] = std::max(newest_[sector], bio.submitted);
        }
      }
    }
  }

  // May the sector hold this version? Not if it had ended when one that is promised was submitted.
  // (A discard may leave what was there, and promises nothing.)
  bool allow(u64 sector, u32 version) const {
    if (version == 0 && newest_[sector] == 0) {
      return true;
    }
    return std::any_of(history_.bios.begin(), history_.bios.end(), [=, this](const auto& bio) {
      return bio.version == version && bio.covers(sector) && bio.ended > newest_[sector];
    });
  }

 private:
  const History& history_;
  std::vector<Moment>
      newest_;  // by sector: when the newest promised version was submitted; 0: none
};

// A sector that breaks a promise after some power cut, in words; empty where there is none.
std::string first_broken_promise(const History& history, bool cache,
                                 Device device = Device::Honest) {
  std::mt19937_64 random(1);
  for (usize carried_out = 0; carried_out <= history.entries.size(); ++carried_out) {
    const bool last = carried_out == history.entries.size();
    const Moment moment = last ? kNotYet : history.entries[carried_out].at;
    const Promises promises(history, moment, cache);
    const AfterCut after(history, carried_out, cache, device);
    const bool all_subsets = after.choices() <= kAllSubsetsUpTo;
    const usize subsets = all_subsets ? usize{1} << after.choices() : kSubsets;
    std::set<std::pair<u64, u32>> known_good;
    for (usize subset = 0; subset < subsets; ++subset) {
      const u64 kept = all_subsets ? subset : random();
      const Content content = after.with(kept);
      for (u64 sector = 0; sector < kSectors; ++sector) {
        if (known_good.contains({sector, content[sector]})) {
          continue;
        }
        if (!promises.allow(sector, content[sector])) {
          return "cut after " + std::to_string(carried_out) + " requests, subset " +
                 std::to_string(kept) + ": sector " + std::to_string(sector) + " holds version " +
                 std::to_string(content[sector]);
        }
        known_good.insert({sector, content[sector]});
      }
    }
  }
  return {};
}

// --- Making it happen ---

class Machine {
 public:
  explicit Machine(RamDisk::Options options, u64 jitter_ns = 0) : cache_(options.write_cache) {
    options.capacity_bytes = kSectors * blk::kSectorBytes;
    options.shape = {.hw_queues = 2, .depth = 8, .merge = true};
    options.limits.max_bytes = 8 * blk::kSectorBytes;  // so that bios are split, too
    options.mode = RamDisk::Mode::Timer;
    options.jitter_ns = jitter_ns;
    options.log = &history_;
    history_.fua = options.fua;
    ram_ = make_ram(options);
  }

  void submit(const Step& step) {
    const u32 sectors = std::min<u32>(step.sectors, kSectors - step.sector);
    const u32 bytes = sectors * blk::kSectorBytes;
    const u32 version = static_cast<u32>(history_.bios.size()) + 1;
    const bool data = step.kind <= Kind::Both;
    auto bio = std::make_unique<TestBio>(data ? Op::Write : op_of(step.kind), step.sector,
                                         data ? std::vector<u32>{bytes} : std::vector<u32>{});
    fill_with(*bio, version);
    bio->bio.flags = flags_of(step.kind);
    bio->bio.range_bytes = step.kind == Kind::Zeroes || step.kind == Kind::Discard ? bytes : 0;
    const usize index = history_.bios.size();
    bio->then = [this, index](TestBio&) { history_.bios[index].ended = ++history_.now; };
    history_.bios.push_back({std::move(bio), data ? version : 0, ++history_.now});
    world_.run_as(step.hart, [this] { ram_->disk().submit(history_.bios.back().bio->bio); });
    wait(step.wait_ns);
  }

  void wait(u64 ns) {
    world_.settle();
    world_.advance_ns(ns);
    world_.settle();
  }
  bool all_ended_once() const {
    return std::all_of(history_.bios.begin(), history_.bios.end(),
                       [](const Submitted& bio) { return bio.bio->ends == 1; });
  }

  // Cuts the power on the RAM disk itself, keeping some writes: has it what its record says?
  bool content_after_real_cut_is_as_recorded(u64 kept) {
    const AfterCut after(history_, history_.entries.size(), cache_, Device::Honest);
    std::vector<std::vector<std::byte>> data;
    std::vector<blk::KeptWrite> writes;
    after.for_each_kept(kept, [&](const Entry& entry) {
      data.emplace_back(entry.content.size() * blk::kSectorBytes);
      for (usize at = 0; at < data.back().size(); at += 4) {
        std::memcpy(data.back().data() + at, &entry.content[at / blk::kSectorBytes], 4);
      }
      writes.push_back({entry.first_sector * blk::kSectorBytes, data.back()});
    });
    Content expected = after.with(kept);
    const usize before = history_.entries.size();
    RC_ASSERT(ram_->power_cut(writes) == Status::Ok);
    // What waited behind a request that the cut has ended may have come after it.
    for (usize at = before; at < history_.entries.size(); ++at) {
      history_.entries[at].write_to(expected);
    }
    std::vector<std::byte> bytes(kSectors * blk::kSectorBytes);
    ram_->store().read(0, bytes);
    return versions_in(bytes) == expected;
  }

  const History& history() const { return history_; }
  bool cache() const { return cache_; }

 private:
  static Op op_of(Kind kind) {
    return kind == Kind::Flush ? Op::Flush : kind == Kind::Zeroes ? Op::WriteZeroes : Op::Discard;
  }
  static u8 flags_of(Kind kind) {
    switch (kind) {
      case Kind::DurableWrite:
        return blk::bio_flag::kFua;
      case Kind::WriteAfterFlush:
        return blk::bio_flag::kPreflush;
      case Kind::Both:
        return blk::bio_flag::kFua | blk::bio_flag::kPreflush;
      default:
        return 0;
    }
  }

  World world_{kHarts};
  bool cache_;
  History history_;
  std::unique_ptr<RamDisk> ram_;
};

void promises_hold(const RamDisk::Options& options) {
  const auto property = [&options] {
    const std::vector<Step> all_steps = *steps();
    Machine machine(options, *rc::gen::element<u64>(0, 50'000));
    for (const Step& step : all_steps) {
      machine.submit(step);
    }
    // Some are cut while they are on their way, and some after all has ended.
    const bool finish = *rc::gen::arbitrary<bool>();
    for (int round = 0; finish && round < 1000 && !machine.all_ended_once(); ++round) {
      machine.wait(20'000);
    }
    RC_ASSERT(!finish || machine.all_ended_once());
    RC_CLASSIFY(!finish);
    const std::string broken = first_broken_promise(machine.history(), machine.cache());
    RC_ASSERT(broken == "");
    RC_ASSERT(machine.content_after_real_cut_is_as_recorded(
        *rc::gen::oneOf(rc::gen::just<u64>(0), rc::gen::arbitrary<u64>())));
  };
  CHECK(rc::check(property));
}

TEST_CASE("power cuts break no promise with a cache that the layer flushes after FUA writes") {
  promises_hold({.write_cache = true});
}

TEST_CASE("power cuts break no promise with a cache that takes FUA writes itself") {
  promises_hold({.write_cache = true, .fua = true});
}

TEST_CASE("power cuts break no promise without a cache") {
  promises_hold({});
}

TEST_CASE("power cuts break no promise where writes and flushes fail") {
  blk::FaultOptions faults;
  faults.rules[0] = {.when = blk::FaultRule::When::OneIn, .op = Op::Flush, .number = 4};
  faults.rules[1] = {.when = blk::FaultRule::When::OneIn, .op = Op::Write, .number = 10};
  faults.rules[2] = {.when = blk::FaultRule::When::OneIn,
                     .op = Op::Write,
                     .number = 10,
                     .status = Status::Transient};
  promises_hold({.write_cache = true, .faults = faults});
  promises_hold({.write_cache = true, .fua = true, .faults = faults});
}

// The judge itself: a device that lies is found out.

TEST_CASE("a device that forgets a flush is caught") {
  Machine machine({.write_cache = true});
  machine.submit({Kind::Write, 3, 2, 0, 20'000});
  machine.submit({Kind::Flush, 0, 1, 0, 20'000});
  REQUIRE(machine.all_ended_once());
  CHECK(first_broken_promise(machine.history(), true) == "");
  CHECK(first_broken_promise(machine.history(), true, Device::ForgetsFlushes) != "");
}

TEST_CASE("a device that forgets FUA is caught") {
  Machine machine({.write_cache = true, .fua = true});
  machine.submit({Kind::Write, 3, 2, 0, 20'000});
  machine.submit({Kind::DurableWrite, 3, 2, 0, 20'000});
  REQUIRE(machine.all_ended_once());
  CHECK(first_broken_promise(machine.history(), true) == "");
  CHECK(first_broken_promise(machine.history(), true, Device::ForgetsFua) != "");
}

TEST_CASE("a flush promises nothing of what was still on its way") {
  Machine machine({.write_cache = true});
  machine.submit({Kind::Flush, 0, 1, 0, 1});
  machine.submit({Kind::Write, 3, 2, 1, 0});
  machine.wait(20'000);
  REQUIRE(machine.all_ended_once());
  CHECK(first_broken_promise(machine.history(), true) == "");
  CHECK(first_broken_promise(machine.history(), true, Device::ForgetsFlushes) == "");
}

}  // namespace
}  // namespace sluice::test
