/**
 * Where state is kept that outlives a process. SONDE_STATE names another folder than /var/lib/sonde (a
 * test's, an unprivileged user's).
 */
export function localStateFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return environment['SONDE_STATE'] || '/var/lib/sonde';
}

/** The folder of one agent instance. */
export function agentStateFolder(instance: string, state: string = localStateFolder()): string {
  return `${state}/agent/${instance}`;
}
