import type { Session } from '../store/session';

/** Copies a text, and says so. */
export function copy(session: Session, text: string): void {
  // there is no clipboard on pages of another machine without TLS
  const done = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error('no clipboard'));
  done.then(
    () => session.tell(`copied: ${text}`),
    () => session.tell('the browser does not let this page copy (it does so on localhost and with TLS)', true),
  );
}
