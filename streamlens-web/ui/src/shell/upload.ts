import { bytes } from '../format/units';
import type { Analysis } from '../protocol';
import { api, problemOf } from '../store/rest';
import type { Session } from '../store/session';
import { Signal } from '../store/signal';

/** A capture on its way to the server. */
export interface Upload {
  key: number;
  name: string;
  sent: number;
  size: number;
  /** What went wrong. */
  fault?: string;
  stop: () => void;
}

/** Captures on their way. */
export const uploads = new Signal<readonly Upload[]>([]);
let next = 1;

const change = (key: number, of: Partial<Upload>) =>
  uploads.update((all) => all.map((one) => (one.key === key ? { ...one, ...of } : one)));

export const dismiss = (key: number) => uploads.update((all) => all.filter((one) => one.key !== key));

/** Sends a capture; its analysis is shown as soon as the server has begun it. */
export function upload(session: Session, file: File): void {
  const key = next++;
  const limit = session.hello.get()?.limits.upload_bytes;
  const request = new XMLHttpRequest();
  uploads.update((all) => [...all, { key, name: file.name, sent: 0, size: file.size, stop: () => request.abort() }]);
  if (session.hello.get()?.rights.upload === false) {
    change(key, { fault: 'this server takes no captures' });
    return;
  }
  if (limit !== undefined && file.size > limit) {
    change(key, { fault: `it has ${bytes(file.size)}; the server takes ${bytes(limit)} (--max-upload)` });
    return;
  }
  const known = new Set(session.analyses.get().map((analysis) => analysis.id));
  const stopLooking = session.analyses.subscribe(() => {
    const begun = session.analyses
      .get()
      .find((one) => !known.has(one.id) && one.kind === 'upload' && one.name === file.name);
    if (begun) show(begun.id);
  });
  function show(id: string) {
    stopLooking();
    if (session.analysis()?.id !== id) session.show({ analysis: id });
  }
  request.upload.onprogress = (event) => change(key, { sent: event.loaded });
  request.onload = () => {
    if (request.status === 201) {
      dismiss(key);
      show((JSON.parse(request.responseText) as Analysis).id);
      return;
    }
    stopLooking();
    const problem = problemOf(request.status, request.responseText);
    change(key, { fault: problem.detail ?? problem.title });
  };
  request.onerror = () => {
    stopLooking();
    change(key, { fault: 'the connection broke off' });
  };
  request.onabort = () => {
    stopLooking();
    dismiss(key);
  };
  request.open('POST', api(`analyses?name=${encodeURIComponent(file.name)}`));
  request.setRequestHeader('Content-Type', 'application/octet-stream');
  request.send(file);
}
