// The disks that were added, by name, and open handles to them.
#include <sluice/drivers/block/disk_list.hpp>

#include <algorithm>

#include <sluice/drivers/block/in_flight.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::blk {
namespace {

constinit List<Disk, DiskListTag> disks;
constinit SpinLock lock;  // protects the list, and which handles a disk has

Disk* find_locked(std::string_view name) {
  for (Disk& disk : disks) {
    if (disk.name() == name) {
      return &disk;
    }
  }
  return nullptr;
}

// Copies as much of `text` as leaves room for the '\0'; how many bytes.
usize copy_name(std::span<char> name, std::string_view text) {
  const usize bytes = std::min(text.size(), name.size() - 1);
  std::copy_n(text.begin(), bytes, name.begin());
  name[bytes] = '\0';
  return bytes;
}

}  // namespace

// --- The list ------------------------------------------------------------------------------------

Disk* find(std::string_view name) {
  const LockGuard guard(lock);
  return find_locked(name);
}

void for_each_disk(void (*visit)(Disk& disk, void* context), void* context) {
  for (auto at = disks.begin(); at != disks.end();) {
    Disk& disk = *at++;  // it may remove itself
    visit(disk, context);
  }
}

Result<void> add_to_list(Disk& disk) {
  tell_in_flight_in_panics();
  {
    const LockGuard guard(lock);
    if (find_locked(disk.name()) == nullptr) {
      disks.push_back(disk);
      return {};
    }
  }
  log::error("{}: there is a disk of that name already", disk.name());
  return fail(Errc::Exists);
}

// Who is inside a submission through a handle is waited for, so that nobody reaches the disk any
// more; under the lock, because the handle is its owner's, who may release it and be gone.
void remove_from_list(Disk& disk) {
  const LockGuard guard(lock);
  static_cast<ListNode<DiskListTag>&>(disk).unlink();
  while (OpenDevice* const open = disk.opens_.pop_front()) {
    open->disk_.store(nullptr, std::memory_order_seq_cst);
    --disk.open_count_;
    while (open->users_.load(std::memory_order_seq_cst) != 0) {
      port::relax();
    }
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

// --- Open handles --------------------------------------------------------------------------------

Result<void> OpenDevice::open(std::string_view name) {
  if (!removed()) {
    return fail(Errc::Busy);
  }
  const LockGuard guard(lock);
  for (Disk& disk : disks) {
    const Partition* const partition = disk.find_partition(name);
    if (disk.name() != name && partition == nullptr) {
      continue;
    }
    window_ = partition == nullptr ? Window{0, ~u64{0}} : partition->window();
    limits_ = disk.limits();
    copy_name(name_, name);
    disk.opens_.push_back(*this);
    ++disk.open_count_;
    disk_.store(&disk, std::memory_order_release);
    return {};
  }
  return fail(Errc::NotFound);
}

void OpenDevice::release() {
  const LockGuard guard(lock);
  if (Disk* const disk = disk_.exchange(nullptr, std::memory_order_relaxed); disk != nullptr) {
    disk->opens_.remove(*this);
    --disk->open_count_;
  }
}

// Holds on to the disk, if it is still there, for as long as it lives.
class OpenDevice::Use {
 public:
  explicit Use(const OpenDevice& open) : open_(open) {
    open.users_.fetch_add(1, std::memory_order_seq_cst);
    disk_ = open.disk_.load(std::memory_order_seq_cst);
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() { open_.users_.fetch_sub(1, std::memory_order_release); }
  Disk* disk() const { return disk_; }

 private:
  const OpenDevice& open_;
  Disk* disk_;
};

u64 OpenDevice::sectors() const {
  const Use use(*this);
  const u64 whole = use.disk() == nullptr ? 0 : use.disk()->sectors();
  return whole > window_.first ? std::min(window_.sectors, whole - window_.first) : 0;
}

bool OpenDevice::suspended() const {
  const Use use(*this);
  return use.disk() != nullptr && use.disk()->suspended();
}

bool OpenDevice::read_only() const {
  const Use use(*this);
  return use.disk() != nullptr && use.disk()->read_only();
}

bool OpenDevice::has_write_cache() const {
  const Use use(*this);
  return use.disk() != nullptr && use.disk()->has_write_cache();
}

void OpenDevice::submit(List<Bio>& bios) {
  const Use use(*this);
  if (use.disk() != nullptr) [[likely]] {
    use.disk()->submit_within(window_, bios);
    return;
  }
  while (Bio* const bio = bios.pop_front()) {
    bio->status = Status::Removed;
    bio->end_io(*bio);
  }
}

unsigned OpenDevice::poll() {
  const Use use(*this);
  return use.disk() == nullptr ? 0 : use.disk()->poll();
}

}  // namespace sluice::blk
