//! Feeds frames to the decoder and to the monitor of their conversation, as the engine does.

use std::collections::BTreeMap;

use streamlens_model::{Address, Endpoint, FlowKey, MacAddress, Occurrence, Packet, Timestamp, Transport};

use crate::ethercat::EtherCatDecoder;
use crate::testing::Captured;
use crate::{ConversationMonitor, DecodingResult, FlowReport, ObservedPdu, PduState, StreamDecoder};

#[derive(Default)]
pub(super) struct Segment {
    pub(super) types: BTreeMap<FlowKey, BTreeMap<String, u64>>,
    /// Mailbox messages, by type.
    pub(super) messages: BTreeMap<String, u64>,
    pub(super) frames: BTreeMap<FlowKey, u64>,
    monitors: BTreeMap<(Endpoint, Endpoint), Box<dyn ConversationMonitor>>,
}

fn key(flow: &FlowKey) -> (Endpoint, Endpoint) {
    let plain = |mut end: Endpoint| {
        if let Address::Mac(mac) = &mut end.address {
            mac.0[0] &= !2;
        }
        end
    };
    let (a, b) = (plain(flow.src), plain(flow.dst));
    if a < b { (a, b) } else { (b, a) }
}

impl Segment {
    /// Takes in a payload that may be EtherCAT.
    pub(super) fn payload(&mut self, captured: &Captured) {
        let decoder = EtherCatDecoder::new();
        if decoder.can_decode(&captured.packet()).value() < 0.5 {
            return;
        }
        *self.frames.entry(captured.flow).or_default() += 1;
        let (mut at, mut result) = (0, DecodingResult::default());
        while at < captured.payload.len() {
            let rest = &captured.payload[at..];
            let packet = Packet { payload: rest, offset: at, ..captured.packet() };
            result.clear();
            let Ok(taken) = decoder.decode_packet(&packet, &mut result) else { break };
            assert!((1..=rest.len()).contains(&taken));
            assert!(result.pdu_length.is_none_or(|own| result.state == PduState::Cut || own as usize <= taken));
            let types = self.types.entry(captured.flow).or_default();
            *types.entry(decoder.packet_type(result.packet_type).into_owned()).or_default() += 1;
            for (kind, length) in result.nested() {
                assert!(*length as usize <= taken);
                *self.messages.entry(decoder.packet_type(*kind).into_owned()).or_default() += 1;
            }
            let monitor = self
                .monitors
                .entry(key(&captured.flow))
                .or_insert_with(|| decoder.conversation_monitor().expect("it has a monitor"));
            let occurrence = Occurrence { frame: captured.frame, time: captured.time };
            let (flow, packet_type, bytes) = (&captured.flow, result.packet_type, &rest[..taken]);
            monitor.observe(&ObservedPdu { at: occurrence, flow, packet_type, bytes });
            at += taken;
        }
    }

    pub(super) fn report(&self, flow: &FlowKey) -> FlowReport {
        let mut report = FlowReport::default();
        self.monitors[&key(flow)].report(flow, &mut report);
        report
    }

    /// The report of every flow.
    pub(super) fn reports(&self) -> Vec<(FlowKey, FlowReport)> {
        self.types.keys().map(|flow| (*flow, self.report(flow))).collect()
    }
}

/// The bytes of a datagram.
pub(super) fn datagram(command: u8, index: u8, address: u32, data: &[u8], more: bool, counter: u16) -> Vec<u8> {
    let mut bytes = vec![command, index];
    bytes.extend(address.to_le_bytes());
    bytes.extend((data.len() as u16 | if more { 0x8000 } else { 0 }).to_le_bytes());
    bytes.extend([0, 0]);
    bytes.extend(data);
    bytes.extend(counter.to_le_bytes());
    bytes
}

/// A frame of Ethernet around datagrams, padded to its minimum.
pub(super) fn frame(number: u64, nanos: i64, returned: bool, datagrams: &[Vec<u8>]) -> Captured {
    let inside: Vec<u8> = datagrams.concat();
    let mut payload = (inside.len() as u16 | 0x1000).to_le_bytes().to_vec();
    payload.extend(inside);
    payload.resize(payload.len().max(46), 0);
    let mut flow = FlowKey::default();
    flow.src.address = Address::Mac(MacAddress([if returned { 2 } else { 0 }, 1, 2, 3, 4, 5]));
    flow.dst.address = Address::Mac(MacAddress([0xFF; 6]));
    Captured {
        frame: number,
        time: Some(Timestamp::from_nanos(nanos)),
        flow,
        transport: Transport::Ethernet,
        ether_type: Some(0x88A4),
        wire_length: payload.len() as u32 + 14,
        tcp_sequence: None,
        payload,
    }
}
