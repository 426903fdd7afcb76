const passedOn = new Set([
  'HOME',
  'PATH',
  'TERM',
  'SHELL',
  'USER',
  'LOGNAME',
  'LANG',
  'LC_ALL',
  'TZ',
  'TMPDIR',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
])

/** What claude sees of the environment: enough to run, sign in and reach the network, and none of ksi's own secrets. */
export function claudeEnv(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && (passedOn.has(name) || /^(ANTHROPIC|CLAUDE)_|^(https?|no|all)_proxy$/i.test(name)))
      kept[name] = value
  }
  return {
    ...kept,
    DISABLE_TELEMETRY: '1',
    DISABLE_ERROR_REPORTING: '1',
    DISABLE_AUTOUPDATER: '1',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  }
}
