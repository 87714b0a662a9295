//! The TmNS data message header and its packages (IRIG 106-24 Chapter 24).

/// Length of the header without application fields, in bytes.
pub(crate) const HEADER: usize = 24;
/// Length of a package's header in bytes.
const PACKAGE_HEADER: usize = 12;

/// The 24 bytes in front of application fields and packages, big-endian.
///
/// ```text
///  0                   1              2       4               8          12       16        20           24
/// | version:4 options:4 | 0:4 type:4 | flags | definition id | sequence | length | seconds | nanosecond | ..
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TmnsHeader {
    /// Words of application fields behind the header, 0 to 15.
    pub option_words: u8,
    /// Message type; 0 is data.
    pub message_type: u8,
    /// See the constants of this type.
    pub flags: u16,
    /// Which message definition it follows: the stream.
    pub definition_id: u32,
    /// Grows by one from message to message of one definition.
    pub sequence: u32,
    /// Length of the whole message in bytes, header and application fields included.
    pub length: u32,
    /// Seconds of an IEEE 1588 clock (TAI).
    pub seconds: u32,
    /// Nanoseconds, below 1,000,000,000.
    pub nanoseconds: u32,
}

impl TmnsHeader {
    /// The version of messages that is read.
    pub const VERSION: u8 = 1;
    /// No data follows after this message.
    pub const END_OF_DATA: u16 = 0x0001;
    /// The source's health is impaired.
    pub const HEALTH_ERROR: u16 = 0x0002;
    /// The source's clock is not locked.
    pub const TIME_NOT_LOCKED: u16 = 0x0004;
    /// The data are simulated.
    pub const SIMULATED: u16 = 0x0008;
    /// The fragment state: 0 whole, then first, middle and last.
    pub const FRAGMENT: u16 = 0x0030;
    /// The data are played back from a recording.
    pub const PLAYBACK: u16 = 0x0040;
    /// Packages carry the standard's header; clear where only configuration knows the layout.
    pub const STANDARD_PACKAGES: u16 = 0x0080;

    /// Reads the header; `None` where version, reserved bits or nanoseconds break the rules, the length can't hold what
    /// the header announces, or bytes are missing. An iNetX packet, whose first word is exactly 0x11000000, is none.
    #[must_use]
    #[inline]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let words = bytes.first_chunk::<HEADER>()?.as_chunks::<4>().0;
        let &[first, definition_id, sequence, length, seconds, nanoseconds] = words else { return None };
        let [version, kind, f0, f1] = first;
        let header = Self {
            option_words: version & 0x0F,
            message_type: kind,
            flags: u16::from_be_bytes([f0, f1]),
            definition_id: u32::from_be_bytes(definition_id),
            sequence: u32::from_be_bytes(sequence),
            length: u32::from_be_bytes(length),
            seconds: u32::from_be_bytes(seconds),
            nanoseconds: u32::from_be_bytes(nanoseconds),
        };
        let is_sound = version >> 4 == Self::VERSION
            && kind >> 4 == 0
            && first != crate::telemetry::INETX_CONTROL_WORD
            && header.nanoseconds < 1_000_000_000
            && header.length as usize >= header.packages_at();
        is_sound.then_some(header)
    }

    /// Where the packages begin.
    #[must_use]
    #[inline]
    pub const fn packages_at(self) -> usize {
        HEADER + self.option_words as usize * 4
    }

    /// Whether a flag is set.
    #[must_use]
    #[inline]
    pub const fn has(self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// Whether it only says that the data end: no identifier, number, time or data.
    #[must_use]
    #[inline]
    pub const fn is_end_marker(self) -> bool {
        self.flags == Self::END_OF_DATA
            && self.length as usize == HEADER
            && self.definition_id == 0
            && self.sequence == 0
            && self.seconds == 0
            && self.nanoseconds == 0
    }

    /// Its time in nanoseconds since 1970.
    #[must_use]
    #[inline]
    pub const fn nanos(self) -> u64 {
        self.seconds as u64 * 1_000_000_000 + self.nanoseconds as u64
    }
}

/// One package with the standard's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TmnsPackage<'a> {
    /// Which package definition it follows.
    pub definition_id: u32,
    /// Status flags.
    pub status: u8,
    /// Nanoseconds after the message's time.
    pub time_delta: u32,
    /// The data, without padding.
    pub data: &'a [u8],
}

/// Walks over packages.
#[derive(Clone, Debug)]
pub struct Packages<'a> {
    rest: &'a [u8],
}

impl<'a> Packages<'a> {
    /// The packages of a message, header included.
    #[must_use]
    #[inline]
    pub fn of(header: TmnsHeader, message: &'a [u8]) -> Self {
        Self { rest: message.get(header.packages_at()..).unwrap_or_default() }
    }

    /// Whether the walk has come exactly to the end.
    #[must_use]
    #[inline]
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<'a> Iterator for Packages<'a> {
    type Item = TmnsPackage<'a>;

    #[inline]
    fn next(&mut self) -> Option<TmnsPackage<'a>> {
        let &[i0, i1, i2, i3, l0, l1, reserved, status, t0, t1, t2, t3] = self.rest.first_chunk::<PACKAGE_HEADER>()?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let data = self.rest.get(PACKAGE_HEADER..length).filter(|_| reserved == 0)?;
        // The last package may do without its padding.
        let end = length.next_multiple_of(4).min(self.rest.len());
        self.rest = self.rest.get(end..)?;
        let definition_id = u32::from_be_bytes([i0, i1, i2, i3]);
        Some(TmnsPackage { definition_id, status, time_delta: u32::from_be_bytes([t0, t1, t2, t3]), data })
    }
}
