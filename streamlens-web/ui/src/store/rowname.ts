import type { Encoding, Flow, PacketType, Stream, Transport } from '../protocol';

/** The level of a row in the tree. */
export type Level = 'flow' | 'transport' | 'encoding' | 'type' | 'stream';

/** What the name of a row says: the flow's key, then the parts below it. */
export interface RowPath {
  flow: string;
  level: Level;
  transport?: string;
  encoding?: string;
  stream?: string;
  /** Packet types, the outermost first. */
  types: string[];
}

/** A row with what is known of it. */
export type Row = { name: string; path: RowPath; flow: Flow } & (
  | { level: 'flow'; of: Flow }
  | { level: 'transport'; of: Transport }
  | { level: 'encoding'; of: Encoding }
  | { level: 'type'; of: PacketType }
  | { level: 'stream'; of: Stream }
);

const decoded = (part: string) => part.replace(/%(25|2F)/gi, (_, code: string) => (code === '25' ? '%' : '/'));
const encoded = (part: string) => part.replace(/[%/]/g, (sign) => (sign === '%' ? '%25' : '%2F'));

/** Takes a row's name apart; undefined where it is none. */
export function parse(name: string): RowPath | undefined {
  const [flow, transport, encoding, ...rest] = name.split('/');
  if (!flow) return undefined;
  const path: RowPath = { flow: decoded(flow), level: 'flow', types: [] };
  if (transport === undefined) return path;
  path.transport = decoded(transport);
  path.level = 'transport';
  if (encoding === undefined) return path;
  path.encoding = decoded(encoding);
  path.level = 'encoding';
  for (const part of rest) {
    if (part.startsWith('stream:') && rest.length === 1) {
      path.stream = decoded(part.slice('stream:'.length));
      path.level = 'stream';
    } else if (part.startsWith('type:')) {
      path.types.push(decoded(part.slice('type:'.length)));
      path.level = 'type';
    } else return undefined;
  }
  return path;
}

/** The name of the row above; undefined for flows. */
export function parentOf(name: string): string | undefined {
  const end = name.lastIndexOf('/');
  return end < 0 ? undefined : name.slice(0, end);
}

/** The name of the flow that a row is in. */
export function flowOf(name: string): string {
  const end = name.indexOf('/');
  return decoded(end < 0 ? name : name.slice(0, end));
}

/** The name of a row right below another. */
export function below(name: string, kind: '' | 'type:' | 'stream:', part: string): string {
  return `${name}/${kind}${encoded(part)}`;
}

/** How deep a row lies in the tree; flows are 1. */
export function depthOf(name: string): number {
  return name.split('/').length;
}

/** A row of a flow; undefined where the flow has none of that name. */
export function find(name: string, flow: Flow): Row | undefined {
  const path = parse(name);
  if (!path) return undefined;
  const base = { name, path, flow };
  if (path.transport === undefined) return { ...base, level: 'flow', of: flow };
  const transport = flow.transport_protocols?.[path.transport];
  if (!transport) return undefined;
  if (path.encoding === undefined) return { ...base, level: 'transport', of: transport };
  const encoding = transport.application_encodings?.[path.encoding];
  if (!encoding) return undefined;
  if (path.stream !== undefined) {
    const stream = encoding.health.streams?.[path.stream];
    return stream && { ...base, level: 'stream', of: stream };
  }
  if (path.types.length === 0) return { ...base, level: 'encoding', of: encoding };
  let types = encoding.packet_types;
  let found: PacketType | undefined;
  for (const type of path.types) {
    found = types?.[type];
    types = found?.packet_types;
  }
  return found && { ...base, level: 'type', of: found };
}

/** What a row is called where it stands below another. */
export function labelOf(row: Row): string {
  switch (row.level) {
    case 'flow':
      return row.name;
    case 'transport':
      return row.of.protocol_name;
    case 'encoding':
      return row.of.encoding_name;
    case 'type':
      return row.of.type_name;
    case 'stream':
      return row.of.name ?? row.of.id;
  }
}
