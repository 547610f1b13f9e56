// Disks, the list of those that were added, and the check of a bio.
#include <sluice/drivers/block/disk.hpp>

#include <algorithm>
#include <bit>

#include <sluice/kernel/log.hpp>

namespace sluice::blk {
namespace {

constinit List<Disk, DiskListTag> disks;

// The bytes of a disk are counted in 63 bits, whatever its device says.
constexpr u64 kMostSectors = u64{1} << (63 - kSectorShift);

// Copies as much of `text` as leaves room for the '\0'; how many bytes.
usize copy_name(std::array<char, 16>& name, std::string_view text) {
  const usize bytes = std::min(text.size(), name.size() - 1);
  std::copy_n(text.begin(), bytes, name.begin());
  name[bytes] = '\0';
  return bytes;
}

bool is_power_of_two_between(u32 value, u32 minimum, u32 maximum) {
  return std::has_single_bit(value) && value >= minimum && value <= maximum;
}

}  // namespace

Disk::Disk(TagSet& tag_set, std::string_view name, const Options& options)
    : tag_set_(tag_set), options_(options) {
  copy_name(name_, name);
  if (limits_make_sense()) {
    round_to_blocks();
  } else {
    options_.sectors = 0;
  }
  const Limits& limits = options_.limits;
  const Status write = options_.read_only ? Status::ReadOnly : Status::Ok;
  const auto range = [write](u64 max_bytes) {
    return max_bytes == 0 ? Status::Unsupported : write;
  };
  refusals_ = {Status::Ok, write, Status::Ok, range(limits.max_discard_bytes),
               range(limits.max_write_zeroes_bytes)};
  block_mask_ = limits.logical_block_bytes - 1;
  max_bytes_in_one_piece_ = std::min(limits.max_bytes, limits.max_segment_bytes);
  max_bytes_ = {limits.max_bytes, limits.max_bytes, 0, limits.max_discard_bytes,
                limits.max_write_zeroes_bytes};
}

Disk::~Disk() {
  remove();
  for (const HwQueue* queue : tag_set_.hw_queues()) {
    SLUICE_ASSERT(!queue->uses(*this));
  }
}

bool Disk::limits_make_sense() const {
  const Limits& limits = options_.limits;
  const u64 most_in_segments = u64{limits.max_segments} * limits.max_segment_bytes;
  return is_power_of_two_between(limits.logical_block_bytes, kSectorBytes, 65536) &&
         limits.max_bytes >= limits.logical_block_bytes &&
         most_in_segments >= limits.logical_block_bytes;
}

void Disk::round_to_blocks() {
  Limits& limits = options_.limits;
  const u64 block = limits.logical_block_bytes;
  options_.sectors = align_down(std::min(options_.sectors, kMostSectors), block >> kSectorShift);
  limits.max_bytes = static_cast<u32>(align_down(limits.max_bytes, block));
  limits.max_discard_bytes = align_down(limits.max_discard_bytes, block);
  limits.max_write_zeroes_bytes = align_down(limits.max_write_zeroes_bytes, block);
}

Result<void> Disk::add() {
  const Limits& limits = options_.limits;
  if (!limits_make_sense()) {
    log::error(
        "{}: no request can keep its limits: logical block {} bytes, {} "
        "segments of {} bytes, "
        "{} bytes in all",
        name(), limits.logical_block_bytes, limits.max_segments, limits.max_segment_bytes,
        limits.max_bytes);
    return fail(Errc::Invalid);
  }
  if (name().empty()) {
    log::error("a disk of {} sectors has no name", sectors());
    return fail(Errc::Invalid);
  }
  if (find(name()) != nullptr) {
    log::error("{}: there is a disk of that name already", name());
    return fail(Errc::Exists);
  }
  disks.push_back(*this);
  return {};
}

void Disk::remove() {
  ListNode<DiskListTag>::unlink();
  while (OpenDevice* const open = opens_.pop_front()) {
    open->disk_ = nullptr;
    --open_count_;
  }
  options_.sectors = 0;
  removed_ = true;
  for (HwQueue* queue : tag_set_.hw_queues()) {
    queue->fail_waiting(*this, Status::Removed);
  }
}

void Disk::submit(List<Bio>& bios) {
  for (Bio& bio : bios) {
    admit(bio);
    bio.parts_.store(1, std::memory_order_relaxed);
    bio.failure_.store(0, std::memory_order_relaxed);
    bio.issued_bytes_ = 0;
  }
  tag_set_.queue_of_this_hart().submit(bios);
}

unsigned Disk::poll() {
  return tag_set_.queue_of_this_hart().poll();
}

void Disk::admit(Bio& bio) {
  bio.disk_ = this;
  // What most bios are, in a few instructions: data in one piece that is one request.
  if (carries_data(bio.op) && bio.segments.size() == 1) [[likely]] {
    const u64 bytes = bio.segments[0].bytes;
    // Neither 0 nor too much.
    if (bytes - 1 < max_bytes_in_one_piece_ && bio.segments[0].data != nullptr &&
        check(bio, bytes) == Status::Ok) [[likely]] {
      bio.total_bytes_ = bytes;
      bio.plan_ = Bio::Plan::OneWhole;
      return;
    }
  }
  admit_any(bio);
}

void Disk::admit_any(Bio& bio) {
  const u64 bytes = bio.bytes();
  bio.total_bytes_ = bytes;
  bio.issued_bytes_ = 0;
  bio.issued_to_ = {};
  bio.status = static_cast<u32>(bio.op) < kOps ? check(bio, bytes) : Status::Unsupported;
  if (carries_data(bio.op)) {
    for (const Segment& segment : bio.segments) {
      if (segment.data == nullptr && segment.bytes > 0) {
        bio.status = Status::Unsupported;
      }
    }
  }
  const bool flushes = bio.op == Op::Flush && options_.write_cache;
  bio.plan_ =
      bio.status == Status::Ok && (bytes > 0 || flushes) ? Bio::Plan::Parts : Bio::Plan::EndNow;
}

Status Disk::check(const Bio& bio, u64 bytes) const {
  const Status refusal = refusals_[static_cast<u32>(bio.op)];
  if (refusal != Status::Ok || bio.op == Op::Flush) {
    return refusal;
  }
  const u64 first = bio.sector.value();
  if ((((first << kSectorShift) | bytes) & block_mask_) != 0) {
    return Status::Misaligned;
  }
  if (first > options_.sectors || bytes >> kSectorShift > options_.sectors - first) {
    return Status::OutOfRange;
  }
  return Status::Ok;
}

Disk* find(std::string_view name) {
  for (Disk& disk : disks) {
    if (disk.name() == name) {
      return &disk;
    }
  }
  return nullptr;
}

void for_each_disk(void (*visit)(Disk& disk, void* context), void* context) {
  for (auto at = disks.begin(); at != disks.end();) {
    Disk& disk = *at++;  // it may remove itself
    visit(disk, context);
  }
}

std::array<char, 16> next_name(std::string_view prefix) {
  constexpr u32 kLetters = 26;
  std::array<char, 16> name{};
  // Among one name more than there are disks, one is free.
  for (u32 number = 0;; ++number) {
    std::array<char, 8> suffix{};  // z follows y, aa follows z
    usize start = suffix.size();
    for (u32 rest = number + 1; rest > 0; rest = (rest - 1) / kLetters) {
      suffix[--start] = static_cast<char>('a' + (rest - 1) % kLetters);
    }
    const std::string_view letters(suffix.data() + start, suffix.size() - start);
    const usize used = copy_name(name, prefix.substr(0, name.size() - 1 - letters.size()));
    std::copy(letters.begin(), letters.end(), name.begin() + static_cast<std::ptrdiff_t>(used));
    name[used + letters.size()] = '\0';
    if (find({name.data()}) == nullptr) {
      return name;
    }
  }
}

}  // namespace sluice::blk
