// Names: the 8.3 name of a directory entry and the long name in the slots before it, both as UTF-8.
// Used by directory. Reference: Microsoft FAT specification 1.03, "FAT Directory Structure" and
// "FAT Long Directory Entries".
#pragma once

#include <array>
#include <span>

#include <sluice/fs/fat/text.hpp>
#include <sluice/kernel/endian.hpp>

namespace sluice::fat {

inline constexpr usize kMaxLongNameUnits = 255;  // of UTF-16

// Any name as UTF-8: a UTF-16 unit becomes at most three bytes.
using Name = Text<kMaxLongNameUnits * 3>;
// An 8.3 name as UTF-8: twelve characters of a code page, at most three bytes each.
using ShortName = Text<36>;
// A volume label as UTF-8: eleven characters.
using Label = Text<33>;

// A short name as it stands on the disk: eight and three bytes, padded with blanks.
using RawShortName = std::array<u8, 11>;

// DIR_NTRes: which part of a name without long name is to be shown in lower case.
inline constexpr u8 kLowerCaseBase = 0x08;
inline constexpr u8 kLowerCaseExtension = 0x10;
// And that there is no short name: some kernels' mark, which no other system knows.
inline constexpr u8 kNoShortName = 0x20;

// The character set of short names and labels, which nothing on the disk names.
enum class CodePage : u16 { Cp437 = 437, Cp850 = 850 };

// The code point of a byte of a code page. Any context.
u32 from_code_page(u8 byte, CodePage code_page);

// The 8.3 name as UTF-8, "README.TXT"; 0x05 in front stands for 0xe5; what could not be in a path
// ('/', control characters, a dot within a part) becomes '_'. Any context.
ShortName decode_short_name(const RawShortName& raw, u8 nt_flags,
                            CodePage code_page = CodePage::Cp437);

// A volume label as UTF-8, without trailing blanks; 0x05 as above, control characters become '_'.
// Any context.
Label decode_label(const RawShortName& raw, CodePage code_page = CodePage::Cp437);

// What the slots of a long name say of the short name they belong to. Any context.
u8 short_name_checksum(const RawShortName& raw);

// One slot of a long name on the disk.
struct alignas(8) LongNameSlot {
  u8 order;  // LDIR_Ord: 1…20, the last in name order (and first on the disk) with kLastSlot
  std::array<UnalignedLe<u16>, 5> name1;
  u8 attributes;  // LDIR_Attr: 0x0f
  u8 type;        // 0
  u8 checksum;    // of the short name
  std::array<UnalignedLe<u16>, 6> name2;
  UnalignedLe<u16> first_cluster;  // 0
  std::array<UnalignedLe<u16>, 2> name3;
};
static_assert(sizeof(LongNameSlot) == 32);
inline constexpr u8 kLastSlot = 0x40;
inline constexpr usize kUnitsPerSlot = 13;
inline constexpr u8 kMaxSlots = 20;

// The slots of one long name, as they come: from one that says that it is the last on. Order of
// calls: add() for each, decode() at the short entry behind them, clear() at anything else.
class LongNameSlots {
 public:
  void clear() { count_ = 0; }
  void add(const LongNameSlot& slot) {
    if ((slot.order & kLastSlot) != 0) {
      count_ = 0;
    } else if (count_ == 0) {
      return;  // the last was not there
    }
    if (count_ == kMaxSlots) [[unlikely]] {
      count_ = 0;
      return;
    }
    slots_[count_++] = slot;
  }
  std::span<const LongNameSlot> all() const { return {slots_.data(), count_}; }

  // Puts the name into `name` where the slots are complete, in order, with the checksum of this
  // short name, and a name; else false: the short name stands. Any context.
  bool decode(const RawShortName& short_name, Name& name) const;

 private:
  std::array<LongNameSlot, kMaxSlots> slots_;
  usize count_ = 0;
};

// UTF-16 to UTF-8: surrogates in pairs, one alone as U+FFFD. False where the text could not be a
// name: empty, longer than 255 units, "." or "..", with '/' or a character below the blank. Any
// context.
bool decode_long_name(std::span<const u16> units, Name& name);

}  // namespace sluice::fat
