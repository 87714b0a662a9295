//! Why a decoder did not take a PDU.

/// Why a decoder did not take a PDU. A bad packet is data: it is counted, and analysis goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The payload is not of this protocol; the engine asks the other decoders.
    #[error("{protocol}: not this protocol: {reason}")]
    Refused {
        /// The decoder's encoding name.
        protocol: &'static str,
        /// What speaks against it.
        reason: &'static str,
    },
    /// A PDU begins here and is not whole yet. On a stream the engine calls again when more bytes are there; for a
    /// datagram it counts as malformed.
    #[error("{protocol}: {field} at byte {offset} needs {needed} bytes, {present} present")]
    Incomplete {
        /// The decoder's encoding name.
        protocol: &'static str,
        /// The part that is cut.
        field: &'static str,
        /// Where that part begins in the payload.
        offset: usize,
        /// Bytes it needs.
        needed: usize,
        /// Bytes that are there.
        present: usize,
    },
    /// It is this protocol, and it breaks the protocol's rules.
    #[error("{protocol}: {field} at byte {offset}: {reason}")]
    Malformed {
        /// The decoder's encoding name.
        protocol: &'static str,
        /// The field that is wrong.
        field: &'static str,
        /// Where it begins in the payload.
        offset: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
}
