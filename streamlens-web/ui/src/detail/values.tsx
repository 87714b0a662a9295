import { full, seconds } from '../format/time';
import { bitRate, duration, grouped } from '../format/units';
import type { JsonValue } from '../protocol';

export type JsonObject = { [key: string]: JsonValue | undefined };

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a path of keys; undefined where there is none. */
export function at(value: JsonValue | undefined, ...path: string[]): JsonValue | undefined {
  let now = value;
  for (const key of path) now = isObject(now) ? now[key] : undefined;
  return now;
}

export const numberAt = (value: JsonValue | undefined, ...path: string[]): number | undefined => {
  const found = at(value, ...path);
  return typeof found === 'number' ? found : undefined;
};

export const textAt = (value: JsonValue | undefined, ...path: string[]): string | undefined => {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : typeof found === 'number' ? grouped(found) : undefined;
};

export const listAt = (value: JsonValue | undefined, ...path: string[]): JsonValue[] => {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
};

/** A value of the document for people; its key says its unit. */
export function written(key: string, value: JsonValue | undefined): string {
  if (value === undefined || value === null) return '\u2013';
  if (typeof value === 'number') {
    if (key.endsWith('_ns')) return duration(value);
    if (key.endsWith('_us')) return duration(value * 1000);
    if (key.includes('bit_rate')) return bitRate(value);
    if (key.endsWith('_hz')) return `${value} Hz`;
    if (key.endsWith('_ppm')) return `${value.toFixed(3)} ppm`;
    return Number.isInteger(value) && value >= 0 ? grouped(value) : String(Number(value.toPrecision(7)));
  }
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string') return seconds(value) === undefined ? value : full(value);
  if (Array.isArray(value)) return value.map((one) => written('', one)).join(', ');
  return Object.entries(value)
    .map(([name, of]) => `${name} ${written(name, of)}`)
    .join(', ');
}

/** `first_seen` as `first seen`; a unit that the value is written with is left out. */
export const named = (key: string) => key.replace(/_(ns|us|hz|ppm)$/, '').replaceAll('_', ' ');

/** Named values, nested ones to be opened. */
export function Tree({ of, skip = [], depth = 0 }: { of: JsonObject; skip?: readonly string[]; depth?: number }) {
  const entries = Object.entries(of).filter(([key, value]) => !skip.includes(key) && value !== undefined);
  return (
    <dl className="tree">
      {entries.map(([key, value]) => {
        const isDeep = isObject(value) ? Object.keys(value).length > 0 : Array.isArray(value) && value.some(isObject);
        if (!isDeep) {
          return (
            <div key={key}>
              <dt>{named(key)}</dt>
              <dd>{isObject(value) ? '\u2013' : written(key, value)}</dd>
            </div>
          );
        }
        const inner: JsonObject = Array.isArray(value)
          ? Object.fromEntries(value.slice(0, 200).map((one, place) => [String(place + 1), one]))
          : (value as JsonObject);
        return (
          <div key={key} className="is-deep">
            <dt className="unseen">{named(key)}</dt>
            <dd>
              <details open={depth === 0 && Object.keys(inner).length <= 6}>
                <summary>
                  {named(key)} <span className="faint">{Object.keys(inner).length}</span>
                </summary>
                {depth < 8 ? <Tree of={inner} depth={depth + 1} /> : <pre>{JSON.stringify(inner)}</pre>}
              </details>
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

/** A table of facts, where there are some. */
export function Facts({ of }: { of: readonly (readonly [string, string | undefined])[] }) {
  const known = of.filter(([, value]) => value !== undefined);
  if (known.length === 0) return null;
  return (
    <dl className="facts">
      {known.map(([name, value]) => (
        <div key={name} className={(value?.length ?? 0) > 22 ? 'is-long' : undefined}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A small table. */
export function Grid({
  title,
  head,
  rows,
}: {
  title: string;
  head: readonly string[];
  rows: readonly (readonly (string | undefined)[])[];
}) {
  if (rows.length === 0) return null;
  return (
    <section className="scroll-x" tabIndex={0} aria-label={title}>
      <table className="grid">
        <caption>{title}</caption>
        <thead>
          <tr>
            {head.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, place) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows have no other name
            <tr key={place}>
              {row.map((cell, number) => (
                <td key={head[number]}>{cell ?? '\u2013'}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
