import { type KeyboardEvent, useEffect, useId, useLayoutEffect, useRef, useState } from 'react';
import type { Completions, FilterPlace } from '../protocol';
import { useSession } from '../store/context';
import { checkFilter, completeFilter } from '../store/rest';
import { useSignal } from '../store/signal';
import { lastFilters, remember } from './history';

/** Something that may be put into the text. */
interface Choice {
  text: string;
  place: FilterPlace;
  isFilter: boolean;
}

interface Mistake {
  message: string;
  place?: FilterPlace;
}

/** Typing is followed after this time, in milliseconds. */
const PAUSE = 120;
const MOST = 200;

/** What the server said of a text. */
interface Checked {
  of: string;
  mistake: Mistake | undefined;
}

/** How a text may go on at a place. */
interface Completed {
  of: string;
  cursor: number;
  list: readonly Choice[];
  values: readonly string[];
}

const NOTHING: Completed = { of: '', cursor: -1, list: [], values: [] };

/**
 * Where the language and its completions come from: the server.
 *
 * Answers come late. Each is kept with the text that it is of, and is nothing to any other text.
 */
export function FilterBox() {
  const session = useSession();
  const { filter } = useSignal(session.view);
  const problem = useSignal(session.filterProblem);
  const [text, setText] = useState(filter);
  const [cursor, setCursor] = useState(filter.length);
  const [checked, setChecked] = useState<Checked | undefined>(undefined);
  const [completed, setCompleted] = useState(NOTHING);
  const [isOpen, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const marks = useRef<HTMLDivElement>(null);
  /** Where the caret goes once the text that was put in stands in the box. */
  const caret = useRef<number | undefined>(undefined);
  const id = useId();

  useEffect(() => setText(filter), [filter]);

  const isTyped = text !== filter;
  useEffect(() => {
    if (!isTyped || text.trim() === '') return;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      checkFilter(text, stop.signal).then(
        (check) => {
          const mistake = { message: check.message ?? 'this is no filter', place: check.place };
          setChecked({ of: text, mistake: check.valid ? undefined : mistake });
        },
        () => {},
      );
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [text, isTyped]);
  // of the filter that was asked for the server says it with the view
  const asked = problem?.filter === filter ? problem.problem : undefined;
  const told = asked && { message: asked.detail ?? asked.title, place: asked.place };
  const typed = checked?.of === text ? checked.mistake : undefined;
  const mistake = isTyped ? typed : told;

  useEffect(() => {
    if (!isOpen) return;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      completeFilter(text, cursor, stop.signal).then(
        ({ place, suggestions, values }: Completions) => {
          const list = suggestions.slice(0, MOST).map((one) => ({ text: one, place, isFilter: false }));
          const whole = { start: 0, end: text.length };
          const last = text.trim() === '' ? lastFilters() : [];
          const filters = last.map((one) => ({ text: one, place: whole, isFilter: true }));
          setCompleted({ of: text, cursor, list: [...filters, ...list], values });
        },
        () => {},
      );
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [isOpen, text, cursor]);
  const isAnswered = isOpen && completed.of === text && completed.cursor === cursor;
  const { list, values } = isAnswered ? completed : NOTHING;
  const chosen = list[active];

  useLayoutEffect(() => {
    if (caret.current !== undefined) input.current?.setSelectionRange(caret.current, caret.current);
    caret.current = undefined;
    if (marks.current && input.current) marks.current.scrollLeft = input.current.scrollLeft;
  });

  function type(next: string, at: number) {
    setText(next);
    setCursor(at);
    setOpen(true);
    setActive(-1);
  }

  function shut() {
    setOpen(false);
    setActive(-1);
  }

  function apply(next: string) {
    shut();
    remember(next);
    session.show({ filter: next.trim() });
  }

  function choose(choice: Choice) {
    if (choice.isFilter) {
      setText(choice.text);
      apply(choice.text);
      return;
    }
    const { start, end } = choice.place;
    const before = text.slice(0, start) + choice.text;
    const behind = text.slice(end);
    const gap = behind === '' ? ' ' : '';
    caret.current = before.length + gap.length;
    type(before + gap + behind, caret.current);
  }

  function onKeyDown(event: KeyboardEvent) {
    event.stopPropagation();
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      if (!isOpen) setOpen(true);
      else if (list.length > 0) {
        const by = event.key === 'ArrowDown' ? 1 : -1;
        setActive(active < 0 && by < 0 ? list.length - 1 : (active + by + list.length) % list.length);
      }
    } else if (event.key === ' ' && event.ctrlKey) setOpen(true);
    else if (event.key === 'Enter') {
      if (chosen) choose(chosen);
      else apply(text);
    } else if (event.key === 'Tab' && chosen) choose(chosen);
    else if (event.key === 'Escape') {
      if (isOpen) shut();
      else if (isTyped) setText(filter);
      else document.querySelector<HTMLElement>('[role=treegrid] [tabindex="0"]')?.focus();
    } else return;
    event.preventDefault();
  }

  const place = mistake?.place;
  const isShown = list.length > 0 || values.length > 0;
  useEffect(() => {
    if (active >= 0) document.getElementById(`${id}-${active}`)?.scrollIntoView({ block: 'nearest' });
  }, [active, id]);
  return (
    <div className="filter">
      <div className={`filter-box${mistake ? ' is-wrong' : filter && !isTyped ? ' is-applied' : ''}`}>
        <div ref={marks} className="filter-marks" aria-hidden="true">
          {place ? (
            <>
              {text.slice(0, place.start)}
              <mark>{text.slice(place.start, place.end) || ' '}</mark>
              {text.slice(Math.max(place.start, place.end))}
            </>
          ) : null}
        </div>
        <input
          ref={input}
          id="filter"
          type="text"
          role="combobox"
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="off"
          maxLength={4096}
          placeholder="Filter, such as  encoding == IENA and lost > 0"
          aria-label="Filter"
          aria-autocomplete="list"
          aria-expanded={isShown}
          aria-controls={`${id}-list`}
          aria-activedescendant={chosen ? `${id}-${active}` : undefined}
          aria-invalid={mistake !== undefined}
          aria-describedby={mistake ? `${id}-mistake` : undefined}
          value={text}
          onChange={(event) => {
            caret.current = undefined;
            type(event.target.value, event.target.selectionStart ?? event.target.value.length);
          }}
          onSelect={(event) => {
            const at = event.currentTarget.selectionStart ?? 0;
            if (at !== cursor) setActive(-1);
            setCursor(at);
          }}
          onScroll={(event) => {
            if (marks.current) marks.current.scrollLeft = event.currentTarget.scrollLeft;
          }}
          onKeyDown={onKeyDown}
          onBlur={shut}
        />
        {text === '' ? null : (
          <button type="button" className="clear" aria-label="Show everything" onClick={() => apply('')}>
            ×
          </button>
        )}
      </div>
      {mistake ? (
        <p id={`${id}-mistake`} className="mistake" role="alert">
          {mistake.message}
        </p>
      ) : null}
      <div id={`${id}-list`} role="listbox" className="choices" aria-label="How the filter may go on" hidden={!isShown}>
        {list.map((choice, number) => (
          <div
            key={`${choice.isFilter} ${choice.text}`}
            id={`${id}-${number}`}
            role="option"
            aria-selected={number === active}
            className={choice.isFilter ? 'is-filter' : undefined}
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => choose(choice)}
          >
            {choice.text}
          </div>
        ))}
        {values.length > 0 ? (
          <div role="option" aria-selected="false" aria-disabled="true" className="hint">
            {values.map((value) => `\u2039${value}\u203a`).join(' ')}
          </div>
        ) : null}
      </div>
    </div>
  );
}
