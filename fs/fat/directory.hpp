// Directories: files and directories one after the other, with their long names.
// Used by Volume::lookup and by programs that list. Reference: Microsoft FAT specification 1.03,
// "FAT Directory Structure" and "FAT Long Directory Entries".
#pragma once

#include <optional>

#include <sluice/fs/fat/raw_directory.hpp>

namespace sluice::fat {

// A date and a time of day in the volume's (unknown) time zone.
struct DateTime {
  u16 year = 0;  // 1980…2107
  u8 month = 0;
  u8 day = 0;
  u8 hour = 0;
  u8 minute = 0;
  u8 second = 0;
  u8 centisecond = 0;
  bool set = false;    // false: the field is 0, nobody wrote it
  bool valid = false;  // false: no such day or time; the numbers are what the bits say

  // `YYYY-MM-DD HH:MM:SS`; a dash in the place of every digit where it is not valid.
  Text<20> text() const;
};

// Decodes DIR_WrtDate, DIR_WrtTime and, for creation, DIR_CrtTimeTenth (0…199). Any context.
DateTime decode_date_time(u16 date, u16 time, u8 hundredths = 0);

// A file or directory, as its directory describes it. Nothing in it was checked against the table
// yet.
struct Entry {
  Name name;             // the long name, else the short one; empty for the root
  ShortName short_name;  // also valid in paths
  Attributes attributes;
  u32 size_bytes = 0;     // of a directory 0
  u32 first_cluster = 0;  // 0: none, or the fixed root
  DateTime created;
  DateTime accessed;  // the date only
  DateTime modified;
  bool is_root = false;

  bool is_directory() const { return attributes.has(Attributes::kDirectory); }
};

// An open directory. Movable; the volume outlives it. Order of calls: next() until false or an
// error.
class Directory {
 public:
  // Opens the root, or the directory of an entry. What RawDirectory::open says. Task.
  static Result<Directory> open(BlockReader& reader, Table& table, const Entry& entry);

  // The next file or directory, without ".", "..", labels, deleted and orphaned ones; false at the
  // end. Malformed where the chain breaks off, Io, Removed; after an error there is no next one.
  // Task.
  Result<bool> next(Entry& entry);

  // Continues until an entry of this name, long or short, in any case; false where there is none.
  // Entries that it cannot be are not even decoded. Same errors. Task.
  Result<bool> find(std::string_view name, Entry& entry);

  // Continues until the volume label (in the root). Same errors. Task.
  Result<std::optional<Label>> find_label();

  // Entries that it has room for. Any context.
  u32 capacity() const { return raw_.capacity(); }

 private:
  Directory(RawDirectory&& raw, const Geometry& geometry)
      : raw_(std::move(raw)), type_(geometry.type), code_page_(geometry.code_page) {}
  // The next entry with a name of its own, the slots before it in slots_; null at the end.
  Result<const RawEntry*> next_named();
  bool decode(const RawEntry& raw, Entry& entry) const;

  RawDirectory raw_;
  Type type_;
  CodePage code_page_;
  LongNameSlots slots_;
};

}  // namespace sluice::fat
