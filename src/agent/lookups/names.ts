/**
 * How many names a window tells apart. One host that asks for a new name every time (a scanner, a tunnel, a
 * blocklist) must not fill the store: beyond the maximum a name is told by its domain, and beyond that not at
 * all.
 */

export interface NameLosses {
  toDomain: number;
  toAll: number;
}

export const anyName = '*';

/** Domains that stand for names, for every name that is told. */
const domainShare = 4;

/**
 * The part that is registered, guessed: two labels, or three below a short one under a country (co.uk). Names
 * below it are `*.`. A list of public suffixes would be out of date before the agent is.
 */
export function domainOf(name: string): string {
  const labels = name.split(/(?<!\\)\./);
  const [second = '', top = ''] = labels.slice(-2);
  const kept = top.length === 2 && second.length <= 3 ? 3 : 2;
  return labels.length <= kept ? name : `${anyName}.${labels.slice(-kept).join('.')}`;
}

/** Of one window. */
export function nameBudget(namesMax: number, losses: NameLosses): (name: string) => string {
  const told = new Set<string>();
  const domains = new Set<string>();
  const domainsMax = Math.ceil(namesMax / domainShare);

  return (name) => {
    if (told.has(name)) return name;
    if (told.size < namesMax) {
      told.add(name);
      return name;
    }
    const domain = domainOf(name);
    if (domains.has(domain) || domains.size < domainsMax) {
      domains.add(domain);
      losses.toDomain++;
      return domain;
    }
    losses.toAll++;
    return anyName;
  };
}
