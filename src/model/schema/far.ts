/** What is at the other end: of the destination on egress, of the caller on ingress (docs/reference/far.md). */

import { destinationScopes, nameSources, redirectors } from '../far.ts';
import type { Fields } from './field.ts';

const farEnds = 'flow? connection? dns?';

export const farFields = {
  'destination.scope': {
    on: `${farEnds} address`,
    type: 'string',
    values: destinationScopes,
    prometheus: { label: 'scope' },
    classes: 'E P0',
    means:
      'what kind of place the far address is: the destination’s on egress, the **caller’s** on ingress, as are all of these ([the other end](far.md)); of an address of the node what it is to others',
  },
  'destination.name': {
    on: farEnds,
    type: 'string',
    otel: 'destination.address',
    ecs: { egress: 'destination.domain', ingress: 'source.domain' },
    prometheus: { label: 'peer' },
    classes: 'H P2',
    means: 'its [name](far.md#names)',
  },
  'destination.name.source': {
    on: farEnds,
    type: 'string',
    values: nameSources,
    classes: 'E P0',
    means: 'where that is from',
  },
  'destination.zone': {
    on: farEnds,
    type: 'string',
    classes: 'W P1',
    means: 'of the [networks](far.md#networks-and-zones) in the configuration',
  },
  'boundary.crossed': {
    on: farEnds,
    type: 'bool',
    classes: 'E P0',
    means: 'this node’s zone and the other’s are known, and differ',
  },
  'destination.service': {
    on: farEnds,
    type: 'string',
    classes: 'E P0',
    means: 'egress: what is well known to be served at the port; a word for people, and no proof',
  },
  'destination.as.number': {
    on: farEnds,
    type: 'int',
    ecs: { egress: 'destination.as.number', ingress: 'source.as.number' },
    classes: 'W P1',
    means: 'autonomous system of a public address, from your [databases](far.md#databases)',
  },
  'destination.as.org': {
    on: farEnds,
    type: 'string',
    ecs: { egress: 'destination.as.organization.name', ingress: 'source.as.organization.name' },
    classes: 'W P1',
    means: 'who runs it',
  },
  'destination.geo.country': {
    on: farEnds,
    type: 'string',
    otel: 'sonde.destination.geo.country.iso_code',
    ecs: { egress: 'destination.geo.country_iso_code', ingress: 'source.geo.country_iso_code' },
    classes: 'W P2',
    means: 'ISO 3166-1, two letters',
  },
  'destination.translated.ip': {
    on: farEnds,
    type: 'string',
    classes: 'U P1',
    means:
      'egress: where this node’s own [translation](far.md#translation) sent it; absent where a row’s connections went to several',
  },
  'destination.translated.port': {
    on: farEnds,
    type: 'int',
    ecs: 'destination.nat.port',
    classes: 'H P0',
    means: 'the port there',
  },
  'destination.redirected_by': {
    on: farEnds,
    type: 'string',
    values: redirectors,
    classes: 'E P0',
    means: 'a proxy beside the process that took the connection',
  },
} as const satisfies Fields;
