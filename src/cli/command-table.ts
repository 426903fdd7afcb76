import type { Command } from './command.ts'

interface Entry {
  summary: string
  load: () => Promise<Command>
}

/** The commands, in the order help lists them. Each is loaded only when it is run: `ksi health` runs often. */
export const commandTable: Record<string, Entry> = {
  dev: {
    summary: 'Run ksi here and take over its code at each save',
    load: async () => (await import('./commands/dev.ts')).dev,
  },
  start: {
    summary: 'Run ksi in the background, in production mode',
    load: async () => (await import('./commands/start.ts')).start,
  },
  stop: { summary: 'Take a checkpoint and end', load: async () => (await import('./commands/stop.ts')).stop },
  restart: { summary: 'Stop and start again', load: async () => (await import('./commands/restart.ts')).restart },
  reload: {
    summary: 'Hand over to the code as it is on disk, without cutting a connection',
    load: async () => (await import('./commands/reload.ts')).reload,
  },
  rollback: {
    summary: 'Hand over to the code that was live before',
    load: async () => (await import('./commands/rollback.ts')).rollback,
  },
  status: {
    summary: 'Generation, queues and what is wrong',
    load: async () => (await import('./commands/status.ts')).status,
  },
  health: {
    summary: 'Whether requests are served (for health checks)',
    load: async () => (await import('./commands/health.ts')).health,
  },
  send: { summary: 'Send an event and print the reply', load: async () => (await import('./commands/send.ts')).send },
  request: {
    summary: 'Show, cancel or repeat a request',
    load: async () => (await import('./commands/request.ts')).request,
  },
  sessions: {
    summary: 'What waits and runs, by session',
    load: async () => (await import('./commands/sessions.ts')).sessions,
  },
  checkpoint: {
    summary: 'Take, list, show and compare checkpoints',
    load: async () => (await import('./commands/checkpoint.ts')).checkpoint,
  },
  losses: {
    summary: 'What of the journal was lost, and that it is known',
    load: async () => (await import('./commands/losses.ts')).losses,
  },
  providers: {
    summary: 'Which providers there are, and how they stand',
    load: async () => (await import('./commands/providers.ts')).providers,
  },
  hold: {
    summary: 'What is held; or start nothing more of a provider, model, conversation or agent',
    load: async () => (await import('./commands/hold.ts')).hold,
  },
  release: {
    summary: 'Let what is held go on',
    load: async () => (await import('./commands/release.ts')).release,
  },
  policy: {
    summary: 'Budgets of conversations, agents and the day, and what a failed turn does',
    load: async () => (await import('./commands/policy.ts')).policy,
  },
  page: { summary: 'The link to the status page', load: async () => (await import('./commands/page.ts')).page },
  token: {
    summary: 'What a TCP connection must show',
    load: async () => (await import('./commands/token.ts')).token,
  },
  watch: { summary: 'Follow what happens', load: async () => (await import('./commands/watch.ts')).watch },
  doctor: {
    summary: 'What could keep ksi from working here, and what mends it',
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  config: {
    summary: 'The settings that hold, and what is wrong with them',
    load: async () => (await import('./commands/config.ts')).config,
  },
  logs: { summary: 'What ksi has logged', load: async () => (await import('./commands/logs.ts')).logs },
  version: {
    summary: 'Versions of the command, of Node and of the daemon',
    load: async () => (await import('./commands/version.ts')).version,
  },
  completion: {
    summary: 'Completion for bash or zsh',
    load: async () => (await import('./commands/completion.ts')).completion,
  },
}
