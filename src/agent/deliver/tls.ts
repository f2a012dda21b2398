/** The files of a TLS connection: read and looked at when an exporter opens. An error names the file. */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import * as z from 'zod';

const file = (description: string) => z.string().min(1).optional().meta({ description });

export const tlsSchema = z
  .strictObject({
    ca_file: file('certificates to trust instead of the system\u2019s'),
    cert_file: file('certificate to show, with those between it and the authority'),
    key_file: file('its key, without a passphrase'),
    insecure_skip_verify: z
      .boolean()
      .default(false)
      .meta({ description: 'trust whoever answers; for trying only' }),
  })
  .refine(
    ({ cert_file, key_file }) => (cert_file === undefined) === (key_file === undefined),
    'cert_file and key_file go together',
  )
  .prefault({});

export type TlsFiles = z.output<typeof tlsSchema>;

export interface TlsSettings {
  readonly secureContext: SecureContext;
  readonly rejectUnauthorized: boolean;
}

function refuse(path: string, problem: string, cause?: unknown): never {
  throw new Error(`${path} ${problem}`, { cause });
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    return refuse(path, `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`, error);
  }
}

const pemCertificates = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** The first of them is the one that is shown. Node itself takes a file without any, and then trusts nobody. */
function certificatesIn(path: string, text: Buffer): X509Certificate {
  try {
    const all = text.toString('latin1').match(pemCertificates) ?? [];
    const [first] = all.map((pem) => new X509Certificate(pem));
    if (first) return first;
  } catch (error) {
    refuse(path, `has a certificate that cannot be read (${(error as Error).message})`, error);
  }
  return refuse(path, 'has no certificate in PEM');
}

function checkKey(path: string, text: Buffer, own: { path: string; certificate: X509Certificate }): void {
  let fits: boolean;
  try {
    fits = own.certificate.checkPrivateKey(createPrivateKey(text));
  } catch (error) {
    const isLocked = /^(-----BEGIN|Proc-Type:.*) ?ENCRYPTED/m.test(text.toString('latin1'));
    return refuse(path, isLocked ? 'wants a passphrase' : 'has no private key in PEM', error);
  }
  if (!fits) refuse(path, `is not the key of the certificate in ${own.path}`);
}

function contextOf({ ca_file, cert_file, key_file }: TlsFiles): SecureContext {
  const ca = ca_file === undefined ? undefined : read(ca_file);
  if (ca_file !== undefined && ca) certificatesIn(ca_file, ca);
  if (cert_file === undefined || key_file === undefined) return createSecureContext({ ca });
  const [cert, key] = [read(cert_file), read(key_file)];
  checkKey(key_file, key, { path: cert_file, certificate: certificatesIn(cert_file, cert) });
  return createSecureContext({ ca, cert, key });
}

/**
 * Read once: all connections have the same. Undefined for an endpoint without TLS. Throws when a file that is
 * named cannot be read, is not what it should be, or would not be used.
 */
export function openTls(endpoint: URL, files: TlsFiles): TlsSettings | undefined {
  if (/^(https|tls):$/.test(endpoint.protocol))
    return { secureContext: contextOf(files), rejectUnauthorized: !files.insecure_skip_verify };
  const named = files.ca_file ?? files.cert_file;
  if (named !== undefined)
    throw new Error(`${named} is for TLS, and ${endpoint.protocol}//${endpoint.host} is without`);
  return undefined;
}

/** In words: OpenSSL's own messages are lines of numbers and places in its sources. */
export function wordsOf(error: Error): string {
  const { library, reason } = error as Error & { library?: string; reason?: string };
  return library === 'SSL routines' && reason !== undefined ? `TLS: ${reason}` : error.message;
}
