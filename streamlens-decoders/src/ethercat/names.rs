//! Names of commands, states, status codes and abort codes (facts of ETG.1000 and ETG.1020).

use std::borrow::Cow;

use crate::PacketType;

/// Packet types from here on are frames without datagrams: the frame type is added.
pub(super) const FRAME_TYPE: u32 = 0x1000;

/// The names of the commands.
pub(super) const COMMANDS: [&str; 15] =
    ["NOP", "APRD", "APWR", "APRW", "FPRD", "FPWR", "FPRW", "BRD", "BWR", "BRW", "LRD", "LWR", "LRW", "ARMW", "FRMW"];

/// Packet types from here on are mailbox messages: the place in [`SERVICES`] is added.
pub(super) const MAILBOX: u32 = 0x2000;

/// The names of mailbox messages: protocol and service, those of a protocol in the order of their numbers.
pub(super) const SERVICES: [&str; 30] = [
    "Mailbox Error",
    "AoE Request",
    "AoE Response",
    "EoE Fragment",
    "EoE Timestamp",
    "EoE Set IP Request",
    "EoE Set IP Response",
    "EoE Set Address Filter Request",
    "EoE Set Address Filter Response",
    "CoE Emergency",
    "CoE SDO Request",
    "CoE SDO Response",
    "CoE TxPDO",
    "CoE RxPDO",
    "CoE TxPDO Remote Request",
    "CoE RxPDO Remote Request",
    "CoE SDO Information",
    "FoE Read Request",
    "FoE Write Request",
    "FoE Data",
    "FoE Acknowledge",
    "FoE Error",
    "FoE Busy",
    "SoE Read Request",
    "SoE Read Response",
    "SoE Write Request",
    "SoE Write Response",
    "SoE Notification",
    "SoE Emergency",
    "VoE",
];

/// All packet types that have a name of their own.
pub(super) const PACKET_TYPES: [&str; COMMANDS.len() + SERVICES.len()] = {
    let mut all = [""; COMMANDS.len() + SERVICES.len()];
    let (commands, services) = all.split_at_mut(COMMANDS.len());
    commands.copy_from_slice(&COMMANDS);
    services.copy_from_slice(&SERVICES);
    all
};

/// `LRW`, `Command 15`, `Frame type 4`, `CoE SDO Request`.
pub(super) fn type_name(packet_type: PacketType) -> Cow<'static, str> {
    match packet_type.0 {
        0xFF => Cow::Borrowed("EXT"),
        MAILBOX.. => Cow::Borrowed(SERVICES.get((packet_type.0 - MAILBOX) as usize).copied().unwrap_or("Mailbox")),
        FRAME_TYPE.. => Cow::Owned(format!("Frame type {}", packet_type.0 - FRAME_TYPE)),
        command => match COMMANDS.get(command as usize) {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(format!("Command {command}")),
        },
    }
}

/// `OP`; with the error bit ` with error` is the reader's to add.
pub(super) fn al_state(state: u8) -> &'static str {
    match state & 0x0F {
        1 => "INIT",
        2 => "PREOP",
        3 => "BOOT",
        4 => "SAFEOP",
        8 => "OP",
        _ => "several states",
    }
}

/// The meaning of an AL status code, ETG.1020.
pub(super) fn al_status(code: u16) -> &'static str {
    match code {
        0x0000 => "no error",
        0x0001 => "unspecified error",
        0x0002 => "no memory",
        0x0003 => "invalid device setup",
        0x0004 => "invalid revision",
        0x0006 => "SII and firmware do not match",
        0x0007 => "firmware update failed, the old one runs",
        0x000E => "licence error",
        0x0011 => "invalid requested state change",
        0x0012 => "unknown requested state",
        0x0013 => "bootstrap is not supported",
        0x0014 => "no valid firmware",
        0x0015 | 0x0016 => "invalid mailbox configuration",
        0x0017 => "invalid SyncManager configuration",
        0x0018 => "no valid inputs",
        0x0019 => "no valid outputs",
        0x001A => "synchronisation error",
        0x001B => "SyncManager watchdog",
        0x001C => "invalid SyncManager types",
        0x001D => "invalid output configuration",
        0x001E => "invalid input configuration",
        0x001F => "invalid watchdog configuration",
        0x0020 => "needs a cold start",
        0x0021 => "needs INIT",
        0x0022 => "needs PREOP",
        0x0023 => "needs SAFEOP",
        0x0024 => "invalid input mapping",
        0x0025 => "invalid output mapping",
        0x0026 => "inconsistent settings",
        0x0027 => "free run is not supported",
        0x0028 => "synchronous mode is not supported",
        0x0029 => "free run needs three buffers",
        0x002A => "background watchdog",
        0x002B => "no valid inputs and outputs",
        0x002C => "fatal synchronisation error",
        0x002D => "no synchronisation",
        0x002E => "invalid input FMMU configuration",
        0x0030 => "invalid DC SYNC configuration",
        0x0031 => "invalid DC latch configuration",
        0x0032 => "PLL error",
        0x0033 => "DC input or output error",
        0x0034 => "DC time-out",
        0x0035 => "invalid DC sync cycle time",
        0x0036 => "DC SYNC0 cycle time",
        0x0037 => "DC SYNC1 cycle time",
        0x0041 => "mailbox error of AoE",
        0x0042 => "mailbox error of EoE",
        0x0043 => "mailbox error of CoE",
        0x0044 => "mailbox error of FoE",
        0x0045 => "mailbox error of SoE",
        0x004F => "mailbox error of VoE",
        0x0050 => "no access to the SII",
        0x0051 => "SII error",
        0x0052 => "external hardware not ready",
        0x0060 => "restarted locally",
        0x0061 => "identification value updated",
        0x0070 => "module lists do not match",
        0x0080 => "supply voltage too low",
        0x0081 => "supply voltage too high",
        0x0082 => "temperature too low",
        0x0083 => "temperature too high",
        0x00F0 => "application controller available",
        0x8000.. => "of the vendor",
        _ => "reserved",
    }
}

/// The meaning of an SDO abort code.
pub(super) fn sdo_abort(code: u32) -> &'static str {
    match code {
        0x0503_0000 => "toggle bit not changed",
        0x0504_0000 => "time-out",
        0x0504_0001 => "unknown command",
        0x0504_0005 => "out of memory",
        0x0601_0000 => "unsupported access",
        0x0601_0001 => "write only",
        0x0601_0002 => "read only",
        0x0601_0003 => "subindex 0 must be written first",
        0x0601_0004 => "no complete access",
        0x0601_0005 => "longer than the mailbox",
        0x0601_0006 => "mapped to an RxPDO",
        0x0602_0000 => "no such object",
        0x0604_0041 => "can not be mapped",
        0x0604_0042 => "PDO length exceeded",
        0x0604_0043 => "parameters do not match",
        0x0604_0047 => "internal incompatibility",
        0x0606_0000 => "hardware error",
        0x0607_0010 => "wrong length",
        0x0607_0012 => "too long",
        0x0607_0013 => "too short",
        0x0609_0011 => "no such subindex",
        0x0609_0030 => "value out of range",
        0x0609_0031 => "value too high",
        0x0609_0032 => "value too low",
        0x0609_0036 => "maximum below minimum",
        0x0800_0000 => "general error",
        0x0800_0020 => "can not be transferred",
        0x0800_0021 => "local control",
        0x0800_0022 => "not in this device state",
        0x0800_0023 => "no object dictionary",
        _ => "of the vendor",
    }
}
