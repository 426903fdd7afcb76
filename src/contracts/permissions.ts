import { z } from 'zod'

/** What a request may let a provider's own program do. */
export const permissionProfile = () =>
  z.object({
    level: z.string(),
    tools: z.object({ allowed: z.array(z.string()), disallowed: z.array(z.string()) }),
    capabilities: z.object({ write_files: z.boolean(), run_commands: z.boolean(), use_network: z.boolean() }),
  })
export type PermissionProfile = z.infer<ReturnType<typeof permissionProfile>>

const reading = ['Read', 'Grep', 'Glob', 'LS']
const writing = ['Edit', 'MultiEdit', 'Write', 'NotebookEdit']
const network = ['WebFetch', 'WebSearch']
const running = ['Bash', 'Task']

function profile(level: string, can: PermissionProfile['capabilities']): PermissionProfile {
  const parts: [boolean, string[]][] = [
    [true, reading],
    [can.write_files, writing],
    [can.use_network, network],
    [can.run_commands, running],
  ]
  const those = (allowed: boolean): string[] => parts.flatMap(([is, tools]) => (is === allowed ? tools : []))
  return { level, tools: { allowed: those(true), disallowed: those(false) }, capabilities: can }
}

/**
 * The profiles KSI's clients know, as the tools of claude's program; no other provider does anything by itself. Named
 * in `agent_config.permission_profile`.
 */
export const permissionProfiles: Readonly<Record<string, PermissionProfile>> = {
  restricted: profile('restricted', { write_files: false, run_commands: false, use_network: false }),
  standard: profile('standard', { write_files: true, run_commands: false, use_network: false }),
  researcher: profile('researcher', { write_files: false, run_commands: false, use_network: true }),
  trusted: profile('trusted', { write_files: true, run_commands: true, use_network: true }),
}
