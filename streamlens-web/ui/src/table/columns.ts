import { bitRate, bytes, duration, grouped, packetRate, ppm, share } from '../format/units';
import type { FindingCounts, Flow, Timing } from '../protocol';
import type { Row } from '../store/rowname';

/** A column of the table. What it is called in filters and for sorting is its `field`. */
export interface Column {
  id: string;
  /** The field that the server sorts by; absent where it can't be. */
  field?: string;
  title: string;
  /** What it says, for its tooltip and the list of columns. */
  meaning: string;
  /** In pixels, unless it was made wider. */
  width: number;
  isNumber: boolean;
  /** Whether it is shown unless it is chosen. */
  isUsual: boolean;
  /** The text of a row; undefined where the row says nothing of it. */
  text: (row: Row) => string | undefined;
  /** The test of a filter that this row's value passes. */
  filter?: (row: Row) => string | undefined;
  /** Drawn in a way of its own. */
  draws?: 'findings' | 'spark';
}

const timing = (row: Row): Timing | undefined => (row.level === 'stream' ? undefined : row.of.timing_stats);
const packets = (row: Row) =>
  row.level === 'flow' ? row.of.total_packets : row.level === 'stream' ? row.of.received : row.of.packet_count;
const octets = (row: Row) =>
  row.level === 'flow' ? row.of.total_bytes : row.level === 'stream' ? undefined : row.of.byte_count;
const with_ = <T>(value: T | null | undefined, write: (value: T) => string) =>
  value === undefined || value === null ? undefined : write(value);

/** Health, of rows that have one of their own. */
function health(row: Row) {
  if (row.level === 'encoding') return row.of.health;
  if (row.level === 'stream') return row.of;
  return undefined;
}

/** Lost packets and how many there should have been. */
export function lossOf(row: Row): { lost?: number; expected?: number } {
  return row.level === 'flow' ? row.of : (health(row) ?? {});
}

/** `192.168.1.1:5004`, `[ff02::1]:5004`, or the address alone. */
export function endpoint(of: Flow['src']): string {
  if (of.address === undefined) return '';
  if (of.port === undefined) return of.address;
  return of.address.includes(':') ? `[${of.address}]:${of.port}` : `${of.address}:${of.port}`;
}

/** How findings are written: `2 errors, 1 warning`. */
export function findingsText(of: FindingCounts | undefined): string | undefined {
  const parts = (['error', 'warning', 'info'] as const).flatMap((severity) => {
    const count = of?.[severity];
    return count ? [`${grouped(count)} ${severity}${count === 1 || severity === 'info' ? '' : 's'}`] : [];
  });
  return parts.length ? parts.join(', ') : undefined;
}

const number = (
  id: string,
  title: string,
  field: string,
  width: number,
  meaning: string,
  text: Column['text'],
  isUsual = true,
): Column => ({
  id,
  title,
  field,
  width,
  meaning,
  text,
  isUsual,
  isNumber: true,
});

const flowOnly = (write: (flow: Flow) => string | undefined) => (row: Row) =>
  row.level === 'flow' ? write(row.of) : undefined;

/** The column of the tree, which is always there and always the first. */
export const TREE: Column = {
  id: 'src',
  field: 'src',
  title: 'Src:Port',
  meaning: 'source of a flow; below it the names of transports, encodings, packet types and streams',
  width: 180,
  isNumber: false,
  isUsual: true,
  text: flowOnly((flow) => endpoint(flow.src)),
  filter: flowOnly((flow) => flow.src.address && `src.addr == ${flow.src.address}`),
};

/** All others, in the order in which they stand at first. */
export const COLUMNS: readonly Column[] = [
  {
    id: 'dst',
    field: 'dst',
    title: 'Dst:Port',
    meaning: 'destination of a flow',
    width: 168,
    isNumber: false,
    isUsual: true,
    text: flowOnly((flow) => endpoint(flow.dst)),
    filter: flowOnly((flow) => flow.dst.address && `dst.addr == ${flow.dst.address}`),
  },
  {
    id: 'vlan',
    field: 'vlan',
    title: 'VLAN',
    meaning: 'VLAN identifiers, outermost first',
    width: 62,
    isNumber: true,
    isUsual: true,
    text: flowOnly((flow) => (flow.vlan.length ? flow.vlan.join(',') : undefined)),
    filter: flowOnly((flow) => (flow.vlan.length ? `vlan == ${flow.vlan[0]}` : 'not vlan')),
  },
  {
    id: 'proto',
    field: 'encoding',
    title: 'Proto',
    meaning: 'transports and the encodings that were identified in them',
    width: 130,
    isNumber: false,
    isUsual: true,
    text: flowOnly((flow) => [...flow.transports, ...flow.encodings].join(' ')),
    filter: flowOnly((flow) => {
      const [name] = flow.encodings.length ? flow.encodings : flow.transports;
      return name && `${flow.encodings.length ? 'encoding' : 'transport'} == "${name.replace(/["\\]/g, '\\$&')}"`;
    }),
  },
  {
    id: 'cast',
    field: 'cast',
    title: 'Cast',
    meaning: 'unicast, multicast or broadcast',
    width: 82,
    isNumber: false,
    isUsual: true,
    text: flowOnly((flow) => flow.traffic_type ?? ''),
    filter: flowOnly((flow) => flow.traffic_type && `cast == ${flow.traffic_type}`),
  },
  number('packets', '#Frames', 'packets', 86, 'frames; PDUs of packet types, packets received of streams', (row) =>
    grouped(packets(row)),
  ),
  number('bytes', 'Bytes', 'bytes', 76, 'bytes on the wire', (row) => with_(octets(row), bytes)),
  number('rate', 'Rate', 'rate', 94, 'bits on the wire per second, over the last second', (row) =>
    row.level === 'stream' ? undefined : with_(row.of.bit_rate_now, bitRate),
  ),
  number(
    'pps',
    'Packets/s',
    'pps',
    92,
    'packets per second, over the last second',
    (row) => with_(row.of.packet_rate, packetRate),
    false,
  ),
  number('dt', '\u0394T', 'dt', 78, 'the mean time between consecutive packets', (row) =>
    with_(timing(row)?.mean_ns, duration),
  ),
  number(
    'dt.min',
    '\u0394T min',
    'dt.min',
    92,
    'the shortest time between consecutive packets',
    (row) => with_(timing(row)?.min_ns, duration),
    false,
  ),
  number(
    'dt.max',
    '\u0394T max',
    'dt.max',
    92,
    'the longest time between consecutive packets',
    (row) => with_(timing(row)?.max_ns, duration),
    false,
  ),
  number('p50', 'p50', 'p50', 92, 'the median of \u0394T', (row) => with_(timing(row)?.p50_ns, duration), false),
  number(
    'p95',
    'p95',
    'p95',
    92,
    '95 of 100 \u0394T are not longer',
    (row) => with_(timing(row)?.p95_ns, duration),
    false,
  ),
  number('p99', '\u0394T p99', 'p99', 78, '99 of 100 \u0394T are not longer', (row) =>
    with_(timing(row)?.p99_ns, duration),
  ),
  number(
    'jitter',
    'Jitter',
    'jitter',
    78,
    'jitter of \u0394T by the filter of RFC 3550, without the media clock',
    (row) => with_(timing(row)?.jitter_ns, duration),
  ),
  number(
    'media_jitter',
    'Media jitter',
    'media_jitter',
    100,
    'jitter of RFC 3550 against the media clock',
    (row) => with_(health(row)?.jitter_ns, duration),
    false,
  ),
  number('lost', 'Lost', 'lost', 52, 'packets whose numbers never came', (row) => with_(lossOf(row).lost, grouped)),
  number(
    'loss',
    'Loss',
    'loss',
    84,
    'lost of expected',
    (row) => {
      const { lost, expected } = lossOf(row);
      return lost === undefined || !expected ? undefined : share(lost / expected);
    },
    false,
  ),
  number(
    'duplicated',
    'Duplicated',
    'duplicated',
    92,
    'packets whose number had come before',
    (row) => with_(health(row)?.duplicated, grouped),
    false,
  ),
  number(
    'reordered',
    'Reordered',
    'reordered',
    92,
    'packets that came after one with a higher number',
    (row) => with_(health(row)?.reordered, grouped),
    false,
  ),
  number(
    'gap',
    'Longest gap',
    'gap',
    92,
    'the most numbers in a row that never came',
    (row) => with_(health(row)?.longest_gap, grouped),
    false,
  ),
  number(
    'drift',
    'Drift',
    'stream.drift',
    100,
    "how much faster the stream's clock runs than the capture's",
    (row) => (row.level === 'stream' ? with_(row.of.drift_ppm, ppm) : undefined),
    false,
  ),
  number(
    'outliers',
    'Outliers',
    'outliers',
    84,
    '\u0394T more than three standard deviations from the mean',
    (row) => with_(timing(row)?.outliers?.count, grouped),
    false,
  ),
  {
    ...number(
      'findings',
      'Findings',
      'findings',
      112,
      'findings by severity; of a flow, those of the rows below it as well',
      (row) => findingsText(row.of.findings),
    ),
    draws: 'findings',
  },
  {
    id: 'probes',
    field: 'probe',
    title: 'Probes',
    meaning: 'the probes that saw the flow; its figures are those of the first',
    width: 140,
    isNumber: false,
    isUsual: false,
    text: flowOnly((flow) => {
      const names = Object.keys(flow.probes ?? {}).filter((name) => name !== flow.totals_of);
      return flow.totals_of && [flow.totals_of, ...names].join(', ');
    }),
    filter: flowOnly((flow) => flow.totals_of && `probe == "${flow.totals_of}"`),
  },
  {
    ...number(
      'history',
      'Last minute',
      'rate',
      124,
      'bits on the wire of each of the last 60 seconds',
      () => undefined,
    ),
    field: undefined,
    draws: 'spark',
  },
];

/** Bits on the wire per second over the whole span of a row, as the command has it for captures. */
export function meanRate(row: Row): number | undefined {
  if (row.level === 'flow') return row.of.bit_rate;
  const of = timing(row);
  const size = octets(row);
  const count = row.level === 'stream' ? 0 : row.of.packet_count;
  if (!of?.mean_ns || size === undefined || count < 2) return undefined;
  return (size * 8 * ((count - 1) / count) * 1e9) / (of.mean_ns * of.count);
}

/** The rate of captures: there is no last second of theirs that matters. */
const MEAN = number('rate', 'Rate', 'rate', 98, 'bits on the wire per second, over the whole span', (row) =>
  with_(meanRate(row), bitRate),
);

/** Which columns are shown, in which order and how wide. */
export interface Layout {
  order: readonly string[];
  widths: Readonly<Record<string, number>>;
}

export const USUAL: Layout = {
  order: COLUMNS.filter((column) => column.isUsual).map((column) => column.id),
  widths: {},
};

/** The columns of a layout, for what comes live or for a capture; what is unknown in it is passed over. */
export function columnsOf(layout: Layout, isLive = true): Column[] {
  const found = layout.order.flatMap((id) => {
    if (id === MEAN.id && !isLive) return MEAN;
    return COLUMNS.find((column) => column.id === id) ?? [];
  });
  return [TREE, ...found];
}

/** A layout as it was stored; the usual one where that can't be read. */
export function readLayout(text: string | null): Layout {
  try {
    const { order, widths } = JSON.parse(text ?? '') as Layout;
    const known = [...new Set(order)].filter((id) => COLUMNS.some((column) => column.id === id));
    const right = Object.entries(widths).filter(
      ([, width]) => typeof width === 'number' && width >= 40 && width <= 800,
    );
    if (known.length > 0) return { order: known, widths: Object.fromEntries(right) };
  } catch {
    // stored by something else, or not at all
  }
  return USUAL;
}

/** The layout with a column moved by so many places. */
export function moved(layout: Layout, id: string, by: number): Layout {
  const from = layout.order.indexOf(id);
  const to = from + by;
  if (from < 0 || to < 0 || to >= layout.order.length) return layout;
  const order = layout.order.filter((other) => other !== id);
  order.splice(to, 0, id);
  return { ...layout, order };
}
