import { useEffect, useState } from 'react';
import { ago } from '../format/time';
import { useSession } from '../store/context';
import { useSignal } from '../store/signal';

/** `Date.now()`, again every half second while `isNeeded`. */
export function useNow(isNeeded: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!isNeeded) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [isNeeded]);
  return now;
}

/** How the connection is, in a word; where it is lost, a bar says more. */
export function ConnectionBar() {
  const { connection, heardAt, refusal } = useSession();
  const state = useSignal(connection.state);
  const heard = useSignal(heardAt);
  const refused = useSignal(refusal);
  const now = useNow(state.kind === 'lost');
  if (state.kind !== 'lost') return null;
  const wait = Math.max(0, Math.ceil((state.retryAt - now) / 1000));
  return (
    <div className="lost" role="alert">
      <p>
        <strong>{refused ?? (heard === undefined ? 'No connection to the server' : 'The connection is lost')}</strong>
        <span aria-live="off">
          {refused === undefined ? `: ${state.reason}. ` : ' '}
          {heard === undefined ? '' : `What is shown is ${ago(now - heard)} old. `}
          {wait > 0 ? `Next attempt in ${wait} s.` : 'Trying now.'}
        </span>
      </p>
      <button type="button" onClick={() => connection.retryNow()}>
        Try now
      </button>
    </div>
  );
}
