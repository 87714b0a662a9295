import { type ReactNode, useRef, useState } from 'react';
import { bytes } from '../format/units';
import { useSession } from '../store/context';
import { useSignal } from '../store/signal';
import { dismiss, upload, uploads } from './upload';

/** The whole page takes captures that are dropped on it. */
export function Drop({ children }: { children: ReactNode }) {
  const session = useSession();
  const [isOver, setOver] = useState(false);
  const depth = useRef(0);
  const hasFiles = (event: React.DragEvent) => event.dataTransfer.types.includes('Files');
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: there is a button that does the same
    <div
      className="drop"
      onDragEnter={(event) => {
        if (!hasFiles(event)) return;
        depth.current += 1;
        setOver(true);
      }}
      onDragLeave={(event) => {
        if (!hasFiles(event)) return;
        depth.current -= 1;
        if (depth.current <= 0) setOver(false);
      }}
      onDragOver={(event) => {
        if (hasFiles(event)) event.preventDefault();
      }}
      onDrop={(event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        depth.current = 0;
        setOver(false);
        for (const file of event.dataTransfer.files) upload(session, file);
      }}
    >
      {children}
      <Uploads />
      {isOver ? (
        <div className="over" aria-hidden="true">
          Drop the capture here
        </div>
      ) : null}
    </div>
  );
}

function Uploads() {
  const all = useSignal(uploads);
  if (all.length === 0) return null;
  return (
    <section className="uploads" aria-label="Captures on their way">
      {all.map((one) => (
        <p key={one.key} className={one.fault ? 'is-bad' : undefined}>
          <b>{one.name}</b>{' '}
          {one.fault ? (
            <span role="alert">was not taken: {one.fault}</span>
          ) : (
            <>
              <progress aria-label={`${one.name} sent`} max={one.size} value={one.sent} /> {bytes(one.sent)} of{' '}
              {bytes(one.size)}
            </>
          )}
          <button type="button" className="plain" onClick={() => (one.fault ? dismiss(one.key) : one.stop())}>
            {one.fault ? 'Dismiss' : 'Stop'}
          </button>
        </p>
      ))}
    </section>
  );
}

/** Chooses captures without dropping. */
export function OpenButton({ children }: { children: ReactNode }) {
  const session = useSession();
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" onClick={() => input.current?.click()}>
        {children}
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        onChange={(event) => {
          for (const file of event.target.files ?? []) upload(session, file);
          event.target.value = '';
        }}
      />
    </>
  );
}

/** What is shown where nothing is analysed yet. */
export function DropHint() {
  return (
    <div className="drophint">
      <h2>Drop a capture here</h2>
      <p>pcap, pcapng or Chapter 10, plain or in gzip, zstd or lz4. Rows appear while it is read.</p>
      <OpenButton>Choose a file</OpenButton>
    </div>
  );
}
