import { api } from '../store/rest';

/** Takes a token out of a fragment; what else is in that stays. */
export function splitToken(fragment: string): { token?: string; rest: string } {
  const of = new URLSearchParams(fragment.replace(/^#/, ''));
  const token = of.get('token') ?? undefined;
  of.delete('token');
  return { token, rest: of.toString() };
}

/**
 * Trades the token in the address for a cookie, and takes it out of the address bar before anything else is done. Whether the
 * server knows the token; undefined where none was in the address, or nobody answered.
 */
export async function enterWithToken(): Promise<boolean | undefined> {
  const { token, rest } = splitToken(location.hash);
  if (token === undefined) return undefined;
  history.replaceState(null, '', `${location.pathname}${location.search}${rest ? `#${rest}` : ''}`);
  try {
    const answer = await fetch(api('session'), { method: 'POST', headers: { Authorization: `Bearer ${token}` } });
    return answer.status === 401 ? false : answer.ok || undefined;
  } catch {
    // the connection says that there is none
    return undefined;
  }
}
