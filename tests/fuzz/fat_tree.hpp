// Goes through the tree of a FAT volume as a program would: lists directories, looks up what is in
// them, and reads files in every way that there is. Used by fat_volume.cpp.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include <sluice/fs/fat/volume.hpp>

#include "fat_budget.hpp"

namespace sluice::fuzz {

// How files are read.
struct ReadPlan {
  u32 offset = 0;
  u32 bytes = 0;
  bool two_at_once = false;
  u32 gone_after = 0;  // the disk is taken away after so many entries; 0: it stays
};

class FatTree {
 public:
  FatTree(fat::Volume& volume, test::ByteDevice& device, FatBudget& budget, const ReadPlan& plan)
      : volume_(volume), device_(device), budget_(budget), plan_(plan) {}

  // From the root on.
  void walk();

 private:
  using Entries = std::vector<fat::Entry>;

  void list(const fat::Entry& directory, Entries& entries);
  void visit(const fat::Entry& directory, const std::string& path, u32 depth);
  void look_up(const std::string& path, const fat::Entry& expected);

  void try_file(const fat::Entry& entry);
  void count_extents(fat::File& file);
  void read(fat::File& file, u64 offset, usize bytes);
  void read_two_at_once(fat::File& file);
  void require_contents(const fat::File& file, u64 offset, std::span<const std::byte> contents);

  // Can anything fail but what the volume itself is to blame for?
  bool faulty() const { return !device_.bad_sectors.empty() || device_.sectors() == 0; }
  // Nor that: the disk has all clusters.
  bool complete() const;
  void count_down_to_removal();

  static constexpr usize kMostBytes = 24 * 1024;

  fat::Volume& volume_;
  test::ByteDevice& device_;
  FatBudget& budget_;
  ReadPlan plan_;
  std::array<std::unique_ptr<fat::ReadJob>, 2> jobs_;  // made when they are needed
  u32 entries_left_ = 40;
  u32 lookups_left_ = 4;
  u32 files_left_ = 6;
  u32 directories_left_ = 12;
  bool whole_ = false;  // the file at hand has all of its clusters
};

}  // namespace sluice::fuzz
