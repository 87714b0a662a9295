import { expect, it } from 'vitest';
import { merge } from './merge';

// the cases of RFC 7396, appendix A
const CASES: [unknown, unknown, unknown][] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

it('merges as RFC 7396 says', () => {
  for (const [held, patch, merged] of CASES) {
    expect(JSON.parse(JSON.stringify(merge(held, patch))), JSON.stringify([held, patch])).toEqual(merged);
  }
});

it('leaves what is held as it was, and shares what a patch leaves alone', () => {
  const held = { a: { deep: [1] }, b: { c: 1 } };
  const merged = merge(held, { b: { c: 2 } }) as typeof held;
  expect(held.b.c).toBe(1);
  expect(merged.b.c).toBe(2);
  expect(merged.a).toBe(held.a);
});

it('takes a key called __proto__ for a key', () => {
  const merged = merge({}, JSON.parse('{"__proto__": {"polluted": 1}}')) as Record<string, unknown>;
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  expect(Object.keys(merged)).toEqual(['__proto__']);
});
