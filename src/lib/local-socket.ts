/**
 * Where an agent's local socket is. SONDE_RUN names another folder than /run/sonde (a test's, an unprivileged
 * user's).
 */
export function localSocketPath(instance: string, environment: NodeJS.ProcessEnv = process.env): string {
  return `${environment['SONDE_RUN'] || '/run/sonde'}/${instance}.sock`;
}
