import { useMemo, useRef } from 'react';
import type { JSX } from 'react';
import type { Answer, Param, QuestionSummary } from '../../src/question/contract.ts';
import type { ShowView } from '../view/use-view.ts';
import { isOwnParam, withParam } from '../view/view.ts';
import type { View } from '../view/view.ts';
import { ParamControl } from './param.tsx';
import { RangePicker } from './range.tsx';

interface Props {
  readonly question: QuestionSummary;
  readonly view: View;
  readonly show: ShowView;
  readonly shown: { readonly fromMs: number; readonly toMs: number };
  readonly answer: Answer | undefined;
}

const scopes = [
  { name: 'host', column: 'host.name', description: 'Only this host' },
  { name: 'environment', column: 'environment', description: 'Only this environment' },
] as const;

const seenMax = 500;

/** Values met so far in any answer on this page: once narrowed, an answer alone would offer one. */
function useSeen(answer: Answer | undefined, column: string): readonly string[] {
  const seen = useRef(new Set<string>());
  return useMemo(() => {
    for (const row of answer?.rows ?? []) {
      const value = row[column];
      if (typeof value === 'string' && value !== '' && seen.current.size < seenMax) seen.current.add(value);
    }
    return [...seen.current].sort();
  }, [answer, column]);
}

/** How the question is asked. Each change is a step that the browser's back button undoes. */
export function Controls({ question, view, show, shown, answer }: Props): JSX.Element {
  const seen = {
    host: useSeen(answer, 'host.name'),
    environment: useSeen(answer, 'environment'),
  };
  const own: Param = {
    name: 'own',
    type: 'boolean',
    description: 'With what Sonde itself does on the network',
    default: false,
  };
  return (
    <div className="controls">
      <RangePicker range={view.range} shown={shown} onChange={(range) => show({ ...view, range })} />
      {scopes.map(({ name, description }) => (
        <ParamControl
          key={name}
          param={{ name, description, type: 'text', default: '' }}
          value={view[name]}
          seen={seen[name]}
          onChange={(value) => show({ ...view, [name]: value })}
        />
      ))}
      {question.params
        .filter(({ name }) => isOwnParam(name))
        .map((param) => (
          <ParamControl
            key={param.name}
            param={param}
            value={view.params[param.name]}
            onChange={(value) =>
              show(withParam(view, { name: param.name, value, unset: String(param.default) }))
            }
          />
        ))}
      <ParamControl
        param={own}
        label="Sonde’s own"
        value={String(view.own)}
        onChange={(value) => show({ ...view, own: value === 'true' })}
      />
    </div>
  );
}
