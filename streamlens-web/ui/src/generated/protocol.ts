// The types of protocol streamlens.v1, made from the crate streamlens-protocol by
// UPDATE_TYPES=1 cargo test -p streamlens-protocol --features ts

export type JsonValue = number | string | boolean | Array<JsonValue> | { [key in string]?: JsonValue } | null;

/**
 * A message of a server. `F` is what a flow is: a [`Flow`] where messages are whole, else a patch.
 */
export type ServerMessage<F = Flow> = { "type": "flow_update" } & FlowUpdate<F> | { "type": "hello" } & HelloAnswer | { "type": "analyses" } & Analyses | { "type": "detail" } & Detail | { "type": "done" } & Done | { "type": "error" } & ErrorMessage | { "type": "pong" } & Pong;

/**
 * What has changed of a view since the last message about it.
 */
export type FlowUpdate<F = Flow> = { 
/**
 * Capture time of what is shown; absent before the first frame with a time.
 */
timestamp?: string, 
/**
 * The server's clock when it was sent.
 */
sent: string, 
/**
 * Which start of the analysis: with another, all that was held is of no use.
 */
start: string, 
/**
 * Which analysis.
 */
analysis: string, 
/**
 * Number of the message, 1 more for each of this connection.
 */
seq: number, 
/**
 * Number of the look that is shown.
 */
epoch: number, 
/**
 * Number of the view.
 */
view: number, 
/**
 * Begins anew: what was held of the view is forgotten first.
 */
reset?: boolean, 
/**
 * Whether all of the view as it is now has been sent; else more follows.
 */
complete: boolean, 
/**
 * Keys of flows that left the view. Applied before `flows`: one in both is sent anew.
 */
removed?: Array<string>, 
/**
 * By key: of a client that has subscribed a patch on what it holds, else whole flows.
 */
flows: { [key in string]: F }, 
/**
 * Place of the first row of `order`, with it.
 */
from?: number, 
/**
 * Flows of the view in front of that of the first row, with `order`.
 */
from_flow?: number, 
/**
 * Names of the rows of the window from the top, where that has changed.
 */
order?: Array<string>, 
/**
 * Rows of the view, in the window or not.
 */
total: number, 
/**
 * Flows of the view.
 */
total_flows: number, 
/**
 * Counts of the capture.
 */
capture: Capture, 
/**
 * Findings that are new, grew or were resolved, where the view asks for them; the gravest first.
 */
findings?: Array<Finding>, };

/**
 * The answer to `hello`.
 */
export type HelloAnswer = { 
/**
 * What it answers.
 */
id?: Id, 
/**
 * The version that is spoken.
 */
protocol: string, 
/**
 * Version of the program.
 */
version: string, 
/**
 * The compression from the next message on; absent without.
 */
compression?: Compression, 
/**
 * What a client may ask for.
 */
limits: Limits, 
/**
 * What is analysed.
 */
analyses: Array<Analysis>, 
/**
 * What the client may do.
 */
rights: Rights, 
/**
 * Who answers, where it is a probe.
 */
probe?: ProbeIdentity, };

/**
 * What a client may ask for.
 */
export type Limits = { 
/**
 * Rows of one message, and of a window.
 */
rows: number, 
/**
 * Bytes of one message.
 */
message_bytes: number, 
/**
 * Bytes of a client's message.
 */
client_message_bytes: number, 
/**
 * A client's messages in a second.
 */
client_messages_per_second: number, 
/**
 * Views of a connection.
 */
views: number, 
/**
 * Rows that a connection may watch.
 */
watches: number, 
/**
 * Nanoseconds that `at` reaches back, at most.
 */
at_ns: number, 
/**
 * Bytes of an upload.
 */
upload_bytes: number, 
/**
 * Analyses that are kept.
 */
analyses: number, };

/**
 * What a client may do.
 */
export type Rights = { 
/**
 * Whether captures may be dropped, and analyses be taken away.
 */
upload: boolean, 
/**
 * Whether packets may be exported where they can be read again.
 */
packets: boolean, };

/**
 * What is analysed.
 */
export type Analyses = { 
/**
 * All of them, the oldest first.
 */
analyses: Array<Analysis>, };

/**
 * The answer to what has been done.
 */
export type Done = { 
/**
 * What it answers.
 */
id?: Id, 
/**
 * The view that it is about, where it is about one.
 */
view?: number, 
/**
 * Of `at`: the capture time that is shown.
 */
timestamp?: string, };

/**
 * The answer to what could not be done. The connection stays.
 */
export type ErrorMessage = { 
/**
 * What it answers, where that could be read.
 */
id?: Id, 
/**
 * What went wrong.
 */
error: Problem, };

/**
 * The answer to `ping`.
 */
export type Pong = { 
/**
 * What it answers.
 */
id?: Id, 
/**
 * The server's clock.
 */
sent: string, 
/**
 * The same clock when the `ping` had come, of a probe.
 */
received?: string, };

/**
 * Details of a row that is watched; the parts that were asked for and that there are.
 */
export type Detail = { 
/**
 * Which analysis.
 */
analysis: string, 
/**
 * Which start of it.
 */
start: string, 
/**
 * Name of the row.
 */
row: string, 
/**
 * Capture time of what is shown.
 */
timestamp?: string, 
/**
 * The row has ended, or there is none of that name: nothing more will come until it appears.
 */
gone?: boolean, 
/**
 * Figures by the second: those that were not sent before.
 */
series?: Series, 
/**
 * Inter-arrival times by length, in ascending order.
 */
histogram?: Array<Bucket>, 
/**
 * The same by the second: columns that were not sent before.
 */
heat?: Heat, 
/**
 * Streams as the document has them (`health.streams`), of the row's encoding or all of its encodings.
 */
streams?: Array<JsonValue>, 
/**
 * The row's element of the document, whole, but without the rows below it: timing with the worst outliers, addresses of
 * the link layer, metadata.
 */
metadata?: { [key in string]: JsonValue }, 
/**
 * Why it was identified, and what else it may be.
 */
reasons?: Reasons, 
/**
 * Findings at the row and below it.
 */
findings?: Array<Finding>, };

/**
 * Figures by the second, as columns of equal length; null is undefined.
 */
export type Series = { 
/**
 * Capture time at which the first value's time begins.
 */
start: string, 
/**
 * Nanoseconds from one value to the next.
 */
step_ns: number, 
/**
 * Packets.
 */
packets: Array<number | null>, 
/**
 * Bits on the wire.
 */
bits: Array<number | null>, 
/**
 * Numbers found missing, less those that came late; negative where more came late.
 */
lost: Array<number | null>, 
/**
 * Jitter at the end of the time, in nanoseconds: against the media clock where there is one, else of inter-arrival times.
 */
jitter_ns: Array<number | null>, };

/**
 * Inter-arrival times of a length.
 */
export type Bucket = { 
/**
 * The shortest of the bucket, in nanoseconds.
 */
low_ns: number, 
/**
 * The longest, in nanoseconds.
 */
high_ns: number, 
/**
 * How many.
 */
count: number, };

/**
 * Inter-arrival times by length and by the second.
 */
export type Heat = { 
/**
 * Nanoseconds from one column to the next.
 */
step_ns: number, 
/**
 * Columns that were not sent before, in order of time; seconds without an interval have none.
 */
columns: Array<HeatColumn>, };

/**
 * Inter-arrival times of a second.
 */
export type HeatColumn = { 
/**
 * Capture time at which it begins.
 */
start: string, 
/**
 * What is in it, in ascending order.
 */
buckets: Array<Bucket>, };

/**
 * Why an encoding was identified.
 */
export type Reasons = { 
/**
 * What speaks for it, by encoding.
 */
encodings: { [key in string]: Array<string> }, 
/**
 * What it may be as well, by transport, as the document has it.
 */
candidates: { [key in string]: Array<JsonValue> }, };

/**
 * Counts of a capture so far.
 */
export type Capture = { 
/**
 * Frames read.
 */
packets: number, 
/**
 * Their bytes on the wire.
 */
bytes: number, 
/**
 * Flows that are kept.
 */
flows: number, 
/**
 * Frames of those.
 */
packets_in_flows: number, 
/**
 * Frames in no flow.
 */
packets_not_in_flows: number, 
/**
 * Fragments that wait for the first one of their datagram.
 */
waiting?: number, 
/**
 * Flows that ended for want of room.
 */
retired?: Retired, 
/**
 * Frames that the capture itself lost, by interface.
 */
dropped?: { [key in string]: number }, 
/**
 * Findings of the whole analysis.
 */
findings?: FindingCounts, };

/**
 * Totals of flows that ended.
 */
export type Retired = { 
/**
 * Number of flows.
 */
flows: number, 
/**
 * Frames.
 */
packets: number, 
/**
 * Bytes on the wire.
 */
bytes: number, 
/**
 * By transport.
 */
transports: { [key in string]: RetiredCounts }, 
/**
 * By encoding.
 */
encodings: { [key in string]: RetiredCounts }, };

/**
 * Counts of ended flows under one name.
 */
export type RetiredCounts = { 
/**
 * Frames.
 */
packets: number, 
/**
 * Bytes on the wire.
 */
bytes: number, };

/**
 * How much a finding matters.
 */
export type Severity = "info" | "warning" | "error";

/**
 * What became of a finding.
 */
export type FindingState = "new" | "grown" | "resolved";

/**
 * A finding.
 */
export type Finding = { 
/**
 * Which finding, for the life of the analysis: 16 hexadecimal digits.
 */
id: string, 
/**
 * What became of it.
 */
state: FindingState, 
/**
 * Name of the row that it stands at; absent for those of a network or the capture.
 */
row?: string, 
/**
 * Stable code, such as `rtp.loss`.
 */
code: string, 
/**
 * How much it matters.
 */
severity: Severity, 
/**
 * How often it happened.
 */
count: number, 
/**
 * When first.
 */
first: Occurrence, 
/**
 * When last.
 */
last: Occurrence, 
/**
 * Where, as the document has it.
 */
where: Where, 
/**
 * A sentence with figures and units.
 */
text: string, 
/**
 * Names of the probes that it is of, where several look.
 */
probes?: Array<string>, };

/**
 * A frame at which something happened.
 */
export type Occurrence = { 
/**
 * Its number, counted from 1.
 */
frame: number, 
/**
 * Its capture time.
 */
time?: string, };

/**
 * Where a finding stands; the parts that apply.
 */
export type Where = { 
/**
 * The flow's key.
 */
flow?: string, 
/**
 * The transport's name.
 */
transport?: string, 
/**
 * The encoding's name.
 */
encoding?: string, 
/**
 * The stream's identifier.
 */
stream?: string, };

/**
 * One direction between two endpoints, with the rows below it that the view shows.
 */
export type Flow = { 
/**
 * Where it comes from.
 */
src: Endpoint, 
/**
 * Where it goes to.
 */
dst: Endpoint, 
/**
 * VLAN identifiers, outermost first.
 */
vlan: Array<number>, 
/**
 * `unicast`, `multicast` or `broadcast`, where it is known.
 */
traffic_type?: string, 
/**
 * Capture time of the earliest frame, RFC 3339 with nine digits.
 */
first_seen?: string, 
/**
 * Capture time of the latest frame.
 */
last_seen?: string, 
/**
 * Frames.
 */
total_packets: number, 
/**
 * Bytes on the wire.
 */
total_bytes: number, 
/**
 * Bits on the wire per second from the first to the last frame; absent below two frames with different times.
 */
bit_rate?: number, 
/**
 * Packets in the last second.
 */
packet_rate?: number, 
/**
 * Bits on the wire in the last second.
 */
bit_rate_now?: number, 
/**
 * Inter-arrival times.
 */
timing_stats: Timing, 
/**
 * Names of its transports, also where they are not shown as rows.
 */
transports: Array<string>, 
/**
 * Names of its encodings, also where they are not shown as rows.
 */
encodings: Array<string>, 
/**
 * Numbers that never came, over all its streams; absent where none has numbers.
 */
lost?: number, 
/**
 * Numbers that should have come, over all its streams.
 */
expected?: number, 
/**
 * Findings at the flow and all below it; absent where there are none.
 */
findings?: FindingCounts, 
/**
 * Bits on the wire of each of the last seconds of capture time, at most 60, the newest last; where asked for. Sent
 * once a second.
 */
history?: Array<number>, 
/**
 * Name of the probe that the figures are of, where several look: that which saw most packets.
 */
totals_of?: string, 
/**
 * What each probe saw of it, by name, where several look. Never added up.
 */
probes?: { [key in string]: FlowAtProbe }, 
/**
 * Its transports, where they are shown.
 */
transport_protocols?: { [key in string]: Transport }, };

/**
 * What one probe saw of a flow.
 */
export type FlowAtProbe = { 
/**
 * VLAN identifiers there, outermost first.
 */
vlan: Array<number>, 
/**
 * Capture time of the earliest frame, by the probe's clock.
 */
first_seen?: string, 
/**
 * Capture time of the latest frame, by the probe's clock.
 */
last_seen?: string, 
/**
 * Frames.
 */
total_packets: number, 
/**
 * Bytes on the wire.
 */
total_bytes: number, 
/**
 * Packets in the last second.
 */
packet_rate?: number, 
/**
 * Bits on the wire in the last second.
 */
bit_rate_now?: number, 
/**
 * Inter-arrival times.
 */
timing_stats: Timing, 
/**
 * Numbers that never came, over all its streams; absent where none has numbers.
 */
lost?: number, };

/**
 * An end of a flow.
 */
export type Endpoint = { 
/**
 * Address; absent where the link has none.
 */
address?: string, 
/**
 * Port; absent where there are none.
 */
port?: number, };

/**
 * A transport of a flow.
 */
export type Transport = { 
/**
 * Its standard name.
 */
protocol_name: string, 
/**
 * Ports, where it has ports.
 */
port_info?: PortInfo, 
/**
 * Frames.
 */
packet_count: number, 
/**
 * Bytes on the wire.
 */
byte_count: number, 
/**
 * Packets in the last second.
 */
packet_rate?: number, 
/**
 * Bits on the wire in the last second.
 */
bit_rate_now?: number, 
/**
 * Inter-arrival times.
 */
timing_stats: Timing, 
/**
 * How many rows there are right below it, shown or not; absent where there are none.
 */
rows_below?: number, 
/**
 * Findings at the transport, not at rows below.
 */
findings?: FindingCounts, 
/**
 * Its encodings, where they are shown.
 */
application_encodings?: { [key in string]: Encoding }, };

/**
 * The ports of a transport.
 */
export type PortInfo = { 
/**
 * Of the source.
 */
src_port: number, 
/**
 * Of the destination.
 */
dst_port: number, };

/**
 * An application protocol that was identified.
 */
export type Encoding = { 
/**
 * Its name.
 */
encoding_name: string, 
/**
 * How sure that is, 0.5 to 1.0.
 */
confidence_score?: number, 
/**
 * Frames.
 */
packet_count: number, 
/**
 * Bytes of those frames on the wire.
 */
byte_count: number, 
/**
 * Packets in the last second.
 */
packet_rate?: number, 
/**
 * Bits on the wire in the last second.
 */
bit_rate_now?: number, 
/**
 * Inter-arrival times.
 */
timing_stats: Timing, 
/**
 * Payloads that broke the protocol's rules; absent where none did.
 */
malformed?: number, 
/**
 * How many rows there are right below it, shown or not; absent where there are none.
 */
rows_below?: number, 
/**
 * Findings at the encoding and its streams.
 */
findings?: FindingCounts, 
/**
 * What became of its packets: sums over its streams, and these where they are shown.
 */
health: Health, 
/**
 * Kinds of PDU by name, where they are shown.
 */
packet_types?: { [key in string]: PacketType }, };

/**
 * What became of the packets of an encoding.
 */
export type Health = { 
/**
 * Packets received, duplicates included.
 */
received?: number, 
/**
 * Numbers from the first to the highest, over all restarts.
 */
expected?: number, 
/**
 * Numbers that never came.
 */
lost?: number, 
/**
 * Packets whose number had come before.
 */
duplicated?: number, 
/**
 * Packets that came after one with a higher number.
 */
reordered?: number, 
/**
 * How often counting began afresh.
 */
restarts?: number, 
/**
 * The most numbers in a row that never came.
 */
longest_gap?: number, 
/**
 * RFC 3550 §6.4.1 jitter against the media clock in nanoseconds: the greatest of any stream.
 */
jitter_ns?: number, 
/**
 * Streams by their identifier, where they are shown.
 */
streams?: { [key in string]: Stream }, };

/**
 * A stream of an encoding.
 */
export type Stream = { 
/**
 * Its identifier, as its protocol writes it.
 */
id: string, 
/**
 * A name for people, where one is known.
 */
name?: string, 
/**
 * Packets received, duplicates included.
 */
received: number, 
/**
 * Numbers from the first to the highest, over all restarts; absent without sequence numbers.
 */
expected?: number, 
/**
 * Numbers that never came.
 */
lost?: number, 
/**
 * Packets whose number had come before.
 */
duplicated?: number, 
/**
 * Packets that came after one with a higher number.
 */
reordered?: number, 
/**
 * How often counting began afresh.
 */
restarts?: number, 
/**
 * The most numbers in a row that never came.
 */
longest_gap?: number, 
/**
 * RFC 3550 §6.4.1 jitter against the stream's own clock in nanoseconds.
 */
jitter_ns?: number, 
/**
 * How much faster its clock runs than the capture's, in parts per million.
 */
drift_ppm?: number, 
/**
 * Packets in the last second.
 */
packet_rate?: number, 
/**
 * Findings at the stream.
 */
findings?: FindingCounts, };

/**
 * A kind of PDU.
 */
export type PacketType = { 
/**
 * Its name.
 */
type_name: string, 
/**
 * PDUs, not frames.
 */
packet_count: number, 
/**
 * Their share of the bytes on the wire.
 */
byte_count: number, 
/**
 * PDUs in the last second.
 */
packet_rate?: number, 
/**
 * Bits in the last second.
 */
bit_rate_now?: number, 
/**
 * PDUs that loss or a snap length cut; absent where none was.
 */
incomplete?: number, 
/**
 * Inter-arrival times of the PDUs.
 */
timing_stats: Timing, 
/**
 * How many rows there are right below it, shown or not; absent where there are none.
 */
rows_below?: number, 
/**
 * Findings at the kind.
 */
findings?: FindingCounts, 
/**
 * Kinds of PDU that lie in those of this kind.
 */
packet_types?: { [key in string]: PacketType }, };

/**
 * Inter-arrival times; durations in nanoseconds, undefined ones absent.
 */
export type Timing = { 
/**
 * Number of intervals.
 */
count: number, 
/**
 * The shortest.
 */
min_ns?: number, 
/**
 * The longest.
 */
max_ns?: number, 
/**
 * The mean.
 */
mean_ns?: number, 
/**
 * Standard deviation of the population.
 */
std_dev_ns?: number, 
/**
 * RFC 3550 §6.4.1 filter over the differences of consecutive intervals, without the media clock.
 */
jitter_ns?: number, 
/**
 * The median; as the next two within 1 %, and up to a second old.
 */
p50_ns?: number, 
/**
 * 95 of 100 are not longer.
 */
p95_ns?: number, 
/**
 * 99 of 100 are not longer.
 */
p99_ns?: number, 
/**
 * Intervals far from the mean.
 */
outliers?: Outliers, 
/**
 * How often the time ran backwards; absent where it never did.
 */
backwards?: number, };

/**
 * Intervals far from the mean.
 */
export type Outliers = { 
/**
 * How many.
 */
count: number, };

/**
 * Findings by severity; severities without any are absent.
 */
export type FindingCounts = { 
/**
 * Worth knowing.
 */
info?: number, 
/**
 * Not as it should be.
 */
warning?: number, 
/**
 * Data lost, or not to be trusted.
 */
error?: number, };

/**
 * A message of a client. Unknown keys are passed over.
 */
export type ClientMessage = { "type": "hello" } & Hello | { "type": "subscribe" } & Subscribe | { "type": "unsubscribe" } & Unsubscribe | { "type": "watch" } & Watch | { "type": "unwatch" } & Unwatch | { "type": "pause" } & Pause | { "type": "resume" } & Resume | { "type": "at" } & At | { "type": "ping" } & Ping;

/**
 * What a client calls a message, so that it knows the answer.
 */
export type Id = number | string;

/**
 * What a client knows.
 */
export type Hello = { 
/**
 * What the client calls the message.
 */
id?: Id, 
/**
 * Versions of the protocol that it speaks; one has to be `streamlens.v1`.
 */
versions: Array<string>, 
/**
 * How messages of a KiB and more are to be compressed; not at all unless told.
 */
compression?: Compression, };

/**
 * How messages are compressed.
 */
export type Compression = "deflate-raw";

/**
 * A view: which rows, in which order, how often.
 */
export type Subscribe = { 
/**
 * What the client calls the message.
 */
id?: Id, 
/**
 * Number of the view, 1 to 4; 1 unless told. One that there is already becomes this one.
 */
view?: number, 
/**
 * Which analysis; the first unless told.
 */
analysis?: string, 
/**
 * A filter in the language of `-Y`; everything unless told.
 */
filter?: string, 
/**
 * The column that flows are ordered by, `first_seen` unless told: the most first for figures, the least for times and
 * names; a `-` in front turns it round. What is undefined comes last either way.
 */
sort?: string, 
/**
 * Which of the rows; all unless told.
 */
window?: Window, 
/**
 * The lowest level that is shown of every flow; `flow` unless told.
 */
depth?: Depth, 
/**
 * Rows of which those right below are shown as well, by name; at most 1,000.
 */
expanded: Array<string>, 
/**
 * Messages a second, 1 to 10; 10 unless told.
 */
rate?: number, 
/**
 * Whether findings are sent.
 */
findings?: boolean, 
/**
 * Whether flows have their `history`.
 */
history?: boolean, 
/**
 * Whether flows are sent whole rather than as patches on what the client holds.
 */
whole?: boolean, };

/**
 * A part of the rows of a view.
 */
export type Window = { 
/**
 * The place of the first row, counted from 0.
 */
from: number, 
/**
 * How many rows, at most 2,000.
 */
count: number, };

/**
 * The lowest level that is shown.
 */
export type Depth = "flow" | "transport" | "encoding" | "type" | "stream";

/**
 * Gives a view up.
 */
export type Unsubscribe = { 
/**
 * What the client calls the message.
 */
id?: Id, 
/**
 * Number of the view; 1 unless told.
 */
view?: number, };

/**
 * Asks for details of a row. One that is watched already is watched for these parts from now on.
 */
export type Watch = { 
/**
 * What the client calls the message.
 */
id?: Id, 
/**
 * Which analysis; the first unless told.
 */
analysis?: string, 
/**
 * The name of the row, of any level.
 */
flow: string, 
/**
 * What of it; all unless told.
 */
parts: Array<Part>, };

/**
 * A part of a row's details.
 */
export type Part = "series" | "histogram" | "heat" | "streams" | "metadata" | "reasons";

/**
 * Gives details up.
 */
export type Unwatch = { 
/**
 * What the client calls the message.
 */
id?: Id, 
/**
 * Which analysis; the first unless told.
 */
analysis?: string, 
/**
 * The name of the row; all that are watched unless told.
 */
flow?: string, };

/**
 * Asks for nothing more for now.
 */
export type Pause = { 
/**
 * What the client calls the message.
 */
id?: Id, };

/**
 * Goes on, and to now.
 */
export type Resume = { 
/**
 * What the client calls the message.
 */
id?: Id, };

/**
 * Shows views as they were, until `resume`.
 */
export type At = { 
/**
 * What the client calls the message.
 */
id?: Id, 
/**
 * Capture time, RFC 3339: the last look at or before it is shown.
 */
time: string, };

/**
 * Asks whether the server is there.
 */
export type Ping = { 
/**
 * What the client calls the message.
 */
id?: Id, };

/**
 * A fault: the body of REST's `application/problem+json`, and part of `error` messages.
 */
export type Problem = { 
/**
 * Which kind of fault, for ever: `urn:streamlens:problem:filter`, ...
 */
type: string, 
/**
 * The kind in a few words.
 */
title: string, 
/**
 * The status that HTTP gives, or would give.
 */
status: number, 
/**
 * What is wrong here and what to do, in a sentence.
 */
detail?: string, 
/**
 * Of filters: where it is wrong.
 */
place?: FilterPlace, 
/**
 * Of limits: the option that sets it.
 */
option?: string, };

/**
 * A place in the text of a filter, in UTF-16 code units, as texts of browsers are counted; the end is not part of it.
 */
export type FilterPlace = { 
/**
 * The first unit.
 */
start: number, 
/**
 * The unit behind the last.
 */
end: number, };

/**
 * An analysis that the server has.
 */
export type Analysis = { 
/**
 * What it is called in messages and addresses.
 */
id: string, 
/**
 * Its name for people: the capture, the interface.
 */
name: string, 
/**
 * What is analysed.
 */
kind: AnalysisKind, 
/**
 * How far it is.
 */
state: AnalysisState, 
/**
 * Which start of it: another one has nothing in common with it.
 */
start: string, 
/**
 * Bytes read so far; never falls.
 */
bytes_read: number, 
/**
 * Bytes that there are to read, where that is known.
 */
bytes_total?: number, 
/**
 * Frames read so far.
 */
frames: number, 
/**
 * The format, once it is known: `pcapng`, `pcap in gzip`, ...
 */
format?: string, 
/**
 * The exit status that the command would end with: 0, 3 (no capture), 5 (read in part); once it has ended.
 */
exit_status?: number, 
/**
 * What is wrong, where something is.
 */
messages?: Array<string>, 
/**
 * Whether its packets can be read again, for export as pcapng.
 */
has_packets?: boolean, };

/**
 * What is analysed.
 */
export type AnalysisKind = "capture" | "replay" | "interface" | "upload" | "probe" | "hub";

/**
 * How far an analysis is.
 */
export type AnalysisState = "running" | "ended" | "failed";

/**
 * A part of the flows of an analysis: what a view with the same filter, order, depth and window holds.
 */
export type FlowPage = { 
/**
 * Capture time of what is shown.
 */
timestamp?: string, 
/**
 * Which start of the analysis.
 */
start: string, 
/**
 * Which analysis.
 */
analysis: string, 
/**
 * Number of the look.
 */
epoch: number, 
/**
 * Flows of the window by key.
 */
flows: { [key in string]: Flow }, 
/**
 * Place of the first row.
 */
from: number, 
/**
 * Flows in front of that of the first row.
 */
from_flow: number, 
/**
 * Rows of the window from the top.
 */
order: Array<string>, 
/**
 * Rows in the window or not.
 */
total: number, 
/**
 * Flows in the window or not.
 */
total_flows: number, 
/**
 * Counts of the capture.
 */
capture: Capture, };

/**
 * Findings of an analysis.
 */
export type FindingPage = { 
/**
 * Findings, the gravest first, then by when they were first.
 */
findings: Array<Finding>, 
/**
 * How many there are, in the page or not.
 */
total: number, };

/**
 * The body of `filter/check` and `filter/complete`.
 */
export type FilterText = { 
/**
 * The text of a filter.
 */
filter: string, 
/**
 * Where the cursor is, in UTF-16 code units; at the end unless told.
 */
cursor?: number, };

/**
 * What `filter/check` answers.
 */
export type FilterCheck = { 
/**
 * Whether it is a filter.
 */
valid: boolean, 
/**
 * How it is printed: another text that is printed alike is the same filter.
 */
printed?: string, 
/**
 * What is wrong.
 */
message?: string, 
/**
 * Where.
 */
place?: FilterPlace, };

/**
 * What `filter/complete` answers.
 */
export type Completions = { 
/**
 * What a suggestion replaces.
 */
place: FilterPlace, 
/**
 * Texts that may stand there.
 */
suggestions: Array<string>, 
/**
 * Values that can't be listed, in a word each: `number`, `duration`, `address`, ...
 */
values: Array<string>, 
/**
 * Signs that may follow right behind.
 */
next: Array<string>, };

/**
 * A decoder.
 */
export type DecoderInfo = { 
/**
 * Name of the encoding.
 */
encoding_name: string, 
/**
 * The encoding that it refines.
 */
base?: string, 
/**
 * Ports at which it is customarily found.
 */
ports: Array<number>, };

/**
 * What `version` answers.
 */
export type Version = { 
/**
 * `streamlens`.
 */
name: string, 
/**
 * Version of the program.
 */
version: string, 
/**
 * The protocol of `/stream`.
 */
protocol: string, 
/**
 * The schema of documents.
 */
schema: string, };

/**
 * Who a probe is; in its answer to `hello`.
 */
export type ProbeIdentity = { 
/**
 * UUID (RFC 9562), made at its first start and kept.
 */
id: string, 
/**
 * Its name for people, at most 64 characters.
 */
name: string, 
/**
 * Where it is, in the words of its operator.
 */
site?: string, 
/**
 * When it was started, by its clock: another start begins anew.
 */
start: string, 
/**
 * Where its packet stamps come from.
 */
stamps?: string, };

/**
 * What a probe keeps for its hub.
 */
export type SpoolState = { 
/**
 * Number of the earliest aggregate that is kept; as the next where there is none.
 */
first: number, 
/**
 * Number that the next aggregate will have.
 */
next: number, 
/**
 * Bytes that are kept.
 */
bytes: number, 
/**
 * Aggregates that went for want of room before a hub had them.
 */
dropped: number, };

/**
 * A probe as its hub knows it.
 */
export type Probe = { 
/**
 * Its UUID.
 */
id: string, 
/**
 * Its name, which tells it from the others: where two have the same, the second has the beginning of its UUID behind it.
 */
name: string, 
/**
 * Where it is.
 */
site?: string, 
/**
 * How it is.
 */
state: ProbeState, 
/**
 * Why it was refused.
 */
reason?: string, 
/**
 * When it was started, by its clock.
 */
start?: string, 
/**
 * Its version.
 */
version?: string, 
/**
 * Where it dialled from.
 */
address?: string, 
/**
 * When the hub last heard of it, by the hub's clock.
 */
heard?: string, 
/**
 * The analysis that shows it alone.
 */
analysis?: string, 
/**
 * Frames that it has read.
 */
frames: number, 
/**
 * Frames that its capture lost.
 */
dropped: number, 
/**
 * Flows that it sees.
 */
flows: number, 
/**
 * Its clock against the hub's; absent before it has been measured.
 */
clock?: ProbeClock, 
/**
 * Where its packet stamps come from.
 */
stamps?: string, 
/**
 * What it keeps for the hub.
 */
spool?: SpoolState, 
/**
 * Aggregates that the hub still waits for.
 */
pending: number, 
/**
 * Load average of its machine.
 */
load?: number, };

/**
 * How a probe is.
 */
export type ProbeState = "live" | "late" | "away" | "refused";

/**
 * A probe's clock against its hub's.
 */
export type ProbeClock = { 
/**
 * The probe's clock less the hub's, in nanoseconds.
 */
offset_ns: number, 
/**
 * How far the truth may lie from that: half the shortest round trip of the last ones.
 */
uncertainty_ns: number, 
/**
 * Whether the times that are shown of the probe are less that offset.
 */
corrected?: boolean, };

/**
 * Figures by the second of a flow at a probe, as `probes/{id}/series` gives them.
 */
export type ProbeSeries = { 
/**
 * In order of time; seconds in which the flow had no packets have 0.
 */
seconds: Array<ProbeSecond>, 
/**
 * Where there is nothing, and why.
 */
gaps: Array<ProbeGap>, };

/**
 * What came of a flow within a second.
 */
export type ProbeSecond = { 
/**
 * Capture time at which it begins, by the probe's clock.
 */
from: string, 
/**
 * Capture time at which it ends.
 */
to: string, 
/**
 * Packets.
 */
packets: number, 
/**
 * Bytes on the wire.
 */
bytes: number, 
/**
 * Numbers found missing, less those that came late.
 */
lost?: number, 
/**
 * Whether it came later than it was measured.
 */
filled?: boolean, };

/**
 * A time of which a hub has nothing.
 */
export type ProbeGap = { 
/**
 * Capture time at which it begins, where that is known.
 */
from?: string, 
/**
 * Capture time at which it ends, where that is known.
 */
to?: string, 
/**
 * Why.
 */
kind: GapKind, 
/**
 * Aggregates that are missing; 0 where nothing was measured.
 */
aggregates: number, };

/**
 * Why a hub has nothing of a time.
 */
export type GapKind = "not_yet_sent" | "not_kept" | "never_measured";
