import type { Completions, FilterCheck, Probe, Problem } from '../protocol';
import { ProblemError } from './connection';

/** Where the page was loaded from, without its fragment: what it asks for lies beside it. */
export function base(): URL {
  return new URL('./', location.href.split('#')[0]);
}

export function streamAddress(): string {
  const url = new URL('stream', base());
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}

export function api(path: string): string {
  return new URL(`api/v1/${path}`, base()).href;
}

/** The fault that an answer tells of. */
export function problemOf(status: number, text: string): Problem {
  try {
    const problem = JSON.parse(text) as Problem;
    if (typeof problem.title === 'string') return problem;
  } catch {
    // an answer of something that stands between
  }
  return { type: 'about:blank', title: `the server answered with status ${status}`, status };
}

async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch(api(path), { method: 'POST', headers, body: JSON.stringify(body), signal });
  if (!answer.ok) throw new ProblemError(problemOf(answer.status, await answer.text()));
  return (await answer.json()) as T;
}

export function checkFilter(filter: string, signal: AbortSignal): Promise<FilterCheck> {
  return post('filter/check', { filter }, signal);
}

export function completeFilter(filter: string, cursor: number, signal: AbortSignal): Promise<Completions> {
  return post('filter/complete', { filter, cursor }, signal);
}

/** Whether the server answers nothing without a token. */
export async function needsToken(): Promise<boolean> {
  return (await fetch(api('version'))).status === 401;
}

/** All probes of a hub. */
export async function probes(signal: AbortSignal): Promise<Probe[]> {
  const answer = await fetch(api('probes'), { signal });
  if (!answer.ok) throw new ProblemError(problemOf(answer.status, await answer.text()));
  return (await answer.json()) as Probe[];
}

/** Takes an analysis away. */
export async function removeAnalysis(id: string): Promise<void> {
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch(api(`analyses/${encodeURIComponent(id)}`), { method: 'DELETE', headers });
  if (!answer.ok) throw new ProblemError(problemOf(answer.status, await answer.text()));
}
