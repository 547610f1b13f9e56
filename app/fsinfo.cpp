// fsinfo: what a volume says of itself.
#include "commands.hpp"

namespace sluice::app {
namespace {

std::string_view yes_no(bool value) {
  return value ? "yes" : "no";
}

void put_info(Sink& out, const fat::VolumeInfo& info) {
  const auto serial = info.serial_text();
  format_to(out, "type: {}\nlabel: {}\nserial: {}\n", fat::to_string(info.type), info.label.view(),
            std::string_view(serial.data(), serial.size()));
  format_to(out, "sector_bytes: {}\ncluster_bytes: {}\nclusters: {}\n", info.sector_bytes,
            info.cluster_bytes, info.clusters);
  format_to(out, "free_clusters: {} ({})\n", info.free_clusters,
            info.free_clusters_from_fsinfo ? "from FSInfo" : "counted");
  format_to(out, "dirty: {}\nerror: {}\n", yes_no(info.dirty), yes_no(info.error));
}

}  // namespace

int run_fsinfo(Session& session, Words words) {
  Words disks;
  if (!reject_options("fsinfo", words, disks)) {
    return kUsage;
  }
  if (disks.size() != 1) {
    return usage_error("fsinfo", "one device is needed");
  }
  std::string_view disk = disks[0];
  if (const auto path = parse_path(disk); path && (path->inside.empty() || path->inside == "/")) {
    disk = path->disk;
  }
  fat::Volume* volume = session.volumes.mount("fsinfo", disk);
  if (volume == nullptr) {
    return kFailed;
  }
  const Result<fat::VolumeInfo> info = volume->info();
  if (!info) {
    return failure("fsinfo", disk, to_string(info.error()));
  }
  console::Writer out(console::Stream::Output);
  put_info(out, *info);
  for (const fat::Line& note : volume->notes()) {
    format_to(out, "note: {}\n", note.view());
  }
  return kSucceeded;
}

}  // namespace sluice::app
