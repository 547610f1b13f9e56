// Directories; see directory.hpp.
#include <sluice/fs/fat/directory.hpp>

#include <algorithm>
#include <new>

#include <sluice/fs/fat/unicode.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::fat {

namespace {

constexpr u8 kEndOfDirectory = 0x00;  // in DIR_Name[0]: neither this entry nor any behind it
constexpr u8 kDeleted = 0xe5;

constexpr RawShortName kDot{'.', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '};
constexpr RawShortName kDotDot{'.', '.', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '};

bool is_long_name_slot(const RawEntry& raw) {
  return (raw.attributes & Attributes::kLongNameMask) == Attributes::kLongName;
}

bool is_label(const RawEntry& raw) {
  constexpr u8 mask = Attributes::kVolumeId | Attributes::kDirectory;
  return (raw.attributes & mask) == Attributes::kVolumeId && !is_long_name_slot(raw);
}

u32 days_of(u32 year, u32 month) {
  constexpr std::array<u8, 12> kDays{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && year != 2100;
  return kDays[month - 1] + (month == 2 && leap ? 1u : 0u);
}

}  // namespace

std::array<char, 5> Attributes::text() const {
  return {has(kReadOnly) ? 'r' : '-', has(kHidden) ? 'h' : '-', has(kSystem) ? 's' : '-',
          has(kDirectory) ? 'd' : '-', has(kArchive) ? 'a' : '-'};
}

DateTime decode_date_time(u16 date, u16 time, u8 hundredths) {
  DateTime result;
  result.set = date != 0;
  result.year = static_cast<u16>(1980 + (date >> 9));
  result.month = static_cast<u8>(date >> 5 & 0x0f);
  result.day = static_cast<u8>(date & 0x1f);
  result.hour = static_cast<u8>(time >> 11);
  result.minute = static_cast<u8>(time >> 5 & 0x3f);
  result.second = static_cast<u8>((time & 0x1f) * 2 + hundredths / 100);
  result.centisecond = static_cast<u8>(hundredths % 100);
  result.valid = result.month >= 1 && result.month <= 12 && result.day >= 1 &&
                 result.day <= days_of(result.year, result.month) && result.hour < 24 &&
                 result.minute < 60 && result.second < 60 && hundredths < 200;
  return result;
}

Text<20> DateTime::text() const {
  if (!valid) {
    return Text<20>("---------- --:--:--");
  }
  return Text<20>::formatted("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", year, month, day, hour, minute,
                             second);
}

Result<Directory> Directory::open(BlockReader& reader, Table& table, const Entry& entry) {
  const Geometry& geometry = table.geometry();
  Directory directory(reader, table);
  directory.name_ = entry.is_root ? Text<80>("/") : Text<80>(entry.name.view());
  u64 bytes = 0;
  if (entry.is_root && geometry.type != Type::Fat32) {
    directory.region_byte_ = geometry.root_byte();
    directory.region_left_ = bytes = u64{geometry.root_entries} * sizeof(RawEntry);
  } else {
    bytes = TRY(directory.check_chain(entry.first_cluster));
    directory.walk_.emplace(table, entry.first_cluster);
  }
  directory.window_bytes_ = static_cast<u32>(std::min<u64>(bytes, kMaxWindowBytes));
  directory.window_.reset(new (std::nothrow) std::byte[directory.window_bytes_]);
  if (!directory.window_) {
    return fail(Errc::NoMemory);
  }
  return directory;
}

Result<u64> Directory::check_chain(u32 first_cluster) const {
  const u32 cluster_bytes = table_->geometry().cluster_bytes;
  constexpr u64 kMaxBytes = u64{kMaxEntries} * sizeof(RawEntry);
  const u32 most = static_cast<u32>(std::max<u64>(kMaxBytes / cluster_bytes, 1));
  ChainWalk walk(*table_, first_cluster);
  ChainWalk::Step step = ChainWalk::Step::Run;
  while (step == ChainWalk::Step::Run) {
    if (walk.clusters() > most) {
      log::error("{}: {}: its chain of clusters is longer than a directory can be ({} bytes)",
                 table_->device_name(), name_.view(), kMaxBytes);
      return fail(Errc::Malformed);
    }
    step = TRY(walk.advance(most + 1));
  }
  // Where it breaks off later, what stands before that can be read.
  if (step == ChainWalk::Step::Cycle || walk.clusters() == 0) {
    log_broken_chain(*table_, name_, walk, step);
    return fail(Errc::Malformed);
  }
  return u64{walk.clusters()} * cluster_bytes;
}

// Goes to the next run of clusters: false where there is none.
Result<bool> Directory::next_region() {
  if (!walk_) {
    return false;
  }
  const Geometry& geometry = table_->geometry();
  const ChainWalk::Step step = TRY(walk_->advance());
  switch (step) {
    case ChainWalk::Step::Run:
      region_byte_ = geometry.cluster_byte(walk_->run().cluster);
      region_left_ = u64{walk_->run().count} * geometry.cluster_bytes;
      return true;
    case ChainWalk::Step::End:
      return false;
    case ChainWalk::Step::Broken:
    case ChainWalk::Step::Cycle:
      break;
  }
  log_broken_chain(*table_, name_, *walk_, step);
  return fail(Errc::Malformed);
}

Result<bool> Directory::fill() {
  if (region_left_ == 0 && !TRY(next_region())) {
    return false;
  }
  const u32 bytes = static_cast<u32>(std::min<u64>(region_left_, window_bytes_));
  TRY(reader_->read(region_byte_, {window_.get(), bytes}));
  region_byte_ += bytes;
  region_left_ -= bytes;
  filled_bytes_ = bytes;
  used_bytes_ = 0;
  return true;
}

Result<std::optional<RawEntry>> Directory::next_raw() {
  if (ended_) {
    return std::nullopt;
  }
  if (used_bytes_ == filled_bytes_) {
    ended_ = true;  // stays so where fill() fails
    if (entries_ >= kMaxEntries || !TRY(fill())) {
      return std::nullopt;
    }
    ended_ = false;
  }
  const std::optional<RawEntry> raw =
      read_object<RawEntry>({window_.get(), filled_bytes_}, used_bytes_);
  used_bytes_ += sizeof(RawEntry);
  ++entries_;
  if (!raw || raw->name[0] == kEndOfDirectory) {
    ended_ = true;
    return std::nullopt;
  }
  return raw;
}

// False where the entry has no name at all.
bool Directory::decode(const RawEntry& raw, Entry& entry) {
  entry.short_name = decode_short_name(raw.name, 0);
  if (!long_name_.take(raw.name, entry.name)) {
    entry.name = Name(decode_short_name(raw.name, raw.nt_flags).view());
  }
  const u32 high = table_->geometry().type == Type::Fat32 ? u32{raw.first_cluster_high} : 0;
  entry.attributes = {raw.attributes};
  entry.size_bytes = entry.is_directory() ? 0 : u32{raw.file_bytes};
  entry.first_cluster = (high << 16 | raw.first_cluster_low) & 0x0fff'ffff;
  entry.created = decode_date_time(raw.created_date, raw.created_time, raw.created_hundredths);
  entry.accessed = decode_date_time(raw.accessed_date, 0);
  entry.modified = decode_date_time(raw.modified_date, raw.modified_time);
  entry.is_root = false;
  return !entry.name.empty();
}

Result<bool> Directory::next(Entry& entry) {
  while (const std::optional<RawEntry> raw = TRY(next_raw())) {
    if (raw->name[0] == kDeleted) {
      long_name_.reset();
    } else if (is_long_name_slot(*raw)) {
      long_name_.add(std::bit_cast<LongNameSlot>(*raw));
    } else if ((raw->attributes & Attributes::kVolumeId) != 0 || raw->name == kDot ||
               raw->name == kDotDot) {
      long_name_.reset();
    } else if (decode(*raw, entry)) {
      return true;
    }
  }
  return false;
}

Result<bool> Directory::find(std::string_view name, Entry& entry) {
  while (TRY(next(entry))) {
    if (equal_ignoring_case(name, entry.name) || equal_ignoring_case(name, entry.short_name)) {
      return true;
    }
  }
  return false;
}

Result<std::optional<Label>> Directory::find_label() {
  while (const std::optional<RawEntry> raw = TRY(next_raw())) {
    if (raw->name[0] != kDeleted && is_label(*raw)) {
      return decode_label(raw->name);
    }
  }
  return std::nullopt;
}

}  // namespace sluice::fat
