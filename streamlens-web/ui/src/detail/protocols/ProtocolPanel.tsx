import type { JsonValue } from '../../protocol';

interface Props {
  encoding: string;
  metadata: JsonValue | undefined;
  streams: readonly JsonValue[];
}

export function ProtocolPanel(_: Props) {
  return null;
}
