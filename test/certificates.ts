/** Certificates for tests: made by openssl, for 127.0.0.1, valid for two days. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

export interface CertificateFiles {
  readonly key: string;
  readonly cert: string;
}

const openssl = (parameters: readonly string[]): void => {
  execFileSync('openssl', parameters, { stdio: 'ignore' });
};

/** One that an authority has signed; its own authority without one. */
export function certificate(folder: string, name: string, authority?: CertificateFiles): CertificateFiles {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const signed = authority ? ['-CA', authority.cert, '-CAkey', authority.key] : [];
  openssl(['req', '-x509', ...kind, '-keyout', key, '-out', cert, ...subject, ...signed]);
  return { key, cert };
}
