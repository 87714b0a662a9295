//! Names of functions and exceptions, and the numbers of packet types.

use std::borrow::Cow;

use crate::PacketType;

/// Which way a PDU goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Request,
    Response,
    Exception,
    /// A request or a response: its flow has not shown yet which way it goes.
    Undecided,
}

impl Kind {
    /// The packet type of a function, whose bit 7 is left out.
    pub(super) fn of(self, function: u8) -> PacketType {
        PacketType((self as u32) << 8 | u32::from(function & 0x7F))
    }

    /// The inverse of [`Self::of`].
    pub(super) fn split(packet_type: PacketType) -> (Self, u8) {
        let kind = match packet_type.0 >> 8 {
            0 => Self::Request,
            1 => Self::Response,
            2 => Self::Exception,
            _ => Self::Undecided,
        };
        (kind, (packet_type.0 & 0x7F) as u8)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Request => "Request",
            Self::Response => "Response",
            Self::Exception => "Exception",
            Self::Undecided => "PDU",
        }
    }
}

/// `Read Coils Request`, `Function 90 Response`.
pub(super) fn type_name(packet_type: PacketType) -> String {
    let (kind, function) = Kind::split(packet_type);
    format!("{} {}", function_name(function), kind.name())
}

/// `Read Coils`, or `Function 90` where the specification has no name for it.
pub(super) fn function_name(function: u8) -> Cow<'static, str> {
    match public_name(function) {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(format!("Function {function}")),
    }
}

/// The public functions, Modbus Application Protocol V1.1b3, 5.1.
fn public_name(function: u8) -> Option<&'static str> {
    Some(match function {
        1 => "Read Coils",
        2 => "Read Discrete Inputs",
        3 => "Read Holding Registers",
        4 => "Read Input Registers",
        5 => "Write Single Coil",
        6 => "Write Single Register",
        7 => "Read Exception Status",
        8 => "Diagnostics",
        11 => "Get Comm Event Counter",
        12 => "Get Comm Event Log",
        15 => "Write Multiple Coils",
        16 => "Write Multiple Registers",
        17 => "Report Server ID",
        20 => "Read File Record",
        21 => "Write File Record",
        22 => "Mask Write Register",
        23 => "Read/Write Multiple Registers",
        24 => "Read FIFO Queue",
        43 => "Encapsulated Interface Transport",
        _ => return None,
    })
}

/// The names of all packet types that the standard names.
pub(super) const PACKET_TYPES: &[&str] = &[
    "Read Coils Request",
    "Read Coils Response",
    "Read Coils Exception",
    "Read Discrete Inputs Request",
    "Read Discrete Inputs Response",
    "Read Holding Registers Request",
    "Read Holding Registers Response",
    "Read Input Registers Request",
    "Read Input Registers Response",
    "Write Single Coil Request",
    "Write Single Coil Response",
    "Write Single Register Request",
    "Write Single Register Response",
    "Read Exception Status Request",
    "Read Exception Status Response",
    "Diagnostics Request",
    "Diagnostics Response",
    "Get Comm Event Counter Request",
    "Get Comm Event Counter Response",
    "Get Comm Event Log Request",
    "Get Comm Event Log Response",
    "Write Multiple Coils Request",
    "Write Multiple Coils Response",
    "Write Multiple Registers Request",
    "Write Multiple Registers Response",
    "Report Server ID Request",
    "Report Server ID Response",
    "Read File Record Request",
    "Read File Record Response",
    "Write File Record Request",
    "Write File Record Response",
    "Mask Write Register Request",
    "Mask Write Register Response",
    "Read/Write Multiple Registers Request",
    "Read/Write Multiple Registers Response",
    "Read FIFO Queue Request",
    "Read FIFO Queue Response",
    "Encapsulated Interface Transport Request",
    "Encapsulated Interface Transport Response",
];

/// The exception codes, Modbus Application Protocol V1.1b3, 7; 7 is of older editions.
pub(super) fn exception_name(code: u8) -> &'static str {
    match code {
        1 => "illegal function",
        2 => "illegal data address",
        3 => "illegal data value",
        4 => "server device failure",
        5 => "acknowledge",
        6 => "server device busy",
        7 => "negative acknowledge",
        8 => "memory parity error",
        10 => "gateway path unavailable",
        11 => "gateway target device failed to respond",
        _ => "reserved",
    }
}
