//! What NDI's decoder declares of its results.

use streamlens_model::Term;
use streamlens_model::ValueType::{Integer, List, Map, Text};

pub(super) const FACTS: &[Term] = &[
    Term::new("chunks", Integer, "", "Of multi-TCP: chunks of messages."),
    Term::new("fragments_first", Integer, "packets", "Of UDP fragments: those that begin a message."),
    Term::new("fragments_hello", Integer, "packets", "Of UDP fragments: those that only say hello."),
    Term::new("fragments_last", Integer, "packets", "Of UDP fragments: those that end a message."),
    Term::new("fragments_middle", Integer, "packets", "Of UDP fragments: those within a message."),
    Term::new("fragments_parity", Integer, "packets", "Of UDP fragments: those with parity of others."),
    Term::new("framing", Text, "", "How messages are carried: `TCP`, `multi-TCP`, `UDP fragments`, or reliable UDP."),
    Term::new("hellos", Integer, "", "Of multi-TCP: chunks that only say hello."),
    Term::new("knowledge", Text, "", "What is known of the protocol: it has no public specification."),
    Term::new("long_headers", Integer, "packets", "Of reliable UDP: packets with a long header."),
    Term::new("message_bytes", Integer, "bytes", "Bytes of all messages."),
    Term::new("message_versions", Map, "", "Messages by the version in their header."),
    Term::new("messages_audio", Integer, "", "Messages of audio."),
    Term::new("messages_discovery", Integer, "", "Messages of discovery."),
    Term::new("messages_metadata", Integer, "", "Messages of metadata."),
    Term::new("messages_video", Integer, "", "Messages of video."),
    Term::new("obfuscated_messages", Integer, "", "Messages whose info and metadata are unreadable on the wire."),
    Term::new("short_headers", Integer, "packets", "Of reliable UDP: packets with a short header."),
    Term::new("source", Text, "", "The name of the source at one end of the flow, as it was announced by mDNS."),
];

pub(super) const NETWORK_FACTS: &[Term] = &[
    Term::new("announcements_not_kept", Integer, "", "Announcements by mDNS that found no room."),
    Term::new(
        "sources",
        List,
        "",
        "The sources that were announced by mDNS: name, host, port, addresses, properties, how often announced and withdrawn, first and \
         last time, and flows of them.",
    ),
];
