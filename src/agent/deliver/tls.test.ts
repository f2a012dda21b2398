/** Files of a TLS connection that cannot work: each is one error, which names the file. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { certificate } from '../../../test/certificates.ts';
import { openTls, tlsSchema } from './tls.ts';

const folder = mkdtempSync(join(tmpdir(), 'sonde-tls-'));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const own = certificate(folder, 'own');
const other = certificate(folder, 'other');
const locked = join(folder, 'locked.key');
execFileSync('openssl', ['pkey', '-in', own.key, '-aes256', '-passout', 'pass:a', '-out', locked]);
const text = file('text.pem', 'no certificate');
const torn = file('torn.pem', '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n');

const endpoint = new URL('https://127.0.0.1');
const open = (files: Record<string, string>, url = endpoint) => openTls(url, tlsSchema.parse(files));

describe('files for TLS', () => {
  test('are taken when they fit, and are not wanted', () => {
    assert.equal(open({})?.rejectUnauthorized, true);
    assert.ok(open({ ca_file: other.cert, cert_file: own.cert, key_file: own.key })?.secureContext);
    assert.equal(open({}, new URL('http://127.0.0.1')), undefined);
  });

  for (const [what, files, message] of [
    ['an authority that is not there', { ca_file: '/none.pem' }, '/none.pem cannot be read (ENOENT)'],
    ['an authority that is a folder', { ca_file: folder }, `${folder} cannot be read (EISDIR)`],
    ['an authority that is none', { ca_file: text }, `${text} has no certificate in PEM`],
    ['a key that is none', { cert_file: own.cert, key_file: text }, `${text} has no private key in PEM`],
    [
      'a certificate that is a key',
      { cert_file: own.key, key_file: own.key },
      `${own.key} has no certificate`,
    ],
    ['a locked key', { cert_file: own.cert, key_file: locked }, `${locked} wants a passphrase`],
    [
      'the key of another',
      { cert_file: own.cert, key_file: other.key },
      `${other.key} is not the key of the certificate in ${own.cert}`,
    ],
    ['a torn certificate', { ca_file: torn }, `${torn} has a certificate that cannot be read`],
  ] as const)
    test(what, () => {
      assert.throws(
        () => open(files),
        (error: Error) => error.message.startsWith(message),
      );
    });

  test('would not be used', () => {
    assert.throws(
      () => open({ ca_file: own.cert }, new URL('tcp://127.0.0.1:514')),
      /own\.pem is for TLS, and tcp:\/\/127\.0\.0\.1:514 is without/,
    );
  });

  test('come with each other', () => {
    assert.equal(tlsSchema.safeParse({ cert_file: own.cert }).success, false);
    assert.equal(tlsSchema.safeParse({ key_file: own.key }).success, false);
  });
});
