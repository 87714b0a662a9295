import { useEffect, useState } from 'react';
import { clock } from '../format/time';
import { bitRate, bytes, counted, duration, grouped } from '../format/units';
import type { Flow, Probe } from '../protocol';
import { useSession } from '../store/context';
import { probes } from '../store/rest';
import { Grid } from './values';

/** How often the list is asked for, in milliseconds. */
const EVERY = 2000;

/** A probe's clock against the hub's, with its uncertainty. */
export function clockOf(probe: Probe): string {
  if (!probe.clock) return 'clock not measured yet';
  const { offset_ns: offset, uncertainty_ns: uncertainty } = probe.clock;
  const sign = offset < 0 ? '\u2212' : '+';
  return `clock ${sign}${duration(Math.abs(offset))} \u00b1 ${duration(uncertainty)}`;
}

function Line({ probe }: { probe: Probe }) {
  const session = useSession();
  const facts = [
    probe.site,
    probe.state === 'refused' ? probe.reason : clockOf(probe),
    probe.stamps && `stamps of ${probe.stamps}`,
    probe.state === 'refused' ? undefined : `${counted(probe.flows, 'flow')}, ${counted(probe.frames, 'frame')}`,
    probe.dropped > 0 ? `${grouped(probe.dropped)} dropped` : undefined,
    probe.spool && `spool ${bytes(probe.spool.bytes)}`,
    probe.pending > 0 ? `${grouped(probe.pending)} s not yet sent` : undefined,
    probe.version && `version ${probe.version}`,
    probe.load === undefined ? undefined : `load ${probe.load}`,
    probe.state !== 'live' && probe.heard ? `last heard ${clock(probe.heard)}` : undefined,
  ];
  return (
    <li className={`probe is-${probe.state}`}>
      <p>
        <span className={`lamp is-${probe.state}`} aria-hidden="true" /> <b>{probe.name}</b> {probe.state}
      </p>
      <p className="faint">{facts.filter(Boolean).join(' \u00b7 ')}</p>
      {probe.analysis ? (
        <p className="acts">
          <button type="button" onClick={() => session.show({ analysis: probe.analysis })}>
            Only {probe.name}
          </button>
          <button type="button" onClick={() => session.show({ analysis: '1', filter: `probe == "${probe.name}"` })}>
            What it shares
          </button>
        </p>
      ) : null}
    </li>
  );
}

/** All probes of a hub. */
export function Probes() {
  const [list, setList] = useState<readonly Probe[] | undefined>(undefined);
  const [problem, setProblem] = useState<string | undefined>(undefined);
  useEffect(() => {
    const stop = new AbortController();
    const ask = () => {
      if (document.hidden) return;
      probes(stop.signal).then(
        (all) => {
          setList(all);
          setProblem(undefined);
        },
        (why: Error) => stop.signal.aborted || setProblem(why.message),
      );
    };
    ask();
    const timer = setInterval(ask, EVERY);
    return () => {
      clearInterval(timer);
      stop.abort();
    };
  }, []);
  if (problem) return <p className="warn">{problem}</p>;
  if (list === undefined) return <p className="none">Asking the hub.</p>;
  if (list.length === 0) return <p className="none">No probe has come yet. streamlens probe --hub is one.</p>;
  return (
    <ul>
      {list.map((probe) => (
        <Line key={`${probe.id} ${probe.name} ${probe.reason ?? ''}`} probe={probe} />
      ))}
    </ul>
  );
}

/** What each probe saw of a flow. */
export function Seen({ flow }: { flow: Flow }) {
  const lines = Object.entries(flow.probes ?? {});
  if (lines.length === 0) return null;
  const rows = lines.flatMap(([name, of]) =>
    of === undefined
      ? []
      : [
          [
            name === flow.totals_of ? `${name} (shown above)` : name,
            grouped(of.total_packets),
            bytes(of.total_bytes),
            of.bit_rate_now === undefined ? undefined : bitRate(of.bit_rate_now),
            of.lost === undefined ? undefined : grouped(of.lost),
            of.timing_stats.mean_ns === undefined ? undefined : duration(of.timing_stats.mean_ns),
            of.vlan.join(', ') || undefined,
            of.last_seen === undefined ? undefined : clock(of.last_seen),
          ],
        ],
  );
  return (
    <section>
      <h3>Probes</h3>
      <Grid
        title="What each probe saw; nothing is added up"
        head={['Probe', 'Packets', 'Bytes', 'Rate', 'Lost', '\u0394T', 'VLAN', 'Last seen']}
        rows={rows}
      />
    </section>
  );
}
