// Disks with partition tables: made here byte by byte, or by the tools that people use; and a table
// in one line of text, so that a failed comparison can be read.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <sluice/drivers/block/partition_table.hpp>

#include "tests/catch.hpp"
#include "tests/port/world.hpp"
#include "tests/unit/base/log_lines.hpp"
#include "tests/unit/fat/byte_device.hpp"

namespace sluice::test {

using Bytes = std::vector<std::byte>;

// "gpt 1:2048+100 2:4096+7", in sectors, or the error in words.
std::string table_of(blk::BlockDevice& device);
std::string table_of(const Bytes& disk, u32 block_bytes = 512);

// The lowest byte first.
void put(Bytes& bytes, u64 at, u64 value, u32 width);
u64 get(const Bytes& bytes, u64 at, u32 width);

// A record of the table in the block at byte `block`; `slot` counts from 0. Signs the block.
struct Record {
  u8 type;
  u32 first;
  u32 blocks;
  u8 boot_indicator = 0;
};
void put_record(Bytes& disk, u64 block, u32 slot, const Record& record);

// A GPT with its backup. The fields may be spoilt at will: seal() makes the CRCs right again.
class GptDisk {
 public:
  struct Shape {
    u64 blocks = 2048;
    u32 block_bytes = 512;
    u32 entries = 128;
    u32 entry_bytes = 128;
  };
  // Where in a header its fields are.
  enum Field : u32 {
    kHeaderBytes = 12,
    kHeaderCrc = 16,
    kMyLba = 24,
    kAlternateLba = 32,
    kFirstUsable = 40,
    kLastUsable = 48,
    kEntriesLba = 72,
    kEntries = 80,
    kEntryBytes = 84,
    kEntriesCrc = 88,
  };

  GptDisk() : GptDisk(Shape{}) {}
  explicit GptDisk(const Shape& shape);

  // In both arrays.
  void set_entry(u32 slot, u64 first, u64 last);
  // In both headers.
  void set(Field field, u64 value);
  void seal();

  u64 first_header() const { return shape_.block_bytes; }  // in bytes, as all of these
  u64 last_header() const { return (shape_.blocks - 1) * shape_.block_bytes; }
  u64 first_array() const { return u64{2} * shape_.block_bytes; }
  u64 last_array() const;
  u64 array_bytes() const { return u64{shape_.entries} * shape_.entry_bytes; }

  Bytes bytes;

 private:
  void seal(u64 header, u64 array);
  Shape shape_;
};

// A folder with the image of a disk, which the tools work on.
class ToolDisk {
 public:
  explicit ToolDisk(u64 bytes);
  ~ToolDisk() { std::filesystem::remove_all(folder_); }
  ToolDisk(const ToolDisk&) = delete;
  ToolDisk& operator=(const ToolDisk&) = delete;

  // Runs a command in which IMAGE stands for the image; what it has printed.
  std::string run(const std::string& command) const;
  // `script` as what sfdisk reads.
  void sfdisk(const std::string& options, const std::string& script) const;
  Bytes load() const;
  void save(const Bytes& bytes) const;

  // What the tools see, in the form of table_of.
  std::string seen_by_sfdisk() const;
  std::string seen_by_sgdisk() const;
  std::string seen_by_fdisk(u32 block_bytes) const;

 private:
  std::filesystem::path folder_;
  std::filesystem::path image_;
};

}  // namespace sluice::test
