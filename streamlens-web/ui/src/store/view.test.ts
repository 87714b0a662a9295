import { expect, it } from 'vitest';
import { filterOf, fromAddress, START, toAddress, type View } from './view';

const ROW = '10.0.0.1:5004 -> 239.0.0.1:5004 vlan 10/UDP/PTP/type:A%2FB';

it('gives back from an address what was put into it', () => {
  const view: View = {
    analysis: '2',
    filter: 'name contains "a&b" and lost > 0',
    sort: '-bytes',
    depth: 'encoding',
    expanded: [ROW, 'x'],
    selected: ROW,
    span: { from: 1772442000.25, to: 1772442001.5 },
    panel: 'detail',
    at: '2026-03-02T09:00:01.000000000Z',
    plain: true,
  };
  expect(fromAddress(`#${toAddress(view)}`)).toEqual(view);
  expect(toAddress(START)).toBe('');
  expect(fromAddress('')).toMatchObject(START);
});

it('passes over what makes no sense', () => {
  expect(fromAddress('#sort=<script>&depth=x&from=1&to=2&panel=9&at=now')).toMatchObject(START);
});

it('asks for the flows of a span', () => {
  const span = { from: 1772442000.25, to: 1772442001.5 };
  const limits = 'last_seen >= 2026-03-02T09:00:00.250000000Z and first_seen <= 2026-03-02T09:00:01.500000000Z';
  expect(filterOf({ ...START, span })).toEqual({ text: limits, offset: 0 });
  expect(filterOf({ ...START, span, filter: 'ptp or iena' })).toEqual({
    text: `(ptp or iena) and ${limits}`,
    offset: 1,
  });
});
