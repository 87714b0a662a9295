import { expect, it } from 'vitest';
import type { Detail } from '../protocol';
import { DetailStore, extended, MOST_SECONDS } from './details';

const series = (start: string, packets: (number | null)[]) => ({
  start,
  step_ns: 1e9,
  packets,
  bits: packets,
  lost: packets,
  jitter_ns: packets,
});
const EMPTY = { time: [], packets: [], bits: [], lost: [], jitter: [], step: 1 };

it('puts what comes behind what there is, and the later figure of a second in place of the earlier', () => {
  let data = extended(EMPTY, series('1970-01-01T00:00:10.000000000Z', [1, null, 3]));
  data = extended(data, series('1970-01-01T00:00:12.000000000Z', [4, 5]));
  expect(data.time).toEqual([10, 11, 12, 13]);
  expect(data.packets).toEqual([1, null, 4, 5]);
});

it('keeps an hour and no more', () => {
  let data = EMPTY;
  for (let minute = 0; minute < 70; minute += 1) {
    const start = new Date(minute * 60_000).toISOString().replace('Z', '000000Z');
    data = extended(
      data as typeof EMPTY & ReturnType<typeof extended>,
      series(start, Array(60).fill(minute)),
    ) as typeof data;
  }
  expect(data.time.length).toBe(MOST_SECONDS);
  expect(data.time[0]).toBe(600);
  expect(data.packets.at(-1)).toBe(69);
});

it('takes the details of the row that is watched, and forgets those of another start', () => {
  const store = new DetailStore();
  const detail = (of: Partial<Detail>): Detail => ({ analysis: '1', start: 's', row: 'a', ...of });
  store.begin('a');
  store.receive(detail({ row: 'b' }));
  expect(store.now.get()).toBeUndefined();
  const column = { start: '1970-01-01T00:00:10.000000000Z', buckets: [] };
  store.receive(detail({ heat: { step_ns: 1e9, columns: [column] }, histogram: [] }));
  store.receive(detail({ heat: { step_ns: 1e9, columns: [{ ...column, start: '1970-01-01T00:00:11.000000000Z' }] } }));
  expect(store.now.get()?.heat.columns.map((of) => of.at)).toEqual([10, 11]);
  expect(store.now.get()?.histogram).toEqual([]);
  store.receive(detail({ start: 't' }));
  expect(store.now.get()?.heat.columns).toEqual([]);
});
