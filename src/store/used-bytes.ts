import type { Journal } from './journal.ts'
import { handle } from './open.ts'

/** Bytes of the journal's file that hold something, those of the running transaction too. */
export function usedBytes(journal: Journal): number {
  const of = (name: string): number => Number(journal[handle].pragma(name, { simple: true }))
  return (of('page_count') - of('freelist_count')) * of('page_size')
}
