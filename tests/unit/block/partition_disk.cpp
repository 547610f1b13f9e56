// Disks with partition tables; see partition_disk.hpp.
#include "tests/unit/block/partition_disk.hpp"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace sluice::test {

std::string table_of(blk::BlockDevice& device) {
  const Result<blk::PartitionTable> table = blk::PartitionTable::read(device);
  if (!table) {
    return std::string(to_string(table.error()));
  }
  std::string text(table->kind());
  for (const blk::PartitionEntry& entry : table->entries()) {
    text += " " + std::to_string(entry.number) + ":" + std::to_string(entry.first.value()) + "+" +
            std::to_string(entry.sectors);
  }
  return text;
}

std::string table_of(const Bytes& disk, u32 block_bytes) {
  const World world;
  ByteDevice device(disk, block_bytes);
  std::string text = table_of(device);
  REQUIRE(device.senseless == 0);
  return text;
}

void put(Bytes& bytes, u64 at, u64 value, u32 width) {
  for (u32 i = 0; i < width; ++i) {
    bytes.at(at + i) = static_cast<std::byte>(value >> 8 * i);
  }
}

u64 get(const Bytes& bytes, u64 at, u32 width) {
  u64 value = 0;
  for (u32 i = 0; i < width; ++i) {
    value |= std::to_integer<u64>(bytes.at(at + i)) << 8 * i;
  }
  return value;
}

void put_record(Bytes& disk, u64 block, u32 slot, const Record& record) {
  const u64 at = block + 446 + u64{slot} * 16;
  put(disk, at, record.boot_indicator, 1);
  put(disk, at + 4, record.type, 1);
  put(disk, at + 8, record.first, 4);
  put(disk, at + 12, record.blocks, 4);
  put(disk, block + 510, 0xaa55, 2);
}

// --- GptDisk ---

namespace {

// Bit by bit, as the polynomial says; another way than the one under test.
u32 slow_crc32(const Bytes& bytes, u64 at, u64 count) {
  u32 crc = ~0u;
  for (u64 i = 0; i < count; ++i) {
    crc ^= std::to_integer<u32>(bytes.at(at + i));
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 1) != 0 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
    }
  }
  return ~crc;
}

}  // namespace

GptDisk::GptDisk(const Shape& shape) : bytes(shape.blocks * shape.block_bytes), shape_(shape) {
  put_record(bytes, 0, 0, {0xee, 1, static_cast<u32>(shape.blocks - 1)});
  const u64 array_blocks = (array_bytes() + shape.block_bytes - 1) / shape.block_bytes;
  const u64 last = shape.blocks - 1;
  for (const bool first : {true, false}) {
    const u64 at = first ? first_header() : last_header();
    put(bytes, at, 0x5452'4150'2049'4645, 8);  // "EFI PART"
    put(bytes, at + 8, 0x10000, 4);
    put(bytes, at + kHeaderBytes, 92, 4);
    put(bytes, at + kMyLba, first ? 1 : last, 8);
    put(bytes, at + kAlternateLba, first ? last : 1, 8);
    put(bytes, at + kFirstUsable, 2 + array_blocks, 8);
    put(bytes, at + kLastUsable, last - array_blocks - 1, 8);
    put(bytes, at + kEntriesLba, first ? 2 : last - array_blocks, 8);
    put(bytes, at + kEntries, shape.entries, 4);
    put(bytes, at + kEntryBytes, shape.entry_bytes, 4);
  }
  seal();
}

u64 GptDisk::last_array() const {
  return get(bytes, last_header() + kEntriesLba, 8) * shape_.block_bytes;
}

void GptDisk::set_entry(u32 slot, u64 first, u64 last) {
  for (const u64 array : {first_array(), last_array()}) {
    const u64 at = array + u64{slot} * shape_.entry_bytes;
    put(bytes, at, 0x4477'3de4'3d69'8477, 8);  // any type but none
    put(bytes, at + 32, first, 8);
    put(bytes, at + 40, last, 8);
  }
}

void GptDisk::set(Field field, u64 value) {
  const bool wide = field >= kMyLba && field <= kEntriesLba;
  put(bytes, first_header() + field, value, wide ? 8 : 4);
  put(bytes, last_header() + field, value, wide ? 8 : 4);
}

void GptDisk::seal() {
  seal(first_header(), first_array());
  seal(last_header(), last_array());
}

// A size that no reader can believe is one that no CRC is made over.
void GptDisk::seal(u64 header, u64 array) {
  if (array <= bytes.size() && array_bytes() <= bytes.size() - array) {
    put(bytes, header + kEntriesCrc, slow_crc32(bytes, array, array_bytes()), 4);
  }
  const u64 covered = get(bytes, header + kHeaderBytes, 4);
  put(bytes, header + kHeaderCrc, 0, 4);
  if (covered <= bytes.size() - header) {
    put(bytes, header + kHeaderCrc, slow_crc32(bytes, header, covered), 4);
  }
}

// --- ToolDisk ---

ToolDisk::ToolDisk(u64 bytes) {
  std::string name = (std::filesystem::temp_directory_path() / "sluice-table-XXXXXX").string();
  REQUIRE(mkdtemp(name.data()) != nullptr);
  folder_ = name;
  image_ = folder_ / "disk";
  save(Bytes(bytes));
}

std::string ToolDisk::run(const std::string& command) const {
  std::string line = "LC_ALL=C " + command + " 2>&1";
  for (usize at = 0; (at = line.find("IMAGE", at)) != std::string::npos;) {
    line.replace(at, 5, image_.string());
  }
  std::FILE* const pipe = popen(line.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string output;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) {
    output += static_cast<char>(c);
  }
  const int status = pclose(pipe);
  INFO(line << "\n" << output);
  REQUIRE(status == 0);
  return output;
}

void ToolDisk::save(const Bytes& bytes) const {
  std::ofstream file(image_, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  REQUIRE(file.good());
}

Bytes ToolDisk::load() const {
  std::ifstream file(image_, std::ios::binary);
  Bytes bytes(std::filesystem::file_size(image_));
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  REQUIRE(file.good());
  return bytes;
}

#if defined(SLUICE_SFDISK) && defined(SLUICE_SGDISK) && defined(SLUICE_FDISK)

void ToolDisk::sfdisk(const std::string& options, const std::string& script) const {
  std::ofstream(folder_ / "script") << script;
  run(SLUICE_SFDISK " -q " + options + " IMAGE < " + (folder_ / "script").string());
}

// A line: "IMAGE2 : start= 4096, size= 100, type=83"; an extended partition is none of ours.
std::string ToolDisk::seen_by_sfdisk() const {
  std::istringstream lines(run(SLUICE_SFDISK " --dump IMAGE"));
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("label:")) {
      text = line.ends_with("gpt") ? "gpt" : "mbr";
    }
    unsigned number = 0;
    unsigned long long start = 0;
    unsigned long long size = 0;
    char type[64] = "";
    if (line.starts_with(image_.string()) &&
        std::sscanf(line.c_str() + image_.string().size(),
                    "%u : start= %llu, size= %llu, type=%63[0-9a-fA-F-]", &number, &start, &size,
                    type) == 4 &&
        std::string(type) != "5" && std::string(type) != "f" && std::string(type) != "85") {
      text +=
          " " + std::to_string(number) + ":" + std::to_string(start) + "+" + std::to_string(size);
    }
  }
  return text;
}

// Lines behind "Number  Start (sector)    End (sector) …": "   1   2048   4095 …".
std::string ToolDisk::seen_by_sgdisk() const {
  std::istringstream lines(run(SLUICE_SGDISK " --print IMAGE"));
  std::string text = "gpt";
  bool listed = false;
  for (std::string line; std::getline(lines, line);) {
    unsigned number = 0;
    unsigned long long first = 0;
    unsigned long long last = 0;
    if (listed && std::sscanf(line.c_str(), "%u %llu %llu", &number, &first, &last) == 3) {
      text += " " + std::to_string(number) + ":" + std::to_string(first) + "+" +
              std::to_string(last - first + 1);
    }
    listed = listed || line.starts_with("Number");
  }
  return text;
}

// Lines: "IMAGE1 256 511 5", in blocks, and the type, of an MBR as a number.
std::string ToolDisk::seen_by_fdisk(u32 block_bytes) const {
  std::istringstream lines(run(SLUICE_FDISK " -b " + std::to_string(block_bytes) +
                               " -l -o Device,Start,Sectors,Type IMAGE"));
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("Disklabel type:")) {
      text = line.ends_with("gpt") ? "gpt" : "mbr";
    }
    unsigned number = 0;
    unsigned long long first = 0;
    unsigned long long count = 0;
    if (line.starts_with(image_.string()) && line.find("Extended") == std::string::npos &&
        std::sscanf(line.c_str() + image_.string().size(), "%u %llu %llu", &number, &first,
                    &count) == 3) {
      const u64 sectors = block_bytes / 512;
      text += " " + std::to_string(number) + ":" + std::to_string(first * sectors) + "+" +
              std::to_string(count * sectors);
    }
  }
  return text;
}

#endif

}  // namespace sluice::test
