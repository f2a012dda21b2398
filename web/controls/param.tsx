import type { JSX } from 'react';
import type { Param } from '../../src/question/contract.ts';

export interface ParamProps {
  readonly param: Param;
  /** As the URL has it; undefined: the default holds. */
  readonly value: string | undefined;
  readonly onChange: (value: string) => void;
  /** Values seen in the answer, offered while typing. */
  readonly seen?: readonly string[];
}

function label(name: string): string {
  return name.replaceAll(/[._-]/g, ' ');
}

function Choice({ param, value, onChange }: ParamProps): JSX.Element {
  const values = param.values ?? [];
  const now = value ?? String(param.default);
  const all = values.includes(now) ? values : [...values, now];
  return (
    <label className="param" title={param.description}>
      {label(param.name)}
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

function Toggle({ param, value, onChange }: ParamProps): JSX.Element {
  const isOn = (value ?? String(param.default)) === 'true';
  return (
    <label className="param toggle" title={param.description}>
      <input type="checkbox" checked={isOn} onChange={(event) => onChange(String(event.target.checked))} />
      {label(param.name)}
    </label>
  );
}

/** What is typed is asked when it is finished: at Enter, or when another field is entered. */
function Field({ param, value, onChange, seen = [] }: ParamProps): JSX.Element {
  const isNumber = param.type === 'integer' || param.type === 'number';
  const unset = String(param.default);
  const now = value ?? unset;
  const list = seen.length > 0 ? `seen-${param.name}` : undefined;
  return (
    <label className={`param ${now === unset ? '' : 'set'}`} title={param.description}>
      {label(param.name)}
      <input
        key={now}
        type={isNumber ? 'number' : 'text'}
        className={isNumber ? 'short' : ''}
        {...(isNumber && { min: param.min, max: param.max, step: param.type === 'integer' ? 1 : 'any' })}
        defaultValue={now}
        placeholder={unset === '' ? 'any' : unset}
        spellCheck={false}
        autoComplete="off"
        list={list}
        onBlur={(event) => onChange(event.target.value.trim() || unset)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') onChange(event.currentTarget.value.trim() || unset);
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
