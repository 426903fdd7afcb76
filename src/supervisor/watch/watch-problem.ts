import type { SourceHashes } from '../../lib/source-hashes.ts'

const named = 3

/** What of the source folder is seen later than it could be, and why; null when all is seen at once. */
export function problemOf(
  lost: string | undefined,
  { unreadable, links }: Pick<SourceHashes, 'unreadable' | 'links'>,
): string | null {
  const parts: string[] = []
  if (lost !== undefined)
    parts.push(`Files are looked at every now and then, since they cannot be watched: ${lost}.${adviceFor(lost)}`)
  if (unreadable.size > 0) {
    const list = [...unreadable].map(([path, code]) => `src${path === '' ? '' : `/${path}`} (${code})`)
    parts.push(`Cannot be read, and what is in it is taken for what it was: ${some(list)}.`)
  }
  if (links.length > 0) {
    const list = some(links.map((path) => `src/${path}`))
    parts.push(`Leads out of the source folder, and is looked at every now and then: ${list}.`)
  }
  return parts.length === 0 ? null : parts.join(' ')
}

function adviceFor(lost: string): string {
  if (lost.includes('ENOSPC')) return ' Raise fs.inotify.max_user_watches.'
  if (lost.includes('EMFILE')) return ' Raise fs.inotify.max_user_instances, or the limit of open files.'
  return ''
}

function some(list: readonly string[]): string {
  const more = list.length > named ? ` and ${list.length - named} more` : ''
  return `${list.slice(0, named).join(', ')}${more}`
}
