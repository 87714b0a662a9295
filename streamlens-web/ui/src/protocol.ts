/** The types of protocol `streamlens.v1`, and what a patch of one is. */
export type * from './generated/protocol';

/** A JSON Merge Patch (RFC 7396) on a `T`: what is absent stays, null takes away. */
export type Patch<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [K in keyof T]?: Patch<T[K]> | null }
    : T;

/** The version that this page speaks. */
export const PROTOCOL = 'streamlens.v1';
