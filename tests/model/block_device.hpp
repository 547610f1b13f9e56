// A virtio block device of bytes in memory, for MmioDevice.
// Used by tests of virtio-blk drivers. Reference: virtio 1.2, 5.2.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "personality.hpp"

namespace referee {

// --- Features, 5.2.3 ----------------------------------------------------------------------------
inline constexpr std::uint64_t kBlkSizeMax = std::uint64_t{1} << 1;
inline constexpr std::uint64_t kBlkSegMax = std::uint64_t{1} << 2;
inline constexpr std::uint64_t kBlkGeometry = std::uint64_t{1} << 4;
inline constexpr std::uint64_t kBlkReadOnly = std::uint64_t{1} << 5;
inline constexpr std::uint64_t kBlkBlockSize = std::uint64_t{1} << 6;
inline constexpr std::uint64_t kBlkFlush = std::uint64_t{1} << 9;
inline constexpr std::uint64_t kBlkTopology = std::uint64_t{1} << 10;
inline constexpr std::uint64_t kBlkConfigWce = std::uint64_t{1} << 11;
inline constexpr std::uint64_t kBlkMultiQueue = std::uint64_t{1} << 12;
inline constexpr std::uint64_t kBlkDiscard = std::uint64_t{1} << 13;
inline constexpr std::uint64_t kBlkWriteZeroes = std::uint64_t{1} << 14;
inline constexpr std::uint64_t kBlkLifetime = std::uint64_t{1} << 15;
inline constexpr std::uint64_t kBlkSecureErase = std::uint64_t{1} << 16;

// --- Requests, 5.2.6 ----------------------------------------------------------------------------
inline constexpr std::uint32_t kBlkIn = 0;
inline constexpr std::uint32_t kBlkOut = 1;
inline constexpr std::uint32_t kBlkFlushRequest = 4;
inline constexpr std::uint32_t kBlkFlushOut = 5;  // legacy: a flush as well, 5.2.6.3
inline constexpr std::uint32_t kBlkGetId = 8;
inline constexpr std::uint32_t kBlkGetLifetime = 10;
inline constexpr std::uint32_t kBlkDiscardRequest = 11;
inline constexpr std::uint32_t kBlkWriteZeroesRequest = 13;
inline constexpr std::uint32_t kBlkSecureEraseRequest = 14;
inline constexpr std::uint8_t kBlkOk = 0;
inline constexpr std::uint8_t kBlkIoError = 1;
inline constexpr std::uint8_t kBlkUnsupported = 2;
inline constexpr std::uint32_t kSectorBytes = 512;
inline constexpr std::uint32_t kBlkHeaderBytes = 16;
inline constexpr std::uint32_t kBlkIdBytes = 20;

struct BlockOptions {
  std::uint64_t sectors = 2048;  // of 512 bytes
  bool read_only = false;
  // BLK_SIZE. A request that is not whole blocks fails, as in QEMU.
  std::optional<std::uint32_t> block_bytes{};
  std::optional<std::uint32_t> seg_max{};   // SEG_MAX
  std::optional<std::uint32_t> size_max{};  // SIZE_MAX
  bool flush = true;
  bool config_wce = false;
  bool writeback = true;  // the cache mode after a reset, where there is a cache to flush
  bool topology = false;
  std::uint16_t queues = 1;  // more: MQ
  // MQ, and what the configuration says of their number, true or not.
  std::optional<std::uint16_t> num_queues{};
  std::string id = "referee";
};

// A sparse disk: sectors that were never written read as zero, or as `fill` makes them.
class Disk {
 public:
  using Sector = std::array<std::byte, kSectorBytes>;
  // What an untouched sector holds, a function of its number and the offset.
  std::byte (*fill)(std::uint64_t sector, std::uint32_t offset) = nullptr;

  Sector read(std::uint64_t sector) const;
  void write(std::uint64_t sector, const Sector& bytes) { sectors_[sector] = bytes; }
  // Puts an image at sector 0; a ragged end is filled with zeroes.
  void load(std::span<const std::byte> image);
  std::size_t written() const { return sectors_.size(); }

 private:
  std::map<std::uint64_t, Sector> sectors_;
};

// What the driver asked for, in the order of execution.
struct BlockRequest {
  std::uint32_t type;
  std::uint64_t sector;
  std::uint64_t bytes;  // of data
  std::uint8_t status;  // the answer
  std::uint16_t queue;
  std::uint16_t segments;  // descriptors with data in them
};

class BlockDevice final : public Personality {
 public:
  explicit BlockDevice(BlockOptions options = {});

  Disk disk;
  // --- Knobs ------------------------------------------------------------------------------------
  // A request that touches one is answered with IOERR, nothing done.
  std::set<std::uint64_t> bad_sectors;
  std::optional<std::uint8_t> status_byte;  // the answer to every request, done or not
  std::uint64_t capacity() const { return options_.sectors; }
  // Call MmioDevice::config_changed() after it.
  void set_capacity(std::uint64_t sectors) { options_.sectors = sectors; }
  bool writeback() const { return writeback_; }

  const std::vector<BlockRequest>& requests() const { return requests_; }

  std::uint32_t device_id() const override { return 2; }
  std::uint64_t features() const override;
  std::uint16_t queue_count() const override { return options_.queues; }
  const std::vector<ConfigField>& config_fields() const override;
  std::uint64_t config_value(const ConfigField& field) const override;
  void config_written(const ConfigField& field, std::uint64_t value) override;
  void config_read(const ConfigField& field, bool features_ok, bool legacy, Judge& judge) override;
  void reset() override;
  void inspect(const Chain& chain, const Negotiated& driver, Memory& memory, Judge& judge) override;
  std::uint32_t execute(const Chain& chain, const Negotiated& driver, Memory& memory) override;

 private:
  struct Header {
    std::uint32_t type;
    std::uint64_t sector;
  };
  // Where the data of a request lies, by the form of its type.
  struct Data {
    std::uint64_t to_device;    // readable bytes behind the header
    std::uint64_t from_device;  // writable bytes before the status
  };
  static std::optional<Header> header(const Chain& chain, Memory& memory);
  static Data data(const Chain& chain);
  // Each judges one side of a request; false and a verdict at the first broken rule.
  static bool inspect_form(const Chain& chain, const Negotiated& driver, Judge& judge);
  bool inspect_command(const Header& header, const Negotiated& driver, Judge& judge) const;
  bool inspect_data(const Chain& chain, const Header& header, Judge& judge) const;
  bool inspect_segments(const Chain& chain, const Header& header, const Negotiated& driver,
                        Judge& judge) const;
  bool in_range(std::uint64_t sector, std::uint64_t bytes) const;
  bool refused(std::uint64_t sector, std::uint64_t bytes) const;
  std::uint8_t perform(const Chain& chain, const Header& header, Memory& memory);
  std::uint8_t read_sectors(const Chain& chain, const Header& header, Memory& memory) const;
  std::uint8_t write_sectors(const Chain& chain, const Header& header, Memory& memory);
  std::uint8_t get_id(const Chain& chain, Memory& memory) const;

  BlockOptions options_;
  bool writeback_ = true;
  std::vector<BlockRequest> requests_;
};

}  // namespace referee
