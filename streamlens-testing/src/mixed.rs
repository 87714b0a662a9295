//! A flow with two encodings.

use crate::{Host, Made, demo, udp};

/// A flow whose source sends PTP and IENA to one port: the messages and packets of the demo capture, in the order of their times.
#[must_use]
pub fn mixed() -> Vec<Made> {
    let (source, group) = ((Host::new([192, 168, 1, 10]), 1024), (Host::group([239, 255, 0, 1]), 319));
    let again = |frame: Made| {
        let port = frame.data.get(36..38)?;
        let is_udp = frame.data.get(12..14) == Some(&[0x08, 0x00]) && frame.data.get(23) == Some(&17);
        // PTP of one clock, and IENA
        let is_meant = port == 319_u16.to_be_bytes() || port == 5600_u16.to_be_bytes();
        let length = u16::from_be_bytes([*frame.data.get(38)?, *frame.data.get(39)?]);
        let payload = frame.data.get(42..34 + usize::from(length))?;
        (is_udp && is_meant).then(|| Made { data: udp(source, group, payload), ..frame })
    };
    demo::frames().into_iter().filter_map(again).collect()
}
