import { describe, expect, it } from 'vitest';
import cases from '../../../../streamlens-cli/src/text-cases.json';
import { bitRate, bytes, duration, grouped, percent } from './units';

const WRITERS = { grouped, bytes, duration, bit_rate: bitRate, percent };

describe('figures are written as the command writes them', () => {
  for (const [kind, list] of Object.entries(cases)) {
    it(kind, () => {
      const write = WRITERS[kind as keyof typeof WRITERS];
      for (const [value, text] of list as [number, string][]) expect(write(value), `${kind} ${value}`).toBe(text);
    });
  }
});
