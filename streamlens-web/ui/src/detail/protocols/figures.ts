import { duration, grouped } from '../../format/units';
import type { JsonValue } from '../../protocol';
import { at, listAt, numberAt, textAt } from '../values';

/** Nanoseconds at a path, as text. */
export function time(of: JsonValue | undefined, ...path: string[]): string | undefined {
  const value = numberAt(of, ...path);
  return value === undefined ? undefined : duration(value);
}

/** A count at a path, as text. */
export function count(of: JsonValue | undefined, ...path: string[]): string | undefined {
  const value = numberAt(of, ...path);
  return value === undefined ? undefined : grouped(value);
}

/** `least to greatest, mean`, of a distribution whose keys end in `_ns` or say no unit. */
export function range(of: JsonValue | undefined, ...path: string[]): string | undefined {
  const found = at(of, ...path);
  const pick = (key: string) => numberAt(found, `${key}_ns`) ?? numberAt(found, key);
  const [least, mean, most] = [pick('min'), pick('mean'), pick('max')];
  if (least === undefined || most === undefined) return undefined;
  return `${duration(least)} to ${duration(most)}${mean === undefined ? '' : `, mean ${duration(mean)}`}`;
}

/** `passes` or `fails`, with a sign. */
export function verdict(of: JsonValue | undefined, ...path: string[]): string | undefined {
  const value = at(of, ...path);
  return typeof value === 'boolean' ? (value ? '\u2713 passes' : '\u2716 fails') : undefined;
}

/** At which frame, as text. */
export function atFrame(of: JsonValue | undefined, ...path: string[]): string {
  const frame = numberAt(of, ...path, 'frame');
  return frame === undefined ? '' : ` at frame ${grouped(frame)}`;
}

/** Texts of a list, with commas. */
export const texts = (of: JsonValue | undefined, ...path: string[]): string | undefined =>
  listAt(of, ...path)
    .map(String)
    .join(', ') || textAt(of, ...path);
