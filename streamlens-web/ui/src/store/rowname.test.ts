import { expect, it } from 'vitest';
import { below, depthOf, flowOf, parentOf, parse } from './rowname';

const KEY = '10.0.0.1:5004 -> 239.0.0.1:5004 vlan 10';

it('takes names apart', () => {
  expect(parse(KEY)).toEqual({ flow: KEY, level: 'flow', types: [] });
  expect(parse(`${KEY}/UDP/PTP/type:Sync`)).toMatchObject({
    level: 'type',
    transport: 'UDP',
    encoding: 'PTP',
    types: ['Sync'],
  });
  expect(parse(`${KEY}/UDP/IENA/stream:key 0x0A01`)).toMatchObject({ level: 'stream', stream: 'key 0x0A01' });
  expect(parse(`${KEY}/UDP/X/type:A%2FB/type:100%25`)?.types).toEqual(['A/B', '100%']);
});

it('knows no row by a wrong name', () => {
  for (const name of ['', `${KEY}/UDP/PTP/Sync`, `${KEY}/UDP/PTP/stream:1/type:x`])
    expect(parse(name), name).toBeUndefined();
});

it('goes up and down', () => {
  const name = below(`${KEY}/UDP/X`, 'stream:', '50% a/b');
  expect(name).toBe(`${KEY}/UDP/X/stream:50%25 a%2Fb`);
  expect(parse(name)?.stream).toBe('50% a/b');
  expect(parentOf(name)).toBe(`${KEY}/UDP/X`);
  expect(parentOf(KEY)).toBeUndefined();
  expect(depthOf(name)).toBe(4);
  expect(flowOf(name)).toBe(KEY);
});
