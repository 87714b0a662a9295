import { useEffect, useState } from 'react';
import { clock } from '../../format/time';
import { ppm } from '../../format/units';
import type { JsonValue } from '../../protocol';
import { useSession } from '../../store/context';
import { api } from '../../store/rest';
import { useSignal } from '../../store/signal';
import { at, Facts, Grid, isObject, type JsonObject, listAt, numberAt, textAt } from '../values';
import { count, range } from './figures';

const entries = (of: JsonValue | undefined, ...path: string[]): [string, JsonValue][] => {
  const found = at(of, ...path);
  return isObject(found) ? (Object.entries(found) as [string, JsonValue][]) : [];
};

/** One domain: who leads, how far the capture's clock is off, what is missing. */
function Domain({ name, of }: { name: string; of: JsonValue }) {
  const announcers = entries(of, 'announcers');
  const masters = entries(of, 'masters');
  const rows = masters.map(([port, master]) => {
    const requester = entries(master, 'by_requester').map(([, one]) => one)[0];
    const drift = numberAt(master, 'rate_offset_from_capture_clock_ppm');
    return [
      port,
      range(master, 'capture_clock_offset_from_master') ?? range(requester, 'capture_clock_offset_from_master'),
      range(requester, 'path_delay_capture_point_to_master') ?? range(master, 'path_delay'),
      range(master, 'sync_to_follow_up'),
      drift === undefined ? undefined : ppm(drift),
      count(master, 'syncs_without_follow_up'),
      count(master, 'follow_ups_without_sync'),
    ];
  });
  const ports = entries(of, 'ports').flatMap(([port, told]) =>
    entries(told, 'messages').map(([kind, message]) => [
      port,
      kind,
      count(message, 'count'),
      range(message, 'interval'),
      count(message, 'missing_sequence_ids'),
      count(message, 'repeated_sequence_ids'),
      count(message, 'intervals_off_rate'),
    ]),
  );
  return (
    <>
      <h4>Domain {name}</h4>
      <Facts
        of={[
          ['Grandmaster', textAt(of, 'grandmaster')],
          ['Master', textAt(of, 'master_port')],
          [
            'UTC offset',
            numberAt(of, 'current_utc_offset_s') === undefined
              ? undefined
              : `${numberAt(of, 'current_utc_offset_s')} s`,
          ],
        ]}
      />
      <Grid
        title="Grandmasters in their order"
        head={['Grandmaster', 'Announced by', 'From frame', 'Time']}
        rows={listAt(of, 'grandmasters_in_order').map((one) => [
          textAt(one, 'grandmaster'),
          textAt(one, 'announced_by'),
          count(one, 'frame'),
          textAt(one, 'time') === undefined ? undefined : clock(textAt(one, 'time') ?? ''),
        ])}
      />
      <Grid
        title="What is announced"
        head={['By', 'Class', 'Accuracy', 'Time source', 'Priority 1, 2', 'Steps removed']}
        rows={announcers.map(([port, one]) => [
          port,
          `${textAt(one, 'clock_class')}: ${textAt(one, 'clock_class_name') ?? ''}`,
          textAt(one, 'clock_accuracy_name'),
          textAt(one, 'time_source_name'),
          `${textAt(one, 'priority1')}, ${textAt(one, 'priority2')}`,
          textAt(one, 'steps_removed'),
        ])}
      />
      <Grid
        title="The capture's clock against the masters"
        head={['Master', 'Offset', 'Path delay', 'Sync to Follow_Up', 'Rate', 'Sync alone', 'Follow_Up alone']}
        rows={rows}
      />
      <Grid
        title="Link delays"
        head={['Link', 'Delay', 'Turn round']}
        rows={entries(of, 'links').map(([link, one]) => [
          link,
          range(one, 'link_delay_capture_point_to_responder'),
          range(one, 'responder_turn_round'),
        ])}
      />
      <Grid
        title="Messages"
        head={['Port', 'Message', 'Count', 'Interval', 'Missing', 'Repeated', 'Off rate']}
        rows={ports}
      />
      {listAt(of, 'not_known').map((text) => (
        <p key={String(text)} className="faint">
          {String(text)}
        </p>
      ))}
    </>
  );
}

/** What is known of the domains; it spans flows, so it is in the result and not in the details of one. */
export function Ptp({ metadata }: { metadata: JsonValue | undefined }) {
  const session = useSession();
  const { analysis: chosen } = useSignal(session.view);
  useSignal(session.analyses);
  const id = session.analysis()?.id ?? chosen;
  const [asked, ask] = useState(0);
  const [found, setFound] = useState<{ domains?: JsonObject; fault?: string } | undefined>(undefined);
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked for again by the button
  useEffect(() => {
    if (id === undefined) return;
    const stop = new AbortController();
    const query = new URLSearchParams({ format: 'json', filter: 'encoding == PTP', depth: 'flow' });
    fetch(api(`analyses/${encodeURIComponent(id)}/export?${query}`), { signal: stop.signal })
      .then(async (answer) => {
        if (!answer.ok) throw new Error(`status ${answer.status}`);
        const domains = at((await answer.json()) as JsonValue, 'networks', 'PTP', 'domains');
        setFound({ domains: isObject(domains) ? domains : {} });
      })
      .catch((why: Error) => {
        if (!stop.signal.aborted) setFound({ fault: why.message });
      });
    return () => stop.abort();
  }, [id, asked]);
  const mine = textAt(metadata, 'domain');
  const all = Object.entries(found?.domains ?? {});
  const shown = all.filter(([name]) => name === mine);
  return (
    <section>
      <h3>PTP</h3>
      {found === undefined ? <p className="faint">Asking for what is known of the domains.</p> : null}
      {found?.fault ? <p className="warn">What is known of the domains could not be had: {found.fault}</p> : null}
      {(shown.length > 0 ? shown : all).map(([name, of]) => (
        <Domain key={name} name={name} of={of as JsonValue} />
      ))}
      <p className="acts">
        <button type="button" onClick={() => ask(asked + 1)}>
          As it is now
        </button>
      </p>
    </section>
  );
}
