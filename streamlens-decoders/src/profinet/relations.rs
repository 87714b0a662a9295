//! Application relations: who controls whom, with which IO communication relations, from when to when.

use std::collections::{BTreeMap, VecDeque};

use streamlens_model::{Address, FindingLog, FlowKey, MacAddress, Metadata, Occurrence, Severity, Value};

use super::cm::{ArRequest, Body, Iocr, ar_answer, control_uuid, has_wrong_modules, iocr_answer};
use super::cyclic::CyclicStream;
use super::frame::operation_name;
use super::monitor::{Call, goes};
use super::{PnioStatus, Uuid};

/// Relations that are kept; further ones are counted.
const MAX_RELATIONS: usize = 1024;
/// IO communication relations that are kept of one.
const MAX_IOCRS: usize = 32;
/// Calls that wait for their answer; the oldest gives way.
const MAX_CALLS: usize = 1024;
/// Ends that are kept per pair of stations, and pairs.
const MAX_ENDS: usize = 32;
const MAX_PAIRS: usize = 1024;
/// Relations that a result lists.
const MAX_LISTED: usize = 256;
/// Operations that response times are kept of: connect to read implicit.
const OPERATIONS: usize = 6;

/// An application relation.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    pub(super) uuid: Uuid,
    ar_type: u16,
    pub(super) controller: MacAddress,
    /// Known from the device's answer.
    pub(super) device: Option<MacAddress>,
    controller_ip: Address,
    device_ip: Address,
    station: String,
    iocrs: Vec<Iocr>,
    connects: u64,
    connected: Occurrence,
    answered: Option<(Occurrence, PnioStatus)>,
    ready: Option<Occurrence>,
    ended: Option<(Occurrence, Option<PnioStatus>)>,
    module_difference: bool,
}

impl Relation {
    pub(super) fn is_controller(&self, address: Address) -> bool {
        address == Address::Mac(self.controller) || (address == self.controller_ip && address != Address::None)
    }

    /// Where the device's answer was not seen, any station may be it.
    pub(super) fn may_be_device(&self, address: Address) -> bool {
        match (address, self.device) {
            (Address::Mac(mac), Some(device)) => mac == device,
            (Address::Mac(mac), None) => mac != self.controller,
            (address, _) => address == self.device_ip,
        }
    }

    /// The device's IP address, for people.
    pub(super) fn device_address(&self) -> String {
        self.device_ip.to_string()
    }

    fn state(&self) -> &'static str {
        match (&self.ended, &self.ready, &self.answered) {
            (Some((_, Some(_))), ..) => "aborted",
            (Some((_, None)), ..) => "released",
            (None, Some(_), _) => "running",
            (None, None, Some((_, status))) if status.is_ok() => "connected",
            (None, None, Some(_)) => "refused",
            (None, None, None) => "requested",
        }
    }

    fn value(&self) -> Value {
        let mut map = Metadata::new();
        let mut put = |name: &'static str, value: Value| map.insert(name.into(), value);
        put("uuid", self.uuid.to_string().into());
        put("ar_type", self.ar_type.into());
        put("controller", self.controller.to_string().into());
        put("controller_address", self.controller_ip.to_string().into());
        put("device_address", self.device_ip.to_string().into());
        put("initiator_station", self.station.clone().into());
        put("state", self.state().into());
        put("connect_requests", self.connects.into());
        put("connect_frame", self.connected.frame.into());
        if let Some(device) = self.device {
            put("device", device.to_string().into());
        }
        for (name, at) in [
            ("connected_at", self.connected.time),
            ("ready_at", self.ready.and_then(|at| at.time)),
            ("ended_at", self.ended.and_then(|(at, _)| at.time)),
        ] {
            if let Some(time) = at {
                put(name, time.into());
            }
        }
        if let Some(status) = self.ended.and_then(|(_, status)| status) {
            put("end_status", status.to_string().into());
        }
        if let Some(status) = self.answered.map(|(_, status)| status).filter(|status| !status.is_ok()) {
            put("connect_status", status.to_string().into());
        }
        if self.module_difference {
            put("module_difference", true.into());
        }
        put("iocrs", Value::list(self.iocrs.iter().map(iocr_value)));
        Value::Map(map)
    }
}

fn iocr_value(iocr: &Iocr) -> Value {
    Value::map([
        ("direction", Value::from(iocr.kind.name())),
        ("frame_id", format!("0x{:04x}", iocr.frame_id).into()),
        ("rt_class", iocr.class_name().into()),
        ("data_length", iocr.data_length.into()),
        ("send_clock_factor", iocr.send_clock_factor.into()),
        ("reduction_ratio", iocr.reduction_ratio.into()),
        ("update_time_ns", iocr.update_time_ns().into()),
        ("watchdog_factor", iocr.watchdog_factor.into()),
        ("data_hold_factor", iocr.data_hold_factor.into()),
        ("submodules", (iocr.objects.len() as u64).into()),
    ])
}

/// Response times of an operation in nanoseconds, and its answers with errors.
#[derive(Clone, Copy, Debug, Default)]
struct Responses {
    requests: u64,
    answers: u64,
    errors: u64,
    timed: u64,
    min: i64,
    max: i64,
    sum: i128,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    at: Occurrence,
    relation: Option<Uuid>,
}

/// All relations.
#[derive(Debug, Default)]
pub(super) struct Relations {
    relations: BTreeMap<Uuid, Relation>,
    refused: u64,
    waiting: BTreeMap<(Uuid, u32), Waiting>,
    order: VecDeque<(Uuid, u32)>,
    responses: [Responses; OPERATIONS],
    /// Releases and aborts by pair of stations, the lower address first; the station that aborted comes with it.
    ends: BTreeMap<(MacAddress, MacAddress), Vec<End>>,
    findings: FindingLog,
}

#[derive(Clone, Copy, Debug)]
struct End {
    at: Occurrence,
    by: MacAddress,
    status: Option<PnioStatus>,
}

impl Relations {
    pub(super) const fn findings(&self) -> &FindingLog {
        &self.findings
    }

    /// Records a request or an answer.
    pub(super) fn take_call(&mut self, call: &Call<'_>, flow: &FlowKey, at: Occurrence) {
        let Some(body) = Body::read(call.body, call.is_answer, call.little_endian) else { return };
        let key = (call.activity, call.sequence);
        if call.is_answer {
            let waiting = self.waiting.remove(&key);
            self.time(call.operation, waiting, body.status, at);
            if call.operation == 0 {
                self.answer(&body, waiting.and_then(|waiting| waiting.relation), at);
            }
            return;
        }
        let relation = match call.operation {
            0 => self.connect(&body, flow, at),
            _ => self.control(&body, at),
        };
        if let Some(responses) = self.responses.get_mut(usize::from(call.operation)) {
            responses.requests += 1;
        }
        if !self.waiting.contains_key(&key) {
            if self.order.len() == MAX_CALLS
                && let Some(oldest) = self.order.pop_front()
            {
                self.waiting.remove(&oldest);
            }
            self.order.push_back(key);
            self.waiting.insert(key, Waiting { at, relation });
        }
    }

    fn time(&mut self, operation: u16, waiting: Option<Waiting>, status: Option<PnioStatus>, at: Occurrence) {
        let Some(responses) = self.responses.get_mut(usize::from(operation)) else { return };
        responses.answers += 1;
        responses.errors += u64::from(status.is_some_and(|status| !status.is_ok()));
        let (Some(now), Some(then)) = (at.time, waiting.and_then(|waiting| waiting.at.time)) else { return };
        let time = now.since(then);
        if time < 0 {
            return;
        }
        responses.min = if responses.timed == 0 { time } else { responses.min.min(time) };
        responses.max = responses.max.max(time);
        responses.sum += i128::from(time);
        responses.timed += 1;
    }

    fn connect(&mut self, body: &Body<'_>, flow: &FlowKey, at: Occurrence) -> Option<Uuid> {
        let request = body.blocks().find(|block| block.kind == 0x0101).and_then(|block| ArRequest::read(block.data))?;
        let iocrs = body.blocks().filter(|block| block.kind == 0x0102).take(MAX_IOCRS);
        let iocrs = iocrs.filter_map(|block| Iocr::read(block.data)).collect();
        let uuid = request.uuid;
        let connects = self.relations.get(&uuid).map_or(0, |known| known.connects);
        if connects == 0 && self.relations.len() >= MAX_RELATIONS {
            self.refused += 1;
            return None;
        }
        let relation = Relation {
            uuid,
            ar_type: request.ar_type,
            controller: request.controller,
            device: None,
            controller_ip: flow.src.address,
            device_ip: flow.dst.address,
            station: request.station,
            iocrs,
            connects: connects + 1,
            connected: at,
            answered: None,
            ready: None,
            ended: None,
            module_difference: false,
        };
        self.relations.insert(uuid, relation);
        Some(uuid)
    }

    fn answer(&mut self, body: &Body<'_>, relation: Option<Uuid>, at: Occurrence) {
        let answer = body.blocks().find(|block| block.kind == 0x8101).and_then(|block| ar_answer(block.data));
        let Some(uuid) = answer.map(|(uuid, _)| uuid).or(relation) else { return };
        let Some(relation) = self.relations.get_mut(&uuid) else { return };
        relation.answered = Some((at, body.status.unwrap_or_default()));
        relation.device = answer.map(|(_, mac)| mac).filter(|mac| *mac != MacAddress::default()).or(relation.device);
        for block in body.blocks() {
            match block.kind {
                0x8102 => {
                    let Some((reference, frame_id)) = iocr_answer(block.data) else { continue };
                    let named = relation.iocrs.iter_mut().filter(|iocr| iocr.reference == reference);
                    named.for_each(|iocr| iocr.frame_id = frame_id);
                }
                0x8104 => relation.module_difference = has_wrong_modules(block.data),
                _ => {}
            }
        }
        if relation.module_difference {
            let uuid = relation.uuid;
            self.findings.add("profinet.module-difference", Severity::Warning, None, at, || {
                format!("the device's modules differ from those that the controller expects (relation {uuid})")
            });
        }
    }

    /// A release or control request: which relation it is about, and what becomes of that.
    fn control(&mut self, body: &Body<'_>, at: Occurrence) -> Option<Uuid> {
        let block = body.blocks().find(|block| matches!(block.kind, 0x0110..=0x0119))?;
        let uuid = control_uuid(block.data)?;
        let relation = self.relations.get_mut(&uuid)?;
        match block.kind {
            0x0112 => {
                relation.ready.get_or_insert(at);
            }
            0x0114 => {
                relation.ended.get_or_insert((at, None));
                let (controller, device) = (relation.controller, relation.device);
                if let Some(device) = device {
                    self.note_end(controller, device, None, at);
                }
            }
            _ => {}
        }
        Some(uuid)
    }

    /// A station ended its relation with another by an RTA error.
    pub(super) fn end(&mut self, by: MacAddress, other: MacAddress, status: Option<PnioStatus>, at: Occurrence) {
        self.note_end(by, other, status, at);
        let between = |relation: &&mut Relation| {
            let device = relation.device;
            (relation.controller == by && device == Some(other)) || (relation.controller == other && device == Some(by))
        };
        for relation in self.relations.values_mut().filter(between) {
            relation.ended.get_or_insert((at, status));
        }
    }

    fn note_end(&mut self, by: MacAddress, other: MacAddress, status: Option<PnioStatus>, at: Occurrence) {
        let pair = (by.min(other), by.max(other));
        if self.ends.len() < MAX_PAIRS || self.ends.contains_key(&pair) {
            let ends = self.ends.entry(pair).or_default();
            if ends.len() < MAX_ENDS {
                ends.push(End { at, by, status });
            }
        }
    }

    fn ends_of(&self, key: &FlowKey) -> &[End] {
        let (Address::Mac(src), Address::Mac(dst)) = (key.src.address, key.dst.address) else { return &[] };
        self.ends.get(&(src.min(dst), src.max(dst))).map_or(&[], Vec::as_slice)
    }

    /// Whether a release or an abort explains that nothing came between two frames.
    pub(super) fn ended_between(&self, key: &FlowKey, from: Occurrence, to: Occurrence) -> bool {
        self.ends_of(key).iter().any(|end| (from.frame..=to.frame).contains(&end.at.frame))
    }

    /// Whether one explains that nothing comes any more. The last frames may cross it on their way.
    pub(super) fn ended_after(&self, key: &FlowKey, last: Occurrence) -> bool {
        const CROSSING_NS: i64 = 1_000_000_000;
        let by_relation = self
            .relations
            .values()
            .filter(|relation| relation.is_controller(key.src.address) || relation.is_controller(key.dst.address));
        let by_relation = by_relation
            .filter(|r| r.may_be_device(key.src.address) || r.may_be_device(key.dst.address))
            .filter_map(|relation| relation.ended.map(|(at, _)| at));
        let near = |at: Occurrence| {
            at.frame >= last.frame || at.time.zip(last.time).is_some_and(|(end, last)| last.since(end) <= CROSSING_NS)
        };
        self.ends_of(key).iter().map(|end| end.at).chain(by_relation).any(near)
    }

    /// Where the receiver of a stream ended the relation behind its last frame because its watchdog expired.
    pub(super) fn timed_out(&self, key: &FlowKey, last: Occurrence) -> Option<Occurrence> {
        let expired = |end: &&End| {
            end.at.frame > last.frame
                && Address::Mac(end.by) == key.dst.address
                && end.status.is_some_and(|status| matches!(status.0, [0xCF, 0x81, 0xFD, 0x05]))
        };
        self.ends_of(key).iter().find(expired).map(|end| end.at)
    }

    /// Whether a relation with this device was set up and has not ended.
    pub(super) fn is_running(&self, device: MacAddress) -> bool {
        self.relations.values().any(|r| {
            r.device == Some(device) && r.ended.is_none() && r.answered.is_some_and(|(_, status)| status.is_ok())
        })
    }

    /// Relations by the `FrameID` of their IO communication relations.
    pub(super) fn by_frame_id(&self) -> BTreeMap<u16, Vec<(&Relation, &Iocr)>> {
        let mut by_id: BTreeMap<u16, Vec<(&Relation, &Iocr)>> = BTreeMap::new();
        for relation in self.relations.values() {
            for iocr in &relation.iocrs {
                by_id.entry(iocr.frame_id).or_default().push((relation, iocr));
            }
        }
        by_id
    }

    /// The relation that set a stream up: the latest that was asked for before the stream's last frame.
    pub(super) fn find<'a>(
        &self,
        by_id: &BTreeMap<u16, Vec<(&'a Relation, &'a Iocr)>>,
        key: &FlowKey,
        stream: &CyclicStream,
    ) -> Option<(&'a Relation, &'a Iocr)> {
        let candidates = by_id.get(&stream.frame_id)?.iter().copied();
        let fitting = candidates
            .filter(|(relation, iocr)| relation.connected.frame <= stream.last.frame && goes(relation, iocr.kind, key));
        fitting.max_by_key(|(relation, _)| relation.connected.frame)
    }

    /// Adds relations and response times to the facts.
    pub(super) fn report(&self, facts: &mut Metadata) {
        if !self.relations.is_empty() {
            let mut relations: Vec<&Relation> = self.relations.values().collect();
            relations.sort_by_key(|relation| relation.connected.frame);
            facts.insert("relation_count".into(), ((self.relations.len() as u64) + self.refused).into());
            let listed = relations.into_iter().take(MAX_LISTED).map(Relation::value);
            facts.insert("relations".into(), Value::list(listed));
        }
        let operations = self.responses.iter().enumerate().filter(|(_, r)| r.requests + r.answers > 0);
        let operations: Metadata = operations
            .filter_map(|(operation, r)| Some((operation_name(operation as u16)?, responses_value(r))))
            .collect();
        if !operations.is_empty() {
            facts.insert("operations".into(), Value::Map(operations));
        }
    }
}

fn responses_value(responses: &Responses) -> Value {
    let mut pairs = vec![
        ("requests", Value::from(responses.requests)),
        ("answers", responses.answers.into()),
        ("errors", responses.errors.into()),
    ];
    if responses.timed > 0 {
        pairs.push(("response_min_ns", responses.min.into()));
        pairs.push(("response_max_ns", responses.max.into()));
        pairs.push(("response_mean_ns", (responses.sum as f64 / responses.timed as f64).into()));
    }
    Value::map(pairs)
}
