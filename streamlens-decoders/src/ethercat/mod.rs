//! EtherCAT (IEC 61158-4-12, ETG.1000.4): frames of Ethernet type 0x88A4 and in UDP datagrams (port 34980).
//!
//! Decoded: every datagram of a frame as a PDU of its own, named by its command (`LRW`, `FPRD`, `BRD`); frames that
//! hold no datagrams are one PDU, `Frame type 4` (network variables), `Frame type 5` (mailbox gateway). Measured: see
//! the monitor, which pairs frames that go out with those that come back. Mailbox messages (CoE, FoE, EoE, SoE, AoE,
//! VoE) travel inside datagrams that read and write memory (`FPRD`, `FPWR`); each is a PDU of its own in its datagram,
//! with a packet type below the command's: `CoE SDO Request`. The metadata `mailbox` counts each message once, and not
//! on its way back.
//!
//! ```text
//! frame:     length 11 bits, reserved 1, type 4    little-endian throughout
//! datagram:  0       1       2               6              8      10        10+n
//!           +-------+-------+---------------+--------------+------+---------+-----------------+
//!           |command| index | address       | length n 11, | IRQ  | data    | working counter |
//!           |       |       | ADP+ADO or 32 | .., more 1   |      | n bytes |                 |
//!           +-------+-------+---------------+--------------+------+---------+-----------------+
//! ```
//!
//! A frame goes round all stations and comes back changed: the first of them sets the locally administered bit of the
//! source address, which makes two flows of one exchange.
//!
//! Not decoded: process data by their mapping, the inside of network variables, ADS and mailbox gateway frames.

mod decoder;
mod frame;
mod journeys;
mod mailbox;
mod monitor;
mod names;
mod probe;
mod registers;
mod report;
mod stations;
mod terms;
mod working_counters;

#[cfg(test)]
mod tests;

pub use decoder::EtherCatDecoder;
