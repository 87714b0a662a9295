import type { FindingCounts } from '../protocol';
import { SEVERITIES } from '../store/findings';

/** The sign of each severity, so that none is told by colour alone. */
export const SIGNS = { error: '\u2716', warning: '\u25b2', info: '\u2139' } as const;

/** Findings by severity, as signs with counts. */
export function FindingBadges({ counts }: { counts: FindingCounts | undefined }) {
  return SEVERITIES.flatMap((severity) => {
    const count = counts?.[severity];
    if (!count) return [];
    return (
      <span key={severity} className={`badge is-${severity}`}>
        <span aria-hidden="true">{SIGNS[severity]}</span>
        {count}
        <span className="unseen"> {severity}</span>
      </span>
    );
  });
}

const WIDE = 112;
const HIGH = 20;

/** The last minute as a line: a second that has no figure is a hole. */
export function Spark({ values }: { values: readonly (number | null)[] | undefined }) {
  if (!values?.length) return null;
  const most = Math.max(1, ...values.map((value) => value ?? 0));
  const step = WIDE / 59;
  const first = WIDE - (values.length - 1) * step;
  let path = '';
  let isDown = false;
  values.forEach((value, place) => {
    if (value === null) {
      isDown = false;
      return;
    }
    const x = (first + place * step).toFixed(1);
    const y = (HIGH - 1 - (value / most) * (HIGH - 3)).toFixed(1);
    path += `${isDown ? 'L' : 'M'}${x} ${y}`;
    isDown = true;
  });
  return (
    <svg className="spark" width={WIDE} height={HIGH} viewBox={`0 0 ${WIDE} ${HIGH}`} aria-hidden="true">
      <path d={path} />
    </svg>
  );
}
