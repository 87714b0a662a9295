import { clock, instant, seconds } from '../format/time';
import { useSession } from '../store/context';
import type { Session } from '../store/session';
import { useSignal } from '../store/signal';

/** How far back can be gone at most, where the server doesn't say, in seconds. */
const BACK = 300;

/** Shows the moment that is shown now for longer; the capture goes on. */
export function hold(session: Session): void {
  const at = session.view.get().at;
  const now = session.flows.timestamp.get();
  if (at !== undefined) live(session);
  else if (now !== undefined) session.show({ at: now });
}

export function live(session: Session): void {
  session.show({ at: undefined });
}

/** Moves the moment that is shown by so many seconds. */
export function step(session: Session, by: number): void {
  const shown = seconds(session.view.get().at ?? session.flows.timestamp.get());
  if (shown !== undefined) moveTo(session, shown + by);
}

function moveTo(session: Session, to: number) {
  const newest = session.newest.get();
  if (newest === undefined || to >= newest) live(session);
  else session.show({ at: instant(Math.max(to, newest - limitOf(session))) });
}

const limitOf = (session: Session) => (session.hello.get()?.limits.at_ns ?? BACK * 1e9) / 1e9;

/** Which moment is shown: now, or one that was. */
export function TimeBar() {
  const session = useSession();
  const { at } = useSignal(session.view);
  const newest = useSignal(session.newest);
  useSignal(session.analyses);
  const analysis = session.analysis();
  const isRunning = analysis?.state === 'running';
  if (!analysis || (!isRunning && at === undefined)) return null;
  const back = at === undefined || newest === undefined ? 0 : Math.max(0, newest - (seconds(at) ?? newest));
  const limit = limitOf(session);
  return (
    <section className={`timebar${at === undefined ? '' : ' is-past'}`} aria-label="The moment that is shown">
      <button type="button" aria-pressed={at !== undefined} onClick={() => hold(session)}>
        {at === undefined ? '\u275a\u275a Hold' : '\u25b6 Go on'}
      </button>
      <input
        type="range"
        aria-label="Seconds back"
        min={-limit}
        max={0}
        step={1}
        value={-back}
        aria-valuetext={at === undefined ? 'now' : `${clock(at)}, ${back.toFixed(0)} s back`}
        onChange={(event) => {
          if (newest !== undefined) moveTo(session, newest + Number(event.target.value));
        }}
      />
      {at === undefined ? (
        <span className="is-live">
          <span className="lamp is-running" aria-hidden="true" />
          live
        </span>
      ) : (
        <>
          <strong className="past">
            {clock(at)}, {back.toFixed(0)} s back
          </strong>
          <button type="button" onClick={() => live(session)}>
            To now
          </button>
        </>
      )}
    </section>
  );
}
