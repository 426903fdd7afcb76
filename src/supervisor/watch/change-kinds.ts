/** Changed files by who has to be started anew for them. One file may concern several. */
export interface ChangeKinds {
  daemon: string[]
  runner: string[]
  supervisor: string[]
  sidecar: string[]
  other: string[]
}

/** Which process a folder of `src` is loaded by. */
const folders: Record<string, (keyof ChangeKinds)[]> = {
  contracts: ['daemon', 'runner', 'sidecar'],
  lib: ['daemon', 'runner', 'sidecar'],
  store: ['daemon', 'sidecar'],
  client: ['sidecar'],
  daemon: ['daemon'],
  // The host's own files too: it starts no runner for them, and names them as long as they are not what it runs.
  runner: ['runner'],
  supervisor: ['supervisor'],
  sidecar: ['sidecar'],
}

/** Sorts changed files (`src/daemon/x.ts`) by the processes they belong to. */
export function classify(files: readonly string[]): ChangeKinds {
  const kinds: ChangeKinds = { daemon: [], runner: [], supervisor: [], sidecar: [], other: [] }
  for (const file of files) {
    const folder = file.split('/')[1] ?? ''
    const concerned = Object.hasOwn(folders, folder) ? folders[folder] : undefined
    for (const kind of concerned ?? ['other' as const]) kinds[kind].push(file)
  }
  return kinds
}
