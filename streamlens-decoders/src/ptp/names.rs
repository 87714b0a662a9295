//! The standard's names of its codes. Numbers without a name stay visible as numbers.

use std::borrow::Cow;

/// Message types, IEEE 1588-2019 table 36.
pub(super) mod message {
    pub(crate) const SYNC: u8 = 0x0;
    pub(crate) const DELAY_REQ: u8 = 0x1;
    pub(crate) const PDELAY_REQ: u8 = 0x2;
    pub(crate) const PDELAY_RESP: u8 = 0x3;
    pub(crate) const FOLLOW_UP: u8 = 0x8;
    pub(crate) const DELAY_RESP: u8 = 0x9;
    pub(crate) const PDELAY_RESP_FOLLOW_UP: u8 = 0xA;
    pub(crate) const ANNOUNCE: u8 = 0xB;
    pub(crate) const SIGNALING: u8 = 0xC;
    pub(crate) const MANAGEMENT: u8 = 0xD;
}

/// All named message types, in order of their numbers.
pub(super) const MESSAGE_TYPES: &[&str] = &[
    "Sync",
    "Delay_Req",
    "Pdelay_Req",
    "Pdelay_Resp",
    "Follow_Up",
    "Delay_Resp",
    "Pdelay_Resp_Follow_Up",
    "Announce",
    "Signaling",
    "Management",
];

pub(super) fn message_type(code: u32) -> Cow<'static, str> {
    Cow::Borrowed(match code {
        0x0 => "Sync",
        0x1 => "Delay_Req",
        0x2 => "Pdelay_Req",
        0x3 => "Pdelay_Resp",
        0x8 => "Follow_Up",
        0x9 => "Delay_Resp",
        0xA => "Pdelay_Resp_Follow_Up",
        0xB => "Announce",
        0xC => "Signaling",
        0xD => "Management",
        other => return Cow::Owned(format!("Reserved {other:#x}")),
    })
}

/// Least lengths of whole messages by type, IEEE 1588-2019 13.5 to 13.12; `None` for reserved types.
pub(super) const fn least_length(message_type: u8) -> Option<u16> {
    match message_type {
        0x0 | 0x1 | 0x8 | 0xC => Some(44),
        0x2 | 0x3 | 0x9 | 0xA => Some(54),
        0xB => Some(64),
        0xD => Some(48),
        _ => None,
    }
}

/// clockClass, IEEE 1588-2019 table 4, and those of ITU-T G.8275.1.
pub(super) fn clock_class(code: u8) -> &'static str {
    match code {
        6 => "locked to a primary reference",
        7 => "holdover, was locked to a primary reference",
        13 => "locked to an application-specific reference",
        14 => "holdover, was locked to an application-specific reference",
        52 => "degraded (A) from a primary reference",
        58 => "degraded (A) from an application-specific reference",
        135 => "boundary clock in holdover, within specification",
        140 => "grandmaster out of specification, category 1 frequency source",
        150 => "grandmaster out of specification, category 2 frequency source",
        160 => "grandmaster out of specification, category 3 frequency source",
        165 => "boundary clock in holdover, out of specification",
        187 => "degraded (B) from a primary reference",
        193 => "degraded (B) from an application-specific reference",
        248 => "default",
        255 => "slave only",
        68..=122 | 133..=134 | 136..=139 | 141..=149 | 151..=159 | 161..=164 | 166..=170 | 216..=232 => {
            "of an alternate profile"
        }
        _ => "reserved",
    }
}

/// clockAccuracy, IEEE 1588-2019 table 5: within what the clock is.
pub(super) fn clock_accuracy(code: u8) -> &'static str {
    match code {
        0x17 => "within 1 ps",
        0x18 => "within 2.5 ps",
        0x19 => "within 10 ps",
        0x1A => "within 25 ps",
        0x1B => "within 100 ps",
        0x1C => "within 250 ps",
        0x1D => "within 1 ns",
        0x1E => "within 2.5 ns",
        0x1F => "within 10 ns",
        0x20 => "within 25 ns",
        0x21 => "within 100 ns",
        0x22 => "within 250 ns",
        0x23 => "within 1 us",
        0x24 => "within 2.5 us",
        0x25 => "within 10 us",
        0x26 => "within 25 us",
        0x27 => "within 100 us",
        0x28 => "within 250 us",
        0x29 => "within 1 ms",
        0x2A => "within 2.5 ms",
        0x2B => "within 10 ms",
        0x2C => "within 25 ms",
        0x2D => "within 100 ms",
        0x2E => "within 250 ms",
        0x2F => "within 1 s",
        0x30 => "within 10 s",
        0x31 => "worse than 10 s",
        0x80..=0xFD => "of an alternate profile",
        0xFE => "unknown",
        _ => "reserved",
    }
}

/// timeSource, IEEE 1588-2019 table 6.
pub(super) fn time_source(code: u8) -> &'static str {
    match code {
        0x10 => "atomic clock",
        0x20 => "GNSS",
        0x30 => "terrestrial radio",
        0x39 => "serial time code",
        0x40 => "PTP",
        0x50 => "NTP",
        0x60 => "set by hand",
        0x90 => "other",
        0xA0 => "internal oscillator",
        0xF0..=0xFE => "of an alternate profile",
        _ => "reserved",
    }
}

/// portState, IEEE 1588-2019 table 20.
pub(super) fn port_state(code: u8) -> &'static str {
    match code {
        1 => "INITIALIZING",
        2 => "FAULTY",
        3 => "DISABLED",
        4 => "LISTENING",
        5 => "PRE_MASTER",
        6 => "MASTER",
        7 => "PASSIVE",
        8 => "UNCALIBRATED",
        9 => "SLAVE",
        _ => "reserved",
    }
}

/// delayMechanism, IEEE 1588-2019 table 21.
pub(super) fn delay_mechanism(code: u8) -> &'static str {
    match code {
        1 => "E2E",
        2 => "P2P",
        3 => "COMMON_P2P",
        4 => "SPECIAL",
        0xFE => "NO_MECHANISM",
        _ => "reserved",
    }
}

/// networkProtocol, IEEE 1588-2019 table 3.
pub(super) fn network_protocol(code: u16) -> &'static str {
    match code {
        1 => "UDP/IPv4",
        2 => "UDP/IPv6",
        3 => "Ethernet",
        4 => "DeviceNet",
        5 => "ControlNet",
        6 => "PROFINET",
        0xFFFE => "unknown",
        _ => "reserved",
    }
}

/// Management actions, IEEE 1588-2019 table 57.
pub(super) fn action(code: u8) -> &'static str {
    match code {
        0 => "GET",
        1 => "SET",
        2 => "RESPONSE",
        3 => "COMMAND",
        4 => "ACKNOWLEDGE",
        _ => "reserved",
    }
}

/// managementErrorId, IEEE 1588-2019 table 109.
pub(super) fn management_error(code: u16) -> &'static str {
    match code {
        1 => "RESPONSE_TOO_BIG",
        2 => "NO_SUCH_ID",
        3 => "WRONG_LENGTH",
        4 => "WRONG_VALUE",
        5 => "NOT_SETABLE",
        6 => "NOT_SUPPORTED",
        0xFFFE => "GENERAL_ERROR",
        _ => "reserved",
    }
}

/// managementId, IEEE 1588-2019 table 59, and those of linuxptp.
pub(super) fn management_id(code: u16) -> &'static str {
    match code {
        0x0000 => "NULL_PTP_MANAGEMENT",
        0x0001 => "CLOCK_DESCRIPTION",
        0x0002 => "USER_DESCRIPTION",
        0x0003 => "SAVE_IN_NON_VOLATILE_STORAGE",
        0x0004 => "RESET_NON_VOLATILE_STORAGE",
        0x0005 => "INITIALIZE",
        0x0006 => "FAULT_LOG",
        0x0007 => "FAULT_LOG_RESET",
        0x2000 => "DEFAULT_DATA_SET",
        0x2001 => "CURRENT_DATA_SET",
        0x2002 => "PARENT_DATA_SET",
        0x2003 => "TIME_PROPERTIES_DATA_SET",
        0x2004 => "PORT_DATA_SET",
        0x2005 => "PRIORITY1",
        0x2006 => "PRIORITY2",
        0x2007 => "DOMAIN",
        0x2008 => "SLAVE_ONLY",
        0x2009 => "LOG_ANNOUNCE_INTERVAL",
        0x200A => "ANNOUNCE_RECEIPT_TIMEOUT",
        0x200B => "LOG_SYNC_INTERVAL",
        0x200C => "VERSION_NUMBER",
        0x200D => "ENABLE_PORT",
        0x200E => "DISABLE_PORT",
        0x200F => "TIME",
        0x2010 => "CLOCK_ACCURACY",
        0x2011 => "UTC_PROPERTIES",
        0x2012 => "TRACEABILITY_PROPERTIES",
        0x2013 => "TIMESCALE_PROPERTIES",
        0x2014 => "UNICAST_NEGOTIATION_ENABLE",
        0x2015 => "PATH_TRACE_LIST",
        0x2016 => "PATH_TRACE_ENABLE",
        0x2017 => "GRANDMASTER_CLUSTER_TABLE",
        0x2018 => "UNICAST_MASTER_TABLE",
        0x2019 => "UNICAST_MASTER_MAX_TABLE_SIZE",
        0x201A => "ACCEPTABLE_MASTER_TABLE",
        0x201B => "ACCEPTABLE_MASTER_TABLE_ENABLED",
        0x201C => "ACCEPTABLE_MASTER_MAX_TABLE_SIZE",
        0x201D => "ALTERNATE_MASTER",
        0x201E => "ALTERNATE_TIME_OFFSET_ENABLE",
        0x201F => "ALTERNATE_TIME_OFFSET_NAME",
        0x2020 => "ALTERNATE_TIME_OFFSET_MAX_KEY",
        0x2021 => "ALTERNATE_TIME_OFFSET_PROPERTIES",
        0x3000 => "EXTERNAL_PORT_CONFIGURATION_ENABLED",
        0x3001 => "MASTER_ONLY",
        0x3002 => "HOLDOVER_UPGRADE_ENABLE",
        0x3003 => "EXT_PORT_CONFIG_PORT_DATA_SET",
        0x4000 => "TRANSPARENT_CLOCK_DEFAULT_DATA_SET",
        0x4001 => "TRANSPARENT_CLOCK_PORT_DATA_SET",
        0x4002 => "PRIMARY_DOMAIN",
        0x6000 => "DELAY_MECHANISM",
        0x6001 => "LOG_MIN_PDELAY_REQ_INTERVAL",
        0xC000 => "TIME_STATUS_NP",
        0xC001 => "GRANDMASTER_SETTINGS_NP",
        0xC002 => "PORT_DATA_SET_NP",
        0xC003 => "SUBSCRIBE_EVENTS_NP",
        0xC004 => "PORT_PROPERTIES_NP",
        0xC005 => "PORT_STATS_NP",
        0xC006 => "SYNCHRONIZATION_UNCERTAIN_NP",
        0xC007 => "PORT_SERVICE_STATS_NP",
        0xC008 => "UNICAST_MASTER_TABLE_NP",
        0xC009 => "PORT_HWCLOCK_NP",
        0xC00A => "POWER_PROFILE_SETTINGS_NP",
        0xC00B => "CMLDS_INFO_NP",
        0xC00C => "PORT_CORRECTIONS_NP",
        0xC00D => "EXTERNAL_GRANDMASTER_PROPERTIES_NP",
        0xC00E..=0xDFFF => "of an implementation",
        0xE000..=0xFFFE => "of a profile",
        _ => "reserved",
    }
}

/// tlvType, IEEE 1588-2019 table 52; 0x2000 to 0x2003 as in the 2008 edition.
pub(super) fn tlv_type(code: u16) -> &'static str {
    match code {
        0x0001 => "MANAGEMENT",
        0x0002 => "MANAGEMENT_ERROR_STATUS",
        0x0003 => "ORGANIZATION_EXTENSION",
        0x0004 => "REQUEST_UNICAST_TRANSMISSION",
        0x0005 => "GRANT_UNICAST_TRANSMISSION",
        0x0006 => "CANCEL_UNICAST_TRANSMISSION",
        0x0007 => "ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION",
        0x0008 => "PATH_TRACE",
        0x0009 => "ALTERNATE_TIME_OFFSET_INDICATOR",
        0x2000 => "AUTHENTICATION_2008",
        0x2001 => "AUTHENTICATION_CHALLENGE",
        0x2002 => "SECURITY_ASSOCIATION_UPDATE",
        0x2003 => "CUM_FREQ_SCALE_FACTOR_OFFSET",
        0x21FE => "MONITOR_REQUEST_NP",
        0x21FF => "MONITOR_RESPONSE_NP",
        0x4000 => "ORGANIZATION_EXTENSION_PROPAGATE",
        0x4001 => "ENHANCED_ACCURACY_METRICS",
        0x7F00 => "SLAVE_DELAY_TIMING_DATA_NP",
        0x8000 => "ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE",
        0x8001 => "L1_SYNC",
        0x8002 => "PORT_COMMUNICATION_AVAILABILITY",
        0x8003 => "PROTOCOL_ADDRESS",
        0x8004 => "SLAVE_RX_SYNC_TIMING_DATA",
        0x8005 => "SLAVE_RX_SYNC_COMPUTED_DATA",
        0x8006 => "SLAVE_TX_EVENT_TIMESTAMPS",
        0x8007 => "CUMULATIVE_RATE_RATIO",
        0x8008 => "PAD",
        0x8009 => "AUTHENTICATION",
        0x2004..=0x202F | 0x7F01..=0x7FFF => "experimental",
        _ => "reserved",
    }
}

/// Flags that the standard names, in order of their bits (IEEE 1588-2019 table 37).
pub(super) const FLAGS: &[(u16, &str)] = &[
    (0x0100, "alternateMaster"),
    (0x0200, "twoStep"),
    (0x0400, "unicast"),
    (0x2000, "profileSpecific1"),
    (0x4000, "profileSpecific2"),
    (0x8000, "security"),
];

/// Flags of the low octet, which only Announce messages define.
pub(super) const TIME_FLAGS: &[(u16, &str)] = &[
    (0x0001, "leap61"),
    (0x0002, "leap59"),
    (0x0004, "currentUtcOffsetValid"),
    (0x0008, "ptpTimescale"),
    (0x0010, "timeTraceable"),
    (0x0020, "frequencyTraceable"),
    (0x0040, "synchronizationUncertain"),
];

/// Management message keys of version 1, IEEE 1588-2002 table 26.
pub(super) fn v1_management_key(code: u8) -> &'static str {
    match code {
        0 => "PTP_MM_NULL",
        1 => "PTP_MM_OBTAIN_IDENTITY",
        2 => "PTP_MM_CLOCK_IDENTITY",
        3 => "PTP_MM_INITIALIZE_CLOCK",
        4 => "PTP_MM_SET_SUBDOMAIN",
        5 => "PTP_MM_CLEAR_DESIGNATED_PREFERRED_MASTER",
        6 => "PTP_MM_SET_DESIGNATED_PREFERRED_MASTER",
        7 => "PTP_MM_GET_DEFAULT_DATA_SET",
        8 => "PTP_MM_DEFAULT_DATA_SET",
        9 => "PTP_MM_UPDATE_DEFAULT_DATA_SET",
        10 => "PTP_MM_GET_CURRENT_DATA_SET",
        11 => "PTP_MM_CURRENT_DATA_SET",
        12 => "PTP_MM_GET_PARENT_DATA_SET",
        13 => "PTP_MM_PARENT_DATA_SET",
        14 => "PTP_MM_GET_PORT_DATA_SET",
        15 => "PTP_MM_PORT_DATA_SET",
        16 => "PTP_MM_GET_GLOBAL_TIME_DATA_SET",
        17 => "PTP_MM_GLOBAL_TIME_DATA_SET",
        18 => "PTP_MM_UPDATE_GLOBAL_TIME_PROPERTIES",
        19 => "PTP_MM_GOTO_FAULTY_STATE",
        20 => "PTP_MM_GET_FOREIGN_DATA_SET",
        21 => "PTP_MM_FOREIGN_DATA_SET",
        22 => "PTP_MM_SET_SYNC_INTERVAL",
        23 => "PTP_MM_DISABLE_PORT",
        24 => "PTP_MM_ENABLE_PORT",
        25 => "PTP_MM_DISABLE_BURST",
        26 => "PTP_MM_ENABLE_BURST",
        27 => "PTP_MM_SET_TIME",
        _ => "reserved",
    }
}
