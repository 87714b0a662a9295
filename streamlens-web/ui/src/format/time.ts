/** Instants are RFC 3339 texts in UTC with nine digits; charts reckon in seconds since the Unix epoch. */

/** Seconds since the epoch, to some tenths of a microsecond; undefined where the text is no instant. */
export function seconds(instant: string | undefined): number | undefined {
  const match = instant?.match(/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/);
  if (!match) return undefined;
  const whole = Date.parse(`${match[1]}Z`) / 1000;
  if (Number.isNaN(whole)) return undefined;
  return whole + Number(`0.${match[2] ?? '0'}`);
}

/** The instant so many seconds after the epoch, to the microsecond that a number holds. */
export function instant(at: number): string {
  const whole = Math.floor(at);
  const micros = Math.min(999_999, Math.max(0, Math.round((at - whole) * 1e6)));
  return `${new Date(whole * 1000).toISOString().slice(0, 19)}.${String(micros).padStart(6, '0')}000Z`;
}

/** As the command prints it: `2026-03-02 09:00:00.002129768 UTC`. */
export function full(instant: string): string {
  return instant.replace('T', ' ').replace('Z', ' UTC');
}

/** The time of day to the millisecond: `09:00:00.002`. */
export function clock(instant: string): string {
  return instant.slice(11, 23).replace('Z', '');
}

/** The time of day of seconds since the epoch, with as many digits as a step of so many seconds needs. */
export function clockOf(at: number, step: number): string {
  const digits = step >= 1 ? 0 : Math.min(6, Math.ceil(-Math.log10(step)));
  const text = instant(at + (digits === 0 ? 0.5e-6 : 0));
  return digits === 0 ? text.slice(11, 19) : text.slice(11, 20 + digits);
}

/** How long ago, in whole seconds: `5 s`, `2 min 5 s`. */
export function ago(milliseconds: number): string {
  const whole = Math.max(0, Math.round(milliseconds / 1000));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A part of the time, in seconds since the epoch. */
export interface Span {
  from: number;
  to: number;
}

/** The span made larger or smaller around a place in it; `factor` below 1 looks closer. */
export function zoomed(span: Span, around: number, factor: number, least = 1e-3): Span {
  const wide = span.to - span.from;
  const wanted = Math.max(least, wide * factor);
  const share = wide > 0 ? (around - span.from) / wide : 0.5;
  const from = around - share * wanted;
  return { from, to: from + wanted };
}

/** The span moved and cut so that it lies within another. */
export function within(span: Span, all: Span): Span {
  const wide = span.to - span.from;
  if (wide >= all.to - all.from) return all;
  const from = Math.min(Math.max(span.from, all.from), all.to - wide);
  return { from, to: from + wide };
}

/** The two places in order of time; undefined where they are the same. */
export function spanOf(one: number, other: number): Span | undefined {
  if (one === other) return undefined;
  return { from: Math.min(one, other), to: Math.max(one, other) };
}
