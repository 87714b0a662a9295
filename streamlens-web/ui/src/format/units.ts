/**
 * Figures with units, as the command prints them: `streamlens-cli/src/text.rs` says the same in Rust, and both are tested
 * against `streamlens-cli/src/text-cases.json`.
 */

/** From this share of a power of ten on, four significant digits round up to it. */
const ROUNDS_UP = 0.99995;

/** A decimal number rounded half to even, as Rust writes it; `toFixed` rounds half up. */
function fixed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  const exact = value.toFixed(Math.min(100, digits + 25));
  const rest = exact.slice(exact.length - 25);
  if (!/^50+$/.test(rest)) return text;
  const down = digits === 0 ? exact.slice(0, -26) : exact.slice(0, -25);
  return '02468'.includes(down.at(-1) ?? '') ? down : text;
}

/** Four significant digits, or none behind the point where the figure is a whole number by nature. */
function figure(value: number, unit: string, whole: boolean): string {
  // days, and terabytes
  if (!whole && value >= 1000 * ROUNDS_UP) return `${grouped(Math.round(value))} ${unit}`;
  const digits = whole ? 0 : value < 10 * ROUNDS_UP ? 3 : value < 100 * ROUNDS_UP ? 2 : 1;
  return `${fixed(value, digits)} ${unit}`;
}

function scaled(value: number, units: readonly (readonly [string, number])[], isWhole: boolean): string {
  const whole = isWhole && value < 1e3;
  let rest = value;
  for (const [unit, factor] of units) {
    if (rest < factor * ROUNDS_UP || whole) return figure(rest, unit, whole);
    rest /= factor;
  }
  return '';
}

/** A count with its digits in groups of three: `1,018,818`. */
export function grouped(count: number): string {
  return String(Math.trunc(count)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A count and its noun, in the plural where that is due. */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}

const BYTES = [
  ['B', 1e3],
  ['kB', 1e3],
  ['MB', 1e3],
  ['GB', 1e3],
  ['TB', Number.POSITIVE_INFINITY],
] as const;

/** Bytes with a decimal unit: `512 B`, `1.019 MB`. */
export function bytes(count: number): string {
  return scaled(count, BYTES, true);
}

// what makes the unit larger, and from which value on the next one fits better
const DURATIONS = [
  ['ns', 1e3, 1e3],
  ['\u00b5s', 1e3, 1e3],
  ['ms', 1e3, 1e3],
  ['s', 60, 600],
  ['min', 60, 60],
  ['h', 24, 48],
  ['d', 1, Number.POSITIVE_INFINITY],
] as const;

/** Nanoseconds in a fitting unit, four digits at most: `250 ns`, `1.004 ms`, `12.50 h`. */
export function duration(nanos: number): string {
  if (nanos < 0) return `-${duration(-nanos)}`;
  const whole = Number.isInteger(nanos) && nanos < 1e3;
  let value = nanos;
  for (const [unit, factor, end] of DURATIONS) {
    if (value < end * ROUNDS_UP || whole) return figure(value, unit, whole);
    value /= factor;
  }
  return '';
}

const BITS = [
  ['bit/s', 1e3],
  ['kbit/s', 1e3],
  ['Mbit/s', 1e3],
  ['Gbit/s', 1e3],
  ['Tbit/s', Number.POSITIVE_INFINITY],
] as const;

/** As `duration`, without zeros at the end: for the ticks of scales. */
export function tick(nanos: number): string {
  return duration(Number(nanos.toPrecision(3)))
    .replace(/(\.\d*?)0+ /, '$1 ')
    .replace('. ', ' ');
}

/** Bits per second with a decimal unit: `2.725 Mbit/s`. */
export function bitRate(bitsPerSecond: number): string {
  return scaled(bitsPerSecond, BITS, false);
}

/** Packets per second: `49.2 /s`. */
export function packetRate(perSecond: number): string {
  return `${fixed(perSecond, 1)} /s`;
}

/** A share: `1.500 %`. */
export function share(of: number): string {
  return `${fixed(of * 100, 3)} %`;
}

/** Parts per million: `-0.011 ppm`. */
export function ppm(of: number): string {
  return `${fixed(of, 3)} ppm`;
}

/** Confidence; never `100 %` for what is not certain. */
export function percent(of: number): string {
  const value = of * 100;
  return value < 99.5 || of >= 1 ? `${fixed(value, 0)} %` : `${fixed(Math.floor(value * 10) / 10, 1)} %`;
}
