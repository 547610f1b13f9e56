// Every rule that the referee judges a driver by, with the clause of virtio 1.2 that says so.
// Used by the referee's parts where a driver breaks one; README.md lists the same rules for people.
// Reference: virtio 1.2. A sentence that the specification words as SHOULD says so, and is marked.
#pragma once

#include "judge.hpp"

namespace referee::rule {

// --- Registers: which access is allowed at all --------------------------------------------------
inline constexpr Rule mmio_width{
    "mmio.width", "4.2.2.2",
    "Control registers are accessed 32 bits wide and aligned, not otherwise."};
inline constexpr Rule mmio_undescribed{"mmio.undescribed", "4.2.2.2",
                                       "Only registers that the layout describes are accessed."};
inline constexpr Rule mmio_legacy_register{
    "mmio.legacy_register", "4.2.2.2",
    "A version 2 device has none of the legacy layout's registers."};
inline constexpr Rule mmio_modern_register{
    "mmio.modern_register", "4.2.4", "A legacy device has only the legacy layout's registers."};
inline constexpr Rule mmio_read_only{"mmio.read_only", "4.2.2.2",
                                     "A register of direction R is not written."};
inline constexpr Rule mmio_write_only{"mmio.write_only", "4.2.2.2",
                                      "A register of direction W is not read."};
inline constexpr Rule mmio_discovery{
    "mmio.discovery", "4.2.3.1.1",
    "Initialization starts with MagicValue and Version, then DeviceID, before any other register."};
inline constexpr Rule mmio_magic{"mmio.magic", "4.2.2.2",
                                 "A device whose MagicValue is not 0x74726976 is left alone."};
inline constexpr Rule mmio_version{
    "mmio.version", "4.2.2.2",
    "A device whose Version is neither 2 nor, for a legacy driver, 1 is left alone."};
inline constexpr Rule mmio_empty_slot{"mmio.empty_slot", "4.2.3.1.1",
                                      "Where DeviceID is 0, no other register is accessed."};
inline constexpr Rule mmio_features_sel{
    "mmio.features_sel", "4.2.2.2",
    "DeviceFeaturesSel is written before DeviceFeatures is read, DriverFeaturesSel before "
    "DriverFeatures is written."};
inline constexpr Rule mmio_shared_memory{
    "mmio.shared_memory", "4.2.3.1.1",
    "A driver whose device has no shared memory leaves those registers alone."};

// --- Configuration space ------------------------------------------------------------------------
inline constexpr Rule config_undescribed{
    "config.undescribed", "4.2.2.2",
    "Only fields that the device type describes are accessed in the configuration space."};
inline constexpr Rule config_width{"config.width", "4.2.2.2",
                                   "A field of 8, 16 or 32 bits is accessed at its own width, one "
                                   "of 64 bits in two halves of 32."};
inline constexpr Rule config_feature{
    "config.feature", "2.5.1", "An optional field is accessed only where its feature is offered."};
inline constexpr Rule config_torn{
    "config.torn", "2.5.1",
    "A field over 32 bits is not read atomically: halves of different generations are read again."};
inline constexpr Rule config_generation{
    "config.generation", "2.5.1",
    "A field over 32 bits is read between two reads of ConfigGeneration (SHOULD).", true};
inline constexpr Rule config_legacy_reread{
    "config.legacy_reread", "2.5.4",
    "A legacy device's field over 32 bits is read until two reads agree (SHOULD).", true};
inline constexpr Rule config_write_early{"config.write_early", "3.1.1",
                                         "Before FEATURES_OK the configuration is not written."};
inline constexpr Rule config_read_only{
    "config.read_only", "4.2.2.2",
    "A field is written only where the device type lets the driver, with the feature accepted."};

// --- Status and features ------------------------------------------------------------------------
inline constexpr Rule reset_first{"reset.first", "3.1.1",
                                  "Initialization begins with a reset of the device."};
inline constexpr Rule reset_unread{
    "reset.unread", "2.4.2", "A reset is complete only when Status reads 0 (SHOULD): wait for it.",
    true};
inline constexpr Rule status_cleared{"status.cleared", "2.1.1",
                                     "A bit of Status is not cleared but by a reset."};
inline constexpr Rule status_order{
    "status.order", "3.1.1",
    "The steps come in order: ACKNOWLEDGE, DRIVER, feature bits, FEATURES_OK, DRIVER_OK."};
inline constexpr Rule status_failed{
    "status.failed", "2.1.1", "After FAILED the device is reset before it is initialized again."};
inline constexpr Rule status_needs_reset{
    "status.needs_reset", "2.1.1",
    "Where Status was read to hold DEVICE_NEEDS_RESET, nothing more is sent (SHOULD NOT).", true};
inline constexpr Rule status_given_up{
    "status.given_up", "3.1.1",
    "A driver that gives up its initialization sets FAILED (SHOULD), or has reset the device.",
    true};
inline constexpr Rule status_features_ok_skipped{
    "status.features_ok_skipped", "3.1.1",
    "FEATURES_OK is set before queues are set up and before DRIVER_OK."};
inline constexpr Rule status_features_ok_unread{
    "status.features_ok_unread", "3.1.1",
    "Status is read again after FEATURES_OK was set, to see that it holds."};
inline constexpr Rule status_features_refused{
    "status.features_refused", "3.1.1",
    "Where FEATURES_OK does not hold, initialization does not go on."};
inline constexpr Rule status_features_ok_legacy{"status.features_ok_legacy", "3.1.2",
                                                "The legacy interface has no FEATURES_OK step."};
inline constexpr Rule features_not_offered{
    "features.not_offered", "2.2.1", "A feature that the device did not offer is not accepted."};
inline constexpr Rule features_dependency{
    "features.dependency", "2.2.1",
    "A feature is not accepted without the features that it requires."};
inline constexpr Rule features_unread{
    "features.unread", "3.1.1",
    "The offered feature bits are read before those that are accepted are written."};
inline constexpr Rule features_version_1{"features.version_1", "6.1",
                                         "VERSION_1 is accepted where it is offered."};
inline constexpr Rule features_any_layout{
    "features.any_layout", "6.3", "A legacy device's ANY_LAYOUT is accepted where it is offered."};
inline constexpr Rule features_platform{
    "features.platform", "6.1",
    "ACCESS_PLATFORM and ORDER_PLATFORM are accepted where they are offered (SHOULD).", true};
inline constexpr Rule features_bit_30{
    "features.bit_30", "6.3", "Bit 30 of a legacy device is not accepted (SHOULD NOT).", true};
inline constexpr Rule features_late{"features.late", "3.1.1",
                                    "After FEATURES_OK no feature bits are written."};

// --- Queue set-up -------------------------------------------------------------------------------
inline constexpr Rule queue_absent{"queue.absent", "4.2.3.2",
                                   "A queue whose QueueNumMax is 0 is not available."};
inline constexpr Rule queue_max_unread{"queue.max_unread", "2.7.2",
                                       "The size of a legacy queue is taken from QueueNumMax."};
inline constexpr Rule queue_too_large{"queue.too_large", "4.2.2.2",
                                      "QueueNum is not above QueueNumMax."};
inline constexpr Rule queue_power_of_two{"queue.power_of_two", "2.7",
                                         "The size of a split queue is a power of 2."};
inline constexpr Rule queue_incomplete{"queue.incomplete", "4.2.3.2",
                                       "A queue's size and addresses (legacy: page size, size and "
                                       "alignment) come before it is started."};
inline constexpr Rule queue_ready_value{"queue.ready_value", "4.2.2",
                                        "QueueReady is written 1 to start a queue, 0 to stop it."};
inline constexpr Rule queue_in_use{
    "queue.in_use", "4.2.2.2",
    "The registers of a queue that is in use (QueueReady, legacy QueuePFN) are left alone."};
inline constexpr Rule queue_stop_unread{"queue.stop_unread", "4.2.2.2",
                                        "After QueueReady was written 0 it is read back."};
inline constexpr Rule queue_late{"queue.late", "3.1.1", "Queues are set up before DRIVER_OK."};
inline constexpr Rule queue_misaligned{
    "queue.misaligned", "2.7.1",
    "Descriptors start at a multiple of 16, the available ring of 2, the used ring of 4 bytes; a "
    "packed queue's event areas of 4 (2.8.10.1)."};
inline constexpr Rule queue_memory{
    "queue.memory", "2.7", "Each part of a queue is memory that the device may use, in one piece."};
inline constexpr Rule queue_legacy_memory{
    "queue.legacy_memory", "2.7.2",
    "A legacy queue is one block of whole pages, as long as the formula says."};
inline constexpr Rule queue_not_zeroed{"queue.not_zeroed", "4.2.3.2",
                                       "The queue's memory is zeroed before the queue is started."};
inline constexpr Rule queue_page_size{
    "queue.page_size", "4.2.4", "GuestPageSize is a power of 2, written before queues are used."};
inline constexpr Rule queue_align{"queue.align", "4.2.4", "QueueAlign is a power of 2."};
inline constexpr Rule queue_reset_unnegotiated{
    "queue.reset_unnegotiated", "4.2.2", "QueueReset is used only where RING_RESET was accepted."};
inline constexpr Rule queue_reset_value{"queue.reset_value", "4.2.2", "QueueReset is written 1."};
inline constexpr Rule queue_reset_unread{
    "queue.reset_unread", "4.2.2.2",
    "The reset of a queue is complete only when QueueReset reads 0: wait for it."};

// --- Notifications and interrupts ---------------------------------------------------------------
inline constexpr Rule notify_early{"notify.early", "3.1.1",
                                   "The device is not notified before DRIVER_OK."};
inline constexpr Rule notify_no_queue{"notify.no_queue", "4.2.3.3",
                                      "A notification names a queue that is in use, by its index."};
inline constexpr Rule notify_missing{
    "notify.missing", "2.7.10.1",
    "A chain made available is notified, unless the device said that it needs none."};
inline constexpr Rule notify_needless{
    "notify.needless", "2.7.10.1",
    "A chain made available after the device said that it needs no notification is not notified "
    "(SHOULD NOT).",
    true};
inline constexpr Rule irq_ack_undefined{"irq.ack_undefined", "4.2.2.2",
                                        "InterruptACK is written with no undefined bit."};
inline constexpr Rule irq_ack_unseen{
    "irq.ack_unseen", "4.2.3.4.1",
    "The events acknowledged are those that InterruptStatus was read to hold, and no others."};
inline constexpr Rule irq_unacknowledged{
    "irq.unacknowledged", "4.2.3.4.1",
    "Once an interrupt is handled, its events are acknowledged in InterruptACK."};

// --- The split queue at work --------------------------------------------------------------------
inline constexpr Rule split_available_index{
    "split.available_index", "2.7.6.1",
    "The available index only grows, by no more than the queue's size beyond what was taken."};
inline constexpr Rule split_available_flags{
    "split.available_flags", "2.7.7.1",
    "The available ring's flags are 0 or 1, and 0 where EVENT_IDX was accepted."};
inline constexpr Rule split_used_written{"split.used_written", "2.7.8",
                                         "The used ring is written by the device alone."};
inline constexpr Rule split_head{"split.head", "2.7.6",
                                 "An available entry is the index of a descriptor in the table."};
inline constexpr Rule split_next{"split.next", "2.7.5",
                                 "A descriptor's next is the index of a descriptor in its table."};
inline constexpr Rule split_loop{"split.loop", "2.7.5.2", "A descriptor chain has no loop."};
inline constexpr Rule split_too_long{"split.too_long", "2.7.5.3.1",
                                     "A chain has no more descriptors than the queue's size."};
inline constexpr Rule split_excessive{
    "split.excessive", "2.7.4.2",
    "A buffer has no excessive number of descriptors: over 8, and more bytes than it has itself "
    "(SHOULD NOT).",
    true};
inline constexpr Rule split_total_bytes{"split.total_bytes", "2.7.5.2",
                                        "A chain holds no more than 2^32 bytes in total."};
inline constexpr Rule split_order{
    "split.order", "2.7.4.2", "Device-writable descriptors come after all device-readable ones."};
inline constexpr Rule split_buffer_address{
    "split.buffer_address", "2.7.13.1",
    "A descriptor gives the address, on the device's bus, of memory that the device may use."};
inline constexpr Rule split_descriptor_in_flight{
    "split.descriptor_in_flight", "2.7.13",
    "A buffer is placed into free descriptors, not into those of a buffer still in flight."};
inline constexpr Rule split_entry_changed{
    "split.entry_changed", "3.3.1",
    "The descriptors of a buffer in flight are not altered on a live queue."};
inline constexpr Rule split_buffer_changed{
    "split.buffer_changed", "2.7.13.3",
    "What a buffer in flight gives the device to read stays as it was made available."};
inline constexpr Rule split_buffer_taken_back{
    "split.buffer_taken_back", "3.3.1",
    "A buffer in flight stays the device's until it is used or the device was reset."};
inline constexpr Rule split_rings_taken_back{
    "split.rings_taken_back", "3.3.1",
    "The rings of a live queue stay the device's until the device was reset."};
inline constexpr Rule indirect_unnegotiated{
    "indirect.unnegotiated", "2.7.5.3.1",
    "The INDIRECT flag is set only where INDIRECT_DESC was accepted."};
inline constexpr Rule indirect_nested{"indirect.nested", "2.7.5.3.1",
                                      "An indirect descriptor does not have the INDIRECT flag."};
inline constexpr Rule indirect_next{"indirect.next", "2.7.5.3.1",
                                    "A descriptor does not have both INDIRECT and NEXT."};
inline constexpr Rule indirect_table{"indirect.table", "2.7.5.3",
                                     "An indirect table is a whole number of 16-byte descriptors."};

inline constexpr Rule split_in_order{
    "split.in_order", "2.7.5.2",
    "With IN_ORDER descriptors are used in the order of the table, from its end back to 0."};
inline constexpr Rule indirect_in_order{
    "indirect.in_order", "2.7.5.3.1",
    "With IN_ORDER the entries of an indirect table follow each other."};
inline constexpr Rule split_notification_data{
    "split.notification_data", "2.9",
    "With NOTIFICATION_DATA a notification's upper half is the available index."};

// --- The packed queue at work -------------------------------------------------------------------
inline constexpr Rule packed_unaccepted{
    "packed.unaccepted", "6.1", "RING_PACKED is accepted where it is offered (SHOULD).", true};
inline constexpr Rule packed_wrap{
    "packed.wrap", "2.8.1",
    "A descriptor is made available with AVAIL as the wrap counter and USED as its inverse; the "
    "counter changes at the ring's end."};
inline constexpr Rule packed_list_flags{
    "packed.list_flags", "2.8.6",
    "AVAIL and USED are set in every descriptor of a list, not only in the first."};
inline constexpr Rule packed_partial{
    "packed.partial", "2.8.17",
    "The first descriptor of a list is made available after all the others."};
inline constexpr Rule packed_too_long{"packed.too_long", "2.8.17",
                                      "A list has no more descriptors than the queue's size."};
inline constexpr Rule packed_no_room{
    "packed.no_room", "2.8.17",
    "Before a list is made available there is room in the ring for all of it."};
inline constexpr Rule packed_order{
    "packed.order", "2.8.17", "Device-writable descriptors come after all device-readable ones."};
inline constexpr Rule packed_entry_changed{
    "packed.entry_changed", "2.8.16",
    "A descriptor that was made available, or its table, is not altered before it is used."};
inline constexpr Rule packed_id_in_flight{
    "packed.id_in_flight", "2.8.21.1",
    "A buffer gets a free id, not that of a buffer still in flight."};
inline constexpr Rule packed_buffer_address{
    "packed.buffer_address", "2.8.21.1",
    "A descriptor gives the address, on the device's bus, of memory that the device may use."};
inline constexpr Rule packed_buffer_changed{
    "packed.buffer_changed", "2.8.21.1",
    "What a buffer in flight gives the device to read stays as it was made available."};
inline constexpr Rule packed_buffer_taken_back{
    "packed.buffer_taken_back", "3.3.1",
    "A buffer in flight stays the device's until it is used or the device was reset."};
inline constexpr Rule packed_rings_taken_back{
    "packed.rings_taken_back", "3.3.1",
    "The ring and the event areas of a live queue stay the device's until the device was reset."};
inline constexpr Rule packed_indirect_unnegotiated{
    "packed.indirect_unnegotiated", "2.8.19",
    "The INDIRECT flag is set only where INDIRECT_DESC was accepted."};
inline constexpr Rule packed_indirect_in_list{
    "packed.indirect_in_list", "2.8.19",
    "A descriptor with INDIRECT is not part of a list linked by NEXT."};
inline constexpr Rule packed_indirect_table{
    "packed.indirect_table", "2.8.7",
    "An indirect table is a whole number of 16-byte descriptors."};
inline constexpr Rule packed_table_flags{
    "packed.table_flags", "2.8.19", "A descriptor in an indirect table has no flag but WRITE."};
inline constexpr Rule packed_device_area_written{
    "packed.device_area_written", "2.8.10",
    "The device's event suppression structure is written by the device alone."};
inline constexpr Rule packed_event_flags{
    "packed.event_flags", "2.8.10",
    "The driver's event flags are ENABLE or DISABLE, or DESC where EVENT_IDX was accepted."};
inline constexpr Rule packed_event_offset{
    "packed.event_offset", "2.8.10",
    "The driver's event offset is the place of a descriptor in the ring."};
inline constexpr Rule packed_event_reserved{
    "packed.event_reserved", "2.8.14",
    "The reserved bits of an event suppression structure are 0."};
inline constexpr Rule packed_notify_missing{
    "packed.notify_missing", "2.8.21",
    "A list made available is notified, unless the device's event area says that none is needed."};
inline constexpr Rule packed_notification_data{
    "packed.notification_data", "2.8.16",
    "With NOTIFICATION_DATA a notification says the place and the wrap counter of the next "
    "descriptor that is not yet available."};

// --- The block device ---------------------------------------------------------------------------
inline constexpr Rule blk_header{"blk.header", "5.2.6",
                                 "A request begins with 16 device-readable bytes."};
inline constexpr Rule blk_status{"blk.status", "5.2.6",
                                 "A request ends with a device-writable status byte."};
inline constexpr Rule blk_data_direction{
    "blk.data_direction", "5.2.6",
    "Data of a read is device-writable, data of a write device-readable, and not both."};
inline constexpr Rule blk_data_multiple{"blk.data_multiple", "5.2.6.1",
                                        "Data of a read or write is a multiple of 512 bytes."};
inline constexpr Rule blk_capacity{"blk.capacity", "5.2.6.1",
                                   "A request does not reach beyond the capacity."};
inline constexpr Rule blk_capacity_unread{
    "blk.capacity_unread", "5.2.6.1",
    "After a configuration change the capacity is read again (SHOULD).", true};
inline constexpr Rule blk_read_only_unaccepted{
    "blk.read_only_unaccepted", "5.2.6.1", "RO is accepted where it is offered (SHOULD).", true};
inline constexpr Rule blk_read_only{"blk.read_only", "5.2.5",
                                    "A device that offers RO is not written: it would fail."};
inline constexpr Rule blk_command_feature{"blk.command_feature", "5.2.3",
                                          "A command is sent only where its feature was accepted."};
inline constexpr Rule blk_flush_sector{"blk.flush_sector", "5.2.6.1", "A flush has sector 0."};
inline constexpr Rule blk_flush_data{"blk.flush_data", "5.2.6.1",
                                     "A flush has no data (SHOULD NOT).", true};
inline constexpr Rule blk_id_bytes{"blk.id_bytes", "5.2.6.1", "Data of GET_ID is 20 bytes."};
inline constexpr Rule blk_lifetime_bytes{"blk.lifetime_bytes", "5.2.6",
                                         "Data of GET_LIFETIME is 6 bytes."};
inline constexpr Rule blk_sector_unused{"blk.sector_unused", "5.2.6",
                                        "The sector of a command that is no read or write is 0."};
inline constexpr Rule blk_range_multiple{
    "blk.range_multiple", "5.2.6.1",
    "Data of DISCARD, WRITE_ZEROES and SECURE_ERASE is a whole number of 16-byte ranges."};
inline constexpr Rule blk_range_count{
    "blk.range_count", "5.2.6.1",
    "Such a command has one range at least, and no more than the device says (max_…_seg)."};
inline constexpr Rule blk_range_sectors{
    "blk.range_sectors", "5.2.3", "A range is no longer than the device says (max_…_sectors)."};
inline constexpr Rule blk_range_flags{
    "blk.range_flags", "5.2.6",
    "A range has no flag but unmap, and that one only in WRITE_ZEROES."};
inline constexpr Rule blk_discard_unmap{"blk.discard_unmap", "5.2.6.1",
                                        "The flag unmap of a range to discard is 0."};
inline constexpr Rule blk_seg_max{"blk.seg_max", "5.2.3",
                                  "A request has no more data segments than seg_max, if accepted."};
inline constexpr Rule blk_size_max{"blk.size_max", "5.2.3",
                                   "A data segment is no longer than size_max, if accepted."};
inline constexpr Rule blk_queue{"blk.queue", "5.2.2",
                                "Without MQ only queue 0 is used for requests."};
inline constexpr Rule blk_writeback_early{"blk.writeback_early", "5.2.5.1",
                                          "The field writeback is not read before FEATURES_OK."};
inline constexpr Rule blk_writeback_value{"blk.writeback_value", "5.2.6.1",
                                          "The field writeback is written 0 or 1."};
inline constexpr Rule blk_legacy_framing{"blk.legacy_framing", "5.2.6.4",
                                         "Legacy without ANY_LAYOUT: the header is one descriptor, "
                                         "the status byte another, at the end."};

// --- The entropy device -------------------------------------------------------------------------
inline constexpr Rule rng_readable{"rng.readable", "5.4.6.1",
                                   "No buffer has a part that the device is to read."};
inline constexpr Rule rng_no_room{
    "rng.no_room", "5.4.6.2",
    "A buffer has room for one byte at least, because the device must put one there."};

}  // namespace referee::rule
