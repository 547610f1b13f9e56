// Directories; see directory.hpp.
#include <sluice/fs/fat/directory.hpp>

#include <bit>

#include <sluice/fs/fat/name_query.hpp>
#include <sluice/fs/fat/unicode.hpp>

namespace sluice::fat {

namespace {

u32 days_of(u32 year, u32 month) {
  constexpr std::array<u8, 12> kDays{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && year != 2100;
  return kDays[month - 1] + (month == 2 && leap ? 1u : 0u);
}

}  // namespace

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
  const std::string_view name = entry.is_root ? "/" : entry.name.view();
  const Geometry& geometry = table.geometry();
  // Only the root may be where no cluster is.
  if (!entry.is_root && !geometry.is_cluster(entry.first_cluster)) {
    log_broken_chain(table, name, ChainWalk(table, entry.first_cluster), ChainWalk::Step::Broken);
    return fail(Errc::Malformed);
  }
  return Directory(TRY(RawDirectory::open(reader, table, entry.first_cluster, name)), geometry);
}

Result<const RawEntry*> Directory::next_named() {
  slots_.clear();
  while (TRY(raw_.more())) {
    const RawEntry& raw = raw_.take();
    switch (raw.kind()) {
      case RawEntry::Kind::LongName:
        slots_.add(std::bit_cast<LongNameSlot>(raw));
        break;
      case RawEntry::Kind::Named:
        return &raw;
      default:
        slots_.clear();
    }
  }
  return nullptr;
}

// False where the entry has no name at all.
bool Directory::decode(const RawEntry& raw, Entry& entry) const {
  entry.short_name = decode_short_name(raw.name, 0, code_page_);
  if (!slots_.decode(raw.name, entry.name)) {
    entry.name = Name(decode_short_name(raw.name, raw.nt_flags, code_page_).view());
  }
  entry.attributes = {raw.attributes};
  entry.size_bytes = entry.is_directory() ? 0 : u32{raw.file_bytes};
  entry.first_cluster = raw.first_cluster(type_);
  entry.created = decode_date_time(raw.created_date, raw.created_time, raw.created_hundredths);
  entry.accessed = decode_date_time(raw.accessed_date, 0);
  entry.modified = decode_date_time(raw.modified_date, raw.modified_time);
  entry.is_root = false;
  return !entry.name.empty();
}

Result<bool> Directory::next(Entry& entry) {
  while (const RawEntry* const raw = TRY(next_named())) {
    if (decode(*raw, entry)) {
      return true;
    }
  }
  return false;
}

Result<bool> Directory::find(std::string_view name, Entry& entry) {
  const NameQuery query(name);
  while (const RawEntry* const raw = TRY(next_named())) {
    if ((query.may_be_long(slots_) || query.may_be_short(raw->name)) && decode(*raw, entry) &&
        (equal_ignoring_case(name, entry.name) || equal_ignoring_case(name, entry.short_name))) {
      return true;
    }
  }
  return false;
}

Result<std::optional<Label>> Directory::find_label() {
  while (TRY(raw_.more())) {
    const RawEntry& raw = raw_.take();
    if (raw.kind() == RawEntry::Kind::VolumeLabel &&
        (raw.attributes & Attributes::kDirectory) == 0) {
      return decode_label(raw.name, code_page_);
    }
  }
  return std::nullopt;
}

}  // namespace sluice::fat
