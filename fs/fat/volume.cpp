// A volume; see volume.hpp.
#include <sluice/fs/fat/volume.hpp>

#include <algorithm>
#include <new>

#include <sluice/kernel/command_line.hpp>
#include <sluice/kernel/endian.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::fat {

namespace {

// FAT32's sector with what it would take long to count.
struct FsInfo {
  UnalignedLe<u32> lead_signature;
  std::array<u8, 480> reserved1;
  UnalignedLe<u32> signature;
  UnalignedLe<u32> free_clusters;
  UnalignedLe<u32> next_free;
  std::array<u8, 12> reserved2;
  UnalignedLe<u32> trail_signature;

  bool valid() const {
    return lead_signature == 0x4161'5252u && signature == 0x6141'7272u &&
           trail_signature == 0xaa55'0000u;
  }
};
static_assert(sizeof(FsInfo) == 512);
constexpr u32 kUnknown = 0xffff'ffff;

constexpr u64 kUsualBackupSector = 6;

// Bits of BS_Reserved1.
constexpr u8 kStateDirty = 0x01;
constexpr u8 kStateError = 0x02;

// The bits of entry 1 that say that all is well: the highest two of those in use.
struct StateBits {
  u32 clean;
  u32 no_error;
};
constexpr StateBits kFat16State{0x8000, 0x4000};
constexpr StateBits kFat32State{0x0800'0000, 0x0400'0000};

std::unexpected<MountError> mount_error(Errc code, std::string_view device, std::string_view what) {
  return std::unexpected(MountError{code, Line::formatted("{}: {}", device, what)});
}

// Where the boot sector cannot be read or makes no sense, its backup, which FAT32 has in its sector
// 6: at one of four places, as nobody can tell how large its sectors are.
std::optional<Geometry> find_backup(BlockReader& reader, u64 disk_bytes, Notes& notes) {
  for (const u64 sector_bytes : {512u, 1024u, 2048u, 4096u}) {
    std::array<std::byte, 512> sector;
    const u64 place = kUsualBackupSector * sector_bytes;
    Notes own;
    if (!reader.read(place, sector)) {
      continue;
    }
    if (const auto geometry = parse_backup(sector, place, disk_bytes, own)) {
      notes = own;
      return geometry;
    }
  }
  return std::nullopt;
}

std::expected<Geometry, MountError> read_boot_sector(BlockReader& reader, Notes& notes) {
  const blk::BlockDevice& device = reader.device();
  std::array<std::byte, 512> sector;
  if (const Result<void> read = reader.read(0, sector); !read) {
    return mount_error(read.error(), device.name(),
                       read.error() == Errc::Malformed
                           ? "the disk is smaller than one of its blocks"
                           : "the boot sector cannot be read");
  }
  return parse_boot_sector(sector, device.sectors() * blk::kSectorBytes, device.name(), notes);
}

std::expected<Geometry, MountError> read_geometry(BlockReader& reader, Notes& notes) {
  std::expected<Geometry, MountError> geometry = read_boot_sector(reader, notes);
  if (geometry || geometry.error().something_else || geometry.error().code == Errc::Removed) {
    return geometry;
  }
  const u64 disk_bytes = reader.device().sectors() * blk::kSectorBytes;
  if (const std::optional<Geometry> backup = find_backup(reader, disk_bytes, notes)) {
    notes.add(Line::formatted("read by its backup boot sector, sector {}: {}",
                              backup->backup_sector, geometry.error().reason.view()));
    return *backup;
  }
  return geometry;
}

// What the command line says, or 437.
CodePage chosen_code_page() {
  constexpr std::string_view kWord = "codepage";
  constexpr u64 k437 = static_cast<u64>(CodePage::Cp437);
  constexpr u64 k850 = static_cast<u64>(CodePage::Cp850);
  const u64 number = command_line::number(kWord, k437, k850).value_or(k437);
  if (number != k437 && number != k850) {
    log::warning("{}={}: there are 437 and 850; 437 is taken", kWord, number);
  }
  return number == k850 ? CodePage::Cp850 : CodePage::Cp437;
}

// Takes the first part off a path: empty where there is none.
std::string_view take_part(std::string_view& path) {
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  const std::string_view part(path.data(), std::min(path.find('/'), path.size()));
  path.remove_prefix(part.size());
  return part;
}

}  // namespace

std::array<char, 9> VolumeInfo::serial_text() const {
  std::array<char, 9> text;
  u32 rest = serial;
  for (usize i = text.size(); i-- > 0;) {
    if (i == 4) {
      text[i] = '-';
    } else {
      text[i] = "0123456789ABCDEF"[rest % 16];
      rest /= 16;
    }
  }
  return text;
}

Volume::Volume(BlockReader&& reader, const Geometry& geometry, const Notes& notes)
    : reader_(std::move(reader)), geometry_(geometry), table_(reader_, geometry_), notes_(notes) {}

Volume::MountResult Volume::mount(blk::BlockDevice& device) {
  Result<BlockReader> reader = BlockReader::create(device);
  if (!reader) {
    return mount_error(reader.error(), device.name(), to_string(reader.error()));
  }
  if (device.sectors() == 0) {
    return mount_error(Errc::Removed, device.name(), "the disk has no sectors, or is gone");
  }
  Notes notes;
  std::expected<Geometry, MountError> geometry = read_geometry(*reader, notes);
  if (!geometry) {
    return std::unexpected(geometry.error());
  }
  geometry->code_page = chosen_code_page();
  std::unique_ptr<Volume> volume(new (std::nothrow) Volume(std::move(*reader), *geometry, notes));
  if (!volume) {
    return mount_error(Errc::NoMemory, device.name(), to_string(Errc::NoMemory));
  }
  return volume;
}

Entry Volume::root() const {
  Entry entry;
  entry.attributes = {Attributes::kDirectory};
  entry.first_cluster = geometry_.root_cluster;
  entry.is_root = true;
  return entry;
}

Result<Entry> Volume::lookup(std::string_view path) {
  Entry entry = root();
  while (true) {
    const std::string_view before = path;
    const std::string_view part = take_part(path);
    if (!before.empty() && !entry.is_directory()) {
      return fail(Errc::NotADirectory);
    }
    if (part.empty()) {
      return entry;
    }
    Directory directory = TRY(open_directory(entry));
    if (!TRY(directory.find(part, entry))) {
      return fail(Errc::NotFound);
    }
  }
}

Result<Directory> Volume::open_directory(const Entry& entry) {
  if (!entry.is_directory()) {
    return fail(Errc::NotADirectory);
  }
  return Directory::open(reader_, table_, entry);
}

Result<File> Volume::open(const Entry& entry) {
  if (entry.is_directory()) {
    return fail(Errc::IsADirectory);
  }
  return File(reader_, table_, entry);
}

Result<VolumeInfo> Volume::info() {
  VolumeInfo info{.type = geometry_.type,
                  .label = {},
                  .serial = geometry_.serial,
                  .sector_bytes = geometry_.sector_bytes,
                  .cluster_bytes = geometry_.cluster_bytes,
                  .clusters = geometry_.clusters};
  read_labels(info);
  TRY(read_state(info));
  read_fs_info(info);
  if (!info.free_clusters_from_fsinfo) {
    info.free_clusters = TRY(table_.count_free());
  }
  return info;
}

// Believed only where it is there, knows, and can be right.
void Volume::read_fs_info(VolumeInfo& info) {
  if (geometry_.fs_info_sector == 0) {
    return;
  }
  std::array<std::byte, sizeof(FsInfo)> bytes;
  const u64 place = u64{geometry_.fs_info_sector} * geometry_.sector_bytes;
  if (const Result<void> read = reader_.read(place, bytes); !read) {
    info.fs_info_problem = Line::formatted("sector {} (BPB_FSInfo) cannot be read: {}",
                                           geometry_.fs_info_sector, to_string(read.error()));
    notes_.add(info.fs_info_problem);
    return;
  }
  const auto fs_info = std::bit_cast<FsInfo>(bytes);
  if (!fs_info.valid()) {
    info.fs_info_problem =
        Line::formatted("sector {} (BPB_FSInfo) is no FSInfo sector", geometry_.fs_info_sector);
    notes_.add(info.fs_info_problem);
    return;
  }
  info.free_clusters = fs_info.free_clusters;
  info.free_clusters_from_fsinfo = info.free_clusters <= geometry_.clusters;
  if (info.free_clusters != kUnknown && !info.free_clusters_from_fsinfo) {
    info.fs_info_problem = Line::formatted("FSInfo counts {} free clusters of {}",
                                           info.free_clusters, geometry_.clusters);
    notes_.add(info.fs_info_problem);
  }
}

// The bits of the boot sector (Linux's and Windows NT's) and of the table (the specification's).
Result<void> Volume::read_state(VolumeInfo& info) {
  info.dirty = (geometry_.state & kStateDirty) != 0;
  info.error = (geometry_.state & kStateError) != 0;
  if (geometry_.type == Type::Fat12) {
    return {};
  }
  const StateBits bits = geometry_.type == Type::Fat16 ? kFat16State : kFat32State;
  const u32 entry = TRY(table_.value(1));
  info.dirty = info.dirty || (entry & bits.clean) == 0;
  info.error = info.error || (entry & bits.no_error) == 0;
  return {};
}

// That of the root directory, else the boot sector's. Where the root directory cannot be read, all
// else is worth knowing all the more.
void Volume::read_labels(VolumeInfo& info) {
  Label in_boot_sector =
      geometry_.extended ? decode_label(geometry_.label, geometry_.code_page) : Label();
  if (in_boot_sector.view() == "NO NAME") {
    in_boot_sector = {};
  }
  Result<Directory> directory = open_directory(root());
  const Result<std::optional<Label>> found =
      directory ? directory->find_label() : fail(directory.error());
  if (!found) {
    notes_.add(Line::formatted("the root directory cannot be read: {}", to_string(found.error())));
  }
  const bool in_root = found && *found;
  info.label = in_root ? **found : in_boot_sector;
  info.labels_differ =
      in_root && !in_boot_sector.empty() && info.label.view() != in_boot_sector.view();
}

}  // namespace sluice::fat
