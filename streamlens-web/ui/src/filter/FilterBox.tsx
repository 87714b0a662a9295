import { type KeyboardEvent, useCallback, useEffect, useId, useLayoutEffect, useRef, useState } from 'react';
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

/** Where the language and its completions come from: the server. */
export function FilterBox() {
  const session = useSession();
  const { filter } = useSignal(session.view);
  const problem = useSignal(session.filterProblem);
  const [text, setText] = useState(filter);
  const [cursor, setCursor] = useState(filter.length);
  const [mistake, setMistake] = useState<Mistake | undefined>(undefined);
  const [choices, setChoices] = useState<{ list: readonly Choice[]; values: readonly string[] }>({
    list: [],
    values: [],
  });
  const [isOpen, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const marks = useRef<HTMLDivElement>(null);
  const id = useId();

  useEffect(() => {
    setText(filter);
    setMistake(undefined);
  }, [filter]);
  // what the server says of the filter that was asked for
  useEffect(() => {
    if (problem) setMistake({ message: problem.detail ?? problem.title, place: problem.place });
    else setMistake(undefined);
  }, [problem]);

  const isTyped = text !== filter;
  useEffect(() => {
    if (!isTyped) return;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      if (text.trim() === '') return setMistake(undefined);
      checkFilter(text, stop.signal).then(
        (check) =>
          setMistake(check.valid ? undefined : { message: check.message ?? 'this is no filter', place: check.place }),
        () => {},
      );
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [text, isTyped]);

  const last = useCallback(
    (): Choice[] => lastFilters().map((one) => ({ text: one, place: { start: 0, end: text.length }, isFilter: true })),
    [text.length],
  );
  useEffect(() => {
    if (!isOpen) return;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      completeFilter(text, cursor, stop.signal).then(
        (found: Completions) => {
          const list = found.suggestions
            .slice(0, MOST)
            .map((one) => ({ text: one, place: found.place, isFilter: false }));
          setChoices({ list: text.trim() === '' ? [...last(), ...list] : list, values: found.values });
          setActive(-1);
        },
        () => {},
      );
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [isOpen, text, cursor, last]);

  useLayoutEffect(() => {
    if (marks.current && input.current) marks.current.scrollLeft = input.current.scrollLeft;
  });

  function type(next: string, at: number) {
    setText(next);
    setCursor(at);
    setOpen(true);
    setActive(-1);
  }

  function apply(next: string) {
    setOpen(false);
    setActive(-1);
    remember(next);
    session.show({ filter: next.trim() });
  }

  function choose(choice: Choice | undefined) {
    if (!choice) return;
    if (choice.isFilter) {
      setText(choice.text);
      apply(choice.text);
      return;
    }
    const { start, end } = choice.place;
    const before = text.slice(0, start) + choice.text;
    const behind = text.slice(end);
    const gap = behind === '' ? ' ' : '';
    type(before + gap + behind, before.length + gap.length);
    requestAnimationFrame(() =>
      input.current?.setSelectionRange(before.length + gap.length, before.length + gap.length),
    );
  }

  function onKeyDown(event: KeyboardEvent) {
    event.stopPropagation();
    const { list } = choices;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      if (!isOpen) setOpen(true);
      else if (list.length > 0) {
        const by = event.key === 'ArrowDown' ? 1 : -1;
        setActive(active < 0 && by < 0 ? list.length - 1 : (active + by + list.length) % list.length);
      }
    } else if (event.key === ' ' && event.ctrlKey) setOpen(true);
    else if (event.key === 'Enter') {
      if (isOpen && active >= 0) choose(list[active]);
      else apply(text);
    } else if (event.key === 'Tab' && isOpen && active >= 0) choose(list[active]);
    else if (event.key === 'Escape') {
      if (isOpen) setOpen(false);
      else if (isTyped) setText(filter);
      else document.querySelector<HTMLElement>('[role=treegrid] [tabindex="0"]')?.focus();
    } else return;
    event.preventDefault();
  }

  const place = mistake?.place;
  const isShown = isOpen && (choices.list.length > 0 || choices.values.length > 0);
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
          aria-activedescendant={isShown && active >= 0 ? `${id}-${active}` : undefined}
          aria-invalid={mistake !== undefined}
          aria-describedby={mistake ? `${id}-mistake` : undefined}
          value={text}
          onChange={(event) => type(event.target.value, event.target.selectionStart ?? event.target.value.length)}
          onSelect={(event) => setCursor(event.currentTarget.selectionStart ?? 0)}
          onScroll={(event) => {
            if (marks.current) marks.current.scrollLeft = event.currentTarget.scrollLeft;
          }}
          onKeyDown={onKeyDown}
          onBlur={() => setOpen(false)}
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
        {choices.list.map((choice, number) => (
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
        {choices.values.length > 0 ? (
          <div role="option" aria-selected="false" aria-disabled="true" className="hint">
            {choices.values.map((value) => `\u2039${value}\u203a`).join(' ')}
          </div>
        ) : null}
      </div>
    </div>
  );
}
