//! What Chapter 10's decoder declares of its results.

use streamlens_model::Severity::{Error, Info, Warning};
use streamlens_model::ValueType::{Boolean, Integer, Map, Text, Time};
use streamlens_model::{FindingInfo, Term};

pub(super) const FINDINGS: &[FindingInfo] = &[
    FindingInfo::new(
        "chapter10.body-structure",
        Warning,
        "The messages in a packet, each of which says its own length, do not end with the packet's data.",
    ),
    FindingInfo::new(
        "chapter10.channel-absent",
        Warning,
        "A channel that the setup record enables never came, in a capture of 2 s at least.",
    ),
    FindingInfo::new(
        "chapter10.channel-from-two-sources",
        Warning,
        "Several senders send packets of one channel to the same destination.",
    ),
    FindingInfo::new(
        "chapter10.clock-offset",
        Warning,
        "The last time packet of a channel is 0.5 s or more off the capture's clock, or its clock was never set.",
    ),
    FindingInfo::new(
        "chapter10.configuration-changed",
        Info,
        "A setup record behind the first says that the configuration has changed.",
    ),
    FindingInfo::new("chapter10.data-checksum", Error, "The data checksum of a packet is wrong."),
    FindingInfo::new("chapter10.header-checksum", Warning, "The header checksum of a packet is wrong."),
    FindingInfo::new(
        "chapter10.incomplete-packet",
        Warning,
        "A packet was never put together: segments of it, its beginning or its end did not come.",
    ),
    FindingInfo::new(
        "chapter10.overflow",
        Error,
        "The overflow flag of a packet is set: its channel lost data before they were packed.",
    ),
    FindingInfo::new(
        "chapter10.packet-length",
        Warning,
        "The packet length in the header is not that of the bytes there are.",
    ),
    FindingInfo::new(
        "chapter10.rtc-backwards",
        Warning,
        "The relative time counter of a channel fell; computer generated packets, which carry the time of what they speak of, apart.",
    ),
    FindingInfo::new(
        "chapter10.secondary-header-checksum",
        Warning,
        "The secondary header's checksum is neither the sum of its bytes nor that of its words.",
    ),
    FindingInfo::new(
        "chapter10.setup-mismatch",
        Warning,
        "A channel carries a data type that is not the one that the setup record gives it.",
    ),
    FindingInfo::new(
        "chapter10.stream-stopped",
        Warning,
        "A channel has been silent for 2 s at least, and three times its longest pause before, while others went on.",
    ),
    FindingInfo::new(
        "chapter10.sync-error",
        Warning,
        "A packet's flag says that the relative time counter is not synchronised.",
    ),
    FindingInfo::new(
        "chapter10.time-jump",
        Warning,
        "The relative time counter jumped by over 0.5 s against the capture's clock, or time packets jumped by over 5 ms \
         against the relative time counter.",
    ),
];

pub(super) const FACTS: &[Term] = &[
    Term::new("data_checksum", Map, "packets", "Packets whose data checksum is `ok` or `bad`, of those that have one."),
    Term::new(
        "header_checksum",
        Map,
        "packets",
        "Packets whose header checksum is right (`checksum_ok`) or not (`checksum_bad`), of these those where it is the sum over \
         the transfer header too (`bad_as_sum_over_transfer_header`); packets without sync word (`no_sync`).",
    ),
    Term::new("header_version", Map, "packets", "Packets by the version in their header."),
    Term::new("packet_flags", Map, "packets", "Packets by their flags, `0x80`."),
    Term::new(
        "packets_of_channels_beyond_limit",
        Integer,
        "packets",
        "Packets of channels that found no room in the flow's table: they count, but not by channel.",
    ),
    Term::new("packets_with_damaged_header", Integer, "packets", "Packets whose header could not be believed."),
    Term::new(
        "reassembly",
        Map,
        "packets",
        "Packets put together from segments (`complete`) and those that were not (`incomplete`), of these those given up for want of \
         room (`given_up_for_room`) and those that waited for segments at the end (`still_open`). Not of recorder files.",
    ),
    Term::new(
        "secondary_header",
        Map,
        "packets",
        "Packets with a secondary header (`present`), by its checksum: sum of bytes, sum of words, or bad.",
    ),
    Term::new(
        "setup_record",
        Map,
        "",
        "The last setup record: its release of the standard, form, packets and bytes, attributes by group, channels, data sources, \
         and the names of programme, test item and file.",
    ),
    Term::new(
        "tmats",
        Map,
        "",
        "The attributes of the setup record that are about it as a whole, by code (IRIG 106 Chapter 9).",
    ),
    Term::new(
        "transfer_headers",
        Map,
        "packets",
        "Datagrams by format of their transfer header, whole and segmented. Not of recorder files.",
    ),
];

pub(super) const MEASURES: &[Term] = &[
    Term::new("bit_rate", Text, "", "The bit rate of the channel, as the setup record has it."),
    Term::new("channel_id", Text, "", "The channel identifier, `0x0001`."),
    Term::new("data_link", Text, "", "The name of the data link of the channel, as the setup record has it."),
    Term::new("enabled", Boolean, "", "Whether the setup record says that the channel is enabled."),
    Term::new("invalid_time_packets", Integer, "packets", "Time packets that could not be read."),
    Term::new("messages", Integer, "", "Messages in its packets, where messages say their own length."),
    Term::new("overflows", Integer, "packets", "Packets whose overflow flag is set."),
    Term::new("packets", Integer, "packets", "Its packets."),
    Term::new(
        "rtc_backward_steps",
        Integer,
        "",
        "How often the relative time counter fell from one packet to the next.",
    ),
    Term::new("rtc_first", Integer, "100 ns", "The relative time counter of the first packet."),
    Term::new("rtc_last", Integer, "100 ns", "The relative time counter of the last packet."),
    Term::new("rtc_sync_errors", Integer, "packets", "Packets whose flag says that the counter is not synchronised."),
    Term::new("setup_time_format", Text, "", "The code of the channel's time format, as the setup record has it."),
    Term::new("setup_time_source", Text, "", "The code of the channel's time source, as the setup record has it."),
    Term::new("setup_type", Text, "", "The code of the channel's data type, as the setup record has it."),
    Term::new(
        "time",
        Map,
        "",
        "What its time packets say: `format`, `source`, `scale`, `packets`, `first` and `last` with their counters (`first_rtc`, \
         `last_rtc`), the largest step against the counter, the longest interval, and how far they are off the capture's clock.",
    ),
    Term::new(
        "time_jumps",
        Integer,
        "",
        "How often the relative time counter jumped by over 0.5 s against the capture's clock.",
    ),
    Term::new("types", Map, "packets", "Its packets by data type."),
    Term::new("unsound_bodies", Integer, "packets", "Packets whose messages do not end with their data."),
    Term::new("utc_first", Time, "", "The time of the first packet, by its counter and the flow's first time packet."),
    Term::new("utc_last", Time, "", "The time of the last packet, by its counter and the flow's last time packet."),
    Term::new("word_length", Text, "", "The word length of the channel, as the setup record has it."),
];
