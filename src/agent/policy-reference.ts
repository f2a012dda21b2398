/** The reference of the field policy, from the rules of the fields. */

import { fieldRules, policyPresets, type FieldKind } from '../model/policy.ts';

const kinds: Readonly<Record<FieldKind, string>> = {
  address: 'its network: `prefix_ipv4` or `prefix_ipv6` bits',
  domain: 'its registered domain',
  program: 'its first word',
  text: '–',
  number: '–',
  fixed: '–',
};

const head = `# Field policy: the fields

Made from the rules in \`src/model/policy.ts\` by \`npm run docs\`. What the actions do is in
[field policy](policy.md). A field that is not here is kept, whatever a policy says. In the preset \`full\`
everything is.

| field | may be | truncated to | minimal | standard | has a form |
| --- | --- | --- | --- | --- | --- |
`;

/** docs/reference/policy-fields.md. */
export function renderPolicyReference(): string {
  const changeable = fieldRules.filter(({ kind }) => kind !== 'fixed');
  const rows = changeable.map(({ name, kind, actions, presets, hasForm }) => {
    const [minimal, standard] = policyPresets.map((preset) => presets[preset]);
    const cells = [`\`${name}\``, actions.join(', '), kinds[kind], minimal, standard, hasForm ? 'yes' : ''];
    return `| ${cells.join(' | ')} |\n`;
  });
  return head + rows.join('');
}
