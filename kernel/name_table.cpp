// Looking up addresses by bisection.
#include <sluice/kernel/name_table.hpp>

#include <sluice/kernel/endian.hpp>

namespace sluice {
namespace {

constexpr u32 kMagic = 0x4d4e4c53;
constexpr usize kEntryBytes = 8;
constexpr u32 kNoFrame = 0xffff, kFromS0 = 0x8000;
constexpr u64 kCfaUnit = 16, kSlotUnit = 8;

u32 u32_at(std::span<const std::byte> bytes, usize at) {
  return read_object<le32>(bytes, at).value_or(0);
}

}  // namespace

u64 NameTable::table_bytes(std::span<const std::byte, kHeaderBytes> header) {
  if (u32_at(header, 0) != kMagic) {
    return 0;
  }
  return kHeaderBytes + (u64{u32_at(header, 4)} + u32_at(header, 8)) * kEntryBytes +
         u32_at(header, 12);
}

bool NameTable::read(std::span<const std::byte> table, u64 code_start) {
  *this = {};
  if (table.size() < kHeaderBytes || table_bytes(table.first<kHeaderBytes>()) == 0 ||
      table_bytes(table.first<kHeaderBytes>()) > table.size()) {
    return false;
  }
  code_start_ = code_start;
  functions_ = table.subspan(kHeaderBytes, u32_at(table, 4) * kEntryBytes);
  rows_ = table.subspan(kHeaderBytes + functions_.size(), u32_at(table, 8) * kEntryBytes);
  text_ = table.subspan(kHeaderBytes + functions_.size() + rows_.size(), u32_at(table, 12));
  return true;
}

const std::byte* NameTable::last_up_to(std::span<const std::byte> entries, u64 offset) {
  usize low = 0;
  usize high = entries.size() / kEntryBytes;
  while (low < high) {
    const usize middle = (low + high) / 2;
    if (u32_at(entries, middle * kEntryBytes) <= offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low == 0 ? nullptr : entries.data() + (low - 1) * kEntryBytes;
}

std::optional<NameTable::Function> NameTable::function_at(u64 address) const {
  const std::byte* const entry =
      address < code_start_ ? nullptr : last_up_to(functions_, address - code_start_);
  if (entry == nullptr) {
    return std::nullopt;
  }
  const u32 name = u32_at({entry, kEntryBytes}, 4);
  if (name >= text_.size()) {
    return std::nullopt;
  }
  const std::string_view text(reinterpret_cast<const char*>(text_.data()) + name,
                              text_.size() - name);
  return Function{text.substr(0, text.find('\0')),
                  address - code_start_ - u32_at({entry, kEntryBytes}, 0)};
}

std::optional<NameTable::Frame> NameTable::frame_at(u64 address) const {
  const std::byte* const entry =
      address < code_start_ ? nullptr : last_up_to(rows_, address - code_start_);
  if (entry == nullptr) {
    return std::nullopt;
  }
  const u32 rule = u32_at({entry, kEntryBytes}, 4);
  const u32 cfa = rule & 0xffff;
  if (cfa == kNoFrame) {
    return std::nullopt;
  }
  return Frame{.from_s0 = (cfa & kFromS0) != 0,
               .bytes = (cfa & ~kFromS0) * kCfaUnit,
               .ra_bytes_below = (rule >> 16 & 0xff) * kSlotUnit,
               .s0_bytes_below = (rule >> 24) * kSlotUnit};
}

}  // namespace sluice
