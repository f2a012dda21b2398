import type { JSX } from 'react';
import type { Param } from '../../src/question/contract.ts';

export interface ParamProps {
  readonly param: Param;
  /** Instead of its name. */
  readonly label?: string;
  /** As the URL has it; undefined: the default holds. */
  readonly value: string | undefined;
  readonly onChange: (value: string) => void;
  /** Values seen in the answer, offered while typing. */
  readonly seen?: readonly string[];
}

function labelOf({ param, label }: ParamProps): string {
  return label ?? param.name.replaceAll(/[._-]/g, ' ');
}

function Choice(props: ParamProps): JSX.Element {
  const { param, value, onChange } = props;
  const values = param.values ?? [];
  const now = value ?? String(param.default);
  const all = values.includes(now) ? values : [...values, now];
  return (
    <label className="param" title={param.description}>
      {labelOf(props)}
      <select value={now} onChange={(event) => onChange(event.target.value)}>
        {all.map((each) => (
          <option key={each} value={each}>
            {each === '' ? 'any' : each}
          </option>
        ))}
      </select>
    </label>
  );
}

function Toggle(props: ParamProps): JSX.Element {
  const { param, value, onChange } = props;
  const isOn = (value ?? String(param.default)) === 'true';
  return (
    <label className="param toggle" title={param.description}>
      <input type="checkbox" checked={isOn} onChange={(event) => onChange(String(event.target.checked))} />
      {labelOf(props)}
    </label>
  );
}

/** What is typed is asked when it is finished: at Enter, or when another field is entered. */
function Field(props: ParamProps): JSX.Element {
  const { param, value, onChange, seen = [] } = props;
  const isNumber = param.type === 'integer' || param.type === 'number';
  const unset = String(param.default);
  const now = value ?? unset;
  const finish = (text: string): void => {
    const next = text.trim() || unset;
    if (next !== now) onChange(next);
  };
  const list = seen.length > 0 ? `seen-${param.name}` : undefined;
  return (
    <label className={`param ${now === unset ? '' : 'set'}`} title={param.description}>
      {labelOf(props)}
      <input
        key={now}
        type={isNumber ? 'number' : 'text'}
        className={isNumber ? 'short' : ''}
        {...(isNumber && { min: param.min, max: param.max, step: param.type === 'integer' ? 1 : 'any' })}
        defaultValue={now === unset ? '' : now}
        placeholder={unset === '' ? 'any' : unset}
        spellCheck={false}
        autoComplete="off"
        list={list}
        onBlur={(event) => finish(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') finish(event.currentTarget.value);
        }}
      />
      {list !== undefined && (
        <datalist id={list}>
          {seen.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      )}
    </label>
  );
}

/** Made from the question's manifest. */
export function ParamControl(props: ParamProps): JSX.Element {
  if (props.param.type === 'choice') return <Choice {...props} />;
  return props.param.type === 'boolean' ? <Toggle {...props} /> : <Field {...props} />;
}
