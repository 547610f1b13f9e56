// What is wrong with a volume's directories, names and files.
// Used by Volume::check. Each directory is read once, depth first; one whose clusters belong to
// somebody else is not entered, so that there is an end.
#pragma once

#include <memory>

#include <sluice/fs/fat/chain_check.hpp>
#include <sluice/fs/fat/check.hpp>
#include <sluice/fs/fat/directory.hpp>

namespace sluice::fat {

class TreeCheck {
 public:
  static constexpr u32 kMaxDepth = 256;

  TreeCheck(BlockReader& reader, Table& table, ChainCheck& chains, CheckReport& report);
  ~TreeCheck();
  TreeCheck(const TreeCheck&) = delete;
  TreeCheck& operator=(const TreeCheck&) = delete;

  // All of it, from the root. Task.
  void run();

 private:
  struct Level;

  void enter(u32 first_cluster, const CheckedChain& chain, std::string_view name);
  void leave();
  // One entry of the directory on top; it may enter another.
  void check(const RawEntry& raw);
  void check_named(const RawEntry& raw);
  void check_dot(const RawEntry& raw, bool is_parent);
  void check_label(const RawEntry& raw);
  void check_slots(std::string_view before);
  void check_file(const RawEntry& raw, std::string_view name);
  void check_directory(const RawEntry& raw, std::string_view name);
  void check_duplicates();
  void complain(std::string_view name, std::string_view what);
  template <class... Args>
  void complain_of(std::string_view name, FormatString<Args...> format, const Args&... args);

  BlockReader* reader_;
  Table* table_;
  ChainCheck* chains_;
  CheckReport* report_;
  std::unique_ptr<Level> level_;  // null: all is done
  u32 depth_ = 0;
  Text<1000> path_;  // of the directory on top, with a slash in the end
};

}  // namespace sluice::fat
