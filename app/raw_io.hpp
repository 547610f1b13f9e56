// Reading a device or a file, and writing a device, at any byte: the ragged edges of logical blocks
// are handled here. Used by dd and hexdump.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "command.hpp"

#include <sluice/kernel/memory.hpp>

namespace sluice::app {

// How much one read or write is at most; memory that is short makes it less.
inline constexpr usize kTransferBytes = 1024 * 1024;

// Allocates `bytes` or, where memory is short, half of it, and so on down to a large logical block.
// Null: not even that.
Pages allocate_transfer(usize& bytes);

// A device (`vda`) or a file (`vda:/x`) as bytes.
class ByteSource {
 public:
  // Says on standard error what is wrong; kSucceeded otherwise. Task.
  int open(Session& session, std::string_view command, std::string_view name);
  u64 bytes() const;
  // Bytes from `offset` on, at least one and at most `at_most`, none at the end; valid until the
  // next call. Task.
  Result<std::span<const std::byte>> read(u64 offset, u64 at_most);

 private:
  Result<std::span<const std::byte>> read_device(u64 offset, u64 wanted);
  blk::OpenDevice device_;
  std::optional<fat::File> file_;
  Pages memory_;
  usize memory_bytes_ = kTransferBytes;
};

// A device to write to.
class ByteTarget {
 public:
  // Says on standard error what is wrong, a read-only device too; kSucceeded otherwise. Task.
  int open(std::string_view command, std::string_view name);
  u64 bytes() const { return device_.sectors() * blk::kSectorBytes; }
  // Writes all of `data`; a block that is only partly covered is read first. Task.
  blk::Status write(u64 offset, std::span<const std::byte> data);
  // Makes the device keep what was written. Task.
  blk::Status flush();

 private:
  blk::Status write_part(u64 block_offset, usize begin, std::span<const std::byte> data);
  blk::OpenDevice device_;
  Pages block_;
};

}  // namespace sluice::app
