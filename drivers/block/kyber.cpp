// Bios in and out by domain; tokens; and how the latencies set the number of tokens.
#include <sluice/drivers/block/kyber.hpp>

#include <algorithm>
#include <numeric>

#include <sluice/drivers/block/bio_run.hpp>
#include <sluice/drivers/block/disk.hpp>
#include <sluice/kernel/clock.hpp>

namespace sluice::blk {
namespace {

constexpr u32 kWordBits = 32;
constexpr u32 kAllDomains = (u32{1} << Kyber::kDomains) - 1;

}  // namespace

Kyber::Domain Kyber::domain_of(Op op) {
  switch (op) {
    case Op::Read:
      return kRead;
    case Op::Write:
      return kWrite;
    case Op::Discard:
      return kDiscard;
    case Op::WriteZeroes:
    case Op::SecureErase:
    case Op::Flush:
      break;
  }
  return kOther;
}

Kyber::Kyber(const Disk& disk, const Tunables& tunables)
    : disk_(disk),
      tunables_(tunables),
      window_ticks_(clock::ns_to_ticks(tunables.window_ns)),
      patience_ticks_(clock::ns_to_ticks(tunables.patience_ns)),
      queue_count_(static_cast<u32>(disk.tag_set().hw_queues().size())),
      words_per_queue_((disk.tag_set().shape().depth + kWordBits - 1) / kWordBits),
      queues_(new(std::nothrow) Queue[queue_count_]),
      tokens_(new(std::nothrow) std::atomic<u32>[usize{queue_count_} * words_per_queue_]()),
      next_look_ticks_(port::ticks() + window_ticks_) {
  for (u32 domain = 0; domain < kDomains; ++domain) {
    depth_[domain].store(std::max(tunables.max_depth[domain], 1u));
  }
  for (u32 domain = 0; domain < kTimedDomains; ++domain) {
    const u64 target_ticks = clock::ns_to_ticks(tunables.target_ns[domain]);
    watches_[domain].quarter_ticks = std::max(target_ticks / kGoodBuckets, u64{1});
  }
}

Result<std::unique_ptr<Kyber>> Kyber::create(const Disk& disk, const Tunables& tunables) {
  std::unique_ptr<Kyber> made(new (std::nothrow) Kyber(disk, tunables));
  if (made == nullptr || made->queues_ == nullptr || made->tokens_ == nullptr) {
    return fail(Errc::NoMemory);
  }
  return made;
}

// --- Bios in and out -----------------------------------------------------------------------------

void Kyber::insert(HwQueue& queue, List<Bio>& bios) {
  Queue& own = queues_[queue.index()];
  while (Bio* const bio = bios.pop_front()) {
    const LockGuard guard(own.lock);  // anew for each, so that no long list keeps interrupts off
    own.waiting[domain_of(bio->op)].push_back(*bio);
  }
}

// Goes on with the batch, or begins one of the next domain that has something to send, which may be
// the same again.
bool Kyber::dispatch(HwQueue& queue, List<Bio>& to) {
  Queue& own = queues_[queue.index()];
  const LockGuard guard(own.lock);
  if (own.batched < tunables_.batch[own.domain] && send(own, to)) {
    return true;
  }
  own.batched = 0;
  for (u32 tried = 0; tried < kDomains; ++tried) {
    own.domain = (own.domain + 1) % kDomains;
    if (send(own, to)) {
      return true;
    }
  }
  return false;
}

// Sends the oldest bio of the queue's domain, and those behind it in the line that continue it on
// the disk.
bool Kyber::send(Queue& queue, List<Bio>& to) {
  List<Bio>& waiting = queue.waiting[queue.domain];
  if (waiting.empty() || !has_token(queue.domain)) {
    return false;
  }
  ++queue.batched;
  BioRun run(disk_, waiting.front(), to);
  while (!waiting.empty() && run.take(&waiting.front())) {
  }
  return true;
}

void Kyber::drain(List<Bio>& to) {
  for (u32 index = 0; index < queue_count_; ++index) {
    std::array<List<Bio>, kDomains> all;
    {
      Queue& queue = queues_[index];
      const LockGuard guard(queue.lock);
      for (u32 domain = 0; domain < kDomains; ++domain) {
        all[domain].splice_back(queue.waiting[domain]);
      }
    }
    move_oldest_first(all, to);
  }
}

// --- Tokens --------------------------------------------------------------------------------------

// Where there is none, ended() will tell. Wish and tokens are written and read in opposite order
// here and there, all of it sequentially consistent, so that one of the two sees the other.
bool Kyber::has_token(u32 domain) {
  if (token_is_free(domain)) {
    return true;
  }
  held_up_.fetch_or(u32{1} << domain);
  return token_is_free(domain);
}

std::atomic<u32>& Kyber::token_word(const Request& request) const {
  const u32 word = request.tag() / kWordBits;
  const u32 queue = request.hw_queue().index();
  SLUICE_ASSERT(queue < queue_count_ && word < words_per_queue_);
  return tokens_[usize{queue} * words_per_queue_ + word];
}

void Kyber::started(const Request& request) {
  const u32 bit = u32{1} << request.tag() % kWordBits;
  if ((token_word(request).fetch_or(bit, std::memory_order_relaxed) & bit) == 0) {
    in_flight_[domain_of(request.op())].fetch_add(1);
  }
}

// False: it has none, because it was made before this scheduler came.
bool Kyber::return_token(const Request& request, u32 domain) {
  const u32 bit = u32{1} << request.tag() % kWordBits;
  if ((token_word(request).fetch_and(~bit, std::memory_order_relaxed) & bit) == 0) {
    return false;
  }
  in_flight_[domain].fetch_sub(1);
  return true;
}

bool Kyber::ended(const Request& request, u64 now_ticks) {
  const u32 domain = domain_of(request.op());
  if (!return_token(request, domain)) {
    return false;
  }
  u32 domains = u32{1} << domain;  // that may have a token now
  if (domain < kTimedDomains) {
    Watch& watch = watches_[domain];
    count(watch.total, watch.quarter_ticks, request.submitted_ticks(), now_ticks);
    count(watch.device, watch.quarter_ticks, request.started_ticks(), now_ticks);
    if (look_at_latencies(now_ticks)) {
      domains = kAllDomains;
    }
  }
  return (held_up_.load() & domains) != 0 && (held_up_.fetch_and(~domains) & domains) != 0;
}

// --- Latencies -----------------------------------------------------------------------------------

void Kyber::count(Histogram& histogram, u64 quarter_ticks, u64 from_ticks, u64 to_ticks) {
  const u64 latency = to_ticks > from_ticks ? to_ticks - from_ticks : 0;
  const u64 bucket = latency == 0 ? 0 : (latency - 1) / quarter_ticks;
  histogram[std::min<u64>(bucket, kBuckets - 1)].fetch_add(1, std::memory_order_relaxed);
}

// At the end of each window, whoever comes first.
bool Kyber::look_at_latencies(u64 now_ticks) {
  if (now_ticks < next_look_ticks_.load(std::memory_order_relaxed)) {
    return false;
  }
  const LockGuard guard(adjust_lock_);
  if (now_ticks < next_look_ticks_.load(std::memory_order_relaxed)) {
    return false;
  }
  next_look_ticks_.store(now_ticks + window_ticks_, std::memory_order_relaxed);
  adjust(now_ticks);
  return true;
}

// The device is congested where one domain in ten requests misses its target in the device itself.
// Then every domain is given a depth in proportion to its own 99th percentile: one that does well
// has less, one that does badly more. One that does badly has more without congestion too: it waits
// for tokens. A percentile from a window without congestion serves for one later.
void Kyber::adjust(u64 now_ticks) {
  std::array<std::optional<u32>, kTimedDomains> p99;
  bool congested = false;
  for (u32 domain = 0; domain < kTimedDomains; ++domain) {
    const std::optional<Percentiles> found = take_percentiles(watches_[domain], now_ticks);
    if (found) {
      congested = congested || found->device_p90 >= kGoodBuckets;
      p99[domain] = found->total_p99;
    }
  }
  for (u32 domain = 0; domain < kTimedDomains; ++domain) {
    std::optional<u32>& remembered = watches_[domain].total_p99;
    const std::optional<u32> bucket = p99[domain] || !congested ? p99[domain] : remembered;
    if (congested) {
      remembered.reset();
    } else if (bucket) {
      remembered = bucket;
    }
    if (bucket && (congested || *bucket >= kGoodBuckets)) {
      const u64 depth = u64{depth_[domain].load()} * (*bucket + 1) / kGoodBuckets;
      const u64 most = std::max(tunables_.max_depth[domain], 1u);
      depth_[domain].store(static_cast<u32>(std::clamp<u64>(depth, 1, most)));
    }
  }
}

// Nothing, and the samples stay, where there are too few as yet.
std::optional<Kyber::Percentiles> Kyber::take_percentiles(Watch& watch, u64 now_ticks) const {
  u32 samples = 0;
  for (const std::atomic<u32>& bucket : watch.total) {
    samples += bucket.load(std::memory_order_relaxed);
  }
  if (samples == 0) {
    return std::nullopt;
  }
  const u64 first_look = watch.first_look_ticks.value_or(now_ticks);
  if (samples < tunables_.enough_samples && now_ticks - first_look < patience_ticks_) {
    watch.first_look_ticks = first_look;
    return std::nullopt;
  }
  watch.first_look_ticks.reset();
  return Percentiles{percentile(take_counts(watch.device), 90),
                     percentile(take_counts(watch.total), 99)};
}

Kyber::Counts Kyber::take_counts(Histogram& histogram) {
  Counts counts;
  for (u32 bucket = 0; bucket < kBuckets; ++bucket) {
    counts[bucket] = histogram[bucket].exchange(0, std::memory_order_relaxed);
  }
  return counts;
}

// The bucket of the sample that so many percent are not above.
u32 Kyber::percentile(const Counts& counts, u32 percent) {
  const u64 samples = std::accumulate(counts.begin(), counts.end(), u64{0});
  u64 rank = (samples * percent + 99) / 100;
  u32 bucket = 0;
  while (bucket < kBuckets - 1 && counts[bucket] < rank) {
    rank -= counts[bucket];
    ++bucket;
  }
  return bucket;
}

}  // namespace sluice::blk
