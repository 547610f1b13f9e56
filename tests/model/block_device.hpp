// A virtio block device of bytes in memory, for MmioDevice.
// Used by tests of virtio-blk drivers. Reference: virtio 1.2, 5.2.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "block_storage.hpp"
#include "block_wire.hpp"
#include "personality.hpp"

namespace referee {

// What a command that works on ranges of sectors may be given.
struct RangeLimits {
  std::uint32_t max_sectors = 2048;  // of one range
  std::uint32_t max_ranges = 4;      // in a request
  // In sectors, a hint that is no rule: misaligned_ranges() counts. WRITE_ZEROES has none.
  std::uint32_t alignment = 1;
};

// The answer to GET_LIFETIME, 5.2.6.
struct Lifetime {
  std::uint16_t pre_eol_info = 1;
  std::uint16_t typ_a = 1;  // tenths of the life that are used
  std::uint16_t typ_b = 1;
};

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
  std::uint8_t physical_block_exp = 0;  // with it: a physical block is 2^that logical ones
  std::uint16_t queues = 1;             // more: MQ
  // MQ, and what the configuration says of their number, true or not.
  std::optional<std::uint16_t> num_queues{};
  std::string id = "referee";
  std::optional<RangeLimits> discard{};       // DISCARD
  std::optional<RangeLimits> write_zeroes{};  // WRITE_ZEROES
  bool may_unmap = true;                      // with WRITE_ZEROES: write_zeroes_may_unmap
  std::optional<RangeLimits> secure_erase{};  // SECURE_ERASE
  std::optional<Lifetime> lifetime{};         // LIFETIME
};

struct BlockRange {
  std::uint64_t sector;
  std::uint32_t sectors;
  std::uint32_t flags;
  bool operator==(const BlockRange&) const = default;
};

// What the driver asked for, in the order of execution.
struct BlockRequest {
  std::uint32_t type;
  std::uint64_t sector;
  std::uint64_t bytes;  // of data
  std::uint8_t status;  // the answer
  std::uint16_t queue;
  std::uint16_t segments;  // descriptors with data in them
  std::vector<BlockRange> ranges{};
};

class BlockDevice final : public Personality {
 public:
  explicit BlockDevice(BlockOptions options = {});

  // Writes stay in its cache where the driver accepted FLUSH (or CONFIG_WCE, and writeback is 1)
  // until a flush that was sent after they were completed.
  Disk disk;
  // --- Knobs ------------------------------------------------------------------------------------
  // A request that touches one is answered with IOERR, nothing done.
  std::set<std::uint64_t> bad_sectors;
  std::optional<std::uint8_t> status_byte;  // the answer to every request, done or not
  std::uint64_t capacity() const { return options_.sectors; }
  // Call MmioDevice::config_changed() after it.
  void set_capacity(std::uint64_t sectors) { options_.sectors = sectors; }
  bool writeback() const { return writeback_; }
  // As for the capacity; with WRITE_ZEROES (5.2.6.2).
  void set_may_unmap(bool may_unmap) { options_.may_unmap = may_unmap; }

  const std::vector<BlockRequest>& requests() const { return requests_; }
  // Ranges discarded or erased that do not start and end at the alignment of their command.
  std::uint64_t misaligned_ranges() const { return misaligned_ranges_; }

  std::uint32_t device_id() const override { return 2; }
  std::uint64_t features() const override;
  std::uint16_t queue_count() const override { return options_.queues; }
  const std::vector<ConfigField>& config_fields() const override;
  std::uint64_t config_value(const ConfigField& field) const override;
  void config_written(const ConfigField& field, std::uint64_t value, Judge& judge) override;
  void config_read(const ConfigField& field, bool features_ok, bool legacy, Judge& judge) override;
  void negotiated(const Negotiated& driver, Judge& judge) override;
  void change_acknowledged() override;
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
  // What was so when the request was sent.
  struct Sent {
    bool cached;           // writes went to the cache
    std::uint64_t writes;  // completed before it
  };
  static std::pair<std::uint16_t, std::uint32_t> key(const Chain& chain);
  static std::optional<Header> header(const Chain& chain, Memory& memory);
  static Data data(const Chain& chain);

  // block_inspect.cpp: each judges one side of a request; false and a verdict at the first broken
  // rule.
  void inspect_capacity_read(Judge& judge);
  static bool inspect_form(const Chain& chain, const Negotiated& driver, Judge& judge);
  bool inspect_command(const Header& header, const Negotiated& driver, Judge& judge) const;
  bool inspect_data(const Chain& chain, const Header& header, Judge& judge) const;
  bool inspect_segments(const Chain& chain, const Header& header, const Negotiated& driver,
                        Judge& judge) const;

  // block_ranges.cpp: DISCARD, WRITE_ZEROES, SECURE_ERASE
  const RangeLimits* limits(std::uint32_t type) const;
  static std::vector<BlockRange> ranges(const Chain& chain, Memory& memory);
  bool inspect_ranges(const Chain& chain, const Header& header, Memory& memory, Judge& judge) const;
  bool inspect_range(std::uint32_t type, const BlockRange& range, Judge& judge) const;
  std::uint8_t work_on_ranges(const Header& header, const std::vector<BlockRange>& ranges,
                              bool cached);

  bool in_range(std::uint64_t sector, std::uint64_t bytes) const;
  bool refused(std::uint64_t sector, std::uint64_t bytes) const;
  bool caches_writes(const Negotiated& driver) const;
  void put(std::uint64_t sector, const Disk::Sector& bytes, bool cached);
  std::uint8_t perform(const Chain& chain, const Header& header, const Sent& sent, Memory& memory,
                       BlockRequest& done);
  std::uint8_t read_sectors(const Chain& chain, const Header& header, Memory& memory) const;
  std::uint8_t write_sectors(const Chain& chain, const Header& header, bool cached, Memory& memory);
  std::uint8_t get_id(const Chain& chain, Memory& memory) const;
  std::uint8_t get_lifetime(const Chain& chain, Memory& memory) const;

  BlockOptions options_;
  bool writeback_ = true;
  // Requests that the driver may still send before it reads the capacity again.
  std::optional<std::uint32_t> patience_;
  std::uint64_t writes_ = 0;                                      // completed
  std::map<std::pair<std::uint16_t, std::uint32_t>, Sent> sent_;  // by queue and chain
  std::uint64_t misaligned_ranges_ = 0;
  std::vector<BlockRequest> requests_;
};

}  // namespace referee
