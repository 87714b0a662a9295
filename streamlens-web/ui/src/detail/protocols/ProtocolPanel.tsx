import type { JsonValue } from '../../protocol';
import { Chapter10, Keys } from './FlightTest';
import { EtherCat, Modbus, Profinet } from './Industrial';
import { Ptp } from './Ptp';
import { St2110 } from './St2110';

interface Props {
  encoding: string;
  metadata: JsonValue | undefined;
  streams: readonly JsonValue[];
}

/** What engineers of a protocol look for, where there is more to show than names and values. */
export function ProtocolPanel({ encoding, metadata, streams }: Props) {
  switch (encoding) {
    case 'PTP':
      return <Ptp metadata={metadata} />;
    case 'ST2110-20':
    case 'ST2110-22':
      return <St2110 streams={streams} />;
    case 'EtherCAT':
      return <EtherCat metadata={metadata} />;
    case 'PROFINET':
      return <Profinet metadata={metadata} streams={streams} />;
    case 'ModbusTCP':
    case 'ModbusRTU':
      return <Modbus metadata={metadata} />;
    case 'IENA':
    case 'iNetX':
      return <Keys title={encoding} streams={streams} />;
    case 'Chapter10':
      return <Chapter10 metadata={metadata} streams={streams} />;
    default:
      return null;
  }
}
